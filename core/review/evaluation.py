"""A run measured on the scans of a project: rows, summary, and what stands beside the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import LearningError
from core.geometry import Geometry
from core.labels import Label
from core.learning import runs
from core.learning.split import Part, Split
from core.messages import text
from core.project.predictions import read_prediction
from core.project.project import Project
from core.project.records import Scan, current_reader, utc_now
from core.review.compare import learnt_truth
from core.review.metrics import Measures, measure
from core.review.summary import Summary, summarise

Bools = NDArray[np.bool_]
PARTS = {"val": (Part.VALIDATION,), "test": (Part.TEST,), "all": tuple(Part)}


def stamp_of(reasons: Sequence[str]) -> str:
    """Return why numbers may flatter, in words; empty for no reason.

    Parameters
    ----------
    reasons
        As in :class:`core.learning.split.Split`.
    """
    return " ".join(text(f"evaluate.stamp_{reason.replace('-', '_')}") for reason in reasons)


@dataclass(frozen=True, eq=False)
class Row:
    """One label on one scan.

    Parameters
    ----------
    scan, patient
        Display name of the scan and key of its patient.
    patient_name
        Display name of the patient.
    label
        Name.
    part
        ``train``, ``validation``, ``test``, or empty where the run never saw the scan.
    finished, slices
        Slices measured, and all.
    measures
        On the finished slices.
    """

    scan: str
    patient: str
    patient_name: str
    label: str
    part: str
    finished: int
    slices: int
    measures: Measures

    def facts(self) -> dict[str, Any]:
        """Return plain data, without the patient's key."""
        first = {"scan": self.scan, "patient": self.patient_name, "label": self.label, "part": self.part}
        return first | {"finished": self.finished, "slices": self.slices} | self.measures.facts()


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A run on a part of a project.

    Parameters
    ----------
    run
        The run.
    on
        ``val``, ``test`` or ``all``.
    rows
        Measured scans; those without a finished slice are in ``unmeasured``.
    unmeasured
        Display names of scans that nobody has finished a slice of.
    reasons
        Why the numbers may flatter, as in :class:`core.learning.split.Split`, and
        ``includes-training``.
    test_looks
        How often the run's test scans were looked at, this time included.
    """

    run: runs.Run
    on: str
    rows: tuple[Row, ...]
    unmeasured: tuple[str, ...]
    reasons: tuple[str, ...]
    test_looks: int

    @property
    def leaky(self) -> bool:
        """Whether "may leak" must stand beside every number."""
        return bool(self.reasons)

    @property
    def stamp(self) -> str:
        """The words that stand beside every number; empty where nothing speaks against them."""
        return stamp_of(self.reasons)

    def summary(self, label: str = "") -> Summary:
        """Summarise all rows, or those of one label."""
        rows = [row for row in self.rows if not label or row.label == label]
        return summarise([row.measures for row in rows], [row.patient for row in rows])

    def facts(self) -> dict[str, Any]:
        """Return plain data: the ``--json`` object of ``evaluate``."""
        return {
            "run": self.run.name,
            "run_id": self.run.id,
            "on": self.on,
            "summary": self.summary().facts(),
            "labels": {name: self.summary(name).facts() for name in self.run.labels},
            "scans": [row.facts() for row in self.rows],
            "unmeasured": list(self.unmeasured),
            "leaky": self.leaky,
            "reasons": list(self.reasons),
            "stamp": self.stamp,
            "test_looks": self.test_looks,
        }


@dataclass(frozen=True, eq=False)
class Plan:
    """Which scans of a project a run is measured on.

    Parameters
    ----------
    scans
        In project order.
    split
        The run's.
    on
        ``val``, ``test`` or ``all``.
    """

    run: runs.Run
    scans: tuple[Scan, ...]
    split: Split
    on: str

    def part_of(self, scan: Scan) -> str:
        """Return the part of a scan, or empty; for a scan cut by slices the part asked for."""
        parts = [part for part in Part if scan.id in self.split.scans.get(part, ())]
        wanted = [part for part in parts if part in PARTS[self.on]]
        found = wanted or parts
        return found[0].value if found else ""

    def slices_of(self, scan: Scan) -> Bools:
        """Return which slices belong to the part asked for (a lone patient is split by slice)."""
        allowed = np.ones(scan.shape[0], dtype=bool)
        for index, part in self.split.slices.get(scan.id, {}).items():
            allowed[index] = part in PARTS[self.on]
        return allowed

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the numbers may flatter."""
        return (*self.split.reasons, *(("includes-training",) if self.on == "all" else ()))


