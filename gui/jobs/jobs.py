"""All background work of the window: what runs, how far it is, how it ended.

At most one training runs at a time; predictions, imports and exports run
beside it. Everything here lives in the window's thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QObject, Signal, SignalInstance, Slot

from core.errors import LearningError, MeninxError, ProjectError
from core.events import Failed, Finished, JobEvent, Progress, WasCancelled
from core.learning.events import EpochEnded, RunEnded, TrainingStarted
from core.messages import numeral, text
from gui.jobs import runners
from gui.jobs.job_thread import JobThread
from gui.jobs.runners import Job

if TYPE_CHECKING:
    from core.exchange.taking import TakeOptions
    from core.learning.config import TrainingConfig
    from core.project.importing import ImportOptions
    from gui.session import Session

CLOSE_SECONDS = 6.0
"""How long closing the window waits for its jobs; a training may need 2 s for a step and 1 s to save."""


class Watcher(Protocol):
    """What :class:`Jobs` needs of a job's thread; tests give a scripted one."""

    job_id: str

    @property
    def said(self) -> SignalInstance:
        """Emits (job id, JobEvent)."""

    @property
    def ended(self) -> SignalInstance:
        """Emits (job id)."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End after this step."""

    def pause(self) -> None:
        """End so that it can go on later."""

    def cancel(self) -> None:
        """End at once."""

    def close(self, seconds: float) -> bool:
        """End within about that time."""

    def forget(self) -> None:
        """Delete itself once it is over."""

    def setParent(self, parent: QObject | None) -> None:
        """Belong to an object of Qt."""


@dataclass(eq=False)
class Work:
    """One job as the window knows it.

    Parameters
    ----------
    id
        Id of the job (each event carries it).
    kind
        ``train predict import export strip apply``.
    thread
        What watches it.
    asked
        ``""``, or what it was asked to do: ``stop pause cancel``.
    progress
        Newest progress, None before the first.
    run
        Id of the run it trains or predicts with, ``""`` until known.
    outcome
        Finished, Failed or WasCancelled; None while it runs.
    started
        Of the monotonic clock.
    """

    id: str
    kind: str
    thread: Watcher
    asked: str = ""
    progress: Progress | None = None
    run: str = ""
    run_name: str = ""
    epoch: int = 0
    epochs: int = 0
    outcome: JobEvent | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.outcome is None

    @property
    def error(self) -> MeninxError | None:
        """Why it failed, or None."""
        return self.outcome.error if isinstance(self.outcome, Failed) else None

    @property
    def result(self) -> dict[str, Any]:
        """What it gave back; empty unless it finished."""
        return self.outcome.result if isinstance(self.outcome, Finished) else {}


