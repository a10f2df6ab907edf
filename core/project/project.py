"""A project: the folder that holds scans, masks and runs, and everything that may be done to it."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.errors import ProjectError, StorageError
from core.geometry import Array, Geometry
from core.ids import new_id
from core.io import atomic
from core.labels import Label, LabelSet
from core.project import audit, label_table, row_sums, schema
from core.project.annotations import Annotations
from core.project.classes import Classes
from core.project.links import Links
from core.project.measurements import Measurements
from core.project.records import (
    Annotation,
    LayerVersion,
    NewLayers,
    Scan,
    ScanStatus,
    SliceState,
    current_reader,
    utc_now,
)
from core.project.sameness import Same
from core.project.scanfile import Watcher
from core.project.scans import Scans
from core.project.store import Store, is_held
from core.version import FORMAT, MIN_READER
from core.volume import Volume

MANIFEST = "meninx.json"
INDEX = "project.sqlite"
_MANIFEST_WORDS = json.dumps({"format": FORMAT, "min_reader": MIN_READER}) + "\n"
FOLDERS = ("scans", "masks", "journal", "runs", "predictions", "exports")


class Project:
    """An open project.

    Open with :meth:`open` or :meth:`create`. May be used from several threads.

    Attributes
    ----------
    path
        The folder.
    read_only
        Nothing can be changed: asked for, or the medium leaves no choice.
    name, id
        What it is called, and its ULID.
    store
        The index.
    links
        Identity, kept outside the project.
    classes
        Named values of scans and slices.
    measurements
        What readers measured on scans.
    notices
        Keys below ``[notices]`` that the person should be told on opening.
    """

    def __init__(self, path: Path, store: Store) -> None:
        self.path = path
        self.store = store
        self.read_only = store.read_only
        meta = {row["key"]: row["value"] for row in store.rows("SELECT key, value FROM meta")}
        try:
            self.id, self.name = meta["id"], meta["name"]
        except KeyError as error:
            raise ProjectError("project-corrupt", file=store.file) from error
        self.links = Links(self.id, path)
        self._scans = Scans(store, path, self.links)
        self._annotations = Annotations(store, path, self._scans.geometry)
        self.classes = Classes(store)
        self.measurements = Measurements(store)
        self.notices: tuple[str, ...] = ("network-folder",) if store.on_network else ()
        if store.changed_outside:
            self.notices += ("index-changed",)

    @classmethod
    def create(cls, path: Path, *, name: str = "", id: str = "") -> Self:
        """Make a new project and open it.

        Parameters
        ----------
        path
            A folder that is not there, or empty.
        name
            What it is called; the folder's name without ``.meninx`` if empty.
        id
            Of the project that this becomes a copy of; a new one if empty.

        Raises
        ------
        ProjectError
            ``project-exists``.
        StorageError
            ``disk-full``, ``read-only``, ``write-failed``; nothing is left behind.
        """
        path = Path(path).absolute()
        there = path.exists()
        if there and (not path.is_dir() or any(path.iterdir())):
            raise ProjectError("project-exists", file=path)
        try:
            for folder in FOLDERS:
                atomic.make_folder(path / folder)
            store = Store(path / INDEX, create=True)
            try:
                with store.transaction() as connection:
                    schema.create(connection)
                    rows = [
                        ("id", id or new_id()),
                        ("name", name or path.name.removesuffix(".meninx")),
                        ("created", utc_now()),
                        ("manifest", _MANIFEST_WORDS),
                    ]
                    connection.executemany("INSERT INTO meta (key, value) VALUES (?, ?)", rows)
                    audit.append(connection, current_reader(), "create", {"format": FORMAT})
                    row_sums.write_all(connection)
            finally:
                store.close()
            atomic.sync_folder(path)
            # last: a folder without it is not a project, so that half of one is never opened
            atomic.write_bytes(path / MANIFEST, _MANIFEST_WORDS.encode())
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            if there:
                path.mkdir(exist_ok=True)
            raise
        return cls.open(path)

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Self:
        """Open a project; nothing but the index is read.

        Raises
        ------
        ProjectError
            ``project-missing``, ``project-newer``, ``project-corrupt``,
            ``project-busy``, ``project-older`` (must be brought up to date, but
            cannot be written).
        """
        path = Path(path).absolute()
        if path.name == MANIFEST:
            path = path.parent
        newer = _check_manifest(path)
        index = path / INDEX
        if not index.is_file():
            raise ProjectError("project-corrupt", file=index)
        _check_index(index)
        store = Store(index, read_only=read_only or newer)
        try:
            _check_version(store, path)
            return cls(path, store)
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        """Close it; may be called twice."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # labels

    def labels(self) -> LabelSet:
        """Return the labels in the order they are shown."""
        return label_table.read(self.store)

    def set_labels(self, labels: LabelSet) -> None:
        """Replace the labels.

        Raises
        ------
        InputError
            ``label-in-use`` if a label is missing whose voxels any saved mask holds
            (:mod:`core.project.relabel` removes it from the masks too);
            ``label-present`` for two of one name, ``layer-name-bad``.
        StorageError
            As :meth:`core.project.store.Store.transaction`.
        """
        label_table.write(self.store, labels)

    def scans_with_label(self, label: Label) -> int:
        """Return on how many scans the newest saved masks hold a label."""
        return label_table.scans_with(self.store, label)

    def ensure_label(self, name: str, *, color: str = "") -> Label:
        """Return the label of this name, added if it is not there."""
        known = self.labels().find(name.strip())
        if known is not None:
            return known
        with self.store.transaction():
            # again: another process may have added it since
            known = self.labels().find(name.strip())
            if known is None:
                self.set_labels(self.labels().with_label(name, color=color))
                known = self.labels().named(name.strip())
        return known

    # scans

    def add_scan(
        self,
        volume: Volume,
        *,
        patient: str | None,
        description: str = "",
        source: Sequence[str] = (),
        identity: Mapping[str, str] | None = None,
        layers: NewLayers | None = None,
    ) -> Scan:
        """Take a scan into the project, with its masks if it has any: all of it or nothing.

        Parameters
        ----------
        volume
            The scan; facts that hold the identity are left out.
        patient
            Identity text, hashed with the salt of this workstation; None if
            unknown: the scan is then its own patient.
        description
            Words without identity; dropped if they hold it.
        source, identity
            Kept in the links outside the project only.
        layers
            Masks that come with it, as the first annotation of their reader.

        Raises
        ------
        InputError
            ``scan-array-bad``; for masks as :meth:`save_layers`.
        StorageError
            ``disk-full``, ``read-only``, ``write-failed``; nothing was added.
        """
        scan = new_id()
        about: dict[str, Any] = {"patient": patient, "description": description, "source": source}
        about |= {"identity": identity or {}, "scan_id": scan}
        if layers is None:
            return self._scans.add(volume, **about)
        if self.read_only:
            raise StorageError("read-only", file=self.path)
        first = self._annotations.write_first(scan, volume.geometry, layers)
        try:
            return self._scans.add(volume, **about, also=lambda rows: self._annotations.insert_first(rows, first))
        except BaseException:
            # an interrupt may come after the rows are on the disk: then the files belong to them
            if not self._scans.has(scan):
                self._annotations.discard_first(first)
            raise

    def find_same(self, volume: Volume) -> Same:
        """Return the scan that holds the same as a volume, whatever format and name it came in, if there is one."""
        return self._scans.find_same(volume)

    def find_scan_by_hash(self, sha256: str) -> Scan | None:
        """Return the scan with these voxels (:func:`core.project.scanfile.pixel_hash`), or None."""
        return self._scans.find_by_hash(sha256)

    def scans(self, *, status: ScanStatus | None = None, patient: str | None = None, text: str = "") -> list[Scan]:
        """Return scans, oldest first; ``text`` words must all occur in name, patient, modality or description."""
        return self._scans.list(status=status, patient=patient, text=text)

    def scan(self, ref: str) -> Scan:
        """Return a scan by id or display name; ``InputError`` ``scan-unknown``."""
        return self._scans.get(ref)

    def finished_slices(self) -> dict[str, dict[str, int]]:
        """Return, by scan id and reader, on how many slices at least one layer is finished."""
        found = self.store.rows(
            "SELECT a.scan, a.reader, count(DISTINCT s.slice) FROM annotation a LEFT JOIN slice_state s "
            "ON s.annotation = a.id AND s.finished = 1 GROUP BY a.scan, a.reader"
        )
        result: dict[str, dict[str, int]] = {}
        for scan, reader, count in found:
            result.setdefault(scan, {})[reader] = count
        return result

    def set_status(self, scan_id: str, status: ScanStatus, *, reader: str | None = None) -> None:
        """Set where a scan stands."""
        self._scans.set_status(scan_id, status, reader or current_reader())

    def first_scan(self) -> Scan | None:
        """Return the scan to begin with: the first that something is left to do of, else the first; None of none."""
        return self._scans.first()

    def counts(self) -> dict[ScanStatus, int]:
        """Return how many scans stand where; every status is there."""
        return self._scans.counts()

    def read_volume(self, scan_id: str, watcher: Watcher | None = None) -> Volume:
        """Return a scan whole; ``ProjectError`` ``scan-corrupt`` or ``scan-missing`` names its file.

        A ``watcher`` (:class:`core.project.scanfile.Watcher`) is told of each slice as it comes.
        """
        return self._scans.read_volume(scan_id, watcher)

    def read_slices(self, scan_id: str, start: int, stop: int) -> Array:
        """Return the slices ``start <= z < stop`` as stored, ``[z, y, x(, c)]``."""
        return self._scans.read_slices(scan_id, start, stop)

    def geometry(self, scan_id: str) -> Geometry:
        """Return the grid of a scan, without opening its file."""
        return self._scans.geometry(scan_id)

    def accept_depth(self, scan_id: str, *, reader: str | None = None) -> None:
        """Accept the mean distance of a scan's uneven slices: its volumes in mL are told from then on."""
        self._scans.accept_depth(scan_id, reader or current_reader())

    def thumbnail(self, scan_id: str) -> NDArray[np.uint8]:
        """Return the middle slice as uint8 ``[64, 64]``."""
        return self._scans.thumbnail(scan_id)

    # annotations

    def annotations(self, scan_id: str) -> list[Annotation]:
        """Return the annotations of a scan, oldest first."""
        return self._annotations.of_scan(scan_id)

    def annotation(self, scan_id: str, reader: str) -> Annotation | None:
        """Return a reader's annotation of a scan, or None."""
        return self._annotations.find(scan_id, reader)

    def ensure_annotation(self, scan_id: str, reader: str) -> Annotation:
        """Return a reader's annotation of a scan, begun if there is none."""
        return self._annotations.ensure(self.scan(scan_id).id, reader)

    def read_layer(self, annotation_id: str, layer: str) -> NDArray[np.uint8] | None:
        """Return the newest mask of a layer, writable ``[z, y, x]``; None where it was not begun.

        Raises
        ------
        ProjectError
            ``mask-corrupt`` or ``mask-missing`` names the file.
        """
        return self._annotations.read(annotation_id, layer)

    def read_version(self, version: LayerVersion) -> NDArray[np.uint8]:
        """Return the mask of any saved version, writable ``[z, y, x]``."""
        return self._annotations.read_version(version)

    def restore_version(self, version: LayerVersion) -> None:
        """Put an older version in the place of a newest one whose file is damaged or gone.

        For an annotation that is not open: one that opens brings a version back as a step
        that can be undone. The damaged file goes to ``quarantine``.

        Raises
        ------
        ProjectError
            ``mask-corrupt``, ``mask-missing``, ``version-thinned`` if the older one is no better.
        StorageError
            As :meth:`save_layers`; nothing has changed then.
        """
        self._annotations.restore(version)

    def layers(self, annotation_id: str) -> dict[str, LayerVersion]:
        """Return the newest version of every layer that was begun."""
        return self._annotations.latest(annotation_id)

    def layer_versions(self, annotation_id: str, layer: str) -> list[LayerVersion]:
        """Return all saved versions of a layer, oldest first; ``removed`` tells whose file was thinned out."""
        return self._annotations.versions(annotation_id, layer)

    def slice_states(self, annotation_id: str, layer: str) -> list[SliceState]:
        """Return what is known about the slices of a layer, by slice."""
        return self._annotations.states(annotation_id, layer)

    def save_layers(
        self,
        annotation_id: str,
        layers: Mapping[str, NDArray[np.uint8]],
        states: Mapping[str, Sequence[SliceState]],
        *,
        journal_sequence: int,
        action: str = "draw",
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Save masks and what is known per slice; when this returns, it is on the disk.

        A layer whose voxels did not change gets no new version.

        Parameters
        ----------
        annotation_id
            Whose.
        layers
            By layer name: uint8 ``[z, y, x]`` on the scan's grid.
        states
            By layer name: *all* its slice states; what was there is replaced. A
            layer that is not named keeps its states.
        journal_sequence
            Last journal step that these contain.
        action, facts
            For the audit; facts without identity.

        Raises
        ------
        StorageError
            ``disk-full``, ``read-only``, ``write-failed``: the old versions and
            states stand as they were.
        ProjectError
            ``annotation-changed`` if another process saved meanwhile, ``project-busy``.
        InputError
            ``annotation-unknown``, ``mask-grid-differs``, ``mask-value-reserved``,
            ``layer-name-bad``, ``slice-outside``.
        """
        self._annotations.save(
            annotation_id, layers, states, journal_sequence=journal_sequence, action=action, facts=facts or {}
        )

    # places

    def journal_path(self, annotation_id: str) -> Path:
        """Return where the live strokes of an annotation are."""
        return self.path / "journal" / f"{annotation_id}.log"

    @property
    def runs_folder(self) -> Path:
        """Where runs are."""
        return self.path / "runs"

    @property
    def predictions_folder(self) -> Path:
        """Where predictions are."""
        return self.path / "predictions"

    @property
    def exports_folder(self) -> Path:
        """Where exports go."""
        return self.path / "exports"

    def verify(self, on_progress: Callable[[int, int], None] | None = None) -> list[str]:
        """Check every file; return one plain sentence per problem (:mod:`core.project.verify`)."""
        from core.project.verify import verify

        return verify(self, on_progress)


def _check_manifest(path: Path) -> bool:
    """Return whether the project is newer than this program but may be read."""
    file = path / MANIFEST
    if not file.is_file():
        raise ProjectError("project-missing", file=path)
    try:
        manifest = json.loads(file.read_bytes())
        made, needed = int(manifest["format"]), int(manifest["min_reader"])
    except (ValueError, KeyError, TypeError) as error:
        raise ProjectError("project-corrupt", file=file) from error
    except OSError as error:
        raise ProjectError("project-unreadable", file=file) from error
    if needed > FORMAT:
        raise ProjectError("project-newer", file=path)
    return made > FORMAT


def _check_index(file: Path) -> None:
    """Refuse a file that is not an index before SQLite, which would fill an empty one, opens it."""
    if is_held(file):
        return
    try:
        with file.open("rb") as opened:
            head = opened.read(100)
    except OSError as error:
        raise ProjectError("project-unreadable", file=file) from error
    application = int.from_bytes(head[68:72], "big")
    if len(head) < 100 or not head.startswith(b"SQLite format 3\0") or application != schema.APPLICATION:
        raise ProjectError("project-corrupt", file=file)


def _check_version(store: Store, path: Path) -> None:
    connection = store.read()
    version = schema.version_of(connection)
    if version == 0:
        raise ProjectError("project-corrupt", file=store.file)
    if version > schema.VERSION:
        raise ProjectError("project-newer", file=path)
    if version < schema.VERSION:
        if store.read_only:
            raise ProjectError("project-older", file=path)
        _keep_copy(store, path / f"project-v{version}.sqlite")
        with store.transaction(summed=False) as changing:
            schema.migrate(changing)


def _keep_copy(store: Store, target: Path) -> None:
    """Copy the index whole before it is brought up to date."""
    with atomic.path(target) as temporary, contextlib.closing(sqlite3.connect(temporary)) as copy:
        store.read().backup(copy)
