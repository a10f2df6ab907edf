"""Classes: named values that a reader gives a whole scan or single slices, such as stroke = yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import InputError
from core.project import audit
from core.project.records import utc_now
from core.project.store import Store

_WHOLE = -1
_LONGEST = 60


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
        """Return the classes in use with their values, both sorted."""
        rows = self._store.rows("SELECT DISTINCT name, value FROM class_value ORDER BY name, value")
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(str(row["name"]), []).append(str(row["value"]))
        return {name: tuple(values) for name, values in found.items()}

    def of_scan(self, scan: str, *, reader: str | None = None) -> list[ClassValue]:
        """Return the values of a scan, the whole scan's first, then by slice; of one reader where given."""
        rows = self._store.rows(
            "SELECT scan, slice, name, value, reader, updated FROM class_value"
            " WHERE scan = ? AND (? IS NULL OR reader = ?) ORDER BY slice, name, reader",
            scan,
            reader,
            reader,
        )
        return [
            ClassValue(
                str(row["scan"]),
                None if row["slice"] == _WHOLE else int(row["slice"]),
                str(row["name"]),
                str(row["value"]),
                str(row["reader"]),
                str(row["updated"]),
            )
            for row in rows
        ]

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
        for words in (name, *(() if value is None else (value,))):
            if not words.strip() or len(words) > _LONGEST or not words.isprintable():
                raise InputError("class-name", given=words[:_LONGEST], most=_LONGEST)
        with self._store.transaction() as connection:
            found = connection.execute("SELECT depth FROM scan WHERE id = ?", (scan,)).fetchone()
            depth = int(found[0]) if found is not None else 0
            wrong = [place for place in slices or () if not 0 <= place < depth]
            if found is None or wrong:
                raise InputError("class-slice", slice=wrong[0] + 1 if wrong else 0, slices=depth)
            places = [_WHOLE] if slices is None else sorted(set(slices))
            at = utc_now()
            for place in places:
                key = (scan, place, name, reader)
                if value is None:
                    sql = "DELETE FROM class_value WHERE scan = ? AND slice = ? AND name = ? AND reader = ?"
                    connection.execute(sql, key)
                else:
                    sql = (
                        "INSERT OR REPLACE INTO class_value (scan, slice, name, reader, value, updated)"
                        " VALUES (?, ?, ?, ?, ?, ?)"
                    )
                    connection.execute(sql, (*key, value, at))
            facts = {"scan": scan, "class": name, "value": value, "slices": None if slices is None else len(places)}
            audit.append(connection, reader, "class", facts)
