"""Masks whose newest file is damaged or gone: which they are, and which older versions are whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.editing.opening import replayed
from core.errors import ProjectError
from core.io import atomic
from core.project import maskfile
from core.project.journal_file import JournalFile
from core.project.project import Project
from core.project.records import LayerVersion


@dataclass(frozen=True)
class Damage:
    """A layer that cannot be opened.

    Parameters
    ----------
    newest
        The version whose file is damaged or gone.
    code
        What is wrong: ``mask-corrupt`` or ``mask-missing``.
    whole
        The newest older version that can be read, None if there is none.
    again
        The very file made again from an older version and the strokes recorded since, known by its hash;
        None where they do not reach.
    """

    newest: LayerVersion
    code: str
    whole: LayerVersion | None
    again: bytes | None = None


def find_damage(project: Project, scan: str, reader: str) -> list[Damage]:
    """Return the damaged layers of a reader's annotation of a scan (id), by name; reads files.

    Raises
    ------
    ProjectError, StorageError
        If the index cannot be read.
    """
    annotation = project.annotation(scan, reader)
    found = []
    for layer, newest in sorted(project.layers(annotation.id).items()) if annotation is not None else ():
        code = readable(project, newest)
        if code:
            older = reversed(project.layer_versions(newest.annotation, layer)[:-1])
            whole = next((one for one in older if not one.removed and not readable(project, one)), None)
            found.append(Damage(newest, code, whole, _made_again(project, scan, newest, whole)))
    return found


def readable(project: Project, version: LayerVersion) -> str:
    """Return ``""`` if the file of a version is whole, else what is wrong with it."""
    try:
        project.read_version(version)
    except ProjectError as error:
        return error.code
    return ""


def _made_again(project: Project, scan: str, newest: LayerVersion, whole: LayerVersion | None) -> bytes | None:
    """Return the file of a version, worked out from an older one and the journal; None if that is not the very file."""
    file = project.journal_path(newest.annotation)
    try:
        journal = JournalFile(file, synced=newest.journal_sequence) if file.is_file() else None
    except ProjectError:
        return None
    if journal is None:
        return None
    geometry = project.geometry(scan)
    layers: dict[str, NDArray[np.uint8]] = {}
    start = 0
    if whole is not None and whole.journal_sequence >= journal.header.start:
        layers, start = {newest.layer: project.read_version(whole)}, whole.journal_sequence
    elif journal.header.start > 0:
        return None
    try:
        made = replayed(journal, geometry, layers, start, newest.journal_sequence).get(newest.layer)
    except ProjectError:
        return None
    if made is None:
        return None
    encoded = maskfile.encode(made, geometry)
    return encoded.data if encoded.sha256 == newest.sha256 else None


def mend(project: Project, damages: list[Damage]) -> None:
    """Make damaged masks whole; no annotation may be open meanwhile.

    Where the very file could be made again it is put back. Else the whole older version becomes a new one.
    Nothing is overwritten: the damaged files go to ``quarantine``.

    Raises
    ------
    ProjectError
        ``mask-no-version``, where a layer can be had neither way: nothing has changed then.
    StorageError
        As :meth:`core.project.project.Project.restore_version`.
    """
    for damage in damages:
        if damage.whole is None and damage.again is None:
            raise ProjectError("mask-no-version", file=damage.newest.file)
    for damage in damages:
        if damage.again is not None:
            file = project.path / damage.newest.file
            if file.exists():
                atomic.put_aside(file, project.path / "quarantine")
            atomic.write_bytes(file, damage.again)
        elif damage.whole is not None:
            project.restore_version(damage.whole)
