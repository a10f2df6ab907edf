"""NRRD (.nrrd, and .nhdr with its numbers in another file of the same folder), header first.

The header is parsed by pynrrd, the numbers are read by :mod:`core.io.voxels`: pynrrd
unpacks without a limit and follows the header to any file of the disk.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nrrd
import numpy as np
from nrrd.errors import NRRDError
from nrrd.reader import _TYPEMAP_NRRD2NUMPY as _TYPES
from numpy.typing import NDArray

from core.errors import InputError
from core.geometry import Geometry
from core.io.files import opened
from core.io.pairs import named_by
from core.io.source import OpenScan, Source
from core.io.voxels import Layout, Packing, choose, scan_of

MAX_HEADER = 1 << 20
"""Most bytes of a header (Slicer writes some tens of kilobytes for a segmentation)."""
_ENCODINGS = {
    "raw": Packing.NONE,
    "gzip": Packing.GZIP,
    "gz": Packing.GZIP,
    "bzip2": Packing.BZIP2,
    "bz2": Packing.BZIP2,
}
_SIGNS = {
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1),
    "lps": (-1, -1, 1),
}
"""Which way the axes of a space run, against RAS; a space that is none of these says nothing of the patient."""
_MILLIMETRES = {"m": 1000.0, "cm": 10.0, "um": 0.001, "µm": 0.001, "micron": 0.001, "microns": 0.001, "nm": 1e-6}
_SPACE_KINDS = ("domain", "space")
_COLOURS = ("rgb-color", "3-color", "rgba-color", "4-color")
_FAULTS = (NRRDError, ValueError, TypeError, KeyError, IndexError, OverflowError, StopIteration, ArithmeticError)


@dataclass(frozen=True)
class _Axes:
    """Which axes of the file are space, in its order (fastest first)."""

    sizes: tuple[int, ...]
    space: tuple[int, ...]
    other: tuple[int, ...]


def open_nrrd(source: Source) -> OpenScan:
    """Open an NRRD file as one scan.

    Parameters
    ----------
    source
        ``source.volume`` picks one of several volumes (an axis that is no space and no colour).

    Raises
    ------
    InputError
        ``nrrd-unreadable``, ``nrrd-text`` (numbers as text), ``nrrd-many`` (several files of
        numbers), ``nrrd-axes`` (axes that make no volume), ``data-outside``,
        ``data-missing``, those of :mod:`core.io.voxels`.
    """
    path = source.files[0]
    try:
        return _open(path, source)
    except MemoryError as error:
        raise InputError("file-too-large", file=path.name) from error
    except (*_FAULTS, OSError) as error:
        raise InputError("nrrd-unreadable", file=path.name) from error


def _open(path: Path, source: Source) -> OpenScan:
    fields, length = _header(path)
    axes = _axes(path, fields)
    stored = _stored(path, fields)
    numbers, start, packing, skip = _where(path, fields, length, axes, stored)
    spatial = tuple(axes.sizes[axis] for axis in axes.space)
    x, y, z = (*spatial, 1)[:3]
    parts, volumes = _others(path, fields, axes)
    colour = _colour(fields, axes, stored)
    total = volumes * (1 if colour else parts)
    index = choose(path, source.volume, total)
    layout = Layout(
        path=numbers,
        shape=(z, y, x),
        stored=stored,
        start=start,
        packing=packing,
        skip=skip,
        volume=index if colour else index // parts,
        parts=parts,
        part=None if colour else index % parts,
        kept=3 if colour else 0,
    )
    facts: dict[str, str | int | float] = {"format": "nrrd"}
    if total > 1:
        facts |= {"volume": index, "volumes": total}
    if any(str(name).startswith("segment0_") for name in fields):
        facts["label_map"] = 1
    if stored.byteorder == ">":
        facts["big_endian"] = 1
    return scan_of(layout, _geometry(fields, axes, (z, y, x)), facts)


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """Return the fields of a header by their names in small letters, and its length in bytes."""
    with opened(path) as file:
        raw = file.read(MAX_HEADER)
    lines: list[str] = []
    length = 0
    for line in io.BytesIO(raw):
        length += len(line)
        words = line.decode("utf-8", "replace").rstrip()
        if not words:
            break
        if words.startswith("#"):
            continue
        name, colon, value = words.partition(":")
        # keys of the writer's own (":=") may hold anything, a name too: only what we look for is taken
        own = value.startswith("=")
        if not lines or (colon and (not own or name.casefold().startswith("segment0_"))):
            lines.append(words if not colon else f"{name.strip().casefold()}:{value}")
    else:
        if length >= MAX_HEADER:
            raise InputError("nrrd-unreadable", file=path.name)
    if not lines:
        raise InputError("nrrd-unreadable", file=path.name)
    return dict(nrrd.read_header(lines)), length


def _axes(path: Path, fields: dict[str, Any]) -> _Axes:
    sizes = tuple(int(size) for size in fields["sizes"])
    if len(sizes) != int(fields["dimension"]) or min(sizes) < 1 or not 1 <= len(sizes) <= 16:
        raise InputError("nrrd-unreadable", file=path.name)
    kinds = _per_axis(fields, "kinds", len(sizes))
    directions = _directions(fields, len(sizes))
    if directions is not None:
        space = [axis for axis in range(len(sizes)) if np.isfinite(directions[axis]).all()]
    elif any(kinds):
        space = [axis for axis in range(len(sizes)) if kinds[axis] in (*_SPACE_KINDS, "")]
    else:
        space = list(range(len(sizes)))
    # a fourth axis of space is time, or a list that says nothing of itself
    space = space[:3]
    other = [axis for axis in range(len(sizes)) if axis not in space]
    if len(space) < 2:
        raise InputError("nrrd-axes", file=path.name)
    # what lies between the axes of space would tear its slices apart
    if any(space[0] < axis < space[-1] and sizes[axis] > 1 for axis in other):
        raise InputError("nrrd-axes", file=path.name)
    return _Axes(sizes, tuple(space), tuple(other))


def _per_axis(fields: dict[str, Any], name: str, count: int) -> list[str]:
    words = [str(word).casefold() for word in fields.get(name, ())]
    return words if len(words) == count else [""] * count


def _directions(fields: dict[str, Any], count: int) -> NDArray[np.float64] | None:
    found = fields.get("space directions")
    if found is None:
        return None
    rows = [np.full(0, np.nan) if row is None else np.atleast_1d(np.asarray(row, dtype=np.float64)) for row in found]
    width = max((row.size for row in rows), default=0)
    if len(rows) != count or width < 1:
        raise ValueError("space directions")
    return np.array([row if row.size == width else np.full(width, np.nan) for row in rows])


def _others(path: Path, fields: dict[str, Any], axes: _Axes) -> tuple[int, int]:
    """Return how many numbers of a voxel lie side by side, and how many volumes lie one after another."""
    first, last = axes.space[0], axes.space[-1]
    parts = int(np.prod([axes.sizes[axis] for axis in axes.other if axis < first], dtype=object))
    volumes = int(np.prod([axes.sizes[axis] for axis in axes.other if axis > last], dtype=object))
    kinds = _per_axis(fields, "kinds", len(axes.sizes))
    if any(kinds[axis] == "complex" for axis in axes.other):
        raise InputError("nrrd-axes", file=path.name)
    return parts, volumes


def _colour(fields: dict[str, Any], axes: _Axes, stored: np.dtype[Any]) -> bool:
    """Whether the numbers that lie side by side are red, green and blue (and alpha)."""
    before = [axis for axis in axes.other if axis < axes.space[0] and axes.sizes[axis] > 1]
    if len(before) != 1 or axes.sizes[before[0]] not in (3, 4):
        return False
    kind = _per_axis(fields, "kinds", len(axes.sizes))[before[0]]
    # ITK calls the colours of a picture a vector
    return kind in _COLOURS or (stored == np.uint8 and "vector" in kind)


def _stored(path: Path, fields: dict[str, Any]) -> np.dtype[Any]:
    kind = str(fields["type"]).casefold()
    if kind not in _TYPES or kind == "block":
        raise InputError("nrrd-unreadable", file=path.name)
    stored: np.dtype[Any] = np.dtype(_TYPES[kind])
    if stored.itemsize == 1:
        return stored
    order = str(fields.get("endian", "")).casefold()
    if order not in ("little", "big"):
        raise InputError("nrrd-unreadable", file=path.name)
    return stored.newbyteorder("<" if order == "little" else ">")


def _where(
    path: Path, fields: dict[str, Any], length: int, axes: _Axes, stored: np.dtype[Any]
) -> tuple[Path, int, Packing, int]:
    """Return the file of the numbers, the byte at which they or their stream begin, the packing, and what to skip."""
    encoding = str(fields["encoding"]).casefold()
    if encoding in ("ascii", "text", "txt", "hex"):
        raise InputError("nrrd-text", file=path.name)
    if encoding not in _ENCODINGS:
        raise InputError("nrrd-unreadable", file=path.name)
    packing = _ENCODINGS[encoding]
    detached = fields.get("data file", fields.get("datafile"))
    numbers, start = path, length
    if detached is not None:
        words = str(detached).split()
        if words[:1] == ["LIST"] or (len(words) > 1 and "%" in words[0]):
            raise InputError("nrrd-many", file=path.name)
        numbers, start = named_by(path, str(detached)), 0
    start = _past_lines(numbers, start, int(fields.get("line skip", fields.get("lineskip", 0))))
    skip = int(fields.get("byte skip", fields.get("byteskip", 0)))
    if skip == -1 and not packing:
        with opened(numbers) as file:
            size = file.seek(0, io.SEEK_END)
        wanted = int(np.prod(axes.sizes, dtype=object)) * stored.itemsize
        # they end with the file; where it is too short its reader says so
        return numbers, max(start, size - wanted), packing, 0
    if skip < 0:
        raise InputError("nrrd-unreadable", file=path.name)
    return numbers, start, packing, skip


def _past_lines(path: Path, start: int, lines: int) -> int:
    if lines <= 0:
        return start
    with opened(path) as file:
        file.seek(start)
        for _ in range(min(lines, MAX_HEADER)):
            if not file.readline(MAX_HEADER):
                break
        return file.tell()


def _geometry(fields: dict[str, Any], axes: _Axes, shape: tuple[int, int, int]) -> Geometry:
    directions = _directions(fields, len(axes.sizes))
    signs = _SIGNS.get(str(fields.get("space", "")).casefold().removesuffix("-time"))
    if directions is None:
        return _sized(_spacings(fields, axes), shape)
    columns = [directions[axis] for axis in axes.space]
    if columns[0].size != 3 or signs is None:
        scale = _unit(fields, "space units", 0)
        return _sized([float(np.linalg.norm(column)) * scale for column in columns], shape)
    if len(columns) == 2:
        normal = np.cross(columns[0], columns[1])
        # a single slice: how thick it is matters to nobody
        columns.append(normal / np.sqrt(np.linalg.norm(normal)))
    affine = np.eye(4)
    affine[:3, :3] = np.array(columns).T
    origin = fields.get("space origin")
    if origin is not None and np.isfinite(origin).all():
        affine[:3, 3] = origin
    affine[:3] *= np.array([_unit(fields, "space units", axis) for axis in range(3)])[:, None]
    return Geometry(shape, np.diag([*map(float, signs), 1.0]) @ affine)


def _spacings(fields: dict[str, Any], axes: _Axes) -> list[float]:
    found = fields.get("spacings")
    if found is None or len(found) != len(axes.sizes):
        return []
    return [float(found[axis]) * _unit(fields, "units", axis) for axis in axes.space]


def _unit(fields: dict[str, Any], name: str, axis: int) -> float:
    words = fields.get(name, ())
    word = str(words[axis]).casefold() if axis < len(words) else ""
    return _MILLIMETRES.get(word, 1.0)


def _sized(sizes: list[float], shape: tuple[int, int, int]) -> Geometry:
    """Return a grid of which only the voxel sizes (x, y, z) are known, or not even they: shown as stored."""
    usable = [abs(size) if np.isfinite(size) and size != 0 else 0.0 for size in sizes]
    usable += [1.0] * (3 - len(usable)) if usable else []
    known = bool(usable) and min(usable) > 0
    x, y, z = usable if known else (1.0, 1.0, 1.0)
    return Geometry(shape, np.diag([-x, -y, z, 1.0]), known, False)
