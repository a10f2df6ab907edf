"""One small mark per native slice: drawn, finished, and where we are."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolTip, QWidget

from core.messages import text
from gui import theme
from gui.session import Session

_EDGE = 14


class SliceStrip(QWidget):
    """Below the scan: upper half filled = drawn, lower half green = finished; click goes there."""

    slice_asked = Signal(int)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._index = 0
        self._drawn = np.zeros(0, dtype=bool)
        self._finished = np.zeros(0, dtype=bool)
        self._color = theme.color("accent")
        self.setFixedHeight(26)
        self.setMouseTracking(True)
        self.setAccessibleName(text("annotate.strip"))

    def sizeHint(self) -> QSize:
        return QSize(300, 26)

    @property
    def finished_count(self) -> int:
        """How many slices are finished on the layer shown."""
        return int(self._finished.sum())

    def show_layer(self, layer: str | None, color: str) -> None:
        """Show the state of a layer (None: nothing)."""
        editor = self._session.editor
        if editor is None or layer is None:
            self._drawn = self._finished = np.zeros(0, dtype=bool)
        else:
            self._drawn, self._finished = editor.drawn(layer), editor.finished(layer)
        self._color = color
        self.update()

    def set_index(self, index: int) -> None:
        """Mark the slice shown."""
        if index != self._index:
            self._index = index
            self.update()

    def _slice_at(self, x: float) -> int:
        count = len(self._drawn)
        wide = max(1, self.width() - 2 * _EDGE)
        return min(max(int((x - _EDGE) / wide * count), 0), count - 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.qcolor("backdrop"))
        count = len(self._drawn)
        if count == 0:
            return
        wide = self.width() - 2 * _EDGE
        step = wide / count
        gap = 1.0 if step >= 4 else 0.0
        drawn, finished, empty = QColor(self._color), theme.qcolor("good"), theme.qcolor("raised_hover")
        for place in range(count):
            left = _EDGE + place * step
            painter.fillRect(QRectF(left, 6, max(step - gap, 0.7), 8), drawn if self._drawn[place] else empty)
            painter.fillRect(
                QRectF(left, 16, max(step - gap, 0.7), 3), finished if self._finished[place] else theme.qcolor("raised")
            )
        here = _EDGE + (self._index + 0.5) * step
        painter.fillRect(QRectF(here - 1, 2, 2, 21), theme.qcolor("text_bright"))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._go(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go(event)

    def _go(self, event: QMouseEvent) -> None:
        if len(self._drawn):
            self.slice_asked.emit(self._slice_at(event.position().x()))

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent) and len(self._drawn):
            place = self._slice_at(event.pos().x())
            state = "finished" if self._finished[place] else "drawn" if self._drawn[place] else "unknown"
            QToolTip.showText(event.globalPos(), text(f"annotate.strip_{state}", slice=place + 1), self)
            return True
        return super().event(event)
