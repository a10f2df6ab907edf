"""Take a run that was exported elsewhere into a project; nothing in it is executed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.messages import text
from models.worker import Job, events_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("source", type=Path, help=text("runs.help_source"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Take the run in and say what it is called here."""
    job = Job("take_run", {"project_path": arguments.project, "source": arguments.source})
    facts = line.follow(events_of(job, line.should_stop))
    line.say(text("runs.taken", name=facts["name"], origin=facts["origin"], labels=", ".join(facts["labels"])))
    if facts["learnt_here"]:
        line.say(text("runs.taken_known", count=facts["learnt_here"]))
    return facts
