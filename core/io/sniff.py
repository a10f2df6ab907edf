"""What a file is, told by its first bytes; file names lie too often."""

from __future__ import annotations

import re
import zlib
from enum import StrEnum
from pathlib import Path
from typing import Literal

from core.errors import InputError
from core.io.files import opened


class Format(StrEnum):
    """Kinds of file the readers tell apart."""

    DICOM = "dicom"
    NIFTI = "nifti"
    PNG = "png"
    TIFF = "tiff"
    WEBP = "webp"
    JPEG = "jpeg"
    BMP = "bmp"
    NIFTI_PAIR = "nifti-pair"
    ANALYZE = "analyze"
    NRRD = "nrrd"
    METAIMAGE = "metaimage"
    MGH = "mgh"
    MINC = "minc"
    AFNI = "afni"
    PAR_REC = "par-rec"
    HDF5 = "hdf5"
    ZIP = "zip"
    # named, so that the refusal can say what it is
    MATLAB = "matlab"
    NUMBERS = "numbers"


PICTURES = frozenset({Format.PNG, Format.TIFF, Format.WEBP, Format.JPEG, Format.BMP})
VOLUMES = frozenset(
    {
        Format.NIFTI,
        Format.NIFTI_PAIR,
        Format.ANALYZE,
        Format.NRRD,
        Format.METAIMAGE,
        Format.MGH,
        Format.MINC,
        Format.AFNI,
        Format.PAR_REC,
        Format.HDF5,
    }
)
"""Formats whose every file is a scan of its own."""
READABLE = PICTURES | VOLUMES | {Format.DICOM}

_MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"\x89PNG\r\n\x1a\n", Format.PNG),
    (b"II*\x00", Format.TIFF),
    (b"MM\x00*", Format.TIFF),
    (b"II+\x00", Format.TIFF),
    (b"MM\x00+", Format.TIFF),
    (b"\xff\xd8\xff", Format.JPEG),
    (b"BM", Format.BMP),
    (b"PK\x03\x04", Format.ZIP),
    (b"CDF\x01", Format.MINC),
    (b"CDF\x02", Format.MINC),
    (b"NRRD000", Format.NRRD),
)
_HDF5 = b"\x89HDF\r\n\x1a\n"
_HDF5_PLACES = (0, 512, 1024, 2048)
"""A block of the writer's own may stand before it (MATLAB 7.3: 512 bytes)."""
_HEAD = 560
_SEGMENTATIONS = (b"1.2.840.10008.5.1.4.1.1.66.4", b"1.2.840.10008.5.1.4.1.1.66.7")
_NUMBERS = (".img", ".img.gz", ".brik", ".brik.gz", ".rec", ".raw", ".raw.gz", ".zraw")
"""Endings of files of bare numbers, which a header beside them explains."""
_META = re.compile(rb"^\s*(ObjectType|NDims|ObjectSubType|Comment|BinaryData)\s*[=:]", re.IGNORECASE)


def sniff(path: Path) -> Format | None:
    """Say what a file is, or None.

    Reads at most a few hundred bytes, through gzip where it is gzipped.

    Raises
    ------
    OSError
        If the file cannot be opened.
    """
    with opened(path) as file:
        raw = file.read(4096)
    suffix = path.name.casefold()
    head, zipped = _inflated(raw), raw[:2] == b"\x1f\x8b"
    if head[128:132] == b"DICM":
        return Format.DICOM
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Format.WEBP
    if any(raw[place : place + 8] == _HDF5 for place in _HDF5_PLACES):
        return Format.MINC if suffix.endswith(".mnc") else Format.HDF5
    for magic, kind in _MAGIC:
        # a text that begins with "BM" is no picture: the size field of a bitmap is little
        if head.startswith(magic) and (kind is not Format.BMP or head[6:10] == b"\0\0\0\0"):
            return kind
    if head[344:348] in (b"n+1\0", b"ni1\0") or head[4:8] in (b"n+2\0", b"ni2\0"):
        return Format.NIFTI_PAIR if head[344:346] == b"ni" or head[4:6] == b"ni" else Format.NIFTI
    if suffix.endswith((".mgh", ".mgz")) or (zipped and head[:4] == b"\0\0\0\1" and not suffix.endswith(".nii.gz")):
        return Format.MGH
    return _by_name(suffix, head) or (Format.DICOM if _bare_dicom(head) else None)


