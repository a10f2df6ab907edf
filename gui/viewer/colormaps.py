"""Colour maps: from grey level 0..255 to a colour of the screen."""

from __future__ import annotations

import functools

import numpy as np

from core.late import cv2
from core.messages import text

GREY = "grey"
NAMES = (GREY, "inverted", "hot", "cool", "viridis", "inferno")
"""Names as they are remembered; worded by :func:`words_of`."""
_CV2 = {"hot": "HOT", "cool": "OCEAN", "viridis": "VIRIDIS", "inferno": "INFERNO"}
"""What OpenCV calls them, behind ``COLORMAP_``: asked for at their use, so that nothing loads it before."""


def words_of(name: str) -> str:
    """Return what a colour map is called."""
    return text(f"viewer.colors_{name}")


@functools.cache
def table(name: str, *, hole: bool = False) -> tuple[int, ...]:
    """Return 256 ARGB words of a colour map; an unknown name is grey.

    Parameters
    ----------
    hole
        Level 0 is clear, for where a scan laid over another has no voxels.
    """
    ramp = np.arange(256, dtype=np.uint8)
    if name in _CV2:
        colors = getattr(cv2, f"COLORMAP_{_CV2[name]}")
        blue, green, red = cv2.applyColorMap(ramp[:, None], colors)[:, 0].T.astype(np.int64)
    else:
        red = green = blue = (ramp[::-1] if name == "inverted" else ramp).astype(np.int64)
    words = 0xFF << 24 | red << 16 | green << 8 | blue
    if hole:
        words[0] = 0
    return tuple(int(word) for word in words)
