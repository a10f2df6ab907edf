"""List what was measured on the scans of a project, write it as a table, or remove it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.errors import InputError
from core.messages import numeral, text
from core.project.measurement_files import facts_of, write_measurements
from core.project.project import Project
from core.project.records import current_reader


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("--scans", nargs="+", default=[], metavar="SCAN", help=text("project.help_class_scans"))
    parser.add_argument("-o", "--output", type=Path, metavar="CSV", help=text("project.help_measured_output"))
    parser.add_argument("--remove", nargs="+", default=[], metavar="ID", help=text("project.help_measured_remove"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """Remove what was asked for, then list the measurements, or write them."""
    with Project.open(arguments.project, read_only=not arguments.remove) as project:
        scans = [project.scan(ref).id for ref in arguments.scans]
        if arguments.remove:
            there = {one.id: one for one in project.measurements.all()}
            unknown = [given for given in arguments.remove if given.casefold() not in there]
            if unknown:
                raise InputError("measurement-unknown", id=unknown[0])
            project.measurements.remove([there[one.casefold()] for one in arguments.remove], reader=current_reader())
        if arguments.output is not None:
            count = write_measurements(project, arguments.output, scans=scans or None)
            line.say(text("project.measured_written", count=count, file=arguments.output))
        known = {scan.id: scan for scan in project.scans()}
        found = [one for one in project.measurements.all() if not scans or one.scan in scans]
    facts = [facts_of(one, known[one.scan]) | {"id": one.id} for one in found]
    if arguments.output is None:
        for one in facts:
            line.say(_row(one))
        line.say(text("project.measured_count", count=len(facts)))
    return {"measurements": facts}


def _row(facts: dict[str, Any]) -> str:
    shown = ("length", "degrees", "area", "volume", "voxels", "mean")
    figures = "  ".join(f"{name} {numeral(facts[name], '.4g')}" for name in shown if name in facts)
    where = f"{facts['axis']}{facts['slice']}" if "slice" in facts else str(facts.get("label", ""))
    return f"{facts['id']}  {facts['scan']}  {facts['kind']:<8}  {where:<12}  {figures}  {facts.get('unit', '')}"
