"""The log, to be looked at, copied and saved: it names nobody."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtGui import QFontDatabase, QTextCursor
from PySide6.QtWidgets import QApplication, QFileDialog, QPlainTextEdit, QWidget

from core.errors import StorageError
from core.io import atomic
from core.messages import sentence, text
from gui import theme
from gui.dialogs.base import Dialog
from gui.log import read_log

NAME = "meninx-log.txt"


class LogDialog(Dialog):
    """What was logged, newest at the end, where it opens."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(text("faults.log_title"), "", parent, width=820)
        if not parent:
            theme.dress(self)
        self.body.addWidget(theme.label(text("faults.log_words"), "muted", wrap=True))
        self.words = QPlainTextEdit(read_log() or text("faults.log_empty"))
        self.words.setAccessibleName(text("faults.log_title"))
        self.words.setReadOnly(True)
        self.words.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        fixed = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        theme.style(self.words, f"font-family: '{fixed.family()}'; font-size: 12px;")
        self.words.setMinimumHeight(360)
        self.words.moveCursor(QTextCursor.MoveOperation.End)
        self.body.addWidget(self.words, 1)
        self.said = theme.label("", "muted", wrap=True)
        self.copy_button = theme.button(text("faults.copy"))
        self.copy_button.clicked.connect(self._copy)
        self.save_button = theme.button(text("faults.save"))
        self.save_button.clicked.connect(self._ask_place)
        line = theme.row()
        line.addWidget(self.said, 1)
        line.addWidget(self.copy_button)
        line.addWidget(self.save_button)
        self.body.addLayout(line)

    @Slot()
    def _copy(self) -> None:
        QApplication.clipboard().setText(self.words.toPlainText())
        self.said.setText(text("faults.copied"))

    @Slot()
    def _ask_place(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, text("faults.save"), str(Path.home() / NAME))
        if name:
            self.save_to(Path(name))

    def save_to(self, path: Path) -> None:
        """Write what is shown to a file, and say whether that was done."""
        try:
            atomic.write_bytes(path, self.words.toPlainText().encode("utf-8"))
        except StorageError as error:
            self.said.setText(sentence(error))
        else:
            self.said.setText(text("faults.saved_as", name=path.name))
