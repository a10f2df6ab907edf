"""Who is to read which scan, and who must not see whose masks yet."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import InputError
from core.project import audit
from core.project.project import Project
from core.project.records import Annotation, utc_now
from core.team.readers import check_name, person
from core.team.scans import check_scans

ROLES = ("reader", "second", "adjudicator")
_COLUMNS = "scan, reader, role, blind, done, given_by, at"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A scan that somebody is to read.

    Parameters
    ----------
    scan, reader
        Id, and name.
    role
        One of :data:`ROLES`.
    blind
        He and the other blind readers do not see each other's masks until all of them are done.
    done
        When he said that he is done (UTC), or empty.
    by, at
        Who gave it to him, and when.
    """

    scan: str
    reader: str
    role: str
    blind: bool
    done: str
    by: str
    at: str


def assign(
    project: Project, scans: Sequence[str], reader: str, *, by: str, role: str = "reader", blind: bool = False
) -> int:
    """Give scans to a reader; return how many he did not have in that way before.

    Raises
    ------
    InputError
        ``reader-name``, ``role-bad``, ``scan-unknown``.
    ProjectError, StorageError
        As :meth:`core.project.store.Store.transaction`.
    """
    reader = check_name(reader)
    if role not in ROLES or (blind and role == "adjudicator"):
        raise InputError("role-bad", role=role, known=", ".join(ROLES))
    changed = 0
    with project.store.transaction() as connection:
        check_scans(connection, scans)
        for scan in dict.fromkeys(scans):
            old = connection.execute(
                "SELECT role, blind FROM assignment WHERE scan = ? AND reader = ?", (scan, reader)
            ).fetchone()
            if old is not None and (old[0], bool(old[1])) == (role, blind):
                continue
            connection.execute(
                f"INSERT INTO assignment ({_COLUMNS}) VALUES (?, ?, ?, ?, '', ?, ?) ON CONFLICT (scan, reader) "
                "DO UPDATE SET role = excluded.role, blind = excluded.blind, given_by = excluded.given_by, "
                "at = excluded.at",
                (scan, reader, role, int(blind), by, utc_now()),
            )
            facts = {"scan": scan, "reader": reader, "role": role, "blind": blind}
            audit.append(connection, by, "assign", facts, touched=[_key(scan, reader)])
            changed += 1
    return changed


def unassign(project: Project, scans: Sequence[str], reader: str, *, by: str) -> int:
    """Take scans away from a reader; return how many he had. What he drew stays."""
    changed = 0
    with project.store.transaction() as connection:
        for scan in dict.fromkeys(scans):
            sql = "DELETE FROM assignment WHERE scan = ? AND reader = ?"
            if connection.execute(sql, (scan, reader)).rowcount:
                facts = {"scan": scan, "reader": reader}
                audit.append(connection, by, "unassign", facts, touched=[_key(scan, reader)])
                changed += 1
    return changed


def two_readers(project: Project, scans: Sequence[str], first: str, second: str, *, by: str) -> None:
    """Give scans to two readers, blind to each other.

    Raises
    ------
    InputError
        ``readers-same`` if they are one person; else as :func:`assign`.
    """
    first, second = check_name(first), check_name(second)
    if first.casefold() == second.casefold():
        raise InputError("readers-same", name=first)
    with project.store.transaction():
        assign(project, scans, first, by=by, role="reader", blind=True)
        assign(project, scans, second, by=by, role="second", blind=True)


def finish_reading(project: Project, scan: str, reader: str, done: bool = True) -> None:
    """Say for a reader that his reading of a scan is done, or that it is not after all.

    Raises
    ------
    InputError
        ``assignment-none`` if the scan is not his; ``blind-over`` if he takes it back after the
        others' masks were to be seen.
    """
    with project.store.transaction() as connection:
        row = connection.execute(
            "SELECT blind, done FROM assignment WHERE scan = ? AND reader = ?", (scan, reader)
        ).fetchone()
        if row is None:
            raise InputError("assignment-none", name=reader, scan=project.scan(scan).name)
        if bool(row[1]) == done:
            return
        if not done and row[0] and not _blind(_of_scan(connection, scan)):
            raise InputError("blind-over", scan=project.scan(scan).name)
        at = utc_now() if done else ""
        connection.execute("UPDATE assignment SET done = ? WHERE scan = ? AND reader = ?", (at, scan, reader))
        facts = {"scan": scan, "reader": reader, "done": done}
        audit.append(connection, reader, "reading-done", facts, touched=[_key(scan, reader)])


def assignments(project: Project, scan: str = "", reader: str = "") -> list[Assignment]:
    """Return who is to read what, by scan in the order shown; of one scan or one reader where given."""
    names = ", ".join(f"a.{name.strip()}" for name in _COLUMNS.split(","))
    rows = project.store.rows(
        f"SELECT {names} FROM assignment a JOIN scan s ON s.id = a.scan WHERE (? = '' OR a.scan = ?) "
        "AND (? = '' OR a.reader = ?) ORDER BY s.number, a.role, a.at, a.reader",
        scan,
        scan,
        reader,
        reader,
    )
    return [_read(row) for row in rows]


def still_blind(project: Project, scan: str) -> bool:
    """Whether somebody who reads a scan blind is not done."""
    return _blind(assignments(project, scan))


def blind_scans(project: Project) -> frozenset[str]:
    """Return the ids of the scans that somebody reads blind and is not done with."""
    rows = project.store.rows("SELECT DISTINCT scan FROM assignment WHERE blind = 1 AND done = ''")
    return frozenset(str(row[0]) for row in rows)


def hidden_readers(project: Project, scan: str, viewer: str) -> frozenset[str]:
    """Return the readers of a scan whose masks somebody must not see yet.

    While blind readings go on, the masks of each blind reader are seen by himself alone, whoever
    else asks: another name is taken too easily.
    """
    given = assignments(project, scan)
    if not _blind(given):
        return frozenset()
    mine = person(viewer)
    blind = {one.reader for one in given if one.blind}
    there = {one.reader for one in project.annotations(scan)} | blind
    # what a merge kept beside a reading is that reader's too; and to a blind reader nobody's masks
    # are shown: a third reader's would tell as much
    return frozenset(one for one in there if person(one) != mine and (mine in blind or person(one) in blind))


def visible(project: Project, scan: str, viewer: str) -> list[Annotation]:
    """Return the annotations of a scan that somebody may see, oldest first."""
    hidden = hidden_readers(project, scan, viewer)
    return [one for one in project.annotations(scan) if one.reader not in hidden]


def _of_scan(connection: sqlite3.Connection, scan: str) -> list[Assignment]:
    return [_read(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM assignment WHERE scan = ?", (scan,))]


def _blind(given: Sequence[Assignment]) -> bool:
    return any(one.blind and not one.done for one in given)


def _key(scan: str, reader: str) -> tuple[str, str]:
    return "assignment", f"{scan}/{reader}"


def _read(row: sqlite3.Row) -> Assignment:
    scan, reader, role, blind, done, by, at = row
    return Assignment(scan, reader, role, bool(blind), done, by, at)
