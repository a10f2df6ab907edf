"""Says what became of a training that ended with its project, and where it goes on. Made with the window: no plots."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from core.errors import MeninxError
from core.events import WasCancelled
from core.learning.runs import Run, RunState, find_run, list_runs
from core.messages import text
from core.project.project import Project
from gui.jobs.asking import Asker
from gui.jobs.jobs import Work

if TYPE_CHECKING:
    from gui.session import Session

_WAITING = (RunState.PAUSED, RunState.INTERRUPTED)
_SECONDS = 20.0


class GoingOn(QObject):
    """Tells of a training that was paused by closing: at once, and when its project is opened.

    Parameters
    ----------
    session
        Whose project and jobs are listened to.
    """

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._asker = Asker(self)
        self._asker.answered.connect(self._tell_waiting)
        session.jobs.ended.connect(self._job_ended)
        session.project_changed.connect(self._look)

    @Slot(object)
    def _job_ended(self, work: Work) -> None:
        # one that was paused by its button says how it ended; what was closed is not heard any more
        closed = work.kind == "train" and work.asked == "pause" and isinstance(work.outcome, WasCancelled)
        if self._session.project is None or not (closed and work.run):
            return
        with contextlib.suppress(MeninxError):
            self._tell_closed(find_run(self._session.project, work.run))

    def _tell_closed(self, run: Run) -> None:
        if run.state not in _WAITING:
            return
        key = "train.told_closed" if run.resumable else "train.told_closed_lost"
        self._session.notifier.tell(text(key, run=run.name), "info" if run.resumable else "warning", seconds=_SECONDS)

    @Slot()
    def _look(self) -> None:
        """Ask whether the newest run of the project that was opened waits to go on."""
        self._asker.forget()
        if self._session.project is not None and not self._session.read_only:
            self._asker.ask(newest_waiting, self._session.project)

    @Slot(object)
    def _tell_waiting(self, run: Run | None) -> None:
        if run is not None and self._session.jobs.training is None:
            words = text("train.told_waits", run=run.name)
            self._session.notifier.offer(words, text("train.told_waits_go"), self._go, seconds=_SECONDS)

    def _go(self) -> None:
        self._session.workspace_requested.emit("train")

    def close(self) -> None:
        """End the reading thread."""
        self._asker.close()


def newest_waiting(project: Project) -> Run | None:
    """Return the newest run if it was paused or interrupted and can go on; older ones were left for newer."""
    run = next(reversed(list_runs(project)), None)
    return run if run is not None and run.resumable and run.state in _WAITING else None
