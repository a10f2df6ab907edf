"""What a gate before a run that draws removed, and what that cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.project.predictions import list_predictions, read_meta
from core.project.project import Project
from core.project.records import Scan
from core.review.compare import learnt_truth
from core.review.evaluation import Plan


def gate_facts(project: Project, made: Plan) -> dict[str, Any]:
    """Return ``{"gate": {"name", "clean", "emptied", "with_label", "scans"}}`` of gated predictions, or nothing.

    ``clean`` counts the slices that were called clean, ``emptied`` those of them where something was drawn
    and was taken away, ``with_label`` those that truly show a label (of finished slices): the cost.
    """
    predicted = {record.scan for record in list_predictions(project, run=made.run.id)}
    rows = [row for scan in made.scans if scan.id in predicted for row in [_row(project, made, scan)] if row]
    if not rows:
        return {}
    totals = {key: sum(len(row[key]) for row in rows) for key in ("clean", "emptied", "with_label")}
    return {"gate": {"name": ", ".join(sorted({str(row["name"]) for row in rows})), **totals, "scans": rows}}


def _row(project: Project, made: Plan, scan: Scan) -> dict[str, Any] | None:
    gate = read_meta(project, made.run.id, scan.id).get("gate")
    if not isinstance(gate, dict):
        return None
    allowed = made.slices_of(scan)
    clean = [int(z) for z in gate.get("clean", ()) if allowed[int(z)]]
    shown = np.zeros(scan.shape[0], dtype=np.bool_)
    for name in made.run.labels:
        label = project.labels().find(name)
        if label is None:
            continue
        truth, known, _ = learnt_truth(project, scan.id, label, scan.shape[0], made.run.config.reader)
        if truth is not None:
            shown |= truth.any(axis=(1, 2)) & known
    return {
        "scan": scan.name,
        "name": gate.get("name", "-"),
        "threshold": gate.get("threshold"),
        "clean": [z + 1 for z in clean],
        "emptied": [int(z) + 1 for z in gate.get("emptied", ()) if allowed[int(z)]],
        "with_label": [z + 1 for z in clean if shown[z]],
        "removed_voxels": gate.get("removed_voxels", {}),
    }
