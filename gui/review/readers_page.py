"""Readers beside each other: where two of them differ, what comes of it, and how far all of them agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from core.errors import MeninxError
from core.messages import text
from core.review.agreement import Reading
from gui import theme
from gui.empty import EmptyPage
from gui.jobs.asking import Asker
from gui.review.readers_bar import VIEWS, ReadersBar, ReadersViews
from gui.review.readers_case import BOTH, ONLY_FIRST, ONLY_SECOND, ReadersCase, ReadersQuestion, answer
from gui.review.readers_side import ReadersSide
from gui.review.readers_tables import AgreementTable, FiguresTable
from gui.review.same_window import SameWindow
from gui.viewer.compare_panes import ComparePanes
from gui.viewer.overlay import Overlay, rgb

if TYPE_CHECKING:
    from gui.session import Session

FILL = 0.30
Table = AgreementTable | FiguresTable


class ReadersPage(QWidget):
    """Two readers of the open scan in linked panes; tables of all scans and of all readers.

    While somebody reads the scan blind, nobody's masks are compared.

    Parameters
    ----------
    session
        What is open.
    """

    back_asked = Signal()
    """Go back to the runs."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._case: ReadersCase | None = None
        self._shown = 0
        self._ranked = -1
        self._wanted: tuple[int, int, int] | None = None
        self._stale = True
        self._cases = Asker(self)
        self._cases.answered.connect(self._take)
        self._cases.refused.connect(self._refused)
        self.bar = ReadersBar()
        self.views = ReadersViews()
        self.panes = ComparePanes(4)
        self.side = ReadersSide(session, self._place)
        self.table = AgreementTable(session)
        self.figures = FiguresTable(session)
        self._empty = EmptyPage(text("review.no_scan_title"), text("review.no_scan_words"))
        self._lay_out()
        self._connect()
        self.take_scan()

    def _lay_out(self) -> None:
        centre = QWidget()
        column = theme.column(centre, gap=0)
        column.addWidget(self.bar)
        column.addWidget(self.views)
        self._middle = QStackedWidget()
        scan = QWidget()
        row = theme.row(scan, gap=0)
        row.addWidget(self.panes, 1)
        row.addWidget(self.side)
        for page in (scan, self.table, self.figures, self._empty):
            self._middle.addWidget(page)
        column.addWidget(self._middle, 1)
        theme.row(self, gap=0).addWidget(centre)

    def _connect(self) -> None:
        session, bar, side = self._session, self.bar, self.side
        session.scan_changed.connect(self.take_scan)
        for signal in (session.scan_updated, session.labels_changed, session.work_changed, session.reader_changed):
            signal.connect(self.refresh)
        bar.chosen.connect(self.refresh)
        bar.next_asked.connect(self.go_to_next)
        bar.consensus_asked.connect(self._make_consensus)
        bar.adjudicate_asked.connect(self._adjudicate)
        self.views.chosen.connect(self.choose_view)
        self.views.back_asked.connect(self.back_asked)
        self.views.save_asked.connect(self._save)
        self.panes.index_changed.connect(self._say_slice)
        SameWindow(session, self.panes)
        side.strip.slice_chosen.connect(self.panes.set_index)
        side.next.slice_chosen.connect(self.panes.set_index)
        side.comments.slice_asked.connect(self.panes.set_index)
        self.table.open_asked.connect(self._open)
        for table in (self.table, self.figures):
            table.said.connect(self.views.said.setText)

    def _place(self) -> int:
        return self.panes.index

    @property
    def case(self) -> ReadersCase | None:
        """What is compared, None while nothing is."""
        return self._case

    @property
    def busy(self) -> bool:
        """Whether anything is worked out still."""
        return self._cases.busy or self.table.busy or self.figures.busy

    # ------------------------------------------------------------ what is shown

    @Slot(str)
    def choose_view(self, name: str) -> None:
        """Show this scan (``scan``), the agreement of all scans (``table``) or what each reader did (``figures``)."""
        self._shown = VIEWS.index(name)
        self.views.choose(name)
        self.views.said.clear()
        self.refresh()

    @Slot()
    def take_scan(self) -> None:
        """Show the scan that is open now."""
        session = self._session
        self._case = None
        self._ranked = -1
        self._cases.forget()
        start = session.loaded.start[2] if session.loaded is not None else 0
        volume = session.volume
        self.panes.set_volume(volume, None, session.window)
        if volume is not None:
            self.panes.set_index(start)
        self.refresh()
        self._go_to_adjudication()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Compare again, now or when the page is looked at."""
        self._stale = not self.isVisible()
        if self._stale:
            return
        session, name = self._session, VIEWS[self._shown]
        scan = session.scan
        self._middle.setCurrentIndex(3 if name == "scan" and scan is None else self._shown)
        if name == "table":
            self.table.refresh()
        elif name == "figures":
            self.figures.refresh()
        elif session.project is not None and scan is not None and not session.loading:
            wanted = (self.bar.label_wanted, self.bar.first.currentText(), self.bar.second.currentText())
            self._cases.ask(answer, ReadersQuestion(session.project, scan, session.labels, *wanted, session.reader))
        self._show()

    @Slot(object)
    def _take(self, case: ReadersCase) -> None:
        if self._session.scan is None or case.scan != self._session.scan.id:
            return
        if case.agreement is None or self._case is None or case.agreement != self._case.agreement:
            self._ranked = -1
        self._case = case
        names = [label.name for label in self._session.labels]
        self.bar.show_choices(case.readers, names, case.first, case.second, case.label)
        self._show()

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        self._case = None
        self._session.notifier.error(error)
        self._show()

    def _show(self) -> None:
        session, case = self._session, self._case
        volume = session.volume
        readers = len(case.readers) if case is not None and not case.blind else 0
        compared = case is not None and bool(case.ranked)
        together = case is not None and case.together and not case.blind
        self.bar.allow(compared=compared, readers=readers, together=together, changes=session.can_edit)
        self.side.show_case(case, volume.geometry if volume is not None else None, self.panes.index)
        self.side.acts.show_status()
        if volume is None:
            return
        self.panes.set_pane(0, text("review.pane_scan"), "", ())
        self._say_slice()
        for place, name in ((1, case.first if case is not None else ""), (2, case.second if case is not None else "")):
            self._show_reader(place, name)
        self._show_difference()

    def _show_reader(self, place: int, name: str) -> None:
        case = self._case
        if case is None or not name:
            key = "reading" if case is None else "hidden" if case.blind else "no_second"
            self.panes.set_pane(place, text(f"team.pane_{place}"), text(f"team.pane_{key}"), ())
            return
        reading = (case.masks or {}).get(name)
        label = self._session.labels.find(case.label)
        if reading is None or label is None:
            self.panes.set_pane(place, name, text("team.pane_hidden" if case.blind else "review.not_drawn"), ())
            return
        color = rgb(theme.scan_color("only_prediction" if place == 1 else "only_reader"))
        overlay = Overlay(reading.mask.view("uint8"), {1: color}, FILL)
        self.panes.set_pane(place, name, _finished_words(reading), (overlay,))

    def _show_difference(self) -> None:
        case = self._case
        title = text("team.pane_difference")
        if case is None or case.difference is None or case.agreement is None:
            self.panes.set_pane(3, title, "", ())
            return
        only = {ONLY_FIRST: rgb(theme.scan_color("only_prediction")), ONLY_SECOND: rgb(theme.scan_color("only_reader"))}
        overlays = (
            Overlay(case.difference, {BOTH: rgb(theme.scan_color("both"))}, opacity=0.22, outline=False),
            Overlay(case.difference, only, opacity=0.8, outline=False),
        )
        words = text("team.difference_words", first=case.first, second=case.second)
        self.panes.set_pane(3, title, words, overlays)

    @Slot()
    def _say_slice(self) -> None:
        index, slices = self.panes.index, self.panes.slices
        words = text("review.slice_of", slice=index + 1, slices=slices) if slices else ""
        self.panes.set_subtitle(0, words)
        self.side.strip.set_index(index)
        self._session.team.sitting.act()

    # ------------------------------------------------------------ doing

    @Slot()
    def go_to_next(self) -> None:
        """Show the slice on which they differ most; again: the next one."""
        case = self._case
        if case is not None and case.ranked:
            self._ranked = (self._ranked + 1) % len(case.ranked)
            self.panes.set_index(case.ranked[self._ranked].slice)

    @Slot(str)
    def _make_consensus(self, method: str) -> None:
        self._session.team.make_consensus(method)

    @Slot(str)
    def _adjudicate(self, start: str) -> None:
        if self._session.can_edit:
            self._wanted = self._middle_of(self.panes.index)
            self._session.team.adjudicate(start)

    def _go_to_adjudication(self) -> None:
        """Go where it is drawn once it has begun; where it could not begin, there is nothing to draw on."""
        place, self._wanted = self._wanted, None
        if place is not None and self._session.team.adjudicating:
            self._session.position_requested.emit(place)
            self._session.workspace_requested.emit("annotate")

    def _middle_of(self, z: int) -> tuple[int, int, int]:
        volume = self._session.volume
        return (volume.shape[2] // 2, volume.shape[1] // 2, z) if volume is not None else (0, 0, z)

    @Slot(str, str, str, str)
    def _open(self, scan: str, label: str, first: str, second: str) -> None:
        """Show the scan of a row of figures, those two readers compared."""
        self.bar.show_choices([first, second], [label], first, second, label)
        self.choose_view("scan")
        self._session.open_scan(scan)

    @Slot()
    def _save(self) -> None:
        table: Table = self.table if VIEWS[self._shown] == "table" else self.figures
        table.save()

    def close_page(self) -> None:
        """End the page's threads."""
        self._cases.close()
        self.table.close_table()
        self.figures.close_table()


def _finished_words(reading: Reading) -> str:
    finished = int(reading.known.sum())
    whole = finished == len(reading.known)
    return "" if whole else text("review.finished_of", finished=finished, slices=len(reading.known))
