"""What must be known to read the curves: why they may flatter, and what they say."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QSizePolicy, QWidget

from core.messages import text
from gui import theme
from gui.marking import let_mark


class CautionBar(QFrame):
    """A quiet frame with a sign; it is not there while there is nothing to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "caution")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self._words = theme.label("", "warning", wrap=True)
        let_mark(self._words)
        self._words.setTextFormat(Qt.TextFormat.PlainText)
        sign = theme.label("⚠", "warning")
        sign.setToolTip(text("train_warnings.title"))
        line = theme.row(self, gap=theme.space("s"))
        line.setContentsMargins(10, 6, 10, 6)
        line.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self._words, 1)
        self.hide()

    @property
    def words(self) -> str:
        """What is shown, one thing a line."""
        return self._words.text()

    def show_words(self, stamp: str, cautions: Sequence[str]) -> None:
        """Show why the numbers may flatter, then what the curves say; nothing hides the bar."""
        words = "\n".join(part for part in (stamp, *cautions) if part)
        if words != self._words.text():
            self._words.setText(words)
        self.setVisible(bool(words))
