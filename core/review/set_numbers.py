"""All figures of a run on a set of scans, one scan at a time: per scan, per label, per slice."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ProjectError
from core.geometry import Geometry
from core.labels import Label
from core.learning.runs import read_split
from core.project.predictions import list_predictions, read_prediction
from core.project.project import Project
from core.project.records import Scan, SliceState
from core.review.compare import compare_label, read_truth
from core.review.effort import Effort, effort_of, time_of

Bools = NDArray[np.bool_]
SCAN_COLUMNS = (
    "scan",
    "patient",
    "label",
    "part",
    "finished",
    "dice",
    "iou",
    "hd95",
    "assd",
    "sensitivity",
    "specificity",
    "precision",
    "accuracy",
    "truth_ml",
    "predicted_ml",
    "difference_ml",
    "difference_percent",
    "missed_slices",
    "spurious_slices",
    "lesions",
    "lesions_found",
    "lesions_false",
    "lesion_f1",
    "edit_dice",
    "edited",
    "seconds",
)
SLICE_COLUMNS = (
    "scan",
    "patient",
    "label",
    "part",
    "slice",
    "dice",
    "iou",
    "truth_px",
    "predicted_px",
    "wrong_px",
    "origin",
    "seconds",
)
HIDDEN = frozenset({"scan_id", "effort"})
"""Facts of a row that no table shows."""
MEANT = ("dice", "iou", "hd95", "assd", "sensitivity", "precision", "difference_ml")
"""Figures that a selection is summed up in."""


@dataclass(frozen=True)
class Against:
    """What a run is measured against: a reader's annotations, or (``run``) another run's predictions."""

    reader: str = ""
    run: str = ""


@dataclass(frozen=True, eq=False)
class ScanNumbers:
    """One scan.

    Parameters
    ----------
    scan
        Id.
    labels
        Facts of each label (:data:`SCAN_COLUMNS`, and more); a distance stands as ``hd95`` with
        its ``unit`` beside it.
    slices
        Facts of each measured slice (:data:`SLICE_COLUMNS`), counted from 1.
    """

    scan: str
    labels: tuple[Mapping[str, Any], ...]
    slices: tuple[Mapping[str, Any], ...]


def scans_with_basis(project: Project, run: str, against: Against) -> list[tuple[Scan, Hashable]]:
    """Return the scans that a run has predicted, each with what its figures rest on.

    The figures of a scan are out of date once what they rest on is another: prediction, annotation, labels, names.
    """
    labels = tuple((label.name, label.layer, label.value) for label in project.labels())
    predicted = {record.scan: record for record in list_predictions(project, run=run)}
    others = {record.scan: record for record in list_predictions(project, run=against.run)} if against.run else {}
    found: list[tuple[Scan, Hashable]] = []
    for scan in project.scans():
        if scan.id in predicted:
            drawn = others.get(scan.id) if against.run else _saved(project, scan, against.reader)
            found.append((scan, (predicted[scan.id], drawn, labels, scan.name, scan.patient_name)))
    return found


def _saved(project: Project, scan: Scan, reader: str) -> Hashable:
    """Return what tells one saved state of a reader's annotation from another; None where there is none."""
    annotation = project.annotation(scan.id, reader)
    if annotation is None:
        return None
    return annotation, tuple((layer, version.sha256) for layer, version in project.layers(annotation.id).items())


def more_to_predict(project: Project, run: str, reader: str) -> bool:
    """Return whether a reader has finished slices of scans that a run has not predicted."""
    finished = {scan for scan, readers in project.finished_slices().items() if readers.get(reader)}
    return not finished <= {record.scan for record in list_predictions(project, run=run)}


