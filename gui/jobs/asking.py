"""Short questions answered off the window's thread: reading lists, files, comparisons.

Jobs that a person starts have a process (:mod:`gui.jobs.job_thread`). This is
for what a page needs in order to draw itself and may take longer than a frame.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

from core.errors import MeninxError


class Asker(QObject):
    """Answers the newest question; it makes older answers stale.

    Emits from the worker thread, but the emitter lives in the window's thread, so
    the slots below always run there (measured for PySide6 6.8 to 6.12).

    Parameters
    ----------
    parent
        Owner.
    threads
        With two a newer question does not wait for the one before to be heard out.
    """

    answered = Signal(object)
    """The answer to the newest question."""
    refused = Signal(object)
    """The MeninxError that the newest question ended with."""
    busy_changed = Signal(bool)
    """Whether an answer is still awaited."""
    _done = Signal(int, object)

    def __init__(self, parent: QObject | None = None, *, threads: int = 1) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(max_workers=threads)
        self._number = 0
        self._waiting: Future[Any] | None = None
        self._closed = False
        # queued even where the answer is there before ask() is through: who asks would be answered in the middle of it
        self._done.connect(self._take, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """Whether an answer is still awaited."""
        return self._waiting is not None

    def ask(self, question: Callable[..., Any], *facts: Any) -> None:
        """Call ``question(*facts)`` in the thread; the answer comes as a signal.

        A question that still waits for its turn is dropped, one that runs is heard
        out and its answer thrown away.
        """
        if self._closed:
            return
        was_busy = self.busy
        if self._waiting is not None:
            self._waiting.cancel()
        self._number += 1
        number = self._number
        future = self._pool.submit(question, *facts)
        self._waiting = future

        def pass_on(done: Future[Any]) -> None:
            if done.cancelled() or self._closed:
                return
            try:
                self._done.emit(number, done)
            except RuntimeError:
                return  # the page was deleted meanwhile; nobody waits for the answer

        future.add_done_callback(pass_on)
        if not was_busy:
            self.busy_changed.emit(True)

    def forget(self) -> None:
        """Drop the question that is asked; its answer never comes."""
        self._number += 1
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
            self.busy_changed.emit(False)

    def close(self) -> None:
        """End the thread; waits for the question that runs."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    @Slot(int, object)
    def _take(self, number: int, done: Future[Any]) -> None:
        if number != self._number or self._closed:
            return
        self._waiting = None
        self.busy_changed.emit(False)
        error = done.exception()
        if error is None:
            self.answered.emit(done.result())
        elif isinstance(error, MeninxError):
            self.refused.emit(error)
        elif isinstance(error, MemoryError):
            self.refused.emit(MeninxError("memory-short-here"))
        else:
            # A fault of the program: let the program's excepthook log and show it.
            raise error
