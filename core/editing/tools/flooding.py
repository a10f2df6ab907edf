"""A watershed from markers that can be stopped, and that a large scan does not make wait for minutes.

Flooding takes a second per million voxels and cannot be asked in between. So it rises in
stages: first all that costs little, then what costs more, each stage from the shore of the
one before; that is the order in which a flood rises anyway. And a large scan is flooded in
blocks of two voxels a side first. Where a block and its neighbours agree that is certain,
and only the seam between two kinds is flooded anew in single voxels, slab by slab. Seeds
keep their own, and where one disagrees with its block the seam is there too, so that a
thin stroke counts for what it is. Larger blocks would be faster still, but lose regions of
a few voxels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core.editing.tools.stopping import OnSlice, Stopped, quiet, share_of
from core.geometry import Box, bounding_box

Slabs = Callable[[int, int], NDArray[np.float32]]
"""Gives the values of slices ``start`` to ``end`` (without it), float32 ``[z, y, x]``."""
Kinds = NDArray[np.uint8]
Factors = tuple[int, int, int]
_Kind = TypeVar("_Kind", np.uint8, np.bool_, np.float32)

_DIRECT = 1 << 20
"""So many voxels are flooded without blocks."""
_STAGE = 1 << 18
"""So many voxels rise in a stage: a quarter of a second."""
_SAMPLE = 300_000
"""Voxels that the levels of the stages are found on."""
_SLAB = 24
"""Slices of a slab in which a seam is flooded ..."""
_HALO = 6
"""... with so many on either side, in which the flood may come from beyond."""
_REACH = 5
"""Slices on either side that the slope of a slice depends on (a Gaussian of one voxel, cut at four)."""


@dataclass(frozen=True, eq=False)
class _Level:
    """The scan in blocks: how many voxels one is along each axis, its size, and what it costs to flood."""

    values: Slabs
    depth: int
    factors: Factors
    sizes: tuple[float, float, float]

    def cost(self, start: int, end: int) -> NDArray[np.float32]:
        """Return how steep the values are on slices of blocks ``start`` to ``end``."""
        blocks = -(-self.depth // self.factors[0])
        low, high = max(0, start - _REACH), min(blocks, end + _REACH)
        thick = self.factors[0]
        fine = self.values(low * thick, min(self.depth, high * thick))
        return _steepness(_means(fine, self.factors), self.sizes)[start - low : end - low]


def flood(values: Slabs, seeds: Kinds, spacing: tuple[float, float, float], on: OnSlice = quiet) -> Kinds:
    """Give every voxel the kind of the seed that floods it first.

    Parameters
    ----------
    values
        0..1.
    seeds
        uint8 ``[z, y, x]``, 0 where nothing is said.
    spacing
        Voxel size along (z, y, x).
    on
        Told (done, total); False stops.

    Returns
    -------
    ndarray
        uint8 ``[z, y, x]``.

    Raises
    ------
    Stopped
        If ``on`` said so.
    """
    factors = _factors(seeds.shape, spacing)
    fine = _Level(values, len(seeds), (1, 1, 1), spacing)
    if factors == (1, 1, 1):
        return _flooded(_all_cost(fine, len(seeds), share_of(on, 0.0, 0.2)), seeds, share_of(on, 0.2, 1.0))
    sizes = (spacing[0] * factors[0], spacing[1] * factors[1], spacing[2] * factors[2])
    coarse = _Level(values, len(seeds), factors, sizes)
    marks = _marks(seeds, factors)
    cost = _all_cost(coarse, len(marks), share_of(on, 0.0, 0.1))
    found = _flooded(cost, marks, share_of(on, 0.1, 0.6))
    return _refined(fine, seeds, found, factors, share_of(on, 0.6, 1.0))


def _all_cost(level: _Level, depth: int, on: OnSlice) -> NDArray[np.float32]:
    """Return the cost of all slices, worked out slab by slab."""
    parts = []
    for start in range(0, depth, _SLAB):
        if not on(start, depth):
            raise Stopped
        parts.append(level.cost(start, min(depth, start + _SLAB)))
    return np.concatenate(parts)


def _factors(shape: tuple[int, ...], spacing: tuple[float, float, float]) -> Factors:
    """Return the blocks of a large scan: two voxels along an axis, one where voxels are much longer already."""
    if int(np.prod(shape, dtype=np.int64)) <= _DIRECT:
        return 1, 1, 1
    least = min(size for size, count in zip(spacing, shape, strict=True) if count > 1)
    found = [2 if size < 1.5 * least and count > 1 else 1 for size, count in zip(spacing, shape, strict=True)]
    return found[0], found[1], found[2]


def _blocks(array: NDArray[_Kind], factors: Factors, *, edge: bool = False) -> NDArray[_Kind]:
    """Return an array as ``[z, in z, y, in y, x, in x]``, filled up at its ends."""
    rest = [(0, -count % factor) for count, factor in zip(array.shape, factors, strict=True)]
    filled = array
    if any(end for _, end in rest):
        filled = np.pad(array, rest, mode="edge") if edge else np.pad(array, rest)
    shape = [part for count, factor in zip(filled.shape, factors, strict=True) for part in (count // factor, factor)]
    return np.asarray(filled.reshape(shape))


def _means(values: NDArray[np.float32], factors: Factors) -> NDArray[np.float32]:
    if factors == (1, 1, 1):
        return values
    return np.asarray(_blocks(values, factors, edge=True).mean(axis=(1, 3, 5)), dtype=np.float32)


def _marks(seeds: Kinds, factors: Factors) -> Kinds:
    """Return the seeds of blocks; a block with seeds of two kinds has none: finer levels part them."""
    if factors == (1, 1, 1):
        return seeds
    blocks = _blocks(seeds, factors)
    most = blocks.max(axis=(1, 3, 5))
    # in whole numbers of eight bits one less than nothing is the most, so that nothing loses
    least = (blocks - np.uint8(1)).min(axis=(1, 3, 5)) + np.uint8(1)
    return np.asarray(np.where(most == least, most, 0), dtype=np.uint8)


def _steepness(values: NDArray[np.float32], sizes: tuple[float, float, float]) -> NDArray[np.float32]:
    from scipy import ndimage  # slow to load: not before it is needed

    finest = min(sizes)
    squares = np.zeros(values.shape, dtype=np.float32)
    for axis, (size, count) in enumerate(zip(sizes, values.shape, strict=True)):
        if count > 1:
            soft = ndimage.gaussian_filter1d(values, finest / size, axis=axis)
            squares += np.square(np.gradient(soft, size / finest, axis=axis))
    return np.sqrt(squares)


def _flooded(cost: NDArray[np.float32], marks: Kinds, on: OnSlice) -> Kinds:
    """Flood the whole, in stages."""
    stages = -(-cost.size // _STAGE)
    step = max(1, cost.size // _SAMPLE)
    levels = np.quantile(cost.ravel()[::step], np.arange(1, stages) / stages)
    found = marks.copy()
    for number, level in enumerate((*levels, np.inf)):
        if not on(number, stages):
            raise Stopped
        _rise(lambda box: cost[box.slices], found, (found == 0) & (cost <= level))
    return found


def _rise(cost: Callable[[Box], NDArray[np.float32]], found: Kinds, within: NDArray[np.bool_]) -> None:
    """Flood a region from what is known beside it and in it (``found`` in place)."""
    # half a second that only those pay who use it
    from skimage.segmentation import watershed

    wide = _widened(within)
    box = bounding_box(wide)
    if box is None or not within.any():
        return
    inside, mask = found[box.slices], wide[box.slices]
    risen = watershed(np.ascontiguousarray(cost(box)), inside.astype(np.int32), mask=mask).astype(np.uint8)
    np.copyto(inside, risen, where=within[box.slices] & (risen > 0))


def _refined(level: _Level, marks: Kinds, coarse: Kinds, ratio: Factors, on: OnSlice) -> Kinds:
    """Flood the seams of a coarser level anew."""
    certain = _certain(coarse, marks, ratio)
    depth = len(marks)
    result: Kinds = np.empty(marks.shape, dtype=np.uint8)
    for start in range(0, depth, _SLAB):
        if not on(start, depth):
            raise Stopped
        end = min(depth, start + _SLAB)
        low, high = max(0, start - _HALO), min(depth, end + _HALO)
        known = _finer(coarse, ratio, low, high, marks.shape)
        guess = known.copy()
        given = marks[low:high]
        seam = ~_finer(certain, ratio, low, high, marks.shape)
        known[seam] = 0
        np.copyto(known, given, where=given > 0)
        _rise(lambda box: level.cost(low, high)[box.slices], known, seam & (given == 0))  # noqa: B023 - called at once
        result[start:end] = np.where(known > 0, known, guess)[start - low : end - low]
    return result


def _certain(coarse: Kinds, marks: Kinds, ratio: Factors) -> NDArray[np.bool_]:
    """Return the blocks all of whose neighbours are of their kind and hold no seed of another."""
    from scipy import ndimage  # slow to load: not before it is needed

    most = ndimage.maximum_filter(coarse, size=3, mode="nearest")
    least = ndimage.minimum_filter(coarse, size=3, mode="nearest")
    blocks = _blocks(marks, ratio)
    own = coarse[:, None, :, None, :, None]
    doubted = ((blocks > 0) & (blocks != own)).any(axis=(1, 3, 5))
    return np.asarray((most == least) & ~ndimage.maximum_filter(doubted, size=3, mode="constant"))


def _finer(blocks: NDArray[_Kind], ratio: Factors, low: int, high: int, shape: tuple[int, ...]) -> NDArray[_Kind]:
    """Return slices ``low`` to ``high`` of a finer level, each with its block's value."""
    first = low // ratio[0]
    part = blocks[first : -(-high // ratio[0])]
    for axis, times in enumerate(ratio):
        if times > 1:
            part = np.repeat(part, times, axis=axis)
    start = low - first * ratio[0]
    return np.ascontiguousarray(part[start : start + high - low, : shape[1], : shape[2]])


def _widened(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a region with the voxels that share a face with it."""
    wide = region.copy()
    for axis in range(3):
        ahead: list[slice] = [slice(None)] * 3
        behind: list[slice] = [slice(None)] * 3
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        wide[tuple(ahead)] |= region[tuple(behind)]
        wide[tuple(behind)] |= region[tuple(ahead)]
    return wide
