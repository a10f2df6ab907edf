"""List the runs of a project, oldest first."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.learning.runs import Run, best_run, list_runs
from core.messages import text
from core.project.project import Project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """List the runs; the best is starred."""
    with Project.open(arguments.project, read_only=True) as project:
        runs = list_runs(project)
        best = best_run(project, runs=runs)
    names = {run.id: run.name for run in runs}
    for item in runs:
        line.say(_row(item, best))
    if not runs:
        line.say(text("project.runs_none"))
    return {"runs": [_facts(item, best, names) for item in runs]}


def _row(item: Run, best: Run | None) -> str:
    return text(
        "project.run_row",
        best="*" if best is not None and item.id == best.id else " ",
        name=item.name,
        state=item.state.value,
        network=item.network,
        labels=", ".join(item.labels),
        dice="-" if item.best_dice is None else f"{item.best_dice:.3f}",
        created=item.created,
    )


def _facts(item: Run, best: Run | None, names: dict[str, str]) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "network": item.network,
        "parent": None if item.parent is None else names.get(item.parent, item.parent),
        "labels": list(item.labels),
        "state": item.state.value,
        "best": best is not None and item.id == best.id,
        "best_epoch": item.best_epoch,
        "best_dice": item.best_dice,
        "seconds": item.seconds,
        "scans": item.scans,
        "slices": item.slices,
        "created": item.created,
        "usable": item.usable,
    }
