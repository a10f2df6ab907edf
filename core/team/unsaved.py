"""Strokes that a crash left in journals: saved before copies of a project are compared."""

from __future__ import annotations

from core.editing.opening import open_annotation
from core.errors import ProjectError
from core.project.journal_file import JournalFile
from core.project.project import Project
from core.project.saver import Saver


def save_unsaved(project: Project) -> int:
    """Save what journals hold beyond the saved masks; return of how many annotations. None may be open.

    Raises
    ------
    ProjectError, StorageError
        As :func:`core.editing.opening.open_annotation` and the saver.
    """
    saved = 0
    for row in project.store.rows("SELECT id, scan, reader, journal_sequence FROM annotation"):
        file = project.journal_path(row["id"])
        if not file.is_file():
            continue
        try:
            if JournalFile(file, synced=row["journal_sequence"]).last <= row["journal_sequence"]:
                continue
        except ProjectError:
            # opening sets it aside
            continue
        opened = open_annotation(project, row["scan"], row["reader"])
        Saver(project, opened).close()
        saved += 1
    return saved
