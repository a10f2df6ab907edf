"""The labels in a project's index."""

from __future__ import annotations

import json
import sqlite3

from core.errors import InputError
from core.labels import Label, LabelSet, RemovedLabel
from core.project import audit
from core.project.annotations import check_layer_name
from core.project.records import current_reader
from core.project.store import Store

_LABEL = "value, name, color, key, layer, source_value, locked"
_ALL = f"SELECT {_LABEL}, position, removed, origins FROM label"


def read(store: Store) -> LabelSet:
    """Return the labels in the order they are shown, and those that were removed."""
    labels, removed = [], []
    for row in store.rows(f"SELECT {_LABEL}, removed FROM label ORDER BY position"):
        value, name, color, key, layer, source, locked, _ = row
        label = Label(value, name, color, key, layer, source, bool(locked))
        if row["removed"] is None:
            labels.append(label)
            continue
        told = json.loads(row["removed"])
        to = (str(told["to"][0]), int(told["to"][1])) if told["to"] else None
        removed.append(RemovedLabel(label, str(told["kind"]), to, str(told["at"])))
    return LabelSet(tuple(labels), tuple(removed))


def write(store: Store, labels: LabelSet) -> None:
    """Replace the labels: see :meth:`core.project.project.Project.set_labels`."""
    for label in labels:
        check_layer_name(label.layer)
        if labels.find(label.name) is not label:
            raise InputError("label-present", name=label.name)
    with store.transaction() as connection:
        before = read(store)
        known = {(label.layer, label.value) for label in labels}
        gone = {(one.label.layer, one.label.value): one for one in labels.removed}
        for old in before:
            place = (old.layer, old.value)
            if place not in known and place not in gone and _used(connection, old):
                raise InputError("label-in-use", name=old.name)
        for one in before.removed:
            # a caller that knows nothing of removed labels does not forget them
            gone.setdefault((one.label.layer, one.label.value), one)
        rows: list[tuple[object, ...]] = [(*_row(label), place, None) for place, label in enumerate(labels)]
        for place, one in gone.items():
            if place not in known:
                told = json.dumps({"kind": one.kind, "at": one.at, "to": one.to})
                rows.append((*_row(one.label), len(rows), told))
        were = {(row[4], row[0]): tuple(row) for row in connection.execute(_ALL)}
        rows = [(*row, _origins(were.get((row[4], row[0])), row)) for row in rows]
        connection.execute("DELETE FROM label")
        connection.executemany(
            f"INSERT INTO label ({_LABEL}, position, removed, origins) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
        )
        names = {f"{label.layer}:{label.value}": label.name for label in labels}
        now = {(row[4], row[0]): row for row in rows}
        # its place in the list is no change of a label
        changed = [row for place, row in now.items() if not _is_same(were.get(place), row)]
        changed += [row for place, row in were.items() if place not in now]
        touched = [("label", key_of(str(row[-1]))) for row in changed]
        audit.append(connection, current_reader(), "labels", {"labels": names}, touched=touched)


def origin(layer: str, value: int, name: str) -> str:
    """Return what a label that is made there is known by, whatever becomes of it."""
    return f"{layer}:{value}:{name.casefold()}"


def key_of(origins: str) -> str:
    """Return what a label is known by in the table of changes."""
    return origins.partition("\n")[0]


def _origins(before: tuple[object, ...] | None, row: tuple[object, ...]) -> str:
    if before is not None and before[-1]:
        return str(before[-1])
    return origin(str(row[4]), int(str(row[0])), str(row[1]))


def _is_same(before: tuple[object, ...] | None, row: tuple[object, ...]) -> bool:
    return before is not None and (*before[:7], before[8]) == (*row[:7], row[8])


def _row(label: Label) -> tuple[object, ...]:
    return (
        label.value,
        label.name,
        label.color,
        label.key,
        label.layer,
        label.source_value,
        int(label.locked),
    )


def _used(connection: sqlite3.Connection, label: Label) -> bool:
    found = connection.execute(
        "SELECT 1 FROM layer_version WHERE layer = ? AND json_extract(counts, ?) IS NOT NULL LIMIT 1",
        (label.layer, f'$."{label.value}"'),
    ).fetchone()
    return found is not None


def held_beside(store: Store, layer: str, annotation: str) -> set[int]:
    """Return the values of a layer that saved masks hold, old ones too, but for those of one annotation."""
    rows = store.rows(
        "SELECT DISTINCT CAST(held.key AS INTEGER) FROM layer_version v, json_each(v.counts) held "
        "WHERE v.layer = ? AND v.annotation <> ?",
        layer,
        annotation,
    )
    return {int(row[0]) for row in rows}


def scans_with(store: Store, label: Label) -> int:
    """Return on how many scans the newest saved masks hold a label."""
    row = store.row(
        "SELECT count(DISTINCT a.scan) FROM layer_version v JOIN annotation a ON a.id = v.annotation "
        "WHERE v.layer = ? AND json_extract(v.counts, ?) IS NOT NULL AND v.sequence = (SELECT max(sequence) "
        "FROM layer_version w WHERE w.annotation = v.annotation AND w.layer = v.layer)",
        label.layer,
        f'$."{label.value}"',
    )
    return 0 if row is None else int(row[0])
