"""Doing or undoing the voxels of a step: all of its parts or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.editing.counts import VoxelCounts
from core.editing.steps import Part, unpack
from core.errors import ProjectError


def flip(parts: Sequence[Part], mask: Callable[[str], NDArray[np.uint8]], counts: Mapping[str, VoxelCounts]) -> None:
    """Apply the XOR of each part to its layer, in place, and keep the counts right.

    Parameters
    ----------
    parts
        With their payloads.
    mask
        Gives a layer's living voxels, uint8 ``[z, y, x]``.
    counts
        By layer; those of a layer that is missing are left to the caller.

    Raises
    ------
    ProjectError
        ``journal-damaged`` if a part cannot be unpacked; nothing has changed then.
    """
    done = 0
    try:
        for part in parts:
            _flip_one(part, mask, counts)
            done += 1
    except ProjectError:
        for part in parts[:done]:
            _flip_one(part, mask, counts)
        raise


def _flip_one(part: Part, mask: Callable[[str], NDArray[np.uint8]], counts: Mapping[str, VoxelCounts]) -> None:
    xor = unpack(part.payload, part.box)
    inside = mask(part.layer)[part.box.slices]
    inside ^= xor
    if part.layer in counts:
        counts[part.layer].update(inside, part.box, xor)
