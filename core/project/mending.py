"""Masks whose newest file is damaged or gone: which they are, and which older versions are whole."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ProjectError
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
    """

    newest: LayerVersion
    code: str
    whole: LayerVersion | None


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
            found.append(Damage(newest, code, whole))
    return found


def readable(project: Project, version: LayerVersion) -> str:
    """Return ``""`` if the file of a version is whole, else what is wrong with it."""
    try:
        project.read_version(version)
    except ProjectError as error:
        return error.code
    return ""


def mend(project: Project, damages: list[Damage]) -> None:
    """Put the whole older version in the place of each damaged one; no annotation may be open meanwhile.

    Nothing is overwritten: each older mask becomes a new version, and the damaged files go to ``quarantine``.

    Raises
    ------
    ProjectError
        ``mask-corrupt`` and the like, where a layer has no whole version: nothing has changed then.
    StorageError
        As :meth:`core.project.project.Project.restore_version`.
    """
    for damage in damages:
        if damage.whole is None:
            raise ProjectError("mask-no-version", file=damage.newest.file)
    for damage in damages:
        if damage.whole is not None:
            project.restore_version(damage.whole)
