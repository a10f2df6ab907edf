"""What a person does with a run beside training it: save its curves, give it away, take one in, delete it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QDialog, QFileDialog, QWidget

from core.errors import MeninxError
from core.events import Failed
from core.learning.config import TrainingConfig
from core.learning.run_files import export_run
from core.learning.run_removal import Ties, delete_run, ties_of
from core.learning.runs import MODEL_FILE, Run, RunState, find_run, list_runs
from core.messages import numeral, text
from core.project.predictions import list_predictions
from core.project.project import Project
from core.review.curves import RunCurves, slug, write_comparison, write_curves
from core.review.run_compare import RunComparison, write_comparison_table
from gui.background import Tasks
from gui.dialogs.questions import Question
from gui.jobs.jobs import Work
from gui.train.prepare_dialog import PrepareDialog
from gui.train.watch import RunWatch, counted

if TYPE_CHECKING:
    from gui.session import Session


class RunActs(QObject):
    """Asks what must be asked, works off the window's thread, tells what came of it."""

    deleted = Signal(str)
    """Id of the run that is gone."""
    look_asked = Signal(str)
    """Id of a run that classifies: show its figures and mistakes."""
    taken = Signal(str)
    """Id of a run that came in from elsewhere: it is the one to look at now."""

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self._parent = parent
        self._tasks = Tasks(self)
        self._folder = Path.home()
        self._told = ""
        session.jobs.ended.connect(self._job_ended)

    # -------------------------------------------------------------- curves

    def save_curves(self, curves: RunCurves) -> None:
        """Ask for a folder and write a run's curves there."""
        folder = self._ask_folder(text("train.save_curves_title"))
        if folder is not None:
            self._tasks.start(functools.partial(write_curves, folder, curves), self._written, self._refused)

    def save_comparison(self, found: RunComparison) -> None:
        """Ask for a folder and write curves and figures of one run or several there."""
        folder = self._ask_folder(text("train.save_curves_title"))
        if folder is not None:
            self._tasks.start(functools.partial(_write_figures, folder, found), self._written, self._refused)

    def _ask_folder(self, title: str) -> Path | None:
        chosen = QFileDialog.getExistingDirectory(self._parent, title, str(self._folder))
        if not chosen:
            return None
        self._folder = Path(chosen)
        return self._folder

    @Slot(object)
    def _written(self, files: Sequence[Path]) -> None:
        names = ", ".join(file.name for file in files)
        self._session.notifier.tell(text("train.told_saved", files=names, folder=files[0].parent), "good")

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        self._session.notifier.error(error)

    # ------------------------------------------------------- giving, taking

    def export(self, run: Run) -> None:
        """Ask for a file and write a run there as a zip."""
        proposal = str(self._folder / f"{slug(run.name)}.zip")
        chosen, _ = QFileDialog.getSaveFileName(
            self._parent, text("train.export_run_title"), proposal, text("train.filter_zip")
        )
        if not chosen or self._session.project is None:
            return
        target = Path(chosen)
        target = target if target.suffix.casefold() == ".zip" else target.with_name(f"{target.name}.zip")
        self._folder = target.parent
        work = functools.partial(_export_over, self._session.project, run, target)
        self._tasks.start(work, self._exported, self._refused)

    @Slot(object)
    def _exported(self, target: Path) -> None:
        self._session.notifier.tell(text("train.told_exported", file=target.name, folder=target.parent), "good")

    def take(self) -> None:
        """Ask for a run that was exported elsewhere, and take it in."""
        chosen, _ = QFileDialog.getOpenFileName(
            self._parent, text("train.take_run_title"), str(self._folder), text("train.filter_run")
        )
        if not chosen:
            return
        source = Path(chosen)
        self._folder = source.parent
        if source.name == MODEL_FILE:
            # a file stands for its folder: one dialog for both
            source = source.parent
        self.take_from(source)

    def take_from(self, source: Path) -> None:
        """Take a run in."""
        try:
            self._session.jobs.start_taking_run(source)
        except MeninxError as error:
            self._session.notifier.error(error)

    @Slot(object)
    def _job_ended(self, work: Work) -> None:
        if work.kind != "take_run":
            return
        if work.error is not None:
            self._session.notifier.error(work.error)
        elif work.result:
            words = text("runs.taken", **{**work.result, "labels": ", ".join(work.result["labels"])})
            if work.result.get("learnt_here"):
                words += " " + text("runs.taken_known", count=work.result["learnt_here"])
            self._session.notifier.tell(words, "good", seconds=12)
            self._session.runs_changed.emit()
            self.taken.emit(str(work.result["run"]))

    # --------------------------------------------------------------- review

    @Slot(str)
    def review(self, run: str) -> None:
        """Compare with a run; the scan shown is predicted if it is not yet: there is nothing to see without."""
        session = self._session
        session.notifier.withdraw(self._told)
        session.review_requested.emit(run)
        predicting = session.jobs.of_kind("predict") or session.jobs.of_kind("evaluate")
        if session.project is not None and session.scan is not None and not session.read_only and not predicting:
            usable = next((one.usable for one in list_runs(session.project) if one.id == run), True)
            if usable and not list_predictions(session.project, scan=session.scan.id, run=run):
                try:
                    session.jobs.start_prediction(run, [session.scan.id])
                except MeninxError as error:
                    session.notifier.error(error)
        session.workspace_requested.emit("review")

    def look_at(self, run: str) -> None:
        """Show how good a run that classifies is: it has no masks to review."""
        self._session.notifier.withdraw(self._told)
        self._session.workspace_requested.emit("train")
        self.look_asked.emit(run)

    def tell_end(self, work: Work, live: RunWatch | None) -> None:
        """Say how a training ended, and offer to review it."""
        notifier = self._session.notifier
        if isinstance(work.outcome, Failed):
            notifier.error(work.outcome.error)
        elif live is not None and live.last is not None and live.state in (RunState.DONE, RunState.STOPPED):
            name = live.started.name if live.started is not None else ""
            key = "train.told_done_class" if live.classifies else "train.told_done"
            words = text(key, run=name, dice=numeral(live.last.best_dice, ".3f"), epoch=live.last.best_epoch)
            self._told = words
            review = functools.partial(self.look_at if live.classifies else self.review, live.run)
            offered = text("train.told_look" if live.classifies else "train.told_review")
            notifier.offer(words, offered, review, kind="good", seconds=60)
        elif live is not None and live.state == RunState.PAUSED and live.started is not None:
            notifier.tell(text("train.told_paused", run=live.started.name))

    # ---------------------------------------------------------- preparation

    def show_preparation(self, config: TrainingConfig) -> PrepareDialog | None:
        """Show what each step does to the scan that is open, else to the first; return what was agreed to."""
        session = self._session
        scans = [] if session.project is None else session.project.scans()
        scan = session.scan or next(iter(scans), None)
        if session.project is None or scan is None:
            session.notifier.tell(text("train.pictures_no_scan"), "warning")
            return None
        volume = session.volume if session.scan is not None else None
        dialog = PrepareDialog(session.project, scan, config, volume=volume, parent=self._parent)
        agreed = dialog.exec() == QDialog.DialogCode.Accepted
        dialog.deleteLater()
        return dialog if agreed else None

    # ------------------------------------------------------------- deletion

    def delete(self, run: Run) -> None:
        """Say what hangs on a run, ask, and delete it."""
        if self._session.project is not None:
            work = functools.partial(_ties, self._session.project, run)
            self._tasks.start(work, self._ask_delete, self._refused)

    @Slot(object)
    def _ask_delete(self, found: tuple[Run, Ties]) -> None:
        run, ties = found
        project = self._session.project
        if project is None:
            return
        if ties.children:
            words = text("errors.run-has-children", name=run.name, children=", ".join(ties.children))
            self._session.notifier.tell(words, "warning", seconds=12)
            return
        if not self.confirm(delete_words(run, ties)):
            return
        self._tasks.start(functools.partial(_delete, project, run), self._gone, self._refused)

    def confirm(self, words: str) -> bool:
        """Ask before something is deleted for good."""
        question = Question(text("train.delete_title"), words, text("train.delete_yes"), self._parent)
        agreed = question.exec() == QDialog.DialogCode.Accepted
        question.deleteLater()
        return agreed

    @Slot(object)
    def _gone(self, run: Run) -> None:
        self._session.notifier.tell(text("train.told_deleted", run=run.name))
        self.deleted.emit(run.id)
        self._session.runs_changed.emit()

    def wait(self) -> None:
        """Wait until everything is written (when the page closes)."""
        self._tasks.wait()


