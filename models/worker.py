"""The child process of a job: what the window's supervisor starts with ``spawn``.

The top of this file loads neither torch nor Qt; a job's own module is imported once it
runs. The same generators run in-process for tests and the command line
(:func:`events_of`).
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from core.errors import Cancelled, LearningError, MeninxError
from core.events import Events, Failed, Finished, JobEvent, Progress, StopCheck, WasCancelled, never_stop
from core.io.limits import give_way
from core.traces import trace_of
from models.torchpack import enable

JOBS: dict[str, str] = {
    "import": "core.project.importing:import_job",
    "demo": "core.commands.demo:demo_job",
    "export": "core.project.exporting:export_job",
    "exchange": "core.exchange.exporting:export_job",
    "take": "core.exchange.taking:take_job",
    "bundle": "core.team.bundle:bundle_job",
    "merge": "core.team.merging:merge_job",
    "explore": "core.learning.explore:explore_job",
    "train": "models.trainer:train_job",
    "predict": "models.predicting:predict_job",
    "evaluate": "models.evaluating:evaluate_job",
    "take_run": "models.taking_runs:take_run_job",
    "strip": "models.loose:strip_job",
    "apply": "models.loose:apply_job",
    "choose_pack": "models.torchpack_choice:choose_job",
    "check_pack": "models.torchpack_choice:check_job",
}
"""Job kind to ``module:function``; the function takes the job's arguments and ``should_stop``."""

WORDS = ("stop", "pause", "cancel")
PROGRESS_SECONDS = 0.1
"""At most ten progress events a second cross the pipe."""
_PRIORITY = 10
_STRENGTH = {"": 0, "stop": 1, "pause": 1, "cancel": 2}


@dataclass(frozen=True, slots=True)
class Job:
    """A job to run in a child: plain, picklable arguments only.

    Parameters
    ----------
    kind
        Key of :data:`JOBS`.
    arguments
        Keyword arguments of the job's function, without ``should_stop``.
    """

    kind: str
    arguments: dict[str, Any] = field(default_factory=dict)


def events_of(job: Job, should_stop: StopCheck = never_stop) -> Events:
    """Return the generator of a job, in this process.

    Raises
    ------
    LearningError
        ``torch-missing`` if the job needs torch and this copy has none; ``pack-gave-up`` if the pack chosen in the
        settings cannot be loaded: it is switched off, and the next job takes the one that came with the program.
    """
    module_name, function_name = JOBS[job.kind].split(":")
    # read when OpenMP is first loaded: threads that wait sleep instead of spinning on cores that others need
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if module_name.startswith("models."):
        enable()
    try:
        module = importlib.import_module(module_name)
    except (ImportError, OSError) as error:
        from models.torchpack_choice import gave_up

        if gave_up(error):
            raise LearningError("pack-gave-up") from error
        if isinstance(error, ModuleNotFoundError) and error.name in {"torch", "monai", "safetensors"}:
            raise LearningError("torch-missing") from error
        raise
    function: Callable[..., Events] = getattr(module, function_name)
    return function(**job.arguments, should_stop=should_stop)


class _Listener:
    """Hears what the window asks; a closed pipe means that the window is gone: cancel.

    An import stops instead: nobody called off what came in so far, and cancelling takes it away again. A training
    pauses: it can go on in the next window.
    While the job's program is loaded (torch takes seconds) there is nothing to keep yet: the child ends at once.
    """

    def __init__(self, connection: Connection, kind: str) -> None:
        self._connection, self._kind = connection, kind
        self._loading, self._lock = False, threading.Lock()
        self._at_loss = {"import": "stop", "train": "pause"}.get(kind, "cancel")
        self._word = ""
        self._thread = threading.Thread(target=self._listen, name="job-listener", daemon=True)
        self._thread.start()

    def should_stop(self) -> str:
        return self._word

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Say that nothing is sent or begun within the block.

        Raises
        ------
        Cancelled
            If the word came before.
        """
        with self._lock:
            if self._ends_it():
                raise Cancelled
            self._loading = True
        try:
            yield
        finally:
            with self._lock:
                self._loading = False

    def _ends_it(self) -> bool:
        """Whether the word means that a job that has not begun need not begin."""
        return self._word == "cancel" or (self._word != "" and self._kind == "train")

    def _end_if_loading(self) -> None:
        with self._lock:
            if self._loading and self._ends_it():
                self._connection.send(WasCancelled())
                # the other thread is in the middle of an import: it cannot be asked to end
                os._exit(0)

    def _listen(self) -> None:
        while True:
            try:
                word = self._connection.recv()
            except (EOFError, OSError):
                if _STRENGTH[self._at_loss] >= _STRENGTH[self._word]:
                    self._word = self._at_loss
                return
            if word in WORDS and _STRENGTH[word] >= _STRENGTH[self._word]:
                self._word = word
            self._end_if_loading()
            if word == "cancel":
                return


class _Sender:
    """Sends events, progress thinned out; a window that is gone does not stop the clean-up."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last = 0.0
        self._stage = ""

    def send(self, event: JobEvent) -> None:
        if isinstance(event, Progress):
            now = time.monotonic()
            unchanged = event.stage == self._stage and event.done != event.total
            if unchanged and now - self._last < PROGRESS_SECONDS:
                return
            self._last, self._stage = now, event.stage
        try:
            self._connection.send(event)
        except (BrokenPipeError, ConnectionResetError):
            return


def run_job(connection: Connection, job: Job) -> None:
    """Run a job to its end; the target of ``multiprocessing.get_context("spawn").Process``.

    Every event goes through the pipe; the last one is ``Finished``, ``Failed`` or
    ``WasCancelled``. A child that dies without one was killed or crashed: the supervisor
    sees the process sentinel.

    Parameters
    ----------
    connection
        One end of a duplex pipe; the other end may send a word of :data:`WORDS`.
    job
        What to do.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the window's to handle
    _be_humble()
    sender = _Sender(connection)
    listener = _Listener(connection, job.kind)
    # before anything heavy is loaded: the window shows at once that it has begun
    sender.send(Progress(0, 0, "starting"))
    sender.send(_run_to_end(job, listener, sender.send))
    _leave()


def _leave() -> None:
    """End the process at once: taking torch apart takes 1.4 s, and the window waits for the child to be gone.

    By now all files are closed and all children of the job have ended, for its generator is at its end.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.flush()
    os._exit(0)


def _run_to_end(job: Job, listener: _Listener, send: Callable[[JobEvent], None]) -> JobEvent:
    """Run the generator, pass its events on, and return how it ended."""
    last: JobEvent = Finished()
    try:
        with listener.loading():
            events = events_of(job, listener.should_stop)
        for event in events:
            if isinstance(event, Finished):
                last = event
            else:
                send(event)
    except Cancelled:
        return WasCancelled()
    except MeninxError as error:
        return Failed(error, trace_of(error))
    except MemoryError as error:
        return Failed(LearningError("memory-short"), trace_of(error))
    except Exception as error:  # noqa: BLE001 - the boundary of the process: the window must hear of it
        return Failed(MeninxError("job-crashed", reason=type(error).__name__), trace_of(error))
    if listener.should_stop() == "cancel":
        return WasCancelled()
    return last


def _be_humble() -> None:
    """Give way to the window: lower priority, one core left free."""
    give_way(_PRIORITY)
    threads = str(max(1, (os.cpu_count() or 1) - 1))
    # read by OpenMP, and so by torch and numpy, when they are first loaded in this child
    os.environ.setdefault("OMP_NUM_THREADS", threads)
