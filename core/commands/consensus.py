"""Make the consensus of several readers, or begin an adjudication: annotations beside theirs, which stay."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.commands.readers import add_as, who
from core.errors import InputError
from core.messages import text
from core.project.project import Project
from core.team.adjudication import METHODS, begin_adjudication, make_consensus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("scans", nargs="*", metavar="SCAN", help=text("hand_over.help_scans_all"))
    parser.add_argument("--method", choices=tuple(METHODS), default="staple", help=text("hand_over.help_method"))
    parser.add_argument("--label", dest="labels", action="append", default=[], help=text("hand_over.help_labels"))
    parser.add_argument("--readers", nargs="+", default=[], metavar="NAME", help=text("hand_over.help_readers"))
    parser.add_argument(
        "--adjudicate", nargs="?", const="staple", metavar="START", help=text("hand_over.help_adjudicate")
    )
    add_as(parser)


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Go through the scans; those without two readings are skipped and listed."""
    made = []
    with Project.open(arguments.project) as project:
        scans = [project.scan(ref) for ref in arguments.scans] or project.scans()
        for scan in scans:
            try:
                if arguments.adjudicate:
                    done = begin_adjudication(project, scan, by=who(arguments), start=arguments.adjudicate)
                else:
                    options = {"labels": arguments.labels, "readers": arguments.readers}
                    done = make_consensus(project, scan, arguments.method, by=who(arguments), **options)
            except InputError as error:
                if error.code not in {"consensus-few", "reading-blind", "reader-unknown"}:
                    raise
                line.skip(scan.name, error)
                continue
            made.append({"scan": scan.name, "annotation": done.id, "reader": done.reader})
            line.say(text("hand_over.consensus_row", scan=scan.name, reader=done.reader))
    if not made:
        raise InputError("consensus-nothing")
    return {"made": made}
