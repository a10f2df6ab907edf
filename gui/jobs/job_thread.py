"""The thread that watches one child process.

It never computes: it waits on three things at once (the child's pipe, the
child's end, the window's orders) and passes on what it hears. So a child that
crashes, is killed for memory or hangs costs one message and nothing else.
"""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import time
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from PySide6.QtCore import QObject, QThread, Signal

from core.errors import LearningError, MeninxError
from core.events import Failed, Finished, JobEvent, Progress, WasCancelled
from core.ids import new_id
from core.messages import text
from gui.jobs import packs
from gui.jobs.runners import Job, Target, run_job

GRACE_SECONDS = 5.0
"""How long a child may take to end after Cancel before it is killed."""
PROGRESS_SECONDS = 0.1
"""At most ten progress events a second reach the window, however many the child sends."""

_AT_CLOSE = {"train": "pause", "import": "stop", "take": "stop"}
"""What a kind of job is asked when its window closes; all others are cancelled."""
_ENDINGS = (Finished, Failed, WasCancelled)


class JobThread(QThread):
    """Runs one job in a spawned child and says what it says.

    The signals are emitted by this object, which lives in the thread that made
    it: connect only bound slots of QObjects of the GUI thread.

    Parameters
    ----------
    job
        What to run.
    target
        Entry of the child; tests give their own.
    grace
        Seconds between Cancel and the kill.
    """

    said = Signal(object, object)
    """(job id, JobEvent), in the child's order; the last one is Finished, Failed or WasCancelled."""
    ended = Signal(object)
    """(job id), once, after the last event and after the child is gone."""

    def __init__(
        self, job: Job, *, target: Target = run_job, grace: float = GRACE_SECONDS, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.job_id = new_id()
        self.job = job
        self._target = target
        self._grace = grace
        self._orders, self._ordered = multiprocessing.Pipe(duplex=False)
        self._process: BaseProcess | None = None
        self._kill_at = float("inf")
        self._cancelled = False
        self._waiting_progress: Progress | None = None
        self._progress_at = 0.0

    def stop(self) -> None:
        """Ask the child to finish its step, keep the best and end."""
        self._order("stop")

    def pause(self) -> None:
        """Ask the child to save what it needs to go on later, and end."""
        self._order("pause")

    def cancel(self) -> None:
        """Ask the child to end at once; it is killed when the grace is over."""
        self._order("cancel")

    def close(self, seconds: float) -> bool:
        """End the job now whatever its child does; return whether the thread ended in time.

        Nobody asked for the work to be given up. So an import is stopped and keeps what came in, and a training is
        paused. It is never cancelled here, as a run that is cancelled cannot go on: what does not end in time is
        killed, and a killed run goes on from what it saved last.
        """
        if not self.isRunning():
            return True
        self._order(_AT_CLOSE.get(self.job.kind, "cancel"))
        if self.wait(round(seconds * 1000)):
            return True
        # A child frozen in the middle of a message holds the thread in recv; its death frees it.
        if self._process is not None:
            self._process.kill()
        return self.wait(2000)

    def forget(self) -> None:
        """Delete itself once the thread is over (it may be over already)."""
        self.finished.connect(self.deleteLater)
        if self.isFinished():
            self.deleteLater()

    def _order(self, word: str) -> None:
        if not self._ordered.closed:
            self._ordered.send(word)

    def run(self) -> None:
        """Watch the child until it is gone (called by Qt in the thread)."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=True)
        # Not a daemon: a daemon may have no children, and an import has its decoder.
        process = context.Process(target=self._target, args=(theirs, self.job), name=f"meninx-{self.job.kind}")
        try:
            process.start()
        except OSError as error:
            self._say(Failed(MeninxError("job-not-started", reason=error.strerror or error)))
            self.ended.emit(self.job_id)
            return
        finally:
            theirs.close()
        self._process = process
        last = self._watch(ours, process)
        ours.close()
        self._bury(process)
        self._say(last or self._unsaid_end(process))
        self.ended.emit(self.job_id)

    def _watch(self, ours: Connection, process: BaseProcess) -> JobEvent | None:
        """Pass events on until the child says its last word or dies; return that word."""
        while True:
            ready = wait([ours, process.sentinel, self._orders], self._patience())
            if self._orders in ready:
                self._pass_order(ours)
            if ours in ready:
                try:
                    heard = ours.recv()
                except (EOFError, OSError, pickle.UnpicklingError):
                    return None
                if isinstance(heard, _ENDINGS):
                    return heard
                self._hear(heard)
            elif process.sentinel in ready:
                return None
            now = time.monotonic()
            if now >= self._kill_at:
                process.kill()
                self._kill_at = float("inf")
            if self._waiting_progress is not None and now >= self._progress_at:
                self._hear(self._waiting_progress)

    def _patience(self) -> float | None:
        """Seconds until something is due by the clock; None when nothing is."""
        due = min(self._kill_at, self._progress_at if self._waiting_progress is not None else float("inf"))
        return None if due == float("inf") else max(0.0, due - time.monotonic())

    def _pass_order(self, ours: Connection) -> None:
        word = self._orders.recv()
        if word == "cancel":
            self._cancelled = True
            self._kill_at = min(self._kill_at, time.monotonic() + self._grace)
        try:
            ours.send(word)
        except OSError:
            # The child is already gone; its end is the next thing heard.
            return

    def _hear(self, event: JobEvent) -> None:
        """Emit an event; of progress that comes too fast only the newest is kept."""
        if isinstance(event, Progress):
            now = time.monotonic()
            if now < self._progress_at:
                self._waiting_progress = event
                return
            self._progress_at = now + PROGRESS_SECONDS
            self._waiting_progress = None
        self._say(event)

    def _say(self, event: JobEvent) -> None:
        if self._waiting_progress is not None and not isinstance(event, Progress):
            late, self._waiting_progress = self._waiting_progress, None
            self.said.emit(self.job_id, late)
        self.said.emit(self.job_id, event)

    def _bury(self, process: BaseProcess) -> None:
        """Wait for the child's end, bounded: after its last word it has nothing left to do."""
        process.join(self._grace)
        if process.is_alive():
            process.kill()
            process.join()

    def _unsaid_end(self, process: BaseProcess) -> JobEvent:
        """Word the end of a child that said nothing at its end."""
        if self._cancelled:
            return WasCancelled()
        if self.job.kind == "train" and crashed(process.exitcode) and packs.died(how_it_died(process.exitcode)):
            return Failed(LearningError("pack-gave-up"))
        error = LearningError if self.job.kind in ("train", "predict") else MeninxError
        return Failed(error("job-died", reason=how_it_died(process.exitcode)))


def crashed(exitcode: int | None) -> bool:
    """Whether a child fell over by itself, rather than being ended by somebody or for memory."""
    ended = {-signal.SIGTERM, -getattr(signal, "SIGKILL", signal.SIGTERM)}
    # Windows gives such ends a status from 0xC0000000 on
    return exitcode is not None and (exitcode >= 0xC0000000 or (exitcode < 0 and exitcode not in ended))


def how_it_died(exitcode: int | None) -> str:
    """Say in words what an exit status means."""
    if exitcode is None or exitcode >= 0:
        return text("jobs.died_exit", code=exitcode if exitcode is not None else "?")
    if exitcode == -signal.SIGTERM or (hasattr(signal, "SIGKILL") and exitcode == -signal.SIGKILL):
        return text("jobs.died_killed")
    try:
        name = signal.Signals(-exitcode).name
    except ValueError:
        name = str(-exitcode)
    return text("jobs.died_signal", name=name)