def _by_name(name: str, head: bytes) -> Format | None:
    """Tell the kinds whose first bytes alone do not say enough."""
    if name.endswith(".head") and b"type" in head[:200]:
        return Format.AFNI
    if name.endswith(".par") and b"# ===" in head[:400]:
        return Format.PAR_REC
    if head.startswith(b"MATLAB 5.0"):
        return Format.MATLAB
    if _META.match(head) and (name.endswith((".mha", ".mhd")) or b"ElementDataFile" in head or b"DimSize" in head):
        return Format.METAIMAGE
    if name.endswith(".hdr") and _is_analyze(head):
        return Format.ANALYZE
    if name.endswith((".nii", ".nii.gz")):
        # so broken that its own header does not show: its reader says so
        return Format.NIFTI
    if name.endswith((".h5", ".hdf5")):
        return Format.HDF5
    if name.endswith((".mha", ".mhd")):
        return Format.METAIMAGE
    return Format.NUMBERS if name.endswith(_NUMBERS) and not _bare_dicom(head) else None


def _is_analyze(head: bytes) -> bool:
    """Whether bytes are an Analyze 7.5 header: its size, and a number of axes that makes sense."""
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    for order in orders:
        if int.from_bytes(head[:4], order) == 348:
            return len(head) >= 348 and 1 <= int.from_bytes(head[40:42], order) <= 7
    return False


def _inflated(raw: bytes) -> bytes:
    """Return the first bytes of what a gzip holds, or the bytes as they are."""
    if raw[:2] != b"\x1f\x8b":
        return raw
    try:
        return zlib.decompressobj(wbits=31).decompress(raw, _HEAD)
    except zlib.error:
        return raw


def _bare_dicom(head: bytes) -> bool:
    """Whether bytes look like a DICOM data set without its preamble.

    Such a file begins with an element of group 0002 or 0008: explicit VR letters,
    or a small implicit length.
    """
    if len(head) < 16:
        return False
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    for order in orders:
        group = int.from_bytes(head[0:2], order)
        element = int.from_bytes(head[2:4], order)
        if group not in (0x0002, 0x0008) or element > 0x0070:
            continue
        explicit = head[4:6].isalpha() and head[4:6].isupper()
        if explicit or (order == "little" and int.from_bytes(head[4:8], "little") <= 64):
            return True
    return False


def is_segmentation_file(path: Path) -> bool:
    """Whether a file says in its first bytes that it is a DICOM segmentation; false where it cannot be read."""
    try:
        with opened(path) as file:
            head = file.read(1024)
    except (OSError, InputError):
        return False
    # the kind of object, in the group that every file begins with
    at = head.find(b"\x02\x00\x02\x00UI", 132)
    named = head[at + 8 : at + 8 + int.from_bytes(head[at + 6 : at + 8], "little")].strip(b"\0 ") if at > 0 else b""
    return head[128:132] == b"DICM" and named in _SEGMENTATIONS


def stem(path: Path) -> str:
    """Return a file's name without its ending (``.nii.gz`` counts as one)."""
    name = path.name
    lower = name.casefold()
    for ending in (".nii.gz", ".dcm.gz", ".mgz", ".tar.gz", ".img.gz", ".brik.gz"):
        if lower.endswith(ending):
            return name[: -len(ending)]
    return path.stem if path.suffix and len(path.suffix) <= 6 and not path.suffix[1:].isdigit() else name


def plain_name(words: str) -> str:
    """Return words made safe as part of a file name on any system."""
    return re.sub(r"[^\w.-]+", "_", words).strip("._") or "scan"


def plain_stem(path: Path) -> str:
    """Return after what files are named that are written for a scan file."""
    return plain_name(stem(path))
