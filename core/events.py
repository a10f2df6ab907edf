"""What a job says while it runs: one vocabulary for window, command line and tests.

A job is a generator of these. It runs in a child process under the window, and
in-process under the command line and in tests. All are frozen and picklable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from core.errors import MeninxError


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Base of all events."""


@dataclass(frozen=True, slots=True)
class Progress(JobEvent):
    """How far a job is.

    Parameters
    ----------
    done, total
        Steps done and in all; ``total`` 0 while it is not known.
    stage
        Key of a string below ``[stages]`` in the catalogue.
    rate
        Steps per second, 0 while unknown.
    seconds_left
        Estimate, negative while unknown.
    detail
        A fact to show beside it, such as a scan's display name.
    """

    done: int
    total: int
    stage: str
    rate: float = 0.0
    seconds_left: float = -1.0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Skipped(JobEvent):
    """One input was passed over; the job goes on."""

    source: str
    error: MeninxError


@dataclass(frozen=True, slots=True)
class Notice(JobEvent):
    """Something the person should know; ``key`` is below ``[notices]``."""

    key: str
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScanReady(JobEvent):
    """A scan was added to the project, or its prediction was stored."""

    scan: str


@dataclass(frozen=True, slots=True)
class Finished(JobEvent):
    """The job is done; ``result`` is plain data (str, numbers, lists, dicts)."""

    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed(JobEvent):
    """The job ended with an error. Sent by the runner, not by the generator."""

    error: MeninxError
    trace: str = ""


@dataclass(frozen=True, slots=True)
class WasCancelled(JobEvent):
    """The job ended because it was asked to."""


Events: TypeAlias = Iterator[JobEvent]
"""A job."""

StopCheck: TypeAlias = Callable[[], str]
"""Asked between steps: ``""`` go on, ``"stop"`` finish and keep the best,
``"pause"`` save what resumes and end, ``"cancel"`` end at once."""


def never_stop() -> str:
    """Stop check of a job that nobody can stop (tests, short jobs)."""
    return ""