def delete_words(run: Run, ties: Ties) -> str:
    """Say what goes with a run, and what stays."""
    parts = [text("train.delete_words", run=run.name, size=numeral(ties.size / 1e6, ".0f"))]
    if ties.predictions:
        parts.append(text("train.delete_predictions", predictions=counted("prediction", ties.predictions)))
    if ties.looks:
        parts.append(text("train.delete_looks", count=ties.looks))
    parts.append(text("train.delete_stays"))
    return " ".join(parts)


def _ties(project: Project, run: Run) -> tuple[Run, Ties]:
    return run, ties_of(project, run)


def _delete(project: Project, run: Run) -> Run:
    # its state may have changed since it was read
    delete_run(project, find_run(project, run.id))
    return run


def _export_over(project: Project, run: Run, target: Path) -> Path:
    # the file dialog asked whether a file may be replaced
    export_run(project, run, target, replace=True)
    return target


def _write_figures(folder: Path, found: RunComparison) -> list[Path]:
    """Write curves and figures of one run, or of several over each other."""
    drawn = [one.curves for one in found.runs if one.curves is not None]
    files = write_comparison_table(folder, found)
    if len(drawn) > 1:
        files += write_comparison(folder, drawn)
    elif drawn:
        files += write_curves(folder, drawn[0])
    return files
