"""The field that words to look for are written into, the same wherever there is one."""

from __future__ import annotations

from PySide6.QtWidgets import QLineEdit, QToolButton, QWidget

from core.messages import text
from gui.icons import icon


class SearchField(QLineEdit):
    """A field with a magnifying glass and a cross that empties it.

    Parameters
    ----------
    words
        Shown while it is empty, and told to screen readers.
    """

    def __init__(self, words: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText(words)
        self.setAccessibleName(words)
        self.setClearButtonEnabled(True)
        self.addAction(icon("search", "faint"), QLineEdit.ActionPosition.LeadingPosition)
        glass, cross = words, text("app.search_empty")
        for button in self.findChildren(QToolButton):
            # the cross is Qt's own and comes first
            button.setAccessibleName(cross if button.actions() == [] else glass)
