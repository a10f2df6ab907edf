"""The three slices that deserve a look first, each with its reason."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QPushButton, QWidget

from core.messages import numeral, text
from core.review.ranking import RankedSlice
from gui import theme

COUNT = 3


class NextSlices(QWidget):
    """Three quiet lines that go to a slice when clicked."""

    slice_chosen = Signal(int)
    """Native slice (from 0)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._some, self._room = False, True
        self._lines = [theme.button("", "flat") for _ in range(COUNT)]
        outer = theme.column(self, gap=0)
        outer.addWidget(theme.heading(text("review.next")))
        outer.addSpacing(2)
        for line in self._lines:
            line.setStyleSheet("QPushButton { text-align: left; padding: 0 2px; min-height: 20px; font-size: 12px; }")
            line.setCursor(Qt.CursorShape.PointingHandCursor)
            line.clicked.connect(self._chosen)
            outer.addWidget(line)
        self.hide()

    @property
    def lines(self) -> list[str]:
        """The lines shown."""
        return [line.text() for line in self._lines if not line.isHidden()]

    def show_ranked(self, ranked: Sequence[RankedSlice]) -> None:
        """Show the first of the slices."""
        for number, line in enumerate(self._lines):
            line.setVisible(number < len(ranked))
            if number < len(ranked):
                line.setText(words_of(ranked[number]))
                line.setProperty("slice", ranked[number].slice)
        self._some = bool(ranked)
        self.setVisible(self._some and self._room)

    def set_room(self, room: bool) -> None:
        """Say whether the page is high enough for these lines."""
        self._room = room
        self.setVisible(self._some and room)

    @Slot()
    def _chosen(self) -> None:
        line = self.sender()
        if isinstance(line, QPushButton):
            self.slice_chosen.emit(int(line.property("slice")))


def words_of(ranked: RankedSlice) -> str:
    """Return a line: slice, reason, and its Dice where there is one."""
    reason = text(f"review.reason_{ranked.reason.removeprefix('reason_')}")
    if math.isfinite(ranked.dice) and ranked.dice > 0:
        reason = text("review.next_dice", reason=reason, dice=numeral(ranked.dice, ".3f"))
    return text("review.next_line", slice=ranked.slice + 1, reason=reason)
