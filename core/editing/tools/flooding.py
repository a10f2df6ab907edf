"""A watershed from markers that can be stopped, and that a large scan does not make wait for minutes.

Flooding takes a second per million voxels and cannot be asked in between. So a scan is
flooded in coarse blocks first; where a block and its neighbours agree that is certain,
and only the seam between two kinds is flooded anew, in finer and finer voxels and slab
by slab. Seeds keep their own on every level, and where one disagrees with its block the
seam is there too, so that a thin stroke counts for what it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from core.editing.tools.stopping import OnSlice, Stopped, quiet, share_of
from core.geometry import bounding_box

Slabs = Callable[[int, int], NDArray[np.float32]]
"""Gives the values of slices ``start`` to ``end`` (without it), float32 ``[z, y, x]``."""
Kinds = NDArray[np.uint8]
Factors = tuple[int, int, int]
_Kind = TypeVar("_Kind", np.uint8, np.bool_, np.float32)

_DIRECT = 1 << 19
"""So many voxels are flooded at once."""
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
    all_factors = _factors(seeds.shape, spacing)
    found: Kinds | None = None
    begun = 0.0
    for number, factors in enumerate(all_factors):
        sizes = tuple(size * factor for size, factor in zip(spacing, factors, strict=True))
        level = _Level(values, len(seeds), factors, (sizes[0], sizes[1], sizes[2]))
        marks = _marks(seeds, factors)
        # each level has about four times the seam of the one before
        ends = 0.25 ** (len(all_factors) - 1 - number)
        part, begun = share_of(on, begun, ends), ends
        if found is None:
            if not part(0, 1):
                raise Stopped
            found = _flooded(level.cost(0, len(marks)), marks)
        else:
            before = all_factors[number - 1]
            ratio = (before[0] // factors[0], before[1] // factors[1], before[2] // factors[2])
            found = _refined(level, marks, found, ratio, part)
    assert found is not None
    return found


def _factors(shape: tuple[int, ...], spacing: tuple[float, float, float]) -> list[Factors]:
    """Return the blocks of each level, the coarsest first: as even in mm as doubling allows."""
    found: list[Factors] = [(1, 1, 1)]
    while True:
        last = found[-1]
        blocks = [-(-count // factor) for count, factor in zip(shape, last, strict=True)]
        if int(np.prod(blocks, dtype=np.int64)) <= _DIRECT:
            return found[::-1]
        sizes = [size * factor for size, factor in zip(spacing, last, strict=True)]
        least = min(size for size, count in zip(sizes, blocks, strict=True) if count > 1)
        more = [
            factor * 2 if size < 1.5 * least and count > 1 else factor
            for factor, size, count in zip(last, sizes, blocks, strict=True)
        ]
        found.append((more[0], more[1], more[2]))


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


def _flooded(cost: NDArray[np.float32], marks: Kinds, within: NDArray[np.bool_] | None = None) -> Kinds:
    # half a second that only those pay who use it
    from skimage.segmentation import watershed

    return np.asarray(watershed(cost, marks.astype(np.int32), mask=within), dtype=np.uint8)


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
        guess = _finer(coarse, ratio, low, high, marks.shape)
        seam = ~_finer(certain, ratio, low, high, marks.shape)
        given = marks[low:high]
        _flood_seam(lambda: level.cost(low, high), guess, seam, given)  # noqa: B023 - called at once
        result[start:end] = guess[start - low : end - low]
    seeded = marks > 0
    result[seeded] = marks[seeded]
    return result


def _flood_seam(cost: Callable[[], NDArray[np.float32]], guess: Kinds, seam: NDArray[np.bool_], given: Kinds) -> None:
    """Flood the seam of a slab from what is certain beside it and from its seeds (``guess`` in place)."""
    wide = _widened(seam)
    box = bounding_box(wide)
    if box is None or not seam.any():
        return
    inside, open_ = guess[box.slices], seam[box.slices]
    known = np.where(open_, np.uint8(0), inside)
    np.copyto(known, given[box.slices], where=given[box.slices] > 0)
    if not known.any():
        return
    found = _flooded(np.ascontiguousarray(cost()[box.slices]), known, wide[box.slices])
    np.copyto(inside, found, where=open_ & (found > 0))


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
