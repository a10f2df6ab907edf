"""Prediction on several processes: ``torchrun`` starts them, each takes its share, the first one tells of all.

No torch is needed: shares follow from the environment, and what each process did is put together
through small files in a folder that all of them see.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from core.errors import InputError, LearningError, MeninxError, ProjectError, StorageError
from core.events import JobEvent, Progress, Skipped, StopCheck
from core.io import atomic

Item = TypeVar("Item")
_LOOK_EVERY = 0.2
_LATE = 120.0
"""What lies there from before this process began, by more seconds than clocks and starts differ, is not of today."""


def place() -> tuple[int, int]:
    """Return (number of this process, processes) as ``torchrun`` set them; (0, 1) without it."""
    try:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    except (KeyError, ValueError):
        return 0, 1
    return (rank, size) if 0 <= rank < size else (0, 1)


def leading() -> bool:
    """Whether this is the first process, which speaks for all."""
    return place()[0] == 0


def hush_others() -> None:
    """Let only the first process write to standard output: one answer, however many compute it."""
    if not leading():
        # open until the process ends, as standard output is
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def share(items: Sequence[Item]) -> list[Item]:
    """Return this process's part of the items: every one belongs to exactly one process."""
    rank, size = place()
    return list(items[rank::size])


class Shards:
    """What the processes of one job tell one another.

    Parameters
    ----------
    folder
        A folder that all of them can write to; a hidden folder is made in it for the time of the job.
    what
        Word that tells this job from others in that folder.

    Attributes
    ----------
    others
        In the first process, once :meth:`gather` is through: what the others did.
    """

    def __init__(self, folder: Path, what: str) -> None:
        self.rank, self.size = place()
        words = (os.environ.get(name, "") for name in ("TORCHELASTIC_RUN_ID", "MASTER_PORT"))
        key = "-".join(word for word in words if word) or "job"
        safe = "".join(letter if letter.isalnum() or letter == "-" else "_" for letter in key)[:60]
        self._folder = folder / f".{what}-{safe}"
        self._began = time.time()
        self.others: list[dict[str, Any]] = []

    def tell(self, facts: Mapping[str, Any], skipped: Sequence[Skipped]) -> None:
        """Say what this process did: plain facts, and what it passed over."""
        if self.size == 1 or self.rank == 0:
            return
        passed = [[event.source, type(event.error).__name__, event.error.code, event.error.fields] for event in skipped]
        atomic.make_folder(self._folder)
        atomic.write_bytes(self._file(self.rank), json.dumps({"facts": dict(facts), "skipped": passed}).encode())

    def gather(self, should_stop: StopCheck) -> Iterator[JobEvent]:
        """Wait for the others; yields progress, and what they passed over. Their facts are in :attr:`others`.

        Only the first process waits. A process that dies takes all of them with it: ``torchrun`` sees to that.
        """
        if self.rank:
            return
        for rank in range(1, self.size):
            while not self._there(rank):
                if should_stop() == "cancel":
                    return
                yield Progress(rank, self.size, "gathering")
                time.sleep(_LOOK_EVERY)
            told = json.loads(self._file(rank).read_text("utf-8"))
            self.others.append(told["facts"])
            yield from (Skipped(source, _error(kind, code, fields)) for source, kind, code, fields in told["skipped"])
        if self.size > 1:
            with suppress(OSError):
                shutil.rmtree(self._folder)

    def _file(self, rank: int) -> Path:
        return self._folder / f"{rank}.json"

    def _there(self, rank: int) -> bool:
        try:
            return self._file(rank).stat().st_mtime >= self._began - _LATE
        except OSError:
            return False


_KINDS = {kind.__name__: kind for kind in (InputError, LearningError, ProjectError, StorageError)}


def _error(kind: str, code: str, fields: Mapping[str, Any]) -> MeninxError:
    """Return the error that another process met."""
    return _KINDS.get(kind, LearningError)(code, **fields)
