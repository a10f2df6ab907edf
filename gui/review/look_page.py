"""A list of what was found in all scans: the table, what is said above and below it, and a button to look again."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from core.messages import text
from gui import theme
from gui.quiet_table import make_quiet


class LookPage(QWidget):
    """The list; a :class:`gui.review.looker.Looker` fills it.

    Parameters
    ----------
    words
        Section of the texts that its words stand in.
    columns
        Their keys; the last one takes the room that is left.
    """

    again_asked = Signal()
    """Look through the scans anew."""

    def __init__(self, words: str, columns: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = QTableWidget(0, len(columns))
        make_quiet(self.table, 30)
        self.table.setHorizontalHeaderLabels([text(f"{words}.column_{name}") for name in columns])
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for number in range(len(columns) - 1):
            header.setSectionResizeMode(number, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(len(columns) - 1, QHeaderView.ResizeMode.Stretch)
        self.table.setToolTip(text(f"{words}.table_tip"))
        self.table.setAccessibleName(text(f"{words}.title"))
        self.title = theme.heading(text(f"{words}.title"))
        self.again = theme.button(text(f"{words}.again"), "small", tip=text(f"{words}.again_tip"))
        self.again.clicked.connect(self.again_asked)
        self._said = theme.label("", "muted", wrap=True)
        self._left_out = theme.label("", "muted", wrap=True)
        outer = theme.column(self, margin=theme.space("m"), gap=theme.space("s"))
        outer.addWidget(self.make_bar())
        outer.addWidget(self._said)
        outer.addWidget(self.table, 1)
        outer.addWidget(self._left_out)
        self._left_out.hide()

    def make_bar(self) -> QWidget:
        """Lay out the line above: the title and what can be done."""
        bar = QWidget()
        line = theme.row(bar, gap=theme.space("s"))
        line.addWidget(self.title)
        line.addStretch(1)
        line.addWidget(self.again)
        return bar

    def fill(self, rows: Sequence[Sequence[str]]) -> None:
        """Show other rows, each with the words of its columns."""
        self.table.setRowCount(len(rows))
        for number, told in enumerate(rows):
            for column, words in enumerate(told):
                self.table.setItem(number, column, QTableWidgetItem(words))
        self.table.clearSelection()

    def say(self, words: str, left_out: Sequence[str] = ()) -> None:
        """Say how far the looking is, and what was not looked at."""
        self._said.setText(words)
        self._left_out.setText(" ".join(left_out))
        self._left_out.setVisible(bool(left_out))

    @property
    def words(self) -> str:
        """What is said above the list."""
        return self._said.text()
