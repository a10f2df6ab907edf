"""The page shown where there is nothing yet: one line what is missing, one what to do, one button."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from gui import theme


class EmptyPage(QWidget):
    """A quiet centred message with the next step.

    Parameters
    ----------
    title, words
        What is missing; what to do about it.
    action
        Words of the button, empty for none.
    """

    asked = Signal()
    """The button was pressed."""
    other_asked = Signal()
    """The quiet button below it was pressed."""

    def __init__(self, title: str = "", words: str = "", action: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = theme.label(title, "title")
        self._words = theme.label(words, "muted", wrap=True)
        self._button = theme.primary_button(action)
        self._button.clicked.connect(self.asked)
        layout = theme.column(self, margin=theme.space("xl"), gap=theme.space("m"))
        layout.addStretch(2)
        for widget in (self._title, self._words):
            widget.setAlignment(Qt.AlignmentFlag.AlignCenter)
            line = theme.row(gap=0)
            line.addStretch(1)
            line.addWidget(widget, 8)
            line.addStretch(1)
            layout.addLayout(line)
        self._words.setMaximumWidth(560)
        layout.addSpacing(theme.space("s"))
        layout.addWidget(self._button, 0, Qt.AlignmentFlag.AlignHCenter)
        self._other = theme.button("", "flat")
        self._other.clicked.connect(self.other_asked)
        layout.addWidget(self._other, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(3)
        self._other.hide()
        self._button.setVisible(bool(action))

    def say(self, title: str, words: str, action: str = "", other: str = "") -> None:
        """Show another message."""
        self._title.setText(title)
        self._words.setText(words)
        self._button.setText(action)
        self._button.setVisible(bool(action))
        self._other.setText(other)
        self._other.setVisible(bool(other))
