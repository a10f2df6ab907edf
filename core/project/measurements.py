"""What readers measured on scans: distances, angles, areas and statistics, kept in the project."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from core.errors import InputError
from core.ids import new_id
from core.project import audit
from core.project.records import utc_now
from core.project.store import Store

NO_PLANE = -1
"""``plane`` of what was measured in a whole scan."""
KINDS = ("distance", "angle", "area", "label")
_COLUMNS = "id, scan, reader, kind, plane, slice, points, label, figures, created"


@dataclass(frozen=True)
class Measurement:
    """One thing that was measured.

    Parameters
    ----------
    scan
        Id of the scan.
    reader
        Who measured.
    kind
        One of :data:`KINDS`; ``label``: how much there is of a label in the scan, and how bright it is.
    plane
        Axis of the array ``[z, y, x]`` that the slices lie along, :data:`NO_PLANE` for a whole scan.
    slice
        Index along that axis (from 0); 0 for a whole scan.
    points
        Voxels (x, y, z) of the points set, not rounded.
    label
        Name of the label measured, or empty.
    figures
        Numbers by name, such as ``length``, ``degrees``, ``area``, ``volume``, ``mean``, and ``unit``
        (``mm`` or ``px``): as they were told when it was measured.
    id
        ULID; empty for one that is not kept yet.
    created
        UTC; empty likewise.
    """

    scan: str
    reader: str
    kind: str
    plane: int
    slice: int
    points: tuple[tuple[float, float, float], ...]
    label: str = ""
    figures: Mapping[str, float | str] = field(default_factory=lambda: MappingProxyType({}))
    id: str = ""
    created: str = ""


class Measurements:
    """The measurements of a project.

    Parameters
    ----------
    store
        The project's index.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def of_scan(self, scan: str, *, reader: str | None = None) -> list[Measurement]:
        """Return what was measured on a scan, oldest first; by one reader where given."""
        rows = self._store.rows(
            f"SELECT {_COLUMNS} FROM measurement WHERE scan = ? AND (? IS NULL OR reader = ?) ORDER BY id",
            scan,
            reader,
            reader,
        )
        return [_read(row) for row in rows]

    def all(self) -> list[Measurement]:
        """Return all measurements of the project, by scan in the order shown, oldest first."""
        names = ", ".join(f"m.{column.strip()}" for column in _COLUMNS.split(","))
        rows = self._store.rows(
            f"SELECT {names} FROM measurement m JOIN scan s ON s.id = m.scan ORDER BY s.number, m.id"
        )
        return [_read(row) for row in rows]

    def add(self, new: Measurement) -> Measurement:
        """Keep a measurement, and return it with its id; one that was removed comes back under its own.

        Raises
        ------
        InputError
            ``scan-unknown``, or ``measurement-bad`` if it makes no sense.
        ProjectError, StorageError
            As :meth:`core.project.store.Store.transaction`.
        """
        kept = Measurement(**{**_fields(new), "id": new.id or new_id(), "created": new.created or utc_now()})
        if new.kind not in KINDS or not new.reader:
            raise InputError("measurement-bad", kind=new.kind)
        with self._store.transaction() as connection:
            if connection.execute("SELECT 1 FROM scan WHERE id = ?", (new.scan,)).fetchone() is None:
                raise InputError("scan-unknown", name=new.scan)
            connection.execute(
                f"INSERT OR REPLACE INTO measurement ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    kept.id,
                    kept.scan,
                    kept.reader,
                    kept.kind,
                    kept.plane,
                    kept.slice,
                    json.dumps([list(point) for point in kept.points]),
                    kept.label,
                    json.dumps(dict(kept.figures), sort_keys=True),
                    kept.created,
                ),
            )
            facts = {"scan": kept.scan, "id": kept.id, "kind": kept.kind}
            audit.append(connection, kept.reader, "measure", facts, touched=[("measurement", kept.id)])
        return kept

    def remove(self, gone: Sequence[Measurement], *, reader: str) -> None:
        """Remove measurements; those that are gone already are passed over.

        Raises
        ------
        ProjectError, StorageError
            As :meth:`core.project.store.Store.transaction`.
        """
        with self._store.transaction() as connection:
            for one in gone:
                found = connection.execute("DELETE FROM measurement WHERE id = ?", (one.id,))
                if found.rowcount:
                    facts = {"scan": one.scan, "id": one.id, "kind": one.kind}
                    audit.append(connection, reader, "measure-remove", facts, touched=[("measurement", one.id)])


def _fields(one: Measurement) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


def _read(row: sqlite3.Row) -> Measurement:
    points = tuple((float(x), float(y), float(z)) for x, y, z in json.loads(row["points"]))
    return Measurement(
        str(row["scan"]),
        str(row["reader"]),
        str(row["kind"]),
        int(row["plane"]),
        int(row["slice"]),
        points,
        str(row["label"]),
        MappingProxyType(json.loads(row["figures"])),
        str(row["id"]),
        str(row["created"]),
    )
