"""Annotations, the saved versions of their layers, and what is known per slice."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError, ProjectError, StorageError
from core.geometry import Geometry
from core.ids import new_id
from core.io import atomic
from core.project import audit, maskfile
from core.project.records import Annotation, LayerVersion, NewLayers, Origin, ScanStatus, SliceState, utc_now
from core.project.store import Store

_LAYER = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,22}[a-z0-9])?")
_ANNOTATION = "id, scan, reader, created, updated, journal_sequence, round"
_VERSION = "annotation, layer, sequence, sha256, file, journal_sequence, created, counts, who, action, removed, remap"


@dataclass(frozen=True, slots=True)
class _Pending:
    """A layer whose file is written and whose row is not."""

    layer: str
    sequence: int
    file: str
    encoded: maskfile.Encoded
    before: str


@dataclass(frozen=True, slots=True)
class First:
    """The first annotation of a scan that is not in the index yet: its files are written, its rows are not."""

    owner: Annotation
    geometry: Geometry
    pending: tuple[_Pending, ...]
    new: NewLayers


class Annotations:
    """The masks of a project.

    Parameters
    ----------
    store
        The index.
    folder
        The project.
    geometry
        Gives the grid of a scan by its id.
    """

    def __init__(self, store: Store, folder: Path, geometry: Callable[[str], Geometry]) -> None:
        self._store = store
        self._folder = folder
        self._geometry = geometry

    def of_scan(self, scan: str) -> list[Annotation]:
        """Return the annotations of a scan, oldest first."""
        found = self._store.rows(f"SELECT {_ANNOTATION} FROM annotation WHERE scan = ? ORDER BY created, id", scan)
        return [Annotation(*row) for row in found]

    def find(self, scan: str, reader: str) -> Annotation | None:
        """Return a reader's latest annotation of a scan, or None."""
        row = self._store.row(
            f"SELECT {_ANNOTATION} FROM annotation WHERE scan = ? AND reader = ? ORDER BY round DESC", scan, reader
        )
        return None if row is None else Annotation(*row)

    def get(self, annotation: str) -> Annotation:
        """Return an annotation by its id.

        Raises
        ------
        InputError
            ``annotation-unknown``.
        """
        row = self._store.row(f"SELECT {_ANNOTATION} FROM annotation WHERE id = ?", annotation)
        if row is None:
            raise InputError("annotation-unknown", id=annotation)
        return Annotation(*row)

    def ensure(self, scan: str, reader: str) -> Annotation:
        """Return a reader's annotation of a scan, begun if there is none."""
        found = self.find(scan, reader)
        if found is not None:
            return found
        with self._store.transaction() as connection:
            # again: another process may have begun it since
            found = self.find(scan, reader)
            if found is not None:
                return found
            now = utc_now()
            begun = Annotation(new_id(), scan, reader, now, now)
            _begin(connection, begun)
        return begun

    def write_first(self, scan: str, geometry: Geometry, new: NewLayers) -> First:
        """Write the mask files of a scan that is about to come in; :meth:`insert_first` tells of them.

        Raises
        ------
        StorageError
            The disk refused; nothing is left behind.
        InputError
            As :meth:`core.project.project.Project.save_layers`.
        """
        now = utc_now()
        owner = Annotation(new_id(), scan, new.reader, now, now)
        for layer in (*new.layers, *new.states):
            check_layer_name(layer)
        pending: list[_Pending] = []
        try:
            for layer, mask in new.layers.items():
                written = self._write(owner, layer, mask, geometry)
                assert written is not None
                pending.append(written)
        except BaseException:
            self.discard_first(First(owner, geometry, tuple(pending), new))
            raise
        return First(owner, geometry, tuple(pending), new)

    def insert_first(self, connection: sqlite3.Connection, first: First) -> None:
        """Tell the index of a first annotation, inside the transaction that adds its scan."""
        _begin(connection, first.owner)
        self._record(
            connection, first.owner, first.geometry, first.pending, first.new.states, 0, "import", first.new.facts
        )

    def discard_first(self, first: First) -> None:
        """Take the files of a first annotation away again, whose scan did not come in."""
        folder = self._folder / "masks" / first.owner.scan
        for item in first.pending:
            (self._folder / item.file).unlink(missing_ok=True)
        for empty in (folder / first.owner.id, folder):
            with contextlib.suppress(OSError):
                empty.rmdir()

    def versions(self, annotation: str, layer: str) -> list[LayerVersion]:
        """Return all saved versions of a layer, oldest first; the files of some may be thinned out."""
        found = self._store.rows(
            f"SELECT {_VERSION} FROM layer_version WHERE annotation = ? AND layer = ? ORDER BY sequence",
            annotation,
            layer,
        )
        return [_version(row) for row in found]

    def latest(self, annotation: str) -> dict[str, LayerVersion]:
        """Return the newest version of every layer that was begun."""
        found = self._store.rows(
            f"SELECT {_VERSION} FROM layer_version v WHERE annotation = ? AND sequence = (SELECT max(sequence) "
            "FROM layer_version w WHERE w.annotation = v.annotation AND w.layer = v.layer)",
            annotation,
        )
        return {row["layer"]: _version(row) for row in found}

    def read_version(self, version: LayerVersion) -> NDArray[np.uint8]:
        """Return the mask of a saved version, writable ``[z, y, x]``.

        Raises
        ------
        ProjectError
            ``mask-corrupt`` or ``mask-missing`` names the file, ``version-thinned`` says that
            it is no longer kept. Nothing is opened empty instead.
        """
        if version.removed:
            raise ProjectError("version-thinned", created=version.created)
        file = self._folder / version.file
        try:
            data = file.read_bytes()
        except FileNotFoundError as error:
            raise ProjectError("mask-missing", file=version.file) from error
        except OSError as error:
            raise ProjectError("mask-corrupt", file=version.file) from error
        geometry = self._geometry(self.get(version.annotation).scan)
        try:
            if maskfile.file_hash(data) != version.sha256:
                raise ValueError("another hash")
            mask = maskfile.decode(data, geometry)
            return maskfile.remapped(mask, version.remap) if version.remap else mask
        except ValueError as error:
            raise ProjectError("mask-corrupt", file=version.file) from error

    def read(self, annotation: str, layer: str) -> NDArray[np.uint8] | None:
        """Return the newest mask of a layer, or None where it was not begun."""
        version = self.latest(annotation).get(layer)
        return None if version is None else self.read_version(version)

    def restore(self, version: LayerVersion) -> None:
        """See :meth:`core.project.project.Project.restore_version`."""
        mask = self.read_version(version)
        newest = self.latest(version.annotation)[version.layer]
        file = self._folder / newest.file
        owner = self.get(version.annotation)
        if self._store.read_only:
            raise StorageError("read-only", file=self._folder)
        geometry = self._geometry(owner.scan)
        # a name of its own in the index, so that what is damaged is never written over; also of the same voxels
        written = self._write(owner, version.layer, mask, geometry, anew=True)
        assert written is not None
        with self._store.transaction() as connection:
            self._record(connection, owner, geometry, [written], {}, 0, "restore", {})
            connection.execute(
                "UPDATE layer_version SET removed = ? WHERE annotation = ? AND layer = ? AND sequence = ?",
                (utc_now(), newest.annotation, newest.layer, newest.sequence),
            )
            told = {"annotation": newest.annotation, "damaged": newest.file, "from": version.sequence}
            audit.append(connection, owner.reader, "restore-version", told)
        if file.exists():
            atomic.put_aside(file, self._folder / "quarantine")

    def states(self, annotation: str, layer: str) -> list[SliceState]:
        """Return what is known about the slices of a layer, by slice."""
        found = self._store.rows(
            "SELECT slice, origin, run, finished, reader, seconds FROM slice_state "
            "WHERE annotation = ? AND layer = ? ORDER BY slice",
            annotation,
            layer,
        )
        return [SliceState(row[0], Origin(row[1]), row[2], bool(row[3]), row[4], row[5]) for row in found]

    def save(
        self,
        annotation: str,
        layers: Mapping[str, NDArray[np.uint8]],
        states: Mapping[str, Sequence[SliceState]],
        *,
        journal_sequence: int,
        action: str,
        facts: Mapping[str, Any],
    ) -> None:
        """Save layers and states: see :meth:`core.project.project.Project.save_layers`."""
        if self._store.read_only:
            raise StorageError("read-only", file=self._folder)
        owner = self.get(annotation)
        geometry = self._geometry(owner.scan)
        for layer in (*layers, *states):
            check_layer_name(layer)
        pending = [
            written
            for layer, mask in layers.items()
            if (written := self._write(owner, layer, mask, geometry)) is not None
        ]
        with self._store.transaction() as connection:
            self._record(connection, owner, geometry, pending, states, journal_sequence, action, facts)

    @staticmethod
    def _record(
        connection: sqlite3.Connection,
        owner: Annotation,
        geometry: Geometry,
        pending: Sequence[_Pending],
        states: Mapping[str, Sequence[SliceState]],
        journal_sequence: int,
        action: str,
        facts: Mapping[str, Any],
    ) -> None:
        """Tell the index, and the audit, of what was written."""
        now = utc_now()
        for item in pending:
            _insert_version(connection, owner.id, item, journal_sequence, (now, owner.reader, action))
        for layer, known in states.items():
            _replace_states(connection, owner.id, layer, known, geometry.shape[0])
        connection.execute(
            "UPDATE annotation SET updated = ?, journal_sequence = max(journal_sequence, ?) WHERE id = ?",
            (now, journal_sequence, owner.id),
        )
        touched = [("layer", f"{owner.id}/{layer}") for layer in dict.fromkeys((*(i.layer for i in pending), *states))]
        # what was approved is what somebody looked at: other masks must be looked at again
        moved = connection.execute(
            "UPDATE scan SET status = ?, reason = '' WHERE id = ? AND (status = ? OR (status = ? AND ?))",
            (ScanStatus.IN_PROGRESS, owner.scan, ScanStatus.TO_DO, ScanStatus.APPROVED, bool(pending)),
        )
        if moved.rowcount:
            touched.append(("status", owner.scan))
        told = {
            "annotation": owner.id,
            "scan": owner.scan,
            "journal_sequence": journal_sequence,
            "layers": {
                item.layer: {
                    "sequence": item.sequence,
                    "sha256": item.encoded.sha256,
                    "before": item.before,
                    "voxels": sum(item.encoded.counts.values()),
                }
                for item in pending
            },
            "finished": {layer: sum(state.finished for state in known) for layer, known in states.items()},
        }
        runs = sorted({state.run for known in states.values() for state in known if state.run})
        told |= {"runs": runs} if runs else {}
        audit.append(connection, owner.reader, action, dict(facts) | told, touched=touched)

    def _write(
        self, owner: Annotation, layer: str, mask: NDArray[np.uint8], geometry: Geometry, *, anew: bool = False
    ) -> _Pending | None:
        """Write a layer's file; None where the newest holds the same voxels, unless it is to be written anew."""
        maskfile.check(mask, geometry)
        last = self._store.row(
            "SELECT sequence, sha256, content_sha256 FROM layer_version WHERE annotation = ? AND layer = ? "
            "ORDER BY sequence DESC LIMIT 1",
            owner.id,
            layer,
        )
        if not anew and last is not None and last["content_sha256"] == maskfile.content_hash(mask):
            return None
        sequence = 1 if last is None else int(last["sequence"]) + 1
        encoded = maskfile.encode(mask, geometry)
        folder = f"masks/{owner.scan}/{owner.id}"
        file = f"{folder}/{layer}-{sequence}-{encoded.sha256[:8]}.nii.gz"
        atomic.make_folder(self._folder / folder)
        atomic.write_bytes(self._folder / file, encoded.data)
        return _Pending(layer, sequence, file, encoded, "" if last is None else last["sha256"])


