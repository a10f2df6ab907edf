"""How doubtful each slice of a prediction is: pure measures, each from 0 (no doubt) to 1.

Dice alone calls two masks of three pixels that miss each other as bad as two of three
thousand. All measures here that hold masks against each other add :func:`floor` to the
denominator, so that a few pixels at the end of a structure are no disagreement.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from core.late import cv2
from core.project.predictions import THRESHOLD
from core.review.entropy import entropy

Bools = NDArray[np.bool_]
Doubts = NDArray[np.float64]
"""One number per slice, ``[z]``."""

_FLOOR = 100 / 256**2
"""Part of a picture that is a trifle: 10 x 10 pixels of 256 x 256."""


def reach(rows: int, columns: int) -> int:
    """Return how many pixels either side of an edge belong to its band: 2 of 256, 4 of 512."""
    return max(2, round(max(rows, columns) / 128))


def floor(rows: int, columns: int) -> float:
    """Return the pixels that count as a trifle on a slice of that size."""
    return _FLOOR * rows * columns


@functools.cache
def _disc(radius: int) -> NDArray[np.uint8]:
    across = np.arange(-radius, radius + 1)
    return (across[:, None] ** 2 + across[None] ** 2 <= radius**2).astype(np.uint8)


def edge_entropy(probability: NDArray[np.uint8]) -> Doubts:
    """Return the mean entropy (bits) in the band about the predicted edge of each slice.

    The band holds the pixels within :func:`reach` of a pixel on the other side of the edge. Where
    nothing is predicted it is the surroundings of the likeliest pixel: a lesion that was
    nearly found is doubtful too.

    Parameters
    ----------
    probability
        uint8 ``[z, y, x]``, 255 = certain.
    """
    disc = _disc(reach(*probability.shape[1:]))
    found = np.zeros(len(probability))
    for z, plane in enumerate(probability):
        if not plane.any():
            continue
        mask = (plane >= THRESHOLD).astype(np.uint8)
        if mask.any():
            band = cv2.dilate(mask, disc) != cv2.erode(mask, disc)
        else:
            mask.ravel()[int(plane.argmax())] = 1
            band = cv2.dilate(mask, disc) != 0
        if band.any():
            found[z] = float(entropy(plane[band]).mean())
    return found


def disagreement(one: Bools, other: Bools) -> Doubts:
    """Return by how much two masks differ on each slice: differing pixels by the pixels of both.

    Parameters
    ----------
    one, other
        bool ``[z, y, x]`` of one shape.
    """
    either, both = (np.count_nonzero(mask, axis=(1, 2)) for mask in (one ^ other, one & other))
    return np.asarray(either / (either + 2 * both + floor(*one.shape[1:])), dtype=np.float64)


def against_neighbours(mask: Bools) -> Doubts:
    """Return how badly each slice of a mask goes with the two beside it.

    It is held against what two of the three say. A shape that grows or shrinks from slice to slice
    is no disagreement; a slice that was left out, or has something that neither neighbour has, is
    one. The first and last slice have only one neighbour and are never doubted.
    """
    found = np.zeros(len(mask))
    if len(mask) > 2:
        below, here, above = mask[:-2], mask[1:-1], mask[2:]
        found[1:-1] = disagreement(here, (below & above) | (here & (below | above)))
    return found
