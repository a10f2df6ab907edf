"""The crosshair, the brush's ring, and the pointer of a linked pane."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from gui import theme

_HALO = QColor(0, 0, 0, 120)
_RING_MARGIN = 4
_LEAST_RING = 2.5
_MARK = 6


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
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        radius = max(self.radius, _LEAST_RING)
        painter.setPen(QPen(_HALO, 3.5))
        painter.drawEllipse(self.center, radius, radius)
        pen = QPen(self.color, 1.5)
        if self.erasing:
            pen.setDashPattern([3, 2.5])
        painter.setPen(pen)
        painter.drawEllipse(self.center, radius, radius)
        if radius > 5:
            painter.setPen(QPen(self.color, 2))
            painter.drawPoint(self.center)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def crosshair_rects(point: QPointF, size: QRect) -> tuple[QRect, QRect]:
    """Return the two strips that a crosshair at a point needs."""
    x, y = int(point.x()), int(point.y())
    return QRect(x - 1, 0, 3, size.height()), QRect(0, y - 1, size.width(), 3)


def paint_crosshair(painter: QPainter, point: QPointF, size: QRect) -> None:
    """Draw the dashed crosshair across the pane."""
    pen = QPen(theme.qcolor("crosshair", 215), 1)
    pen.setDashPattern([4, 3])
    pen.setCapStyle(Qt.PenCapStyle.FlatCap)
    painter.setPen(pen)
    x, y = int(point.x()), int(point.y())
    painter.drawLine(x, 0, x, size.height())
    painter.drawLine(0, y, size.width(), y)


def pointer_rect(point: QPointF) -> QRect:
    """Return what the mark of a linked pointer covers."""
    x, y = int(point.x()), int(point.y())
    reach = _MARK + 2
    return QRect(x - reach, y - reach, 2 * reach + 1, 2 * reach + 1)


def paint_pointer(painter: QPainter, point: QPointF) -> None:
    """Mark where the pointer of another pane is."""
    x, y = int(point.x()), int(point.y())
    for color, width in ((_HALO, 3), (theme.qcolor("crosshair"), 1)):
        painter.setPen(QPen(color, width))
        painter.drawLine(x - _MARK, y, x - 2, y)
        painter.drawLine(x + 2, y, x + _MARK, y)
        painter.drawLine(x, y - _MARK, x, y - 2)
        painter.drawLine(x, y + 2, x, y + _MARK)