def scan_numbers(project: Project, run: str, scan: Scan, against: Against) -> ScanNumbers:
    """Measure a scan; no rows where there is nothing to measure against.

    Parameters
    ----------
    run
        Id of a run that has predicted the scan.

    Raises
    ------
    LearningError
        ``prediction-missing``, ``prediction-damaged``.
    ProjectError
        ``mask-corrupt``, ``mask-missing``.
    """
    geometry = project.geometry(scan.id)
    predicted = read_prediction(project, run, scan.id)
    labels = project.labels()
    first = {"scan": scan.name, "scan_id": scan.id, "patient": scan.patient_name, "part": _part(project, run, scan.id)}
    rows: list[Mapping[str, Any]] = []
    slices: list[Mapping[str, Any]] = []
    for name, mask in predicted.items():
        truth, known = _truth(project, scan, labels.find(name), name, against, geometry)
        compared = compare_label(name, truth, mask, geometry, known)
        if compared.measures is None or truth is None:
            continue
        facts = compared.measures.facts()
        unit = compared.measures.unit
        facts |= {"hd95": facts.pop(f"hd95_{unit}"), "assd": facts.pop(f"assd_{unit}"), "unit": unit}
        told = first | {"label": name, "finished": compared.finished, "slices": scan.shape[0]}
        states = _states(project, scan, labels.find(name), against)
        rows.append(told | facts | _effort(truth, mask != 0, states, run))
        slices += _slices(first | {"label": name}, truth, mask != 0, known, states or ())
    return ScanNumbers(scan.id, tuple(rows), tuple(slices))


def _part(project: Project, run: str, scan: str) -> str:
    try:
        split = read_split(project, run)
    except ProjectError:
        # masks of another program, or a damaged file that verify names
        return ""
    return next((part for part in ("train", "validation", "test") if scan in split.get(part, [])), "")


def _truth(
    project: Project, scan: Scan, label: Label | None, name: str, against: Against, geometry: Geometry
) -> tuple[Bools | None, Bools]:
    nothing: Bools = np.zeros(geometry.shape[0], dtype=bool)
    if against.run:
        if not list_predictions(project, scan=scan.id, run=against.run):
            return None, nothing
        other = read_prediction(project, against.run, scan.id).get(name)
        return (None, nothing) if other is None else (other != 0, ~nothing)
    if label is None:
        return None, nothing
    return read_truth(project, project.annotation(scan.id, against.reader), label, geometry.shape[0])


def _states(project: Project, scan: Scan, label: Label | None, against: Against) -> list[SliceState] | None:
    """Return what is known of the slices of the layer that is compared with; None for another run."""
    annotation = None if against.run else project.annotation(scan.id, against.reader)
    return None if annotation is None or label is None else project.slice_states(annotation.id, label.layer)


def _effort(truth: Bools, guess: Bools, states: Sequence[SliceState] | None, run: str) -> dict[str, Any]:
    """Return how much of the prediction was changed where the reader began with it, and the time drawn on the scan."""
    if states is None:
        return {"edit_dice": None, "edited": None, "seconds": None, "effort": Effort()}
    effort = effort_of(truth, guess, states, run)
    found = {"edit_dice": effort.dice, "edited": effort.slices, "seconds": round(time_of(states), 1)}
    return found | {"edited_seconds": round(effort.seconds, 1), "effort": effort}


def _slices(
    first: Mapping[str, Any], truth: Bools, guess: Bools, known: Bools, states: Sequence[SliceState]
) -> list[Mapping[str, Any]]:
    by_slice = {state.slice: state for state in states}
    there, said, shared = (np.count_nonzero(one, axis=(1, 2)) for one in (truth, guess, truth & guess))
    rows: list[Mapping[str, Any]] = []
    for z in np.flatnonzero(known):
        true, told, both = int(there[z]), int(said[z]), int(shared[z])
        either = true + told - both
        rows.append(
            dict(first)
            | {
                "slice": int(z) + 1,
                "dice": 2 * both / (true + told) if true + told else None,
                "iou": both / either if either else None,
                "truth_px": true,
                "predicted_px": told,
                "wrong_px": true + told - 2 * both,
                "origin": str(by_slice[int(z)].origin) if int(z) in by_slice else None,
                "seconds": by_slice[int(z)].seconds if int(z) in by_slice else None,
            }
        )
    return rows


def means(rows: Sequence[Mapping[str, Any]], names: Sequence[str] = MEANT) -> dict[str, tuple[float, float, int]]:
    """Return (mean, median, values) of each figure that some of the rows have.

    Distances are left out where some are in mm and some in px.
    """
    mixed = len({row.get("unit") for row in rows}) > 1
    found = {}
    for name in names:
        values = [float(row[name]) for row in rows if row.get(name) is not None]
        if values and not (mixed and name in ("hd95", "assd")):
            found[name] = (float(np.mean(values)), float(np.median(values)), len(values))
    return found
