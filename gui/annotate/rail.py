"""The tools as a column of icons with names."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QFrame, QToolButton, QWidget

from gui import theme
from gui.actions import Actions

TOOLS = ("brush", "erase", "navigate")
COMMANDS = ("undo", "redo", "reset_view")


class ToolRail(QFrame):
    """Tools above, undo and redo below; keys are in the tooltips."""

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "rail")
        self.setFixedWidth(theme.space("rail"))
        lay = theme.column(self, margin=6, gap=4)
        group = QActionGroup(self)
        for name in TOOLS:
            group.addAction(actions[name])
            lay.addWidget(_button(actions[name]))
        lay.addStretch()
        for name in COMMANDS:
            lay.addWidget(_button(actions[name]))


def _button(action: QAction) -> QToolButton:
    button = QToolButton()
    button.setProperty("kind", "rail")
    button.setDefaultAction(action)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
    button.setIconSize(QSize(22, 22))
    button.setFixedSize(theme.space("rail") - 13, 52)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
