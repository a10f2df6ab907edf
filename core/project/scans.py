"""The scans of a project: taking one in whole, finding them fast among ten thousand."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError, ProjectError, StorageError
from core.frames import FRAME
from core.geometry import Array, Geometry
from core.ids import new_id
from core.project import audit, scanfile
from core.project.links import Links
from core.project.records import Scan, ScanStatus, current_reader, utc_now
from core.project.sameness import Same, find_same, fingerprint
from core.project.store import Store
from core.volume import Volume

_SELECT = (
    "SELECT s.id, s.name, s.patient, p.number AS patient_number, p.known, s.modality, s.depth, s.height, s.width, "
    "s.spacing_known, s.orientation_known, s.status, s.created, s.description, s.channels, s.sha256 "
    "FROM scan s JOIN patient p ON p.key = s.patient"
)
_SEARCHED = "lower(s.name || ' ' || printf('P%03d', p.number) || ' ' || s.modality || ' ' || s.description)"
_TELLING = 4
"""Identity texts shorter than this are in every second word and are not looked for."""
_DOUBTED, _ACCEPTED = "doubted", "accepted"
"""What the index says of a scan whose slices lie unevenly; nothing where the distance is known."""


class Scans:
    """The scans of a project.

    Parameters
    ----------
    store
        The index.
    folder
        The project.
    links
        Where identity is kept.
    """

    def __init__(self, store: Store, folder: Path, links: Links) -> None:
        self._store = store
        self._folder = folder
        self._links = links
        self._geometries: dict[str, Geometry] = {}
        self._checked: dict[str, tuple[int, int]] = {}

    def add(
        self,
        volume: Volume,
        *,
        patient: str | None,
        description: str,
        source: Sequence[str],
        identity: Mapping[str, str],
        scan_id: str,
        also: Callable[[sqlite3.Connection], None] | None = None,
    ) -> Scan:
        """Take a scan in: see :meth:`core.project.project.Project.add_scan`.

        Parameters
        ----------
        scan_id
            A new one.
        also
            What comes in with it, in the same transaction.
        """
        if self._store.read_only:
            raise StorageError("read-only", file=self._folder)
        secret = _secrets([patient or "", *identity.values()])
        facts = _without(volume.facts, secret)
        frame = identity.get("FrameOfReferenceUID", "")
        if frame.strip():
            # which scans share a frame is no secret, which frame it is would be
            facts[FRAME] = self._links.token(FRAME, frame)
        clean = dataclasses.replace(volume, facts=facts)
        relative = f"scans/{scan_id}.h5"
        target = self._folder / relative
        digest = scanfile.write(target, clean)
        try:
            file_digest, size = scanfile.file_hash(target), target.stat().st_size
            # before the row, so that a scan in the project always has its link
            known = patient if patient and patient.strip() else None
            key = self._links.remember(scan_id, known, source, identity) or f"unknown-{new_id()}"
            with self._store.transaction() as connection:
                _ensure_patient(connection, key, known=known is not None)
                number = _next(connection, "scan")
                values = _columns(clean, description if not _tells(description, secret) else "")
                values |= {
                    "id": scan_id,
                    "number": number,
                    "name": f"S{number:04d}",
                    "patient": key,
                    "sha256": digest,
                    "file": relative,
                    "file_sha256": file_digest,
                    "file_size": size,
                }
                names = ", ".join(values)
                marks = ", ".join(f":{name}" for name in values)
                connection.execute(f"INSERT INTO scan ({names}) VALUES ({marks})", values)
                if not clean.geometry.depth_known:
                    connection.execute("INSERT INTO meta VALUES (?, ?)", (_depth_key(scan_id), _DOUBTED))
                touched = [("scan", scan_id), ("status", scan_id)]
                touched += [] if clean.geometry.depth_known else [("depth", scan_id)]
                told = {"scan": scan_id, "sha256": digest, "file": file_digest}
                audit.append(connection, current_reader(), "add-scan", told, touched=touched)
                if also is not None:
                    also(connection)
        except BaseException:
            # an interrupt may come after the row is on the disk: then the file belongs to it
            if not self.has(scan_id):
                target.unlink(missing_ok=True)
            raise
        return self.get(scan_id)

    def list(self, *, status: ScanStatus | None, patient: str | None, text: str) -> list[Scan]:
        """Return the scans that match, oldest first."""
        conditions, values = [], []
        if status is not None:
            conditions.append("s.status = ?")
            values.append(str(status))
        if patient is not None:
            conditions.append("s.patient = ?")
            values.append(patient)
        words = text.casefold().split()
        # SQLite knows upper and lower case of plain letters only; it leaves little to do for the others
        for word in filter(str.isascii, words):
            conditions.append(f"instr({_SEARCHED}, ?)")
            values.append(word)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        scans = [_scan(row) for row in self._store.rows(f"{_SELECT}{where} ORDER BY s.number", *values)]
        for word in words:
            if not word.isascii():
                scans = [scan for scan in scans if word in _searchable(scan)]
        return scans

    def get(self, ref: str) -> Scan:
        """Return a scan by its id or display name.

        Raises
        ------
        InputError
            ``scan-unknown``.
        """
        row = self._store.row(f"{_SELECT} WHERE s.id = ? OR s.name = ?", ref.strip().lower(), ref.strip().upper())
        if row is None:
            raise InputError("scan-unknown", name=ref)
        return _scan(row)

    def has(self, scan_id: str) -> bool:
        """Whether a scan is in the index."""
        return self._store.row("SELECT 1 FROM scan WHERE id = ?", scan_id) is not None

    def find_same(self, volume: Volume) -> Same:
        """Return the scan that holds the same as a volume, and one that looks the same but lies elsewhere."""
        return find_same(self._store, volume, self.geometry, self.read_volume)

    def find_by_hash(self, sha256: str) -> Scan | None:
        """Return the first scan with these voxels, or None."""
        row = self._store.row(f"{_SELECT} WHERE s.sha256 = ? ORDER BY s.number", sha256)
        return None if row is None else _scan(row)

    def first(self) -> Scan | None:
        """Return the scan to begin with: the first that something is left to do of, else the first; None of none."""
        left = (ScanStatus.IN_PROGRESS, ScanStatus.TO_DO, ScanStatus.RETURNED)
        order = "ORDER BY s.status NOT IN (?, ?, ?), s.number LIMIT 1"
        row = self._store.row(f"{_SELECT} {order}", *(status.value for status in left))
        return None if row is None else _scan(row)

    def set_status(self, scan_id: str, status: ScanStatus, reader: str) -> None:
        """Set where a scan stands."""
        with self._store.transaction() as connection:
            scan = self.get(scan_id)
            before = scan.status
            if before == status:
                return
            connection.execute("UPDATE scan SET status = ?, reason = '' WHERE id = ?", (str(status), scan.id))
            facts = {"scan": scan.id, "before": str(before), "after": str(status)}
            audit.append(connection, reader, "status", facts, touched=[("status", scan.id)])

    def counts(self) -> dict[ScanStatus, int]:
        """Return how many scans stand where; every status is there."""
        found = {row[0]: row[1] for row in self._store.rows("SELECT status, count(*) FROM scan GROUP BY status")}
        return {status: int(found.get(str(status), 0)) for status in ScanStatus}

    def geometry(self, scan_id: str) -> Geometry:
        """Return the grid of a scan, from the index."""
        known = self._geometries.get(scan_id)
        if known is None:
            row = self._row(scan_id)
            affine = np.asarray(json.loads(row["affine"]), dtype=np.float64)
            shape = (row["depth"], row["height"], row["width"])
            spacing, orientation = bool(row["spacing_known"]), bool(row["orientation_known"])
            known = Geometry(shape, affine, spacing, orientation, self._depth(scan_id) != _DOUBTED)
            self._geometries[scan_id] = known
        return known

    def read_volume(self, scan_id: str, watcher: scanfile.Watcher | None = None) -> Volume:
        """Return a scan whole, after its file's hash was checked; a ``watcher`` is told of each slice."""
        file, relative = self._file(scan_id)
        with _relative(relative):
            volume = scanfile.read(file, watcher)
        if not volume.geometry.depth_known and self._depth(scan_id) == _ACCEPTED:
            return dataclasses.replace(volume, geometry=dataclasses.replace(volume.geometry, depth_known=True))
        return volume

    def accept_depth(self, scan_id: str, reader: str) -> None:
        """Let a scan be measured although the distance between its slices is only a mean."""
        with self._store.transaction() as connection:
            scan = self.get(scan_id)
            if self._depth(scan.id) != _DOUBTED:
                return
            connection.execute("UPDATE meta SET value = ? WHERE key = ?", (_ACCEPTED, _depth_key(scan.id)))
            audit.append(connection, reader, "accept-depth", {"scan": scan.id}, touched=[("depth", scan.id)])
        self._geometries.pop(scan.id, None)

    def _depth(self, scan_id: str) -> str:
        """Return whether the distance between slices is doubted or was accepted; empty where it is known."""
        row = self._store.row("SELECT value FROM meta WHERE key = ?", _depth_key(scan_id))
        return "" if row is None else str(row["value"])

    def read_slices(self, scan_id: str, start: int, stop: int) -> Array:
        """Return some slices, after the file's hash was checked once."""
        file, relative = self._file(scan_id)
        with _relative(relative):
            return scanfile.read_slices(file, start, stop)

    def thumbnail(self, scan_id: str) -> NDArray[np.uint8]:
        """Return the thumbnail; the file's hash is not checked, to be quick."""
        relative = self._row(scan_id)["file"]
        with _relative(relative):
            return scanfile.read_thumbnail(self._folder / relative)

    def _row(self, scan_id: str) -> sqlite3.Row:
        row = self._store.row("SELECT * FROM scan WHERE id = ?", scan_id)
        if row is None:
            raise InputError("scan-unknown", name=scan_id)
        return row

    def _file(self, scan_id: str) -> tuple[Path, str]:
        row = self._row(scan_id)
        relative = str(row["file"])
        file = self._folder / relative
        try:
            stat = file.stat()
            mark = (stat.st_size, stat.st_mtime_ns)
            if self._checked.get(scan_id) != mark:
                # HDF5 may hang or crash on a damaged file, so it never sees one
                if scanfile.file_hash(file) != row["file_sha256"]:
                    raise ProjectError("scan-corrupt", file=relative)
                self._checked[scan_id] = mark
        except FileNotFoundError as error:
            raise ProjectError("scan-missing", file=relative) from error
        except OSError as error:
            raise ProjectError("scan-corrupt", file=relative) from error
        return file, relative


