"""Make the consensus of several readers, or begin an adjudication: annotations beside theirs, which stay."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.commands.readers import add_as, who
from core.errors import InputError
from core.messages import text
from core.project.lock import AnnotationLock
from core.project.project import Project
from core.project.records import Annotation, Scan
from core.team.adjudication import METHODS, begin_adjudication, make_consensus, undecided


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
    made: list[dict[str, Any]] = []
    with Project.open(arguments.project) as project:
        scans = [project.scan(ref) for ref in arguments.scans] or project.scans()
        # nobody may draw meanwhile: the window would go on from masks that are not the newest
        with AnnotationLock(project.path, who(arguments)):
            for scan in scans:
                try:
                    done = _make(project, scan, arguments)
                except InputError as error:
                    if error.code not in {"consensus-few", "reading-blind", "reader-unknown"}:
                        raise
                    line.skip(scan.name, error)
                    continue
                made.append({"scan": scan.name, "annotation": done.id, "reader": done.reader})
                line.say(text("hand_over.consensus_row", scan=scan.name, reader=done.reader))
        known = project.labels()
        left = [] if arguments.adjudicate else undecided(known, [known.named(name) for name in arguments.labels])
    if made and left:
        line.say(text("hand_over.consensus_part", labels=", ".join(label.name for label in left)))
    if not made:
        raise InputError("consensus-nothing")
    return {"made": made}


def _make(project: Project, scan: Scan, arguments: argparse.Namespace) -> Annotation:
    by = who(arguments)
    if arguments.adjudicate:
        return begin_adjudication(project, scan, by=by, start=arguments.adjudicate)
    options = {"labels": arguments.labels, "readers": arguments.readers}
    return make_consensus(project, scan, arguments.method, by=by, **options)
