"""Synthetic files for the readers' tests: an asymmetric phantom in every form."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from core.errors import InputError
from core.io.reading import Source, read_source
from core.io.sniff import Format, sniff
from core.volume import Volume

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


def world_values(world: NDArray[np.float64]) -> NDArray[np.int16]:
    """A value per RAS position that differs in every direction: tells flips and swaps apart."""
    return np.rint(world[..., 0] * 3 + world[..., 1] * 7 + world[..., 2] * 13).astype(np.int16)


def oblique(degrees: float) -> tuple[float, ...]:
    """Axial cosines turned about x: a tilted head."""
    angle = np.radians(degrees)
    return (1.0, 0.0, 0.0, 0.0, float(np.cos(angle)), float(np.sin(angle)))


def make_series(
    folder: Path,
    *,
    orientation: Sequence[float] = AXIAL,
    origin: Sequence[float] = (-20.0, -30.0, 10.0),
    step: Sequence[float] | None = None,
    spacing: tuple[float, float] = (2.0, 1.0),
    count: int = 5,
    shape: tuple[int, int] = (6, 8),
    keep: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    **elements: Any,
) -> NDArray[np.float64]:
    """Write a series whose stored value is :func:`world_values` of each voxel; return its RAS affine."""
    folder.mkdir(parents=True, exist_ok=True)
    cosines = np.array(orientation)
    along = np.array(step) if step is not None else np.cross(cosines[:3], cosines[3:]) * 3.0
    affine = np.eye(4)
    affine[:3, 0] = cosines[:3] * spacing[1]
    affine[:3, 1] = cosines[3:] * spacing[0]
    affine[:3, 2] = along
    affine[:3, 3] = origin
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    for place, index in enumerate(keep if keep is not None else range(count)):
        rows, columns = np.mgrid[: shape[0], : shape[1]]
        voxels = np.stack([columns, rows, np.full(shape, index), np.ones(shape)], axis=-1)
        pixels = world_values((voxels @ ras.T)[..., :3])
        name = names[place] if names is not None else f"IM{index:04d}.dcm"
        facts = {
            "SeriesInstanceUID": series,
            "StudyInstanceUID": study,
            "FrameOfReferenceUID": frame,
            "ImagePositionPatient": [float(value) for value in np.array(origin) + along * index],
            "ImageOrientationPatient": [float(value) for value in orientation],
            "PixelSpacing": list(spacing),
            # deliberately against the true order
            "InstanceNumber": 1000 - 7 * index,
        }
        write_dicom(folder / name, pixels, **(facts | elements))
    return ras


def write_dicom(path: Path, pixels: NDArray[Any], **elements: Any) -> FileDataset:
    """Write one uncompressed file; ``elements`` override or (None) remove."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset(path, Dataset(), file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.Modality = "MR"
    dataset.PatientID = "PAT-7"
    dataset.PatientName = "Doe^Jane"
    dataset.SliceThickness = "3"
    colour = pixels.ndim == 3 and pixels.shape[2] == 3
    dataset.Rows, dataset.Columns = pixels.shape[:2] if colour or pixels.ndim == 2 else pixels.shape[1:]
    if pixels.ndim == 3 and not colour:
        dataset.NumberOfFrames = pixels.shape[0]
    dataset.SamplesPerPixel = 3 if colour else 1
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = pixels.dtype.itemsize * 8
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    for name, value in elements.items():
        if value is None:
            if name in dataset:
                delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return dataset


def write_nifti(path: Path, array_zyx: NDArray[Any], affine: NDArray[Any] | None = None, **header: Any) -> None:
    """Write ``[z, y, x]`` as NIfTI."""
    picture = nibabel.Nifti1Image(np.ascontiguousarray(array_zyx.T), np.eye(4) if affine is None else affine)
    if affine is None:
        picture.set_sform(np.eye(4), 1)
    for name, value in header.items():
        picture.header[name] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(picture, path)


def write_picture(path: Path, pixels: NDArray[Any], **options: Any) -> None:
    """Write a picture in the format of its ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def picture_bytes(pixels: NDArray[Any], kind: str, **options: Any) -> bytes:
    """Encode a picture."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def noise(shape: tuple[int, ...], seed: int = 0, top: int = 256, dtype: str = "uint8") -> NDArray[Any]:
    """Random pixels."""
    return np.random.default_rng(seed).integers(0, top, shape).astype(dtype)


@dataclass(frozen=True)
class OneKind:
    """Files of one format, each a scan."""

    kind: Format

    def read(self, path: Path, volume: int | None = None) -> Volume:
        """Return what is in a file, which is known by its bytes."""
        assert sniff(path) is self.kind
        return read_source(Source(self.kind, (path,), path.name, volume=volume))

    def refused(self, path: Path, volume: int | None = None) -> InputError:
        """Return what is said of a file that cannot be read; it names the file."""
        with pytest.raises(InputError) as caught:
            self.read(path, volume)
        assert caught.value.fields["file"]
        return caught.value
