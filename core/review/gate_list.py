"""Where a classifier and masks or predictions say otherwise, over all scans: what to look at behind a gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import LearningError, ProjectError
from core.labels import Label
from core.learning.runs import Run, list_runs
from core.messages import numeral, text
from core.project.class_predictions import ClassPrediction, read_classes
from core.project.predictions import list_predictions, read_meta, read_prediction
from core.project.project import Project
from core.project.records import Scan
from core.review.compare import learnt_truth
from core.review.gating import taken_away

CLEAN_SHOWN, CLEAN_DRAWN, YES_EMPTY, YES_NOT_DRAWN = "clean_shown", "clean_drawn", "yes_empty", "yes_not_drawn"
"""Called clean though the mask shows a label; called clean though the run draws something and no mask says whether
that is right; called yes though the mask is empty; called yes though the run draws nothing (and no mask is known)."""
_LEAST_ML = 0.05
"""Below it a volume reads 0.0."""
KINDS = (CLEAN_SHOWN, CLEAN_DRAWN, YES_EMPTY, YES_NOT_DRAWN)
Bools = NDArray[np.bool_]
Told = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class GateRow:
    """One slice, or one whole scan, of which two say otherwise.

    Parameters
    ----------
    scan, name, patient
        Id and display name of the scan, key of the patient.
    slice, slices
        Native, from 0, and how many the scan has; -1 for the whole scan.
    what
        Of :data:`KINDS`.
    probability
        Of yes.
    voxels
        Of the mask (:data:`CLEAN_SHOWN`) or of what the run draws (:data:`CLEAN_DRAWN`).
    ml
        Their volume; None where the scan has none.
    """

    scan: str
    name: str
    patient: str
    slice: int
    slices: int
    what: str
    probability: float
    voxels: int = 0
    ml: float | None = None

    @property
    def amount(self) -> str:
        """How much the mask shows or the run draws: mL, or voxels where there is no volume or hardly one."""
        if self.ml is None or self.ml < _LEAST_ML:
            return text("gating.voxels", count=self.voxels, amount=numeral(self.voxels, ","))
        return f"{numeral(self.ml, ',.1f')} mL"

    @property
    def words(self) -> str:
        """What is said of it, as one line."""
        level = "scan" if self.slice < 0 else "slice"
        return text(f"gating.{self.what}_{level}", amount=self.amount, probability=numeral(self.probability, ".2f"))


@dataclass(frozen=True, slots=True)
class GateList:
    """What was found.

    Parameters
    ----------
    gate, class_name
        Name of the classifier's run and what it learnt.
    rows
        Whole scans first, then slices; what hides a label before all else.
    scans
        Scans that were looked at.
    unasked, unread
        Display names of scans left out: the classifier has not looked at them; a file of them is damaged.
    """

    gate: str
    class_name: str
    rows: tuple[GateRow, ...] = ()
    scans: int = 0
    unasked: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def count(self, what: str) -> int:
        """Return how many slices there are of a kind."""
        return sum(row.what == what and row.slice >= 0 for row in self.rows)


def gate_of(project: Project, run: Run | None) -> Run:
    """Return the classifier that is meant where none is named: the gate before a run, else the newest that looked.

    Raises
    ------
    LearningError
        ``gate-none``.
    """
    known = {one.id: one for one in list_runs(project) if one.config.classifies}
    if run is not None:
        for record in list_predictions(project, run=run.id):
            gate = read_meta(project, run.id, record.scan).get("gate")
            if isinstance(gate, dict) and str(gate.get("run")) in known:
                return known[str(gate["run"])]
    scans = project.scans()
    for one in reversed(known.values()):
        if any(read_classes(project, one.id, scan.id) is not None for scan in scans):
            return one
    raise LearningError("gate-none")


def list_gate(
    project: Project,
    gate: Run,
    run: Run | None = None,
    *,
    go_on: Callable[[], bool] = lambda: True,
    told: Told = lambda done, total, name: None,
) -> GateList:
    """Look through all scans that a classifier looked at.

    Parameters
    ----------
    gate
        The classifier.
    run
        One that draws; None: only masks are compared with.
    go_on
        Whether to look on; what was found by then is returned.
    told
        Hears of each scan: done, total, name.

    Returns
    -------
    GateList
        A slice is called clean below the gate's threshold, and yes from the deciding one on: between the two
        the classifier says neither.
    """
    predicted = {record.scan for record in list_predictions(project, run=run.id)} if run is not None else set()
    labels = [label for label in project.labels() if run is None or label.name in run.labels]
    rows: list[GateRow] = []
    unasked, unread, looked = [], [], 0
    scans = project.scans()
    for done, scan in enumerate(scans):
        if not go_on():
            break
        told(done, len(scans), scan.name)
        try:
            found = read_classes(project, gate.id, scan.id)
            if found is None:
                unasked.append(scan.name)
                continue
            drawn = _drawn(project, run, scan) if run is not None and scan.id in predicted else None
            geometry = project.geometry(scan.id)
            voxel = geometry.voxel_ml if geometry.measurable else None
            rows += _rows(scan, found, *_shown(project, scan, labels, run), drawn, voxel)
        except (LearningError, ProjectError):
            unread.append(scan.name)
            continue
        looked += 1
    rows.sort(key=_order)
    return GateList(gate.name, gate.config.class_name, tuple(rows), looked, tuple(unasked), tuple(unread))


def _order(row: GateRow) -> tuple[Any, ...]:
    return row.slice >= 0, KINDS.index(row.what), -row.voxels, row.name, row.slice


def _shown(project: Project, scan: Scan, labels: Sequence[Label], run: Run | None) -> tuple[NDArray[np.int64], Bools]:
    """Return voxels of the labels per slice, and of which slices that is known: any label shows, all are finished."""
    slices = scan.shape[0]
    voxels, known = np.zeros(slices, dtype=np.int64), np.ones(slices, dtype=np.bool_)
    for label in labels:
        truth, finished, _ = learnt_truth(project, scan.id, label, slices, run.config.reader if run else "")
        known &= finished
        if truth is not None:
            voxels += np.where(finished, np.count_nonzero(truth, axis=(1, 2)), 0)
    return voxels, known & bool(labels)


def _drawn(project: Project, run: Run, scan: Scan) -> NDArray[np.int64]:
    """Return voxels that a run draws per slice, before any gate."""
    found = np.zeros(scan.shape[0], dtype=np.int64)
    for name, mask in read_prediction(project, run.id, scan.id).items():
        found += np.count_nonzero(mask, axis=(1, 2))
        for z, count in taken_away(project, run.id, scan, name).items():
            found[z] += count
    return found


def _rows(
    scan: Scan,
    found: ClassPrediction,
    shown: NDArray[np.int64],
    known: Bools,
    drawn: NDArray[np.int64] | None,
    voxel_ml: float | None,
) -> Iterator[GateRow]:
    def row(z: int, what: str, probability: float, voxels: int = 0) -> GateRow:
        ml = None if voxel_ml is None else float(voxels) * voxel_ml
        where = (scan.id, scan.name, scan.patient, z, scan.shape[0])
        return GateRow(*where, what, float(probability), int(voxels), ml)

    clean, yes = found.probability < found.gate_threshold, found.said
    for z, probability in enumerate(found.probability):
        what = _what(bool(clean[z]), bool(yes[z]), int(shown[z]), bool(known[z]), None if drawn is None else drawn[z])
        if what:
            voxels = shown[z] if what == CLEAN_SHOWN else drawn[z] if what == CLEAN_DRAWN and drawn is not None else 0
            yield row(z, what, probability, voxels)
    if scan.shape[0] > 1:
        # whole scans by the whole: all of it clean, or yes by the rule for scans
        parts = None if drawn is None else int(drawn.sum())
        total = int(shown.sum())
        said = _what(bool(clean.all()), found.whole >= found.scan_threshold, total, bool(known.all()), parts)
        if said:
            voxels = total if said == CLEAN_SHOWN else parts if said == CLEAN_DRAWN else 0
            yield row(-1, said, found.whole, voxels or 0)


def _what(clean: bool, yes: bool, shown: int, known: bool, drawn: int | None) -> str:
    """Return what a slice (or scan) is listed for; empty for nothing."""
    if clean:
        if shown:
            return CLEAN_SHOWN
        return CLEAN_DRAWN if drawn and not known else ""
    if yes and not shown:
        if known:
            return YES_EMPTY
        return YES_NOT_DRAWN if drawn == 0 else ""
    return ""
