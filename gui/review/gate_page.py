"""The slices and scans of which a gate says otherwise than masks or predictions: a click shows one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from core.messages import text
from core.review.gate_list import GateRow
from gui import theme
from gui.quiet_table import make_quiet

COLUMNS = ("scan", "patient", "slice", "why")
MOST = 500
"""More rows than anybody clicks through are for the command and its CSV."""


class GatePage(QWidget):
    """The list; :class:`gui.review.gate_desk.GateDesk` feeds it."""

    row_asked = Signal(int)
    """Number of a row, from 0."""
    again_asked = Signal()
    """Look through the scans anew."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = QTableWidget(0, len(COLUMNS))
        make_quiet(self.table, 30)
        self.table.setHorizontalHeaderLabels([text(f"gating.column_{name}") for name in COLUMNS])
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for number in range(len(COLUMNS) - 1):
            header.setSectionResizeMode(number, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(len(COLUMNS) - 1, QHeaderView.ResizeMode.Stretch)
        self.table.setToolTip(text("gating.table_tip"))
        self.table.cellClicked.connect(self.row_asked)
        # Return on the keyboard
        self.table.activated.connect(self._activated)
        self.again = theme.button(text("gating.again"), "small", tip=text("gating.again_tip"))
        self.again.clicked.connect(self.again_asked)
        self._said = theme.label("", "muted", wrap=True)
        self._left_out = theme.label("", "muted", wrap=True)
        top = theme.row(gap=theme.space("s"))
        top.addWidget(theme.heading(text("gating.title")))
        top.addStretch(1)
        top.addWidget(self.again)
        outer = theme.column(self, margin=theme.space("m"), gap=theme.space("s"))
        outer.addLayout(top)
        outer.addWidget(self._said)
        outer.addWidget(self.table, 1)
        outer.addWidget(self._left_out)
        self._left_out.hide()

    def show_rows(self, rows: Sequence[GateRow], places: Sequence[str], patients: Mapping[str, str]) -> None:
        """Show other rows, the first of them; ``patients``: display names by the id of a scan."""
        shown = min(len(rows), MOST)
        self.table.setRowCount(shown)
        for number in range(shown):
            row = rows[number]
            for column, told in enumerate((row.name, patients.get(row.scan, ""), places[number], row.words)):
                self.table.setItem(number, column, QTableWidgetItem(told))
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

    @Slot()
    def _activated(self) -> None:
        row = self.table.currentRow()
        if row >= 0:
            self.row_asked.emit(row)
