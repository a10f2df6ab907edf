"""The stroke being drawn: what was under it, so that it can be taken back or made a step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from core.geometry import Box, bounding_box
from core.labels import SCRIBBLED_BACKGROUND, Label

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
        Whether the label is cleared instead of set, and scribbled background with it.
    locked
        Values of the layer that are not drawn over.
    """

    def __init__(
        self, mask: NDArray[np.uint8], action: str, label: Label, *, erase: bool, locked: Sequence[int] = ()
    ) -> None:
        self._mask = mask
        self._locked = locked
        self._tiles: dict[_Key, NDArray[np.uint8]] = {}
        self._drawn: Box | None = None
        self.action = action
        self.label = label
        self.erase = erase
        self.begun = time.monotonic()

    def draw(self, box: Box, hit: NDArray[np.bool_]) -> bool:
        """Draw the voxels of ``hit`` (shape of the box); say whether any changed."""
        inside = self._mask[box.slices]
        value = np.uint8(self.label.value)
        if self.erase:
            # what was scribbled as background goes too: nothing is said there any more
            change = hit & ((inside == value) | (inside == np.uint8(SCRIBBLED_BACKGROUND)))
        else:
            change = hit & (inside != value)
            for kept in self._locked:
                change &= inside != np.uint8(kept)
        if not change.any():
            return False
        self._put_aside(box)
        self._drawn = box if self._drawn is None else self._drawn.union(box)
        np.copyto(inside, np.uint8(0) if self.erase else value, where=change)
        return True

    def changed(self) -> tuple[Box, NDArray[np.uint8]] | None:
        """Return the tightest box around what differs now, and its XOR; None if nothing does."""
        if self._drawn is None:
            return None
        drawn = self._drawn
        xor = np.zeros(drawn.shape, dtype=np.uint8)
        for key, before in self._tiles.items():
            tile = _tile_box(key, before.shape)
            part = _overlap(tile, drawn)
            if part is not None:
                old = before[_within(part, tile)]
                np.bitwise_xor(old, self._mask[part.slices], out=xor[_within(part, drawn)])
        tight = bounding_box(xor)
        if tight is None:
            return None
        z, y, x = drawn.low
        box = Box(
            (z + tight.low[0], y + tight.low[1], x + tight.low[2]),
            (z + tight.high[0], y + tight.high[1], x + tight.high[2]),
        )
        return box, np.ascontiguousarray(xor[tight.slices])

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


def _overlap(one: Box, other: Box) -> Box | None:
    low = (max(one.low[0], other.low[0]), max(one.low[1], other.low[1]), max(one.low[2], other.low[2]))
    high = (min(one.high[0], other.high[0]), min(one.high[1], other.high[1]), min(one.high[2], other.high[2]))
    empty = low[0] >= high[0] or low[1] >= high[1] or low[2] >= high[2]
    return None if empty else Box(low, high)


def _within(part: Box, whole: Box) -> tuple[slice, slice, slice]:
    """Return where a part lies in an array of the whole."""
    (z0, y0, x0), (z1, y1, x1), (z, y, x) = part.low, part.high, whole.low
    return slice(z0 - z, z1 - z), slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)
