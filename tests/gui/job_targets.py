"""Children for the supervisor's tests: plain functions that a spawned process can import (no Qt)."""

from __future__ import annotations

import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

from core.errors import LearningError
from core.events import Failed, Finished, Notice, Progress, WasCancelled
from models.worker import Job


def count(connection: Connection, job: Job) -> None:
    """Say numbers in order, then finish."""
    total = int(job.arguments.get("total", 5))
    for number in range(total):
        connection.send(Notice("number", {"value": number}))
    connection.send(Finished({"total": total, "pid": os.getpid()}))


def chatter(connection: Connection, job: Job) -> None:
    """Send far more progress than a window can use."""
    for number in range(2000):
        connection.send(Progress(number + 1, 2000, "batches"))
    connection.send(Finished())


def fail(connection: Connection, job: Job) -> None:
    """Fail in words."""
    connection.send(Failed(LearningError("memory-short"), "trace"))


def leave(connection: Connection, job: Job) -> None:
    """Die without a word."""
    connection.send(Notice("number", {"value": 1}))
    time.sleep(0.2)
    os._exit(7)


def be_killed(connection: Connection, job: Job) -> None:
    """Die as from the system's memory killer."""
    os.kill(os.getpid(), signal.SIGKILL)


def crash(connection: Connection, job: Job) -> None:
    """Die of a fault in a library."""
    os.kill(os.getpid(), signal.SIGSEGV)


def obey(connection: Connection, job: Job) -> None:
    """Do what is asked and say which word came."""
    connection.send(Notice("ready"))
    try:
        word = connection.recv()
    except EOFError:
        Path(job.arguments["file"]).write_text("parent gone", encoding="utf-8")
        return
    connection.send(WasCancelled() if word == "cancel" else Finished({"word": word}))


def be_deaf(connection: Connection, job: Job) -> None:
    """Hear nothing."""
    connection.send(Notice("ready", {"pid": os.getpid()}))
    time.sleep(120)


def freeze_mid_message(connection: Connection, job: Job) -> None:
    """Promise a long message, send half of it, hang."""
    connection.send(Notice("ready", {"pid": os.getpid()}))
    os.write(connection.fileno(), (1_000_000).to_bytes(4, "big") + b"half")
    time.sleep(120)


def linger(connection: Connection, job: Job) -> None:
    """Say the last word and not go."""
    connection.send(Finished({"pid": os.getpid()}))
    time.sleep(120)


def note_words(connection: Connection, job: Job) -> None:
    """Take a slow step and write down every word that came meanwhile."""
    connection.send(Notice("ready"))
    words, end = [connection.recv()], time.monotonic() + 1.0
    while connection.poll(max(0.0, end - time.monotonic())):
        words.append(connection.recv())
    Path(job.arguments["file"]).write_text(" ".join(words), encoding="utf-8")
    connection.send(Finished())
