"""The wheel over a page that scrolls: it scrolls the page, and changes no value that comes under the pointer."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QAbstractSlider, QAbstractSpinBox, QComboBox, QScrollBar, QWidget


class WheelScrolls(QObject):
    """Takes the wheel from the fields of a page.

    A list to choose from never turns by the wheel; a figure or a slider does once it was clicked.

    Parameters
    ----------
    page
        Its fields are taken as they are now; the ones it gets later are told by :meth:`also`.
    """

    def __init__(self, page: QWidget) -> None:
        super().__init__(page)
        for field in page.findChildren(QWidget):
            self.also(field)

    def also(self, field: QWidget) -> None:
        """Take the wheel from a field; anything else stays as it is."""
        if not isinstance(field, QComboBox | QAbstractSpinBox | QAbstractSlider) or isinstance(field, QScrollBar):
            return
        if field.focusPolicy() == Qt.FocusPolicy.WheelFocus:
            field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        field.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() != QEvent.Type.Wheel or not isinstance(watched, QWidget):
            return super().eventFilter(watched, event)
        if isinstance(watched, QComboBox) or not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)
