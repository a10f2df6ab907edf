"""High-Throughput JPEG 2000 in DICOM: frames of another encoder, read as the numbers they were made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.uid import HTJ2K, UID, HTJ2KLossless, HTJ2KLosslessRPCL
from reader_support import write_dicom

from core.io.reading import Source, find_sources, read_source
from core.io.sniff import Format

FRAMES = Path(__file__).parents[2] / "golden" / "htj2k"
Y, X = np.mgrid[:20, :26]
BASE = (Y * 37 + X * 91 + (Y * X) % 17 * 13) % 4096
WANTED: dict[str, NDArray[Any]] = {
    "grey12": BASE.astype(np.uint16),
    "grey8": (BASE % 256).astype(np.uint8),
    "signed": (BASE - 2048).astype(np.int16),
    "colour": np.stack([BASE % 256, (BASE // 3) % 256, (BASE // 7) % 256], axis=-1).astype(np.uint8),
    "lossy": BASE.astype(np.uint16),
}


def written(path: Path, names: list[str], syntax: UID) -> Path:
    """Write frames of one kind as a DICOM file of a syntax."""
    wanted = WANTED[names[0]]
    stacked = np.stack([wanted] * len(names)) if len(names) > 1 else wanted
    bits = wanted.dtype.itemsize * 8
    elements: dict[str, Any] = {"BitsStored": bits, "HighBit": bits - 1}
    if wanted.ndim == 3:
        # as the colour transform of JPEG 2000 without loss is named
        elements |= {"PhotometricInterpretation": "YBR_RCT", "PlanarConfiguration": 0, "SamplesPerPixel": 3}
    dataset = write_dicom(path, stacked, **elements)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([(FRAMES / f"{name}.j2c").read_bytes() for name in names])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)
    return path


@pytest.mark.parametrize("syntax", [HTJ2KLossless, HTJ2KLosslessRPCL])
@pytest.mark.parametrize("name", ["grey12", "grey8", "signed", "colour"])
def test_frames_without_loss_are_exact(tmp_path: Path, name: str, syntax: UID) -> None:
    path = written(tmp_path / "x.dcm", [name], syntax)
    assert find_sources([path]).sources[0].format is Format.DICOM
    array = read_source(Source(Format.DICOM, (path,), path.name)).array
    assert array.dtype == WANTED[name].dtype
    np.testing.assert_array_equal(array[0], WANTED[name])


def test_several_frames_and_one_with_loss(tmp_path: Path) -> None:
    path = written(tmp_path / "x.dcm", ["grey12", "grey12", "grey12"], HTJ2KLossless)
    array = read_source(Source(Format.DICOM, (path,), path.name)).array
    np.testing.assert_array_equal(array, np.stack([WANTED["grey12"]] * 3))
    path = written(tmp_path / "y.dcm", ["lossy"], HTJ2K)
    array = read_source(Source(Format.DICOM, (path,), path.name)).array[0]
    apart = np.abs(array.astype(int) - WANTED["lossy"].astype(int)).max()
    assert 0 < apart <= 16
