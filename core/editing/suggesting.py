"""What a run suggests on a scan, region by region: each is accepted or rejected by itself.

A region is a connected part of what the run predicts for one label. It is open while
something of it could still be taken: accepting it, or drawing there, closes it, and
undo opens it again. What was rejected is remembered by the project
(:mod:`core.project.rejections`) under a voxel of the region, for this prediction alone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.editing.tools.islands import Parts, parts_of
from core.editing.tools.stopping import OnSlice, quiet

Voxel = tuple[int, int, int]

MOST = 200
"""Regions that stand by themselves; all smaller ones together are one more."""


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
        A voxel (z, y, x) of it, in the middle of its slices as far as there is one: where to look at it.
    slices
        First and last native slice.
    pieces
        How many parts it is made of: more than one for the small ones that are taken together.
    """

    number: int
    voxels: int
    at: Voxel
    middle: Voxel
    slices: tuple[int, int]
    pieces: int = 1


@dataclass(frozen=True, eq=False)
class Suggestion:
    """What a run suggests for one label of one scan.

    Parameters
    ----------
    run, label
        Id of the run, name of the label.
    digest
        SHA-256 of the prediction's file.
    numbers
        Which region each voxel is of, uint8 ``[z, y, x]`` of the scan's shape; 0 is none.
    regions
        The largest first.
    """

    run: str
    label: str
    digest: str
    numbers: NDArray[np.uint8]
    regions: tuple[Region, ...]

    def voxels_of(self, wanted: Collection[int]) -> NDArray[np.bool_]:
        """Return the voxels of some regions, bool ``[z, y, x]``."""
        table = np.zeros(256, dtype=np.bool_)
        table[list(wanted)] = True
        found = np.zeros(self.numbers.shape, dtype=np.bool_)
        for place, plane in enumerate(self.numbers):
            if plane.any():
                found[place] = table[plane]
        return found

    def open_numbers(self, mask: NDArray[np.uint8]) -> frozenset[int]:
        """Return the regions of which something could still be taken: a voxel of which a layer says nothing yet."""
        left: set[int] = set()
        for place, plane in enumerate(self.numbers):
            if plane.any():
                free = np.where(mask[place] == 0, plane, np.uint8(0))
                left.update(int(number) for number in np.flatnonzero(np.bincount(free.ravel(), minlength=256)))
        return frozenset(left - {0})


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
    table = np.minimum(np.arange(len(parts.sizes) + 1), MOST + 1).astype(np.uint8)
    numbers: NDArray[np.uint8] = np.zeros(voxels.shape, dtype=np.uint8)
    inside = numbers[parts.box.slices]
    for place, plane in enumerate(parts.numbers):
        inside[place] = table[plane]
    return Suggestion(run, label, digest, numbers, _regions(parts, inside))


def _regions(parts: Parts, inside: NDArray[np.uint8]) -> tuple[Region, ...]:
    """Look where each number lies; ``inside`` is the box of the parts."""
    firsts: dict[int, list[Voxel]] = {}
    z0, y0, x0 = parts.box.low
    for place, plane in enumerate(inside):
        taken = np.flatnonzero(plane)
        there, order = np.unique(plane.ravel()[taken], return_index=True)
        for number, at in zip(there, taken[order], strict=True):
            row, column = divmod(int(at), plane.shape[1])
            # on each slice its first voxel
            firsts.setdefault(int(number), []).append((z0 + place, y0 + row, x0 + column))
    regions = []
    for number in sorted(firsts):
        seen = firsts[number]
        together = number > MOST
        sizes = parts.sizes[MOST:] if together else parts.sizes[number - 1 : number]
        span = (seen[0][0], seen[-1][0])
        regions.append(Region(number, int(sizes.sum()), seen[0], seen[len(seen) // 2], span, len(sizes)))
    return tuple(regions)
