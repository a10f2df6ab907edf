"""The Train page: start a run, watch it, compare it with those before."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QSplitter, QStackedWidget, QWidget

from core.errors import MeninxError
from core.events import Failed, JobEvent
from core.learning.config import TrainingConfig
from core.learning.events import EpochEnded, TrainingStarted
from core.learning.runs import Run, RunState, read_events, run_folder
from core.messages import text
from core.project.predictions import list_predictions
from core.project.project import Project
from gui import theme
from gui.background import Tasks
from gui.empty import EmptyPage
from gui.jobs.asking import Asker
from gui.jobs.jobs import Work
from gui.train.curves import Curves
from gui.train.header import RunHeader
from gui.train.new_run import NewRunPanel
from gui.train.run_table import RunRow, RunTable, read_rows
from gui.train.samples import Samples
from gui.train.watch import RunWatch, counted

if TYPE_CHECKING:
    from gui.session import Session


def read_watch(project: Project, run: str) -> RunWatch:
    """Return a past run folded from its stored events."""
    watch = RunWatch(run=run)
    for event in read_events(project, run):
        watch.fold(event)
    return watch


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
        self._work: Work | None = None
        self._shown: RunWatch | None = None
        self._wanted_config: TrainingConfig | None = None
        self._stale = True
        self._told = ""
        self._reader = Asker(self)
        self._reader.answered.connect(self._take_rows)
        self._reader.refused.connect(session.notifier.error)
        self._past = Asker(self)
        self._past.answered.connect(self._take_past)
        self._past.refused.connect(session.notifier.error)
        self._tasks = Tasks(self)
        self._build()
        self._connect()
        self._take_project()

    def _build(self) -> None:
        self.header = RunHeader()
        self.curves = Curves()
        self.samples = Samples()
        self.table = RunTable()
        self.panel = NewRunPanel()
        self._empty = EmptyPage()
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.setHandleWidth(9)
        self._split.setChildrenCollapsible(False)
        self._split.setStyleSheet("QSplitter::handle { background: transparent; }")
        for part, stretch in ((self.curves, 10), (self.samples, 11), (self.table, 8)):
            self._split.addWidget(part)
            self._split.setStretchFactor(self._split.count() - 1, stretch)
        self._split.setSizes([250, 250, 210])
        page = QWidget()
        column = theme.column(page, gap=theme.space("m"))
        column.setContentsMargins(theme.space("l"), theme.space("m"), theme.space("l"), theme.space("m"))
        column.addWidget(self.header)
        column.addWidget(self._split, 1)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(page)
        outer = theme.row(self, gap=0)
        outer.addWidget(self._stack, 1)
        outer.addWidget(self.panel)

    def _connect(self) -> None:
        session, jobs = self._session, self._session.jobs
        session.project_changed.connect(self._take_project)
        session.labels_changed.connect(self._take_labels)
        session.runs_changed.connect(self.reload)
        session.scans_changed.connect(self._masks_changed)
        session.save_state_changed.connect(self._saved)
        jobs.started.connect(self._job_started)
        jobs.said.connect(self._job_said)
        jobs.ended.connect(self._job_ended)
        jobs.changed.connect(self._refresh_buttons)
        self.panel.start_asked.connect(self._start)
        self.panel.data.counted.connect(self._counted)
        self._empty.asked.connect(self._to_annotate)
        self.header.pause_asked.connect(self._pause)
        self.header.stop_asked.connect(self._stop)
        self.header.cancel_asked.connect(self._cancel)
        self.header.review_asked.connect(self._review)
        self.header.resume_asked.connect(self._resume)
        self.header.test_asked.connect(self._test)
        self.table.chosen.connect(self._choose)
        self.table.opened.connect(self._review_run)

    # -------------------------------------------------------------- project

    @property
    def shown(self) -> RunWatch | None:
        """The run that the page shows."""
        return self._shown

    @Slot()
    def _take_project(self) -> None:
        self._reader.forget()
        self._past.forget()
        self._rows, self._shown = [], None
        self._live = self._work = None
        self.table.set_rows([])
        self.panel.set_runs([])
        self._take_labels()
        self._show()
        self.reload()

    @Slot()
    def _take_labels(self) -> None:
        session = self._session
        self.panel.set_project(session.project, session.labels, read_only=session.read_only)

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

    def _row_of(self, run: str) -> Run | None:
        return next((row.run for row in self._rows if row.run.id == run), None)

    def _show(self) -> None:
        shown = self._shown
        if shown is None:
            self._show_empty()
            return
        self._stack.setCurrentIndex(1)
        self._show_header()
        started = shown.started
        self.curves.show_epochs(shown.epochs, started.baseline_accuracy if started is not None else None)
        self._show_samples()

    def _show_empty(self) -> None:
        if self._session.project is None:
            self._empty.say(text("train.no_project_title"), text("train.no_project"))
        elif self.panel.data.ready:
            slices = (
                counted("finished_slice", self.panel.data.survey.slices) if self.panel.data.survey is not None else ""
            )
            self._empty.say(text("train.ready_title"), text("train.ready_words", slices=slices))
        else:
            self._empty.say(text("train.empty_title"), text("train.empty_words"), text("train.to_annotate"))
        self._stack.setCurrentIndex(0)

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
            self.samples.clear()
            return
        self.samples.show_samples(project, Path(run_folder(project, shown.run)), shown.samples, shown.samples_epoch)

    @Slot()
    def _refresh_buttons(self) -> None:
        self.panel.set_running(self._session.jobs.training is not None or self._wanted_config is not None)
        self._show_header()

    # ----------------------------------------------------------------- jobs

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
        self._work, self._live = work, RunWatch()
        self._shown = self._live
        self._show()

    @Slot(object, object)
    def _job_said(self, work: Work, event: JobEvent) -> None:
        live = self._live
        if work is not self._work or live is None:
            return
        live.fold(event)
        if isinstance(event, TrainingStarted):
            self._session.runs_changed.emit()
        if isinstance(event, EpochEnded):
            self.table.runs.set_live(live)
        if self._shown is live:
            self._show_header()
            if isinstance(event, EpochEnded | TrainingStarted):
                started = live.started
                self.curves.show_epochs(live.epochs, started.baseline_accuracy if started is not None else None)
            self._show_samples()

    @Slot(object)
    def _job_ended(self, work: Work) -> None:
        if work.kind == "evaluate":
            self._tested(work)
        if work is not self._work:
            return
        live = self._live
        self._work = self._live = None
        self.table.runs.set_live(None)
        if live is not None and not live.run and self._shown is live:
            # It never became a run: show what was there before, the message says the rest.
            self._shown = None
        self._show()
        self._tell_end(work, live)
        self._session.runs_changed.emit()

    def _tell_end(self, work: Work, live: RunWatch | None) -> None:
        notifier = self._session.notifier
        if isinstance(work.outcome, Failed):
            notifier.error(work.outcome.error)
        elif live is not None and live.last is not None and live.state in (RunState.DONE, RunState.STOPPED):
            name = live.started.name if live.started is not None else ""
            words = text("train.told_done", run=name, dice=f"{live.last.best_dice:.3f}", epoch=live.last.best_epoch)
            self._told = words
            notifier.offer(
                words, text("train.told_review"), functools.partial(self._review_run, live.run), kind="good", seconds=60
            )
        elif live is not None and live.state == RunState.PAUSED and live.started is not None:
            notifier.tell(text("train.told_paused", run=live.started.name))

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
        run = self._row_of(self._shown.run) if self._shown is not None else None
        if run is None:
            return
        try:
            self._session.jobs.resume_training(run.id)
        except MeninxError as error:
            self._session.notifier.error(error)

    @Slot()
    def _test(self) -> None:
        """Measure the run shown on the scans kept aside for that."""
        if self._shown is None:
            return
        try:
            self._session.jobs.start_test(self._shown.run)
        except MeninxError as error:
            self._session.notifier.error(error)

    def _tested(self, work: Work) -> None:
        if work.error is not None:
            self._session.notifier.error(work.error)
        elif work.result:
            dice = work.result["summary"]["dice"]["mean"]
            words = "" if dice is None else f"{dice:.3f}"
            key = "train.told_tested" if words else "train.told_tested_empty"
            self._session.notifier.tell(text(key, run=work.result["run"], dice=words), "good")
        self._session.runs_changed.emit()

    @Slot()
    def _review(self) -> None:
        if self._shown is not None:
            self._review_run(self._shown.run)

    @Slot(str)
    def _review_run(self, run: str) -> None:
        """Compare with a run; the scan shown is predicted if it is not yet: there is nothing to see without."""
        session = self._session
        session.notifier.withdraw(self._told)
        session.review_requested.emit(run)
        predicting = session.jobs.of_kind("predict") or session.jobs.of_kind("evaluate")
        if session.project is not None and session.scan is not None and not session.read_only and not predicting:
            row = self._row_of(run)
            usable = row is None or row.usable
            if usable and not list_predictions(session.project, scan=session.scan.id, run=run):
                try:
                    session.jobs.start_prediction(run, [session.scan.id])
                except MeninxError as error:
                    session.notifier.error(error)
        self._session.workspace_requested.emit("review")

    def close_page(self) -> None:
        """End the page's threads."""
        self._reader.close()
        self._past.close()
        self.samples.close_page()
        self.panel.close_page()
        self._tasks.wait()
