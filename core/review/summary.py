"""A set of scans in a few honest numbers: mean, median, and how sure we are of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.review.metrics import Measures

DRAWS = 2000
_SEED = 20261


@dataclass(frozen=True, slots=True)
class Spread:
    """One metric over a set of scans.

    Parameters
    ----------
    mean, median
        Over the scans that have a value; None where none has.
    ci95
        95 % interval of the mean by drawing whole patients with replacement; None
        for fewer than two patients, of which nothing can be said.
    count
        Scans that have a value.
    """

    mean: float | None
    median: float | None
    ci95: tuple[float, float] | None
    count: int

    def facts(self) -> dict[str, Any]:
        """Return plain data."""
        interval = None if self.ci95 is None else list(self.ci95)
        return {"mean": self.mean, "median": self.median, "ci95": interval, "count": self.count}


@dataclass(frozen=True, slots=True)
class Summary:
    """All metrics over a set of scans, and how many were empty or missed.

    Parameters
    ----------
    spreads
        By name; distances as ``hd95_mm``, or ``hd95_px`` where the spacing is unknown.
        A set that holds both has both, each over its own scans.
    scans, patients, empty, missed, spurious
        Counts (see :class:`core.review.metrics.Measures`).
    pooled_dice
        Dice of all voxels taken together; None where all is empty.
    """

    spreads: dict[str, Spread]
    scans: int
    patients: int
    empty: int
    missed: int
    spurious: int
    pooled_dice: float | None

    def facts(self) -> dict[str, Any]:
        """Return plain data."""
        counts = {
            name: getattr(self, name) for name in ("scans", "patients", "empty", "missed", "spurious", "pooled_dice")
        }
        return {name: spread.facts() for name, spread in self.spreads.items()} | counts


_PLAIN = ("dice", "iou", "sensitivity", "specificity", "precision", "accuracy", "baseline_accuracy", "difference_ml")


def spread(values: Sequence[float | None], patients: Sequence[str], *, seed: int = _SEED) -> Spread:
    """Summarise one metric.

    Parameters
    ----------
    values
        One per scan; None where the scan has no value.
    patients
        Whose scan each is: scans of a patient are drawn together.
    seed
        Of the bootstrap: the same set gives the same interval.
    """
    there = [(value, patient) for value, patient in zip(values, patients, strict=True) if value is not None]
    if not there:
        return Spread(None, None, None, 0)
    numbers = np.array([value for value, _ in there], dtype=float)
    names = sorted({patient for _, patient in there})
    interval = None
    if len(names) > 1:
        place = {name: index for index, name in enumerate(names)}
        owners = np.array([place[patient] for _, patient in there])
        interval = _bootstrap(numbers, owners, len(names), seed)
    return Spread(float(numbers.mean()), float(np.median(numbers)), interval, len(there))


def _bootstrap(numbers: NDArray[np.float64], owners: NDArray[np.intp], patients: int, seed: int) -> tuple[float, float]:
    sums = np.bincount(owners, weights=numbers, minlength=patients)
    counts = np.bincount(owners, minlength=patients)
    drawn = np.random.default_rng(seed).integers(0, patients, (DRAWS, patients))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def summarise(measures: Sequence[Measures], patients: Sequence[str], *, seed: int = _SEED) -> Summary:
    """Summarise the measures of a set of scans, one patient key per scan."""
    spreads = {name: spread([getattr(one, name) for one in measures], patients, seed=seed) for name in _PLAIN}
    for unit in sorted({one.unit for one in measures}):
        for name in ("hd95", "assd"):
            values = [getattr(one, name) if one.unit == unit else None for one in measures]
            spreads[f"{name}_{unit}"] = spread(values, patients, seed=seed)
    total = sum(one.truth_voxels + one.predicted_voxels for one in measures)
    return Summary(
        spreads=spreads,
        scans=len(measures),
        patients=len(set(patients)),
        empty=sum(one.empty for one in measures),
        missed=sum(one.missed for one in measures),
        spurious=sum(one.spurious for one in measures),
        pooled_dice=2 * sum(one.shared_voxels for one in measures) / total if total else None,
    )
