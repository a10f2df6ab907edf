"""Hang tags on scans or take them off; without any, list the tags of a project."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.commands.readers import add_as, who
from core.errors import InputError
from core.messages import text
from core.project.project import Project
from core.team.tags import tag, tags


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("scans", nargs="*", metavar="SCAN", help=text("hand_over.help_scans"))
    parser.add_argument("--add", nargs="+", default=[], metavar="TAG", help=text("hand_over.help_tag"))
    parser.add_argument("--remove", nargs="+", default=[], metavar="TAG", help=text("hand_over.help_untag"))
    add_as(parser)


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Change tags if asked, and list them."""
    changes = bool(arguments.add or arguments.remove)
    if changes and not arguments.scans:
        raise InputError("scans-needed")
    with Project.open(arguments.project, read_only=not changes) as project:
        scans = [project.scan(ref).id for ref in arguments.scans]
        changed = sum(tag(project, scans, name, by=who(arguments)) for name in arguments.add)
        changed += sum(tag(project, scans, name, by=who(arguments), on=False) for name in arguments.remove)
        known = tags(project)
    for name, count in known.items():
        line.say(text("hand_over.tag_row", tag=name, scans=count))
    if not known:
        line.say(text("hand_over.tags_none"))
    return {"changed": changed, "tags": known}
