"""NIfTI-1 and NIfTI-2, in one file or two, and Analyze 7.5 before them: one volume of it, header first."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, ImageDataError
from nibabel.spm99analyze import Spm99AnalyzeHeader
from nibabel.wrapstruct import WrapStructError

from core.errors import InputError
from core.frames import SPACE, SPACES
from core.io.nifti_place import Place, place_of
from core.io.pairs import numbers_of
from core.io.sniff import Format
from core.io.source import OpenScan, Source
from core.io.voxels import Layout, choose, head_of, packing_of, scan_of

_FAULTS = (
    HeaderDataError,
    ImageDataError,
    WrapStructError,
    ImageFileError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    ArithmeticError,
    zlib.error,
)
_HEAD = 544
_SECONDS = {8: 1.0, 16: 1e-3, 24: 1e-6}
_LONGEST_STEP = 60_000.0
_LABELS = 1002
"""Intent code of a map of labels."""


@dataclass(frozen=True)
class _Header:
    """What the readers of the three kinds have in common."""

    fields: Any
    size: int
    single: bool
    analyze: bool = False


def open_nifti(source: Source) -> OpenScan:
    """Open a NIfTI or Analyze file as one scan.

    Parameters
    ----------
    source
        ``source.volume`` picks one of several volumes. Of a pair, the file is the header.

    Raises
    ------
    InputError
        ``nifti-unreadable``, ``file-truncated``, ``volume-truncated``, ``file-too-large``,
        ``volume-needed`` (several volumes, none chosen), ``volume-unknown``,
        ``nifti-not-scan`` (CIFTI, fewer than two axes), ``nifti-numbers`` (complex or single
        bits), ``data-missing`` (a header without its numbers).
    """
    path = source.files[0]
    with _one_sentence(path):
        return _open(path, source)


@contextmanager
def _one_sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        raise InputError("file-too-large", file=path.name) from error
    except _FAULTS as error:
        raise InputError("nifti-unreadable", file=path.name) from error


def _open(path: Path, source: Source) -> OpenScan:
    header = _header(path, source.format)
    fields = header.fields
    dims = tuple(int(count) for count in fields.get_data_shape())
    # CIFTI keeps matrices of surface points in axes 5 to 7
    if len(dims) < 2 or (len(dims) > 4 and dims[0] == dims[1] == dims[2] == dims[3] == 1):
        raise InputError("nifti-not-scan", file=path.name)
    if min(dims) < 1:
        raise InputError("nifti-unreadable", file=path.name)
    stored, parts = _numbers(path, fields)
    x, y, z = (*dims, 1)[:3]
    volumes = int(np.prod(dims[3:], dtype=object)) if len(dims) > 3 else 1
    numbers = path if header.single else numbers_of(path, ".img", ".img.gz")
    offset = int(fields["vox_offset"]) if np.isfinite(float(fields["vox_offset"])) else -1
    if offset < 0:
        raise InputError("nifti-unreadable", file=path.name)
    layout = Layout(
        path=numbers,
        shape=(z, y, x),
        stored=stored,
        packing=packing_of(numbers),
        # some writers leave it zero: the voxels then follow the header and its four flag bytes
        skip=max(offset, header.size + 4) if header.single else offset,
        volume=choose(path, source.volume, volumes),
        parts=parts,
        kept=3 if parts > 1 else 0,
    )
    place = place_of(fields, (z, y, x), analyze=header.analyze)
    slope, intercept, scaling = _scaling(fields, header.analyze)
    facts = _facts(header, layout, volumes, place) | scaling
    return scan_of(layout, place.geometry, facts, slope=slope, intercept=intercept)


def _header(path: Path, kind: Format) -> _Header:
    """Read the header alone (its first 540 bytes and no extension)."""
    head = head_of(path, _HEAD)
    if len(head) < nibabel.Nifti1Header.sizeof_hdr:
        raise InputError("file-truncated", file=path.name)
    for reader in (nibabel.Nifti1Header, nibabel.Nifti2Header):
        if len(head) >= reader.sizeof_hdr and reader.may_contain_header(head[: reader.sizeof_hdr]):
            fields = reader.from_fileobj(io.BytesIO(head[: reader.sizeof_hdr] + b"\0\0\0\0"), check=False)
            return _Header(fields, reader.sizeof_hdr, single=fields["magic"].item()[:2] == b"n+")
    if kind is Format.ANALYZE:
        fields = Spm99AnalyzeHeader.from_fileobj(io.BytesIO(head[: Spm99AnalyzeHeader.sizeof_hdr]), check=False)
        return _Header(fields, Spm99AnalyzeHeader.sizeof_hdr, single=False, analyze=True)
    raise InputError("nifti-unreadable", file=path.name)


def _numbers(path: Path, fields: Any) -> tuple[np.dtype[Any], int]:
    """Return the stored dtype and how many of it make a voxel (colours)."""
    try:
        stored = np.dtype(fields.get_data_dtype())
    except HeaderDataError as error:
        raise InputError("nifti-numbers", file=path.name) from error
    if stored.kind == "c" or (stored.names is None and stored.itemsize < 1):
        raise InputError("nifti-numbers", file=path.name)
    if stored.names is not None:
        # RGB24 / RGBA32: alpha is not kept
        return np.dtype("uint8"), len(stored.names)
    return stored.newbyteorder(fields.endianness), 1


def _scaling(fields: Any, analyze: bool) -> tuple[float, float, dict[str, int]]:
    """Return slope and intercept; a slope of 0, NaN or infinity means there is none."""
    slope = float(fields["scl_slope"])
    intercept = 0.0 if analyze else float(fields["scl_inter"])
    if slope == 0:
        return 1.0, 0.0, {}
    if not np.isfinite(slope) or not np.isfinite(intercept):
        # NaN is how many writers say "none"; infinity is damage, and so is a place without a scale
        told = {} if np.isnan(slope) else {"scaling_ignored": 1}
        return 1.0, 0.0, told
    return slope, intercept, {}


def _facts(header: _Header, layout: Layout, volumes: int, place: Place) -> dict[str, str | int | float]:
    fields = header.fields
    facts: dict[str, str | int | float] = {"format": "analyze" if header.analyze else "nifti"}
    if not header.analyze:
        facts["version"] = 1 if header.size == nibabel.Nifti1Header.sizeof_hdr else 2
        facts |= {"pair": 1} if not header.single else {}
        facts |= {"label_map": 1} if int(fields["intent_code"]) == _LABELS else {}
        # the sform is what is used where both are there
        code = int(fields["sform_code"]) or int(fields["qform_code"])
        facts |= {SPACE: SPACES[code]} if code in SPACES else {}
        step = float(fields["pixdim"][4]) * _SECONDS.get(int(fields["xyzt_units"]) & 0x38, 0.0) * 1000
        # no scanner waits a minute: such a header has its units wrong
        if volumes > 1 and np.isfinite(step) and 0 < step < _LONGEST_STEP:
            facts["repetition_time"] = round(step, 3)
    if volumes > 1:
        facts |= {"volume": layout.volume, "volumes": volumes}
    if layout.stored.itemsize > 1 and fields.endianness == ">":
        facts["big_endian"] = 1
    return facts | place.facts
