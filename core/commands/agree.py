"""How well readers agree: Dice, Cohen's kappa and HD95 by scan, label and pair of readers."""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.io import atomic
from core.messages import numeral, text
from core.project.project import Project
from core.review.agreement import Agreement, agreements, summary
from core.review.class_agreement import class_agreements, class_words
from core.team.assignments import blind_scans


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("--label", dest="labels", action="append", default=[], help=text("hand_over.help_labels"))
    parser.add_argument("--scans", nargs="+", default=[], metavar="SCAN", help=text("hand_over.help_scans_all"))
    parser.add_argument("--readers", nargs="+", default=[], metavar="NAME", help=text("hand_over.help_readers"))
    parser.add_argument("-o", "--csv", type=Path, metavar="FILE", help=text("hand_over.help_csv"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Compare, and show each pair and the means."""
    with Project.open(arguments.project, read_only=True) as project:
        blind = len(blind_scans(project))
        found = list(agreements(project, arguments.labels, arguments.scans, arguments.readers))
        # labels and scans that are named leave classes out
        classes = [] if arguments.labels or arguments.scans else class_agreements(project, arguments.readers)
    for one in found:
        figures = {name: _number(getattr(one, name)) for name in ("dice", "kappa", "hd95")}
        facts = {"scan": one.name, "label": one.label, "first": one.first, "second": one.second, "unit": one.unit}
        line.say(text("hand_over.agree_row", **facts, **figures, slices=one.slices))
    means = summary(found)
    for row in means:
        pair = {name: row[name] for name in ("label", "first", "second", "scans")}
        line.say(
            text("hand_over.agree_mean", **pair, dice=_number(row["dice"]["mean"]), kappa=_number(row["kappa"]["mean"]))
        )
    for said in classes:
        line.say(class_words(said))
    if not found and not classes:
        line.say(text("hand_over.agree_none"))
    if blind:
        line.say(text("hand_over.agree_blind", scans=blind))
    if arguments.csv is not None:
        atomic.write_bytes(arguments.csv, _table(found))
    return {"agreements": [one.facts() for one in found], "summary": means, "blind_scans": blind,
            "classes": [one.facts() for one in classes]}  # fmt: skip


def _number(value: float | None) -> str:
    return "-" if value is None else numeral(value, ".3f")


def _table(found: list[Agreement]) -> bytes:
    target = io.StringIO(newline="")
    columns = ["scan", "label", "first", "second", "slices", "dice", "kappa", "hd95", "unit", "first_voxels"]
    writer = csv.writer(target, lineterminator="\r\n")
    columns.append("second_voxels")
    writer.writerow(columns)
    for one in found:
        row = [one.name, *(getattr(one, name) for name in columns[1:])]
        writer.writerow(["" if value is None else value for value in row])
    return target.getvalue().encode("utf-8-sig")
