"""What a gate before a run that draws removed, and what that cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.project.predictions import THRESHOLD, list_predictions, read_meta, read_probability
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


LOST, MISSED, SAVED, REMOVED = "lost", "missed", "saved", "removed"
"""What emptying a slice did: something right was taken away; the label is there and nothing was drawn anyway;
something wrong was taken away; something was taken away of which nobody knows whether it was right."""
_ORDER = (LOST, MISSED, REMOVED, SAVED)
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class GatedSlice:
    """One slice called clean that is worth a look.

    Parameters
    ----------
    slice
        Native, from 0.
    what
        :data:`LOST`, :data:`MISSED`, :data:`SAVED` or :data:`REMOVED`.
    removed, truth
        Voxels that were taken away, and voxels of the label that are truly there.
    """

    slice: int
    what: str
    removed: int
    truth: int


@dataclass(frozen=True)
class GateLook:
    """What a gate did to one label of one scan.

    Parameters
    ----------
    name, class_name, threshold
        The classifier's run, what it learnt, and below which probability it calls a slice clean.
    slices, clean
        Of the scan, and how many of them were called clean.
    rows
        Slices worth a look: first those where it cost something.
    removed
        Voxels taken away.
    dice, dice_before
        On the known slices with the gate and without it; None where nothing can be measured.
    """

    name: str
    class_name: str
    threshold: float
    slices: int
    clean: int
    rows: tuple[GatedSlice, ...]
    removed: int
    dice: float | None = None
    dice_before: float | None = None

    def count(self, what: str) -> int:
        """Return how many slices it did that to."""
        return sum(row.what == what for row in self.rows)

    @property
    def emptied(self) -> int:
        """Slices of which something was taken away."""
        return sum(row.removed > 0 for row in self.rows)


def taken_away(project: Project, run: str, scan: Scan, label: str) -> dict[int, int]:
    """Return the voxels that a gate took from a label's mask, by native slice; empty without a gate.

    They are counted of the mask as it was then: tidied, so that islands which would not have stayed are not told as
    taken. Predictions of earlier versions did not keep that, and are counted by the probability.
    """
    gate = read_meta(project, run, scan.id).get("gate")
    if not isinstance(gate, dict):
        return {}
    emptied = gate.get("emptied")
    listed = emptied if isinstance(emptied, list) else gate.get("clean", ())
    slices = [int(z) for z in listed if 0 <= int(z) < scan.shape[0]]
    by_slice = gate.get("removed_by_slice")
    counts = by_slice.get(label) if isinstance(by_slice, dict) else None
    if not isinstance(counts, list) or len(counts) != len(slices):
        before = read_probability(project, run, scan.id, label) >= THRESHOLD
        counts = [int(np.count_nonzero(before[z])) for z in slices]
    return {z: int(count) for z, count in zip(slices, counts, strict=True) if count}


def look_at_gate(
    project: Project, run: str, scan: Scan, label: str, predicted: NDArray[Any], truth: Bools | None, known: Bools
) -> GateLook | None:
    """Return what the gate did to a label's prediction; None where there was none.

    Parameters
    ----------
    predicted
        ``[z, y, x]``, as stored: after the gate.
    truth
        ``[z, y, x]``, or None where nobody drew.
    known
        ``[z]``: slices of which the truth is known.

    Raises
    ------
    LearningError
        ``prediction-missing``, ``prediction-damaged``.
    """
    gate = read_meta(project, run, scan.id).get("gate")
    if not isinstance(gate, dict):
        return None
    clean = [int(z) for z in gate.get("clean", ()) if 0 <= int(z) < scan.shape[0]]
    removed = taken_away(project, run, scan, label)
    before = predicted != 0
    if removed:
        # the probability is what the network said before the gate
        said = read_probability(project, run, scan.id, label) >= THRESHOLD
        before = before.copy()
        for z in removed:
            before[z] = said[z]
    rows = []
    for z in clean:
        taken = removed.get(z, 0)
        there = int(np.count_nonzero(truth[z])) if truth is not None and known[z] else 0
        right = taken and truth is not None and known[z] and bool((before[z] & truth[z]).any())
        if taken or there:
            what = LOST if right else MISSED if there else SAVED if known[z] and truth is not None else REMOVED
            rows.append(GatedSlice(z, what, taken, there))
    rows.sort(key=lambda row: (_ORDER.index(row.what), -row.truth, -row.removed, row.slice))
    return GateLook(
        str(gate.get("name", "-")),
        str(gate.get("class", "-")),
        float(gate.get("threshold", 0.0)),
        scan.shape[0],
        len(clean),
        tuple(rows),
        sum(row.removed for row in rows),
        _dice(predicted != 0, truth, known),
        _dice(before, truth, known),
    )


def _dice(found: Bools, truth: Bools | None, known: Bools) -> float | None:
    if truth is None or not known.any():
        return None
    mine, theirs = found[known], truth[known]
    both = int(np.count_nonzero(mine)) + int(np.count_nonzero(theirs))
    return 2 * int(np.count_nonzero(mine & theirs)) / both if both else None
