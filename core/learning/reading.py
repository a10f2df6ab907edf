"""Reading scan after scan for a training: it says how far it is, and gives up as soon as anybody asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import Cancelled
from core.events import JobEvent, Notice, Progress, StopCheck
from core.learning.config import TrainingConfig
from core.learning.prepare import Preparer
from core.learning.split import Part, assigned_parts
from core.project.records import Scan

AT_ONCE = 16
"""Slices prepared between two looks at whether to stop: a tenth of a second, also with slow steps."""


class Read(Protocol):
    """What is read: something of one scan."""

    @property
    def scan(self) -> Scan:
        """The scan."""


S = TypeVar("S", bound=Read)
P = TypeVar("P")


def go_on(should_stop: StopCheck) -> None:
    """Ask whether to stop while nothing is learnt that could be kept.

    Raises
    ------
    Cancelled
        On any word.
    """
    if should_stop():
        raise Cancelled


def only_assigned(sources: Sequence[S], config: TrainingConfig) -> Generator[JobEvent, None, list[S]]:
    """Return whom the settings name, or everybody where they name nobody to train; says how many are left out."""
    assigned = assigned_parts(config.assigned)
    if Part.TRAIN not in assigned.values():
        return list(sources)
    # who is named in no part is left out: there is no need to read them
    named = [source for source in sources if source.scan.patient in assigned]
    if len(named) < len(sources):
        yield Notice("training-left-out", {"count": len(sources) - len(named)})
    return named


def read_each(
    sources: Sequence[S], read: Callable[[S], P], stage: str, should_stop: StopCheck
) -> Generator[JobEvent, None, list[P]]:
    """Read one scan after the other; yields progress, returns what ``read`` made of each.

    Raises
    ------
    Cancelled
        If asked to stop.
    """
    found: list[P] = []
    started = time.monotonic()
    for number, source in enumerate(sources):
        go_on(should_stop)
        elapsed = time.monotonic() - started
        left = elapsed / number * (len(sources) - number) if number else -1.0
        rate = number / elapsed if number else 0.0
        yield Progress(number, len(sources), stage, rate, left, source.scan.name)
        found.append(read(source))
    yield Progress(len(sources), len(sources), stage)
    return found


def prepared(preparer: Preparer, indices: Sequence[int], should_stop: StopCheck) -> NDArray[np.float16]:
    """Prepare native slices as :meth:`core.learning.prepare.Preparer.slices` does, a few at a time.

    Raises
    ------
    Cancelled
        If asked to stop.
    """
    pieces = []
    for start in range(0, len(indices), AT_ONCE):
        go_on(should_stop)
        pieces.append(preparer.slices(indices[start : start + AT_ONCE]))
    return joined(pieces) if pieces else preparer.slices(())


A = TypeVar("A", bound=np.generic)


def joined(pieces: list[NDArray[A]]) -> NDArray[A]:
    """Lay arrays ``[n_i, ...]`` behind one another; the list is emptied, so that one copy stays in memory."""
    whole = np.empty((sum(map(len, pieces)), *pieces[0].shape[1:]), dtype=pieces[0].dtype)
    row = 0
    pieces.reverse()
    while pieces:
        piece = pieces.pop()
        whole[row : row + len(piece)] = piece
        row += len(piece)
    return whole
