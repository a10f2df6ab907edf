"""The audit: rows that each hold the hash of the row before, so that a change shows."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from core.errors import ProjectError
from core.project.records import AuditRow, utc_now
from core.project.state_sums import sums_of

START = "0" * 64
_HEAD = "audit_head"


def digest_of(sequence: int, at: str, who: str, action: str, facts: str, previous: str) -> str:
    """Return the hash of a line: of all that it tells and of the line before."""
    line = json.dumps([sequence, at, who, action, facts, previous], ensure_ascii=False)
    return hashlib.sha256(line.encode()).hexdigest()


def append(
    connection: sqlite3.Connection,
    who: str,
    action: str,
    facts: Mapping[str, Any],
    *,
    touched: Iterable[tuple[str, str]] = (),
    standing: Iterable[tuple[str, str]] = (),
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
        (:mod:`core.team.merging`): this line is the last that tells of it, and carries the sum of what it
        is now (:mod:`core.project.state_sums`). They must have been changed before.
    standing
        The same of things that other lines tell of, and that this one vouches for as they stand.
    """
    touched, standing = list(touched), list(standing)
    sums = sums_of(connection, [*touched, *standing])
    more = ({"sums": sums} if sums else {}) | ({"standing": True} if standing else {})
    last = connection.execute("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1").fetchone()
    sequence, previous = (int(last[0]) + 1, str(last[1])) if last else (1, START)
    words = json.dumps(dict(facts) | more, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    at = utc_now()
    digest = digest_of(sequence, at, who, action, words, previous)
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


def merged_rows(connection: sqlite3.Connection) -> list[tuple[AuditRow, int]]:
    """Return the lines that came with merges, by time, each with how much of what it tells came too.

    Raises
    ------
    ProjectError
        ``audit-broken`` naming a row whose facts were damaged.
    """
    found = connection.execute(
        "SELECT sequence, at, who, action, facts, hash, taken FROM audit_merged ORDER BY at, sequence"
    )
    return [(AuditRow(row[0], row[1], row[2], row[3], _facts(row[0], row[4]), row[5]), int(row[6])) for row in found]


def verify_merged(connection: sqlite3.Connection) -> str | None:
    """Return the hash of a merged line that is broken or missing, or None if all are whole.

    Every line must be what its hash says and follow one that is there, the last of each
    copy is named by the line that tells of the merge, and none is there that leads to no such end.
    """
    lines: dict[str, tuple[str, str, str]] = {}
    for row in connection.execute("SELECT hash, sequence, at, who, action, facts, previous FROM audit_merged"):
        digest, previous, action, facts = row[0], row[6], row[4], row[5]
        if digest_of(*row[1:]) != digest:
            return str(digest)
        lines[digest] = (previous, action, facts)
    own = {row[0]: ("", row[1], row[2]) for row in connection.execute("SELECT hash, action, facts FROM audit")}
    ends = [head for one in (own, lines) for head in _heads(one)]
    reached: set[str] = set()
    for end in ends:
        at = end
        while at != START and at not in own and at not in reached:
            if at not in lines:
                return at
            reached.add(at)
            at = lines[at][0]
    return min(lines.keys() - reached, default=None)


def _heads(lines: Mapping[str, tuple[str, str, str]]) -> list[str]:
    found = []
    for digest, (_, action, words) in lines.items():
        if action == "merge":
            try:
                found += [str(head) for head in json.loads(words)["heads"]]
            except (ValueError, KeyError, TypeError):
                found.append(digest)
    return found


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
        if digest_of(sequence, at, who, action, facts, before) != digest:
            return expected
        expected, previous = expected + 1, digest
    head = connection.execute("SELECT value FROM meta WHERE key = ?", (_HEAD,)).fetchone()
    told = head[0] if head else f"0 {START}"
    return None if told == f"{expected - 1} {previous}" else expected
