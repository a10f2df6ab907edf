"""A slider with two handles: a range of values."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui import theme

_RADIUS = 7.0


class RangeSlider(QWidget):
    """Two handles on one bar; what is between them is lit, or (inverted) what is outside."""

    changed = Signal(float, float)
    """The person moved a handle: low and high."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._least, self._most = 0.0, 1.0
        self._low, self._high = 0.0, 1.0
        self._inverted = False
        self._held = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(90)
        self.setMaximumWidth(220)

    def sizeHint(self) -> QSize:
        return QSize(150, 24)

    def show_range(self, bounds: tuple[float, float], low: float, high: float, *, inverted: bool) -> None:
        """Show a range between the least and the most there is."""
        self._least, self._most = bounds[0], max(bounds[1], bounds[0] + 1e-9)
        self._low, self._high, self._inverted = low, high, inverted
        self.update()

    def place_of(self, value: float) -> float:
        """Return where a value lies, in pixels from the left."""
        share = (value - self._least) / (self._most - self._least)
        return _RADIUS + min(max(share, 0.0), 1.0) * (self.width() - 2 * _RADIUS)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            x = event.position().x()
            low, high = abs(x - self.place_of(self._low)), abs(x - self.place_of(self._high))
            self._held = "low" if low < high or (low == high and x < self.place_of(self._low)) else "high"
            self._move(x)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._held:
            self._move(event.position().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._held = ""

    def _move(self, x: float) -> None:
        share = min(max((x - _RADIUS) / max(self.width() - 2 * _RADIUS, 1.0), 0.0), 1.0)
        value = self._least + share * (self._most - self._least)
        if self._held == "low":
            self._low = min(value, self._high)
        else:
            self._high = max(value, self._low)
        self.update()
        self.changed.emit(self._low, self._high)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        middle, low, high = self.height() / 2, self.place_of(self._low), self.place_of(self._high)
        on = self.isEnabled()
        quiet, lit = theme.qcolor("line_strong"), theme.qcolor("accent" if on else "faint")
        for start, stop, color in (
            (_RADIUS, self.width() - _RADIUS, lit if self._inverted else quiet),
            (low, high, quiet if self._inverted else lit),
        ):
            painter.setBrush(color)
            painter.drawRoundedRect(QRectF(start, middle - 2, stop - start, 4), 2, 2)
        painter.setBrush(theme.qcolor("text_bright" if on else "faint"))
        for at in (low, high):
            painter.drawEllipse(QRectF(at - _RADIUS + 0.5, middle - _RADIUS + 0.5, 2 * _RADIUS - 1, 2 * _RADIUS - 1))
        painter.end()
