"""The tools as icons with names: one column, or more where the window is not tall enough for one."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QActionGroup, QFont, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QToolButton, QVBoxLayout, QWidget

from core.messages import text
from gui import theme
from gui.actions import Actions

TOOLS = (
    "brush", "erase", "background", "polygon", "lasso", "scissors", "fill", "wand", "level", "threshold", "suggestions",
    "ruler", "navigate",
)  # fmt: skip
COMMANDS = ("undo", "redo", "reset_view")
_HEIGHT, _LOWEST, _LOWEST_BESIDE = 48, 40, 36
"""Of a button: lower rather than in two columns, and lower still rather than in three."""
_MOST = 3
"""Columns."""
_ROOMY = 46
"""Lower, the icon is smaller: the word is to be read whole."""
_ICON, _SMALL_ICON = QSize(20, 20), QSize(15, 15)
_GAP = 3
_MARGIN = 6
_BESIDE = 4
"""Room beside the longest word."""


class ToolRail(QFrame):
    """Tools above, undo and redo below; keys are in the tooltips."""

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "rail")
        self.columns = 0
        self._wide = _width()
        self._groups = [_grid(), _grid()]
        group = QActionGroup(self)
        for name in TOOLS:
            group.addAction(actions[name])
        self._buttons = [[_button(actions[name], self._wide) for name in names] for names in (TOOLS, COMMANDS)]
        lay = QVBoxLayout(self)
        lay.setContentsMargins(_MARGIN, _MARGIN, _MARGIN, _MARGIN)
        lay.setSpacing(_GAP)
        lay.addLayout(self._groups[0])
        lay.addStretch()
        lay.addLayout(self._groups[1])
        self._arrange(1)

    def minimumSizeHint(self) -> QSize:
        # the window may be made lower than a column or two need
        return QSize(self.width(), self._needed(_MOST, _LOWEST_BESIDE))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        fitting = (columns for columns in range(1, _MOST) if self.height() >= self._needed(columns, _lowest(columns)))
        columns = next(fitting, _MOST)
        room = (self.height() - self._needed(columns, 0)) // self._rows(columns)
        height = max(_lowest(columns), min(_HEIGHT, room))
        for button in (button for buttons in self._buttons for button in buttons):
            button.setFixedHeight(height)
            button.setIconSize(_ICON if height >= _ROOMY else _SMALL_ICON)
        self._arrange(columns)

    def _needed(self, columns: int, height: int) -> int:
        return self._rows(columns) * (height + _GAP) + 2 * _MARGIN + _GAP

    def _rows(self, columns: int) -> int:
        return sum(-(-len(buttons) // columns) for buttons in self._buttons)

    def _arrange(self, columns: int) -> None:
        if columns == self.columns:
            return
        self.columns = columns
        width = self._wide
        self.setFixedWidth(columns * width + (columns - 1) * _GAP + 2 * _MARGIN + 1)
        for grid, buttons in zip(self._groups, self._buttons, strict=True):
            for place, button in enumerate(buttons):
                grid.removeWidget(button)
                grid.addWidget(button, place // columns, place % columns)


def _lowest(columns: int) -> int:
    return _LOWEST if columns == 1 else _LOWEST_BESIDE


def _width() -> int:
    """Return the width of a button: as wide as the theme has it, wider where a word of the language needs it."""
    words = (text(f"actions.{name}") for name in (*TOOLS, *COMMANDS))
    metrics = QFontMetrics(theme.font("heading", weight=QFont.Weight.DemiBold))
    return max(theme.space("rail") - 13, *(metrics.horizontalAdvance(word) + _BESIDE for word in words))


def _grid() -> QGridLayout:
    made = QGridLayout()
    made.setSpacing(_GAP)
    return made


def _button(action: QAction, width: int) -> QToolButton:
    button = QToolButton()
    button.setProperty("kind", "rail")
    button.setDefaultAction(action)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
    button.setIconSize(_ICON)
    button.setFixedSize(width, _HEIGHT)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
