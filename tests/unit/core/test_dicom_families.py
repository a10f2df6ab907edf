"""The same picture in many packings: equal where nothing is lost, within the bound where it is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.encaps import get_frame

from core.io.reading import Source, read_source
from core.io.sniff import Format
from core.volume import Volume

LOSSLESS = ("JPLL", "JLSL", "J2KR", "RLE")


def one(path: Path) -> Volume:
    return read_source(Source(Format.DICOM, (path,), path.name))


def wheel(name: str) -> Volume:
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str), name
    return one(Path(found))


@pytest.mark.parametrize(
    "packing", ["RLE", "bigendian", "expb", "implicit", "jp2klossless", "jpeg_ls_lossless", "padded"]
)
def test_the_small_mr_is_the_same_in_every_packing(packing: str) -> None:
    plain, packed = wheel("MR_small.dcm"), wheel(f"MR_small_{packing}.dcm")
    np.testing.assert_array_equal(packed.array, plain.array)
    assert packed.array.dtype == plain.array.dtype == np.int16
    assert packed.windows == plain.windows
    np.testing.assert_array_equal(packed.geometry.affine, plain.geometry.affine)


@pytest.mark.real
@pytest.mark.parametrize(
    "packing", ["RLE", "big_endian", "jpeg_2k_lossless", "jpeg_2k_lossless_too_short", "jpeg_ls_lossless"]
)
def test_the_enhanced_mr_is_the_same_in_every_packing(data_root: Path, packing: str) -> None:
    folder = data_root / "dicom" / "pydicom_data"
    np.testing.assert_array_equal(one(folder / f"emri_small_{packing}.dcm").array, one(folder / "emri_small.dcm").array)


@pytest.mark.real
@pytest.mark.parametrize("picture", ["CT1", "MR1", "MR3"])
@pytest.mark.parametrize("packing", LOSSLESS)
def test_nothing_is_lost_where_nothing_may_be(data_root: Path, picture: str, packing: str) -> None:
    folder = data_root / "dicom" / "wg04"
    plain = folder / f"{picture}_UNC"
    reference = one(plain if plain.exists() else folder / f"{picture}_RLE")
    packed = one(folder / f"{picture}_{packing}")
    np.testing.assert_array_equal(packed.array, reference.array)
    assert packed.array.dtype == np.int16


@pytest.mark.real
@pytest.mark.parametrize("picture", ["CT1", "MR1", "MR3"])
def test_what_is_nearly_lossless_keeps_its_promise(data_root: Path, picture: str) -> None:
    folder = data_root / "dicom" / "wg04"
    path = folder / f"{picture}_JLSN"
    frame = get_frame(pydicom.dcmread(path).PixelData, 0, number_of_frames=1)
    scan = frame.index(b"\xff\xda") + 4
    promised = frame[scan + 1 + 2 * frame[scan]]
    apart = one(path).array.astype(int) - one(folder / f"{picture}_RLE").array
    assert 0 < np.abs(apart).max() <= promised


def second_opinion(path: Path) -> NDArray[np.float64]:
    return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path))).astype(float)


@pytest.mark.real
@pytest.mark.parametrize("name", ["CT1_J2KI", "MR1_J2KI", "MR3_J2KI", "MR1_JPLY", "MR3_JPLY"])
def test_lossy_pictures_are_those_of_another_decoder(data_root: Path, name: str) -> None:
    path = data_root / "dicom" / "wg04" / name
    volume = one(path)
    # decoders may round the last step in another way, and no more
    assert np.abs(volume.values(volume.array) - second_opinion(path)).max() <= 1


@pytest.mark.parametrize("name", ["JPEG-lossy.dcm", "JPGExtended.dcm"])
def test_jpeg_of_twelve_bits(name: str) -> None:
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str)
    frame = get_frame(pydicom.dcmread(found).PixelData, 0, number_of_frames=1)
    assert frame[frame.index(b"\xff\xc1") + 4] == 12
    volume = one(Path(found))
    np.testing.assert_array_equal(volume.array, second_opinion(Path(found)))
    assert volume.array.max() > 255


def test_signs_that_frame_and_header_see_differently() -> None:
    found = get_testdata_file("J2K_pixelrep_mismatch.dcm", download=False)
    assert isinstance(found, str)
    volume = one(Path(found))
    assert volume.array.min() < 0
    np.testing.assert_array_equal(volume.values(volume.array), second_opinion(Path(found)))
