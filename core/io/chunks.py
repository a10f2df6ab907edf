"""Chunks of an HDF5 data set packed and unpacked outside of HDF5, several times as fast, byte for byte the same.

The data set is an ordinary one (shuffle and deflate): any program reads it. HDF5's
own filters work one chunk at a time with zlib; here isal packs, and threads unpack.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import cast

import numpy as np
from isal import isal_zlib

from core.geometry import Array
from core.io.limits import thread_gives_way
from core.late import h5py

LEVEL = 1
_ZLIB = 15
_THREADS = max(1, min(4, os.cpu_count() or 1))
_AHEAD = 4 * _THREADS
"""Packed chunks that wait for a thread: more would only take memory."""
_FILTERS = (2, 1)
"""HDF5's own numbers of shuffle and deflate (``H5Z_FILTER_SHUFFLE``, ``H5Z_FILTER_DEFLATE``)."""
# a class, whatever its stub says
_FAULT = cast(type[Exception], isal_zlib.error)


def write(voxels: h5py.Dataset, array: Array) -> None:
    """Fill a data set made with chunks ``(1, rows, ...)``, ``shuffle`` and ``compression="gzip"``.

    Parameters
    ----------
    voxels
        Empty, of the array's shape.
    array
        ``[z, y, x]`` or ``[z, y, x, c]``.
    """
    rows = voxels.chunks[1]
    for index in range(array.shape[0]):
        for row in range(0, array.shape[1], rows):
            packed = _packed(np.asarray(array[index, row : row + rows], voxels.dtype), rows)
            voxels.id.write_direct_chunk((index, row, *(0,) * (array.ndim - 2)), packed)


def _packed(part: Array, rows: int) -> bytes:
    """Pack rows of a slice as the filters would: bytes of one weight together, then zlib (which has a checksum).

    The last chunk of a slice is as large as the others.
    """
    if len(part) < rows:
        part = np.concatenate((part, np.zeros((rows - len(part), *part.shape[1:]), part.dtype)))
    weights = np.ascontiguousarray(part).reshape(-1).view(np.uint8).reshape(-1, part.dtype.itemsize)
    return isal_zlib.compress(np.ascontiguousarray(weights.T).tobytes(), LEVEL, _ZLIB)


def read(voxels: h5py.Dataset, start: int, stop: int) -> Array:
    """Return the slices ``start <= z < stop``.

    Raises
    ------
    OSError
        If a chunk is damaged.
    """
    if not _own(voxels):
        return np.asarray(voxels[start:stop])
    start, stop = max(0, start), min(stop, voxels.shape[0])
    result = np.empty((max(0, stop - start), *voxels.shape[1:]), voxels.dtype)
    _fill(result, voxels, range(start, stop), start, _nothing)
    return result


def read_into(result: Array, voxels: h5py.Dataset, order: Iterable[int], on_slice: Callable[[int], None]) -> None:
    """Fill an array of the data set's shape, slice by slice in the order wanted.

    Parameters
    ----------
    result
        ``[z, y, x]`` or ``[z, y, x, c]``.
    order
        Every slice once.
    on_slice
        Called with each slice that is there.

    Raises
    ------
    OSError
        If a chunk is damaged.
    """
    if not _own(voxels):
        for index in order:
            result[index] = voxels[index]
            on_slice(index)
        return
    _fill(result, voxels, order, 0, on_slice)


def _fill(
    result: Array, voxels: h5py.Dataset, order: Iterable[int], start: int, on_slice: Callable[[int], None]
) -> None:
    waiting: deque[tuple[int, Future[None]]] = deque()

    def take() -> None:
        index, last = waiting.popleft()
        last.result()
        if not waiting or waiting[0][0] != index:
            on_slice(index)

    with ThreadPoolExecutor(_THREADS, "unpack", initializer=thread_gives_way) as pool:
        # HDF5 hands one chunk over at a time; what takes long is unpacking
        for index in order:
            for job in _stored(voxels, index, index + 1, start):
                waiting.append((index, pool.submit(_unpack, result, *job)))
            while len(waiting) > _AHEAD:
                take()
        while waiting:
            take()


def _nothing(_index: int) -> None:
    """Hear of a slice that nobody waits for."""


def slices(voxels: h5py.Dataset) -> Iterator[Array]:
    """Return slice after slice; raises as :func:`read`."""
    for index in range(voxels.shape[0]):
        if not _own(voxels):
            yield np.asarray(voxels[index])
            continue
        one = np.empty((1, *voxels.shape[1:]), voxels.dtype)
        for job in _stored(voxels, index, index + 1, index):
            _unpack(one, *job)
        yield one[0]


def _own(voxels: h5py.Dataset) -> bool:
    """Whether the chunks are packed as :func:`write` does (older files have a checksum more)."""
    plan = voxels.id.get_create_plist()
    found = tuple(plan.get_filter(place)[0] for place in range(plan.get_nfilters()))
    whole = voxels.chunks is not None and voxels.chunks[0] == 1 and voxels.chunks[2:] == voxels.shape[2:]
    return whole and found == _FILTERS


def _stored(voxels: h5py.Dataset, start: int, stop: int, zero: int) -> Iterator[tuple[int, int, int, bytes]]:
    """Return the packed chunks of some slices, counted from slice ``zero``."""
    rows = voxels.chunks[1]
    rest = (0,) * (voxels.ndim - 2)
    for index in range(start, stop):
        for row in range(0, voxels.shape[1], rows):
            skipped, packed = voxels.id.read_direct_chunk((index, row, *rest))
            if skipped:
                raise OSError("a chunk that was stored without its filters")
            yield index - zero, row, rows, packed


def _unpack(result: Array, index: int, row: int, rows: int, packed: bytes) -> None:
    dtype, shape = result.dtype, (rows, *result.shape[2:])
    try:
        raw = isal_zlib.decompress(packed, _ZLIB)
    except _FAULT as error:
        raise OSError("a damaged chunk") from error
    if len(raw) != int(np.prod(shape)) * dtype.itemsize:
        raise OSError("a chunk of another size")
    weights = np.frombuffer(raw, np.uint8).reshape(dtype.itemsize, -1)
    part = np.ascontiguousarray(weights.T).view(dtype).reshape(shape)
    there = result[index, row : row + rows]
    there[...] = part[: len(there)]
