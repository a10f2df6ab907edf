"""List the scans of a project."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from core.commands.line import Line
from core.messages import text
from core.project.project import Project
from core.project.records import Scan, ScanStatus
from core.team.worklist import SORTS, Query, Row, find


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("project", type=Path, help=text("project.help_project"))
    parser.add_argument("--status", choices=[status.value for status in ScanStatus], help=text("project.help_status"))
    parser.add_argument("--patient", help=text("project.help_patient"))
    parser.add_argument("--text", default="", help=text("project.help_text"))
    parser.add_argument("--class", dest="class_", metavar="NAME[=VALUE]", help=text("project.help_class"))
    parser.add_argument("--reader", default="", metavar="NAME", help=text("hand_over.help_reader"))
    parser.add_argument("--unassigned", action="store_true", help=text("hand_over.help_unassigned"))
    parser.add_argument("--tag", dest="tags", action="append", default=[], help=text("hand_over.help_tagged"))
    parser.add_argument("--commented", action="store_true", help=text("hand_over.help_commented"))
    parser.add_argument("--sort", choices=SORTS, default="number", help=text("hand_over.help_sort"))
    parser.add_argument("--descending", action="store_true", help=text("hand_over.help_descending"))
    parser.add_argument("--accept-distance", nargs="+", default=[], metavar="SCAN", help=text("project.help_distance"))
    parser.add_argument("--names", action="store_true", help=text("project.help_names"))


def run(arguments: argparse.Namespace, line: Line) -> dict[str, Any]:
    """List the scans that match, with who finished how much of them."""
    if arguments.accept_distance:
        with Project.open(arguments.project) as project:
            for scan in [project.scan(ref) for ref in arguments.accept_distance]:
                project.accept_depth(scan.id)
    with Project.open(arguments.project, read_only=True) as project:
        status = None if arguments.status is None else ScanStatus(arguments.status)
        rows = find(project, _query(arguments, status))
        scans = [row.scan for row in rows]
        work = {row.scan.id: _work(row) for row in rows}
        if arguments.patient is not None:
            scans = [scan for scan in scans if scan.patient_name.casefold() == arguments.patient.strip().casefold()]
        classes = project.classes.by_scan()
        if arguments.class_ is not None:
            name, _, value = arguments.class_.partition("=")
            scans = [scan for scan in scans if _is_classed(classes.get(scan.id, {}).get(name, ()), value)]
        finished = project.finished_slices()
        names = {scan.patient: project.links.patient(scan.patient) for scan in scans} if arguments.names else {}
        counts = project.counts()
        measured = {scan.id: project.geometry(scan.id).measurable for scan in scans}
    for scan in scans:
        line.say(_row(scan, names.get(scan.patient)))
        for reader, count in finished.get(scan.id, {}).items():
            line.say(text("project.scan_readers", reader=reader, finished=count, slices=scan.shape[0]))
        for name, values in classes.get(scan.id, {}).items():
            line.say(text("project.scan_class", name=name, values=", ".join(values)))
    line.say(text("project.scans_count", count=len(scans)) if scans else text("project.scans_none"))
    return {
        "scans": [
            _facts(scan, finished.get(scan.id, {}), names)
            | {"measurable": measured[scan.id]}
            | work[scan.id]
            | {"classes": {name: list(values) for name, values in classes.get(scan.id, {}).items()}}
            for scan in scans
        ],
        "counts": {status.value: count for status, count in counts.items()},
    }


def _query(arguments: argparse.Namespace, status: ScanStatus | None) -> Query:
    return Query(
        text=arguments.text,
        statuses=() if status is None else (status,),
        reader=arguments.reader,
        unassigned=arguments.unassigned,
        tags=tuple(arguments.tags),
        commented=arguments.commented,
        sort=arguments.sort,
        descending=arguments.descending,
    )


def _work(row: Row) -> dict[str, Any]:
    return {"readers": list(row.readers), "tags": list(row.tags), "comments": row.comments, "seconds": row.seconds}


def _is_classed(values: tuple[str, ...], wanted: str) -> bool:
    """Whether a scan has a value of a class; without a wanted one: none at all."""
    return wanted in values if wanted else not values


def _row(scan: Scan, identity: str | None) -> str:
    patient = scan.patient_name
    if not scan.patient_known:
        patient += f" {text('project.scan_unknown')}"
    if identity is not None:
        patient += f" {identity}"
    return text(
        "project.scan_row",
        name=scan.name,
        patient=patient,
        status=text(f"worklist.status_{scan.status.value}"),
        modality=scan.modality,
        size=" x ".join(str(count) for count in reversed(scan.shape)),
        description=scan.description,
    ).rstrip()


def _facts(scan: Scan, finished: dict[str, int], names: dict[str, str | None]) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "id": scan.id,
        "name": scan.name,
        "patient": scan.patient_name,
        "patient_known": scan.patient_known,
        "status": scan.status.value,
        "modality": scan.modality,
        "shape": list(scan.shape),
        "channels": scan.channels,
        "spacing_known": scan.spacing_known,
        "orientation_known": scan.orientation_known,
        "description": scan.description,
        "created": scan.created,
        "sha256": scan.sha256,
        "finished_slices": finished,
    }
    if names.get(scan.patient) is not None:
        facts["identity"] = names[scan.patient]
    return facts
