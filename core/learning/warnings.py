"""What the curves of a training say, in plain words: pure functions of its events and its split.

A curve is judged against its own noise (the median step from epoch to epoch), so that a
validation of two scans, which jumps about, is not called over-fitting at every jump.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.learning.events import EpochEnded, TrainingStarted
from core.learning.split import Part, Split
from core.messages import text

Values = NDArray[np.float64]

FEWEST = 8
"""Epochs before a trend is looked for: fewer are the first climb."""
WINDOW = 3
"""Epochs averaged before they are compared."""
LEAST_FALL = 0.01
"""Validation Dice lost, below which nobody would care, noise or not."""
LEAST_RISE = 0.1
"""Part by which the validation loss must have risen above its lowest."""
NOISES = 2.0
"""A fall counts from so many times the usual step between epochs."""
SINCE_PART, SINCE_LEAST = 0.5, 10
"""Without a better validation for half of the epochs, and at least so many, more of them will hardly help."""
NOTHING = 0.01
"""Dice below which a network finds nothing worth the name."""
NEAR = 1e-3
"""Accuracy this near to that of an empty mask is that of an empty mask."""
ENOUGH_YES = 10
"""Patients with a yes who check a class: one to five said AUC 0.90 to 1.00 where the tests said 0.68 to 0.92."""
ENOUGH_SHOWN = 5
"""Slices that show a label and check: of one to four the best epoch is one by chance, often an early one."""


@dataclass(frozen=True, slots=True)
class Caution:
    """One thing to know about a training.

    Parameters
    ----------
    key
        ``no_validation one_patient few_yes few_shown none_shown not_finite
        all_background over_fitting stalled``.
    fields
        Facts for the words.
    """

    key: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """What is seen, and what to do about it."""
        return text(f"train_warnings.{self.key}", **self.fields)


def cautions(
    started: TrainingStarted | None, epochs: Sequence[EpochEnded], *, validation_patients: int | None = None
) -> tuple[Caution, ...]:
    """Return what the curves so far say, weightiest first; empty if all is well.

    Parameters
    ----------
    started
        The first event; None where it was lost.
    epochs
        In order, as far as the training got.
    validation_patients
        How many patients check the training (:func:`patients_checking`); None where nobody knows.
    """
    found: list[Caution] = []
    losses = [value for event in epochs for value in (event.train.loss, event.validation.loss)]
    if any(not math.isfinite(loss) for loss in losses if not _absent(started)):
        found.append(Caution("not_finite"))
    elif _absent(started):
        found.append(Caution("no_validation"))
    else:
        found += _of_curves(started, epochs)
    if started is not None and keeps_newest(started.label_slices) and not _absent(started):
        found.append(Caution("few_shown" if started.label_slices else "none_shown", {"count": started.label_slices}))
    elif validation_patients == 1 and not _absent(started):
        found.append(Caution("one_patient"))
    elif started is not None and started.yes_patients is not None and started.yes_patients < ENOUGH_YES:
        found.append(Caution("few_yes", {"count": started.yes_patients}))
    return tuple(found)


def keeps_newest(label_slices: int | None) -> bool:
    """Whether a training keeps its newest epoch, as too few slices check to tell which is best.

    Parameters
    ----------
    label_slices
        Slices that show a label among those that check; None where that is not what it is chosen by.
    """
    return label_slices is not None and label_slices < ENOUGH_SHOWN


def patients_checking(split: Split | None) -> int | None:
    """Return how many patients a split keeps for validation; None where it does not say."""
    if split is None:
        return None
    if "one-patient" in split.reasons:
        return 1
    if not split.patients:
        return None
    return sum(part is Part.VALIDATION for part in split.patients.values())


def _absent(started: TrainingStarted | None) -> bool:
    return started is not None and started.validation == 0


def _of_curves(started: TrainingStarted | None, epochs: Sequence[EpochEnded]) -> list[Caution]:
    if _all_background(started, epochs):
        # nothing else is worth saying of a network that finds nothing
        key = "all_background" if epochs[-1].validation.auc is None else "all_no"
        return [Caution(key, {"epoch": epochs[-1].epoch, "accuracy": epochs[-1].validation.accuracy})]
    if started is not None and keeps_newest(started.label_slices):
        # what so few slices say of better and worse is chance
        return []
    fitted = over_fitting(epochs)
    if fitted is not None:
        return [fitted]
    since = epochs[-1].epoch - epochs[-1].best_epoch if epochs else 0
    if len(epochs) >= FEWEST and since >= max(SINCE_LEAST, SINCE_PART * epochs[-1].epoch):
        return [Caution("stalled", {"epoch": epochs[-1].best_epoch, "since": since})]
    return []


def _all_background(started: TrainingStarted | None, epochs: Sequence[EpochEnded]) -> bool:
    if started is None or len(epochs) < WINDOW:
        return False
    last = [event.validation for event in epochs[-WINDOW:]]
    return all(scores.dice < NOTHING and abs(scores.accuracy - started.baseline_accuracy) < NEAR for scores in last)


def over_fitting(epochs: Sequence[EpochEnded]) -> Caution | None:
    """Return a caution where training went on getting better while validation got worse.

    Worse is a validation Dice that fell, or a validation loss that rose, from its best by
    more than its noise; better is the training curve of the same kind, since that epoch.
    """
    if len(epochs) < FEWEST:
        return None
    numbers = [event.epoch for event in epochs]
    # of a class the AUC, which its best epoch is chosen by
    for measure, sign, least in (("merit", 1.0, LEAST_FALL), ("loss", -1.0, None)):
        train, check = (
            sign * np.array([getattr(getattr(event, part), measure) for event in epochs], dtype=float)
            for part in ("train", "validation")
        )
        smooth, learnt = _smooth(check), _smooth(train)
        best = int(np.argmax(smooth))
        # a loss has no scale of its own: its rise is told as a part of its lowest
        bound = LEAST_RISE * abs(float(smooth[best])) if least is None else least
        fallen = float(smooth[best] - smooth[-1])
        gained = float(learnt[-1] - learnt[best])
        if len(epochs) - 1 - best >= WINDOW and fallen > max(bound, NOISES * _noise(check)) and gained > 0:
            return Caution(f"over_fitting_{'loss' if measure == 'loss' else 'dice'}", {"epoch": numbers[best]})
    return None


def _smooth(values: Values) -> Values:
    """Return the mean of each value with those before it, :data:`WINDOW` in all."""
    sums = np.cumsum(np.concatenate([np.zeros(1), values]))
    ends = np.arange(1, values.size + 1)
    starts = np.maximum(0, ends - WINDOW)
    smoothed: Values = (sums[ends] - sums[starts]) / (ends - starts)
    return smoothed


def _noise(values: Values) -> float:
    """Return the usual step from epoch to epoch, once the trend is taken out."""
    steps = np.diff(values)
    return float(np.median(np.abs(steps - np.median(steps)))) if steps.size else 0.0
