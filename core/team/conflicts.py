"""What two copies of a project had both changed: what counts now, and what was kept beside it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import InputError
from core.messages import text
from core.project import audit
from core.project.project import Project
from core.project.records import utc_now

KINDS = ("reading", "masks", "status", "label", "label-back", "same-scan", "said")
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True, slots=True)
class Conflict:
    """One of them.

    Parameters
    ----------
    id
        The same in every copy.
    at
        When the merge found it (UTC).
    kind
        One of :data:`KINDS`: two readings under one name; masks of one reading drawn on in both copies; another
        status, label or value; a label that was removed and is drawn with; one scan taken in twice.
    scan
        Id, or empty.
    facts
        What counts and what was kept beside it, as the sentence names them.
    settled
        When somebody said that it is dealt with (UTC), or empty.
    """

    id: str
    at: str
    kind: str
    scan: str
    facts: Mapping[str, Any]
    settled: str

    @property
    def words(self) -> str:
        """One sentence."""
        return text(f"team.conflict_{self.kind.replace('-', '_')}", **self.facts)


def derived_id(*parts: str) -> str:
    """Return an id that is the same wherever it is worked out from the same words."""
    number = int.from_bytes(hashlib.sha256("\n".join(parts).encode()).digest()[:16], "big")
    digits = []
    for _ in range(26):
        number, digit = divmod(number, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def note(
    connection: sqlite3.Connection, kind: str, scan: str, parts: Sequence[str], facts: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Write a conflict down inside the caller's transaction; None if it is known already."""
    id = derived_id("conflict", kind, scan, *parts)
    words = json.dumps(dict(facts), ensure_ascii=False, sort_keys=True)
    done = connection.execute(
        "INSERT OR IGNORE INTO conflict (id, at, kind, scan, facts, settled) VALUES (?, ?, ?, ?, ?, '')",
        (id, utc_now(), kind, scan, words),
    )
    if not done.rowcount:
        return None
    # a look at what a merge would do has these words alone: its rows are taken back
    return {"id": id, "kind": kind, "scan": scan, "words": Conflict(id, "", kind, scan, facts, "").words}


def conflicts(project: Project, *, settled: bool = False, scan: str = "") -> list[Conflict]:
    """Return the conflicts that nobody settled (or all), oldest first; of one scan where given."""
    rows = project.store.rows(
        "SELECT id, at, kind, scan, facts, settled FROM conflict WHERE (? OR settled = '') AND (? = '' OR scan = ?) "
        "ORDER BY at, id",
        settled,
        scan,
        scan,
    )
    return [Conflict(row[0], row[1], row[2], row[3], json.loads(row[4]), row[5]) for row in rows]


def settle_conflict(project: Project, conflict: str, *, reader: str) -> None:
    """Say that a conflict is dealt with; what was kept beside stays.

    Raises
    ------
    InputError
        ``conflict-unknown``.
    """
    with project.store.transaction() as connection:
        row = connection.execute("SELECT scan, settled FROM conflict WHERE id = ?", (conflict,)).fetchone()
        if row is None:
            raise InputError("conflict-unknown", id=conflict)
        if not row[1]:
            connection.execute("UPDATE conflict SET settled = ? WHERE id = ?", (utc_now(), conflict))
            facts = {"conflict": conflict} | ({"scan": row[0]} if row[0] else {})
            audit.append(connection, reader, "conflict-settled", facts)
