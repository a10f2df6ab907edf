"""What a crash cut off is finished before anything reads half of it."""

from __future__ import annotations

from pathlib import Path

from core.errors import LockedError, ProjectError, StorageError
from core.project.lock import AnnotationLock
from core.project.project import MANIFEST, Project
from core.project.records import current_reader
from core.project.relabel import finish_pending, is_pending


def finish_labels(path: Path) -> None:
    """Finish a change of labels that was cut off; what is no project that opens is left to whoever opens it.

    Raises
    ------
    ProjectError
        ``labels-half-changed`` if it cannot be finished here: somebody else is at it, or nothing can be written.
    """
    folder = path.parent if path.name == MANIFEST else path
    if not (folder / MANIFEST).is_file():
        return
    try:
        with Project.open(folder, read_only=True) as project:
            if not is_pending(project):
                return
    except ProjectError:
        return
    try:
        with AnnotationLock(folder, current_reader()), Project.open(folder) as project:
            if project.read_only:
                raise StorageError("read-only", file=folder)
            finish_pending(project)
    except (LockedError, StorageError) as error:
        raise ProjectError("labels-half-changed", file=folder) from error
