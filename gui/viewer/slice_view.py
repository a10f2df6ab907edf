"""One pane with mouse and keys: a slice of a scan with masks, words, crosshair and the tool's cursor."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QEnterEvent, QFocusEvent, QHelpEvent, QKeyEvent, QMouseEvent, QTabletEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit, QPlainTextEdit, QTextEdit, QToolTip, QWidget

from gui.viewer.gestures import USUAL, Drag, Gestures
from gui.viewer.pane import FIT_MARGIN, Pane, Voxel

__all__ = ["FIT_MARGIN", "SliceView", "Voxel"]
_WRITING = (QLineEdit, QTextEdit, QPlainTextEdit, QAbstractSpinBox)


class SliceView(Pane):
    """A pane that shows one slice of a scan and hears the mouse; see :mod:`gui.viewer.gestures`."""

    hovered = Signal(object)
    """Voxel (x, y, z) under the pointer as whole numbers, or None outside the scan."""
    maximise_requested = Signal()
    """Double-click."""
    brush_size_step = Signal(int)
    """Shift+wheel: +1 larger, -1 smaller."""
    menu_requested = Signal(object)
    """Right click without dragging, at this global point."""
    picked = Signal(object)
    """Alt+click on this voxel (x, y, z): take the label that is there."""
    space_tapped = Signal()
    """Space went down and up at once and nothing was dragged: it is free for something else."""
    pressed = Signal()
    """A button went down in this pane."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._gestures = Gestures(self)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def set_mouse(self, ways: Mapping[str, str]) -> None:
        """Let the mouse do what a keymap says (:data:`gui.viewer.gestures.USUAL`)."""
        self._gestures.ways = {**USUAL, **ways}

    def _cursor_shape(self) -> Qt.CursorShape:
        return Qt.CursorShape.OpenHandCursor if self._gestures.space else super()._cursor_shape()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._source is not None:
            self.pressed.emit()
            self._gestures.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._source is None:
            return
        self._gestures.move(event)
        erasing = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        busy = self._gestures.drag in (Drag.PAN, Drag.WINDOW)
        self._place_ring(None if busy else event.position(), erasing=erasing)
        self._say_hovered(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._source is not None:
            self._gestures.release(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._source is None:
            return
        if event.button() != Qt.MouseButton.LeftButton or not self._gestures.doubled(event):
            # two quick dabs at two places are two dabs
            self.mousePressEvent(event)
        elif not self._gestures.tool_doubled(event):
            self.maximise_requested.emit()

    def tabletEvent(self, event: QTabletEvent) -> None:
        self._gestures.pen(event)
        # not taken: Qt then tells it again as the mouse, and one path does for both
        event.ignore()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._source is not None:
            self._gestures.wheel(event)
            self._say_hovered(event.position())
        event.accept()

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        # so that Space pans where the pointer is
        self.take_keys()

    def take_keys(self) -> None:
        """Hear the keys from now on, unless somebody writes in a field."""
        if not isinstance(QApplication.focusWidget(), _WRITING):
            self.setFocus(Qt.FocusReason.MouseFocusReason)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._place_ring(None)
        self._gestures.leave()
        self.hovered.emit(None)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and self._gestures.key(event):
            event.accept()
            return True
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            inside = self._corner.note_rect(self.rect()).contains(event.pos())
            QToolTip.showText(event.globalPos(), self._remarks.sentences if inside else "", self)
            return True
        return super().event(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._gestures.hold_space(False)

    def _say_hovered(self, place: QPointF) -> None:
        if self._source is None:
            return
        view = self._source.view
        row, column = (round(value) for value in self._row_column(view, place))
        inside = 0 <= row < view.rows and 0 <= column < view.columns
        x, y, z = view.to_voxel(row, column, self._source.index)
        self.hovered.emit((int(x), int(y), int(z)) if inside else None)
