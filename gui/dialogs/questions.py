"""Questions with two answers."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from gui import theme
from gui.dialogs.base import Dialog


class Question(Dialog):
    """A sentence and two buttons; the quiet one is the safe one."""

    def __init__(self, title: str, words: str, accept_words: str, parent: QWidget | None = None) -> None:
        super().__init__(title, accept_words, parent)
        self.body.addWidget(theme.label(words, wrap=True))
        self.cancel_button.setDefault(True)
        self.accept_button.setProperty("kind", "danger")
        theme.restyle(self.accept_button)
