"""How good yes and no are: our own measures, tested by hand-computed cases.

Accuracy is always beside that of calling everything no; intervals draw whole patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.review.summary import DRAWS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
BINS = 10
_SEED = 20261


@dataclass(frozen=True)
class Bin:
    """Slices of like probability: from, to, how many, their mean probability, and the part that is yes."""

    low: float
    high: float
    count: int
    mean: float
    share: float


@dataclass(frozen=True, eq=False)
class ClassMeasures:
    """Measures of yes and no.

    Parameters
    ----------
    count, yes, patients
        How many, how many of them truly yes, of how many patients.
    caught, missed, false, quiet
        The confusion matrix: yes called yes, yes called no, no called yes, no called no.
    figures
        Name (``auc accuracy baseline_accuracy sensitivity specificity precision balanced_accuracy``) to the
        value, None where it is not defined.
    intervals
        The same names to 95 % intervals, whole patients drawn with replacement; None for one patient.
    brier
        Mean squared distance of probability and truth.
    ece
        Expected calibration error: how far probability and share of yes lie apart, over :data:`BINS` bins.
    bins
        Of the reliability curve; empty ones are left out.
    roc
        (false alarms, sensitivity) for every threshold, from none to all.
    threshold
        From here on it is yes.
    """

    count: int
    yes: int
    patients: int
    caught: int
    missed: int
    false: int
    quiet: int
    figures: dict[str, float | None]
    intervals: dict[str, tuple[float, float] | None]
    brier: float
    ece: float
    bins: tuple[Bin, ...]
    roc: tuple[tuple[float, float], ...]
    threshold: float

    def facts(self) -> dict[str, Any]:
        """Return plain data without the curves; each figure as ``{"mean", "median", "ci95", "count"}``."""
        plain = {
            name: {"mean": value, "median": None, "ci95": _listed(self.intervals[name]), "count": self.count}
            for name, value in self.figures.items()
        }
        return plain | {
            "count": self.count,
            "yes": self.yes,
            "patients": self.patients,
            "true_yes": self.caught,
            "false_no": self.missed,
            "false_yes": self.false,
            "true_no": self.quiet,
            "brier": self.brier,
            "ece": self.ece,
            "threshold": self.threshold,
        }


def _listed(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)


def measure_classes(
    probability: NDArray[Any], truth: NDArray[Any], patients: Sequence[str], threshold: float, *, seed: int = _SEED
) -> ClassMeasures:
    """Measure probabilities of yes against the truth.

    Parameters
    ----------
    probability
        ``[n]``, 0..1; of none, no figure is defined.
    truth
        ``[n]`` bool.
    patients
        Whose slice (or scan) each is.
    threshold
        From here on it is yes.
    """
    found, true = np.asarray(probability, dtype=np.float64), np.asarray(truth, dtype=np.bool_)
    said = found >= threshold
    names, owners = np.unique(np.array(patients, dtype=object).astype(str), return_inverse=True)
    cells = np.stack([said & true, ~said & true, said & ~true, ~said & ~true]).astype(np.float64)
    whole = cells.sum(axis=1)
    caught, missed, false, quiet = (int(value) for value in whole)
    single = _ratios(whole[:, None])
    figures: dict[str, float | None] = {"auc": auc(found, true)}
    figures |= {name: _plain(float(values[0])) for name, values in single.items()}
    bins = reliability(found, true)
    return ClassMeasures(
        count=len(found),
        yes=int(np.count_nonzero(true)),
        patients=len(names),
        caught=caught,
        missed=missed,
        false=false,
        quiet=quiet,
        figures=figures,
        intervals=_intervals(found, true, cells, owners, len(names), seed),
        brier=float(np.sum((found - true) ** 2) / max(1, len(found))),
        ece=float(sum(one.count * abs(one.mean - one.share) for one in bins) / max(1, len(found))),
        bins=bins,
        roc=roc(found, true),
        threshold=float(threshold),
    )


def _ratios(cells: Floats) -> dict[str, Floats]:
    """Return the figures of confusion matrices ``[4, draws]``; NaN where one is not defined."""
    caught, missed, false, quiet = cells
    with np.errstate(invalid="ignore", divide="ignore"):
        sensitivity, specificity = caught / (caught + missed), quiet / (quiet + false)
        return {
            "accuracy": (caught + quiet) / cells.sum(axis=0),
            "baseline_accuracy": (quiet + false) / cells.sum(axis=0),
            "sensitivity": sensitivity,
            "specificity": specificity,
            "precision": caught / (caught + false),
            "balanced_accuracy": (sensitivity + specificity) / 2,
        }


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _intervals(
    found: Floats, true: Bools, cells: Floats, owners: NDArray[np.intp], patients: int, seed: int
) -> dict[str, tuple[float, float] | None]:
    """Draw whole patients with replacement; draws in which a figure is not defined do not count for it."""
    names = ("auc", *_ratios(np.ones((4, 1))))
    if patients < 2:
        return dict.fromkeys(names)
    drawn = np.random.default_rng(seed).integers(0, patients, (DRAWS, patients))
    times = np.stack([np.bincount(one, minlength=patients) for one in drawn]).astype(np.float64)
    of_patient = np.stack([np.bincount(owners, weights=cell, minlength=patients) for cell in cells])
    values = _ratios(of_patient @ times.T)
    values["auc"] = _drawn_aucs(found, true, owners, times)
    intervals: dict[str, tuple[float, float] | None] = {}
    for name in names:
        there = values[name][np.isfinite(values[name])]
        ends = np.percentile(there, (2.5, 97.5)) if there.size else None
        intervals[name] = None if ends is None else (float(ends[0]), float(ends[1]))
    return intervals


def _drawn_aucs(found: Floats, true: Bools, owners: NDArray[np.intp], times: Floats) -> Floats:
    """Return the AUC of each draw (``times[draw, patient]``: how often a patient was drawn)."""
    _, group = np.unique(found, return_inverse=True)
    count = int(group.max()) + 1
    values = np.full(len(times), np.nan)
    for draw, weights in enumerate(times):
        weight = weights[owners]
        yes = np.bincount(group, weights=weight * true, minlength=count)
        no = np.bincount(group, weights=weight * ~true, minlength=count)
        both = yes.sum() * no.sum()
        if both > 0:
            values[draw] = float((yes * (np.cumsum(no) - 0.5 * no)).sum() / both)
    return values


def auc(probability: NDArray[Any], truth: NDArray[Any]) -> float | None:
    """Return the chance that a yes has a higher probability than a no (ties half); None without both kinds."""
    true = np.asarray(truth, dtype=np.bool_)
    if not true.any() or true.all():
        return None
    one = np.zeros(len(true), dtype=np.intp)
    found = np.asarray(probability, dtype=np.float64)
    return float(_drawn_aucs(found, true, one, np.ones((1, 1)))[0])


def roc(probability: NDArray[Any], truth: NDArray[Any]) -> tuple[tuple[float, float], ...]:
    """Return (part of no called yes, part of yes called yes) for falling thresholds; empty without both kinds."""
    true = np.asarray(truth, dtype=np.bool_)
    yes, no = int(np.count_nonzero(true)), int(np.count_nonzero(~true))
    if not yes or not no:
        return ()
    order = np.argsort(-np.asarray(probability, dtype=np.float64), kind="stable")
    ranked, sorted_true = np.asarray(probability, dtype=np.float64)[order], true[order]
    # equal probabilities are passed together
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    caught, false = np.cumsum(sorted_true)[ends] / yes, np.cumsum(~sorted_true)[ends] / no
    return ((0.0, 0.0), *((float(x), float(y)) for x, y in zip(false, caught, strict=True)))


def reliability(probability: NDArray[Any], truth: NDArray[Any], bins: int = BINS) -> tuple[Bin, ...]:
    """Return slices by probability in bins of equal width."""
    found, true = np.asarray(probability, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    number = np.minimum((found * bins).astype(np.intp), bins - 1)
    result = []
    for one in range(bins):
        mine = number == one
        if mine.any():
            count, mean, share = int(mine.sum()), float(found[mine].mean()), float(true[mine].mean())
            result.append(Bin(one / bins, (one + 1) / bins, count, mean, share))
    return tuple(result)
