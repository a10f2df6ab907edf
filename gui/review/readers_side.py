"""The right side of the readers' page: how far two readers agree on this scan, what is said of it, and the verdict."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QWidget

from core.geometry import Geometry
from core.messages import numeral, text
from gui import theme
from gui.marking import let_mark
from gui.review.dice_strip import DiceStrip
from gui.review.next_slices import NextSlices
from gui.review.numbers import fraction, volume_words
from gui.review.readers_case import ReadersCase
from gui.session import Session
from gui.team.comment_box import CommentBox
from gui.team.facts_table import DASH
from gui.team.review_acts import ReviewActs

ROWS = ("dice", "kappa", "hd95", "both", "first_volume", "second_volume")


class ReadersSide(QFrame):
    """Figures, curve, comments, and the reviewer's buttons below.

    Parameters
    ----------
    session
        What is open.
    place
        Returns the native slice (from 0) that is looked at.
    """

    def __init__(self, session: Session, place: Callable[[], int], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "right")
        self.setFixedWidth(theme.space("side"))
        self._names = {row: theme.label("") for row in ROWS}
        self.values = {row: theme.label(DASH, "strong") for row in ROWS}
        self.note = theme.label("", "muted", wrap=True)
        self.strip = DiceStrip()
        self._strip_heading = theme.heading(text("review.per_slice"))
        self.next = NextSlices()
        self.comments = CommentBox(session, place)
        self.acts = ReviewActs(session, place)
        inside = QWidget()
        inside.setProperty("area", "clear")
        column = theme.column(inside, gap=theme.space("s"))
        column.addWidget(theme.heading(text("team.agreement")))
        column.addLayout(self._grid())
        column.addWidget(self.note)
        for widget in (self._strip_heading, self.strip, self.next):
            column.addWidget(widget)
        column.addSpacing(4)
        column.addWidget(theme.heading(text("team.comments")))
        column.addWidget(self.comments)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        scroll.viewport().setProperty("area", "clear")
        outer = theme.column(self, margin=theme.space("m"), gap=theme.space("s"))
        outer.addWidget(scroll, 1)
        outer.addWidget(self.acts)

    def _grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        for number, row in enumerate(ROWS):
            name, value = self._names[row], self.values[row]
            name.setText(text(f"team.row_{row}"))
            name.setToolTip(text(f"team.row_{row}_tip"))
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            let_mark(value)
            grid.addWidget(name, number, 0)
            grid.addWidget(value, number, 1)
        return grid

    def show_case(self, case: ReadersCase | None, geometry: Geometry | None, index: int) -> None:
        """Show another answer."""
        found = case.agreement if case is not None else None
        words = dict.fromkeys(ROWS, DASH)
        if case is not None:
            self._names["first_volume"].setText(case.first or text("team.row_first_volume"))
            self._names["second_volume"].setText(case.second or text("team.row_second_volume"))
        if found is not None and geometry is not None:
            words = {
                "dice": fraction(found.dice),
                "kappa": fraction(found.kappa),
                "hd95": DASH if found.hd95 is None else f"{numeral(found.hd95, '.1f')} {found.unit}",
                "both": text("review.of", part=found.slices, whole=geometry.shape[0]),
                "first_volume": volume_words(found.first_voxels, geometry),
                "second_volume": volume_words(found.second_voxels, geometry),
            }
        for row, value in words.items():
            self.values[row].setText(value)
        self.note.setText(note_of(case))
        self.note.setVisible(bool(self.note.text()))
        values = case.per_slice if case is not None else None
        shown = found is not None and values is not None and len(values) > 1
        self.strip.setVisible(shown)
        self._strip_heading.setVisible(shown)
        if shown and values is not None:
            self.strip.show_values(values)
            self.strip.set_index(index)
        self.next.show_ranked(case.ranked if case is not None else ())


def note_of(case: ReadersCase | None) -> str:
    """Say why there are no figures, or what they leave out."""
    if case is None:
        return text("team.reading")
    if case.blind:
        left = ", ".join(one.reader for one in case.given if not one.done and one.blind)
        return text("team.blind_note", readers=left)
    if not case.second:
        return text("team.one_reader_note")
    if case.agreement is None:
        return text("team.nothing_both")
    return ""
