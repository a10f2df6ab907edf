"""Taking a run away: what hangs on it is told first, what others depend on is kept."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from core.errors import LearningError
from core.io import atomic
from core.learning.runs import Run, RunState, list_runs, run_folder
from core.project import audit
from core.project.predictions import list_predictions
from core.project.project import Project
from core.project.records import current_reader


@dataclass(frozen=True, slots=True)
class Ties:
    """What hangs on a run.

    Parameters
    ----------
    children
        Names of the runs that started from it.
    predictions
        Scans that it predicted; they go with it.
    looks
        How often somebody looked at its test scans.
    size
        Bytes of its files and predictions.
    """

    children: tuple[str, ...]
    predictions: int
    looks: int
    size: int


def ties_of(project: Project, run: Run) -> Ties:
    """Return what hangs on a run."""
    children = tuple(other.name for other in list_runs(project) if other.parent == run.id)
    looks = int(project.store.rows("SELECT count(*) FROM test_look WHERE run = ?", run.id)[0][0])
    folders = (run_folder(project, run.id), project.predictions_folder / run.id)
    size = sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())
    return Ties(children, len(list_predictions(project, run=run.id)), looks, size)


def delete_run(project: Project, run: Run) -> Ties:
    """Delete a run with its files and predictions; masks that people took over from it stay theirs.

    The audit keeps that it was there, and how often its test scans were looked at.

    Raises
    ------
    LearningError
        ``run-is-running``; ``run-has-children``, whose figures could not be checked for leaks
        any more without what their parent was trained on.
    ProjectError
        ``read-only-project``.
    StorageError
        If the disk refuses; the run is then still there.
    """
    if run.state is RunState.RUNNING:
        raise LearningError("run-is-running", name=run.name)
    ties = ties_of(project, run)
    if ties.children:
        raise LearningError("run-has-children", name=run.name, children=", ".join(ties.children))
    with project.store.transaction() as connection:
        for table in ("test_look", "prediction", "run_scan"):
            connection.execute(f"DELETE FROM {table} WHERE run = ?", (run.id,))
        connection.execute("DELETE FROM run WHERE id = ?", (run.id,))
        facts = {"run": run.id, "name": run.name, "test_looks": ties.looks, "predictions": ties.predictions}
        audit.append(connection, current_reader(), "delete-run", facts)
    # rows first: a folder without a row is in nobody's way, a row without its folder would be
    for folder in (run_folder(project, run.id), project.predictions_folder / run.id):
        shutil.rmtree(folder, ignore_errors=True)
        if folder.parent.is_dir():
            atomic.sync_folder(folder.parent)
    return ties