def plan(project: Project, ref: str, on: str = "val") -> Plan:
    """Choose the scans that a run is measured on.

    Parameters
    ----------
    ref
        Run: id, name, number, ``last`` or ``best``.
    on
        ``val`` and ``test`` as the run split them; ``all`` adds the training scans and
        scans annotated since, and is stamped as leaky.

    Raises
    ------
    LearningError
        ``run-unknown``; ``part-empty`` if the run kept nobody for that part.
    ProjectError
        ``run-damaged``.
    """
    run = runs.find_run(project, ref)
    split = Split.from_json(runs.read_split_file(project, run.id))
    chosen = {scan for part in PARTS[on] for scan in split.scans.get(part, ())}
    scans = tuple(scan for scan in project.scans() if scan.id in chosen or (on == "all" and _annotated(project, scan)))
    if not scans:
        raise LearningError("part-empty", name=run.name, part=text(f"evaluate.part_{on}"))
    return Plan(run, scans, split, on)


def _annotated(project: Project, scan: Scan) -> bool:
    return bool(project.annotations(scan.id))


def record_look(project: Project, run: str) -> None:
    """Note that a run's test scans were looked at."""
    with project.store.transaction() as connection:
        connection.execute(
            "INSERT INTO test_look (run, at, reader) VALUES (?, ?, ?)", (run, utc_now(), current_reader())
        )


def count_looks(project: Project, run: str) -> int:
    """Return how often a run's test scans were looked at."""
    return int(project.store.rows("SELECT count(*) FROM test_look WHERE run = ?", run)[0][0])


def measure_scan(project: Project, made: Plan, scan: Scan, reader: str | None = None) -> list[Row]:
    """Measure a run's stored prediction of one scan against the annotation.

    Returns
    -------
    list of Row
        One per label that has a finished slice; none if there is nothing to measure against.

    Raises
    ------
    LearningError
        ``prediction-missing``, ``prediction-damaged``.
    """
    geometry: Geometry = project.geometry(scan.id)
    predicted = read_prediction(project, made.run.id, scan.id)
    labels = project.labels()
    rows = []
    for name, mask in predicted.items():
        label: Label | None = labels.find(name)
        if label is None:
            continue
        truth, known, _ = learnt_truth(project, scan.id, label, scan.shape[0], reader or made.run.config.reader)
        known &= made.slices_of(scan)
        if truth is None or not known.any():
            continue
        measures = measure(truth, mask, geometry, known=known)
        finished = int(np.count_nonzero(known))
        part = made.part_of(scan)
        rows.append(Row(scan.name, scan.patient, scan.patient_name, name, part, finished, scan.shape[0], measures))
    return rows


def evaluate_stored(project: Project, made: Plan, *, reader: str | None = None) -> Evaluation:
    """Measure a run on scans that it has predicted already.

    Raises
    ------
    LearningError
        ``prediction-missing``; ``nothing-to-measure`` if no scan has a finished slice.
    """
    rows: list[Row] = []
    unmeasured: list[str] = []
    for scan in made.scans:
        found = measure_scan(project, made, scan, reader)
        rows += found
        if not found:
            unmeasured.append(scan.name)
    return closed(project, made, rows, unmeasured)


def closed(project: Project, made: Plan, rows: Sequence[Row], unmeasured: Sequence[str]) -> Evaluation:
    """Put rows together.

    Raises
    ------
    LearningError
        ``nothing-to-measure`` if there are none.
    """
    if not rows:
        raise LearningError("nothing-to-measure", name=made.run.name)
    looks = count_looks(project, made.run.id)
    return Evaluation(made.run, made.on, tuple(rows), tuple(unmeasured), made.reasons, looks)
