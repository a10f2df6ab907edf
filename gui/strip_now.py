"""Strip now: the brain of the scan shown, by the starter that comes with the program, without anything trained.

What other starters find is asked for the same way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from core.errors import MeninxError
from core.events import Finished, JobEvent
from core.learning.runs import Run, RunState
from core.learning.starters import Starter, brain_starter, find_starter, has_starter
from core.messages import text
from gui.doubts import Doubts

if TYPE_CHECKING:
    from gui.jobs.jobs import Work
    from gui.session import Session


def without_run(session: Session, runs: Iterable[Run] = ()) -> tuple[str, str]:
    """Return what Review says, and offers, while none of a project's runs can be compared: keys of its words.

    A run that trains is waited for, one whose model is gone is told of, the scan shown can be stripped by a starter,
    or something is to be trained, or trained on: a run that is paused is told of in both cases.
    """
    if session.jobs.training is not None:
        return "training", "to_train"
    if session.jobs.of_kind("predict"):
        return "stripping", ""
    if any(run.state is RunState.DONE and not run.usable and not run.config.classifies for run in runs):
        return "model_gone", "to_train"
    can_strip = session.scan is not None and not session.read_only and has_starter()
    waits = any(run.resumable and run.state in (RunState.PAUSED, RunState.INTERRUPTED) for run in runs)
    if can_strip:
        return "paused_strip" if waits else "strip_now", "strip_now"
    return "paused" if waits else "no_run", "to_train"


class StripNow(QObject):
    """Predicts the scan shown with a starter and shows the result in Review.

    Parameters
    ----------
    session
        What is open.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._works: set[str] = set()
        self._doubts = Doubts(session.notifier)
        session.strip_asked.connect(self.ask)
        session.starter_asked.connect(self.ask_starter)
        session.jobs.said.connect(self._hear)
        session.jobs.ended.connect(self._ended)

    @Slot()
    def ask(self) -> None:
        """Strip the scan shown."""
        self._predict("")

    @Slot(str)
    def ask_starter(self, name: str) -> None:
        """Predict the scan shown with the starter of a name."""
        self._predict(name)

    def _predict(self, name: str) -> None:
        session = self._session
        if session.project is None or session.scan is None:
            return
        if session.read_only:
            session.notifier.tell(text("strip_now.read_only"), "warning")
            return
        try:
            starter: Starter | None = find_starter(name) if name else brain_starter()
            if starter is None:
                session.notifier.tell(text("strip_now.no_starter"), "warning", seconds=10)
                return
            work = session.jobs.start_prediction(starter.name, [session.scan.id])
        except MeninxError as error:
            session.notifier.error(error)
            return
        self._works.add(work.id)
        sought = ", ".join(starter.labels)
        words = text("strip_now.begun_other", scan=session.scan.name, labels=sought) if name else ""
        if starter.non_commercial:
            words += " " + text("starter_menu.non_commercial")
        session.notifier.tell(words or text("strip_now.begun", scan=session.scan.name))

    @Slot(object, object)
    def _hear(self, work: Work, event: JobEvent) -> None:
        if work.kind == "predict":
            self._doubts.hear(work.id, event)

    @Slot(object)
    def _ended(self, work: Work) -> None:
        self._doubts.tell(work.id)
        if work.id not in self._works:
            return
        self._works.discard(work.id)
        if isinstance(work.outcome, Finished) and work.result.get("scans"):
            # the starter is a run of the project now, and its labels are there
            self._session.reload_labels()
            self._session.runs_changed.emit()
            self._session.review_requested.emit(work.result["run"])
            self._session.workspace_requested.emit("review")
