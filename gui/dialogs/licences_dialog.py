"""The parts of the program and their licences."""

from __future__ import annotations

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from core.licences import file, licences
from core.messages import text
from gui import theme
from gui.dialogs.base import Dialog


class LicencesDialog(Dialog):
    """A list of everything in this copy, with every licence in full where it was installed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(text("dialogs.licences"), "", parent, width=820)
        key = "dialogs.licences_installed" if file() is not None else "dialogs.licences_checkout"
        self.body.addWidget(theme.label(text(key), "muted", wrap=True))
        self.words = QPlainTextEdit(licences())
        self.words.setAccessibleName(text("dialogs.licences"))
        self.words.setReadOnly(True)
        self.words.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        fixed = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        theme.style(self.words, f"font-family: '{fixed.family()}'; font-size: 12px;")
        self.words.setMinimumHeight(420)
        self.body.addWidget(self.words, 1)
