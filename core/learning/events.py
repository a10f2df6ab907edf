"""What a training says while it runs, beside the general events of :mod:`core.events`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.events import JobEvent


@dataclass(frozen=True, slots=True)
class Scores:
    """How good the masks are on one part of the data.

    Parameters
    ----------
    loss
        Mean loss.
    dice, iou
        Mean over scans (each scan's finished slices pooled) and labels. A scan where both the
        truth and the prediction are empty is left out; a miss or a false alarm counts as 0.
    accuracy
        Part of the known pixels that are right. Empty of meaning by itself: read it beside
        ``TrainingStarted.baseline_accuracy``.
    auc, sensitivity, specificity
        Only where a class is learnt (Dice and IoU are then those of the slices called yes, and
        those that are): the best epoch is chosen by the AUC.
    """

    loss: float
    dice: float
    iou: float
    accuracy: float
    auc: float | None = None
    sensitivity: float | None = None
    specificity: float | None = None

    @property
    def merit(self) -> float:
        """What the best epoch is chosen by: Dice, or the AUC of a class."""
        return self.dice if self.auc is None else self.auc


@dataclass(frozen=True, slots=True)
class TrainingStarted(JobEvent):
    """The data is read and the network stands; the first step follows.

    Parameters
    ----------
    run, name
        Id and display name of the run.
    network, parameters, device, precision
        What trains where: ``device`` is ``cpu``, ``cuda`` or ``mps``.
    epochs
        Planned epochs; 0 under a time budget.
    scans, slices
        Annotated scans and finished slices used in all.
    train, validation, test
        Slices of each part.
    baseline_accuracy
        Accuracy of "everything is background" on the validation slices.
    leaky
        The parts share a patient, or patients are unknown: the numbers flatter.
    epoch
        Epochs already done (above 0 after a resume).
    yes_patients
        Of a class: patients with a yes among those who check; None for masks, and for runs of before this was counted.
    label_slices
        Of masks: slices that show a label among those that check; None for a class, and for runs of before this was
        counted.
    """

    run: str
    name: str
    network: str
    parameters: int
    device: str
    precision: str
    epochs: int
    scans: int
    slices: int
    train: int
    validation: int
    test: int
    baseline_accuracy: float
    leaky: bool
    epoch: int = 0
    yes_patients: int | None = None
    label_slices: int | None = None


@dataclass(frozen=True, slots=True)
class EpochEnded(JobEvent):
    """An epoch and its validation are done.

    Parameters
    ----------
    epoch, epochs
        Counted from 1; ``epochs`` 0 under a time budget.
    train, validation
        Scores; the training ones come from the augmented batches of the epoch.
    best_epoch, best_dice
        The epoch kept so far: the best by validation Dice only (of a class: AUC, which ``best_dice`` then is), or the
        newest where too few slices check to say (:func:`core.learning.warnings.keeps_newest`).
    seconds
        Time of this epoch with its validation.
    learning_rate
        At the end of the epoch.
    """

    run: str
    epoch: int
    epochs: int
    train: Scores
    validation: Scores
    best_epoch: int
    best_dice: float
    seconds: float
    learning_rate: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One pinned validation slice as a picture.

    Parameters
    ----------
    scan_name, slice
        Display name and native slice index (from 0).
    dice
        Of this slice; -1 where truth and prediction are both empty.
    file
        PNG, relative to the run's folder: grey, true outline, predicted fill.
    truth, probability
        Only where a class is learnt: what the slice is, and how sure of a yes the network is.
    """

    scan_name: str
    slice: int
    dice: float
    file: str
    truth: bool | None = None
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class SamplesDrawn(JobEvent):
    """New pictures of the pinned validation slices lie in the run's folder."""

    run: str
    epoch: int
    pictures: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class RunEnded(JobEvent):
    """The run's row and files are final (``state`` is a value of ``core.learning.runs.RunState``)."""

    run: str
    state: str
    best_epoch: int
    best_dice: float


_KINDS: dict[str, type[JobEvent]] = {
    "started": TrainingStarted,
    "epoch": EpochEnded,
    "samples": SamplesDrawn,
    "ended": RunEnded,
}


def event_to_json(event: JobEvent) -> dict[str, Any] | None:
    """Return an event as a line of ``events.jsonl``, or None for one that is not kept (progress)."""
    for kind, cls in _KINDS.items():
        if isinstance(event, cls):
            return {"kind": kind} | asdict(event)
    return None


def event_from_json(data: Mapping[str, Any]) -> JobEvent | None:
    """Read what :func:`event_to_json` wrote; None for a kind this version does not know."""
    values = dict(data)
    cls = _KINDS.get(str(values.pop("kind", "")))
    if cls is None:
        return None
    for part in ("train", "validation"):
        if isinstance(values.get(part), dict):
            values[part] = Scores(**values[part])
    if "pictures" in values:
        values["pictures"] = tuple(Sample(**picture) for picture in values["pictures"])
    return cls(**values)
