"""Classes: named values that a reader gives a whole scan or single slices, such as stroke = yes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.errors import InputError
from core.project import audit
from core.project.records import utc_now
from core.project.store import Store

_WHOLE = -1
_LONGEST = 60
_DEFINED = "class_values"
USUAL = ("yes", "no")
"""Values of a class that nobody has said anything else of."""


@dataclass(frozen=True)
class ClassValue:
    """One value.

    Parameters
    ----------
    scan
        Id of the scan.
    slice
        Native slice (from 0), or None for the whole scan.
    name, value
        Such as ``stroke`` and ``yes``.
    reader
        Who says so.
    updated
        When (UTC).
    """

    scan: str
    slice: int | None
    name: str
    value: str
    reader: str
    updated: str


@dataclass(frozen=True)
class ClassGiven:
    """What a scan (``slice`` None) or a native slice of it is to be; ``value`` None takes back what was said."""

    scan: str
    slice: int | None
    name: str
    value: str | None


class Classes:
    """The classes of a project's scans.

    Parameters
    ----------
    store
        The project's index.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def names(self) -> dict[str, tuple[str, ...]]:
        """Return the classes by name with their values: first those laid down, in their order, then others in use."""
        row = self._store.row("SELECT value FROM meta WHERE key = ?", _DEFINED)
        found: dict[str, list[str]] = json.loads(row["value"]) if row is not None else {}
        for name, value in self._store.rows("SELECT DISTINCT name, value FROM class_value ORDER BY name, value"):
            values = found.setdefault(str(name), [])
            if value not in values:
                values.append(str(value))
        return {name: tuple(found[name]) for name in sorted(found)}

    def define(self, name: str, values: Sequence[str], *, reader: str) -> None:
        """Lay down the values of a class in the order in which they are offered; none forgets the class.

        What was said of scans stays, with values that are not among them too.

        Raises
        ------
        InputError
            ``class-name``.
        ProjectError, StorageError
            As :meth:`core.project.store.Store.transaction`.
        """
        for words in (name, *values):
            _check_words(words)
        with self._store.transaction() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (_DEFINED,)).fetchone()
            defined: dict[str, list[str]] = json.loads(row[0]) if row is not None else {}
            defined.pop(name, None)
            if values:
                defined[name] = list(dict.fromkeys(values))
            words = json.dumps(defined, ensure_ascii=False)
            connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (_DEFINED, words))
            facts = {"class": name, "values": list(values)}
            audit.append(connection, reader, "class-values", facts, touched=[("class-values", name)])

    def by_scan(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Return, by scan id and class, the values said of the scan or any of its slices, by whomever; sorted."""
        rows = self._store.rows("SELECT DISTINCT scan, name, value FROM class_value ORDER BY scan, name, value")
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        for scan, name, value in rows:
            of_scan = found.setdefault(str(scan), {})
            of_scan[str(name)] = (*of_scan.get(str(name), ()), str(value))
        return found

    def partly(self) -> dict[str, frozenset[str]]:
        """Return, by scan id, the classes that were said of some of its slices, and neither of all nor of the whole."""
        rows = self._store.rows(
            "SELECT c.scan, c.name FROM class_value c JOIN scan s ON s.id = c.scan WHERE s.depth > 1"
            f" GROUP BY c.scan, c.name HAVING MIN(c.slice) > {_WHOLE} AND COUNT(DISTINCT c.slice) < MAX(s.depth)"
        )
        found: dict[str, set[str]] = {}
        for scan, name in rows:
            found.setdefault(str(scan), set()).add(str(name))
        return {scan: frozenset(names) for scan, names in found.items()}

    def all(self) -> list[ClassValue]:
        """Return every value of the project, by scan in the order shown, then as :meth:`of_scan`."""
        rows = self._store.rows(
            "SELECT c.scan, c.slice, c.name, c.value, c.reader, c.updated FROM class_value c "
            "JOIN scan s ON s.id = c.scan ORDER BY s.number, c.slice, c.name, c.reader"
        )
        return [_read(row) for row in rows]

    def of_scan(self, scan: str, *, reader: str | None = None) -> list[ClassValue]:
        """Return the values of a scan, the whole scan's first, then by slice; of one reader where given."""
        rows = self._store.rows(
            "SELECT scan, slice, name, value, reader, updated FROM class_value"
            " WHERE scan = ? AND (? IS NULL OR reader = ?) ORDER BY slice, name, reader",
            scan,
            reader,
            reader,
        )
        return [_read(row) for row in rows]

    def set(self, scan: str, name: str, value: str | None, *, reader: str, slices: Sequence[int] | None = None) -> None:
        """Say what a scan or some of its slices are, or take it back.

        Parameters
        ----------
        scan
            Id of the scan.
        name
            Of the class.
        value
            None takes back what was said.
        reader
            Who says so.
        slices
            Native slices (from 0); None for the whole scan.

        Raises
        ------
        InputError
            ``class-name``: a name or value is empty, too long or has a line break;
            ``class-slice``: the scan has no such slice.
        ProjectError, StorageError
            As :meth:`core.project.store.Store.transaction`.
        """
        places: Sequence[int | None] = [None] if slices is None else sorted(set(slices))
        self.set_many([ClassGiven(scan, place, name, value) for place in places], reader=reader)

    def set_many(self, given: Sequence[ClassGiven], *, reader: str, action: str = "class") -> None:
        """Say many things, or take them back: all of them or nothing.

        Raises
        ------
        InputError
            As :meth:`set`.
        ProjectError, StorageError
            As :meth:`core.project.store.Store.transaction`.
        """
        for one in given:
            _check_words(one.name)
            if one.value is not None:
                _check_words(one.value)
        with self._store.transaction() as connection:
            _check_places(connection, given)
            at = utc_now()
            for one in given:
                key = (one.scan, _WHOLE if one.slice is None else one.slice, one.name, reader)
                if one.value is None:
                    sql = "DELETE FROM class_value WHERE scan = ? AND slice = ? AND name = ? AND reader = ?"
                    connection.execute(sql, key)
                else:
                    sql = (
                        "INSERT OR REPLACE INTO class_value (scan, slice, name, reader, value, updated)"
                        " VALUES (?, ?, ?, ?, ?, ?)"
                    )
                    connection.execute(sql, (*key, one.value, at))
            for facts, keys in _told(given, reader):
                audit.append(connection, reader, action, facts, touched=[("class", key) for key in keys])


def _check_words(words: str) -> None:
    if not words.strip() or len(words) > _LONGEST or not words.isprintable():
        raise InputError("class-name", given=words[:_LONGEST], most=_LONGEST)


def _check_places(connection: sqlite3.Connection, given: Iterable[ClassGiven]) -> None:
    depths: dict[str, int] = {}
    for one in given:
        if one.scan not in depths:
            found = connection.execute("SELECT depth FROM scan WHERE id = ?", (one.scan,)).fetchone()
            depths[one.scan] = int(found[0]) if found is not None else 0
        depth = depths[one.scan]
        if not depth or (one.slice is not None and not 0 <= one.slice < depth):
            raise InputError("class-slice", slice=0 if one.slice is None else one.slice + 1, slices=depth)


def class_key(scan: str, place: int, name: str, reader: str) -> str:
    """Return what a value is known by in the table of changes; ``place`` is -1 for the whole scan."""
    return json.dumps([scan, place, name, reader], ensure_ascii=False)


def _told(given: Iterable[ClassGiven], reader: str) -> Iterable[tuple[dict[str, object], list[str]]]:
    """Give one line of the audit per scan, class and value, and the keys of what it tells of."""
    keys: dict[tuple[str, str, str | None, bool], list[str]] = {}
    for one in given:
        key = class_key(one.scan, _WHOLE if one.slice is None else one.slice, one.name, reader)
        keys.setdefault((one.scan, one.name, one.value, one.slice is None), []).append(key)
    for (scan, name, value, whole), found in keys.items():
        yield {"scan": scan, "class": name, "value": value, "slices": None if whole else len(found)}, found


def _read(row: sqlite3.Row) -> ClassValue:
    return ClassValue(
        str(row["scan"]),
        None if row["slice"] == _WHOLE else int(row["slice"]),
        str(row["name"]),
        str(row["value"]),
        str(row["reader"]),
        str(row["updated"]),
    )
