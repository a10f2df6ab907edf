"""A report written by a process of its own: laying out pages holds Python for longer than a frame."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from core.errors import MeninxError
from core.project.project import Project
from gui.report.command import check, write


def write_apart(project: Path, run: str, target: Path) -> Path:
    """Write a report in a child and wait for it (not in the window's thread).

    Raises
    ------
    MeninxError
        As :func:`gui.report.command.write`; ``job-crashed`` if the child is lost.
    """
    check(target)
    try:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(_write, project, run, target).result()
    except BrokenProcessPool as error:
        raise MeninxError("job-crashed", reason=type(error).__name__) from error


def _write(project: Path, run: str, target: Path) -> Path:
    with Project.open(project, read_only=True) as there:
        return write(there, run, target)
