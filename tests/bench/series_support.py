"""A CT series of 300 slices in every packing, for the benchmark of opening."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import gdcm
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from core.phantom import make_head

SLICES = 300
_DIFFERENT = 30
PACKINGS = {
    "raw": ExplicitVRLittleEndian,
    "JPEG 2000": JPEG2000Lossless,
    "JPEG-LS": JPEGLSLossless,
    "JPEG lossless": JPEGLosslessSV1,
    "RLE": RLELossless,
}


@functools.cache
def _pixels() -> NDArray[np.int16]:
    """Slices of a CT head with its grain, int16 HU ``[z, y, x]``."""
    return make_head(7, shape=(_DIFFERENT, 512, 512), contrast="CT").volume.array.astype(np.int16)


def write_series(folder: Path, packing: str, slices: int = SLICES) -> NDArray[np.int16]:
    """Write a series, its file names in no order; return what it holds (HU)."""
    folder.mkdir(parents=True)
    pixels = _pixels()
    packed = [_packed(pixels[index], PACKINGS[packing]) for index in range(min(_DIFFERENT, slices))]
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    names = np.random.default_rng(3).permutation(slices)
    order = [index * len(packed) // slices for index in range(slices)]
    for index in range(slices):
        dataset = packed[order[index]]
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.SeriesInstanceUID, dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = series, study, frame
        dataset.InstanceNumber = index + 1
        dataset.ImagePositionPatient = [-120.0, -120.0, round(0.6 * index, 3)]
        dataset.save_as(folder / f"IM{names[index]:05d}", enforce_file_format=True)
    return pixels[order]


def _packed(pixels: NDArray[np.int16], syntax: str) -> FileDataset:
    dataset = _plain(pixels)
    if syntax in (ExplicitVRLittleEndian, JPEGLosslessSV1):
        return _by_gdcm(dataset) if syntax == JPEGLosslessSV1 else dataset
    dataset.compress(syntax, generate_instance_uid=False)
    return dataset


def _by_gdcm(dataset: FileDataset) -> FileDataset:
    """Pack as JPEG lossless, which nothing else here writes."""
    with tempfile.TemporaryDirectory() as folder:
        plain, packed = Path(folder) / "a", Path(folder) / "b"
        dataset.save_as(plain, enforce_file_format=True)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(plain))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(packed))
        assert writer.Write()
        made = pydicom.dcmread(packed)
        made.PixelData  # noqa: B018 - read before the folder is gone
        return made


def _plain(pixels: NDArray[np.int16]) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset("", pydicom.Dataset(), file_meta=meta, preamble=b"\0" * 128)
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = "20200101"
    dataset.StudyTime = dataset.ContentTime = dataset.AcquisitionTime = "101112.5"
    dataset.Modality, dataset.Manufacturer, dataset.StationName = "CT", "Nobody", "CT1"
    dataset.SeriesDescription, dataset.StudyDescription = "HEAD THIN", "CT HEAD"
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate, dataset.PatientSex = "Doe^J", "7", "19500101", "F"
    dataset.SliceThickness, dataset.KVP, dataset.PatientPosition = "0.6", "120", "HFS"
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.PixelSpacing = [0.46875, 0.46875]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.WindowCenter, dataset.WindowWidth = ["40", "600"], ["80", "2800"]
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "-1024", "1", "HU"
    dataset.PixelData = np.clip(pixels.astype(np.int32) + 1024, 0, 4095).astype("<u2").tobytes()
    return dataset
