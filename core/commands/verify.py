"""Check every file of a project against its hash, and the audit against itself."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.messages import text
from core.project.project import Project
from core.project.verify import verify_job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Check, list the problems, and exit 1 if there are any."""
    with Project.open(arguments.project) as project:
        result = line.follow(verify_job(project, line.should_stop))
    for problem in result["problems"]:
        line.say(problem)
    key = "verify_bad" if result["problems"] else "verify_good"
    line.say(text(f"project.{key}", files=result["files"], problems=len(result["problems"])))
    return result | {"exit": 1 if result["problems"] else 0}
