"""Where to look next: worst slices first, least sure slices first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.review.compare import Comparison, LabelComparison


@dataclass(frozen=True, slots=True)
class RankedSlice:
    """A native slice that deserves a look.

    Parameters
    ----------
    slice
        Native index.
    dice
        NaN where there is nothing to compare with.
    wrong
        Pixels called wrong (or, unsure).
    reason
        Key below ``[ranking]``: ``missed``, ``spurious``, ``differs``, ``unsure``.
    """

    slice: int
    dice: float
    wrong: int
    reason: str


def worst_slices(compared: LabelComparison, *, most: int = 0) -> list[RankedSlice]:
    """Return the finished slices with errors, worst first.

    Ordered by the pixels called wrong, weighted by how bad the slice is as a whole: a few
    pixels at the pole of the brain are not the worst slice, though their Dice may be 0.

    Parameters
    ----------
    most
        At most so many; 0 for all.
    """
    dice = compared.per_slice
    badness = compared.wrong * (1.0 - np.nan_to_num(dice, nan=1.0))
    order = [int(z) for z in np.argsort(-badness, kind="stable") if compared.wrong[z] > 0]
    ranked = [RankedSlice(z, float(dice[z]), int(compared.wrong[z]), _reason(compared, z)) for z in order]
    return ranked[:most] if most else ranked


def _reason(compared: LabelComparison, z: int) -> str:
    if compared.blank[z]:
        return "spurious"
    return "missed" if compared.per_slice[z] == 0 else "differs"


def unsure_slices(probability: NDArray[np.uint8], *, most: int = 0) -> list[RankedSlice]:
    """Return slices where a run was least sure of itself, for scans that nobody has drawn.

    Parameters
    ----------
    probability
        uint8 ``[z, y, x]``, 255 = certain.
    most
        At most so many; 0 for all.
    """
    unsure = np.count_nonzero((probability > 64) & (probability < 192), axis=(1, 2))
    inside = np.count_nonzero(probability >= 128, axis=(1, 2))
    # a long border has more unsure pixels than a short one: compare with the border of a disc of that area
    share = unsure / np.sqrt(np.maximum(inside, 1.0))
    order = [int(z) for z in np.argsort(-share, kind="stable") if unsure[z] > 0]
    ranked = [RankedSlice(z, float("nan"), int(unsure[z]), "unsure") for z in order]
    return ranked[:most] if most else ranked


def worst_scans(comparisons: Iterable[Comparison]) -> list[Comparison]:
    """Return measured comparisons, lowest Dice first; those without a Dice are left out."""
    measured = [(one.dice, one) for one in comparisons]
    there = [(dice, one) for dice, one in measured if dice is not None]
    return [one for _, one in sorted(there, key=lambda pair: pair[0])]
