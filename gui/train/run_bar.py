"""The runs with what can be done with them: compare, give away, take in, delete."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from core.messages import text
from gui import theme
from gui.train.run_table import RunTable


class RunBox(QWidget):
    """Heading, buttons and table."""

    figures_asked = Signal(list)
    """Ids of the runs to put beside each other; one alone for its figures."""
    export_asked = Signal(str)
    take_asked = Signal()
    delete_asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = RunTable()
        self._read_only = False
        self.figures = theme.button(text("train.figures"), "small", tip=text("train.figures_tip"))
        self.figures.clicked.connect(self._ask_figures)
        self.export = theme.button(text("train.export_run"), "small", tip=text("train.export_run_tip"))
        self.export.clicked.connect(self._ask_export)
        self.take = theme.button(text("train.take_run"), "small", tip=text("train.take_run_tip"))
        self.take.clicked.connect(self.take_asked)
        self.delete = theme.button(text("train.delete_run"), "small", tip=text("train.delete_run_tip"))
        self.delete.clicked.connect(self._ask_delete)
        self._hint = theme.label(text("train.tick_hint"), "muted")
        line = theme.row(gap=6)
        line.addWidget(theme.heading(text("train.runs")))
        line.addSpacing(theme.space("s"))
        line.addWidget(self._hint)
        line.addStretch(1)
        for button in (self.figures, self.export, self.take, self.delete):
            line.addWidget(button)
        outer = theme.column(self, gap=6)
        outer.addLayout(line)
        outer.addWidget(self.table, 1)
        self.table.runs.ticks_changed.connect(self.refresh)
        self.table.chosen.connect(self.refresh)
        self.refresh()

    def set_read_only(self, read_only: bool) -> None:
        """Say whether anything may be taken in or deleted."""
        self._read_only = read_only
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Offer what can be done with what is ticked or chosen."""
        ticked, row = self.table.runs.ticked, self.table.current_row
        self._hint.setVisible(len(self.table.runs.rows) > 1 and len(ticked) < 2)
        several = len(ticked) >= 2
        words = text("train.compare", count=len(ticked)) if several else text("train.figures")
        self.figures.setText(words)
        self.figures.setEnabled(several or row is not None)
        self.export.setEnabled(row is not None and row.run.usable)
        self.take.setEnabled(not self._read_only)
        self.delete.setEnabled(row is not None and not self._read_only and row.run.state.value != "running")

    @Slot()
    def _ask_figures(self) -> None:
        ticked = self.table.runs.ticked
        # the oldest first: the others are measured against it
        several = [row.run.id for row in reversed(self.table.runs.rows) if row.run.id in ticked]
        self.figures_asked.emit(several if len(several) >= 2 else [self.table.current])

    @Slot()
    def _ask_export(self) -> None:
        self.export_asked.emit(self.table.current)

    @Slot()
    def _ask_delete(self) -> None:
        self.delete_asked.emit(self.table.current)
