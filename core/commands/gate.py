"""List the slices and scans of which a classifier says otherwise than masks or another run's predictions."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.errors import LearningError
from core.events import Progress
from core.io import atomic
from core.learning.runs import find_run
from core.messages import text
from core.project.project import Project
from core.review.evaluation_files import table
from core.review.gate_list import GateList, GateRow, gate_of, list_gate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("learning.project_help"))
    parser.add_argument("--run", default="", help=text("gating.help_run"))
    parser.add_argument("--gate", default="", metavar="CLASSIFIER_RUN", help=text("gating.help_gate"))
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.csv", help=text("gating.help_output"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Look through all scans and tell what was found."""
    with Project.open(arguments.project, read_only=True) as project:
        drawing = find_run(project, arguments.run) if arguments.run else None
        if drawing is not None and drawing.config.classifies:
            raise LearningError("run-classifies", name=drawing.name)
        gate = find_run(project, arguments.gate) if arguments.gate else gate_of(project, drawing)
        if not gate.config.classifies:
            raise LearningError("run-draws", name=gate.name)

        def told(done: int, total: int, name: str) -> None:
            line.show(Progress(done, total, "gating", detail=name))

        found = list_gate(project, gate, drawing, go_on=lambda: not line.should_stop(), told=told)
        patients = {scan.id: scan.patient_name for scan in project.scans()}
    facts = [row_facts(row, patients) for row in found.rows]
    if arguments.output is not None:
        # first: whoever reads only the beginning of the list closes the pipe
        atomic.write_bytes(arguments.output, table(facts).encode())
    line.say(heading(found))
    for row in found.rows:
        line.say(f"{row.name:<7} {place(row):<14} {row.words}")
    for words in left_out(found):
        line.say(words)
    if arguments.output is not None:
        line.say(text("gating.written", file=arguments.output))
    return {
        "gate": found.gate,
        "class": found.class_name,
        "run": drawing.name if drawing is not None else None,
        "scans": found.scans,
        "rows": facts,
        "unasked": list(found.unasked),
        "unread": list(found.unread),
    }


def heading(found: GateList) -> str:
    """Return what was looked through and how much was found."""
    slices = sum(row.slice >= 0 for row in found.rows)
    key = "heading" if found.rows else "heading_none"
    counts = {"slices": slices, "whole": len(found.rows) - slices, "scans": found.scans}
    return text(f"gating.{key}", gate=found.gate, name=found.class_name, **counts)


def place(row: GateRow) -> str:
    """Return which slice it is, from 1, or that it is the whole scan."""
    if row.slice < 0:
        return text("gating.whole")
    return text("gating.place", slice=row.slice + 1, slices=row.slices)


def left_out(found: GateList) -> list[str]:
    """Return what was not looked at, in sentences."""
    said = []
    for key in ("unasked", "unread"):
        names = getattr(found, key)
        if names:
            shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
            said.append(text(f"gating.{key}", count=len(names), scans=shown))
    return said


def row_facts(row: GateRow, patients: dict[str, str]) -> dict[str, Any]:
    """Return plain data: slices from 1, none for a whole scan."""
    return {
        "scan": row.name,
        "patient": patients.get(row.scan, ""),
        "slice": row.slice + 1 if row.slice >= 0 else "",
        "what": row.what,
        "probability": round(row.probability, 4),
        "voxels": row.voxels,
        "words": row.words,
    }