class Jobs(QObject):
    """Starts jobs and keeps track of them.

    Parameters
    ----------
    session
        Whose project is worked on.
    make_thread
        Makes what watches a job; tests give a scripted one.
    """

    started = Signal(object)
    """(Work)"""
    said = Signal(object, object)
    """(Work, JobEvent), also the last one."""
    ended = Signal(object)
    """(Work), once; its outcome is set."""
    changed = Signal()
    """Something the status bar shows changed."""

    def __init__(self, session: Session, *, make_thread: Callable[[Job], Watcher] = JobThread) -> None:
        super().__init__(session)
        self._session = session
        self._make_thread = make_thread
        self._works: dict[str, Work] = {}

    # ------------------------------------------------------------- starting

    def start_training(self, config: TrainingConfig) -> Work:
        """Train a run.

        Raises
        ------
        LearningError
            ``training-runs-already`` while another one runs.
        """
        if self.training is not None:
            raise LearningError("training-runs-already")
        return self.start(runners.train(self._project_path(), config))

    def resume_training(self, run: str) -> Work:
        """Go on with a paused or interrupted run (id).

        Raises
        ------
        LearningError
            ``training-runs-already`` while another one runs.
        """
        if self.training is not None:
            raise LearningError("training-runs-already")
        return self.start(runners.resume(self._project_path(), run))

    def start_prediction(
        self,
        run: str,
        scans: Sequence[str] = (),
        *,
        missing_only: bool = False,
        gate: str = "",
        ways: Mapping[str, Any] | None = None,
    ) -> Work:
        """Predict scans (ids; none means all) with a run (id), behind another as the gate, and store the predictions.

        ``ways``: how, as :func:`gui.jobs.runners.predict` takes it.

        Raises
        ------
        LearningError
            ``prediction-runs-already`` while another one runs: they would only slow each other down.
        """
        if self.of_kind("predict"):
            raise LearningError("prediction-runs-already")
        path = self._project_path()
        work = self.start(runners.predict(path, run, scans, missing_only=missing_only, gate=gate, ways=ways))
        work.run = run
        return work

    def start_test(self, run: str, part: str = "test") -> Work:
        """Measure a run (id) on a part (``val test``) of its scans; those it has not predicted are predicted first.

        Raises
        ------
        LearningError
            ``prediction-runs-already`` while scans are predicted.
        """
        if self.of_kind("predict") or self.of_kind("evaluate"):
            raise LearningError("prediction-runs-already")
        work = self.start(runners.evaluate(self._project_path(), run, part))
        work.run = run
        return work

    def start_exploring(self, labels: Sequence[str]) -> Work:
        """Look at all there is to learn these labels (names) from."""
        return self.start(runners.explore(self._project_path(), labels))

    def start_taking_run(self, source: Path) -> Work:
        """Take a run in that was exported elsewhere."""
        return self.start(runners.take_run(self._project_path(), source))

    def start_import(self, paths: Sequence[Path], options: ImportOptions) -> Work:
        """Take files into the project."""
        return self.start(runners.import_files(self._project_path(), paths, options))

    def start_export(self, arguments: Mapping[str, Any]) -> Work:
        """Write files out of the project."""
        return self.start(runners.export(self._project_path(), arguments))

    def start_taking(self, path: Path, options: TakeOptions) -> Work:
        """Take in what another tool exported."""
        return self.start(runners.take_foreign(self._project_path(), path, options))

    def start(self, job: Job) -> Work:
        """Start any job in a child of its own."""
        thread = self._make_thread(job)
        # Qt owns it from here: a running thread must never be collected with its wrapper.
        thread.setParent(self)
        work = Work(thread.job_id, job.kind, thread)
        self._works[work.id] = work
        thread.said.connect(self._hear)
        thread.ended.connect(self._bury)
        thread.start()
        self.started.emit(work)
        self.changed.emit()
        return work

    def _project_path(self) -> Path:
        project = self._session.project
        if project is None:
            raise ProjectError("no-project-open")
        return Path(project.path)

    # ------------------------------------------------------------ what runs

    @property
    def running(self) -> list[Work]:
        """Jobs that have not ended, oldest first."""
        return [work for work in self._works.values() if work.running]

    @property
    def training(self) -> Work | None:
        """The training that runs, or None."""
        return next((work for work in self.running if work.kind == "train"), None)

    def of_kind(self, kind: str) -> list[Work]:
        """Running jobs of one kind."""
        return [work for work in self.running if work.kind == kind]

    def summary(self) -> str:
        """Return one line for the status bar; empty when nothing runs."""
        return "   ·   ".join(_words(work) for work in self.running)

    # ------------------------------------------------------------- stopping

    def stop(self, work: Work) -> None:
        """Finish the step, keep the best, end."""
        self._ask(work, "stop")

    def pause(self, work: Work) -> None:
        """Save what goes on later, end."""
        self._ask(work, "pause")

    def cancel(self, work: Work) -> None:
        """End at once."""
        self._ask(work, "cancel")

    def _ask(self, work: Work, word: str) -> None:
        if not work.running:
            return
        work.asked = word
        {"stop": work.thread.stop, "pause": work.thread.pause, "cancel": work.thread.cancel}[word]()
        self.changed.emit()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """End all jobs within about this time: before the window goes, or the project.

        A training is asked to pause, so that it can go on later; one that does not in time is killed, and goes on
        from what it saved last.
        """
        deadline = time.monotonic() + seconds
        running = self.running
        for work in running:
            if work.kind == "train":
                work.asked = work.asked or "pause"
                work.thread.pause()
            elif work.kind in ("import", "take"):
                work.thread.stop()
            else:
                work.thread.cancel()
        for work in running:
            work.thread.close(max(0.5, deadline - time.monotonic()))
            # What it still said waits in the event loop and belongs to nobody any more.
            if work.outcome is None:
                work.outcome = WasCancelled()
            self._bury(work.id)

    # -------------------------------------------------------------- hearing

    @Slot(object, object)
    def _hear(self, job_id: str, event: JobEvent) -> None:
        work = self._works.get(job_id)
        if work is None:
            return
        match event:
            case Progress():
                work.progress = event
            case TrainingStarted():
                work.run, work.run_name = event.run, event.name
            case EpochEnded():
                work.run, work.epoch, work.epochs = event.run, event.epoch, event.epochs
            case RunEnded():
                work.run = event.run
            case Finished() | Failed() | WasCancelled():
                work.outcome = event
            case _:
                pass
        self.said.emit(work, event)
        self.changed.emit()

    @Slot(object)
    def _bury(self, job_id: str) -> None:
        work = self._works.pop(job_id, None)
        if work is None:
            return
        self.ended.emit(work)
        self.changed.emit()
        work.thread.forget()


def _words(work: Work) -> str:
    """One job for the status bar."""
    if work.asked:
        return text(f"jobs.asked_{work.asked}", name=_name(work))
    parts = [_name(work)]
    if work.epochs:
        parts.append(text("jobs.epoch", epoch=work.epoch, epochs=work.epochs))
    progress = work.progress
    if progress is not None:
        if progress.total and not work.epochs:
            parts.append(text("jobs.done_of", done=progress.done, total=progress.total))
        if progress.seconds_left >= 0:
            parts.append(time_left(progress.seconds_left))
    return " · ".join(parts)


def _name(work: Work) -> str:
    if work.kind == "train" and work.run_name:
        return text("jobs.training_named", run=work.run_name)
    return text(f"jobs.kind_{work.kind}")


def time_left(seconds: float) -> str:
    """Word a time left the way people say it."""
    if seconds < 5:
        return text("jobs.left_moment")
    if seconds < 55:
        return text("jobs.left_seconds", seconds=int(round(seconds / 5) * 5))
    if seconds < 600:
        minutes, rest = divmod(int(round(seconds / 10) * 10), 60)
        return (
            text("jobs.left_minutes_seconds", minutes=minutes, seconds=rest)
            if rest
            else text("jobs.left_minutes", minutes=minutes)
        )
    if seconds < 5400:
        return text("jobs.left_minutes", minutes=round(seconds / 60))
    return text("jobs.left_hours", hours=numeral(seconds / 3600, ".1f"))
