"""The slices and scans of which a gate says otherwise than masks or predictions: a click shows one."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from gui.review.look_page import LookPage

COLUMNS = ("scan", "patient", "slice", "why")
MOST = 500
"""More rows than anybody clicks through are for the command and its CSV."""


class GatePage(LookPage):
    """The list; :class:`gui.review.gate_desk.GateDesk` feeds it."""

    row_asked = Signal(int)
    """Number of a row, from 0."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("gating", COLUMNS, parent)
        self.table.cellClicked.connect(self.row_asked)
        # Return on the keyboard
        self.table.activated.connect(self._activated)

    @Slot()
    def _activated(self) -> None:
        row = self.table.currentRow()
        if row >= 0:
            self.row_asked.emit(row)
