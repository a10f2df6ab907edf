"""A run that classifies, measured on the scans of a project: slice by slice, scan by scan, and what is most wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import LearningError
from core.io import atomic
from core.learning.class_set import ClassSource, find_class_sources
from core.project.class_predictions import ClassPrediction, read_classes
from core.project.project import Project
from core.review.class_pictures import confusion_picture, curves_figure, curves_files
from core.review.classification import ClassMeasures, measure_classes
from core.review.evaluation import Plan, count_looks, stamp_of
from core.review.evaluation_files import table, write_numbers

SLICES_FILE = "slices.csv"
WRONG_FILE = "most_wrong.csv"
WRONG_FOLDER = "most_wrong"
MOST_WRONG = 24
_POINTS = 400
"""Of a curve that are kept."""


@dataclass(frozen=True)
class SliceRow:
    """One slice of which the truth is known.

    Parameters
    ----------
    scan_id, scan, patient, patient_name, part
        Whose it is.
    slice
        Native, from 0.
    truth, probability
        Yes or no, and what the run said.
    """

    scan_id: str
    scan: str
    patient: str
    patient_name: str
    part: str
    slice: int
    truth: bool
    probability: float

    @property
    def wrong(self) -> float:
        """How far the probability lies from the truth, 0..1."""
        return 1 - self.probability if self.truth else self.probability

    def facts(self, threshold: float) -> dict[str, Any]:
        """Return plain data, slices counted from 1."""
        said = self.probability >= threshold
        first = {"scan": self.scan, "patient": self.patient_name, "part": self.part, "slice": self.slice + 1}
        truth = {"truth": "yes" if self.truth else "no", "said": "yes" if said else "no"}
        return first | truth | {"probability": round(self.probability, 6), "right": said == self.truth}


@dataclass(frozen=True, eq=False)
class ClassEvaluation:
    """A run on a part of a project.

    Parameters
    ----------
    made
        Which scans.
    rows
        Slices that were measured.
    threshold, scan_threshold
        As chosen on validation.
    unmeasured
        Display names of scans of which nobody said what they are.
    test_looks
        How often the run's test scans were looked at, this time included.
    unsaid
        By scan id: slices of the measured scans of which nobody said what they are.
    """

    made: Plan
    rows: tuple[SliceRow, ...]
    threshold: float
    scan_threshold: float
    unmeasured: tuple[str, ...]
    test_looks: int
    unsaid: Mapping[str, int] = field(default_factory=dict)

    def by_slice(self) -> ClassMeasures:
        """Measure the slices."""
        found = [row.probability for row in self.rows]
        return measure_classes(
            np.array(found), np.array([row.truth for row in self.rows]), self._patients(self.rows), self.threshold
        )

    def by_scan(self) -> ClassMeasures:
        """Measure the scans: each has the highest probability of its slices, and is yes if one of them is.

        A scan of which only some slices were said to be no may yet be a yes: it is left out.
        """
        groups = {scan: rows for scan, rows in self._scans().items() if not self._is_open(rows)}
        found = [max(row.probability for row in rows) for rows in groups.values()]
        truth = [any(row.truth for row in rows) for rows in groups.values()]
        patients = self._patients([rows[0] for rows in groups.values()])
        return measure_classes(np.array(found), np.array(truth), patients, self.scan_threshold)

    def _is_open(self, rows: Sequence[SliceRow]) -> bool:
        return self.unsaid.get(rows[0].scan_id, 0) > 0 and not any(row.truth for row in rows)

    def most_wrong(self) -> list[SliceRow]:
        """Return the slices on the wrong side of the threshold, furthest off first."""
        wrong = [row for row in self.rows if (row.probability >= self.threshold) != row.truth]
        return sorted(wrong, key=lambda row: (-row.wrong, row.scan, row.slice))[:MOST_WRONG]

    def facts(self) -> dict[str, Any]:
        """Return plain data: the ``--json`` object of ``evaluate``."""
        slices, scans = self.by_slice(), self.by_scan()
        reasons = self.made.reasons
        return {
            "run": self.made.run.name,
            "run_id": self.made.run.id,
            "on": self.made.on,
            "task": "classify",
            "class": self.made.run.config.class_name,
            "summary": slices.facts(),
            "scan_summary": scans.facts(),
            "labels": {},
            "curves": _curves(slices),
            "scan_curves": _curves(scans),
            "scans": [self._scan_facts(rows) for rows in self._scans().values()],
            "slices": [row.facts(self.threshold) for row in self.rows],
            "most_wrong": [row.facts(self.threshold) for row in self.most_wrong()],
            "unmeasured": list(self.unmeasured),
            "unsaid": sum(self.unsaid.values()),
            "open_scans": [rows[0].scan for rows in self._scans().values() if self._is_open(rows)],
            "leaky": bool(reasons),
            "reasons": list(reasons),
            "stamp": stamp_of(reasons),
            "test_looks": self.test_looks,
        }

    def _scans(self) -> dict[str, list[SliceRow]]:
        groups: dict[str, list[SliceRow]] = {}
        for row in self.rows:
            groups.setdefault(row.scan_id, []).append(row)
        return groups

    def _scan_facts(self, rows: Sequence[SliceRow]) -> dict[str, Any]:
        highest = max(row.probability for row in rows)
        truth, said = any(row.truth for row in rows), highest >= self.scan_threshold
        known = not self._is_open(rows)
        called = [row.probability >= self.threshold for row in rows]
        return {
            "scan": rows[0].scan,
            "patient": rows[0].patient_name,
            "part": rows[0].part,
            "slices": len(rows),
            "slices_yes": sum(row.truth for row in rows),
            "slices_right": sum(one == row.truth for one, row in zip(called, rows, strict=True)),
            "truth": ("yes" if truth else "no") if known else "",
            "said": "yes" if said else "no",
            "probability": round(highest, 6),
            "right": said == truth if known else None,
        }

    @staticmethod
    def _patients(rows: Sequence[SliceRow]) -> list[str]:
        return [row.patient for row in rows]


def _curves(measures: ClassMeasures) -> dict[str, Any]:
    points = measures.roc
    if len(points) > _POINTS:
        chosen = np.unique(np.linspace(0, len(points) - 1, _POINTS).round().astype(int))
        points = tuple(points[number] for number in chosen)
    return {"roc": [list(point) for point in points], "reliability": [vars(one) for one in measures.bins]}


def sources_of(project: Project, made: Plan, reader: str | None = None) -> dict[str, ClassSource]:
    """Return, by scan id, what people said of the class that a run learnt.

    Raises
    ------
    LearningError
        As :func:`core.learning.class_set.find_class_sources`.
    """
    config = made.run.config if reader is None else replace(made.run.config, reader=reader)
    return {source.scan.id: source for source in find_class_sources(project, config)}


def evaluate_classes(project: Project, made: Plan, *, reader: str | None = None) -> ClassEvaluation:
    """Measure what a run said of scans that it has classified already.

    Raises
    ------
    LearningError
        ``prediction-missing``; ``class-nothing`` if nobody said of any slice what it is.
    """
    sources = sources_of(project, made, reader)
    rows: list[SliceRow] = []
    unmeasured: list[str] = []
    unsaid: dict[str, int] = {}
    found: ClassPrediction | None = None
    for scan in made.scans:
        allowed = made.slices_of(scan)
        known = {z: yes for z, yes in sources[scan.id].said.items() if allowed[z]} if scan.id in sources else {}
        if not known:
            unmeasured.append(scan.name)
            continue
        found = read_classes(project, made.run.id, scan.id)
        if found is None:
            raise LearningError("prediction-missing", run=made.run.name, scan=scan.name)
        unsaid[scan.id] = int(np.count_nonzero(allowed)) - len(known)
        whose = (scan.id, scan.name, scan.patient, scan.patient_name, made.part_of(scan))
        rows += [SliceRow(*whose, z, yes, float(found.probability[z])) for z, yes in sorted(known.items())]
    if found is None:
        raise LearningError("class-nothing", name=made.run.config.class_name)
    looks = count_looks(project, made.run.id)
    return ClassEvaluation(made, tuple(rows), found.threshold, found.scan_threshold, tuple(unmeasured), looks, unsaid)


def write_class_files(folder: Path, facts: Mapping[str, Any]) -> list[Path]:
    """Write the facts of an evaluation: JSON, tables, ROC and reliability curves, confusion matrices.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    files = write_numbers(folder, facts)
    stamp = {"stamp": facts["stamp"]} if facts["stamp"] else {}
    contents = {
        SLICES_FILE: table([row | stamp for row in facts["slices"]]).encode(),
        WRONG_FILE: table([row | stamp for row in facts["most_wrong"]]).encode(),
    }
    title = f"{facts['run']}: {facts['class']}"
    for ending, summary, curves in (("", "summary", "curves"), ("_scans", "scan_summary", "scan_curves")):
        figure = curves_figure(title, {**facts[summary], **facts[curves]}, facts["stamp"])
        for name, content in curves_files(figure).items():
            stem, _, kind = name.partition(".")
            contents[f"{stem}{ending}.{kind}"] = content
        contents[f"confusion{ending}.png"] = confusion_picture(facts[summary])
    for name, content in contents.items():
        atomic.write_bytes(folder / name, content)
        files.append(folder / name)
    return files
