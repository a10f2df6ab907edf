"""Whether all that a window lets somebody do has a name that a screen reader can say."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QTabBar,
    QWidget,
)

_ACTING = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
)
_PARTS = (QScrollBar, QHeaderView)
"""Parts of another widget, which has the name."""


def nameless(root: QWidget) -> list[str]:
    """Return what can be acted on and has no name, a line each: the kind, where it is, its tip."""
    return [
        f"{type(widget).__name__} in {_place(widget)} has no name, tip “{widget.toolTip()}”"
        for widget in root.findChildren(QWidget)
        if widget.isVisibleTo(root) and _acts(widget) and not _name(widget)
    ]


def _acts(widget: QWidget) -> bool:
    if isinstance(widget, _PARTS) or isinstance(widget.parentWidget(), QAbstractSpinBox | QComboBox | QTabBar):
        return False
    own = type(widget).__module__.startswith("gui.") and not isinstance(widget, QAbstractScrollArea)
    return isinstance(widget, _ACTING) or (own and bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus))


def _name(widget: QWidget) -> str:
    if isinstance(widget, QComboBox):
        # on Linux Qt gives what is chosen for the name
        labels = (label.text() for label in widget.window().findChildren(QLabel) if label.buddy() is widget)
        words = widget.accessibleName() or next(labels, "")
    else:
        known = QAccessible.queryAccessibleInterface(widget)
        words = known.text(QAccessible.Text.Name) if known is not None else ""
    # a cross or an arrow alone is none
    return words if any(letter.isalnum() for letter in words) else ""


def _place(widget: QWidget) -> str:
    places, parent = [], widget.parentWidget()
    while parent is not None and len(places) < 3:
        places.append(type(parent).__name__)
        parent = parent.parentWidget()
    return " in ".join(places)
