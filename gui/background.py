"""Short slow things (reading a scan, opening a project) in a thread of their own."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QCoreApplication, QEventLoop, QObject, QThread, Signal, Slot

from core.errors import MeninxError
from core.traces import kind_of, place_of, trace_of

_TURN = 0.001
"""Seconds that a thread may hold Python's lock while another wants it; Python's own 5 ms, a few times in a row, are a
turn of the window that is felt."""


def take_short_turns() -> None:
    """Let threads that calculate hand Python's lock to the window's thread often; for the beginning of the program."""
    sys.setswitchinterval(_TURN)


class Task(QThread):
    """Calls a function once in a thread and says how it went.

    Parameters
    ----------
    work
        Called without arguments in the thread; touches no Qt.
    parent
        Owner; the task deletes itself when the thread is over.

    Notes
    -----
    Connect :attr:`done` and :attr:`failed` only to bound slots of objects of the
    window's thread: a lambda would run in the worker.
    """

    done = Signal(object)
    failed = Signal(object)

    def __init__(self, work: Callable[[], Any], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._work = work

    def run(self) -> None:
        try:
            result = self._work()
        except MeninxError as error:
            self.failed.emit(error)
        except MemoryError:
            self.failed.emit(MeninxError("memory-short-here"))
        except Exception as error:  # noqa: BLE001 - the edge of a thread: nothing above could hear it
            facts = MeninxError("unexpected", reason=kind_of(error), place=place_of(error))
            facts.add_note(trace_of(error))
            self.failed.emit(facts)
        else:
            self.done.emit(result)


class _Outcome(QObject):
    """What came of a task that somebody waits for."""

    def __init__(self) -> None:
        super().__init__()
        self.error: MeninxError | None = None

    @Slot(object)
    def hear(self, error: MeninxError) -> None:
        self.error = error


def wait_for(work: Callable[[], Any]) -> None:
    """Do slow work in a thread and return when it is done; the window paints meanwhile and takes no input.

    Signals and timers of the window go on, so the caller sees to it that nothing begins
    that the work would be in the way of.

    Raises
    ------
    MeninxError
        What the work raised.
    """
    if QCoreApplication.instance() is None:
        work()
        return
    outcome, loop, task = _Outcome(), QEventLoop(), Task(work)
    task.failed.connect(outcome.hear)
    # from the task's thread, so it waits in the event loop behind what the task said
    task.finished.connect(loop.quit)
    task.start()
    loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
    task.wait()
    if outcome.error is not None:
        raise outcome.error


class InTurn:
    """Lets work that threads do happen in the order in which it was asked for."""

    def __init__(self) -> None:
        self._last = threading.Event()
        self._last.set()

    def after_the_others(self, work: Callable[[], Any]) -> Callable[[], Any]:
        """Return work that waits, in its thread, for what was asked for before. Each must be done in a thread."""
        before, mine = self._last, threading.Event()
        self._last = mine

        def wait_and_work() -> Any:
            before.wait()
            try:
                return work()
            finally:
                mine.set()

        return wait_and_work


class Tasks(QObject):
    """Keeps running tasks alive and waits for them at the end."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: set[Task] = set()
        self._lock = threading.Lock()
        self._waiting = 0

    def start(
        self, work: Callable[[], Any], done: Callable[[Any], None], failed: Callable[[MeninxError], None]
    ) -> Task:
        """Start ``work`` in a thread; ``done`` or ``failed`` (bound slots) hear of its end."""
        task = Task(work, self)
        task.done.connect(done)
        task.failed.connect(failed)
        task.finished.connect(self._forget)
        self._running.add(task)
        task.start()
        return task

    @Slot()
    def _forget(self) -> None:
        with self._lock:
            if self._waiting:
                # another thread holds on to them; the next to end, or the end of all, comes past here again
                return
            for task in [task for task in self._running if task.isFinished()]:
                self._running.discard(task)
                task.deleteLater()

    def wait(self, milliseconds: int = 30_000) -> None:
        """Wait until every task is over (when the window closes)."""
        self.join(milliseconds)
        self._forget()

    def join(self, milliseconds: int = 30_000) -> None:
        """Wait until every task is over; any thread may call it."""
        with self._lock:
            self._waiting += 1
            running = tuple(self._running)
        try:
            for task in running:
                task.wait(milliseconds)
        finally:
            with self._lock:
                self._waiting -= 1
