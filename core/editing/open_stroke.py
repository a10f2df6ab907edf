"""The stroke being drawn: what was under it, so that it can be taken back or made a step."""

from __future__ import annotations

import time
from itertools import product

import numpy as np
from numpy.typing import NDArray

from core.geometry import Box
from core.labels import Label

_TILE = (8, 64, 64)
"""Voxels are put aside by tiles of this shape: a move costs what it newly touches,
however far the stroke has come."""

_Key = tuple[int, int, int]


class OpenStroke:
    """A stroke between begin and commit.

    Parameters
    ----------
    mask
        The layer drawn into, uint8 ``[z, y, x]``.
    action
        Key of the step's name.
    label
        What is drawn or erased.
    erase
        Whether the label is cleared instead of set.
    """

    def __init__(self, mask: NDArray[np.uint8], action: str, label: Label, *, erase: bool) -> None:
        self._mask = mask
        self._tiles: dict[_Key, NDArray[np.uint8]] = {}
        self.action = action
        self.label = label
        self.erase = erase
        self.begun = time.monotonic()

    def draw(self, box: Box, hit: NDArray[np.bool_]) -> bool:
        """Draw the voxels of ``hit`` (shape of the box); say whether any changed."""
        inside = self._mask[box.slices]
        value = np.uint8(self.label.value)
        change = hit & (inside == value) if self.erase else hit & (inside != value)
        if not change.any():
            return False
        self._put_aside(box)
        np.copyto(inside, np.uint8(0) if self.erase else value, where=change)
        return True

    def changed(self) -> tuple[Box, NDArray[np.uint8]] | None:
        """Return the tightest box around what differs now, and its XOR; None if nothing does."""
        differing: list[tuple[Box, NDArray[np.uint8]]] = []
        for key, before in self._tiles.items():
            box = _tile_box(key, before.shape)
            xor = before ^ self._mask[box.slices]
            if xor.any():
                differing.append((box, xor))
        if not differing:
            return None
        tight = [_tighten(box, xor) for box, xor in differing]
        whole = tight[0][0]
        for box, _ in tight[1:]:
            whole = whole.union(box)
        joined = np.zeros(whole.shape, dtype=np.uint8)
        for box, xor in tight:
            place = tuple(
                slice(low - start, high - start) for low, high, start in zip(box.low, box.high, whole.low, strict=True)
            )
            joined[place] = xor
        return whole, joined

    def restore(self) -> Box | None:
        """Put everything back as it was; return the box that was touched, None if none."""
        whole: Box | None = None
        for key, before in self._tiles.items():
            box = _tile_box(key, before.shape)
            self._mask[box.slices] = before
            whole = box if whole is None else whole.union(box)
        return whole

    def _put_aside(self, box: Box) -> None:
        spans = [
            range(low // size, (high - 1) // size + 1) for low, high, size in zip(box.low, box.high, _TILE, strict=True)
        ]
        for key in product(spans[0], spans[1], spans[2]):
            if key not in self._tiles:
                z, y, x = (part * size for part, size in zip(key, _TILE, strict=True))
                self._tiles[key] = self._mask[z : z + _TILE[0], y : y + _TILE[1], x : x + _TILE[2]].copy()


def _tile_box(key: _Key, shape: tuple[int, ...]) -> Box:
    z, y, x = (part * size for part, size in zip(key, _TILE, strict=True))
    return Box((z, y, x), (z + shape[0], y + shape[1], x + shape[2]))


def _tighten(box: Box, xor: NDArray[np.uint8]) -> tuple[Box, NDArray[np.uint8]]:
    """Crop a box and its XOR to what differs."""
    spans = []
    for axis, others in enumerate(((1, 2), (0, 2), (0, 1))):
        hits = np.flatnonzero(xor.any(axis=others))
        spans.append((box.low[axis] + int(hits[0]), box.low[axis] + int(hits[-1]) + 1))
    tight = Box((spans[0][0], spans[1][0], spans[2][0]), (spans[0][1], spans[1][1], spans[2][1]))
    inner = tuple(
        slice(low - start, high - start) for low, high, start in zip(tight.low, tight.high, box.low, strict=True)
    )
    return tight, xor[inner]
