"""Single DICOM files: safe header reading, what each slice says, and its pixels.

Everything pydicom and its decoders raise on a broken file becomes one sentence.
"""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom import config as pydicom_config
from pydicom.dataset import Dataset, FileDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
from pydicom.pixels.utils import get_expected_length, pixel_array
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

from core.errors import InputError
from core.geometry import Array
from core.io.files import MAX_FILE, MAX_FRAMES, MAX_INFLATED, check_budget, gunzip, inflated_size, opened

FAULTS = (
    InvalidDicomError,
    BytesLengthException,
    struct.error,
    zlib.error,
    OSError,
    EOFError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
)
"""What pydicom and its decoders were seen to raise in 40,000 mutated files."""

# values that break the rules of their type are common and harmless; what is used of them is checked here
pydicom_config.settings.reading_validation_mode = pydicom_config.IGNORE

_PLUGINS = {
    JPEGBaseline8Bit: ("pillow",),
    JPEGExtended12Bit: ("pillow",),
    JPEGLSLossless: ("pyjpegls", "gdcm"),
    JPEGLSNearLossless: ("pyjpegls", "gdcm"),
    JPEG2000Lossless: ("pylibjpeg",),
    JPEG2000: ("pylibjpeg",),
    HTJ2KLossless: ("pylibjpeg",),
    HTJ2KLosslessRPCL: ("pylibjpeg",),
    HTJ2K: ("pylibjpeg",),
    JPEGLossless: ("gdcm",),
    JPEGLosslessSV1: ("gdcm",),
}
"""Decoders by transfer syntax. gdcm has had an unbounded allocation bug, so it gets
only what nothing else decodes; Pillow's JPEG 2000 loses signs."""
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_PIXELS = {
    b"\xe0\x7f\x10\x00": "PixelData",
    b"\x7f\xe0\x00\x10": "PixelData",
    b"\xe0\x7f\x08\x00": "FloatPixelData",
    b"\x7f\xe0\x00\x08": "FloatPixelData",
    b"\xe0\x7f\x09\x00": "DoubleFloatPixelData",
    b"\x7f\xe0\x00\x09": "DoubleFloatPixelData",
}
_TAGS = [
    "SpecificCharacterSet", "TransferSyntaxUID", "ImageType", "SOPClassUID", "SOPInstanceUID", "StudyDate",
    "AcquisitionTime", "ContentTime", "Modality", "SeriesDescription", "StudyDescription", "PatientName", "PatientID",
    "PatientBirthDate", "SliceThickness", "RepetitionTime", "EchoTime", "InversionTime", "MagneticFieldStrength",
    "SpacingBetweenSlices", "KVP", "EchoNumbers", "FlipAngle", "DiffusionBValue", "StudyInstanceUID",
    "SeriesInstanceUID", "AcquisitionNumber", "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient",
    "FrameOfReferenceUID", "TemporalPositionIdentifier", "SamplesPerPixel", "PhotometricInterpretation",
    "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns", "PixelSpacing", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation", "PixelPaddingValue", "WindowCenter", "WindowWidth", "RescaleIntercept",
    "RescaleSlope", "ModalityLUTSequence", "BurnedInAnnotation", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "SmallestImagePixelValue", "ConvolutionKernel", "TriggerTime",
    "ComplexImageComponent", "DiffusionGradientOrientation", "DimensionIndexSequence", "StackID",
    "0x0019100C", "0x20011003", "0x00431039",
]  # fmt: skip
_NO_SCAN = {
    "SEG": "dicom-seg",
    "RTSTRUCT": "dicom-radiotherapy",
    "RTPLAN": "dicom-radiotherapy",
    "RTDOSE": "dicom-radiotherapy",
    "RTRECORD": "dicom-radiotherapy",
    "SR": "dicom-report",
    "KO": "dicom-report",
    "PR": "dicom-report",
    "DOC": "dicom-report",
    "ECG": "dicom-report",
}


