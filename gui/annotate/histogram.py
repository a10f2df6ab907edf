"""Grey values of the scan, with the window as two handles to drag."""

from __future__ import annotations

from math import ceil, floor

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from core.messages import numeral
from core.volume import Volume, Window
from gui import theme
from gui.loading import Histogram

_AXIS = 18
_NEAR = 6


class HistogramView(QWidget):
    """Drag a handle for black or white, between them for both; double-click for Auto."""

    window_dragged = Signal(object)
    auto_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._histogram: Histogram | None = None
        self._window: Window | None = None
        self._drag = ""
        self._from: tuple[float, Window] | None = None
        self.setFixedHeight(92)
        self.setMouseTracking(True)

    def sizeHint(self) -> QSize:
        return QSize(220, 92)

    def show_histogram(self, histogram: Histogram | None) -> None:
        """Show another scan's values."""
        self._histogram = histogram
        self.update()

    def show_window(self, window: Window | None) -> None:
        """Move the handles."""
        self._window = window
        self.update()

    # ------------------------------------------------------------ geometry

    def _x(self, value: float) -> float:
        histogram = self._histogram
        if histogram is None:
            return 0.0
        return (value - histogram.low) / (histogram.high - histogram.low) * (self.width() - 1)

    def _value(self, x: float) -> float:
        histogram = self._histogram
        if histogram is None:
            return 0.0
        return histogram.low + x / max(1, self.width() - 1) * (histogram.high - histogram.low)

    # -------------------------------------------------------------- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        plot = QRectF(0, 0, self.width(), self.height() - _AXIS)
        painter.fillRect(plot, theme.qcolor("card"))
        if self._histogram is None:
            return
        self._paint_counts(painter, plot)
        if self._window is not None:
            self._paint_window(painter, plot)
        self._paint_axis(painter, plot)

    def _paint_counts(self, painter: QPainter, plot: QRectF) -> None:
        assert self._histogram is not None
        counts = self._histogram.counts
        step = plot.width() / len(counts)
        room = plot.height() - 6
        points = [QPointF(0, plot.bottom())]
        for place, count in enumerate(counts):
            level = plot.bottom() - count * room
            points.append(QPointF(place * step, level))
            points.append(QPointF((place + 1) * step, level))
        points.append(QPointF(plot.right(), plot.bottom()))
        painter.setPen(QPen(theme.qcolor("accent", 190), 1))
        painter.setBrush(theme.qcolor("accent", 60))
        painter.drawPolygon(QPolygonF(points))

    def _paint_window(self, painter: QPainter, plot: QRectF) -> None:
        assert self._window is not None
        left = min(max(self._x(self._window.low), 0.0), plot.width() - 1)
        right = min(max(self._x(self._window.high), 0.0), plot.width() - 1)
        painter.fillRect(QRectF(left, 0, max(right - left, 1), plot.height()), theme.qcolor("text_bright", 26))
        painter.setPen(QPen(theme.qcolor("text_bright", 230), 1.4))
        for x in (left, right):
            painter.drawLine(QPointF(x, 0), QPointF(x, plot.bottom()))

    def _paint_axis(self, painter: QPainter, plot: QRectF) -> None:
        if self._window is None:
            return
        painter.setPen(theme.qcolor("muted"))
        painter.setFont(theme.font("heading"))
        line = QRectF(0, plot.bottom() + 2, plot.width(), _AXIS - 2)
        histogram = self._histogram
        assert histogram is not None
        low, high = histogram.low, histogram.high
        if high - low >= 20:
            # bins of whole grey steps begin and end between two of them
            low, high = ceil(low), floor(high)
        for edge, side in ((low, Qt.AlignmentFlag.AlignLeft), (high, Qt.AlignmentFlag.AlignRight)):
            painter.drawText(
                line,
                side | Qt.AlignmentFlag.AlignVCenter,
                figure(edge),
            )
        words = f"{figure(self._window.low)} – {figure(self._window.high)}"
        painter.setPen(theme.qcolor("text"))
        painter.drawText(line, Qt.AlignmentFlag.AlignCenter, words)

    # -------------------------------------------------------------- dragging

    def _handle_at(self, x: float) -> str:
        if self._window is None or self._histogram is None:
            return ""
        low, high = self._x(self._window.low), self._x(self._window.high)
        low, high = max(low, 0.0), min(high, self.width() - 1.0)
        if abs(x - high) <= _NEAR:
            return "high"
        if abs(x - low) <= _NEAR:
            return "low"
        return "both" if low < x < high else ""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and self._window is not None:
            self._drag = self._handle_at(event.position().x())
            self._from = (self._value(event.position().x()), self._window)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if not self._drag or self._from is None:
            handle = self._handle_at(x)
            shapes = {"": Qt.CursorShape.ArrowCursor, "both": Qt.CursorShape.SizeAllCursor}
            self.setCursor(shapes.get(handle, Qt.CursorShape.SizeHorCursor))
            return
        start, window = self._from
        moved = self._value(x) - start
        thin = window.width * 0.01
        if self._drag == "low":
            made = Window.between(min(window.low + moved, window.high - thin), window.high)
        elif self._drag == "high":
            made = Window.between(window.low, max(window.high + moved, window.low + thin))
        else:
            made = Window(window.center + moved, window.width)
        self.window_dragged.emit(made)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._drag = ""

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._drag = ""
        self.auto_asked.emit()


def figure(value: float) -> str:
    """Write a grey value with as many digits as help."""
    if abs(value) >= 100 or float(value).is_integer():
        return numeral(value, ",.0f").replace("-", "\u2212")
    return numeral(value, ".3g").replace("-", "\u2212")


def value_words(volume: Volume, xyz: tuple[int, int, int]) -> str:
    """Write the value of a voxel (x, y, z), with its unit; the numbers of all channels of a colour scan."""
    x, y, z = xyz
    stored = volume.array[z, y, x]
    if volume.array.ndim == 4:
        return " ".join(str(int(value)) for value in stored)
    unit = " HU" if volume.modality == "CT" else ""
    return figure(float(volume.values(stored))) + unit
