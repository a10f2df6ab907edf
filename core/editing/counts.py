"""How many voxels each label has on each slice, kept up to date step by step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.geometry import Box


class VoxelCounts:
    """Voxels per native slice and value of one layer.

    Parameters
    ----------
    mask
        The layer, uint8 ``[z, y, x]``; counted once, here.

    Attributes
    ----------
    table
        int64 ``[slices, 256]``.
    """

    def __init__(self, mask: NDArray[np.uint8]) -> None:
        self.table = np.zeros((mask.shape[0], 256), dtype=np.int64)
        for number, plane in enumerate(mask):
            if plane.any():
                self.table[number] = np.bincount(plane.ravel(), minlength=256)
            else:
                self.table[number, 0] = plane.size

    def update(self, now: NDArray[np.uint8], box: Box, xor: NDArray[np.uint8]) -> None:
        """Follow a XOR that was applied: ``now`` are the voxels of the box after it."""
        for offset in np.flatnonzero(xor.any(axis=(1, 2))):
            hit = xor[offset] != 0
            after = now[offset][hit]
            row = self.table[box.low[0] + offset]
            row += np.bincount(after, minlength=256)
            row -= np.bincount(after ^ xor[offset][hit], minlength=256)

    def of(self, value: int) -> int:
        """Return the voxels of a value on all slices."""
        return int(self.table[:, value].sum())

    def drawn(self) -> NDArray[np.int64]:
        """Return the voxels of any label on each slice, int64 ``[slices]``."""
        return np.asarray(self.table[:, 1:].sum(axis=1))