@dataclass(frozen=True)
class SliceHeader:
    """What one slice (a file, or one frame of it) says.

    Parameters
    ----------
    path, frame
        Where it is; ``frames`` is how many its file has.
    rows, columns, samples, dtype
        Of the stored pixels.
    position, orientation
        ImagePositionPatient and ImageOrientationPatient (LPS mm), or None.
    spacing
        (between rows, between columns) in mm, or None.
    thickness
        Distance to the next slice as the header tells it, or None.
    slope, intercept
        Rescale; ``table`` tells that a modality LUT is used instead.
    dataset
        The header without pixels.
    depth
        SliceThickness alone, in mm, or None: how deep a slice is that stands alone.
    stack
        The stack a frame says it is of (two slabs in one file), or empty.
    """

    path: Path
    frame: int
    frames: int
    rows: int
    columns: int
    samples: int
    dtype: str
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, float] | None
    thickness: float | None
    slope: float
    intercept: float
    table: bool
    dataset: Dataset
    depth: float | None = None
    stack: str = ""

    @property
    def series(self) -> str:
        """Series UID."""
        return word(self.dataset, "SeriesInstanceUID")

    @property
    def mosaic(self) -> bool:
        """Whether the picture is a Siemens mosaic of many slices."""
        return "MOSAIC" in words(self.dataset, "ImageType")

    @property
    def number(self) -> int:
        """InstanceNumber, 0 where there is none."""
        return int(number(self.dataset, "InstanceNumber") or 0)


