"""Masks laid over a scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage, QPainter

from core.geometry import Box, PlaneView
from core.labels import SCRIBBLED_BACKGROUND
from core.late import cv2
from gui.viewer.pixels import Bytes, Grid, Rect, edge_labels, mask_labels

_HATCH = 3
"""Stripes of scribbled background, in screen pixels."""
_HATCH_FILL = 0.55
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
    """The slice of an overlay that one pane shows: contiguous labels, where they are, and ready-made colours."""

    def __init__(self, overlay: Overlay) -> None:
        self.overlay = overlay
        self._labels: Bytes = np.zeros((1, 1), np.uint8)
        self._span: tuple[int, int, int, int] | None = None
        self._fill = _table(overlay.colors, overlay.opacity) if overlay.opacity > 0 else None
        self._line = _table(overlay.colors, 1.0) if overlay.outline else None

    def load(self, view: PlaneView, index: int) -> None:
        """Copy a whole slice out of the mask."""
        if self.overlay.visible:
            self._labels = np.ascontiguousarray(view.extract(self.overlay.mask, index))
            self._span = None
            self._grow(self._labels, 0, 0)

    def load_part(self, view: PlaneView, index: int, box: Box) -> None:
        """Copy the part of the slice that a box of voxels touches."""
        if self.overlay.visible:
            rows, columns, _ = view.screen_box(box)
            part = np.ascontiguousarray(view.extract(self.overlay.mask, index)[rows, columns])
            self._labels[rows, columns] = part
            self._grow(part, rows.start, columns.start)

    def paint(self, painter: QPainter, grid: Grid, rect: Rect, ratio: float, thickness: int) -> None:
        """Draw a rectangle of device pixels.

        Parameters
        ----------
        painter
            Of a widget with ``ratio`` device pixels per logical pixel.
        thickness
            Width of the outline in device pixels, drawn inside the label.
        """
        if not self.overlay.visible or self._span is None:
            return
        top, bottom, left, right = self._span
        part = grid.covered((top, bottom), (left, right), rect)
        if part is None:
            return
        # the line at the rectangle's border depends on what lies just beyond it
        x, y, width, height = part
        wide = (x - thickness, y - thickness, width + 2 * thickness, height + 2 * thickness)
        labels = mask_labels(self._labels, grid, wide)
        source = QRectF(thickness, thickness, width, height)
        place = QPointF(x / ratio, y / ratio)
        if self._fill is not None:
            filled = labels
            if SCRIBBLED_BACKGROUND in self.overlay.colors and int(labels.max()) == SCRIBBLED_BACKGROUND:
                filled = _hatched(labels, wide[0] + wide[1], round(_HATCH * ratio))
            painter.drawImage(place, _colored(filled, self._fill, ratio), source)
        if self._line is not None:
            painter.drawImage(place, _colored(edge_labels(labels, thickness), self._line, ratio), source)

    def _grow(self, part: Bytes, row: int, column: int) -> None:
        """Remember where labels may be; erasing does not shrink it, the next slice does."""
        x, y, width, height = cv2.boundingRect(part)
        if not width:
            return
        found = (row + y, row + y + height, column + x, column + x + width)
        if self._span is None:
            self._span = found
            return
        old = self._span
        self._span = (min(old[0], found[0]), max(old[1], found[1]), min(old[2], found[2]), max(old[3], found[3]))


def _hatched(labels: Bytes, start: int, width: int) -> Bytes:
    """Return labels with stripes left out of scribbled background: it is not to be taken for a label."""
    height, across = labels.shape
    stripes = np.add.outer(np.arange(start, start + height), np.arange(across)) % (2 * width) < width
    return np.where((labels == SCRIBBLED_BACKGROUND) & stripes, np.uint8(0), labels)


def _table(colors: Mapping[int, tuple[int, int, int]], opacity: float) -> list[int]:
    """Return 256 ARGB words by label; labels without a colour are clear."""
    alpha = round(255 * min(max(opacity, 0.0), 1.0))
    table = [0] * 256
    for value, (red, green, blue) in colors.items():
        # stripes are thin: they need more of their colour to be seen
        strength = max(alpha, round(255 * _HATCH_FILL)) if value == SCRIBBLED_BACKGROUND else alpha
        table[value] = strength << 24 | red << 16 | green << 8 | blue
    return table


def _colored(labels: Bytes, table: list[int], ratio: float) -> QImage:
    """Turn labels into a picture: Qt's own conversion takes a third of the time of numpy's ``take``."""
    height, width = labels.shape
    image = QImage(labels.data, width, height, labels.strides[0], QImage.Format.Format_Indexed8)
    image.setColorTable(table)
    image = image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(ratio)
    return image
