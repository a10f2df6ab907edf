"""HDF5 archives (.h5, .hdf5, MATLAB's .mat 7.3): which of their arrays are scans, and one of them as a scan.

An archive has no rule for what its arrays mean. ``[y, x]`` is a picture,
``[n, y, x]`` a stack, a last axis of 3 a colour; other short axes are volumes to
choose from. MATLAB keeps its arrays with the axes the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError
from core.geometry import Array, Geometry
from core.io.files import check_budget
from core.io.hdf5_heaps import attribute
from core.io.hdf5_reading import checked, opened_hdf5
from core.io.source import OpenScan, Source
from core.io.voxels import choose, native
from core.late import h5py
from core.volume import Volume

MAX_OBJECTS = 20_000
"""Most objects of an archive that are looked at."""
_MOST_NAMED = 12
_DEEPEST = 24
_LEAST = 4
"""A picture has at least so many rows and columns: a smaller array is a matrix or a list of points."""
_SLAB = 64 << 20
_MOST_CHANNELS = 4
_MASK_WORDS = re.compile(r"(mask|masks|label|labels|seg|segs|segmentation|segmentations|annotation|annotations)$")
_MASK_NAMES = frozenset(("y", "gt", "groundtruth", "truth", "target", "targets"))
_MATLAB_OWN = ("#refs#", "#subsystem#")
_FAULTS = (OSError, ValueError, TypeError, KeyError, IndexError, RuntimeError, OverflowError, AttributeError)
_SIZES = (
    # attribute, mm of its unit, whether x comes first
    ("element_size_um", 0.001, False),
    ("element_size_mm", 1.0, False),
    ("spacing", 1.0, False),
    ("voxel_size", 1.0, False),
    ("voxelsize", 1.0, False),
    ("voxel_spacing", 1.0, False),
    ("resolution", 1.0, False),
    ("pixel_spacing", 1.0, False),
    ("pixelspacing", 1.0, False),
    ("elementspacing", 1.0, True),
    ("pixdim", 1.0, True),
    ("zooms", 1.0, True),
)


@dataclass(frozen=True)
class Entry:
    """An array of an archive that may be a scan.

    Parameters
    ----------
    name
        Its path inside, without the leading ``/``.
    shape
        As the file has it.
    dtype
        Of its numbers.
    mask
        Whether its name says that it holds a mask.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    mask: bool


@dataclass(frozen=True)
class _Reading:
    """How the axes of an array make a scan.

    Parameters
    ----------
    shape
        (z, y, x).
    volumes
        How many volumes it holds.
    colour
        Whether each voxel keeps three channels.
    read
        ``read(dataset, first, last, volume)`` gives the slices from first to last, ``[z, y, x(, c)]``.
    along
        Axis of the file along which the slices lie, or None for a single one.
    """

    shape: tuple[int, int, int]
    volumes: int
    colour: bool
    read: Callable[[Any, int, int, int], Array]
    along: int | None


def entries_of(path: Path) -> tuple[Entry, ...]:
    """List the arrays of an archive that may be scans or masks, in the order of their names.

    Raises
    ------
    InputError
        ``archive-unreadable``; ``archive-elsewhere`` if all there is are links to other files.
    """
    try:
        with opened_hdf5(path) as archive:
            found, elsewhere = _walk(archive)
    except _FAULTS as error:
        raise InputError("archive-unreadable", file=path.name) from error
    if not found and elsewhere:
        raise InputError("archive-elsewhere", file=path.name)
    return tuple(sorted(found, key=lambda entry: entry.name))


def pick(path: Path, wanted: str, entries: tuple[Entry, ...]) -> tuple[str, str]:
    """Return the name of the array that is the scan, and of the one that is its mask or empty.

    Raises
    ------
    InputError
        ``dataset-needed`` if several may be meant, ``dataset-unknown``, ``archive-no-scan``.
    """
    if wanted.strip("/"):
        name = wanted.strip("/")
        if name not in {entry.name for entry in entries}:
            raise InputError("dataset-unknown", file=path.name, dataset=name, datasets=_names(entries))
    else:
        scans = [entry for entry in entries if not entry.mask] or list(entries)
        if not scans:
            raise InputError("archive-no-scan", file=path.name)
        if len(scans) > 1:
            raise InputError("dataset-needed", file=path.name, datasets=_names(entries), count=len(entries))
        name = scans[0].name
    shape = next(entry.shape for entry in entries if entry.name == name)
    masks = [entry.name for entry in entries if entry.mask and entry.name != name and _alike(entry.shape, shape)]
    return name, masks[0] if len(masks) == 1 else ""


def open_archive(source: Source) -> OpenScan:
    """Open one array of an archive as a scan.

    Parameters
    ----------
    source
        ``source.dataset`` picks one of several arrays, ``source.volume`` one of its volumes.

    Raises
    ------
    InputError
        ``archive-unreadable``, ``archive-no-scan``, ``archive-elsewhere``, ``archive-filter``,
        ``dataset-needed``, ``dataset-unknown``, ``file-too-large``, ``file-empty``,
        ``volume-needed``, ``volume-unknown``.
    """
    path = source.files[0]
    try:
        return _open(path, source)
    except MemoryError as error:
        raise InputError("file-too-large", file=path.name) from error
    except _FAULTS as error:
        raise InputError("archive-unreadable", file=path.name) from error