@contextlib.contextmanager
def one_sentence(path: Path, code: str = "dicom-unreadable") -> Iterator[None]:
    """Turn every fault of the DICOM libraries into an InputError; keep their warnings quiet."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except MemoryError as error:
        raise InputError("file-too-large", file=path.name) from error
    except FAULTS as error:
        raise InputError(code, file=path.name) from error


def _read(path: Path, *, pixels: bool, every: bool = False) -> tuple[FileDataset, str]:
    """Read a DICOM file within the byte budgets, and name its element of pixels (empty if there are none).

    Raises
    ------
    InputError
        ``dicom-unreadable``, ``file-too-large``, ``file-truncated``.
    """
    with one_sentence(path), opened(path) as file:
        head = file.read(4096)
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if size > MAX_FILE:
            raise InputError("file-too-large", file=path.name)
        source: Any = file
        if head[:2] == b"\x1f\x8b":
            source = io.BytesIO(gunzip(file.read(), path, MAX_INFLATED))
            head = source.getvalue()[:4096]
        deflated = _DEFLATED in head[:1024]
        if deflated:
            _check_deflated(path, head, size)
        dataset = pydicom.dcmread(
            source,
            force=head[128:132] != b"DICM",
            stop_before_pixels=not pixels and not deflated,
            specific_tags=None if pixels or deflated or every else list(_TAGS),
        )
        if not pixels:
            # the reader stands before the pixels now, if there are any
            there = next((name for name in _PIXELS.values() if name in dataset), "")
            return dataset, there or _PIXELS.get(source.read(4), "")
    return dataset, ""


def load(path: Path) -> FileDataset:
    """Read a DICOM file with its pixels, within the byte budgets.

    Raises
    ------
    InputError
        ``dicom-unreadable``, ``file-too-large``, ``file-truncated``.
    """
    return _read(path, pixels=True)[0]


def load_header(path: Path) -> FileDataset:
    """Read all of a DICOM file's header but its pixels, within the byte budgets.

    Raises
    ------
    InputError
        ``dicom-unreadable``, ``file-too-large``, ``file-truncated``.
    """
    return _read(path, pixels=False, every=True)[0]


def _check_deflated(path: Path, head: bytes, size: int) -> None:
    """Refuse a deflated file that would inflate past the budget (pydicom inflates without a limit)."""
    if head[132:136] == b"\x02\x00\x00\x00":
        start = 144 + int.from_bytes(head[140:144], "little")
        if inflated_size(path, start, MAX_INFLATED) <= MAX_INFLATED:
            return
    elif size * 1040 <= MAX_INFLATED:
        return
    raise InputError("file-too-large", file=path.name)


def word(dataset: Dataset, name: str) -> str:
    """Return an element as text, empty where it is missing."""
    value = dataset.get(name)
    return "" if value is None else str(value).strip()


def words(dataset: Dataset, name: str) -> tuple[str, ...]:
    """Return a multi-valued element as texts."""
    value = dataset.get(name)
    if value is None:
        return ()
    return tuple(str(part) for part in value) if isinstance(value, (MultiValue, list, tuple)) else (str(value),)


def numbers(dataset: Dataset, name: str, count: int = 0) -> tuple[float, ...] | None:
    """Return an element as finite numbers (exactly ``count`` of them where given), or None."""
    value = dataset.get(name)
    if value is None or value == "":
        return None
    parts = value if isinstance(value, (MultiValue, list, tuple)) else [value]
    try:
        found = tuple(float(part) for part in parts)
    except (TypeError, ValueError):
        return None
    if not found or (count and len(found) != count) or not all(np.isfinite(found)):
        return None
    return found


def number(dataset: Dataset, name: str) -> float | None:
    """Return the first number of an element, or None."""
    found = numbers(dataset, name)
    return found[0] if found else None


@lru_cache(maxsize=8192)
def _headers(path: Path, _stamp: tuple[int, int]) -> tuple[SliceHeader, ...]:
    dataset, pixels = _read(path, pixels=False)
    with one_sentence(path):
        return _slices(path, dataset, pixels)


def headers(path: Path) -> tuple[SliceHeader, ...]:
    """Return the header of every slice of a file (one, or one per frame).

    Raises
    ------
    InputError
        ``dicom-unreadable``, or why it holds no scan: ``dicom-seg``, ``dicom-radiotherapy``,
        ``dicom-report``, ``dicom-directory``, ``dicom-no-picture``.
    """
    try:
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
    except OSError:
        # a member of a zip
        stamp = (0, 0)
    return _headers(path, stamp)


def _slices(path: Path, dataset: FileDataset, pixels: str) -> tuple[SliceHeader, ...]:
    refused = _NO_SCAN.get(word(dataset, "Modality"))
    meta = getattr(dataset, "file_meta", None)
    if meta is not None and str(meta.get("MediaStorageSOPClassUID", "")) == "1.2.840.10008.1.3.10":
        raise InputError("dicom-directory", file=path.name)
    if refused is not None and (not pixels or refused != "dicom-report"):
        raise InputError(refused, file=path.name)
    if not pixels:
        known = word(dataset, "SOPClassUID") or word(dataset, "PatientID") or len(dataset) > 2
        raise InputError("dicom-no-picture" if known else "dicom-unreadable", file=path.name)
    rows, columns = int(dataset.get("Rows", 0) or 0), int(dataset.get("Columns", 0) or 0)
    frames = int(number(dataset, "NumberOfFrames") or 1)
    if rows < 1 or columns < 1 or frames < 1:
        raise InputError("dicom-unreadable", file=path.name)
    if frames > MAX_FRAMES:
        raise InputError("file-too-large", file=path.name)
    samples = int(dataset.get("SamplesPerPixel", 1) or 1)
    colour = samples >= 3 or word(dataset, "PhotometricInterpretation") == "PALETTE COLOR"
    dtype = _dtype(dataset, pixels)
    check_budget(path, rows * columns * frames * np.dtype(dtype).itemsize * (3 if colour else 1))
    shared = _first(dataset, "SharedFunctionalGroupsSequence")
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    groups = list(per_frame) if len(per_frame) == frames else [Dataset()] * frames
    return tuple(
        _slice(path, dataset, index, frames, dtype, 3 if colour else 1, group, shared)
        for index, group in enumerate(groups)
    )


def _dtype(dataset: Dataset, pixels: str) -> str:
    if pixels == "FloatPixelData":
        return "float32"
    if pixels == "DoubleFloatPixelData":
        return "float64"
    bits = int(dataset.get("BitsAllocated", 16) or 16)
    if word(dataset, "PhotometricInterpretation") == "PALETTE COLOR":
        return "uint8"
    size = 8 if bits <= 8 else 16 if bits <= 16 else 32
    return f"{'int' if int(dataset.get('PixelRepresentation', 0) or 0) else 'uint'}{size}"


def _first(dataset: Dataset, name: str) -> Dataset:
    """Return the first item of a sequence, or an empty data set."""
    items = dataset.get(name)
    return items[0] if items else Dataset()


def _slice(
    path: Path, dataset: Dataset, index: int, frames: int, dtype: str, samples: int, group: Dataset, shared: Dataset
) -> SliceHeader:
    def functional(macro: str, name: str, count: int = 0) -> tuple[float, ...] | None:
        for holder in (_first(group, macro), _first(shared, macro), dataset):
            found = numbers(holder, name, count)
            if found is not None:
                return found
        return None

    spacing = functional("PixelMeasuresSequence", "PixelSpacing", 2)
    between = functional("PixelMeasuresSequence", "SpacingBetweenSlices")
    thick = functional("PixelMeasuresSequence", "SliceThickness")
    step = next((abs(found[0]) for found in (between, thick) if found and found[0]), None)
    slope = functional("PixelValueTransformationSequence", "RescaleSlope")
    intercept = functional("PixelValueTransformationSequence", "RescaleIntercept")
    position = functional("PlanePositionSequence", "ImagePositionPatient", 3)
    if frames > 1 and "PlanePositionSequence" not in group and "PlanePositionSequence" not in shared:
        # one position for a whole plain multi-frame file places its first frame at most
        position = None
    return SliceHeader(
        path=path,
        frame=index,
        frames=frames,
        rows=int(dataset.Rows),
        columns=int(dataset.Columns),
        samples=samples,
        dtype=dtype,
        position=position,
        orientation=functional("PlaneOrientationSequence", "ImageOrientationPatient", 6),
        spacing=(spacing[0], spacing[1]) if spacing and min(spacing) > 0 else None,
        thickness=step,
        slope=slope[0] if slope and slope[0] else 1.0,
        intercept=intercept[0] if intercept else 0.0,
        table=bool(dataset.get("ModalityLUTSequence")),
        dataset=dataset,
        depth=abs(thick[0]) if thick and thick[0] else None,
        stack=word(_first(group, "FrameContentSequence"), "StackID"),
    )


def decode(dataset: FileDataset, header: SliceHeader) -> Array:
    """Decode one frame to ``[y, x]`` or ``[y, x, 3]``, stored values (a modality LUT applied).

    Raises
    ------
    InputError
        ``dicom-pixels`` where it cannot be decoded, ``file-truncated``.
    """
    path = header.path
    with one_sentence(path, "dicom-pixels"):
        _check_length(dataset, path)
        pixels = _decoded(dataset, header.frame)
        if word(dataset, "PhotometricInterpretation") == "PALETTE COLOR":
            pixels = _eight_bit(apply_color_lut(pixels, dataset))
        if header.table:
            pixels = np.asarray(apply_modality_lut(pixels, dataset))
        if pixels.ndim == 3:
            pixels = pixels[..., :3]
    if pixels.shape[:2] != (header.rows, header.columns) or pixels.ndim > 3:
        raise InputError("dicom-pixels", file=path.name)
    return pixels


def _decoded(dataset: FileDataset, frame: int) -> Array:
    """Decode one frame with the first decoder that can."""
    plugins = _PLUGINS.get(dataset.file_meta.get("TransferSyntaxUID"), ("",))
    for plugin in plugins[:-1]:
        with contextlib.suppress(RuntimeError, ValueError):
            return np.asarray(pixel_array(dataset, index=frame, decoding_plugin=plugin))
    return np.asarray(pixel_array(dataset, index=frame, decoding_plugin=plugins[-1]))


def _check_length(dataset: FileDataset, path: Path) -> None:
    """Refuse uncompressed pixels that end too early: nothing is made up at the end of a slice."""
    if dataset.file_meta.get("TransferSyntaxUID") is None or dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return
    data = dataset.get("PixelData")
    if data is not None and len(data) < get_expected_length(dataset) - 1:
        raise InputError("file-truncated", file=path.name)


def _eight_bit(colours: Array) -> Array:
    return (colours >> 8).astype(np.uint8) if colours.dtype.itemsize > 1 else colours
