"""Opening a project for this window: with the right to draw, or read-only with the reason."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from core.errors import LockedError, MeninxError, StorageError
from core.labels import BRAIN
from core.messages import sentence, text
from core.project.lock import AnnotationLock
from core.project.project import Project
from core.project.relabel import finish_pending


@dataclass(frozen=True)
class OpenedProject:
    """A project, the right to draw in it (None: read-only), and why it is read-only."""

    project: Project
    lock: AnnotationLock | None
    reason: str

    def close(self) -> None:
        """Close the project, then let go of the lock."""
        self.project.close()
        if self.lock is not None:
            self.lock.release()


def make_project(path: Path, name: str) -> None:
    """Make a project with the label Brain.

    Raises
    ------
    ProjectError, StorageError
        As :meth:`core.project.project.Project.create`.
    """
    with Project.create(path, name=name) as project:
        project.ensure_label(BRAIN)


def open_for_drawing(path: Path, reader: str) -> OpenedProject:
    """Open a project; read-only if somebody else is drawing in it or the medium allows no writing.

    Raises
    ------
    ProjectError
        If it cannot be opened at all.
    """
    if not (path / "meninx.json").is_file():
        # no project: says so, and no lock file is left in a folder that is somebody else's
        Project.open(path).close()
    asked = AnnotationLock(path, reader)
    lock: AnnotationLock | None = asked
    reason = ""
    try:
        # before opening: opening for writing tidies up, which only the holder may do
        asked.acquire()
    except LockedError as error:
        lock, reason = None, sentence(error)
    except StorageError:
        lock, reason = None, text("session.read_only_medium")
    try:
        project = Project.open(path, read_only=lock is None)
    except MeninxError:
        if lock is not None:
            lock.release()
        raise
    if not project.read_only:
        # what a crash interrupted while labels were changed; a disk that refuses is told of by the next save
        with contextlib.suppress(StorageError):
            finish_pending(project)
    if project.read_only and not reason:
        reason = text("session.read_only_medium")
    return OpenedProject(project, lock, reason)
