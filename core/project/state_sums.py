"""Sums of what stands in the index, told in the audit: a row that is changed without a line there is found.

Every line of the audit that tells of a thing that may change (a status, a mask's layer, a tag, a label, ...) carries
a short sum of what it is from then on. A sum leaves out what each copy of a project names for itself, such as a
scan's number, so that it holds in every copy that the line comes to.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_LENGTH = 12
_SCAN = (
    "SELECT s.id, s.patient, p.known, s.modality, s.depth, s.height, s.width, s.channels, s.affine, s.spacing_known, "
    "s.orientation_known, s.created, s.description, s.sha256, s.file, s.file_sha256, s.file_size, s.content "
    "FROM scan s JOIN patient p ON p.key = s.patient WHERE s.id = ?"
)
_LABEL = "layer, value, name, color, key, source_value, locked, removed, origins"
_QUERIES: Mapping[str, str] = {
    "status": "SELECT status, reason FROM scan WHERE id = ?",
    "scan": _SCAN,
    "annotation": "SELECT scan, reader, round, created FROM annotation WHERE id = ?",
    "tag": "SELECT 1 FROM tag WHERE scan = ? AND name = ?",
    "assignment": "SELECT * FROM assignment WHERE scan = ? AND reader = ?",
    "comment": "SELECT * FROM comment WHERE id = ?",
    "reader": "SELECT name, active FROM reader WHERE name = ?",
    "class": "SELECT value, updated FROM class_value WHERE scan = ? AND slice = ? AND name = ? AND reader = ?",
    "measurement": "SELECT * FROM measurement WHERE id = ?",
    "depth": "SELECT value FROM meta WHERE key = 'depth/' || ?",
    "meta": "SELECT value FROM meta WHERE key = ?",
    "class-values": "SELECT value FROM meta WHERE key = 'class_values' AND ? IS NOT NULL",
}
"""By kind of thing; those that are known by two words are split at the first slash."""
_STATES = (
    "SELECT slice, origin, run, finished, reader, seconds FROM slice_state "
    "WHERE annotation = ? AND layer = ? ORDER BY slice"
)
_NEWEST = (
    "SELECT sha256, created, who, action FROM layer_version WHERE annotation = ? AND layer = ? "
    "ORDER BY sequence DESC LIMIT 1"
)
KINDS = (*_QUERIES, "layer", "label")


def short(kind: str, key: str) -> str:
    """Return what a thing goes by among the sums of a line."""
    return hashlib.sha256(f"{kind}/{key}".encode()).hexdigest()[:_LENGTH]


def sum_of(connection: sqlite3.Connection, kind: str, key: str) -> str:
    """Return the sum of a thing as it stands in the index; that of nothing where it is not there."""
    words = json.dumps(_value(connection, kind, key), ensure_ascii=False)
    return hashlib.sha256(words.encode()).hexdigest()[:_LENGTH]


def sums_of(connection: sqlite3.Connection, things: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the sums of things by their short names."""
    return {short(kind, key): sum_of(connection, kind, key) for kind, key in things if kind in KINDS}


def _value(connection: sqlite3.Connection, kind: str, key: str) -> Any:
    if kind == "layer":
        annotation, _, layer = key.partition("/")
        newest = connection.execute(_NEWEST, (annotation, layer)).fetchone()
        states = connection.execute(_STATES, (annotation, layer)).fetchall()
        return [None if newest is None else list(newest), [list(row) for row in states]]
    if kind == "label":
        start = f"{key}\n"
        sql = f"SELECT {_LABEL} FROM label WHERE origins = ? OR substr(origins, 1, ?) = ?"
        row = connection.execute(sql, (key, len(start), start)).fetchone()
        return None if row is None else list(row)
    if kind == "class":
        values: tuple[Any, ...] = tuple(json.loads(key))
    elif kind in {"tag", "assignment"}:
        first, _, second = key.partition("/")
        values = (first, second)
    else:
        values = (key,)
    row = connection.execute(_QUERIES[kind], values).fetchone()
    if kind == "class-values":
        return None if row is None else json.loads(row[0]).get(key)
    return None if row is None else list(row)


