"""Masks laid over a scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.geometry import Box, PlaneView
from gui.viewer.pixels import Bytes, Grid, Words, argb, mask_picture

FILL = 0.20
"""Opacity of the fill where none is chosen."""


@dataclass(frozen=True, eq=False)
class Overlay:
    """One layer of masks to be drawn over a scan.

    Parameters
    ----------
    mask
        ``uint8 [z, y, x]`` labels; looked at again wherever ``refresh`` says so, never written.
    colors
        Red, green, blue (0..255) by label; labels without a colour are not drawn.
    opacity
        Of the fill, 0..1.
    outline
        Whether the edge is drawn as a line.
    visible
        Whether it is drawn at all.
    """

    mask: NDArray[np.uint8]
    colors: Mapping[int, tuple[int, int, int]] = field(default_factory=dict)
    opacity: float = FILL
    outline: bool = True
    visible: bool = True


def rgb(color: str) -> tuple[int, int, int]:
    """Turn ``#rrggbb`` into red, green, blue."""
    digits = color.lstrip("#")
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


class OverlaySlice:
    """The slice of an overlay that one pane shows: contiguous labels and ready-made colours."""

    def __init__(self, overlay: Overlay) -> None:
        self.overlay = overlay
        self._labels: Bytes = np.zeros((1, 1), np.uint8)
        self._fill: Words = np.zeros(256, np.uint32)
        self._line: Words | None = np.zeros(256, np.uint32) if overlay.outline else None
        for value, color in overlay.colors.items():
            self._fill[value] = argb(color, overlay.opacity)
            if self._line is not None:
                self._line[value] = argb(color, 1.0)
        if not overlay.outline and overlay.opacity <= 0:
            self._fill[:] = 0

    def load(self, view: PlaneView, index: int) -> None:
        """Copy a whole slice out of the mask."""
        if self.overlay.visible:
            self._labels = np.ascontiguousarray(view.extract(self.overlay.mask, index))

    def load_part(self, view: PlaneView, index: int, box: Box) -> None:
        """Copy the part of the slice that a box of voxels touches."""
        if self.overlay.visible:
            rows, columns, _ = view.screen_box(box)
            self._labels[rows, columns] = view.extract(self.overlay.mask, index)[rows, columns]

    def picture(self, grid: Grid, rect: tuple[int, int, int, int], thickness: int) -> NDArray[Any] | None:
        """Return the coloured rectangle of the screen, or None where nothing is drawn."""
        if not self.overlay.visible:
            return None
        return mask_picture(self._labels, grid, rect, self._fill, self._line, thickness)
