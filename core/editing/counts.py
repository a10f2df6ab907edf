"""How many voxels each label has on each slice, kept up to date step by step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.geometry import Box
from core.labels import SCRIBBLED_BACKGROUND
from core.late import cv2

_EXACT = 1 << 24
"""OpenCV counts in float32, which holds every whole number up to here."""


def histogram(plane: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Count each value of ``[y, x]``, int64 ``[256]``; several times as fast as numpy's ways."""
    plane = np.ascontiguousarray(plane)
    # most slices hold one label and nothing else: three passes that the processor does in wide steps
    # are a fifth of the work of counting pixel by pixel
    top = int(plane.max(initial=0))
    highest = int(np.count_nonzero(plane == top))
    if int(np.count_nonzero(plane != 0)) == (highest if top else 0):
        few = np.zeros(256, dtype=np.int64)
        few[0] = plane.size - highest
        few[top] = highest
        return few
    if plane.size >= _EXACT:
        return np.bincount(plane.ravel(), minlength=256)
    counts = cv2.calcHist([plane], [0], None, [256], [0, 256])
    return counts.ravel().astype(np.int64)


class VoxelCounts:
    """Voxels per native slice and value of one layer.

    Parameters
    ----------
    mask
        The layer, uint8 ``[z, y, x]``; counted once, here.
    blank
        That it is all zeros, known without a look.

    Attributes
    ----------
    table
        int64 ``[slices, 256]``.
    """

    def __init__(self, mask: NDArray[np.uint8], *, blank: bool = False) -> None:
        self.table = np.zeros((mask.shape[0], 256), dtype=np.int64)
        if blank:
            self.table[:, 0] = mask.shape[1] * mask.shape[2]
            return
        for number, plane in enumerate(mask):
            if plane.any():
                self.table[number] = histogram(plane)
            else:
                self.table[number, 0] = plane.size

    def update(self, now: NDArray[np.uint8], box: Box, xor: NDArray[np.uint8]) -> None:
        """Follow a XOR that was applied: ``now`` are the voxels of the box after it."""
        for offset in np.flatnonzero(xor.any(axis=(1, 2))):
            after = now[offset]
            self.table[box.low[0] + offset] += histogram(after) - histogram(after ^ xor[offset])

    def copy(self) -> VoxelCounts:
        """Return the same counts, on their own."""
        other = VoxelCounts.__new__(VoxelCounts)
        other.table = self.table.copy()
        return other

    def of(self, value: int) -> int:
        """Return the voxels of a value on all slices."""
        return int(self.table[:, value].sum())

    def drawn(self) -> NDArray[np.int64]:
        """Return the voxels on each slice that anything is said of, scribbled background too, int64 ``[slices]``."""
        return np.asarray(self.table[:, 1:].sum(axis=1))

    def labelled(self) -> NDArray[np.int64]:
        """Return the voxels of any label on each slice, int64 ``[slices]``."""
        return np.asarray(self.drawn() - self.table[:, SCRIBBLED_BACKGROUND])


class KnownCounts:
    """The counts before and after the newest large steps, so that their undo need not count again.

    A step is undone only from the very state that it led to, so these counts are exact.
    """

    _MOST = 2

    def __init__(self) -> None:
        self._steps: dict[int, tuple[dict[str, VoxelCounts], dict[str, VoxelCounts]]] = {}

    def remember(self, sequence: int, before: Mapping[str, VoxelCounts], after: Mapping[str, VoxelCounts]) -> None:
        """Keep copies of the counts around the step of this number; the oldest are dropped."""
        first, second = ({layer: counts.copy() for layer, counts in each.items()} for each in (before, after))
        self._steps[sequence] = (first, second)
        while len(self._steps) > self._MOST:
            del self._steps[min(self._steps)]

    def at(self, sequence: int, *, forward: bool) -> dict[str, VoxelCounts]:
        """Return copies of the counts of the changed layers after (or before) a step; empty if not known."""
        found = self._steps.get(sequence)
        return {} if found is None else {layer: counts.copy() for layer, counts in found[forward].items()}
