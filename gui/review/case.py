"""What the Review page shows of one scan, worked out in a thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import ProjectError
from core.geometry import Array, Geometry
from core.labels import BRAIN, Label, LabelSet
from core.learning.runs import Run, read_split
from core.messages import text
from core.project.predictions import list_predictions, read_meta, read_prediction, read_probability
from core.project.project import Project
from core.project.records import Scan, SliceState
from core.review.brain_check import BrainCheck
from core.review.compare import LabelComparison, compare_label, read_truth
from core.review.effort import Effort, effort_of, time_of
from core.review.entropy import entropy_levels
from core.review.fitness import learnt, lost_labels, misfits, other_window
from core.review.ranking import RankedSlice, unsure_slices, worst_slices
from core.review.strip import apply_mask
from core.volume import Volume

if TYPE_CHECKING:
    from core.editing.editor import Editor

ONLY_PREDICTION, ONLY_REFERENCE, BOTH = 1, 2, 3
"""Values of a difference mask."""
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Reference:
    """What a prediction is compared with.

    Parameters
    ----------
    kind
        ``reader`` (an annotation) or ``run`` (another run's prediction).
    id
        Reader's name or run id.
    words
        As shown.
    """

    kind: str
    id: str
    words: str


@dataclass(frozen=True, eq=False)
class Live:
    """The masks of the scan that is open, as they stand now (not copied).

    Parameters
    ----------
    reader
        Whose they are.
    masks
        By layer: uint8 ``[z, y, x]``.
    finished
        By layer: bool per native slice.
    """

    reader: str
    masks: Mapping[str, NDArray[np.uint8]]
    finished: Mapping[str, Bools]
    states: Mapping[str, tuple[SliceState, ...]] = field(default_factory=dict)
    """By layer: what is known of its slices."""


def states_of(editor: Editor, layer: str) -> tuple[SliceState, ...]:
    """Return what is known of the slices of a layer that is open."""
    found = (editor.state(layer, number) for number in range(editor.geometry.shape[0]))
    return tuple(state for state in found if state is not None)


@dataclass(frozen=True, eq=False)
class Question:
    """What the page wants to see."""

    project: Project
    scan: Scan
    volume: Volume
    run: Run
    reference: Reference
    labels: LabelSet
    live: Live
    others: tuple[Reference, ...] = ()
    """What some pane shows besides: other readers' annotations, other runs' predictions."""
    unsure: bool = False
    """Whether some pane shows where the run is unsure."""


@dataclass(frozen=True, eq=False)
class LabelCase:
    """One label of the answer.

    Parameters
    ----------
    label
        As the project has it now; None if it was renamed since the run.
    truth
        Layer array and the value that means the label; None if not begun.
    predicted
        uint8 0/1 ``[z, y, x]``.
    difference
        uint8 ``[z, y, x]``: :data:`ONLY_PREDICTION`, :data:`ONLY_REFERENCE`, :data:`BOTH` on known slices.
    compared
        Numbers.
    ranked
        Slices to look at, first the worst.
    truth_voxels, predicted_voxels
        On all slices.
    others
        Masks (array, value) of :attr:`Question.others`; None where there is nothing of this label.
    unsure
        Entropy in steps (:func:`core.review.entropy.entropy_levels`); None where it is not asked for,
        or the run stored no probability.
    """

    name: str
    label: Label | None
    truth: tuple[NDArray[np.uint8], int] | None
    predicted: NDArray[np.uint8]
    difference: NDArray[np.uint8]
    compared: LabelComparison
    ranked: tuple[RankedSlice, ...]
    truth_voxels: int
    predicted_voxels: int
    others: Mapping[Reference, tuple[NDArray[np.uint8], int] | None] = field(default_factory=dict)
    unsure: NDArray[np.uint8] | None = None
    effort: Effort | None = None
    """What became of the prediction in the annotation that it is compared with; None for another run."""
    seconds: float = 0.0
    """Time drawn on the layer of that annotation."""


@dataclass(frozen=True, eq=False)
class ReviewCase:
    """The answer.

    Parameters
    ----------
    part
        ``train validation test`` if the run used this scan, ``none`` if it did not, ``""`` if
        nobody knows any more.
    labels
        By name, in the run's order; empty while the scan is not predicted.
    stripped
        The scan without what is outside the brain, and which mask made it
        (``prediction reference label``); None while there is no mask.
    """

    scan: str
    run: str
    part: str = ""
    labels: Mapping[str, LabelCase] = field(default_factory=dict)
    stripped: tuple[Volume, str] | None = None
    asked_unsure: bool = False
    """Whether :attr:`LabelCase.unsure` was asked for."""
    misfits: tuple[str, ...] = ()
    """Why the run or its gate may do badly on this scan, and what is odd about the Brain it found, in sentences."""

    @property
    def predicted(self) -> bool:
        """Whether there is a prediction."""
        return bool(self.labels)


def answer(question: Question) -> ReviewCase:
    """Read, compare and strip (not for the window's thread).

    Raises
    ------
    MeninxError
        For damaged files.
    """
    project, scan, run = question.project, question.scan, question.run
    part = _part(project, run.id, scan.id)
    if not list_predictions(project, scan=scan.id, run=run.id):
        return ReviewCase(scan.id, run.id, part, {}, _stripped(question, {}), misfits=_misfits(question))
    predicted = read_prediction(project, run.id, scan.id)
    cases = {name: _label_case(question, name, mask) for name, mask in predicted.items()}
    said = (*_misfits(question), *_doubts(question))
    return ReviewCase(scan.id, run.id, part, cases, _stripped(question, cases), question.unsure, said)


def _misfits(question: Question) -> tuple[str, ...]:
    said = misfits(learnt(question.project, question.run), question.scan)
    if other_window(question.project, question.run, question.volume):
        said.append(text("review.misfit_window"))
    gone = lost_labels(question.labels, question.run)
    if gone:
        key = "misfit_no_label" if len(gone) == len(question.run.labels) else "misfit_labels"
        said.append(text(f"review.{key}", labels=", ".join(gone)))
    return tuple(said)


def _doubts(question: Question) -> list[str]:
    """Return what was told of a gate and of a Brain when it was predicted: a message is gone after some seconds."""
    meta = read_meta(question.project, question.run.id, question.scan.id)
    gate, check = meta.get("gate"), BrainCheck.from_json(meta.get("brain"))
    said = []
    if isinstance(gate, dict) and gate.get("other_window") is True:
        said.append(text("review.misfit_gate_window", run=gate.get("name", "-")))
    if check is not None and check.words:
        said.append(text("review.brain_doubtful" if check.doubtful else "review.brain_odd", reasons=check.words))
    return said


def _part(project: Project, run: str, scan: str) -> str:
    try:
        split = read_split(project, run)
    except ProjectError:
        return ""
    return next((part for part in ("train", "validation", "test") if scan in split.get(part, [])), "none")


def _label_case(question: Question, name: str, mask: NDArray[np.uint8]) -> LabelCase:
    geometry = question.volume.geometry
    label = question.labels.find(name)
    truth, known = _truth(question, question.reference, label, name, geometry)
    inside = None if truth is None else truth[0] == truth[1]
    compared = compare_label(name, inside, mask, geometry, known)
    difference = np.zeros(geometry.shape, np.uint8)
    if inside is not None:
        guess = mask != 0
        difference[guess & ~inside] = ONLY_PREDICTION
        difference[inside & ~guess] = ONLY_REFERENCE
        difference[inside & guess] = BOTH
        difference[~known] = 0
    ranked = worst_slices(compared)
    if not known.any():
        ranked = unsure_slices(read_probability(question.project, question.run.id, question.scan.id, name))
    voxels = 0 if inside is None else int(np.count_nonzero(inside))
    others = {one: _truth(question, one, label, name, geometry)[0] for one in question.others}
    states = _states(question, label)
    effort = None if states is None else effort_of(inside, mask != 0, states, question.run.id)
    return LabelCase(
        name=name,
        label=label,
        truth=truth,
        predicted=mask,
        difference=difference,
        compared=compared,
        ranked=tuple(ranked),
        truth_voxels=voxels,
        predicted_voxels=int(np.count_nonzero(mask)),
        others=others,
        unsure=_unsure(question, name) if question.unsure else None,
        effort=effort,
        seconds=0.0 if states is None else time_of(states),
    )


def _states(question: Question, label: Label | None) -> Sequence[SliceState] | None:
    """Return what is known of the slices of the annotation that is compared with."""
    reference, live = question.reference, question.live
    if reference.kind != "reader" or label is None:
        return None
    if reference.id == live.reader:
        return live.states.get(label.layer, ())
    annotation = question.project.annotation(question.scan.id, reference.id)
    return None if annotation is None else question.project.slice_states(annotation.id, label.layer)


def _unsure(question: Question, name: str) -> NDArray[np.uint8] | None:
    if question.run.imported:
        # masks of another program: yes or no, nothing between
        return None
    return entropy_levels(read_probability(question.project, question.run.id, question.scan.id, name))


def _truth(
    question: Question, reference: Reference, label: Label | None, name: str, geometry: Geometry
) -> tuple[tuple[NDArray[np.uint8], int] | None, Bools]:
    """Return a reference's mask (array, value) and which slices of it are known."""
    slices = geometry.shape[0]
    nothing: Bools = np.zeros(slices, dtype=bool)
    if reference.kind == "run":
        other = _other_prediction(question, reference.id).get(name)
        return (None, nothing) if other is None else ((other, 1), np.ones(slices, dtype=bool))
    if label is None:
        return None, nothing
    live = question.live
    if reference.id == live.reader:
        layer = live.masks.get(label.layer)
        return (None if layer is None else (layer, label.value)), live.finished.get(label.layer, nothing)
    annotation = question.project.annotation(question.scan.id, reference.id)
    inside, known = read_truth(question.project, annotation, label, slices)
    return (None if inside is None else (np.asarray(inside, dtype=np.uint8), 1)), known


def _other_prediction(question: Question, run: str) -> Mapping[str, NDArray[np.uint8]]:
    if not list_predictions(question.project, scan=question.scan.id, run=run):
        return {}
    return read_prediction(question.project, run, question.scan.id)


def _stripped(question: Question, cases: Mapping[str, LabelCase]) -> tuple[Volume, str] | None:
    """Apply the best brain mask there is: the run's, else the reference's, else the first label's."""
    mask: Array
    brain = cases.get(BRAIN)
    if brain is not None:
        return apply_mask(question.volume, brain.predicted), "prediction"
    label = question.labels.find(BRAIN)
    truth, _ = _truth(question, question.reference, label, BRAIN, question.volume.geometry)
    if truth is not None and (truth[0] == truth[1]).any():
        mask = truth[0] == truth[1]
        return apply_mask(question.volume, mask), "reference"
    first = next(iter(cases.values()), None)
    return None if first is None else (apply_mask(question.volume, first.predicted), "label")