def everything(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Give all things that stand in the index, by kind and key."""
    for kind, sql in {
        "scan": "SELECT id FROM scan",
        "status": "SELECT id FROM scan",
        "annotation": "SELECT id FROM annotation",
        "tag": "SELECT scan || '/' || name FROM tag",
        "assignment": "SELECT scan || '/' || reader FROM assignment",
        "comment": "SELECT id FROM comment",
        "reader": "SELECT name FROM reader",
        "measurement": "SELECT id FROM measurement",
        "meta": "SELECT key FROM meta WHERE key = 'frozen_test'",
        "depth": "SELECT substr(key, 7) FROM meta WHERE key LIKE 'depth/%'",
        "layer": "SELECT DISTINCT annotation || '/' || layer FROM layer_version "
        "UNION SELECT DISTINCT annotation || '/' || layer FROM slice_state",
    }.items():
        yield from ((kind, str(row[0])) for row in connection.execute(sql).fetchall())
    for row in connection.execute("SELECT scan, slice, name, reader FROM class_value").fetchall():
        yield "class", json.dumps(list(row), ensure_ascii=False)
    for row in connection.execute("SELECT origins FROM label").fetchall():
        yield "label", str(row[0]).partition("\n")[0]


def broken(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return the things that are not as the audit tells, by kind and key. The audit itself must be whole."""
    lines: dict[str, tuple[int, Mapping[str, str]]] = {}
    rows = connection.execute(
        "SELECT hash, sequence, facts, 3 FROM audit UNION ALL SELECT hash, -1, facts, taken FROM audit_merged"
    ).fetchall()
    mentioned: set[str] = set()
    beside: dict[str, set[str]] = {}
    last: dict[str, int] = {}
    for digest, sequence, words, taken in rows:
        facts = json.loads(words)
        sums = facts.get("sums", {})
        lines[digest] = (sequence, sums)
        if facts.get("standing"):
            # what an upgrade found, and what a merge made
            for name, value in sums.items():
                beside.setdefault(name, set()).add(value)
        elif taken == 3:
            mentioned |= sums.keys()
        if not facts.get("standing") and sequence > 0:
            last |= dict.fromkeys(sums, sequence)
    changes = {(row[0], row[1]): str(row[2]) for row in connection.execute("SELECT kind, key, hash FROM change")}
    wrong = []
    for (kind, key), change in changes.items():
        if kind in KINDS and not _holds(connection, kind, key, change, lines, beside, last):
            wrong.append((kind, key))
    for kind, key in everything(connection):
        known = beside.get(short(kind, key), set())
        if (kind, key) not in changes and (not known or sum_of(connection, kind, key) not in known):
            wrong.append((kind, key))
    told = {short(kind, key) for kind, key in changes}
    wrong += [("change", name) for name in sorted(mentioned - told)]
    return wrong


def _holds(
    connection: sqlite3.Connection,
    kind: str,
    key: str,
    change: str,
    lines: Mapping[str, tuple[int, Mapping[str, str]]],
    beside: Mapping[str, set[str]],
    last: Mapping[str, int],
) -> bool:
    """Whether a thing is what the line that told of it last says."""
    parts = change.split("+")
    name = short(kind, key)
    if any(part not in lines for part in parts):
        return False
    now = sum_of(connection, kind, key)
    sequence, sums = lines[parts[0]]
    if len(parts) == 1 and name in sums:
        # an older line of this copy than the last that tells of it: somebody turned it back
        turned = 0 < sequence < last.get(name, 0)
        return sums[name] == now and not turned
    if name in beside:
        return now in beside[name]
    # from before lines carried sums, and nothing vouches for it since
    return len(parts) == 1 and not sums