def _depth_key(scan_id: str) -> str:
    return f"depth/{scan_id}"


@contextlib.contextmanager
def _relative(name: str) -> Iterator[None]:
    """Name the file of a :class:`ProjectError` as the project knows it."""
    try:
        yield
    except ProjectError as error:
        raise ProjectError(error.code, **(error.fields | {"file": name})) from error


def _columns(volume: Volume, description: str) -> dict[str, object]:
    depth, height, width = volume.shape
    return {
        "modality": volume.modality,
        "depth": depth,
        "height": height,
        "width": width,
        "channels": 1 if volume.array.ndim == 3 else int(volume.array.shape[3]),
        "affine": json.dumps(volume.geometry.affine.tolist()),
        "spacing_known": int(volume.geometry.spacing_known),
        "orientation_known": int(volume.geometry.orientation_known),
        "status": str(ScanStatus.TO_DO),
        "created": utc_now(),
        "description": description,
        "content": fingerprint(volume),
    }


def _next(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT coalesce(max(number), 0) + 1 FROM {table}").fetchone()[0])


def _ensure_patient(connection: sqlite3.Connection, key: str, *, known: bool) -> None:
    if connection.execute("SELECT 1 FROM patient WHERE key = ?", (key,)).fetchone() is None:
        connection.execute(
            "INSERT INTO patient (key, number, known) VALUES (?, ?, ?)",
            (key, _next(connection, "patient"), int(known)),
        )


def _scan(row: sqlite3.Row) -> Scan:
    return Scan(
        id=row["id"],
        name=row["name"],
        patient=row["patient"],
        patient_name=f"P{row['patient_number']:03d}",
        patient_known=bool(row["known"]),
        modality=row["modality"],
        shape=(row["depth"], row["height"], row["width"]),
        spacing_known=bool(row["spacing_known"]),
        orientation_known=bool(row["orientation_known"]),
        status=ScanStatus(row["status"]),
        created=row["created"],
        description=row["description"],
        channels=row["channels"],
        sha256=row["sha256"],
    )


def _searchable(scan: Scan) -> str:
    return f"{scan.name} {scan.patient_name} {scan.modality} {scan.description}".casefold()


def _secrets(identity: Sequence[str]) -> list[str]:
    """Return what must not be said, folded: each text, and the parts of DICOM names."""
    parts = {part.strip().casefold() for value in identity for part in (value, *value.split("^"))}
    return [part for part in parts if len(part) >= _TELLING]


def _tells(text: str, secret: Sequence[str]) -> bool:
    folded = text.casefold()
    return any(part in folded for part in secret)


def _without(facts: Mapping[str, str | int | float], secret: Sequence[str]) -> dict[str, str | int | float]:
    # readers leave identity out; this is the second door, for what they overlook
    return {name: value for name, value in facts.items() if not _tells(str(value), secret)}
