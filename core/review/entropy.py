"""How unsure a run was of each voxel, from the probabilities that it stored."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

LEVELS = 16
"""Steps that are shown: 0 (nothing to see) to 15 (the run might as well have tossed a coin)."""
_FLOOR = 0.15
"""Entropy below this many bits is not shown (probability under 2 % or over 98 %): every voxel has a little."""


@functools.cache
def _table() -> NDArray[np.float64]:
    share = np.arange(256) / 255.0
    there = np.clip(share, 1e-12, 1 - 1e-12)
    bits = -(there * np.log2(there) + (1 - there) * np.log2(1 - there))
    bits[[0, 255]] = 0.0
    return np.asarray(bits, dtype=np.float64)


def entropy(probability: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the entropy in bits, 0 (sure) to 1 (50 : 50), of a probability as stored (255 = certain)."""
    return np.asarray(_table().astype(np.float32)[probability], dtype=np.float32)


def entropy_levels(probability: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the entropy in steps to be coloured, uint8 0 to :data:`LEVELS` - 1.

    Parameters
    ----------
    probability
        uint8, any shape, 255 = certain.
    """
    bits = _table()
    steps = np.ceil((bits - _FLOOR) / (1 - _FLOOR) * (LEVELS - 1))
    return np.asarray(np.clip(steps, 0, LEVELS - 1).astype(np.uint8)[probability], dtype=np.uint8)


def entropy_color(level: int) -> tuple[int, int, int]:
    """Return the colour (RGB) of a step: from violet over orange to light yellow, brighter the less sure.

    Lightness grows with every step, so that the order is seen without colours too.
    """
    stops = ((66, 10, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 164))
    place = (level - 1) / (LEVELS - 2) * (len(stops) - 1)
    first = min(max(int(place), 0), len(stops) - 2)
    share = min(max(place - first, 0.0), 1.0)
    low, high = stops[first], stops[first + 1]
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(low, high, strict=True))
    return red, green, blue
