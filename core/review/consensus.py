"""One mask from those of several readers: by majority, or by STAPLE.

STAPLE (Warfield, Zou and Wells, IEEE Trans Med Imaging 2004;23:903) finds together how probable each
voxel is and how sensitive and specific each reader. Voxels on which the readers say the same need
not be told apart, so the sums run over the at most ``2 ** n`` ways in which n readers can answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.geometry import Array
from core.review.metrics import Bools

MOST_READERS = 16
ROUNDS = 1000
_SETTLED = 1e-9


@dataclass(frozen=True, eq=False, slots=True)
class Staple:
    """What STAPLE found.

    Parameters
    ----------
    mask
        bool, shape of the masks: probability of at least one half.
    probability
        float32, the same shape.
    sensitivity, specificity
        Of each reader, 0..1, against the consensus itself.
    rounds
        Steps until nothing changed any more.
    """

    mask: Bools
    probability: NDArray[np.float32]
    sensitivity: tuple[float, ...]
    specificity: tuple[float, ...]
    rounds: int


def majority(masks: Sequence[Array]) -> Bools:
    """Return where more than half of the masks say yes; with two masks that is where both do.

    Raises
    ------
    InputError
        ``consensus-none``, ``consensus-size``, ``consensus-many``.
    """
    codes = _codes(masks)
    count = len(masks)
    ones = np.array([code.bit_count() for code in range(1 << count)])
    result: Bools = (2 * ones > count)[codes]
    return result


def staple(masks: Sequence[Array], *, rounds: int = ROUNDS) -> Staple:
    """Return the consensus that explains the masks best.

    Parameters
    ----------
    masks
        Of one shape; non-zero is inside. All voxels count, so give only slices that every reader finished.
    rounds
        Steps at most.

    Raises
    ------
    InputError
        As :func:`majority`.
    """
    codes = _codes(masks)
    count = len(masks)
    ways = 1 << count
    amounts = np.bincount(codes.ravel(), minlength=ways).astype(np.float64)
    said = (np.arange(ways)[:, None] >> np.arange(count)[None, :]) & 1 == 1
    # where they begin: how many say so
    weight = said.mean(axis=1)
    total = amounts.sum()
    prior = float(amounts @ weight / total) if total else 0.0
    sensitivity = specificity = np.ones(count)
    done = 0
    if 0.0 < prior < 1.0:
        before = np.full(2 * count, -1.0)
        while done < rounds:
            done += 1
            sensitivity, specificity = _performance(said, amounts, weight)
            weight = _probability(said, prior, sensitivity, specificity)
            now = np.concatenate([sensitivity, specificity])
            if np.abs(now - before).max() < _SETTLED:
                break
            before = now
    probability = weight.astype(np.float32)[codes]
    return Staple(
        (weight >= 0.5)[codes], probability, tuple(map(float, sensitivity)), tuple(map(float, specificity)), done
    )


def _performance(
    said: Bools, amounts: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each reader's sensitivity and specificity, were the weights true."""
    yes, no = amounts * weight, amounts * (1.0 - weight)
    # nothing (or everything) is inside: nobody missed anything
    sensitivity = yes @ said / yes.sum() if yes.sum() > 0 else np.ones(said.shape[1])
    specificity = no @ ~said / no.sum() if no.sum() > 0 else np.ones(said.shape[1])
    # a sum in another order may come out above the whole by its last bit
    return np.minimum(sensitivity, 1.0), np.minimum(specificity, 1.0)


def _probability(
    said: Bools, prior: float, sensitivity: NDArray[np.float64], specificity: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the probability of each way to answer, given how good the readers are."""
    inside = prior * np.where(said, sensitivity, 1.0 - sensitivity).prod(axis=1)
    outside = (1.0 - prior) * np.where(said, 1.0 - specificity, specificity).prod(axis=1)
    both = inside + outside
    # a way to answer that these readers never give
    result: NDArray[np.float64] = np.divide(inside, both, out=said.mean(axis=1), where=both > 0)
    return result


def _codes(masks: Sequence[Array]) -> NDArray[np.uint16]:
    """Return for each voxel which of the masks say yes, a bit each."""
    if not masks:
        raise InputError("consensus-none")
    if len(masks) > MOST_READERS:
        raise InputError("consensus-many", count=len(masks), most=MOST_READERS)
    if len({np.shape(mask) for mask in masks}) > 1:
        raise InputError("consensus-size")
    codes = np.zeros(np.shape(masks[0]), dtype=np.uint16)
    for number, mask in enumerate(masks):
        codes |= (np.asarray(mask) != 0).astype(np.uint16) << number
    return codes
