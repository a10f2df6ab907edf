"""The crosshair, the brush's ring, and the pointer of a linked pane.

They change far more often than the scan, so each knows the few pixels that it
covers and only those are painted again.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPainter, QPen, QRegion

from gui import theme
from gui.viewer.events import ViewTool

if TYPE_CHECKING:
    from gui.viewer.pane import Pane, Voxel

_HALO = QColor(0, 0, 0, 120)
_RING_MARGIN = 4
_LEAST_RING = 2.5
_LARGEST_KEPT = 500.0
_MARK = 6
_DASH, _GAP = 4, 3


@dataclass(frozen=True, slots=True)
class Ring:
    """The brush around the pointer, in screen pixels."""

    center: QPointF
    radius: float
    color: QColor
    erasing: bool = False

    @property
    def rect(self) -> QRect:
        """What has to be repainted when it appears or goes."""
        reach = int(max(self.radius, _LEAST_RING)) + _RING_MARGIN
        x, y = int(self.center.x()), int(self.center.y())
        return QRect(x - reach, y - reach, 2 * reach + 1, 2 * reach + 1)

    def paint(self, painter: QPainter) -> None:
        """Draw the ring in the label's colour with a dark halo, dashed while erasing."""
        radius = max(self.radius, _LEAST_RING)
        if radius > _LARGEST_KEPT:
            _draw_ring(painter, self.center, radius, self.color, self.erasing)
            return
        ratio = painter.device().devicePixelRatioF()
        picture = _ring_picture(round(radius * 4) / 4, self.color.rgb(), self.erasing, ratio)
        reach = picture.deviceIndependentSize().width() / 2
        painter.drawImage(QPoint(round(self.center.x() - reach), round(self.center.y() - reach)), picture)


@functools.lru_cache(maxsize=8)
def _ring_picture(radius: float, rgb: int, erasing: bool, ratio: float) -> QImage:
    """Return the ring drawn once: stroking a large circle at every mouse move takes a millisecond."""
    side = 2 * (math.ceil(radius) + _RING_MARGIN)
    picture = QImage(round(side * ratio), round(side * ratio), QImage.Format.Format_ARGB32_Premultiplied)
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    _draw_ring(painter, QPointF(side / 2, side / 2), radius, QColor.fromRgb(rgb), erasing)
    painter.end()
    return picture


def _draw_ring(painter: QPainter, center: QPointF, radius: float, color: QColor, erasing: bool) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(_HALO, 3.5))
    painter.drawEllipse(center, radius, radius)
    pen = QPen(color, 1.5)
    if erasing:
        pen.setDashPattern([3, 2.5])
    painter.setPen(pen)
    painter.drawEllipse(center, radius, radius)
    if radius > 5:
        painter.setPen(QPen(color, 2))
        painter.drawPoint(center)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def crosshair_rects(point: QPointF, size: QRect) -> tuple[QRect, QRect]:
    """Return the two strips that a crosshair at a point needs."""
    x, y = int(point.x()), int(point.y())
    return QRect(x - 1, 0, 3, size.height()), QRect(0, y - 1, size.width(), 3)


def paint_crosshair(painter: QPainter, point: QPointF, size: QRect, inset: int, top: int) -> None:
    """Draw the dashed crosshair across the pane, ending ``inset`` (``top``) pixels before its sides, at the letters."""
    x, y = int(point.x()), int(point.y())
    painter.fillRect(x, top, 1, size.height() - inset - top, _dashes(1, _DASH + _GAP))
    painter.fillRect(inset, y, size.width() - 2 * inset, 1, _dashes(_DASH + _GAP, 1))


@functools.cache
def _dashes(width: int, height: int) -> QBrush:
    """Return a tile of dash and gap: a dashed pen would begin anew at the border of each repainted part."""
    tile = QImage(width, height, QImage.Format.Format_ARGB32_Premultiplied)
    tile.fill(Qt.GlobalColor.transparent)
    for at in range(_DASH):
        tile.setPixelColor(min(at, width - 1), min(at, height - 1), theme.scan_qcolor("crosshair"))
    return QBrush(tile)


def pointer_rect(point: QPointF) -> QRect:
    """Return what the mark of a linked pointer covers."""
    x, y = int(point.x()), int(point.y())
    reach = _MARK + 2
    return QRect(x - reach, y - reach, 2 * reach + 1, 2 * reach + 1)


def paint_pointer(painter: QPainter, point: QPointF) -> None:
    """Mark where the pointer of another pane is."""
    x, y = int(point.x()), int(point.y())
    for color, width in ((_HALO, 3), (theme.scan_qcolor("crosshair"), 1)):
        painter.setPen(QPen(color, width))
        painter.drawLine(x - _MARK, y, x - 2, y)
        painter.drawLine(x + 2, y, x + _MARK, y)
        painter.drawLine(x, y - _MARK, x, y - 2)
        painter.drawLine(x, y + 2, x, y + _MARK)


class Marks:
    """The marks of one pane: where they are, and what has to be painted when they move."""

    def __init__(self, view: Pane) -> None:
        self._view = view
        self.ring: Ring | None = None
        self._crosshair: Voxel | None = None
        self._crosshair_shown = True
        self._pointer: Voxel | None = None

    def clear(self) -> None:
        """Forget all marks; the pane is painted anew anyway."""
        self.ring = self._crosshair = self._pointer = None

    def set_crosshair(self, xyz: Voxel | None) -> None:
        """Put the crosshair on a voxel, or take it away."""
        if xyz != self._crosshair:
            self._update_crosshair()
            self._crosshair = xyz
            self._update_crosshair()

    def set_crosshair_visible(self, visible: bool) -> None:
        """Show or hide the crosshair without moving it."""
        if visible != self._crosshair_shown:
            self._crosshair_shown = visible
            self._update_crosshair()

    def set_pointer(self, xyz: Voxel | None) -> None:
        """Mark where the pointer of a linked pane is."""
        if xyz != self._pointer:
            old, self._pointer = self._pointer, xyz
            for place in (old, xyz):
                if place is not None:
                    self._view.update(pointer_rect(self._view.point_of(place)))

    def place_ring(self, place: QPointF | None, tool: ViewTool | None, zoom: float, *, erasing: bool = False) -> None:
        """Put the tool's ring around a place, or take it away."""
        old, new = self.ring, None
        if place is not None and tool is not None and tool.cursor_radius_px > 0:
            new = Ring(place, tool.cursor_radius_px * zoom, QColor(*tool.cursor_color), erasing)
        if new != old:
            self.ring = new
            for ring in (old, new):
                if ring is not None:
                    self._view.update(ring.rect)

    def paint_below(self, painter: QPainter, inset: int, top: int) -> None:
        """Draw what lies under the words; ``inset`` and ``top`` as for :func:`paint_crosshair`."""
        if self._crosshair is not None and self._crosshair_shown:
            paint_crosshair(painter, self._view.point_of(self._crosshair), self._view.rect(), inset, top)

    def paint_above(self, painter: QPainter, region: QRegion) -> None:
        """Draw what lies over the words, where the region needs it."""
        if self._pointer is not None:
            paint_pointer(painter, self._view.point_of(self._pointer))
        if self.ring is not None and region.intersects(self.ring.rect):
            self.ring.paint(painter)

    def _update_crosshair(self) -> None:
        if self._crosshair is not None:
            for strip in crosshair_rects(self._view.point_of(self._crosshair), self._view.rect()):
                self._view.update(strip)
