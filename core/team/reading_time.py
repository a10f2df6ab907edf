"""Time spent on a scan by a reader; time in which nothing was done is not counted."""

from __future__ import annotations

import time
from collections.abc import Callable

from core.errors import InputError
from core.project.project import Project
from core.project.records import utc_now

IDLE = 60.0
"""Seconds without a hand on mouse or keyboard, after which somebody is taken to be away."""
MOST = 24 * 3600.0
"""More than this is not believed of one sitting."""


class ReadingClock:
    """Adds up the time between things done, as long as they follow each other.

    A gap longer than ``idle`` counts nothing: whoever looked at something that long without
    moving the mouse cannot be told from one who went for coffee.

    Parameters
    ----------
    idle
        Seconds.
    clock
        Never goes backwards; the time of day would.
    """

    def __init__(self, idle: float = IDLE, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle = idle
        self._clock = clock
        self._last: float | None = None
        self.seconds = 0.0

    def act(self) -> None:
        """Note that the reader did something: key, mouse or wheel."""
        now = self._clock()
        if self._last is not None:
            gap = now - self._last
            if 0.0 < gap <= self._idle:
                self.seconds += gap
        self._last = now

    def pause(self) -> None:
        """Note that the reader turned to something else: the gap until the next act counts nothing."""
        self._last = None


def keep(project: Project, session: str, scan: str, reader: str, seconds: float) -> None:
    """Write down the time of one sitting so far; said again it grows, never shrinks.

    It is not told in the audit each time: the time is no statement about the scan.

    Parameters
    ----------
    session
        ULID of the sitting, one for each time that a scan is opened.
    seconds
        Since it was opened.

    Raises
    ------
    InputError
        ``time-bad`` for what no sitting can take.
    ProjectError, StorageError
        As :meth:`core.project.store.Store.transaction`.
    """
    if not 0.0 <= seconds <= MOST:
        raise InputError("time-bad", seconds=seconds)
    with project.store.transaction() as connection:
        connection.execute(
            "INSERT INTO reading_time (id, scan, reader, began, seconds) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET seconds = max(seconds, excluded.seconds)",
            (session, scan, reader, utc_now(), round(seconds, 3)),
        )


def seconds_of(project: Project, scan: str = "", reader: str = "") -> dict[tuple[str, str], float]:
    """Return seconds by scan id and reader; of one scan or one reader where given."""
    rows = project.store.rows(
        "SELECT scan, reader, sum(seconds) FROM reading_time WHERE (? = '' OR scan = ?) AND (? = '' OR reader = ?) "
        "GROUP BY scan, reader",
        scan,
        scan,
        reader,
        reader,
    )
    return {(str(row[0]), str(row[1])): float(row[2]) for row in rows}
