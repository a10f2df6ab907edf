"""The Review page: a prediction beside the reader's annotation; look, measure, correct, save."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from core.errors import MeninxError
from core.learning.runs import Run
from core.messages import text
from gui import theme
from gui.empty import EmptyPage
from gui.jobs.asking import Asker
from gui.review.case import LabelCase, Live, Question, Reference, ReviewCase, answer, states_of
from gui.review.compare_bar import CompareBar
from gui.review.contents import UNSURE, Scene, choices, references
from gui.review.correct_desk import CorrectDesk
from gui.review.gate_desk import GateDesk
from gui.review.job_line import JobLine
from gui.review.next_desk import NextDesk
from gui.review.numbers import effort_words, figures
from gui.review.numbers_desk import NumbersDesk
from gui.review.panes import FIRST, ReviewPanes
from gui.review.predict_desk import PredictDesk
from gui.review.readers_door import ReadersDoor
from gui.review.same_window import SameWindow
from gui.review.saving import Saving
from gui.review.side import ReviewSide
from gui.review.space_desk import SpaceDesk
from gui.review.view_bar import NUMBERS, READERS, ViewBar
from gui.strip_now import without_run
from gui.train.run_table import RunRow, read_rows

if TYPE_CHECKING:
    from core.editing.editor import Change
    from gui.session import Session


class ReviewWorkspace(QWidget):
    """Compares the open scan's annotation with a run's prediction.

    Everything slow (reading predictions, measuring, stripping) is one
    :func:`gui.review.case.answer` in a thread; while the page is hidden nothing
    is asked, only remembered as stale.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._rows: list[RunRow] = []
        self._case: ReviewCase | None = None
        self._wanted_run = ""
        self._ranked = -1
        self._stale = True
        self._shown_scan = ""
        self._slice_wanted = -1
        self._before = FIRST
        self._runs = Asker(self)
        self._runs.answered.connect(self._take_rows)
        self._runs.refused.connect(session.notifier.error)
        # measuring takes seconds: the scan that is chosen next does not wait for it
        self._cases = Asker(self, threads=2)
        self._cases.answered.connect(self._take_case)
        self._cases.refused.connect(self._refused)
        self.saving = Saving(session.notifier, self)
        self._build()
        self._connect()
        self._take_project()
        self.reload()

    def _build(self) -> None:
        self.bar = CompareBar()
        self.views = ViewBar()
        self.line = JobLine()
        self.panes = ReviewPanes()
        self.side = ReviewSide()
        self._empty = EmptyPage()
        centre = QWidget()
        column = theme.column(centre, gap=0)
        column.addWidget(self.bar)
        column.addWidget(self.views)
        self.desk = NumbersDesk(self._session, self)
        self._middle = QStackedWidget()
        self._middle.addWidget(self.panes)
        self._middle.addWidget(self.desk.page)
        column.addWidget(self._middle, 1)
        self.next, self.gating = NextDesk(self._session, self), GateDesk(self._session, self)
        self.predicting = PredictDesk(self._session, self.bar, self.line, lambda: self.run, self)
        self.space = SpaceDesk(self._session, self.panes, self._in_space, self)
        self.correcting = CorrectDesk(self._session, self.bar, self.panes, self._compared, self)
        self.line.lie_over(self.panes)
        page = QWidget()
        row = theme.row(page, gap=0)
        row.addWidget(centre, 1)
        row.addWidget(self.side)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(page)
        self.readers = ReadersDoor(self._session, self._stack, self.panes, self.views)
        theme.row(self, gap=0).addWidget(self._stack)
        self._worst_key = QShortcut(QKeySequence("N"), self)
        self._worst_key.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)

    def _connect(self) -> None:
        session, jobs = self._session, self._session.jobs
        session.project_changed.connect(self._take_project)
        session.runs_changed.connect(self.reload)
        session.scan_changed.connect(self._take_scan)
        session.mask_changed.connect(self._mask_changed)
        session.predictions_changed.connect(self._prediction_changed)
        session.review_requested.connect(self.show_run)
        jobs.changed.connect(self._jobs_changed)
        self.predicting.changed.connect(self._show)
        bar, side = self.bar, self.side
        self.views.view_chosen.connect(self.choose_view)
        self.views.report_asked.connect(self._save_report)
        self.views.save_asked.connect(self._save_picture)
        self.panes.contents_changed.connect(self._contents_changed)
        bar.run_chosen.connect(self._run_chosen)
        bar.worst_asked.connect(self.go_to_worst)
        bar.next_asked.connect(self.show_next)
        bar.gate_list_asked.connect(self.show_gate_list)
        side.gate.all_asked.connect(self.show_gate_list)
        for desk in (self.desk, self.gating):
            desk.open_asked.connect(self._open_at)
        side.predict_asked.connect(self._next_step)
        side.label_chosen.connect(self._show_label)
        side.save_asked.connect(self._save)
        for part in (side.strip, side.next, side.gate):
            part.slice_chosen.connect(self._look_at)
        side.difference.space_asked.connect(self.space.open)
        self.panes.index_changed.connect(side.strip.set_index)
        self.panes.index_changed.connect(side.difference.set_index)
        SameWindow(session, self.panes, side.difference.view)
        side.difference.view.index_changed.connect(self.panes.set_index)
        self._empty.asked.connect(self._next_step)
        self._empty.other_asked.connect(self.readers.open)
        for signal in (session.labels_changed, bar.reference_chosen, self.readers.left):
            signal.connect(self.refresh)
        self._worst_key.activated.connect(self.go_to_worst)

    # ------------------------------------------------------------ what is open

    @property
    def case(self) -> ReviewCase | None:
        """What is compared, None while nothing is."""
        return self._case

    @Slot()
    def _take_project(self) -> None:
        self._runs.forget()
        self._rows = []
        # its runs are told of right after it
        self.bar.set_runs([], "")
        self._take_scan()

    @Slot()
    def reload(self) -> None:
        """Read the runs again."""
        if self._session.project is not None:
            self._runs.ask(read_rows, self._session.project, True)

    @Slot(object)
    def _take_rows(self, rows: list[RunRow]) -> None:
        self._rows = rows
        self.bar.set_runs(rows, self._wanted_run)
        self._wanted_run = ""
        self.refresh()

    @Slot(str)
    def show_run(self, run: str) -> None:
        """Compare with this run in the panes, as soon as it is known here."""
        self.readers.leave()
        self.choose_view(self.panes.view_name)
        if not self.bar.choose_run(run):
            self._wanted_run = run
            self.reload()

    @Slot()
    def _take_scan(self) -> None:
        self._forget_case()
        self._show_scan(seen=self.isVisible())
        self.refresh()

    def _show_scan(self, *, seen: bool = True) -> None:
        """Show the scan that is open; where nobody looks, only let go of the one before."""
        session, before = self._session, self._shown_scan
        shown = session.scan.id if session.scan is not None else ""
        if (shown == before and session.volume is not None) or not (seen or before):
            return
        volume, self._shown_scan = (session.volume, shown) if seen else (None, "")
        start = session.loaded.start[2] if session.loaded is not None else None
        # the panes last: they say which slice is shown, and the small view follows
        self.side.difference.show_volume(volume, session.window)
        self.panes.show_volume(volume, session.window, start)
        if self._slice_wanted >= 0 and volume is not None:
            self.panes.set_index(self._slice_wanted)
            self._slice_wanted = -1

    def go_to(self, index: int) -> None:
        """Show a slice of the scan that is open, also where the page is looked at only next."""
        self._show_scan()
        self.panes.set_index(index)

    def _forget_case(self) -> None:
        self._cases.forget()
        self._case = None
        self._ranked = -1

    @property
    def run(self) -> Run | None:
        """The chosen run."""
        wanted = self.bar.chosen_run
        return next((row.run for row in self._rows if row.run.id == wanted), None)

    @property
    def label_case(self) -> LabelCase | None:
        """The label whose figures are shown."""
        if self._case is None or not self._case.labels:
            return None
        name = self.side.chosen_label
        return self._case.labels.get(name) or next(iter(self._case.labels.values()))

    def _in_space(self) -> tuple[LabelCase | None, Reference | None]:
        return self.label_case, self.bar.chosen_reference

    def _compared(self) -> tuple[Run | None, ReviewCase | None, LabelCase | None]:
        return self.run, self._case, self.label_case

    def _references(self) -> list[Reference]:
        session = self._session
        if session.project is None or session.scan is None:
            return []
        return references(session.project, session.scan, session.reader, self._rows, self.bar.chosen_run)

    # ------------------------------------------------------------ asking

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show_scan()
        if self._stale:
            self.refresh()

    @Slot()
    def _run_chosen(self) -> None:
        self._forget_case()
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Compare again, now or when the page is looked at."""
        self._stale = not self.isVisible()
        if self._stale:
            return
        references = self._references()
        self.bar.set_references(references)
        self.panes.set_choices(choices(self.bar.chosen_reference, references))
        if self._middle.currentIndex() == 1:
            self.desk.show(self.run, self.bar.chosen_reference)
        elif self.bar.next.isChecked():
            self.next.show(self.run)
        question = self._question()
        if question is None:
            self._forget_case()
        else:
            self._cases.ask(answer, question)
        self._show()

    def _question(self) -> Question | None:
        session, run, reference = self._session, self.run, self.bar.chosen_reference
        project, scan, volume, editor = session.project, session.scan, session.volume, session.editor
        if project is None or scan is None or volume is None or editor is None or run is None or reference is None:
            return None
        labels = session.labels
        live = Live(
            session.reader,
            {layer: editor.mask(layer) for layer in labels.layers},
            {layer: editor.finished(layer) for layer in labels.layers},
            {layer: states_of(editor, layer) for layer in labels.layers},
        )
        wanted = self.panes.wanted()
        others = tuple(choice.other for choice in wanted if choice.other is not None)
        unsure = any(choice.key == UNSURE for choice in wanted)
        return Question(project, scan, volume, run, reference, labels, live, others, unsure)

    @Slot()
    def _contents_changed(self) -> None:
        """Read what a pane shows now and nobody has read yet."""
        label, wanted = self.label_case, self.panes.wanted()
        if label is None or self._case is None:
            return
        others = {choice.other for choice in wanted if choice.other is not None}
        unsure = any(choice.key == UNSURE for choice in wanted)
        if not others <= label.others.keys() or (unsure and not self._case.asked_unsure):
            self.refresh()

    @Slot(object)
    def _take_case(self, case: ReviewCase) -> None:
        scan = self._session.scan
        if scan is None or case.scan != scan.id or case.run != self.bar.chosen_run:
            return
        self._case = case
        self._ranked = -1
        self.side.set_labels(list(case.labels))
        self._show()

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        self._case = None
        self._session.notifier.error(error)
        self._show()

    @Slot(object)
    def _mask_changed(self, change: Change) -> None:
        if change.kind != "live":
            self.refresh()

    @Slot(str)
    def _prediction_changed(self, scan: str) -> None:
        if self._session.scan is not None and scan == self._session.scan.id:
            self.refresh()

    # ------------------------------------------------------------ showing

    def _show(self) -> None:
        session = self._session
        usable = any(row.run.comparable for row in self._rows)
        if self.readers.is_open:
            pass
        elif session.project is None:
            self._say_empty("no_project")
        elif not usable:
            key, action = without_run(session, [row.run for row in self._rows])
            self._say_empty(key, action=action)
        elif session.scan is None:
            self._say_empty("no_scan")
        else:
            self._stack.setCurrentIndex(1)
            self._show_label()
        self._jobs_changed()

    def _say_empty(self, key: str, *, action: str = "") -> None:
        words = text(f"review.{action}") if action else ""
        self._empty.say(text(f"review.{key}_title"), text(f"review.{key}_words"), words, text("team.to_readers"))
        self._stack.setCurrentIndex(0)

    @Slot()
    def _show_label(self) -> None:
        session, case, label = self._session, self._case, self.label_case
        volume, run, reference = session.volume, self.run, self.bar.chosen_reference
        if volume is None or run is None or reference is None:
            return
        self.panes.show_scene(Scene(volume, reference, case, label, self._annotation_overlay()))
        self.side.show_figures(label is not None)
        self.side.gate.ask(session.project, run.id, session.scan, label)
        if label is None or case is None:
            key = "reading" if case is None else "not_imported" if run.imported else "not_predicted"
            words = " ".join([text(f"review.{key}_words", run=run.name), *(case.misfits if case else ())])
            can_predict = case is not None and run.usable and not session.jobs.of_kind("predict")
            action = text("review.predict_scan") if can_predict else ""
            self.side.nothing.say(text(f"review.{key}_title"), words, "" if session.read_only else action)
            return
        compared = label.compared
        part = case.part if reference.kind == "reader" else ""
        spent = effort_words(label.effort, label.seconds)
        self.side.numbers.show_figures(figures(compared, volume.geometry, part, case.misfits, spent, reference.kind))
        self.side.show_strip(compared.measures is not None and volume.shape[0] > 1)
        self.side.strip.show_values(compared.per_slice)
        self.side.strip.set_index(self.panes.index)
        known = bool(compared.known.any())
        words = text("review.only_reader" if reference.kind == "reader" else "review.only_other")
        self.side.show_difference(known)
        self.side.difference.show_difference(label.difference if known else None, words)
        self.side.next.show_ranked(label.ranked)
        self.side.difference.set_index(self.panes.index)
        self.space.follow()

    def _annotation_overlay(self) -> list[tuple[object, int, str]]:
        """Return the open annotation's masks (array, value, colour), shown before anything is predicted."""
        editor, labels = self._session.editor, self._session.labels
        run = self.run
        if editor is None or run is None:
            return []
        found = (labels.find(name) for name in run.labels)
        return [(editor.mask(label.layer), label.value, label.color) for label in found if label is not None]

    # ------------------------------------------------------------ doing

    @Slot()
    def go_to_worst(self) -> None:
        """Show the slice that deserves a look most; again: the next one."""
        if self.readers.go_to_next():
            return
        label = self.label_case
        if label is None or not label.ranked:
            return
        self._ranked = (self._ranked + 1) % len(label.ranked)
        self._look_at(label.ranked[self._ranked].slice)

    @Slot(int)
    def _look_at(self, index: int) -> None:
        """Show a slice, also where figures or a list stand in the place of the panes."""
        if self._middle.currentWidget() is not self.panes:
            self.choose_view(self.panes.view_name)
        self.panes.set_index(index)

    @Slot()
    def _next_step(self) -> None:
        """Do what the empty page offers."""
        if self._session.project is not None and self._session.scan is not None and self.run is not None:
            self.predicting.predict_scan()
        elif self.run is None and without_run(self._session)[1] == "strip_now":
            self._session.strip_asked.emit()
        else:
            self._session.workspace_requested.emit("train")

    @Slot(str, str)
    def _save(self, what: str, source: str) -> None:
        session, label, case = self._session, self.label_case, self._case
        if session.scan is None or session.volume is None or label is None or case is None:
            return
        found = (label.predicted, 1) if source == "prediction" else label.truth
        if found is None:
            session.notifier.tell(text("review.nothing_to_save", label=label.name), "warning")
            return
        self.saving.ask("brain" if what == "brain" else "mask", session.scan, session.volume, found, label.name)

    @Slot(str)
    def choose_view(self, name: str) -> None:
        """Lay the panes out in another way, or show the figures, or the readers, instead."""
        if name == READERS:
            self.readers.open()
            return
        self.views.choose(name)
        self.bar.next.setChecked(False)
        self._middle.setCurrentIndex(1 if name == NUMBERS else 0)
        if name == NUMBERS:
            self.desk.show(self.run, self.bar.chosen_reference)
        else:
            self.panes.set_view(name)

    @Slot(bool)
    def show_next(self, shown: bool) -> None:
        """List the next best slices instead of the panes, or show what was there before."""
        if not shown:
            self.choose_view(self._before)
            return
        self._before = self.views.chosen
        self.views.leave()
        self.bar.next.setChecked(True)
        self._middle.addWidget(self.next.page)
        self._middle.setCurrentWidget(self.next.page)
        self.next.show(self.run)

    @Slot()
    def show_gate_list(self) -> None:
        """List where a gate and masks or predictions say otherwise, in all scans, instead of the panes."""
        self.views.leave()
        self.bar.next.setChecked(False)
        self._middle.addWidget(self.gating.page)
        self._middle.setCurrentWidget(self.gating.page)
        self.gating.show(self.run, self.bar.chosen_gate)

    @Slot()
    def take_next(self) -> None:
        """Take the next best slice into Annotate, from anywhere."""
        self.next.use(self.run)
        self.next.take_next()

    @Slot(str, int)
    def _open_at(self, scan: str, index: int) -> None:
        """Show the scan (and slice) of a row of figures."""
        self.choose_view(self.panes.view_name)
        if self._session.scan is None or self._session.scan.id != scan:
            self._session.open_scan(scan)
            self._slice_wanted = index
        elif index >= 0:
            self.panes.set_index(index)

    @Slot()
    def _save_report(self) -> None:
        if self.run is not None:
            self.desk.save_report(self.run)

    @Slot()
    def _save_picture(self) -> None:
        """Save what the panes show, slice and grey levels as they are seen."""
        scan, panes = self._session.scan, self.panes
        if scan is not None and panes.shown:
            levels = panes.window_shown
            self.saving.ask_picture(scan, panes.view_name, panes.shown, panes.columns, panes.index, levels)

    # ------------------------------------------------------------ jobs

    @Slot()
    def _jobs_changed(self) -> None:
        work = next(iter(self._session.jobs.of_kind("predict")), None)
        self.line.show_work(work)
        shown, predicted = self._session.scan is not None, self._case is not None and self._case.predicted
        run = self.run
        can_predict = run is not None and run.usable
        self.bar.predict.setEnabled(shown and can_predict and work is None and not self._session.read_only)
        self.bar.worst.setEnabled(predicted and self.label_case is not None and bool(self.label_case.ranked))
        self.bar.correct.setEnabled(predicted and self._session.can_edit)
        self.bar.parts.setEnabled(can_predict and not self._session.read_only)

    def close_page(self) -> None:
        """End the page's threads."""
        self._runs.close()
        self._cases.close()
        self.desk.close()
        self.side.gate.close_page()
        self.next.close()
        self.gating.close()
        self.space.close()
        self.saving.wait()
        self.readers.close()
