"""Tags: short words that anybody hangs on scans to find them again."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import InputError
from core.project import audit
from core.project.project import Project
from core.team.scans import check_scans

LONGEST = 40


def tag(project: Project, scans: Sequence[str], name: str, *, by: str, on: bool = True) -> int:
    """Hang a tag on scans, or take it off; return on how many something changed.

    A tag that is there in another case (``MS``, ``ms``) is the same tag.

    Raises
    ------
    InputError
        ``tag-bad``, ``scan-unknown``.
    ProjectError, StorageError
        As :meth:`core.project.store.Store.transaction`.
    """
    name = " ".join(name.split()) if name.isprintable() else ""
    if not name or len(name) > LONGEST:
        raise InputError("tag-bad", most=LONGEST)
    changed = 0
    with project.store.transaction() as connection:
        check_scans(connection, scans)
        known = [str(row[0]) for row in connection.execute("SELECT DISTINCT name FROM tag")]
        name = next((one for one in known if one.casefold() == name.casefold()), name)
        sql = (
            "INSERT OR IGNORE INTO tag (scan, name) VALUES (?, ?)"
            if on
            else "DELETE FROM tag WHERE scan = ? AND name = ?"
        )
        for scan in dict.fromkeys(scans):
            if connection.execute(sql, (scan, name)).rowcount:
                changed += 1
                facts = {"scan": scan, "tag": name, "on": on}
                audit.append(connection, by, "tag", facts, touched=[("tag", f"{scan}/{name}")])
    return changed


def tags(project: Project) -> dict[str, int]:
    """Return all tags by name, each with the number of scans that have it."""
    rows = project.store.rows("SELECT name, count(*) FROM tag GROUP BY name ORDER BY name COLLATE NOCASE")
    return {str(name): int(count) for name, count in rows}


def tags_of(project: Project, scan: str) -> tuple[str, ...]:
    """Return the tags of a scan, by name."""
    rows = project.store.rows("SELECT name FROM tag WHERE scan = ? ORDER BY name COLLATE NOCASE", scan)
    return tuple(str(row[0]) for row in rows)
