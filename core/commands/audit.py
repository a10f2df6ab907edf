"""Show who did what, when, with which tool or run; write it as a table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.messages import text
from core.project.project import Project
from core.team.trail import trail, write_csv

MOST = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("--scan", default="", metavar="SCAN", help=text("hand_over.help_scan_one"))
    parser.add_argument("--reader", default="", metavar="NAME", help=text("hand_over.help_audit_reader"))
    parser.add_argument("--last", type=int, default=MOST, metavar="N", help=text("hand_over.help_last", most=MOST))
    parser.add_argument("-o", "--csv", type=Path, metavar="FILE", help=text("hand_over.help_csv"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """List the last lines, all of them in the table."""
    with Project.open(arguments.project, read_only=True) as project:
        scan = project.scan(arguments.scan).id if arguments.scan else ""
        entries = trail(project, scan, arguments.reader, most=max(0, arguments.last))
        written = 0
        if arguments.csv is not None:
            written = write_csv(project, arguments.csv, scan=scan, reader=arguments.reader)
    for one in entries:
        tool = f"  [{', '.join(part for part in (one.tool, one.run) if part)}]" if one.tool or one.run else ""
        line.say(f"{one.at}  {one.who}  {one.what}{tool}")
    keys = ("at", "who", "action", "what", "tool", "run", "scan", "own", "sequence", "hash")
    return {"lines": [{name: getattr(one, name) for name in keys} for one in entries], "written": written}
