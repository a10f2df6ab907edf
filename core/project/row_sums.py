"""A sum over the rows of each table of the index: a row that another program changed, added or took out is found.

What the audit tells of carries sums there (:mod:`core.project.state_sums`). Much of an index is told nowhere: times
spent, runs, predictions, numbers and names of scans. Each table has one sum, of all its rows in whatever order,
that every transaction brings up to date by the rows that it changed: triggers of this program's own connections see
them, so that no caller can forget it. Whoever changes a row otherwise leaves a sum that is another.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from typing import Any

TABLES = (
    "label",
    "patient",
    "scan",
    "annotation",
    "layer_version",
    "run",
    "run_scan",
    "prediction",
    "test_look",
    "reader",
    "reading_time",
    "conflict",
    "meta",
)
"""Tables that have a sum; every row of the others is told in the audit, with all that it holds."""
SINCE = 5
"""``PRAGMA user_version`` from which on an index has them."""
_KEY = "rows/"
_SIZE = 1 << 128
_MARK = "meninx_row"
_APART = {"audit_head"}


class RowSums:
    """What the transaction under way does to the sums of one connection's tables."""

    def __init__(self) -> None:
        self._changes: dict[str, int] = {}
        self._watching = False

    def begin(self, connection: sqlite3.Connection) -> None:
        """Start with a transaction of this connection, once it has begun."""
        self._changes.clear()
        if not self._watching and connection.execute("PRAGMA user_version").fetchone()[0] >= SINCE:
            self._watch(connection)
            self._watching = True

    def _watch(self, connection: sqlite3.Connection) -> None:
        connection.create_function(_MARK, -1, self._note)
        # a row that another one replaces is taken out
        connection.execute("PRAGMA recursive_triggers = ON")
        for table in TABLES:
            columns = _columns(connection, table)
            old, new = (", ".join(f"{when}.{name}" for name in columns) for when in ("OLD", "NEW"))
            for event, rows in (("INSERT", (new,)), ("DELETE", (old,)), ("UPDATE", (old, new))):
                signs = {new: 1, old: -1}
                calls = " ".join(f"SELECT {_MARK}({signs[row]}, '{table}', {row});" for row in rows)
                connection.execute(
                    f"CREATE TEMP TRIGGER {_MARK}_{table}_{event} AFTER {event} ON main.{table} BEGIN {calls} END"
                )

    def _note(self, sign: int, table: str, *values: Any) -> None:
        if not _is_apart(table, values):
            self._changes[table] = self._changes.get(table, 0) + sign * _number(table, values)

    def end(self, connection: sqlite3.Connection) -> None:
        """Bring the sums up to date, before the transaction is committed."""
        for table, change in self._changes.items():
            held = connection.execute("SELECT value FROM meta WHERE key = ?", (_KEY + table,)).fetchone()
            # one that is missing or no number was tampered with, and stays so
            if change % _SIZE and held is not None and (before := _read(held[0])) is not None:
                words = f"{(before + change) % _SIZE:032x}"
                connection.execute("UPDATE meta SET value = ? WHERE key = ?", (words, _KEY + table))
        self._changes.clear()


def write_all(connection: sqlite3.Connection) -> None:
    """Take the sums of all tables as they stand, inside the caller's transaction."""
    for table in TABLES:
        words = f"{_sum_of(connection, table):032x}"
        connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_KEY + table, words))


def broken(connection: sqlite3.Connection) -> list[str]:
    """Return the tables whose rows are not those that this program wrote."""
    held = dict(connection.execute("SELECT key, value FROM meta WHERE key LIKE 'rows/%'").fetchall())
    return [table for table in TABLES if _read(held.get(_KEY + table)) != _sum_of(connection, table)]


def _sum_of(connection: sqlite3.Connection, table: str) -> int:
    names = ", ".join(_columns(connection, table))
    rows = (tuple(row) for row in connection.execute(f"SELECT {names} FROM {table}"))
    return sum(_number(table, row) for row in rows if not _is_apart(table, row)) % _SIZE


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [str(row[1]) for row in connection.execute(f"PRAGMA main.table_info({table})")]


def _is_apart(table: str, values: Sequence[Any]) -> bool:
    # the sums themselves, and the end of the audit, which its own chain vouches for
    return table == "meta" and (str(values[0]).startswith(_KEY) or values[0] in _APART)


def _number(table: str, values: Sequence[Any]) -> int:
    words = json.dumps([table, *values], ensure_ascii=False)
    return int.from_bytes(hashlib.sha256(words.encode("utf-8", "surrogatepass")).digest()[:16], "big")


def _read(words: Any) -> int | None:
    try:
        return int(words, 16)
    except (TypeError, ValueError):
        return None
