"""The next best slices of all predicted scans, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHeaderView, QSpinBox, QTableWidget, QTableWidgetItem, QWidget

from core.messages import text
from core.review.next_best import Pick
from gui import theme
from gui.quiet_table import make_quiet
from gui.roomy import FoldingBar

COLUMNS = ("scan", "patient", "label", "slice", "why")
MOST = 100


class NextPage(QWidget):
    """The list; :class:`gui.review.next_desk.NextDesk` feeds it."""

    take_asked = Signal(int)
    """Number of a row, from 0."""
    again_asked = Signal()
    """Look through the predictions anew."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._taken: set[int] = set()
        self.table = QTableWidget(0, len(COLUMNS))
        make_quiet(self.table, 30)
        self.table.setHorizontalHeaderLabels([text(f"next.column_{name}") for name in COLUMNS])
        header = self.table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for number in range(len(COLUMNS) - 1):
            header.setSectionResizeMode(number, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(len(COLUMNS) - 1, QHeaderView.ResizeMode.Stretch)
        self.table.setToolTip(text("next.table_tip"))
        self.table.doubleClicked.connect(self._doubled)
        self.table.itemSelectionChanged.connect(self._selected)
        self.count = QSpinBox()
        self.count.setRange(1, MOST)
        self.count.setValue(10)
        self.count.setToolTip(text("next.count_tip"))
        theme.inset(self.count)
        self.again = theme.button(text("next.again"), "small", tip=text("next.again_tip"))
        self.again.clicked.connect(self.again_asked)
        self.take = theme.primary_button(text("next.take"), tip=text("next.take_tip"))
        self.take.clicked.connect(self._take)
        self._said = theme.label("", "muted", wrap=True)
        self._left_out = theme.label("", "muted", wrap=True)
        bar = FoldingBar(34, 34, theme.space("s"), margin=0)
        bar.setProperty("area", "clear")
        what, acts = bar.lines
        what.addWidget(theme.heading(text("next.title")))
        what.addStretch(1)
        what.addWidget(self.count)
        what.addWidget(self.again)
        acts.addStretch(0)
        acts.addWidget(self.take)
        outer = theme.column(self, margin=theme.space("m"), gap=theme.space("s"))
        outer.addWidget(bar)
        outer.addWidget(self._said)
        outer.addWidget(self.table, 1)
        outer.addWidget(self._left_out)
        self.show_picks((), {})

    def show_picks(self, picks: Sequence[Pick], patients: Mapping[str, str]) -> None:
        """Show other slices; ``patients``: display names by key."""
        self._taken = set()
        self.table.setRowCount(len(picks))
        for row, pick in enumerate(picks):
            one = pick.candidate
            place = text("next.slice_of", slice=one.slice + 1, slices=one.slices)
            words = (one.name, patients.get(one.patient, ""), one.label, place, pick.words)
            for column, told in enumerate(words):
                self.table.setItem(row, column, QTableWidgetItem(told))

        if picks:
            self.table.selectRow(0)
        self._selected()

    def say(self, words: str, left_out: Sequence[str] = ()) -> None:
        """Say how far the looking is, and what was not looked at."""
        self._said.setText(words)
        self._left_out.setText(" ".join(left_out))
        self._left_out.setVisible(bool(left_out))

    @property
    def words(self) -> str:
        """What is said above the list."""
        return self._said.text()

    @property
    def chosen(self) -> int:
        """Number of the row chosen, or -1."""
        rows = self.table.selectionModel().selectedRows()
        return rows[0].row() if rows else -1

    def mark_taken(self, row: int) -> None:
        """Show that a slice was taken, and choose the next one that was not."""
        self._taken.add(row)
        for column in range(self.table.columnCount()):
            item = self.table.item(row, column)
            if item is not None:
                item.setForeground(theme.qcolor("muted"))
        left = [n for n in range(self.table.rowCount()) if n not in self._taken]
        following = [n for n in left if n > row] or left
        if following:
            self.table.selectRow(following[0])
        else:
            self.table.clearSelection()

    @Slot()
    def _selected(self) -> None:
        self.take.setEnabled(self.chosen >= 0)

    @Slot()
    def _doubled(self) -> None:
        self._take()

    @Slot()
    def _take(self) -> None:
        if self.chosen >= 0:
            self.take_asked.emit(self.chosen)
