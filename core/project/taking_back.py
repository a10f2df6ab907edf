"""Taking back what a cancelled import brought in: its scans and masks, as if they had never been there.

Nothing that a person has touched is taken away: a scan that somebody has drawn on
meanwhile stays, with all its masks.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.errors import InputError
from core.project import audit
from core.project.project import Project
from core.project.records import Annotation, ScanStatus, current_reader

_LONELY = "SELECT key FROM patient WHERE key NOT IN (SELECT patient FROM scan)"


@dataclass
class Brought:
    """What an import has brought in so far.

    Parameters
    ----------
    scans
        Ids of its scans.
    annotations
        Ids of annotations that it began, on its own scans or on those that were there.
    predictions
        (run, scan) of what it stored as predictions of scans that were there.
    labels
        Names of labels that it added.
    """

    scans: list[str] = field(default_factory=list)
    annotations: list[str] = field(default_factory=list)
    predictions: list[tuple[str, str]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


def take_back(project: Project, brought: Brought) -> list[str]:
    """Remove what an import brought in; return the names of the scans that had to stay.

    The rows go in one transaction, the files after it: a crash in between leaves
    files that no row names, which :func:`core.project.verify.tidy` puts aside.

    Raises
    ------
    StorageError, ProjectError
        The index could not be changed; all of it is still there.
    """
    kept: list[str] = []
    files: list[Path] = []
    gone: list[str] = []
    patients: list[str] = []
    with project.store.transaction() as connection:
        for scan in brought.scans:
            if _touched(project, scan, brought.annotations):
                kept.append(project.scan(scan).name)
                continue
            files += _remove_scan(connection, project, scan)
            gone.append(scan)
        for annotation in brought.annotations:
            files += _remove_annotation(connection, project, annotation, brought)
        for run, scan in brought.predictions:
            files += _remove_prediction(connection, project, run, scan)
        patients = [str(row[0]) for row in connection.execute(_LONELY).fetchall()]
        connection.executemany("DELETE FROM patient WHERE key = ?", [(key,) for key in patients])
        if not kept:
            _remove_labels(project, brought.labels)
    for file in files:
        _remove_file(project.path, file)
    project.links.forget(gone, patients)
    return kept


def _touched(project: Project, scan: str, ours: Sequence[str]) -> bool:
    """Whether anybody has drawn on a scan since it came in."""
    return any(annotation.id not in ours or _drawn(project, annotation) for annotation in project.annotations(scan))


def _drawn(project: Project, annotation: Annotation) -> bool:
    layers = project.layers(annotation.id)
    saved_again = any(len(project.layer_versions(annotation.id, layer)) > 1 for layer in layers)
    return saved_again or annotation.journal_sequence > 0 or project.journal_path(annotation.id).exists()


def _remove_scan(connection: sqlite3.Connection, project: Project, scan: str) -> list[Path]:
    files = [project.path / str(row[0]) for row in connection.execute("SELECT file FROM scan WHERE id = ?", (scan,))]
    for annotation in project.annotations(scan):
        files += _forget_annotation(connection, project, annotation.id)
    for row in connection.execute("SELECT run FROM prediction WHERE scan = ?", (scan,)).fetchall():
        files += _remove_prediction(connection, project, str(row[0]), scan)
    touched = _things(connection, scan)
    for table in ("measurement", "comment"):
        rows = connection.execute(f"SELECT id FROM {table} WHERE scan = ?", (scan,)).fetchall()
        touched += [(table, str(row[0])) for row in rows]
    for table in ("class_value", "measurement", "assignment", "tag", "comment", "reading_time"):
        connection.execute(f"DELETE FROM {table} WHERE scan = ?", (scan,))
    connection.execute("DELETE FROM scan WHERE id = ?", (scan,))
    connection.execute("DELETE FROM meta WHERE key = 'depth/' || ?", (scan,))
    audit.append(connection, current_reader(), "take-back-scan", {"scan": scan}, touched=touched)
    return files


def _remove_annotation(
    connection: sqlite3.Connection, project: Project, annotation: str, brought: Brought
) -> list[Path]:
    """Remove an annotation that was begun on a scan that was there before."""
    row = connection.execute("SELECT scan FROM annotation WHERE id = ?", (annotation,)).fetchone()
    if row is None or row[0] in brought.scans:
        return []
    owner = next(one for one in project.annotations(row[0]) if one.id == annotation)
    if _drawn(project, owner):
        return []
    files = _forget_annotation(connection, project, annotation)
    if not project.annotations(row[0]) and project.scan(row[0]).status is ScanStatus.IN_PROGRESS:
        project.set_status(row[0], ScanStatus.TO_DO)
    return files


def _forget_annotation(connection: sqlite3.Connection, project: Project, annotation: str) -> list[Path]:
    rows = connection.execute("SELECT file, sha256 FROM layer_version WHERE annotation = ?", (annotation,)).fetchall()
    for table in ("slice_state", "layer_version"):
        connection.execute(f"DELETE FROM {table} WHERE annotation = ?", (annotation,))
    connection.execute("DELETE FROM annotation WHERE id = ?", (annotation,))
    # told, so that verify knows why these saves have no row any more
    facts = {"annotation": annotation, "taken": [str(row[1]) for row in rows]}
    audit.append(connection, current_reader(), "take-back-masks", facts, touched=_things(connection, annotation))
    return [project.path / str(row[0]) for row in rows]


def _things(connection: sqlite3.Connection, owner: str) -> list[tuple[str, str]]:
    """Return what the audit tells of that belongs to a scan or an annotation."""
    rows = connection.execute("SELECT kind, key FROM change WHERE instr(key, ?) > 0", (owner,)).fetchall()
    return [(str(row[0]), str(row[1])) for row in rows]


def _remove_prediction(connection: sqlite3.Connection, project: Project, run: str, scan: str) -> list[Path]:
    connection.execute("DELETE FROM prediction WHERE run = ? AND scan = ?", (run, scan))
    folder = project.predictions_folder / run / scan
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _remove_labels(project: Project, names: Sequence[str]) -> None:
    """Take away labels that were added for this import, where nothing is drawn with them."""
    for name in names:
        labels = project.labels()
        left = tuple(label for label in labels if label.name != name)
        try:
            project.set_labels(replace(labels, labels=left))
        except InputError:
            # somebody used it meanwhile
            continue


def _remove_file(root: Path, file: Path) -> None:
    file.unlink(missing_ok=True)
    for folder in file.parents:
        if folder.parent == root or root not in folder.parents:
            return
        with contextlib.suppress(OSError):
            folder.rmdir()
