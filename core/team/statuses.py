"""Where a scan stands, and which moves there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import InputError
from core.project import audit
from core.project.project import Project
from core.project.records import ScanStatus
from core.team import comments
from core.team.scans import check_scans

MOVES: Mapping[ScanStatus, tuple[ScanStatus, ...]] = {
    ScanStatus.TO_DO: (ScanStatus.IN_PROGRESS, ScanStatus.DONE, ScanStatus.SKIPPED),
    ScanStatus.IN_PROGRESS: (ScanStatus.TO_DO, ScanStatus.DONE, ScanStatus.SKIPPED),
    ScanStatus.DONE: (ScanStatus.IN_PROGRESS, ScanStatus.IN_REVIEW, ScanStatus.APPROVED, ScanStatus.RETURNED),
    ScanStatus.IN_REVIEW: (ScanStatus.DONE, ScanStatus.APPROVED, ScanStatus.RETURNED),
    ScanStatus.RETURNED: (ScanStatus.IN_PROGRESS, ScanStatus.DONE, ScanStatus.SKIPPED),
    ScanStatus.APPROVED: (ScanStatus.IN_REVIEW, ScanStatus.RETURNED),
    ScanStatus.SKIPPED: (ScanStatus.TO_DO, ScanStatus.IN_PROGRESS),
}
"""From each status to those that may follow. Approved work is never simply done again: it is looked at, or returned."""
NEEDS_WORDS = frozenset({ScanStatus.RETURNED, ScanStatus.SKIPPED})
"""Moves that must be explained."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What came of a move of several scans.

    Parameters
    ----------
    done
        Ids of the scans that moved.
    refused
        Ids and statuses of those that may not move there from where they stand.
    """

    done: tuple[str, ...]
    refused: tuple[tuple[str, ScanStatus], ...] = ()


def may_move(before: ScanStatus, after: ScanStatus) -> bool:
    """Whether a scan that stands at one status may be given another."""
    return after in MOVES[before]


def move(
    project: Project,
    scans: Sequence[str],
    to: ScanStatus,
    *,
    reader: str,
    words: str = "",
    slice: int | None = None,
) -> Moved:
    """Give scans another status: all of those that may have it, in one transaction.

    Parameters
    ----------
    scans
        Ids. A scan that has the status already is passed over.
    to
        The status.
    reader
        Who says so.
    words
        Why, for :data:`NEEDS_WORDS`; those of a scan that is returned become a comment on it.
    slice
        Native slice (from 0) that the comment is pinned to.

    Raises
    ------
    InputError
        ``status-words`` where words are missing; ``status-move`` for a single scan that may not move
        there; ``scan-unknown``, ``comment-slice``, ``words-bad``.
    ProjectError, StorageError
        As :meth:`core.project.store.Store.transaction`.
    """
    words = words.strip()
    if to in NEEDS_WORDS and not words:
        raise InputError("status-words", status=to.value.replace("_", " "))
    if words:
        comments.check_words(words)
    done, refused = [], []
    with project.store.transaction() as connection:
        check_scans(connection, scans)
        for scan in dict.fromkeys(scans):
            before = ScanStatus(connection.execute("SELECT status FROM scan WHERE id = ?", (scan,)).fetchone()[0])
            if before is to:
                continue
            if not may_move(before, to):
                refused.append((scan, before))
                continue
            reason = words if to in NEEDS_WORDS else ""
            connection.execute("UPDATE scan SET status = ?, reason = ? WHERE id = ?", (to.value, reason, scan))
            facts = {"scan": scan, "before": before.value, "after": to.value} | ({"words": reason} if reason else {})
            audit.append(connection, reader, "status", facts, touched=[("status", scan)])
            if to is ScanStatus.RETURNED or (words and to not in NEEDS_WORDS):
                comments.insert(connection, scan, words, reader=reader, slice=slice)
            done.append(scan)
    if refused and not done and len(scans) == 1:
        name = project.scan(scans[0]).name
        raise InputError("status-move", scan=name, before=_words(refused[0][1]), after=_words(to))
    return Moved(tuple(done), tuple(refused))


def reason(project: Project, scan: str) -> str:
    """Return why a scan was skipped or returned; empty where it was neither."""
    row = project.store.row("SELECT reason FROM scan WHERE id = ?", scan)
    return "" if row is None else str(row["reason"])


def _words(status: ScanStatus) -> str:
    return status.value.replace("_", " ")
