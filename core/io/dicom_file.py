"""Single DICOM files: safe header reading, what each slice says, and its pixels.

Everything pydicom and its decoders raise on a broken file becomes one sentence.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
from pydicom import config as pydicom_config
from pydicom.dataset import Dataset, FileDataset
from pydicom.tag import Tag
from pydicom.uid import UID

from core.errors import InputError
from core.geometry import Array
from core.io.elements import FAULTS, Elements, first, number, numbers, whole, word, words
from core.io.files import MAX_FILE, MAX_FRAMES, MAX_INFLATED, MAX_PIXELS, check_budget, gunzip, inflated_size, opened
from core.io.pixels import NATIVE, PACKED, FrameReader, Layout

__all__ = [
    "SliceHeader",
    "decode",
    "headers",
    "load",
    "load_header",
    "number",
    "numbers",
    "one_sentence",
    "word",
    "words",
]

# values that break the rules of their type are common and harmless; what is used of them is checked here
pydicom_config.settings.reading_validation_mode = pydicom_config.IGNORE

_SMALLEST_MM, _LARGEST_MM = 1e-4, 1e4
_FARTHEST_MM = 1e6
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
    "PerFrameFunctionalGroupsSequence", "PixelPaddingRangeLimit", "FloatPixelPaddingValue",
    "FloatPixelPaddingRangeLimit", "DoubleFloatPixelPaddingValue", "DoubleFloatPixelPaddingRangeLimit",
    "VOILUTSequence", "WindowCenterWidthExplanation", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
    "ConvolutionKernel", "TriggerTime",
    "ComplexImageComponent", "DiffusionGradientOrientation", "DimensionIndexSequence", "StackID",
    "0x0019100C", "0x20011003", "0x00431039",
]  # fmt: skip
# pydicom looks names up anew for every file, which takes as long as the reading
_WANTED: list[Any] = [Tag(name) for name in _TAGS]
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
_VIDEO = {
    "1.2.840.10008.1.2.4.100": "MPEG-2 video",
    "1.2.840.10008.1.2.4.101": "MPEG-2 video",
    "1.2.840.10008.1.2.4.102": "MPEG-4 video",
    "1.2.840.10008.1.2.4.103": "MPEG-4 video",
    "1.2.840.10008.1.2.4.104": "MPEG-4 video",
    "1.2.840.10008.1.2.4.105": "MPEG-4 video",
    "1.2.840.10008.1.2.4.106": "MPEG-4 video",
    "1.2.840.10008.1.2.4.107": "H.265 video",
    "1.2.840.10008.1.2.4.108": "H.265 video",
}
_VIDEO_EDITIONS = ".1"
"""A video in several fragments has the number of its kind with this at its end."""
_UNREAD = {
    "1.2.840.10008.1.2.4.92": "multi-component JPEG 2000",
    "1.2.840.10008.1.2.4.93": "multi-component JPEG 2000",
    "1.2.840.10008.1.2.4.94": "JPIP (the pixels lie on a server)",
    "1.2.840.10008.1.2.4.95": "JPIP (the pixels lie on a server)",
    "1.2.840.10008.1.2.4.110": "JPEG XL",
    "1.2.840.10008.1.2.4.111": "JPEG XL",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
    "1.2.840.10008.1.2.4.204": "JPIP (the pixels lie on a server)",
    "1.2.840.10008.1.2.4.205": "JPIP (the pixels lie on a server)",
}
"""Compressions that are refused, in words."""
_RETIRED_JPEG = {f"1.2.840.10008.1.2.4.{number}" for number in (52, 53, 54, 55, 56, 58, 59, 60, 61, 62, 63, 64, 65, 66)}
_GUESSED = {
    (True, True): "1.2.840.10008.1.2",
    (False, True): "1.2.840.10008.1.2.1",
    (False, False): "1.2.840.10008.1.2.2",
}
"""The transfer syntax of a file that names none, by (implicit, little-endian)."""
_LONG = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"UN")


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
    layout
        How its file holds the pixels.
    groups
        The functional groups of the frame, its own first; empty for a plain file.
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
    dataset: Elements
    layout: Layout
    groups: tuple[Dataset, ...] = ()
    depth: float | None = None
    stack: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Send what decoding needs to another process; the rest of the header stays here."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return _header_again, (fields | {"dataset": None, "groups": ()},)

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


def _header_again(fields: dict[str, Any]) -> SliceHeader:
    return SliceHeader(**fields | {"dataset": Elements(Dataset())})


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


@dataclass(frozen=True)
class _Header:
    """A header, and where its pixels begin (-1: the file must be read whole) and how long they are (-1: packed)."""

    dataset: FileDataset
    keyword: str
    vr: str = ""
    start: int = -1
    length: int = 0


@contextlib.contextmanager
def _source(path: Path) -> Iterator[tuple[BinaryIO, bytes, bool]]:
    """Open a DICOM file within the byte budgets: its bytes, its head, whether it is packed as a whole."""
    with one_sentence(path), opened(path) as file:
        head = file.read(4096)
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if size > MAX_FILE:
            raise InputError("file-too-large", file=path.name)
        source: BinaryIO = file
        packed = head[:2] == b"\x1f\x8b"
        if packed:
            source = io.BytesIO(gunzip(file.read(), path, MAX_INFLATED))
            head = source.read(4096)
            source.seek(0)
        if _DEFLATED in head[:1024]:
            _check_deflated(path, head, size)
        yield source, head, packed


def _read_whole(path: Path, *, pixels: bool) -> FileDataset:
    with _source(path) as (source, head, _packed):
        return pydicom.dcmread(source, force=head[128:132] != b"DICM", stop_before_pixels=not pixels)


def _read_header(path: Path) -> _Header:
    with _source(path) as (source, head, packed):
        deflated = _DEFLATED in head[:1024]
        dataset = pydicom.dcmread(
            source,
            force=head[128:132] != b"DICM",
            stop_before_pixels=not deflated,
            specific_tags=None if deflated else _WANTED,
        )
        if deflated:
            there = next((name for name in _PIXELS.values() if name in dataset), "")
            return _Header(dataset, there, dataset[there].VR if there else "")
        # the reader stands before the pixels now, if there are any
        at, mark = source.tell(), source.read(12)
        keyword = _PIXELS.get(mark[:4], "")
        implicit, little = dataset.original_encoding
        order: Any = "little" if little else "big"
        if implicit:
            vr, size, start = "OW", int.from_bytes(mark[4:8], order), at + 8
        else:
            vr, size, start = mark[4:6].decode("latin-1"), int.from_bytes(mark[8:12], order), at + 12
        if packed or len(mark) < 12 or (not implicit and mark[4:6] not in _LONG):
            start = -1
        return _Header(dataset, keyword, vr, start, -1 if size == 0xFFFFFFFF else size)


def load(path: Path) -> FileDataset:
    """Read a DICOM file with its pixels, within the byte budgets.

    Raises
    ------
    InputError
        ``dicom-unreadable``, ``file-too-large``, ``file-truncated``.
    """
    dataset = _read_whole(path, pixels=True)
    with one_sentence(path):
        _name_syntax(dataset)
    return dataset


def load_header(path: Path) -> FileDataset:
    """Read all of a DICOM file's header but its pixels, within the byte budgets.

    Raises
    ------
    InputError
        ``dicom-unreadable``, ``file-too-large``, ``file-truncated``.
    """
    return _read_whole(path, pixels=False)


def _check_deflated(path: Path, head: bytes, size: int) -> None:
    """Refuse a deflated file that would inflate past the budget (pydicom inflates without a limit)."""
    if head[132:136] == b"\x02\x00\x00\x00":
        start = 144 + int.from_bytes(head[140:144], "little")
        if inflated_size(path, start, MAX_INFLATED) <= MAX_INFLATED:
            return
    elif size * 1040 <= MAX_INFLATED:
        return
    raise InputError("file-too-large", file=path.name)


def _name_syntax(dataset: FileDataset) -> str:
    """Return the transfer syntax; where the file names none, what its bytes were read as is written into it."""
    named = str(dataset.file_meta.get("TransferSyntaxUID") or "")
    if not named:
        implicit, little = dataset.original_encoding
        named = _GUESSED.get((bool(implicit), bool(little)), "")
        dataset.file_meta.TransferSyntaxUID = UID(named)
    return named


def _check_syntax(path: Path, syntax: str) -> None:
    """Refuse compressions that are not read, in words."""
    if syntax in NATIVE or syntax in PACKED:
        return
    kind = _VIDEO.get(syntax.removesuffix(_VIDEO_EDITIONS) if syntax not in _VIDEO else syntax)
    if kind is not None:
        raise InputError("dicom-video", file=path.name, compression=kind)
    named = "a retired kind of JPEG" if syntax in _RETIRED_JPEG else _UNREAD.get(syntax)
    raise InputError("dicom-compression", file=path.name, compression=named or f"the unknown kind {syntax[:64]}")


@lru_cache(maxsize=8192)
def _headers(path: Path, _stamp: tuple[int, int]) -> tuple[SliceHeader, ...]:
    found = _read_header(path)
    with one_sentence(path):
        return _slices(path, found)


def headers(path: Path) -> tuple[SliceHeader, ...]:
    """Return the header of every slice of a file (one, or one per frame).

    Raises
    ------
    InputError
        ``dicom-unreadable``, or why it holds no scan: ``dicom-seg``, ``dicom-radiotherapy``,
        ``dicom-report``, ``dicom-directory``, ``dicom-no-picture``, ``dicom-video``,
        ``dicom-compression``.
    """
    try:
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
    except OSError:
        # a member of a zip
        stamp = (0, 0)
    return _headers(path, stamp)


def _slices(path: Path, found: _Header) -> tuple[SliceHeader, ...]:
    dataset, pixels = Elements(found.dataset), found.keyword
    refused = _NO_SCAN.get(word(dataset, "Modality"))
    if str(found.dataset.file_meta.get("MediaStorageSOPClassUID", "")) == "1.2.840.10008.1.3.10":
        raise InputError("dicom-directory", file=path.name)
    if refused is not None and (not pixels or refused != "dicom-report"):
        raise InputError(refused, file=path.name)
    if not pixels:
        known = len(found.dataset.file_meta) or word(dataset, "SOPClassUID") or len(found.dataset) > 2
        raise InputError("dicom-no-picture" if known else "dicom-unreadable", file=path.name)
    syntax = _name_syntax(found.dataset)
    _check_syntax(path, syntax)
    layout = _layout(dataset, found, syntax)
    if min(layout.rows, layout.columns, layout.frames) < 1:
        raise InputError("dicom-unreadable", file=path.name)
    if layout.frames > MAX_FRAMES or layout.rows * layout.columns > MAX_PIXELS:
        raise InputError("file-too-large", file=path.name)
    if layout.samples == 2:
        # the standard knows one, three and four
        raise InputError("dicom-pixels", file=path.name)
    if pixels == "PixelData" and layout.allocated not in (1, 8, 16, 32):
        raise InputError("dicom-bits", file=path.name, bits=layout.allocated)
    palette = layout.photometric == "PALETTE COLOR"
    samples = 3 if layout.samples >= 3 or palette else 1
    dtype = "uint8" if palette else layout.dtype.name
    check_budget(path, layout.rows * layout.columns * layout.frames * np.dtype(dtype).itemsize * samples)
    shared = first(dataset, "SharedFunctionalGroupsSequence")
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    groups = list(per_frame) if len(per_frame) == layout.frames else [Dataset()] * layout.frames
    return tuple(
        _slice(path, dataset, layout, index, dtype, samples, tuple(part for part in (group, shared) if len(part)))
        for index, group in enumerate(groups)
    )


def _layout(dataset: Elements, found: _Header, syntax: str) -> Layout:
    allocated = whole(dataset, "BitsAllocated", 16)
    stored = whole(dataset, "BitsStored", allocated)
    stored = stored if 0 < stored <= allocated else allocated
    high = whole(dataset, "HighBit", stored - 1)
    offsets = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
    return Layout(
        syntax=syntax,
        keyword=found.keyword,
        vr=found.vr,
        start=found.start,
        length=found.length,
        rows=whole(dataset, "Rows"),
        columns=whole(dataset, "Columns"),
        samples=max(1, whole(dataset, "SamplesPerPixel", 1)),
        frames=whole(dataset, "NumberOfFrames", 1) or 1,
        photometric=word(dataset, "PhotometricInterpretation") or "MONOCHROME2",
        planar=whole(dataset, "PlanarConfiguration"),
        allocated=allocated,
        stored=stored,
        high=high if stored - 1 <= high < allocated else stored - 1,
        signed=whole(dataset, "PixelRepresentation") == 1,
        offsets=(offsets[0], offsets[1]) if all(isinstance(part, bytes) for part in offsets) else None,
    )


def _slice(
    path: Path, dataset: Elements, layout: Layout, index: int, dtype: str, samples: int, groups: tuple[Dataset, ...]
) -> SliceHeader:
    def functional(macro: str, name: str, count: int = 0) -> tuple[float, ...] | None:
        for group in groups:
            found = numbers(first(group, macro), name, count)
            if found is not None:
                return found
        return numbers(dataset, name, count)

    spacing = functional("PixelMeasuresSequence", "PixelSpacing", 2)
    between = functional("PixelMeasuresSequence", "SpacingBetweenSlices")
    thick = functional("PixelMeasuresSequence", "SliceThickness")
    step = next((abs(found[0]) for found in (between, thick) if found and found[0]), None)
    slope = functional("PixelValueTransformationSequence", "RescaleSlope")
    intercept = functional("PixelValueTransformationSequence", "RescaleIntercept")
    position = functional("PlanePositionSequence", "ImagePositionPatient", 3)
    if layout.frames > 1 and not any("PlanePositionSequence" in group for group in groups):
        # one position for a whole plain multi-frame file places its first frame at most
        position = None
    if any(not _SMALLEST_MM < abs(size) < _LARGEST_MM for size in spacing or () if size) or any(
        abs(place) > _FARTHEST_MM for place in position or ()
    ):
        # damage, not anatomy: this slice alone is refused, not the grid that it would spoil
        raise InputError("affine-bad", file=path.name)
    return SliceHeader(
        path=path,
        frame=index,
        frames=layout.frames,
        rows=layout.rows,
        columns=layout.columns,
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
        layout=layout,
        groups=groups,
        depth=abs(thick[0]) if thick and thick[0] else None,
        stack=word(first(groups[0], "FrameContentSequence"), "StackID") if groups else "",
    )


def decode(header: SliceHeader, reader: FrameReader) -> Array:
    """Decode one slice to ``[y, x]`` or ``[y, x, 3]``, stored values (a modality LUT applied).

    Raises
    ------
    InputError
        ``dicom-pixels`` where it cannot be decoded, ``file-truncated``.
    """
    path = header.path
    with one_sentence(path, "dicom-pixels"):
        pixels = reader.frame(path, header.layout, header.frame, table=header.table)
    odd = pixels.ndim == 3 and pixels.shape[2] != 3
    if pixels.shape[:2] != (header.rows, header.columns) or pixels.ndim > 3 or odd:
        raise InputError("dicom-pixels", file=path.name)
    return pixels
