"""The Train page: start a run, watch it, compare it with those before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QSplitter, QStackedWidget, QWidget

from core.errors import MeninxError
from core.events import JobEvent
from core.learning.config import TrainingConfig
from core.learning.events import EpochEnded, TrainingStarted
from core.learning.runs import Run, run_folder
from core.messages import text
from gui import theme
from gui.background import Tasks
from gui.empty import EmptyPage
from gui.jobs.asking import Asker
from gui.jobs.jobs import Work
from gui.roomy import Roomy
from gui.train.curves import Curves
from gui.train.explore_page import ExplorePage
from gui.train.figures_desk import FiguresDesk
from gui.train.header import RunHeader
from gui.train.new_run import NewRunPanel
from gui.train.nothing_yet import empty_words
from gui.train.past import read_split_facts, read_watch
from gui.train.run_acts import RunActs
from gui.train.run_bar import RunBox
from gui.train.run_table import RunRow, read_rows
from gui.train.samples import Samples
from gui.train.watch import RunWatch

if TYPE_CHECKING:
    from gui.session import Session

EMPTY, RUNS, FIGURES, EXPLORE = range(4)
"""Pages of the stack."""
_LEAST = 200
"""Height (px) below which the curves, the slices and the table cannot be looked at."""


class TrainWorkspace(QWidget):
    """Runs of the open project.

    One run is shown at a time: the one that trains, or one chosen in the table.
    What is shown is a :class:`RunWatch`, live or read from the run's folder.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._rows: list[RunRow] = []
        self._live: RunWatch | None = None
        self._before: RunWatch | None = None
        self._work: Work | None = None
        self._shown: RunWatch | None = None
        self._wanted_config: TrainingConfig | None = None
        self._stale, self._runs_page = True, EMPTY
        self._reader, self._past = Asker(self), Asker(self)
        for asker, take in ((self._reader, self._take_rows), (self._past, self._take_past)):
            asker.answered.connect(take)
            asker.refused.connect(session.notifier.error)
        self._about = Asker(self)
        self._about.answered.connect(self._take_split)
        self._tasks = Tasks(self)
        self.acts = RunActs(session, self)
        self.desk = FiguresDesk(session, self)
        self._build()
        self._connect()
        self._take_project()
        self._take_labels()
        self.reload()

    def _build(self) -> None:
        self.curves = Curves()
        self.samples = Samples()
        self.box = RunBox()
        self.table = self.box.table
        self.header = RunHeader(self.table)
        self.panel = NewRunPanel()
        self.figures = self.desk.page
        self.explore = ExplorePage(self._session)
        self._empty = EmptyPage()
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.setHandleWidth(9)
        self._split.setChildrenCollapsible(False)
        self._split.setStyleSheet("QSplitter::handle { background: transparent; }")
        for part, stretch in ((self.curves, 10), (self.samples, 11), (self.box, 8)):
            self._split.addWidget(part)
            self._split.setStretchFactor(self._split.count() - 1, stretch)
        self._split.setSizes([250, 250, 210])
        page = QWidget()
        column = theme.column(page, gap=theme.space("m"))
        column.addWidget(self.header)
        # on a low screen the parts scroll below the head of the run
        column.addWidget(Roomy(self._split, least=_LEAST, sideways=True), 1)
        self._stack = QStackedWidget()
        for shown in (self._empty, page, self.figures, self.explore):
            self._stack.addWidget(shown)
        middle = theme.column(gap=theme.space("s"))
        middle.setContentsMargins(theme.space("l"), theme.space("xs"), theme.space("l"), theme.space("m"))
        middle.addLayout(self._make_tabs())
        middle.addWidget(self._stack, 1)
        outer = theme.row(self, gap=0)
        outer.addLayout(middle, 1)
        outer.addWidget(self.panel)

    def _make_tabs(self) -> QHBoxLayout:
        self.tabs = QButtonGroup(self)
        line = theme.row(gap=0)
        for number, name in enumerate(("runs_page", "explore_page")):
            tab = theme.button(text(f"train.{name}"), "tab")
            tab.setCheckable(True)
            tab.setChecked(number == 0)
            tab.setStyleSheet("QPushButton { min-height: 28px; font-size: 13px; padding: 0 14px 0 14px; }")
            self.tabs.addButton(tab, number)
            line.addWidget(tab)
        line.addStretch(1)
        self.tabs.idClicked.connect(self._show_tab)
        return line

    def _connect(self) -> None:
        session, jobs = self._session, self._session.jobs
        session.project_changed.connect(self._take_project)
        session.labels_changed.connect(self._take_labels)
        session.runs_changed.connect(self.reload)
        session.scans_changed.connect(self._masks_changed)
        session.save_state_changed.connect(self._saved)
        session.classes_changed.connect(self.panel.recount_classes)
        jobs.started.connect(self._job_started)
        jobs.said.connect(self._job_said)
        jobs.ended.connect(self._job_ended)
        jobs.changed.connect(self._refresh_buttons)
        self.panel.start_asked.connect(self._start)
        self.panel.pictures_asked.connect(self._show_preparation)
        self.panel.data.counted.connect(self._counted)
        self._empty.asked.connect(self._to_annotate)
        self._empty.other_asked.connect(self.acts.take)
        self.header.pause_asked.connect(self._pause)
        self.header.stop_asked.connect(self._stop)
        self.header.cancel_asked.connect(self._cancel)
        self.header.review_asked.connect(self._review)
        self.header.resume_asked.connect(self._resume)
        self.header.test_asked.connect(self._test)
        self.table.chosen.connect(self._choose)
        self.table.opened.connect(self._open_run)
        self.curves.save_asked.connect(self._save_curves)
        self.box.figures_asked.connect(self.desk.ask)
        self.box.export_asked.connect(self._export)
        self.box.take_asked.connect(self.acts.take)
        self.box.delete_asked.connect(self._delete)
        self.acts.deleted.connect(self._forget_run)
        self.acts.look_asked.connect(self._look_at)
        self.acts.taken.connect(self._choose)
        self.figures.closed.connect(self._close_figures)
        self.figures.save_asked.connect(self.acts.save_comparison)
        self.desk.ready.connect(self._show_figures)
        self.desk.measured.connect(self._measured)
        self.panel.labels_chosen.connect(self.explore.set_labels)
        self.explore.remarked.connect(self.panel.data.show_remarks)

    # -------------------------------------------------------------- project

    @property
    def shown(self) -> RunWatch | None:
        """The run that the page shows."""
        return self._shown

    @Slot()
    def _take_project(self) -> None:
        # its labels are told of right before it, its runs right after it
        self._reader.forget()
        self._past.forget()
        self._about.forget()
        self._rows, self._shown = [], None
        self._live = self._work = None
        self.box.set_read_only(self._session.project is None or self._session.read_only)
        self.table.set_rows([])
        self._show_page(EMPTY)
        self.panel.set_runs([])
        self._show()

    @Slot()
    def _take_labels(self) -> None:
        session = self._session
        self.panel.set_project(session.project, session.labels, read_only=session.read_only)
        self._masks_changed()

    @Slot()
    def reload(self) -> None:
        """Read the runs again."""
        project = self._session.project
        if project is not None:
            self._reader.ask(read_rows, project)

    @Slot()
    def _masks_changed(self) -> None:
        """Count the data again, now or when the page is looked at."""
        self._stale = True
        if self.isVisible():
            self._recount()

    @Slot(str)
    def _saved(self, state: str) -> None:
        if state == "saved":
            self._masks_changed()

    @Slot()
    def _counted(self) -> None:
        if self._shown is None:
            self._show_empty()

    @Slot()
    def _to_annotate(self) -> None:
        self._session.workspace_requested.emit("annotate")

    def _recount(self) -> None:
        self._stale = False
        self.panel.recount()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._stale:
            self._recount()

    @Slot(object)
    def _take_rows(self, rows: list[RunRow]) -> None:
        self._rows = rows
        self.table.set_rows(rows)
        self.table.runs.set_live(self._live)
        self.panel.set_runs(rows)
        if self._shown is None and rows:
            self._choose(rows[0].run.id)
        elif self._shown is not None:
            self.table.choose(self._shown.run)
        self._show()

    # ------------------------------------------------------------- showing

    @Slot(str)
    def _choose(self, run: str) -> None:
        """Show a run of the table."""
        if self._live is not None and run == self._live.run:
            self._shown = self._live
            self._show()
        elif self._session.project is not None:
            self._past.ask(read_watch, self._session.project, run)

    @Slot(object)
    def _take_past(self, watch: RunWatch) -> None:
        self._shown = watch
        self.table.choose(watch.run)
        self._show()

    @Slot(object)
    def _take_split(self, found: tuple[str, tuple[str, ...], int | None]) -> None:
        run, reasons, checking = found
        if self._live is not None and self._live.run == run:
            self._live.reasons, self._live.checking = reasons, checking
            if self._shown is self._live:
                self._show_curves(self._live)

    def _row_of(self, run: str) -> Run | None:
        return next((row.run for row in self._rows if row.run.id == run), None)

    def _show(self) -> None:
        shown = self._shown
        if shown is None:
            self._show_empty()
            return
        if self._runs_page != FIGURES:
            self._show_page(RUNS)
        self._show_header()
        self._show_curves(shown)
        self._show_samples()
        self.box.refresh()

    def _show_curves(self, shown: RunWatch) -> None:
        self.curves.show_epochs(
            shown.epochs, shown.baseline, stamp=shown.stamp, cautions=shown.cautions, classifies=shown.classifies
        )
        self.curves.say_kept(shown.curves.newest)

    def _show_page(self, page: int) -> None:
        """Show a page of the runs; the exploration stays in front while its tab is chosen."""
        self._runs_page = page
        if self.tabs.checkedId() == 0:
            self._stack.setCurrentIndex(page)

    @Slot(int)
    def _show_tab(self, tab: int) -> None:
        self._stack.setCurrentIndex(EXPLORE if tab else self._runs_page)

    def _show_empty(self) -> None:
        opened, labels = self._session.project is not None, bool(len(self._session.labels))
        self._empty.say(*empty_words(self.panel, opened=opened, labels=labels))
        self._show_page(EMPTY)

    def _show_header(self) -> None:
        shown = self._shown
        if shown is None:
            return
        live = shown is self._live and self._work is not None
        run = self._row_of(shown.run)
        name = shown.started.name if shown.started is not None else run.name if run is not None else ""
        if not live and run is not None and shown.state in ("waiting", "running"):
            # its events end before it did: the run's row knows what became of it
            shown.state = run.state.value
        self.header.show_run(
            shown,
            name=name,
            live=live,
            asked=self._work.asked if live and self._work is not None else "",
            usable=run is not None and run.usable,
            resumable=run is not None and run.resumable and not self._session.read_only and self._work is None,
            testable=run is not None and run.usable and not self._session.read_only,
            testing=bool(self._session.jobs.of_kind("evaluate") or self._session.jobs.of_kind("predict")),
        )

    def _show_samples(self) -> None:
        shown, project = self._shown, self._session.project
        if shown is None or project is None or not shown.samples:
            self.samples.clear(shown)
            return
        self.samples.show_samples(project, Path(run_folder(project, shown.run)), shown.samples, shown.samples_epoch)

    @Slot()
    def _refresh_buttons(self) -> None:
        self.panel.set_running(self._session.jobs.training is not None or self._wanted_config is not None)
        self._show_header()

    # ----------------------------------------------------------------- jobs

    @Slot(object)
    def _show_preparation(self, config: TrainingConfig) -> None:
        chosen = self.acts.show_preparation(config)
        if chosen is not None:
            self.panel.use_preparation(chosen.preparation.steps, chosen.preparation.channels)

    @Slot(object)
    def _start(self, config: TrainingConfig) -> None:
        """Save what is drawn, then train on it: the child reads the project from disk."""
        loaded = self._session.loaded
        self._wanted_config = config
        self._refresh_buttons()
        if loaded is not None and loaded.saver is not None:
            self._tasks.start(loaded.saver.flush, self._start_saved, self._start_refused)
        else:
            self._start_saved(None)

    @Slot(object)
    def _start_saved(self, _: object) -> None:
        config, self._wanted_config = self._wanted_config, None
        if config is None:
            return
        try:
            config.validate()
            self._session.jobs.start_training(config)
        except MeninxError as error:
            self._start_refused(error)

    @Slot(object)
    def _start_refused(self, error: MeninxError) -> None:
        self._wanted_config = None
        self._session.notifier.error(error)
        self._refresh_buttons()

    @Slot(object)
    def _job_started(self, work: Work) -> None:
        if work.kind != "train":
            return
        self._past.forget()
        self._work, self._live = work, self._before or RunWatch(asks_class=self.panel.classifies)
        self._before, self._shown = None, self._live
        self.tabs.button(0).setChecked(True)
        self._close_figures()

    @Slot(object, object)
    def _job_said(self, work: Work, event: JobEvent) -> None:
        live = self._live
        if work is not self._work or live is None:
            return
        live.fold(event)
        if isinstance(event, TrainingStarted) and self._session.project is not None:
            self._session.runs_changed.emit()
            self._about.ask(read_split_facts, self._session.project, event.run)
        if isinstance(event, EpochEnded):
            self.table.runs.set_live(live)
        if self._shown is live:
            self._show_header()
            if isinstance(event, EpochEnded | TrainingStarted):
                self._show_curves(live)
            self._show_samples()

    @Slot(object)
    def _job_ended(self, work: Work) -> None:
        if work is not self._work:
            return
        live = self._live
        self._work = self._live = None
        self.table.runs.set_live(None)
        if live is not None and live.started is None and self._shown is live:
            # It never became a run, or never went on: show what was there before, the message says the rest.
            self._shown = None
        self._show()
        self.acts.tell_end(work, live)
        self._session.runs_changed.emit()

    @Slot()
    def _pause(self) -> None:
        if self._work is not None:
            self._session.jobs.pause(self._work)

    @Slot()
    def _stop(self) -> None:
        if self._work is not None:
            self._session.jobs.stop(self._work)

    @Slot()
    def _cancel(self) -> None:
        if self._work is not None:
            self._session.jobs.cancel(self._work)

    @Slot()
    def _resume(self) -> None:
        shown = self._shown
        run = self._row_of(shown.run) if shown is not None else None
        if shown is None or run is None:
            return
        self._before = shown.going_on()
        try:
            self._session.jobs.resume_training(run.id)
        except MeninxError as error:
            self._before = None
            self._session.notifier.error(error)

    @Slot()
    def _test(self) -> None:
        """Measure the run shown on the scans kept aside for that."""
        if self._shown is not None:
            self.desk.measure(self._shown.run, "test")

    # -------------------------------------------------------------- figures

    @Slot()
    def _save_curves(self) -> None:
        if self._shown is not None and self._shown.epochs:
            self.acts.save_curves(self._shown.curves)

    @Slot()
    def _measured(self) -> None:
        if self._runs_page == FIGURES:
            self.desk.ask(self.figures.run_ids)

    @Slot()
    def _show_figures(self) -> None:
        self._show_page(FIGURES)

    @Slot()
    def _close_figures(self) -> None:
        self._runs_page = RUNS
        self._show()

    @Slot(str)
    def _export(self, run: str) -> None:
        row = self._row_of(run)
        if row is not None:
            self.acts.export(row)

    @Slot(str)
    def _delete(self, run: str) -> None:
        row = self._row_of(run)
        if row is not None:
            self.acts.delete(row)

    @Slot(str)
    def _forget_run(self, run: str) -> None:
        """Show another run in place of one that is gone."""
        if self._shown is not None and self._shown.run == run:
            self._shown = None
        self._runs_page = RUNS if run in self.figures.run_ids else self._runs_page

    @Slot()
    def _review(self) -> None:
        if self._shown is not None:
            self._open_run(self._shown.run)

    @Slot(str)
    def _open_run(self, run: str) -> None:
        row = self._row_of(run)
        act = self._look_at if row is not None and row.config.classifies else self.acts.review
        act(run)

    @Slot(str)
    def _look_at(self, run: str) -> None:
        """Show the figures and mistakes of a run that classifies."""
        self.desk.ask([run])

    def close_page(self) -> None:
        """End the page's threads."""
        self._reader.close()
        self._past.close()
        self._about.close()
        self.desk.close()
        self.acts.wait()
        self.explore.close_page()
        self.samples.close_page()
        self.panel.close_page()
        self._tasks.wait()
