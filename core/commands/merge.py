"""Merge a bundle into a copy of the same project, or make a copy of it; list what both copies had changed."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.commands.readers import add_as, who
from core.messages import text
from core.project.project import Project
from core.team.conflicts import conflicts, settle_conflict
from core.team.finishing import close_finished
from core.team.merging import merge_job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE.mnxbundle", help=text("hand_over.help_merge"))
    parser.add_argument("--dry-run", action="store_true", help=text("hand_over.help_dry"))
    parser.add_argument("--settle", nargs="+", default=[], metavar="ID", help=text("hand_over.help_settle_conflict"))
    parser.add_argument("--all", action="store_true", help=text("hand_over.help_all"))
    add_as(parser)


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Merge if a file is given, settle if asked, and list the conflicts that are left."""
    result: dict[str, Any] = {}
    if arguments.file is not None:
        job = merge_job(
            arguments.project, arguments.file, line.should_stop, dry=arguments.dry_run, reader=who(arguments)
        )
        result = line.follow(job)
        key = "merged_already" if result["already"] else "merged_dry" if arguments.dry_run else "merged"
        shown = {"new_scans": result["new_scans"], "conflicts": len(result["conflicts"])}
        line.say(text(f"hand_over.{key}", **shown))
        if result["skipped_scans"]:
            line.say(text("hand_over.merged_skipped", scans=result["skipped_scans"]))
        if arguments.dry_run and not arguments.project.exists():
            return result
    merged = arguments.file is not None and not arguments.dry_run
    with Project.open(arguments.project, read_only=not (arguments.settle or merged)) as project:
        if merged:
            # each reader said in a copy of his own that he is done: together that is the scan's word
            close_finished(project, by=who(arguments))
        for one in arguments.settle:
            settle_conflict(project, one, reader=who(arguments))
        left = conflicts(project, settled=arguments.all)
    for found in left:
        line.say(text("hand_over.conflict_row", id=found.id, words=found.words))
    if not left and arguments.file is None:
        line.say(text("hand_over.conflicts_none"))
    return {**result, "conflicts_left": [asdict(one) | {"words": one.words} for one in left]}
