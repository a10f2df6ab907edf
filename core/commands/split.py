"""Show or change who is kept for the test: the patients that no run learns from."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.errors import InputError
from core.learning.frozen import freeze_test, frozen_test, thaw_test
from core.learning.split import choose_test
from core.learning.survey import candidates
from core.messages import text
from core.project.project import Project

SHARE = 0.15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--freeze", nargs="*", metavar="PATIENT", help=text("split.help_freeze"))
    what.add_argument("--thaw", action="store_true", help=text("split.help_thaw"))
    parser.add_argument("--label", dest="labels", action="append", default=[], help=text("split.help_label"))
    parser.add_argument("--share", type=float, default=SHARE, help=text("split.help_share", default=SHARE))
    parser.add_argument("--seed", type=int, default=0, help=text("learning.seed_help"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Change the frozen test set if asked, and say what it is."""
    if not 0 < arguments.share < 1:
        raise InputError("share-bad", given=arguments.share)
    changes = arguments.thaw or arguments.freeze is not None
    with Project.open(arguments.project, read_only=not changes) as project:
        if arguments.thaw and thaw_test(project):
            line.say(text("split.thawed"))
        if arguments.freeze is not None:
            freeze_test(project, _chosen(project, arguments))
        return _told(project, line)


def _chosen(project: Project, arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return the keys of the patients that were named, or else of some that are chosen by their labels."""
    if arguments.freeze:
        keys = {scan.patient_name.casefold(): scan.patient for scan in project.scans()}
        unknown = [name for name in arguments.freeze if name.casefold() not in keys]
        if unknown:
            raise InputError("patient-unknown", name=unknown[0])
        return tuple(keys[name.casefold()] for name in arguments.freeze)
    known = project.labels()
    labels = [known.named(name) for name in arguments.labels] if arguments.labels else list(known)
    return choose_test(candidates(project, labels), arguments.share, arguments.seed)


def _told(project: Project, line: Line) -> dict[str, Any]:
    frozen = frozen_test(project)
    if frozen is None:
        line.say(text("split.none"))
        return {"frozen": None}
    scans = [scan for scan in project.scans() if scan.patient in frozen.patients]
    names = sorted({scan.patient_name for scan in scans})
    line.say(text("split.frozen", patients=len(names), scans=len(scans), names=", ".join(names), at=frozen.at[:10]))
    return {"frozen": {"patients": names, "scans": [scan.name for scan in scans], "at": frozen.at, "who": frozen.who}}