def _open(path: Path, source: Source) -> OpenScan:
    entries = entries_of(path)
    name, mask = pick(path, source.dataset, entries)
    archive = opened_hdf5(path)
    dataset: Any = checked(archive, name, path)
    matlab = _is_matlab(archive, dataset)
    reading = _reading(tuple(int(count) for count in dataset.shape), dataset.dtype, matlab)
    if reading is None:
        raise InputError("archive-no-scan", file=path.name)
    dtype = native(dataset.dtype)
    shape = reading.shape + ((3,) if reading.colour else ())
    check_budget(path, int(np.prod(shape, dtype=object)) * dtype.itemsize)
    if dataset.id.get_storage_size() == 0:
        raise InputError("file-empty", file=path.name)
    volume = choose(path, source.volume, reading.volumes)
    facts: dict[str, str | int | float] = {"format": "matlab" if matlab else "hdf5"}
    facts |= {"datasets": len(entries)} if len(entries) > 1 else {}
    # names of arrays may be names of people: only that there is one is kept
    facts |= {"mask_dataset": 1} if mask else {}
    facts |= {"volume": volume, "volumes": reading.volumes} if reading.volumes > 1 else {}
    header = Volume(
        array=np.empty(0, dtype),
        geometry=_geometry(path, archive, dataset, reading.shape),
        channels=("R", "G", "B") if reading.colour else (),
        facts=facts,
    )
    return OpenScan(header, shape, dtype, _Slabs(path, archive, dataset, reading, volume, dtype).slice)


