"""Give scans to readers, to one or to two who do not see each other's masks; say that a reading is done."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.commands.readers import add_as, who
from core.errors import InputError
from core.messages import text
from core.project.project import Project
from core.team.assignments import ROLES, assign, assignments, finish_reading, two_readers, unassign


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("scans", nargs="*", metavar="SCAN", help=text("hand_over.help_scans_all"))
    parser.add_argument("--reader", default="", metavar="NAME", help=text("hand_over.help_assign"))
    parser.add_argument("--second", default="", metavar="NAME", help=text("hand_over.help_second"))
    parser.add_argument("--role", choices=ROLES, default="reader", help=text("hand_over.help_role"))
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--take-away", action="store_true", help=text("hand_over.help_take_away"))
    what.add_argument("--done", action="store_true", help=text("hand_over.help_done"))
    add_as(parser)


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Assign if a reader is named, and show who has what."""
    reader, by = arguments.reader.strip(), who(arguments)
    with Project.open(arguments.project, read_only=not reader) as project:
        scans = [project.scan(ref).id for ref in arguments.scans] or [scan.id for scan in project.scans()]
        if reader and (arguments.take_away or arguments.done) and not arguments.scans:
            raise InputError("scans-needed")
        if arguments.second and reader:
            two_readers(project, scans, reader, arguments.second, by=by)
        elif arguments.take_away and reader:
            unassign(project, scans, reader, by=by)
        elif arguments.done and reader:
            for scan in scans:
                finish_reading(project, scan, reader)
        elif reader:
            assign(project, scans, reader, by=by, role=arguments.role)
        names = {scan.id: scan.name for scan in project.scans()}
        given = [one for one in assignments(project) if one.scan in set(scans)]
    for one in given:
        key = "assigned_done" if one.done else "assigned_blind" if one.blind else "assigned_open"
        line.say(text(f"hand_over.{key}", scan=names[one.scan], reader=one.reader, role=one.role))
    if not given:
        line.say(text("hand_over.assigned_none"))
    return {"assignments": [asdict(one) | {"name": names[one.scan]} for one in given]}
