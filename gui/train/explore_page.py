"""What there is to learn from, looked at before training: balance, places, sizes, brightness, look-alikes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFileDialog, QGridLayout, QProgressBar, QScrollArea, QStackedWidget, QWidget

from core.errors import MeninxError
from core.events import JobEvent, Progress
from core.labels import Label
from core.learning.explore_found import Exploration, Explored, Size, Twin
from core.messages import text
from gui import theme
from gui.background import Tasks
from gui.empty import EmptyPage
from gui.jobs.jobs import Work, time_left
from gui.train.explore_cards import Bar, Card, HeatView, HistogramCard, RemarksCard, RowsCard
from gui.train.watch import counted, grouped

if TYPE_CHECKING:
    from gui.session import Session

MOST_ROWS = 8
NARROW = 900
"""Below this width (px) four pictures, or two tables, do not fit beside each other."""
STEPS = 1000


class ExplorePage(QWidget):
    """The page: one button to look, cards with what was found."""

    remarked = Signal(list)
    """What is to be looked at before training, in sentences; empty for nothing, or while nothing is known."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._labels: list[Label] = []
        self._work: Work | None = None
        self._found: Exploration | None = None
        self._folder = Path.home()
        self._tasks = Tasks(self)
        self._title = theme.label(text("explore_page.title"), "title")
        self._facts = theme.label("", "muted")
        self.look = theme.button(text("explore_page.again"))
        self.look.clicked.connect(self.start)
        self.stop = theme.button(text("explore_page.stop"), "danger")
        self.stop.clicked.connect(self._stop)
        self.save = theme.button(text("explore_page.save"), tip=text("explore_page.save_tip"))
        self.save.clicked.connect(self._ask_save)
        top = theme.row(gap=theme.space("s"))
        top.addWidget(self._title)
        top.addSpacing(theme.space("xs"))
        top.addWidget(self._facts, 1)
        for button in (self.save, self.look, self.stop):
            top.addWidget(button)
        self._bar = QProgressBar()
        self._bar.setProperty("kind", "large")
        self._bar.setTextVisible(False)
        self._line = theme.label("", "muted")
        self._empty = EmptyPage()
        self._empty.asked.connect(self.start)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self._make_cards())
        outer = theme.column(self, gap=theme.space("s"))
        outer.addLayout(top)
        outer.addWidget(self._bar)
        outer.addWidget(self._line)
        outer.addWidget(self._stack, 1)
        session.jobs.said.connect(self._said)
        session.jobs.ended.connect(self._ended)
        session.project_changed.connect(self._forget)
        self._show()

    def _make_cards(self) -> QScrollArea:
        self.remarks = RemarksCard()
        self.remarks.scan_asked.connect(self._open_scan)
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
        self._laid: tuple[bool, list[Card]] | None = None
        self._arrange()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        return scroll

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

    # -------------------------------------------------------------- looking

    @property
    def found(self) -> Exploration | None:
        """What is shown."""
        return self._found

    @Slot(list)
    def set_labels(self, labels: list[Label]) -> None:
        """Look at other labels; what was found of others is not theirs."""
        names = [label.name for label in labels]
        changed = names != [label.name for label in self._labels]
        self._labels = list(labels)
        if changed and self._work is None:
            self._found = None
        self._show()

    @Slot()
    def start(self) -> None:
        """Look, in a child of its own."""
        if self._work is not None or not self._labels:
            return
        try:
            self._work = self._session.jobs.start_exploring([label.name for label in self._labels])
        except MeninxError as error:
            self._session.notifier.error(error)
        self._show()

    @Slot()
    def _stop(self) -> None:
        if self._work is not None:
            self._session.jobs.cancel(self._work)
            self.stop.setEnabled(False)

    @Slot(object, object)
    def _said(self, work: Work, event: JobEvent) -> None:
        if work is not self._work:
            return
        if isinstance(event, Progress):
            self._show_progress(event)
        elif isinstance(event, Explored):
            self._found = event.found
            self._fill(event.found)

    @Slot(object)
    def _ended(self, work: Work) -> None:
        if work is not self._work:
            return
        self._work = None
        if work.error is not None:
            self._session.notifier.error(work.error)
        self._show()

    @Slot()
    def _forget(self) -> None:
        self._work = self._found = None
        self._show()

    # -------------------------------------------------------------- showing

    def _show(self) -> None:
        running, names = self._work is not None, ", ".join(label.name for label in self._labels)
        self.stop.setVisible(running)
        self.stop.setEnabled(True)
        self.look.setVisible(not running and self._found is not None)
        self.look.setEnabled(bool(self._labels))
        self.save.setVisible(not running and self._found is not None)
        self._bar.setVisible(running)
        self._line.setVisible(running)
        self._facts.setText(names)
        self.remarked.emit([] if self._found is None else [remark.words for remark in self._found.warnings])
        if running:
            self._bar.setRange(0, 0)
            self._line.setText(text("explore_page.starting"))
        if self._found is not None:
            self._stack.setCurrentIndex(1)
            return
        self._stack.setCurrentIndex(0)
        if running:
            self._empty.say(text("explore_page.looking_title"), text("explore_page.looking_words"))
        elif not self._labels:
            self._empty.say(text("explore_page.title"), text("train.no_label_chosen"))
        else:
            words = text("explore_page.empty_words", labels=names)
            self._empty.say(text("explore_page.empty_title"), words, text("explore_page.start"))

    def _show_progress(self, event: Progress) -> None:
        if event.total:
            self._bar.setRange(0, STEPS)
            self._bar.setValue(round(STEPS * event.done / event.total))
        parts = [text(f"stages.{event.stage}")]
        if event.total:
            parts.append(text("jobs.done_of", done=event.done, total=event.total))
        if event.detail:
            parts.append(event.detail)
        if event.seconds_left >= 0:
            parts.append(time_left(event.seconds_left))
        self._line.setText("  ·  ".join(parts))

    def _fill(self, found: Exploration) -> None:
        self.remarks.fill(found.warnings)
        self.counts.fill(count_rows(found))
        parts = [
            (text("explore_page.with_label"), found.with_label, "best"),
            (text("explore_page.without_label"), found.without_label, "run_1"),
            (text("explore_page.unfinished"), found.slices - found.known, "line_strong"),
        ]
        self.balance.show_parts([part for part in parts if part[1]])
        share = f"{100 * found.label_share:.3g}"
        self.balance_note.setText(text("explore_page.share", share=share, baseline=f"{1 - found.label_share:.2%}"))
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

    @Slot(str)
    def _open_scan(self, name: str) -> None:
        project = self._session.project
        scan = next((one for one in project.scans() if one.name == name), None) if project is not None else None
        if scan is not None:
            self._session.open_scan(scan.id)
            self._session.workspace_requested.emit("annotate")

    # --------------------------------------------------------------- saving

    @Slot()
    def _ask_save(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, text("explore_page.save_title"), str(self._folder))
        if chosen and self._found is not None:
            self._folder = Path(chosen)
            self.save_to(self._folder)

    def save_to(self, folder: Path) -> None:
        """Write tables and pictures of what was found into a folder, off the window's thread."""
        if self._found is not None:
            self._tasks.start(functools.partial(_write, self._found, folder), self._saved, self._refused)

    @Slot(object)
    def _saved(self, files: Sequence[Path]) -> None:
        words = text("explore_page.saved", count=len(files), folder=files[0].parent)
        self._session.notifier.tell(words, "good")

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        self._session.notifier.error(error)

    def close_page(self) -> None:
        """Wait for what is written."""
        self._tasks.wait()


def _place(grid: QGridLayout, cards: Sequence[QWidget], columns: int) -> None:
    """Lay cards out in so many columns of the same width."""
    while grid.count():
        grid.takeAt(0)
    for number, card in enumerate(cards):
        grid.addWidget(card, number // columns, number % columns)
    for column in range(grid.columnCount()):
        grid.setColumnStretch(column, 1 if column < columns else 0)


def _write(found: Exploration, folder: Path) -> list[Path]:
    from core.learning.explore_files import write  # draws pictures: not before it is needed

    return write(found, folder)


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
            spacing = " × ".join(f"{step:.3g}" for step in reversed(size.spacing)) + " mm"
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
        alike = text("explore_page.exact", count=twin.exact) if twin.exact else f"{twin.likeness:.0%}"
        places = f"{one} {first + 1}  ~  {other} {second + 1}"
        rows.append(["  ~  ".join(twin.patients), places, alike])
    if not rows:
        return [], text("explore_page.no_twins", slices=counted("slice", compared))
    more = len(twins) - MOST_ROWS
    return rows, text("explore_page.more", count=more) if more > 0 else ""