class _Slabs:
    """Slices of an array, read as many at a time as one row of its chunks holds."""

    def __init__(
        self, path: Path, archive: h5py.File, dataset: Any, reading: _Reading, volume: int, dtype: np.dtype[Any]
    ) -> None:
        self._path = path
        # an array does not keep its file open
        self._archive = archive
        self._dataset = dataset
        self._reading = reading
        self._volume = volume
        self._dtype = dtype
        depth = 1
        if dataset.chunks is not None and reading.along is not None:
            one = max(1, int(np.prod(dataset.shape, dtype=object)) // reading.shape[0] * dataset.dtype.itemsize)
            depth = max(1, min(int(dataset.chunks[reading.along]), _SLAB // one))
        self._depth = depth
        self._from = -1
        self._slab: Array = np.empty(0, dtype)

    def slice(self, index: int) -> Array:
        first = index // self._depth * self._depth
        if first != self._from:
            last = min(first + self._depth, self._reading.shape[0])
            try:
                slab = self._reading.read(self._dataset, first, last, self._volume)
            except _FAULTS as error:
                raise InputError("archive-unreadable", file=self._path.name) from error
            self._slab, self._from = slab.astype(self._dtype, copy=False), first
        return np.asarray(self._slab[index - first])


def _walk(archive: h5py.File) -> tuple[list[Entry], bool]:
    """Return what may be a scan, and whether something leads to other files."""
    found: list[Entry] = []
    seen: set[Any] = set()
    elsewhere = False
    waiting: list[tuple[str, Any, int]] = [("", archive, 0)]
    looked = 0
    while waiting and looked < MAX_OBJECTS:
        prefix, group, depth = waiting.pop(0)
        for key in group:
            looked += 1
            if looked >= MAX_OBJECTS:
                break
            link = group.get(key, getlink=True)
            if not isinstance(link, h5py.HardLink):
                # what a link within the file names is found by itself
                elsewhere |= isinstance(link, h5py.ExternalLink)
                continue
            one = group.get(key)
            where = h5py.h5o.get_info(one.id) if one is not None and not isinstance(one, h5py.Datatype) else None
            if where is None or (where.fileno, where.addr) in seen:
                continue
            seen.add((where.fileno, where.addr))
            if isinstance(one, h5py.Group) and depth < _DEEPEST and key not in _MATLAB_OWN:
                waiting.append((f"{prefix}{key}/", one, depth + 1))
            elif isinstance(one, h5py.Dataset):
                elsewhere |= bool(one.is_virtual or one.external)
                found += _entry(f"{prefix}{key}", one)
    return found, elsewhere


def _entry(name: str, dataset: Any) -> list[Entry]:
    shape = dataset.shape
    if shape is None or dataset.dtype.kind not in "iufb" or dataset.is_virtual or dataset.external:
        return []
    counts = tuple(int(count) for count in shape)
    if _reading(counts, dataset.dtype, "MATLAB_class" in dataset.attrs) is None:
        return []
    return [Entry(name, counts, dataset.dtype.str, _is_mask(name))]


def _is_mask(name: str) -> bool:
    own = re.sub(r"[^a-z]", "", name.rsplit("/", 1)[-1].casefold())
    return own in _MASK_NAMES or _MASK_WORDS.search(own) is not None


def _alike(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two arrays have the same rows and columns (a last axis of channels does not count)."""

    def bare(shape: tuple[int, ...]) -> tuple[int, ...]:
        counts = [count for count in shape if count > 1]
        return tuple(counts[:-1] if len(counts) > 2 and counts[-1] <= _MOST_CHANNELS else counts)

    return bare(one) == bare(other)


def _names(entries: tuple[Entry, ...]) -> str:
    """Name the arrays with their sizes, a long list shortened."""
    words = [f"{entry.name} ({' x '.join(map(str, entry.shape))})" for entry in entries[:_MOST_NAMED]]
    return ", ".join(words) + (", ..." if len(entries) > _MOST_NAMED else "")


def _is_matlab(archive: h5py.File, dataset: Any) -> bool:
    return archive.userblock_size >= 512 and "MATLAB_class" in dataset.attrs


def _reading(shape: tuple[int, ...], dtype: np.dtype[Any], matlab: bool) -> _Reading | None:
    """Say how the axes of an array make a scan, or None if they do not."""
    if not 2 <= len(shape) <= 8 or min(shape) < 1:
        return None
    # axes of one are no axes; but a single row or column is no picture either
    kept = [axis for axis, count in enumerate(shape) if count > 1]
    if not 2 <= len(kept) <= 4:
        return None
    order = kept[::-1] if matlab else kept
    counts = [shape[axis] for axis in order]
    if matlab:
        # rows, columns, then the rest: as [rest..., rows, columns]
        order = [*order[:1:-1], *order[:2]] if not _colours(counts, dtype) else order
        counts = [shape[axis] for axis in order]
    channels = counts[-1] if len(counts) > 2 and counts[-1] <= _MOST_CHANNELS < min(counts[-3:-1]) else 0
    spatial, picked = order, None
    if channels:
        spatial, picked = order[:-1], order[-1]
    elif len(order) == 4:
        # [n, c, y, x] as networks are fed, or [t, z, y, x]
        second = counts[1] <= _MOST_CHANNELS < counts[0]
        picked = order[1] if second else order[0]
        spatial = [axis for axis in order if axis != picked]
    if not 2 <= len(spatial) <= 3 or min(shape[axis] for axis in spatial[-2:]) < _LEAST:
        return None
    if len(order) == 2 and counts == [_LEAST, _LEAST]:
        # an affine
        return None
    colour = bool(channels) and (channels == 3 or (channels == 4 and dtype == np.uint8))
    sizes = [shape[axis] for axis in spatial]
    z, y, x = sizes if len(sizes) == 3 else (1, *sizes)
    along = spatial[0] if len(spatial) == 3 else None
    read = _reader(len(shape), spatial, picked, colour)
    return _Reading((z, y, x), 1 if colour or picked is None else shape[picked], colour, read, along)


def _colours(counts: list[int], dtype: np.dtype[Any]) -> bool:
    return len(counts) == 3 and counts[2] in (3, 4) and dtype == np.uint8


def _reader(axes: int, spatial: list[int], picked: int | None, colour: bool) -> Callable[[Any, int, int, int], Array]:
    def read(dataset: Any, first: int, last: int, volume: int) -> Array:
        where: list[Any] = [0] * axes
        for axis in spatial:
            where[axis] = slice(None)
        if len(spatial) == 3:
            where[spatial[0]] = slice(first, last)
        if picked is not None:
            where[picked] = slice(0, 3) if colour else volume
        taken: Array = np.asarray(dataset[tuple(where)])
        left = sorted([*spatial, *([picked] if colour and picked is not None else [])])
        wanted = [*spatial, *([picked] if colour else [])]
        taken = taken.transpose([left.index(axis) for axis in wanted if axis is not None])
        return taken if len(spatial) == 3 else taken[None]

    return read


def _geometry(path: Path, archive: h5py.File, dataset: Any, shape: tuple[int, int, int]) -> Geometry:
    sizes = _sizes(path, dataset) or _sizes(path, dataset.parent) or _sizes(path, archive)
    if sizes is None:
        return Geometry.of_picture(shape[1], shape[2], shape[0])
    z, y, x = sizes
    return Geometry(shape, np.diag([-x, -y, z, 1.0]), True, False)


def _sizes(path: Path, holder: Any) -> tuple[float, float, float] | None:
    """Return the voxel size (z, y, x) in mm that an object's attributes tell, or None."""
    names = {str(name).casefold(): name for name in holder.attrs}
    for wanted, scale, x_first in _SIZES:
        if wanted not in names:
            continue
        try:
            found = np.atleast_1d(np.asarray(attribute(holder, names[wanted], path), dtype=np.float64)).ravel() * scale
        except (TypeError, ValueError, OSError):
            continue
        if found.size not in (1, 2, 3) or not np.isfinite(found).all() or (found <= 0).any():
            continue
        full = np.repeat(found, 3) if found.size == 1 else found
        if full.size == 2:
            full = np.append(full, 1.0) if x_first else np.insert(full, 0, 1.0)
        z, y, x = full[::-1] if x_first else full
        return float(z), float(y), float(x)
    return None
