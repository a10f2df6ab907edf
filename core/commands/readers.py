"""List who reads in a project and what each did, add somebody, or give somebody no more work."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.messages import text
from core.project.project import Project
from core.project.records import current_reader
from core.team.readers import add_reader, known_readers, retire_reader
from core.team.statistics import reader_figures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("--add", nargs="+", default=[], metavar="NAME", help=text("hand_over.help_add_reader"))
    parser.add_argument("--retire", nargs="+", default=[], metavar="NAME", help=text("hand_over.help_retire"))
    add_as(parser)


def add_as(parser: argparse.ArgumentParser) -> None:
    """Let the caller say who he is."""
    parser.add_argument("--as", dest="who", default="", metavar="NAME", help=text("hand_over.help_as"))


def who(arguments: argparse.Namespace) -> str:
    """Return who calls."""
    return arguments.who.strip() or current_reader()


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Change the list if asked, and show it."""
    with Project.open(arguments.project, read_only=not (arguments.add or arguments.retire)) as project:
        for name in arguments.add:
            add_reader(project, name, by=who(arguments))
        for name in arguments.retire:
            retire_reader(project, name, by=who(arguments))
        active = {one.name: one.active for one in known_readers(project)}
        figures = reader_figures(project)
    for one in figures:
        minutes = round(one.seconds / 60, 1)
        line.say(text("hand_over.reader_row", **(asdict(one) | {"minutes": minutes})))
    if not figures:
        line.say(text("hand_over.readers_none"))
    return {"readers": [asdict(one) | {"active": active[one.reader]} for one in figures]}
