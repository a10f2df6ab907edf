"""The audit: rows that each hold the hash of the row before, so that a change shows."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from core.errors import ProjectError
from core.project.records import AuditRow, utc_now

START = "0" * 64
_HEAD = "audit_head"


def _digest(sequence: int, at: str, who: str, action: str, facts: str, previous: str) -> str:
    line = json.dumps([sequence, at, who, action, facts, previous], ensure_ascii=False)
    return hashlib.sha256(line.encode()).hexdigest()


def append(
    connection: sqlite3.Connection,
    who: str,
    action: str,
    facts: Mapping[str, Any],
    *,
    touched: Iterable[tuple[str, str]] = (),
) -> str:
    """Add a row inside the caller's transaction and return its hash.

    Parameters
    ----------
    connection
        In a transaction: the row counts only together with what it tells of.
    who
        The reader.
    action
        A short word, such as ``draw`` or ``import``.
    facts
        Plain JSON data without identity.
    touched
        Kind and key of each thing that another copy of the project may change too
        (:mod:`core.team.merging`): this line is the last that tells of it.
    """
    last = connection.execute("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1").fetchone()
    sequence, previous = (int(last[0]) + 1, str(last[1])) if last else (1, START)
    words = json.dumps(dict(facts), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    at = utc_now()
    digest = _digest(sequence, at, who, action, words, previous)
    connection.execute(
        "INSERT INTO audit (sequence, at, who, action, facts, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (sequence, at, who, action, words, previous, digest),
    )
    # the chain alone would not show that its end was cut off
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_HEAD, f"{sequence} {digest}"))
    connection.executemany(
        "INSERT OR REPLACE INTO change (kind, key, hash) VALUES (?, ?, ?)",
        [(kind, key, digest) for kind, key in touched],
    )
    return digest


def rows(connection: sqlite3.Connection, *, after: int = 0) -> list[AuditRow]:
    """Return the rows after a sequence number, oldest first.

    Raises
    ------
    ProjectError
        ``audit-broken`` naming a row whose facts were damaged.
    """
    found = connection.execute(
        "SELECT sequence, at, who, action, facts, hash FROM audit WHERE sequence > ? ORDER BY sequence", (after,)
    )
    return [AuditRow(row[0], row[1], row[2], row[3], _facts(row[0], row[4]), row[5]) for row in found]


def _facts(sequence: int, words: str) -> dict[str, Any]:
    try:
        facts = json.loads(words)
    except (TypeError, ValueError) as error:
        raise ProjectError("audit-broken", row=sequence) from error
    if not isinstance(facts, dict):
        raise ProjectError("audit-broken", row=sequence)
    return facts


def verify(connection: sqlite3.Connection) -> int | None:
    """Return the sequence number at which the chain is broken, or None if it is whole.

    A row that was changed, taken out, slipped in or cut off at the end is found,
    as long as whoever did it did not compute the whole chain anew.
    """
    expected, previous = 1, START
    for row in connection.execute(
        "SELECT sequence, at, who, action, facts, previous, hash FROM audit ORDER BY sequence"
    ):
        sequence, at, who, action, facts, before, digest = row
        if sequence != expected or before != previous:
            return expected
        if _digest(sequence, at, who, action, facts, before) != digest:
            return expected
        expected, previous = expected + 1, digest
    head = connection.execute("SELECT value FROM meta WHERE key = ?", (_HEAD,)).fetchone()
    told = head[0] if head else f"0 {START}"
    return None if told == f"{expected - 1} {previous}" else expected
