"""Agreement counted slice by slice and lesion by lesion, beside the overlap of the whole scan.

A Dice of the whole scan hides what a reader would see at once: slices where the label was
missed, slices where it was made up, small lesions that nobody found. Each is counted here.

Lesions are the pieces of a mask that hang together through faces, edges or corners (26
neighbours; 8 in a flat picture). As in the ISLES 2022 challenge (Hernandez Petzsche et al.,
Scientific Data 9:762, 2022) a true lesion is found if any voxel of it was predicted, and a
predicted lesion is false if it touches no true voxel; F1 = 2 TP / (2 TP + FP + FN) with TP the
true lesions found. Where neither mask has a lesion there is no F1 (None), rather than a 1 that
would flatter the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.geometry import bounding_box

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SliceScores:
    """One label on the measured slices of a scan.

    Parameters
    ----------
    dices
        Dice of every slice that shows the label, in order; 0 where nothing of it was found.
    missed
        Slices that show the label of which nothing was found.
    empty
        Slices that do not show the label.
    spurious
        Of those, slices where something was predicted.
    """

    dices: tuple[float, ...] = ()
    missed: int = 0
    empty: int = 0
    spurious: int = 0

    @property
    def ious(self) -> tuple[float, ...]:
        """IoU of every slice that shows the label."""
        return tuple(dice / (2.0 - dice) for dice in self.dices)

    @property
    def specificity(self) -> float | None:
        """Share of the empty slices that were left empty; None where there are none."""
        return 1.0 - self.spurious / self.empty if self.empty else None

    def facts(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "slices_with_label": len(self.dices),
            "slice_dice": _mean(self.dices),
            "slice_iou": _mean(self.ious),
            "missed_slices": self.missed,
            "empty_slices": self.empty,
            "spurious_slices": self.spurious,
            "empty_slice_specificity": self.specificity,
        }


@dataclass(frozen=True, slots=True)
class LesionScores:
    """Lesions of one label on a scan: how many there are, were found, were made up."""

    there: int = 0
    found: int = 0
    false: int = 0

    @property
    def f1(self) -> float | None:
        """``2 TP / (2 TP + FP + FN)``; None where neither mask has a lesion."""
        total = 2 * self.found + self.false + (self.there - self.found)
        return 2.0 * self.found / total if total else None

    @property
    def sensitivity(self) -> float | None:
        """Share of the true lesions that were found; None where there are none."""
        return self.found / self.there if self.there else None

    def facts(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "lesions": self.there,
            "lesions_found": self.found,
            "lesions_false": self.false,
            "lesion_f1": self.f1,
            "lesion_sensitivity": self.sensitivity,
        }


def _mean(values: tuple[float, ...]) -> float | None:
    return float(np.mean(values)) if values else None


def score_slices(truth: Bools, predicted: Bools, *, known: Bools | None = None) -> SliceScores:
    """Score every native slice.

    Parameters
    ----------
    truth, predicted
        Bool ``[z, y, x]``.
    known
        Bool per slice: elsewhere the truth says nothing and the slice does not count.
    """
    here = np.ones(truth.shape[0], dtype=bool) if known is None else known
    true = np.count_nonzero(truth, axis=(1, 2))[here]
    guess = np.count_nonzero(predicted, axis=(1, 2))[here]
    shared = np.count_nonzero(truth & predicted, axis=(1, 2))[here]
    shows = true > 0
    dices = 2.0 * shared[shows] / (true + guess)[shows]
    return SliceScores(
        dices=tuple(float(dice) for dice in dices),
        missed=int(np.count_nonzero(shared[shows] == 0)),
        empty=int(np.count_nonzero(~shows)),
        spurious=int(np.count_nonzero(guess[~shows])),
    )


def score_lesions(truth: Bools, predicted: Bools) -> LesionScores:
    """Count lesions that are there, were found, were made up; bool ``[z, y, x]``."""
    there, found = _met(truth, predicted)
    guesses, right = _met(predicted, truth)
    return LesionScores(there, found, guesses - right)


def _met(mask: Bools, other: Bools) -> tuple[int, int]:
    """Return how many pieces a mask has, and how many of them meet the other mask."""
    box = bounding_box(mask)
    if box is None:
        return 0, 0
    from scipy import ndimage  # slow to load: not before it is needed

    pieces, count = ndimage.label(mask[box.slices], structure=np.ones((3, 3, 3), dtype=bool))
    met = np.unique(pieces[other[box.slices]])
    return int(count), int(np.count_nonzero(met))
