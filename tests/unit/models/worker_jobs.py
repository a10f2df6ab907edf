"""Jobs that the tests of the worker run in a child."""

from __future__ import annotations

import os
import signal
import time
from multiprocessing.connection import Connection

from core.errors import Cancelled, InputError
from core.events import Events, Finished, Progress, StopCheck
from models import worker


def child_entry(connection: Connection, job: worker.Job) -> None:
    """Top of the spawned child: the real entry, with the jobs below added."""
    for kind in ("count", "hold", "broken", "greedy", "crash", "sentence"):
        worker.JOBS[kind] = f"{__name__}:{kind}"
    worker.run_job(connection, job)


def count(steps: int, should_stop: StopCheck) -> Events:
    for done in range(steps + 1):
        yield Progress(done, steps, "training")
    yield Finished({"steps": steps})


def hold(should_stop: StopCheck) -> Events:
    yield Progress(0, 0, "training")
    while not should_stop():
        time.sleep(0.01)
    if should_stop() == "cancel":
        raise Cancelled
    yield Finished({"word": should_stop()})


def broken(should_stop: StopCheck) -> Events:
    yield Progress(0, 1, "training")
    yield Finished({"never": 1 // int(should_stop() != "")})


def greedy(should_stop: StopCheck) -> Events:
    yield Progress(0, 1, "training")
    raise MemoryError


def sentence(file: str, should_stop: StopCheck) -> Events:
    yield Progress(0, 1, "training")
    raise InputError("file-missing", file=file)


def crash(should_stop: StopCheck) -> Events:
    yield Progress(0, 1, "training")
    os.kill(os.getpid(), signal.SIGKILL)
