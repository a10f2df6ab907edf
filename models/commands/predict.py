"""Predict masks for the scans of a project."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.messages import text
from models.commands.ways import add_ways, ways
from models.sharding import hush_others, leading
from models.worker import Job, events_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("project", type=Path, help=text("learning.project_help"))
    parser.add_argument("--run", required=True, help=text("learning.run_help"))
    parser.add_argument("--scans", nargs="+", default=[], metavar="SCAN", help=text("learning.scans_help"))
    parser.add_argument("--gate", default="", metavar="CLASSIFIER_RUN", help=text("learning.gate_help"))
    parser.add_argument("--missing-only", action="store_true", help=text("learning.missing_help"))
    add_ways(parser)


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Predict and return what was predicted."""
    hush_others()
    job = Job(
        "predict",
        {
            "project_path": arguments.project,
            "run": arguments.run,
            "scans": _names(arguments.scans),
            "missing_only": arguments.missing_only,
            "gate": arguments.gate,
            "ways": ways(arguments),
        },
    )
    result = line.follow(events_of(job, line.should_stop))
    if leading():
        key = "learning.class_predicted" if "yes" in result else "learning.predicted"
        line.say(text(key, **{**result, "count": len(result["scans"])}))
        if arguments.gate:
            line.say(text("learning.gated", **result))
    # a batch goes on past a bad scan, and fails at its end; the first process fails for all that work together
    return {**result, "exit": 1 if line.skipped else 0}


def _names(given: list[str]) -> list[str]:
    """Take ``S0001 S0002`` as well as ``S0001,S0002``."""
    return [name for word in given for name in word.split(",") if name]
