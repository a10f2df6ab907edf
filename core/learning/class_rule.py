"""What makes a yes or no of a classifier's output: chosen on the slices that check, stored with the model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
GATE_KEEPS = 0.98
"""Part of the yes slices that check which a gate must let through: what it holds back nobody sees again."""
_ROUNDS = 50


@dataclass(frozen=True, slots=True)
class ClassRule:
    """How an output becomes a probability, and a probability an answer.

    Parameters
    ----------
    slope, offset
        Calibration: the logit is multiplied and shifted (Platt 1999), for balanced batches teach
        that every second slice is yes.
    threshold
        Of a slice, from here on yes: the largest sensitivity + specificity where it was chosen.
    scan_threshold
        Of a scan, whose probability is the highest of its slices.
    gate_threshold
        Below it a slice is called clean; :data:`GATE_KEEPS` of the yes slices lie above.
    """

    slope: float = 1.0
    offset: float = 0.0
    threshold: float = 0.5
    scan_threshold: float = 0.5
    gate_threshold: float = 0.5

    def probability(self, raw: NDArray[Any]) -> Floats:
        """Return calibrated probabilities for a network's own (0..1, any shape)."""
        return expit(self.slope * logit(raw) + self.offset)

    def to_json(self) -> dict[str, float]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ClassRule:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is something else.
        """
        return cls(**{name: float(data[name]) for name in cls.__slots__})


def choose_rule(raw: NDArray[Any], truth: Bools, scans: NDArray[Any], partly: Collection[int] = ()) -> ClassRule:
    """Choose a rule on slices that were not trained on.

    Parameters
    ----------
    raw
        ``[n]``, the network's own probability of yes.
    truth
        ``[n]``.
    scans
        ``[n]``, which scan each slice is of.
    partly
        Scans of which not every slice is known: they may be yes where no known slice is, and do not tell what a
        whole scan without is like.
    """
    slope, offset = calibrate(logit(raw), truth)
    found = expit(slope * logit(raw) + offset)
    threshold = best_threshold(found, truth)
    highest, shown = per_scan(found, truth, scans)
    told = shown | ~np.isin(np.unique(scans), list(partly))
    highest, shown = highest[told], shown[told]
    whole = best_threshold(highest, shown) if shown.any() and not shown.all() else threshold
    gate = _just_below(found, np.quantile(found[truth], 1 - GATE_KEEPS, method="lower")) if truth.any() else threshold
    return ClassRule(slope, offset, threshold, whole, min(gate, threshold))


def _just_below(values: Floats, value: float) -> float:
    """Return the middle between one of the values and the next lower one, so that no rounding turns it over."""
    lower = values[values < value]
    return float(value + (lower.max() if len(lower) else 0.0)) / 2


def per_scan(probability: NDArray[Any], truth: Bools, scans: NDArray[Any]) -> tuple[Floats, Bools]:
    """Return the highest probability of each scan, and whether any of its slices is yes, in the order of scan numbers.

    The highest, and not the chance that any slice is yes (noisy-or): slices of one head are alike,
    and thirty slices at a tenth each would make 96 per cent of nothing.
    """
    numbers = np.unique(scans)
    highest = np.array([probability[scans == number].max() for number in numbers], dtype=np.float64)
    return highest, np.array([truth[scans == number].any() for number in numbers], dtype=np.bool_)


def best_threshold(probability: NDArray[Any], truth: Bools) -> float:
    """Return the threshold of the largest sensitivity + specificity (Youden 1950), between two neighbours.

    Without both kinds it is 0.5.
    """
    yes, no = int(np.count_nonzero(truth)), int(np.count_nonzero(~truth))
    if not yes or not no:
        return 0.5
    values = np.unique(probability.astype(np.float64))
    cuts = np.concatenate([values[:1] / 2, (values[1:] + values[:-1]) / 2])
    order = np.sort(probability[truth]), np.sort(probability[~truth])
    caught = yes - np.searchsorted(order[0], cuts, side="left")
    quiet = np.searchsorted(order[1], cuts, side="left")
    gain = caught / yes + quiet / no
    best = np.flatnonzero(gain >= gain.max() - 1e-12)
    return float(cuts[best[len(best) // 2]])


def calibrate(logits: Floats, truth: Bools) -> tuple[float, float]:
    """Return slope and offset of the logistic curve through logits (Platt 1999, targets a little off 0 and 1).

    A slope that is not positive would turn yes into no: then only the offset is fitted.
    """
    yes, no = int(np.count_nonzero(truth)), int(np.count_nonzero(~truth))
    targets = np.where(truth, (yes + 1) / (yes + 2), 1 / (no + 2))
    slope, offset = _fitted(logits, targets, free=True)
    if not (np.isfinite(slope) and np.isfinite(offset)) or slope <= 1e-3:
        slope, offset = _fitted(logits, targets, free=False)
    return slope, offset if np.isfinite(offset) else 0.0


def _fitted(logits: Floats, targets: Floats, *, free: bool) -> tuple[float, float]:
    """Fit by Newton's method with a small damping."""
    design = np.stack([logits, np.ones_like(logits)], axis=1)
    fit = np.array([1.0, 0.0])
    used = slice(0, 2) if free else slice(1, 2)
    for _ in range(_ROUNDS):
        found = expit(design @ fit)
        gradient = design[:, used].T @ (found - targets)
        weight = np.maximum(found * (1 - found), 1e-6)
        curve = (design[:, used] * weight[:, None]).T @ design[:, used] + 1e-6 * np.eye(gradient.size)
        # no wilder than one at a time: far out the curve is flat, and a full step would overshoot
        step = np.clip(np.linalg.solve(curve, gradient), -1.0, 1.0)
        fit[used] -= step
        if float(np.abs(step).max()) < 1e-8:
            break
    return float(fit[0]), float(fit[1])


def logit(probability: NDArray[Any]) -> Floats:
    """Return log odds, cut off at 1e-7 from certain."""
    inside = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(np.log(inside / (1 - inside)))


def expit(values: Floats) -> Floats:
    """Return the logistic function."""
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -60, 60))))
