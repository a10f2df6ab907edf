"""Masks between drawn slices: by shape, and by shape and values.

By shape after Raya and Udupa, IEEE Trans. Medical Imaging 9:32, 1990: signed distances
to the outline are interpolated, and their zero is the outline in between. By values the
outline may move within a band around that, to where the values part as they do in the
drawn neighbours.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Plane = NDArray[np.float32]

_BAND = 0.06
"""Half width of the band in which values may move the outline, as a share of the region's own radius ..."""
_BAND_LEAST = 3.0
"""... and at least so many pixels."""
_BINS = 32
_PULL = 1.0
"""How much one unit of evidence by values weighs against one band's width of distance."""


def signed_distance(mask: Mask, sizes: tuple[float, float]) -> Plane:
    """Return the distance to the outline, positive inside, in the unit of ``sizes`` (row, column)."""
    from scipy import ndimage  # slow to load: not before it is needed

    if not mask.any():
        return np.full(mask.shape, -np.inf, dtype=np.float32)
    half = min(sizes) / 2
    inside = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=sizes)[1:-1, 1:-1]
    outside = ndimage.distance_transform_edt(~mask, sampling=sizes)
    # distances run between pixel centres, so the outline lies half a pixel before the next one
    return np.asarray(np.where(mask, inside - half, half - outside), dtype=np.float32)


def between(below: Mask, above: Mask, share: float, sizes: tuple[float, float]) -> Mask:
    """Return the mask a ``share`` (0..1) of the way from one drawn slice to the next.

    Parameters
    ----------
    below, above
        bool ``[row, column]``.
    share
        0 at ``below``, 1 at ``above``.
    sizes
        Pixel size (row, column).

    Returns
    -------
    ndarray
        Empty where one of the two is: a region that ends between two slices ends at
        the one where it is not, and where is not known.
    """
    if not below.any() or not above.any():
        return np.zeros(below.shape, dtype=np.bool_)
    return np.asarray(_distance_between(_drawn(below, sizes), _drawn(above, sizes), share) > 0)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """A drawn slice: its signed distance and its centre (row, column), worked out once for all slices between."""

    distance: Plane
    centre: NDArray[np.float64]


def _drawn(mask: Mask, sizes: tuple[float, float]) -> _Drawn:
    return _Drawn(signed_distance(mask, sizes), _centre(mask))


def _distance_between(below: _Drawn, above: _Drawn, share: float) -> Plane:
    """Interpolate signed distances, with the outlines laid over one another first."""
    middle = below.centre + share * (above.centre - below.centre)
    one = _shifted(below.distance, middle - below.centre)
    other = _shifted(above.distance, middle - above.centre)
    return np.asarray((1 - share) * one + share * other, dtype=np.float32)


def _centre(mask: Mask) -> NDArray[np.float64]:
    return np.array([float(places.mean()) for places in np.nonzero(mask)])


def _shifted(distance: Plane, shift: NDArray[np.float64]) -> Plane:
    matrix = np.array([[1.0, 0.0, shift[1]], [0.0, 1.0, shift[0]]])
    size = (distance.shape[1], distance.shape[0])
    # beyond the rim it only gets further away
    moved = cv2.warpAffine(
        distance,
        matrix,
        size,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=float(distance.min()),
    )
    return np.asarray(moved, dtype=np.float32)


def drawn_pairs(drawn: Sequence[int]) -> list[tuple[int, int]]:
    """Return the neighbouring drawn slices that have slices between them."""
    ordered = sorted(set(drawn))
    return [(one, other) for one, other in itertools.pairwise(ordered) if other - one > 1]


def fill_between(
    below: Mask,
    above: Mask,
    values: NDArray[np.float32],
    sizes: tuple[float, float],
    *,
    by_values: bool = True,
) -> Mask:
    """Return the masks of all slices between two drawn ones.

    Parameters
    ----------
    below, above
        The drawn slices, bool ``[row, column]``.
    values
        Real values of both and all between, ``[slice, row, column]``: the first slice is
        that of ``below``, the last that of ``above``.
    sizes
        Pixel size (row, column).
    by_values
        Let the values move the outline; else shape alone decides.

    Returns
    -------
    ndarray
        bool ``[slice, row, column]`` of the slices between, without the two drawn ones.
    """
    count = len(values) - 2
    result = np.zeros((max(count, 0), *below.shape), dtype=np.bool_)
    if not below.any() or not above.any():
        return result
    first, second = _drawn(below, sizes), _drawn(above, sizes)
    for place in range(count):
        share = (place + 1) / (count + 1)
        distance = _distance_between(first, second, share)
        if by_values:
            near = [(first.distance, values[0], 1 - share), (second.distance, values[-1], share)]
            distance = _moved(distance, values[place + 1], near, sizes)
        result[place] = distance > 0
    return result


def _moved(
    distance: Plane, values: Plane, drawn: list[tuple[Plane, Plane, float]], sizes: tuple[float, float]
) -> Plane:
    """Move the outline within its band to where the values part.

    ``drawn``: per drawn slice its signed distance, its values, and how much it tells about this one.
    """
    area = max(float((distance > 0).sum()) * sizes[0] * sizes[1], 1.0)
    band = max(_BAND * float(np.sqrt(area / np.pi)), _BAND_LEAST * min(sizes))
    evidence: Plane = np.zeros(values.shape, dtype=np.float32)
    for outline, known, weight in drawn:
        evidence += np.float32(weight) * _evidence(outline, known, values, band * 3)
    # what a single pixel says is noise; what a patch says is tissue
    evidence = np.asarray(cv2.GaussianBlur(evidence, (0, 0), 1.0), dtype=np.float32)
    moved = distance + np.float32(_PULL * band) * np.clip(evidence, -1.0, 1.0)
    fixed = np.where(np.abs(distance) <= band, moved, distance)
    return np.asarray(fixed, dtype=np.float32)


def _evidence(distance: Plane, known: Plane, values: Plane, reach: float) -> Plane:
    """Return how much values speak for inside (> 0) or outside, by how they part along a drawn outline."""
    from scipy import ndimage  # slow to load: not before it is needed

    inside, outside = known[(distance > 0) & (distance <= reach)], known[(distance <= 0) & (distance > -reach)]
    if inside.size < _BINS or outside.size < _BINS:
        return np.zeros(values.shape, dtype=np.float32)
    low, high = (float(value) for value in np.percentile(np.concatenate((inside, outside)), (1, 99)))
    if high <= low:
        return np.zeros(values.shape, dtype=np.float32)
    counts = []
    for side in (inside, outside):
        found, _edges = np.histogram(np.clip(side, low, high), bins=_BINS, range=(low, high))
        soft = ndimage.gaussian_filter1d(found.astype(np.float64), 1.0, mode="nearest")
        counts.append((soft + 0.5) / (soft.sum() + 0.5 * _BINS))
    table = np.log(counts[0] / counts[1]).astype(np.float32)
    places = np.clip((values - low) * (_BINS / (high - low)), 0, _BINS - 1).astype(np.int64)
    return np.asarray(np.clip(table[places], -2.0, 2.0) / 2.0, dtype=np.float32)
