"""Put a project, or a part of it, into one file for somebody who has no server in common with you."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.messages import numeral, text
from core.team.bundle import bundle_job


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("file", type=Path, metavar="FILE.mnxbundle", help=text("hand_over.help_bundle"))
    parser.add_argument("--scans", nargs="+", default=[], metavar="SCAN", help=text("hand_over.help_scans_all"))
    parser.add_argument("--masks-only", action="store_true", help=text("hand_over.help_masks_only"))
    parser.add_argument("--for", dest="reader", default="", metavar="NAME", help=text("hand_over.help_for"))
    parser.add_argument("--as", dest="who", default="", metavar="NAME", help=text("hand_over.help_by"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Write it and say what is in it."""
    job = bundle_job(
        arguments.project,
        arguments.file,
        line.should_stop,
        scans=arguments.scans,
        with_scans=not arguments.masks_only,
        reader=arguments.reader,
        by=arguments.who.strip(),
    )
    result = line.follow(job)
    key = "bundled_masks" if arguments.masks_only else "bundled"
    line.say(text(f"hand_over.{key}", **(result | {"size": numeral(result["bytes"] / 1e6, ".1f")})))
    return result
