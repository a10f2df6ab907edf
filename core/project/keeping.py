"""Putting a project somewhere else: every file safely there before it is a project."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from core.errors import ProjectError
from core.io import atomic
from core.project.project import Project

MANIFEST = "meninx.json"


def copy_project(source: Path, target: Path, on_progress: Callable[[int, int], None] | None = None) -> None:
    """Copy a closed project folder.

    ``meninx.json`` comes last: a folder without it is not a project, so half a
    copy is never opened as one.

    Parameters
    ----------
    source
        A project that nobody has open.
    target
        A folder that is not there, or empty.
    on_progress
        Called with files done and in all.

    Raises
    ------
    ProjectError
        ``project-missing``, ``project-exists``.
    StorageError
        ``disk-full``, ``read-only``, ``write-failed``; the half copy is taken away.
    """
    source, target = Path(source), Path(target)
    if not (source / MANIFEST).is_file():
        raise ProjectError("project-missing", file=source)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ProjectError("project-exists", file=target)
    files = sorted(file for file in source.rglob("*") if file.is_file() and not atomic.is_temporary(file))
    files = [file for file in files if file.name != MANIFEST and not file.name.endswith(".lock")]
    files.append(source / MANIFEST)
    try:
        atomic.make_folder(target)
        for folder in sorted(folder for folder in source.rglob("*") if folder.is_dir()):
            atomic.make_folder(target / folder.relative_to(source))
        for done, file in enumerate(files):
            if on_progress is not None:
                on_progress(done, len(files))
            with atomic.path(target / file.relative_to(source)) as temporary:
                shutil.copyfile(file, temporary)
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def keep_as(source: Path, target: Path) -> None:
    """Copy a project that is closed, and call the copy what its folder is called.

    Under the name of the first, nobody could tell which of the two they draw in.

    Raises
    ------
    ProjectError, StorageError
        As :func:`copy_project`; the half copy is taken away.
    """
    copy_project(source, target)
    try:
        with Project.open(target) as project, project.store.transaction() as connection:
            name = project.path.name.removesuffix(".meninx")
            connection.execute("UPDATE meta SET value = ? WHERE key = 'name'", (name,))
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
