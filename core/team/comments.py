"""Comments: what readers and reviewers say to each other about a scan, or about one slice of it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from core.errors import InputError
from core.ids import new_id
from core.project import audit
from core.project.project import Project
from core.project.records import utc_now
from core.team.scans import check_scans

LONGEST = 2000
_WHOLE = -1
_COLUMNS = "id, scan, slice, reader, words, at, answers, settled"


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody said.

    Parameters
    ----------
    id, scan
        Its ULID, and the scan's.
    slice
        Native slice (from 0) that it is pinned to, or None.
    reader, words, at
        Who said what, when (UTC).
    answers
        Id of the comment that it answers, or empty.
    settled
        When somebody said that it is dealt with (UTC), or empty.
    """

    id: str
    scan: str
    slice: int | None
    reader: str
    words: str
    at: str
    answers: str = ""
    settled: str = ""


def check_words(words: str) -> None:
    """Refuse what nobody can read; ``InputError`` ``words-bad``."""
    if not words.strip() or len(words) > LONGEST or not words.replace("\n", " ").isprintable():
        raise InputError("words-bad", most=LONGEST)


def add(
    project: Project, scan: str, words: str, *, reader: str, slice: int | None = None, answers: str = ""
) -> Comment:
    """Say something about a scan.

    Raises
    ------
    InputError
        ``scan-unknown``; ``words-bad`` if there are none or too many; ``comment-slice`` if the scan has
        no such slice; ``comment-unknown`` if there is no such comment on it to answer.
    ProjectError, StorageError
        As :meth:`core.project.store.Store.transaction`.
    """
    check_words(words)
    with project.store.transaction() as connection:
        check_scans(connection, [scan])
        return insert(connection, scan, words.strip(), reader=reader, slice=slice, answers=answers)


def insert(
    connection: sqlite3.Connection, scan: str, words: str, *, reader: str, slice: int | None = None, answers: str = ""
) -> Comment:
    """Say something inside the caller's transaction: see :func:`add`."""
    depth = int(connection.execute("SELECT depth FROM scan WHERE id = ?", (scan,)).fetchone()[0])
    if slice is not None and not 0 <= slice < depth:
        raise InputError("comment-slice", slice=slice + 1, slices=depth)
    if answers:
        answered = "SELECT 1 FROM comment WHERE id = ? AND scan = ?"
        if connection.execute(answered, (answers, scan)).fetchone() is None:
            raise InputError("comment-unknown", id=answers)
    made = Comment(new_id(), scan, slice, reader, words, utc_now(), answers)
    connection.execute(
        f"INSERT INTO comment ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, '')",
        (made.id, scan, _WHOLE if slice is None else slice, reader, words, made.at, answers),
    )
    facts = {"scan": scan, "comment": made.id, "slice": slice, "words": words}
    audit.append(connection, reader, "comment", facts, touched=[("comment", made.id)])
    return made


def settle(project: Project, comment: str, *, reader: str, settled: bool = True) -> None:
    """Say that a comment is dealt with, or that it is not after all.

    Raises
    ------
    InputError
        ``comment-unknown``.
    """
    with project.store.transaction() as connection:
        row = connection.execute("SELECT scan, settled FROM comment WHERE id = ?", (comment,)).fetchone()
        if row is None:
            raise InputError("comment-unknown", id=comment)
        if bool(row[1]) == settled:
            return
        connection.execute("UPDATE comment SET settled = ? WHERE id = ?", (utc_now() if settled else "", comment))
        facts = {"scan": row[0], "comment": comment, "settled": settled}
        audit.append(connection, reader, "comment-settled", facts, touched=[("comment", comment)])


def of_scan(project: Project, scan: str) -> list[Comment]:
    """Return the comments on a scan, oldest first."""
    rows = project.store.rows(f"SELECT {_COLUMNS} FROM comment WHERE scan = ? ORDER BY at, id", scan)
    return [_read(row) for row in rows]


def every(project: Project) -> list[Comment]:
    """Return all comments of the project, by scan in the order shown, oldest first."""
    names = ", ".join(f"c.{name.strip()}" for name in _COLUMNS.split(","))
    rows = project.store.rows(
        f"SELECT {names} FROM comment c JOIN scan s ON s.id = c.scan ORDER BY s.number, c.at, c.id"
    )
    return [_read(row) for row in rows]


def open_counts(project: Project) -> dict[str, int]:
    """Return by scan id how many comments nobody has settled; scans without are left out."""
    rows = project.store.rows("SELECT scan, count(*) FROM comment WHERE settled = '' GROUP BY scan")
    return {str(scan): int(count) for scan, count in rows}


def _read(row: sqlite3.Row) -> Comment:
    id, scan, place, reader, words, at, answers, settled = row
    return Comment(id, scan, None if place == _WHOLE else int(place), reader, words, at, answers, settled)
