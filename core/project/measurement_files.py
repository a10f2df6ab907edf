"""Measurements as a table, one line each."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from core.editing.tools.measures import STATISTICS
from core.io import atomic
from core.project.measurements import NO_PLANE, Measurement
from core.project.project import Project
from core.project.records import Scan

_AXES = ("z", "y", "x")
_FIGURES = ("length", "degrees", "area", "volume", "voxels", *STATISTICS)
COLUMNS = ("scan", "patient", "kind", "axis", "slice", "label", *_FIGURES, "unit", "reader", "created", "points")
"""``length`` in the unit, ``area`` in its square, ``volume`` in mL; ``axis`` of the array, ``slice`` from 1;
``points`` are voxels (x, y, z), from 0 at the centre of the first."""


def facts_of(one: Measurement, scan: Scan) -> dict[str, object]:
    """Return a measurement by the names of :data:`COLUMNS`; what does not apply is missing."""
    facts: dict[str, object] = {"scan": scan.name, "patient": scan.patient_name, "kind": one.kind}
    if one.plane != NO_PLANE:
        facts |= {"axis": _AXES[one.plane], "slice": one.slice + 1}
    if one.label:
        facts["label"] = one.label
    facts |= {name: one.figures[name] for name in (*_FIGURES, "unit") if name in one.figures}
    return facts | {"reader": one.reader, "created": one.created, "points": [list(point) for point in one.points]}


def write_measurements(project: Project, target: Path, *, scans: Iterable[str] | None = None) -> int:
    """Write the measurements of a project (or of some scans, by id) as CSV; return how many there are.

    Raises
    ------
    StorageError
        As :func:`core.io.atomic.write_bytes`.
    """
    wanted = None if scans is None else set(scans)
    known = {scan.id: scan for scan in project.scans()}
    rows = [one for one in project.measurements.all() if wanted is None or one.scan in wanted]
    atomic.write_bytes(target, _table(rows, known).encode("utf-8"))
    return len(rows)


def _table(rows: Sequence[Measurement], known: dict[str, Scan]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for one in rows:
        facts = facts_of(one, known[one.scan])
        points = " ".join(",".join(f"{value:.6g}" for value in point) for point in one.points)
        writer.writerow(
            {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in facts.items()}
            | {"points": points}
        )
    return out.getvalue()
