"""What an exploration found, as cards: counts, balance, place, areas, intensities, sizes, look-alikes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QScrollArea, QWidget

from core.learning.explore_found import Exploration, Size, Twin
from core.messages import numeral, text
from gui import theme
from gui.train.explore_cards import Bar, Card, HeatView, HistogramCard, RemarksCard, RowsCard
from gui.train.watch import counted, grouped

MOST_ROWS = 8
NARROW = 900
"""Below this width (px) four pictures, or two tables, do not fit beside each other."""


class Findings(QScrollArea):
    """The cards, beside each other as far as there is room."""

    scan_asked = Signal(str)
    """Name of a scan that a remark is about."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._laid: tuple[bool, list[Card]] | None = None
        self.remarks = RemarksCard()
        self.remarks.scan_asked.connect(self.scan_asked)
        self.counts = RowsCard(text("explore_page.counts"), ("", ""))
        balance = Card(text("explore_page.balance"))
        self.balance = Bar()
        balance.body.addWidget(self.balance)
        balance.end()
        balance.body.addStretch(1)
        self.balance_note = balance.note
        place = Card(text("explore_page.heat"))
        self.heat = HeatView()
        place.body.addWidget(self.heat, 1)
        place.end()
        self.heat_note = place.note
        self.areas = HistogramCard(text("explore_page.area_title"), both=False)
        self.intensity = HistogramCard(text("explore_page.intensity"), both=True)
        self.hue = HistogramCard(text("explore_page.hue"), both=True)
        self.sizes = RowsCard(
            text("explore_page.sizes"),
            [text(f"explore_page.column_{name}") for name in ("scans", "size", "voxel", "kind")],
        )
        self.twins = RowsCard(
            text("explore_page.twins"),
            [text(f"explore_page.column_{name}") for name in ("patients", "slices", "alike")],
        )
        inner = QWidget()
        inner.setProperty("area", "clear")
        column = theme.column(inner, gap=theme.space("s"))
        column.setContentsMargins(0, 0, 6, 0)
        column.addWidget(self.remarks)
        first = theme.row(gap=theme.space("s"))
        for card in (self.counts, balance):
            first.addWidget(card, 1)
        column.addLayout(first)
        self._pictures: list[Card] = [place, self.areas, self.intensity, self.hue]
        self._tables = [self.sizes, self.twins]
        for card in self._pictures:
            card.setMinimumHeight(300)
            card.setMaximumHeight(400)
        self._picture_grid, self._table_grid = QGridLayout(), QGridLayout()
        for grid, stretch in ((self._picture_grid, 1), (self._table_grid, 0)):
            grid.setSpacing(theme.space("s"))
            column.addLayout(grid, stretch)
        column.addStretch(0)
        self.setWidgetResizable(True)
        self.setWidget(inner)

    def fill(self, found: Exploration) -> None:
        """Show something else that was found."""
        self.remarks.fill(found.warnings)
        self.counts.fill(count_rows(found))
        parts = [
            (text("explore_page.with_label"), found.with_label, "best"),
            (text("explore_page.without_label"), found.without_label, "run_1"),
            (text("explore_page.unfinished"), found.slices - found.known, "line_strong"),
        ]
        self.balance.show_parts([part for part in parts if part[1]])
        share = numeral(100 * found.label_share, ".3g")
        self.balance_note.setText(
            text("explore_page.share", share=share, baseline=numeral(100 * (1 - found.label_share), ".2f"))
        )
        self.heat.show_heat(found.heat)
        heat = found.heat
        self.heat_note.setText(
            "" if heat is None else text("explore_page.heat_note", slices=grouped(heat.slices), plane=heat.plane)
        )
        self.areas.show_areas(found.areas)
        self.intensity.show_histogram(found.intensity)
        self.hue.show_histogram(found.hue)
        self.sizes.fill(*size_rows(found.sizes))
        self.twins.fill(*twin_rows(found.twins, found.compared))
        self._arrange()

    def _arrange(self) -> None:
        """Put pictures and tables beside each other as far as there is room."""
        narrow = self.width() < NARROW
        shown = [card for card in self._pictures if card.wanted]
        if self._laid == (narrow, shown):
            return
        self._laid = (narrow, shown)
        for card in self._pictures:
            card.setVisible(card.wanted)
        _place(self._picture_grid, shown, 2 if narrow and len(shown) > 3 else max(1, len(shown)))
        _place(self._table_grid, self._tables, 1 if narrow else 2)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()


def _place(grid: QGridLayout, cards: Sequence[QWidget], columns: int) -> None:
    """Lay cards out in so many columns of the same width."""
    while grid.count():
        grid.takeAt(0)
    for number, card in enumerate(cards):
        grid.addWidget(card, number // columns, number % columns)
    for column in range(grid.columnCount()):
        grid.setColumnStretch(column, 1 if column < columns else 0)


def count_rows(found: Exploration) -> list[list[str]]:
    """Word the counts: name and number."""
    unknown = f"  ({text('explore_page.of_unknown', count=found.patients_unknown)})" if found.patients_unknown else ""
    rows = [
        [text("explore_page.row_scans"), text("explore_page.of", part=found.scans_with_label, whole=found.scans)],
        [
            text("explore_page.row_patients"),
            text("explore_page.of", part=found.patients_with_label, whole=found.patients) + unknown,
        ],
        [
            text("explore_page.row_slices"),
            text("explore_page.of", part=grouped(found.known), whole=grouped(found.slices)),
        ],
        [
            text("explore_page.row_with"),
            text("explore_page.of", part=grouped(found.with_label), whole=grouped(found.known)),
        ],
    ]
    if found.scribbled:
        rows.append([text("explore_page.row_scribbled"), grouped(found.scribbled)])
    if found.unfinished:
        rows.append([text("explore_page.row_unfinished"), grouped(found.unfinished)])
    return rows


def size_rows(sizes: Sequence[Size]) -> tuple[list[list[str]], str]:
    """Word sizes and spacings, commonest first, and what was left out."""
    rows = []
    for size in sizes[:MOST_ROWS]:
        low, high = size.slices
        deep = str(low) if low == high else f"{low}–{high}"
        spacing = text("explore_page.unknown")
        if size.spacing is not None:
            spacing = " × ".join(numeral(step, ".3g") for step in reversed(size.spacing)) + " mm"
        kind = size.modality or (text("explore_page.picture") if size.spacing is None else "")
        if size.channels > 1:
            kind = text("explore_page.colour", kind=kind).strip()
        rows.append([grouped(len(size.scans)), f"{size.columns} × {size.rows} × {deep}", spacing, kind or "—"])
    more = len(sizes) - MOST_ROWS
    return rows, text("explore_page.more", count=more) if more > 0 else ""


def twin_rows(twins: Sequence[Twin], compared: int) -> tuple[list[list[str]], str]:
    """Word look-alikes, most alike first, and how many slices were compared."""
    rows = []
    for twin in twins[:MOST_ROWS]:
        (one, other), (first, second) = twin.scans, twin.slices
        alike = text("explore_page.exact", count=twin.exact) if twin.exact else numeral(twin.likeness, ".0%")
        places = f"{one} {first + 1}  ~  {other} {second + 1}"
        rows.append(["  ~  ".join(twin.patients), places, alike])
    if not rows:
        return [], text("explore_page.no_twins", slices=counted("slice", compared))
    more = len(twins) - MOST_ROWS
    return rows, text("explore_page.more", count=more) if more > 0 else ""