def _begin(connection: sqlite3.Connection, begun: Annotation) -> None:
    connection.execute(
        "INSERT INTO annotation (id, scan, reader, round, created, updated) VALUES (?, ?, ?, 1, ?, ?)",
        (begun.id, begun.scan, begun.reader, begun.created, begun.updated),
    )
    facts = {"annotation": begun.id, "scan": begun.scan}
    audit.append(connection, begun.reader, "begin", facts, touched=[("annotation", begun.id)])


def check_layer_name(layer: str) -> None:
    """Refuse a layer name that is no safe part of a file name, with ``InputError`` ``layer-name-bad``."""
    if not _LAYER.fullmatch(layer):
        raise InputError("layer-name-bad", layer=layer)


def _version(row: sqlite3.Row) -> LayerVersion:
    counts = {int(value): int(count) for value, count in json.loads(row["counts"]).items()}
    return LayerVersion(
        row["annotation"],
        row["layer"],
        row["sequence"],
        row["sha256"],
        row["file"],
        row["journal_sequence"],
        row["created"],
        counts,
        row["who"],
        row["action"],
        row["removed"] or "",
        row["remap"],
    )


def _insert_version(
    connection: sqlite3.Connection, annotation: str, item: _Pending, journal_sequence: int, told: tuple[str, str, str]
) -> None:
    try:
        connection.execute(
            "INSERT INTO layer_version (annotation, layer, sequence, file, sha256, content_sha256, size, counts, "
            "journal_sequence, created, who, action) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                annotation,
                item.layer,
                item.sequence,
                item.file,
                item.encoded.sha256,
                item.encoded.content,
                len(item.encoded.data),
                json.dumps({str(value): count for value, count in item.encoded.counts.items()}),
                journal_sequence,
                *told,
            ),
        )
    except sqlite3.IntegrityError as error:
        # somebody saved this layer since we looked: theirs stays, ours stays unsaved
        raise ProjectError("annotation-changed", file=item.file) from error


def _replace_states(
    connection: sqlite3.Connection, annotation: str, layer: str, known: Sequence[SliceState], slices: int
) -> None:
    for state in known:
        if not 0 <= state.slice < slices:
            raise InputError("slice-outside", slice=state.slice, slices=slices)
    connection.execute("DELETE FROM slice_state WHERE annotation = ? AND layer = ?", (annotation, layer))
    connection.executemany(
        "INSERT INTO slice_state (annotation, layer, slice, origin, run, finished, reader, seconds) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (annotation, layer, state.slice, state.origin, state.run, state.finished, state.reader, state.seconds)
            for state in known
        ],
    )
