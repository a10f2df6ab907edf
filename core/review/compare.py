"""What the Review page shows of one scan: the reader's annotation beside a run's prediction.

Only finished slices of the annotation are truth: an empty pixel of an unfinished slice
says nothing. A scan of which a part is finished is measured on that part, and
:attr:`LabelComparison.known` says which; nothing outside it counts for or against the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.geometry import Array, Geometry
from core.labels import Label
from core.project.predictions import read_prediction
from core.project.project import Project
from core.project.records import Annotation, SliceState, current_reader
from core.review.metrics import Measures, dice_per_slice, measure
from core.team.readers import rank

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LabelComparison:
    """One label of a scan: annotation against prediction.

    Parameters
    ----------
    label
        Its name.
    measures
        On the finished slices; None where none is finished (there is nothing to measure against).
    per_slice
        Dice of each native slice; NaN where both are empty or the slice is not finished.
    wrong
        Pixels called wrong on each native slice; 0 where it is not finished.
    known
        Which native slices are finished.
    blank
        Which native slices have nothing in the annotation.
    truth_ml, predicted_ml
        Volumes of all slices, finished or not; None where the spacing is unknown or the
        mask is not begun.
    truth_voxels, predicted_voxels
        The same in voxels.
    """

    label: str
    measures: Measures | None
    per_slice: NDArray[np.float64]
    wrong: NDArray[np.int64]
    known: Bools
    blank: Bools
    truth_ml: float | None
    predicted_ml: float | None
    truth_voxels: int = 0
    predicted_voxels: int = 0

    @property
    def whole(self) -> bool:
        """Whether every slice is finished."""
        return bool(self.known.all())

    @property
    def finished(self) -> int:
        """How many slices are finished."""
        return int(np.count_nonzero(self.known))


@dataclass(frozen=True, eq=False)
class Comparison:
    """A scan's annotation against a run's prediction.

    Parameters
    ----------
    scan, run
        Ids.
    reader
        Whose annotation; empty where there is none.
    labels
        One entry per label that the run predicts, in its order.
    """

    scan: str
    run: str
    reader: str
    labels: tuple[LabelComparison, ...]

    def of(self, label: str) -> LabelComparison | None:
        """Return the comparison of one label, or None where the run does not predict it."""
        return next((one for one in self.labels if one.label.casefold() == label.casefold()), None)

    @property
    def dice(self) -> float | None:
        """Mean Dice over the labels that have one."""
        values = [one.measures.dice for one in self.labels if one.measures and one.measures.dice is not None]
        return float(np.mean(values)) if values else None


def compare_label(
    name: str, truth: Array | None, predicted: Array, geometry: Geometry, known: Bools | None = None
) -> LabelComparison:
    """Compare one label's mask with its prediction; for the window, which holds the live masks.

    Parameters
    ----------
    name
        The label.
    truth
        ``[z, y, x]``, non-zero is the label; None where the layer was not begun.
    predicted
        The same for the prediction.
    known
        Finished slices; None means all.
    """
    slices = geometry.shape[0]
    true = np.zeros(geometry.shape, dtype=bool) if truth is None else truth != 0
    guess = predicted != 0
    sure = np.ones(slices, dtype=bool) if known is None else np.asarray(known, dtype=bool)
    if truth is None:
        sure = np.zeros(slices, dtype=bool)
    measures = measure(true, guess, geometry, known=sure) if sure.any() else None
    wrong = np.count_nonzero(true ^ guess, axis=(1, 2))
    wrong[~sure] = 0
    ml = geometry.voxel_ml if geometry.measurable else None
    there, said = int(np.count_nonzero(true)), int(np.count_nonzero(guess))
    return LabelComparison(
        label=name,
        measures=measures,
        per_slice=dice_per_slice(true, guess, known=sure),
        wrong=np.asarray(wrong, dtype=np.int64),
        known=sure,
        blank=np.asarray(~true.any(axis=(1, 2)), dtype=bool),
        truth_ml=None if ml is None or truth is None else there * ml,
        predicted_ml=None if ml is None else said * ml,
        truth_voxels=there,
        predicted_voxels=said,
    )


def finished_slices(states: Sequence[SliceState], slices: int) -> Bools:
    """Return which native slices are finished, bool per slice."""
    known = np.zeros(slices, dtype=bool)
    for state in states:
        if state.finished and 0 <= state.slice < slices:
            known[state.slice] = True
    return known


def pick_annotation(project: Project, scan_id: str, reader: str | None = None) -> Annotation | None:
    """Return a reader's annotation of a scan.

    Without a reader: an adjudication, else a consensus, else that of the person at the keyboard,
    else the one changed last.
    """
    if reader is not None:
        return project.annotation(scan_id, reader)
    mine = current_reader()
    everyone = project.annotations(scan_id)
    # what decides between readers counts more than they do
    return max(everyone, key=lambda one: (rank(one.reader), one.reader == mine, one.updated, one.id), default=None)


def read_truth(project: Project, annotation: Annotation | None, label: Label, slices: int) -> tuple[Any, Bools]:
    """Return a label's saved mask (bool ``[z, y, x]``, or None if not begun) and its finished slices."""
    if annotation is None:
        return None, np.zeros(slices, dtype=bool)
    layer = project.read_layer(annotation.id, label.layer)
    known = finished_slices(project.slice_states(annotation.id, label.layer), slices)
    return (None if layer is None else layer == label.value), known


def learnt_truth(
    project: Project, scan_id: str, label: Label, slices: int, reader: str = ""
) -> tuple[Any, Bools, Annotation | None]:
    """Return the mask, the finished slices and the annotation that a training takes as truth.

    That is, of the annotations (of this reader, if one is named) in which the label has a
    finished slice, the one changed last.
    """
    candidates = [one for one in project.annotations(scan_id) if not reader or one.reader == reader]
    for annotation in sorted(candidates, key=lambda one: (one.updated, one.id), reverse=True):
        truth, known = read_truth(project, annotation, label, slices)
        if truth is not None and known.any():
            return truth, known, annotation
    return None, np.zeros(slices, dtype=bool), None


def compare_scan(project: Project, scan_id: str, run: str, reader: str | None = None) -> Comparison:
    """Compare what is saved of a scan with a run's stored prediction.

    Parameters
    ----------
    project
        Open project; may be called from a thread.
    scan_id, run
        Ids.
    reader
        Whose annotation; None as :func:`pick_annotation`.

    Raises
    ------
    LearningError
        ``prediction-missing`` or ``prediction-damaged``.
    ProjectError
        ``mask-corrupt``, ``mask-missing``.
    """
    predicted = read_prediction(project, run, scan_id)
    geometry = project.geometry(scan_id)
    annotation = pick_annotation(project, scan_id, reader)
    labels = project.labels()
    found = []
    for name, mask in predicted.items():
        label = labels.find(name)
        # a label renamed since the run still has its prediction, but no truth
        none = np.zeros(geometry.shape[0], dtype=bool)
        truth, known = (None, none) if label is None else read_truth(project, annotation, label, geometry.shape[0])
        found.append(compare_label(name, truth, mask, geometry, known))
    return Comparison(scan_id, run, annotation.reader if annotation else "", tuple(found))
