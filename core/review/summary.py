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
    slices, lesions
        Counts over all scans (see :mod:`core.review.lesions`).
    pooled_dice, pooled_iou
        Of all voxels taken together; None where all is empty.
    pooled_ci95
        Intervals of the two, patients drawn with replacement; None for fewer than two.
    """

    spreads: dict[str, Spread]
    scans: int
    patients: int
    empty: int
    missed: int
    spurious: int
    slices: dict[str, int]
    lesions: dict[str, int]
    pooled_dice: float | None
    pooled_iou: float | None
    pooled_ci95: dict[str, tuple[float, float] | None]

    def facts(self) -> dict[str, Any]:
        """Return plain data."""
        names = ("scans", "patients", "empty", "missed", "spurious", "pooled_dice", "pooled_iou")
        counts: dict[str, Any] = {name: getattr(self, name) for name in names}
        for name, interval in self.pooled_ci95.items():
            counts[f"{name}_ci95"] = None if interval is None else list(interval)
        return {name: spread.facts() for name, spread in self.spreads.items()} | counts | self.slices | self.lesions


MASK_FIGURES = (
    "dice",
    "iou",
    "pooled_dice",
    "pooled_iou",
    "slice_dice",
    "slice_iou",
    "hd95_mm",
    "hd95_px",
    "assd_mm",
    "assd_px",
    "sensitivity",
    "specificity",
    "precision",
    "empty_slice_specificity",
    "lesion_f1",
    "lesion_sensitivity",
    "accuracy",
    "baseline_accuracy",
    "difference_ml",
)
"""The figures of masks, in the order in which they are told wherever they are."""
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


def _pooled(
    parts: Sequence[float], wholes: Sequence[float], patients: Sequence[str], seed: int
) -> tuple[float | None, tuple[float, float] | None]:
    """Return a ratio of sums and its interval; patients without a voxel in either mask do not move it."""
    if not sum(wholes):
        return None, None
    names = sorted({patient for patient, whole in zip(patients, wholes, strict=True) if whole})
    interval = None
    if len(names) > 1:
        place = {name: index for index, name in enumerate(names)}
        rows = [(place[one], part, whole) for one, part, whole in zip(patients, parts, wholes, strict=True) if whole]
        owners = np.array([row[0] for row in rows])
        above = np.bincount(owners, weights=[row[1] for row in rows], minlength=len(names))
        below = np.bincount(owners, weights=[row[2] for row in rows], minlength=len(names))
        drawn = np.random.default_rng(seed).integers(0, len(names), (DRAWS, len(names)))
        low, high = np.percentile(above[drawn].sum(axis=1) / below[drawn].sum(axis=1), (2.5, 97.5))
        interval = (float(low), float(high))
    return float(sum(parts) / sum(wholes)), interval


def _each_slice(measures: Sequence[Measures], patients: Sequence[str], seed: int) -> dict[str, Spread]:
    """Summarise over slices: every slice counts once, the scans of a patient are drawn together."""
    owners = [who for one, who in zip(measures, patients, strict=True) for _ in one.by_slice.dices]
    empty = [who for one, who in zip(measures, patients, strict=True) for _ in range(one.by_slice.empty)]
    left = [float(number >= one.by_slice.spurious) for one in measures for number in range(one.by_slice.empty)]
    return {
        "slice_dice": spread([dice for one in measures for dice in one.by_slice.dices], owners, seed=seed),
        "slice_iou": spread([iou for one in measures for iou in one.by_slice.ious], owners, seed=seed),
        "empty_slice_specificity": spread(left, empty, seed=seed),
    }


def summarise(measures: Sequence[Measures], patients: Sequence[str], *, seed: int = _SEED) -> Summary:
    """Summarise the measures of a set of scans, one patient key per scan."""
    spreads = {name: spread([getattr(one, name) for one in measures], patients, seed=seed) for name in _PLAIN}
    for unit in sorted({one.unit for one in measures}):
        for name in ("hd95", "assd"):
            values = [getattr(one, name) if one.unit == unit else None for one in measures]
            spreads[f"{name}_{unit}"] = spread(values, patients, seed=seed)
    spreads |= _each_slice(measures, patients, seed)
    spreads["lesion_f1"] = spread([one.lesions.f1 for one in measures], patients, seed=seed)
    spreads["lesion_sensitivity"] = spread([one.lesions.sensitivity for one in measures], patients, seed=seed)
    shared = [one.shared_voxels for one in measures]
    both = [one.truth_voxels + one.predicted_voxels for one in measures]
    either = [total - common for total, common in zip(both, shared, strict=True)]
    dice, dice_interval = _pooled([2 * common for common in shared], both, patients, seed)
    iou, iou_interval = _pooled(shared, either, patients, seed)
    return Summary(
        spreads=spreads,
        scans=len(measures),
        patients=len(set(patients)),
        empty=sum(one.empty for one in measures),
        missed=sum(one.missed for one in measures),
        spurious=sum(one.spurious for one in measures),
        slices={
            "slices_with_label": sum(len(one.by_slice.dices) for one in measures),
            "missed_slices": sum(one.by_slice.missed for one in measures),
            "empty_slices": sum(one.by_slice.empty for one in measures),
            "spurious_slices": sum(one.by_slice.spurious for one in measures),
        },
        lesions={
            "lesions": sum(one.lesions.there for one in measures),
            "lesions_found": sum(one.lesions.found for one in measures),
            "lesions_false": sum(one.lesions.false for one in measures),
        },
        pooled_dice=dice,
        pooled_iou=iou,
        pooled_ci95={"pooled_dice": dice_interval, "pooled_iou": iou_interval},
    )
