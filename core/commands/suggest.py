"""Say which slices are best drawn next, each with its reason."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.events import Progress
from core.learning.runs import find_run
from core.messages import text
from core.project.project import Project
from core.review.next_best import LOT, Pick
from core.review.suggest import Suggested, Wish, suggest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("learning.project_help"))
    parser.add_argument("--run", required=True, help=text("learning.run_help"))
    parser.add_argument("--count", type=_count, default=10, metavar="N", help=text("suggest.help_count"))
    parser.add_argument("--label", dest="labels", action="append", metavar="NAME", help=text("suggest.help_label"))
    parser.add_argument("--scans", nargs="+", default=[], metavar="SCAN", help=text("learning.scans_help"))
    parser.add_argument("--reader", default="", help=text("suggest.help_reader"))
    parser.add_argument("--lot", type=_share, default=LOT, metavar="SHARE", help=text("suggest.help_lot"))
    parser.add_argument("--seed", type=int, default=0, help=text("suggest.help_seed"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Look through the predictions and tell what was found."""
    with Project.open(arguments.project, read_only=True) as project:
        found = find_run(project, arguments.run)
        wish = Wish(
            found.id,
            arguments.count,
            tuple(project.labels().named(name).name for name in arguments.labels or ()),
            tuple(project.scan(ref).id for given in arguments.scans for ref in given.split(",") if ref),
            arguments.reader,
            arguments.lot,
            arguments.seed,
        )

        def told(done: int, total: int, name: str) -> None:
            line.show(Progress(done, total, "suggesting", detail=name))

        suggested = suggest(project, found, wish, go_on=lambda: not line.should_stop(), told=told)
    for number, pick in enumerate(suggested.picks, 1):
        line.say(_row(number, pick))
    for words in left_out(suggested):
        line.say(words)
    return {
        "run": found.id,
        "name": found.name,
        "suggestions": [_facts(pick) for pick in suggested.picks],
        "unpredicted": list(suggested.unpredicted),
        "kept_apart": list(suggested.kept_apart),
        "unread": list(suggested.unread),
    }


def left_out(found: Suggested) -> list[str]:
    """Return what was not looked at, in sentences."""
    said = []
    for key in ("unpredicted", "kept_apart", "unread"):
        names = getattr(found, key)
        if names:
            shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
            said.append(text(f"suggest.{key}", count=len(names), scans=shown))
    return said


def _row(number: int, pick: Pick) -> str:
    one = pick.candidate
    place = text("suggest.place", scan=one.name, slice=one.slice + 1, label=one.label)
    return f"{number:>3}  {place}  {pick.words}"


def _facts(pick: Pick) -> dict[str, Any]:
    one = pick.candidate
    doubts = {name: round(value, 4) for name, value in one.doubts.items()}
    facts = {"scan": one.name, "scan_id": one.scan, "slice": one.slice + 1, "slices": one.slices, "label": one.label}
    return facts | {"score": round(one.score, 4), "doubts": doubts, "by_lot": pick.lot, "reason": pick.words}


def _count(given: str) -> int:
    number = int(given)
    if not 1 <= number <= 10_000:
        raise argparse.ArgumentTypeError(text("suggest.count_range"))
    return number


def _share(given: str) -> float:
    share = float(given)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(text("suggest.share_range"))
    return share
