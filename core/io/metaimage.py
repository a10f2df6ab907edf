"""MetaImage (.mha, and .mhd with its numbers in another file of the same folder), header first.

The format of ITK: lines ``Key = Value`` up to ``ElementDataFile``, then the numbers.
Positions are LPS. Its matrix lists the direction of the first axis first.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.geometry import Geometry
from core.io.files import opened
from core.io.pairs import named_by
from core.io.source import OpenScan, Source
from core.io.voxels import Layout, Packing, choose, scan_of

MAX_HEADER = 1 << 16
_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    # ITK writes 64-bit numbers under both names
    "MET_LONG": "i8",
    "MET_ULONG": "u8",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_MOST_AXES = 10


def open_metaimage(source: Source) -> OpenScan:
    """Open a MetaImage file as one scan.

    Parameters
    ----------
    source
        ``source.volume`` picks one of several volumes (a fourth axis, or channels that are no colour).

    Raises
    ------
    InputError
        ``metaimage-unreadable``, ``metaimage-text`` (numbers as text), ``metaimage-many``
        (several files of numbers), ``data-outside``, ``data-missing``, those of
        :mod:`core.io.voxels`.
    """
    path = source.files[0]
    try:
        return _open(path, source)
    except MemoryError as error:
        raise InputError("file-too-large", file=path.name) from error
    except (OSError, ValueError, TypeError, KeyError, IndexError, OverflowError, ArithmeticError) as error:
        raise InputError("metaimage-unreadable", file=path.name) from error


def _open(path: Path, source: Source) -> OpenScan:
    fields, length = _header(path)
    axes = int(fields["ndims"])
    dims = [int(word) for word in fields["dimsize"].split()]
    if not 2 <= axes <= _MOST_AXES or len(dims) != axes or min(dims) < 1:
        raise InputError("metaimage-unreadable", file=path.name)
    stored = _stored(path, fields)
    x, y, z = (*dims, 1)[:3]
    parts = int(fields.get("elementnumberofchannels", "1"))
    if parts < 1:
        raise InputError("metaimage-unreadable", file=path.name)
    colour = parts in (3, 4) and stored == np.uint8
    volumes = int(np.prod(dims[3:], dtype=object)) * (1 if colour else parts)
    index = choose(path, source.volume, volumes)
    numbers, start = _where(path, fields, length)
    packing = Packing.ZLIB if _yes(fields.get("compresseddata", "")) else Packing.NONE
    skip = int(fields.get("headersize", "0"))
    if skip == -1 and not packing:
        start, skip = _from_end(numbers, start, int(np.prod(dims, dtype=object)) * parts * stored.itemsize), 0
    layout = Layout(
        path=numbers,
        shape=(z, y, x),
        stored=stored,
        start=start,
        packing=packing,
        skip=max(skip, 0),
        volume=index if colour else index // parts,
        parts=parts,
        part=None if colour else index % parts,
        kept=3 if colour else 0,
    )
    facts: dict[str, str | int | float] = {"format": "metaimage"}
    if volumes > 1:
        facts |= {"volume": index, "volumes": volumes}
    if stored.byteorder == ">":
        facts["big_endian"] = 1
    geometry = _geometry(fields, axes, (z, y, x))
    slope, intercept = _scaling(fields)
    return scan_of(layout, geometry, facts, slope=slope, intercept=intercept)


def _header(path: Path) -> tuple[dict[str, str], int]:
    """Return the keys in small letters with their values, and the length of the header in bytes."""
    with opened(path) as file:
        raw = file.read(MAX_HEADER)
    fields: dict[str, str] = {}
    length = 0
    for line in io.BytesIO(raw):
        length += len(line)
        key, found, value = line.decode("latin-1").partition("=")
        if not found:
            key, _found, value = line.decode("latin-1").partition(":")
        fields[key.strip().casefold()] = value.strip()
        if "elementdatafile" in fields:
            return fields, length
    raise InputError("metaimage-unreadable", file=path.name)


def _yes(word: str) -> bool:
    return word.casefold()[:1] in ("t", "1", "y")


def _stored(path: Path, fields: dict[str, str]) -> np.dtype[Any]:
    if fields.get("binarydata") and not _yes(fields["binarydata"]):
        raise InputError("metaimage-text", file=path.name)
    kind = fields["elementtype"].upper().removesuffix("_ARRAY")
    if kind not in _TYPES:
        raise InputError("metaimage-unreadable", file=path.name)
    big = fields.get("binarydatabyteordermsb", fields.get("elementbyteordermsb", ""))
    stored: np.dtype[Any] = np.dtype(_TYPES[kind])
    return stored.newbyteorder(">" if _yes(big) else "<") if stored.itemsize > 1 else stored


def _where(path: Path, fields: dict[str, str], length: int) -> tuple[Path, int]:
    """Return the file of the numbers and the byte at which they begin."""
    name = fields["elementdatafile"]
    if name.upper() == "LOCAL":
        return path, length
    if name.upper().startswith("LIST") or "%" in name:
        raise InputError("metaimage-many", file=path.name)
    return named_by(path, name), 0


def _from_end(path: Path, start: int, wanted: int) -> int:
    with opened(path) as file:
        size = file.seek(0, io.SEEK_END)
    # where the file is too short its reader says so
    return max(start, size - wanted)


def _numbers(fields: dict[str, str], *names: str) -> NDArray[np.float64] | None:
    for name in names:
        if name in fields:
            return np.array([float(word) for word in fields[name].split()])
    return None


def _geometry(fields: dict[str, str], axes: int, shape: tuple[int, int, int]) -> Geometry:
    sizes = _numbers(fields, "elementspacing", "elementsize")
    known = sizes is not None and len(sizes) == axes and bool(np.isfinite(sizes).all() and (sizes > 0).all())
    if sizes is None or not known:
        sizes = np.ones(axes)
    sizes = np.append(sizes, 1.0)[:3]
    matrix = _numbers(fields, "transformmatrix", "rotation", "orientation")
    if axes < 3 or matrix is None or not known or matrix.size != axes * axes:
        # two axes say nothing of the third, and without a matrix nobody says how the patient lies
        return Geometry(shape, np.diag([-sizes[0], -sizes[1], sizes[2], 1.0]), known, False)
    affine = np.eye(4)
    affine[:3, :3] = matrix.reshape(axes, axes)[:3, :3].T * sizes
    origin = _numbers(fields, "offset", "position", "origin")
    if origin is not None and origin.size == axes:
        affine[:3, 3] = origin[:3]
    return Geometry(shape, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)


def _scaling(fields: dict[str, str]) -> tuple[float, float]:
    slope = float(fields.get("elementtointensityfunctionslope", "1"))
    intercept = float(fields.get("elementtointensityfunctionoffset", "0"))
    if not np.isfinite(slope) or slope == 0 or not np.isfinite(intercept):
        return 1.0, 0.0
    return slope, intercept
