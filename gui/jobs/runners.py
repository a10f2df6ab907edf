"""The one doorway to ``models``: what a job's child process runs, and with which facts.

Nothing else in ``gui`` names ``models``. Importing :mod:`models.worker` loads no
torch (checked by import-linter); the child loads it only once it trains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from models.worker import Job, run_job

if TYPE_CHECKING:
    from core.exchange.taking import TakeOptions
    from core.learning.config import TrainingConfig
    from core.project.importing import ImportOptions

__all__ = [
    "Job",
    "Target",
    "bundle",
    "evaluate",
    "explore",
    "export",
    "import_files",
    "merge",
    "predict",
    "resume",
    "run_job",
    "strip",
    "take_foreign",
    "take_run",
    "train",
]

Target: TypeAlias = Callable[[Connection, Job], None]
"""Entry of a child: reads orders from the connection and sends events into it.

It is pickled by name, so it must be a plain function of an importable module
that loads no Qt: the child imports that module and nothing of the window.
"""


def train(project: Path, config: TrainingConfig) -> Job:
    """Return the job that trains one run."""
    return Job("train", {"project_path": project, "config": config})


def resume(project: Path, run: str) -> Job:
    """Return the job that goes on with a paused or interrupted run (id)."""
    return Job("train", {"project_path": project, "resume": run})


def predict(
    project: Path,
    run: str,
    scans: Sequence[str],
    *,
    missing_only: bool = False,
    gate: str = "",
    ways: Mapping[str, Any] | None = None,
) -> Job:
    """Return the job that predicts scans (ids; none means all) with a run and stores the predictions.

    Slices that ``gate`` (id of a run that classifies) calls clean stay empty. ``ways`` may hold ``mirrored``,
    ``three_views`` and ``tidying``.
    """
    facts: dict[str, Any] = {"project_path": project, "run": run, "scans": list(scans), "missing_only": missing_only}
    return Job("predict", facts | ({"gate": gate} if gate else {}) | _ways(ways or {}))


def strip(arguments: Mapping[str, Any]) -> Job:
    """Return the job that strips files; ``mirrored``, ``three_views`` and ``tidying`` among what it takes."""
    ways = {name: arguments[name] for name in ("mirrored", "three_views", "tidying")}
    others = {name: value for name, value in arguments.items() if name not in ways}
    return Job("strip", others | _ways(ways))


def _ways(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was chosen as a job takes it; nothing for the usual."""
    if not chosen:
        return {}
    from core.review.tidy import Ways  # loads numpy's friends: not before it is needed

    return {"ways": Ways(**chosen)}


def evaluate(project: Path, run: str, part: str) -> Job:
    """Return the job that measures a run (id) on a part (``val test all``) of its scans and keeps the figures."""
    return Job("evaluate", {"project_path": project, "run": run, "on": part})


def explore(project: Path, labels: Sequence[str]) -> Job:
    """Return the job that looks at all there is to learn from."""
    return Job("explore", {"project_path": project, "labels": tuple(labels)})


def take_run(project: Path, source: Path) -> Job:
    """Return the job that takes a run in that was exported elsewhere (a folder or a zip)."""
    return Job("take_run", {"project_path": project, "source": source})


def bundle(project: Path, file: Path, scans: Sequence[str], *, with_scans: bool, reader: str = "", by: str = "") -> Job:
    """Return the job that packs scans (ids; none means all) and what was said of them into one file.

    It is for a ``reader`` and handed over ``by`` one; see :func:`core.team.bundle.bundle_job`.
    """
    facts = {"project_path": project, "file": file, "scans": tuple(scans), "with_scans": with_scans, "reader": reader}
    return Job("bundle", facts | {"by": by})


def merge(project: Path, file: Path, *, reader: str, dry: bool, locked: bool = True) -> Job:
    """Return the job that takes in what was handed over; ``dry`` only looks what would come of it.

    The window holds the lock of an open project (``locked``), and no annotation is open meanwhile.
    """
    facts = {"project_path": project, "file": file, "dry": dry, "locked": locked, "reader": reader}
    return Job("merge", facts)


def import_files(project: Path, sources: Sequence[Path], options: ImportOptions) -> Job:
    """Return the job that takes files into the project."""
    return Job("import", {"project_path": project, "sources": list(sources), "options": options})


def export(project: Path, arguments: Mapping[str, Any]) -> Job:
    """Return the job that writes files out of the project: for another tool where a format is named."""
    return Job("exchange" if "format" in arguments else "export", {"project_path": project, **arguments})


def take_foreign(project: Path, path: Path, options: TakeOptions) -> Job:
    """Return the job that takes in what another tool exported."""
    return Job("take", {"project_path": project, "path": path, "options": options})
