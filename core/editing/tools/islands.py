"""Connected parts of a mask, through faces; worked out slab by slab, so that it can be stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.editing.tools.stopping import OnSlice, Stopped, quiet
from core.geometry import Box, bounding_box

Mask = NDArray[np.bool_]
Numbers = NDArray[np.int32]

_SLAB = 1 << 22
"""Voxels that are parted between two looks at whether somebody stopped it: some 50 ms."""


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a mask.

    Parameters
    ----------
    box
        Around the mask; empty if there is none.
    numbers
        int32 of the box's shape: 0 nothing, 1 the largest part, 2 the next ...
    sizes
        Voxels of each part, the largest first, int64.
    """

    box: Box
    numbers: Numbers
    sizes: NDArray[np.int64]

    def where(self, wanted: NDArray[np.bool_], shape: tuple[int, ...]) -> Mask:
        """Return the voxels of some parts, bool of a shape; ``wanted`` has one entry per part and one for nothing."""
        found = np.zeros(shape, dtype=np.bool_)
        inside = found[self.box.slices]
        chosen = np.flatnonzero(wanted)
        for z, plane in enumerate(self.numbers):
            # comparing is several times as fast as looking up
            inside[z] = plane == chosen[0] if len(chosen) == 1 else wanted[plane]
        return found


def parts_of(mask: Mask, on: OnSlice = quiet) -> Parts:
    """Part a mask ``[z, y, x]`` through faces (6); a slice ``[1, row, column]`` along edges (4).

    Raises
    ------
    Stopped
        If ``on`` said so.
    """
    box = bounding_box(mask) or Box((0, 0, 0), (0, 0, 0))
    inner = mask[box.slices]
    numbers, joins, count = _slabs(inner, on)
    if not count:
        return Parts(box, numbers, np.zeros(0, dtype=np.int64))
    whole = _joined(joins, count)
    if whole.max() == 1:
        # as a rule: no need to count and to rename
        np.minimum(numbers, 1, out=numbers)
        return Parts(box, numbers, np.array([np.count_nonzero(inner)], dtype=np.int64))
    sizes = np.zeros(int(whole.max()) + 1, dtype=np.int64)
    for slab in _in_slabs(numbers):
        found = np.bincount(slab.ravel(), minlength=count + 1)
        sizes += np.bincount(whole, weights=found, minlength=len(sizes)).astype(np.int64)
    order = np.argsort(-sizes[1:], kind="stable") + 1
    rank = np.zeros(len(sizes), dtype=np.int32)
    rank[order] = np.arange(1, len(sizes), dtype=np.int32)
    final = rank[whole]
    for plane in numbers:
        # a slice at a time: the lookup is as large as what it looks up
        plane[...] = final[plane]
    return Parts(box, numbers, np.asarray(sizes[order], dtype=np.int64))


def _slabs(inner: Mask, on: OnSlice) -> tuple[Numbers, list[NDArray[np.int32]], int]:
    """Part each slab by itself; return the numbers, which of neighbouring slabs touch, and how many there are."""
    from scipy import ndimage  # slow to load: not before it is needed

    numbers: Numbers = np.zeros(inner.shape, dtype=np.int32)
    thick = _thick(inner.shape)
    joins: list[NDArray[np.int32]] = []
    count = 0
    for start in range(0, len(inner), thick):
        if not on(start, len(inner)):
            raise Stopped
        slab = numbers[start : start + thick]
        found = ndimage.label(inner[start : start + thick], output=slab)
        if count:
            np.add(slab, np.int32(count), out=slab, where=slab > 0)
            above, below = numbers[start - 1], numbers[start]
            both = (above > 0) & (below > 0)
            joins.append(np.unique(np.stack((above[both], below[both])), axis=1))
        count += int(found)
    return numbers, joins, count


def _thick(shape: tuple[int, ...]) -> int:
    """Return how many slices make a slab."""
    return max(1, _SLAB // max(1, int(np.prod(shape[1:]))))


def _in_slabs(numbers: Numbers) -> Iterator[Numbers]:
    thick = _thick(numbers.shape)
    for start in range(0, len(numbers), thick):
        yield numbers[start : start + thick]


def _joined(joins: list[NDArray[np.int32]], count: int) -> NDArray[np.int32]:
    """Return which whole each part of a slab belongs to, int32 ``[count + 1]``: 0 is nothing, then in order."""
    if not joins:
        return np.arange(count + 1, dtype=np.int32)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = np.concatenate(joins, axis=1)
    ones = np.ones(pairs.shape[1], dtype=np.bool_)
    graph = coo_array((ones, (pairs[0], pairs[1])), shape=(count + 1, count + 1))
    _number, whole = connected_components(graph, directed=False)
    # numbers are given in the order in which parts come, and nothing comes first
    return np.asarray(whole, dtype=np.int32)


def islands(mask: Mask) -> tuple[Numbers, NDArray[np.int64]]:
    """Give numbers to the connected parts of a mask (through faces), the largest first.

    Returns
    -------
    tuple
        int32 ``[z, y, x]``, 1 for the largest part, and the voxels of each.
    """
    parts = parts_of(mask)
    numbers: Numbers = np.zeros(mask.shape, dtype=np.int32)
    numbers[parts.box.slices] = parts.numbers
    return numbers, parts.sizes


def keep_largest(mask: Mask, on: OnSlice = quiet) -> Mask:
    """Return the largest connected part alone."""
    parts = parts_of(mask, on)
    return parts.where(np.arange(len(parts.sizes) + 1) == 1, mask.shape)


def without_small(mask: Mask, least: int, on: OnSlice = quiet) -> Mask:
    """Return a mask without parts of fewer than ``least`` voxels."""
    parts = parts_of(mask, on)
    return parts.where(np.concatenate(([False], parts.sizes >= least)), mask.shape)


def island_at(mask: Mask, at: tuple[int, int, int], on: OnSlice = quiet) -> Mask:
    """Return the connected part that holds a voxel (z, y, x); empty if that is background."""
    if not mask[at]:
        return np.zeros(mask.shape, dtype=np.bool_)
    parts = parts_of(mask, on)
    inside = tuple(place - low for place, low in zip(at, parts.box.low, strict=True))
    number = int(parts.numbers[inside])
    return parts.where(np.arange(len(parts.sizes) + 1) == number, mask.shape)


def holes_in_space(mask: Mask, on: OnSlice = quiet) -> Mask:
    """Return the background that a mask ``[z, y, x]`` encloses in space.

    Outside of the mask's box is background up to the rim, so what touches a face of
    the box is no hole.
    """
    result = np.zeros(mask.shape, dtype=np.bool_)
    box = bounding_box(mask)
    if box is None:
        return result
    parts = parts_of(~mask[box.slices], on)
    if not len(parts.sizes):
        return result
    enclosed = np.ones(len(parts.sizes) + 1, dtype=np.bool_)
    enclosed[0] = False
    numbers, low, high = parts.numbers, parts.box.low, parts.box.high
    for axis, size in enumerate(box.shape):
        # the parts' own box may end before the face
        if low[axis] == 0:
            enclosed[np.take(numbers, 0, axis)] = False
        if high[axis] == size:
            enclosed[np.take(numbers, -1, axis)] = False
    result[box.slices] = parts.where(enclosed, box.shape)
    return result
