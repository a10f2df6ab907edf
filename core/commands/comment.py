"""Say something about a scan or one of its slices, settle a comment, or list the comments."""

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
from core.team.comments import add, settle
from core.team.curtain import comments_seen


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("scan", nargs="?", default="", metavar="SCAN", help=text("hand_over.help_scan_one"))
    parser.add_argument("words", nargs="?", default="", metavar="TEXT", help=text("hand_over.help_words"))
    parser.add_argument("--slice", type=int, metavar="N", help=text("hand_over.help_slice"))
    parser.add_argument("--answers", default="", metavar="ID", help=text("hand_over.help_answers"))
    parser.add_argument("--settle", default="", metavar="ID", help=text("hand_over.help_settle"))
    add_as(parser)


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Add or settle if asked, and list what there is."""
    if arguments.words and not arguments.scan:
        raise InputError("scans-needed")
    with Project.open(arguments.project, read_only=not (arguments.words or arguments.settle)) as project:
        scan = project.scan(arguments.scan) if arguments.scan else None
        if arguments.words and scan is not None:
            place = None if arguments.slice is None else arguments.slice - 1
            add(project, scan.id, arguments.words, reader=who(arguments), slice=place, answers=arguments.answers)
        if arguments.settle:
            settle(project, arguments.settle, reader=who(arguments))
        names = {one.id: one.name for one in project.scans()}
        found, hidden = comments_seen(project, who(arguments), scan.id if scan is not None else "")
    for one in found:
        where = "" if one.slice is None else text("hand_over.on_slice", slice=one.slice + 1)
        state = text("hand_over.settled") if one.settled else ""
        facts = asdict(one) | {"scan": names[one.scan], "where": where, "state": state, "at": one.at[:16]}
        line.say(text("hand_over.comment_row", **facts).rstrip())
    if hidden:
        line.say(text("team.comments_hidden"))
    elif not found:
        line.say(text("hand_over.comments_none"))
    return {"comments": [asdict(one) | {"name": names[one.scan]} for one in found], "hidden": hidden}
