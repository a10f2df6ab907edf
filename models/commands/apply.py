"""Predict masks for loose files with a run of a project; the files stay where they are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.messages import text
from models.commands.ways import add_ways, ways
from models.loose import apply_job
from models.sharding import hush_others, leading


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("inputs", type=Path, nargs="+", metavar="FILE", help=text("strip.help_inputs"))
    parser.add_argument("--model", required=True, metavar="PROJECT:RUN", help=text("apply.help_model"))
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help=text("strip.help_output"))
    add_ways(parser)
    parser.add_argument("--volume", type=int, metavar="N", help=text("strip.help_volume"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Predict, and tell what was written."""
    hush_others()
    job = apply_job(
        arguments.inputs,
        arguments.output,
        model=arguments.model,
        ways=ways(arguments),
        volume=arguments.volume,
        should_stop=line.should_stop,
    )
    result = line.follow(job)
    if leading():
        line.say(text("apply.done", count=result["scans"], folder=arguments.output, failed=result["failed"]))
    return result | {"model": arguments.model, "exit": 1 if result["failed"] and leading() else 0}
