"""Give scans another status: send them to review, approve them, return them with a comment, skip them with a reason."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.commands.readers import add_as, who
from core.messages import text
from core.project.project import Project
from core.project.records import ScanStatus
from core.team.statuses import move


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("scans", nargs="+", metavar="SCAN", help=text("hand_over.help_scans"))
    words = [status.value for status in ScanStatus]
    parser.add_argument("--to", required=True, choices=words, help=text("hand_over.help_to"))
    parser.add_argument("--why", default="", metavar="TEXT", help=text("hand_over.help_why"))
    parser.add_argument("--slice", type=int, metavar="N", help=text("hand_over.help_slice"))
    add_as(parser)


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Move them; those that may not are named, and the command fails if there are any."""
    status = ScanStatus(arguments.to)
    place = None if arguments.slice is None else arguments.slice - 1
    with Project.open(arguments.project) as project:
        scans = [project.scan(ref) for ref in arguments.scans]
        names = {scan.id: scan.name for scan in scans}
        moved = move(project, list(names), status, reader=who(arguments), words=arguments.why, slice=place)
        counts = project.counts()
    for scan in moved.done:
        line.say(text("hand_over.moved", scan=names[scan], status=text(f"worklist.status_{status}")))
    for scan, before in moved.refused:
        shown = [text(f"worklist.status_{one}") for one in (before, status)]
        line.say(text("errors.status-move", scan=names[scan], before=shown[0], after=shown[1]))
    return {
        "moved": [names[scan] for scan in moved.done],
        "refused": [{"scan": names[scan], "status": before.value} for scan, before in moved.refused],
        "counts": {one.value: count for one, count in counts.items()},
        "exit": 1 if moved.refused else 0,
    }
