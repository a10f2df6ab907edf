"""What a run suggests on a scan, region by region: each is accepted or rejected by itself.

A region is a connected part of what the run predicts for one label. It is open while
something of it could still be taken: accepting it, or drawing there, closes it, and
undo opens it again. What was rejected is remembered by the project
(:mod:`core.project.rejections`) under a voxel of the region, for this prediction alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.editing.tools.islands import parts_of
from core.editing.tools.stopping import OnSlice, quiet
from core.geometry import Box

Voxel = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Region:
    """One connected part of a suggestion.

    Parameters
    ----------
    number
        1 for the largest.
    voxels
        How many it has.
    at
        Its first voxel (z, y, x) in the order of the array: what it is remembered by.
    middle
        A voxel (z, y, x) of its middle slice: where to look at it.
    slices
        First and last native slice.
    """

    number: int
    voxels: int
    at: Voxel
    middle: Voxel
    slices: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Suggestion:
    """What a run suggests for one label of one scan.

    Parameters
    ----------
    run, label
        Id of the run, name of the label.
    digest
        SHA-256 of the prediction's file.
    shape
        Of the scan.
    box, numbers
        The part of the scan that holds it, and which region each voxel is of, ``[z, y, x]``; 0 is none.
    regions
        The largest first.
    """

    run: str
    label: str
    digest: str
    shape: tuple[int, int, int]
    box: Box
    numbers: NDArray[np.unsignedinteger]
    regions: tuple[Region, ...]

    def number_at(self, at: Voxel) -> int:
        """Return the region at a voxel (z, y, x) of the scan, 0 for none."""
        place = tuple(one - low for one, low in zip(at, self.box.low, strict=True))
        inside = all(0 <= one < size for one, size in zip(place, self.numbers.shape, strict=True))
        return int(self.numbers[place]) if inside else 0

    def voxels_of(self, wanted: tuple[int, ...]) -> NDArray[np.bool_]:
        """Return the voxels of some regions, bool ``[z, y, x]`` of the scan."""
        found = np.zeros(self.shape, dtype=np.bool_)
        inside = found[self.box.slices]
        table = np.zeros(len(self.regions) + 1, dtype=np.bool_)
        table[list(wanted)] = True
        for place, plane in enumerate(self.numbers):
            inside[place] = table[plane]
        return found

    def open_numbers(self, mask: NDArray[np.uint8]) -> tuple[int, ...]:
        """Return the regions of which something could still be taken: a voxel where a layer says nothing yet."""
        left = np.zeros(len(self.regions) + 1, dtype=np.bool_)
        for place, plane in zip(mask[self.box.slices], self.numbers, strict=True):
            left[plane[place == 0]] = True
        return tuple(int(number) for number in np.flatnonzero(left) if number)


def find_regions(run: str, label: str, digest: str, voxels: NDArray[np.uint8], on: OnSlice = quiet) -> Suggestion:
    """Part what a run predicts into regions, through faces.

    Parameters
    ----------
    voxels
        uint8 ``[z, y, x]``, 0 is background.

    Raises
    ------
    Stopped
        If ``on`` said so.
    """
    parts = parts_of(voxels > 0, on)
    numbers = parts.numbers.astype(np.min_scalar_type(len(parts.sizes)))
    count = len(parts.sizes)
    low, high = np.full(count + 1, -1), np.full(count + 1, -1)
    first = np.zeros((count + 1, 3), dtype=np.int64)
    for place, plane in enumerate(numbers):
        taken = np.flatnonzero(plane)
        there, order = np.unique(plane.ravel()[taken], return_index=True)
        unseen = low[there] < 0
        new = there[unseen]
        rows, columns = np.divmod(taken[order[unseen]], plane.shape[1])
        first[new] = np.stack((np.full(len(new), place), rows, columns), axis=1)
        low[new] = place
        high[there] = place
    corner = np.array(parts.box.low)
    regions = []
    for number in range(1, count + 1):
        middle = int(low[number] + high[number]) // 2
        found = np.argwhere(numbers[middle] == number)
        row, column = found[len(found) // 2]
        seen = np.array((middle, row, column)) + corner
        at = first[number] + corner
        span = (int(low[number] + corner[0]), int(high[number] + corner[0]))
        regions.append(Region(number, int(parts.sizes[number - 1]), _voxel(at), _voxel(seen), span))
    shape = (voxels.shape[0], voxels.shape[1], voxels.shape[2])
    return Suggestion(run, label, digest, shape, parts.box, numbers, tuple(regions))


def _voxel(place: NDArray[np.int64]) -> Voxel:
    return int(place[0]), int(place[1]), int(place[2])
