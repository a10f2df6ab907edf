"""Whether the loop pays: how much of a prediction its reader had to change, and how long that took.

The *edit Dice* holds a prediction against what the reader made of it, on the slices that began as
that prediction and are finished. Nobody has learnt from them when the prediction is made, so it is an
honest test of each run that costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import LearningError
from core.learning.runs import list_runs
from core.project.predictions import list_predictions, read_prediction
from core.project.project import Project
from core.project.records import Origin, SliceState

Bools = NDArray[np.bool_]
_TAKEN = frozenset({Origin.PREDICTED, Origin.CORRECTED})


@dataclass(frozen=True, slots=True)
class Effort:
    """What a number of finished slices took; efforts can be added.

    Parameters
    ----------
    slices
        How many.
    seconds
        Time drawn on them.
    shared, both
        Pixels that prediction and reader have in common, and the pixels of the one plus those of the other.
    """

    slices: int = 0
    seconds: float = 0.0
    shared: int = 0
    both: int = 0

    @property
    def dice(self) -> float | None:
        """Dice of the prediction and what became of it; 1 where nothing was there and nothing was drawn."""
        if not self.slices:
            return None
        return 2 * self.shared / self.both if self.both else 1.0

    @property
    def pace(self) -> float | None:
        """Seconds per slice."""
        return self.seconds / self.slices if self.slices else None

    def __add__(self, other: Effort) -> Effort:
        return Effort(
            self.slices + other.slices,
            self.seconds + other.seconds,
            self.shared + other.shared,
            self.both + other.both,
        )


@dataclass(frozen=True)
class Loop:
    """How much each run had to be corrected, and what drawing by hand took.

    Parameters
    ----------
    runs
        (id, name, effort) of each run that was corrected, oldest first.
    by_hand
        Finished slices that were drawn from nothing; without a Dice.
    """

    runs: tuple[tuple[str, str, Effort], ...] = ()
    by_hand: Effort = Effort()


def taken(states: Iterable[SliceState], run: str) -> list[SliceState]:
    """Return the finished slices that began as a run's prediction."""
    return [state for state in states if state.finished and state.run == run and state.origin in _TAKEN]


def effort_of(truth: Bools | None, predicted: Bools, states: Sequence[SliceState], run: str) -> Effort:
    """Return what became of a run's prediction of one label of one scan.

    Parameters
    ----------
    truth, predicted
        bool ``[z, y, x]``; None where nothing is drawn.
    states
        Of the label's layer.
    run
        Id.
    """
    edited = taken(states, run)
    places = [state.slice for state in edited if 0 <= state.slice < len(predicted)]
    said = predicted[places]
    made = np.zeros_like(said) if truth is None else truth[places]
    return Effort(
        len(places),
        sum(state.seconds for state in edited),
        int(np.count_nonzero(said & made)),
        int(np.count_nonzero(said)) + int(np.count_nonzero(made)),
    )


def time_of(states: Iterable[SliceState]) -> float:
    """Return the seconds that were drawn on all slices of a layer."""
    return sum(state.seconds for state in states)


def loop_of(project: Project, reader: str = "") -> Loop:
    """Return what correcting each run took so far; any thread may ask.

    Parameters
    ----------
    reader
        Of whose annotations; empty for everybody's. A prediction that is gone or damaged is left out.
    """
    found: dict[str, Effort] = {}
    by_hand = Effort()
    for scan in project.scans():
        for annotation in project.annotations(scan.id):
            if reader and annotation.reader != reader:
                continue
            for layer in project.layers(annotation.id):
                states = project.slice_states(annotation.id, layer)
                drawn = [state for state in states if state.finished and state.origin is Origin.DRAWN]
                by_hand += Effort(len(drawn), time_of(drawn))
                for run in {state.run for state in states if state.run}:
                    if taken(states, run):
                        effort = _of_layer(project, scan.id, annotation.id, layer, states, run)
                        found[run] = found.get(run, Effort()) + effort
    known = [(run.id, run.name, found[run.id]) for run in list_runs(project, imported=True) if run.id in found]
    return Loop(tuple(one for one in known if one[2].slices), by_hand)


def _of_layer(
    project: Project, scan: str, annotation: str, layer: str, states: Sequence[SliceState], run: str
) -> Effort:
    """Return the effort on the labels of one layer; its slices and its time are counted once."""
    if not list_predictions(project, scan=scan, run=run):
        return Effort()
    try:
        predicted = read_prediction(project, run, scan)
    except LearningError:
        return Effort()
    mask = project.read_layer(annotation, layer)
    total = Effort()
    for label in project.labels():
        if label.layer == layer and label.name in predicted:
            one = effort_of(None if mask is None else mask == label.value, predicted[label.name] != 0, states, run)
            total = Effort(one.slices, one.seconds, total.shared + one.shared, total.both + one.both)
    return total
