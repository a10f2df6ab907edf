"""The next best slices of all predicted scans, each with its reason."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QSpinBox, QWidget

from core.messages import text
from gui import theme
from gui.review.look_page import LookPage
from gui.roomy import FoldingBar

COLUMNS = ("scan", "patient", "label", "slice", "why")
MOST = 100


class NextPage(LookPage):
    """The list; :class:`gui.review.next_desk.NextDesk` feeds it."""

    take_asked = Signal(int)
    """Number of a row, from 0."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("next", COLUMNS, parent)
        self._taken: set[int] = set()
        self.table.doubleClicked.connect(self._take)
        self.table.itemSelectionChanged.connect(self._selected)
        self._selected()

    def make_bar(self) -> QWidget:
        """Lay out the line above; in a narrow window it is two."""
        self.count = QSpinBox()
        self.count.setRange(1, MOST)
        self.count.setValue(10)
        self.count.setToolTip(text("next.count_tip"))
        self.count.setAccessibleName(text("next.count"))
        theme.inset(self.count)
        self.take = theme.primary_button(text("next.take"), tip=text("next.take_tip"))
        self.take.clicked.connect(self._take)
        bar = FoldingBar(34, 34, theme.space("s"), margin=0)
        bar.setProperty("area", "clear")
        what, acts = bar.lines
        what.addWidget(self.title)
        what.addStretch(1)
        what.addWidget(self.count)
        what.addWidget(self.again)
        acts.addStretch(0)
        acts.addWidget(self.take)
        return bar

    def fill(self, rows: Sequence[Sequence[str]]) -> None:
        """Show other slices, the first of them chosen."""
        self._taken = set()
        super().fill(rows)
        if rows:
            self.table.selectRow(0)
        self._selected()

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
    def _take(self) -> None:
        if self.chosen >= 0:
            self.take_asked.emit(self.chosen)
