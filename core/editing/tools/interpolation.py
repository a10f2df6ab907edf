"""Masks between drawn slices: by shape, and by shape and values.

By shape after Raya and Udupa, IEEE Trans. Medical Imaging 9:32, 1990: signed distances
to the outline are interpolated, and their zero is the outline in between. By values the
outline may move from there to where the values part as they do along the drawn
outlines. Shape and values are weighed as two measurements of one place are, by their
variances, and both variances come from the two drawn slices: where their outlines are
far apart shape says little, and where values would have misled on the drawn slices
themselves they say little. So values help most over wide gaps, on regions that change
fast and stand out (a lesion), and leave a smooth outline between near slices alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.late import cv2

Mask = NDArray[np.bool_]
Plane = NDArray[np.float32]

_DEVIATIONS = 2.0
"""The outline is looked for within so many standard deviations of where shape has it: 95 of 100 times it is there."""
_LEAST_REACH = 3.0
"""Values are compared along the outline within the same distance, and within so many pixels at least."""
_BINS = 32
_BLUR = 1.0
"""Gaussian in pixels: what a single pixel says is noise; what a patch says is tissue."""


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
    distance, _apart = _distance_between(_drawn(below, sizes), _drawn(above, sizes), share)
    return np.asarray(distance > 0)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """A drawn slice: its signed distance and its centre (row, column), worked out once for all slices between."""

    distance: Plane
    centre: NDArray[np.float64]


def _drawn(mask: Mask, sizes: tuple[float, float]) -> _Drawn:
    return _Drawn(signed_distance(mask, sizes), _centre(mask))


def _distance_between(below: _Drawn, above: _Drawn, share: float) -> tuple[Plane, Plane]:
    """Interpolate signed distances, with the outlines laid over one another first; return how far they differ too."""
    middle = below.centre + share * (above.centre - below.centre)
    one = _shifted(below.distance, middle - below.centre)
    other = _shifted(above.distance, middle - above.centre)
    return np.asarray((1 - share) * one + share * other, dtype=np.float32), one - other


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
    step: float = 1.0,
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
    step
        From one slice to the next, in the unit of ``sizes``.

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
    guide = _Guide(first, second, values, sizes, step) if by_values and count > 0 else None
    for place in range(count):
        share = (place + 1) / (count + 1)
        distance, apart = _distance_between(first, second, share)
        result[place] = distance > 0
        if guide is not None:
            moved = guide.moved(distance, apart, values[place + 1], share) > 0
            result[place] = _of_one_piece(moved, result[place])
    return result


class _Guide:
    """What the values along two drawn outlines tell of the slices between.

    Parameters
    ----------
    first, second
        The drawn slices.
    values
        Of both and all between.
    sizes, step
        Pixel size (row, column), and from one slice to the next.
    """

    def __init__(
        self, first: _Drawn, second: _Drawn, values: NDArray[np.float32], sizes: tuple[float, float], step: float
    ) -> None:
        pixel = min(sizes)
        # a drawn outline lies anywhere within a pixel: the variance of even chances over one pixel
        self._least = pixel**2 / 12
        distance, apart = _distance_between(first, second, 0.5)
        along = np.abs(distance) <= max(sizes)
        self._usual = float(np.square(apart[along]).mean()) if along.any() else 0.0
        # a ball with such a circle in both slices is so much wider in between: so round may a region be
        radius = float(np.sqrt(max(int(np.count_nonzero(distance > 0)), 1) * sizes[0] * sizes[1] / np.pi))
        half = (len(values) - 1) * step / 2
        self._bulge = min(float(np.hypot(radius, half)) - radius, radius)
        band = _DEVIATIONS * float(np.sqrt(self._usual / 12 + self._bulge**2 + self._least))
        reach = max(band, _LEAST_REACH * pixel)
        self._tables = [_table(one.distance, known, reach) for one, known in ((first, values[0]), (second, values[-1]))]
        # what one drawn slice would have made of the other one's outline says how far values are to be trusted
        wrong = []
        for drawn, known, table in ((first, values[0], self._tables[1]), (second, values[-1], self._tables[0])):
            found = _pulled(drawn.distance, np.float32(band), np.float32(1.0), _blurred(_read(table, known)))
            edge = _outline(found > 0)
            if edge.any():
                wrong.append(float(np.square(drawn.distance[edge]).mean()))
        self._doubt = max(wrong, default=0.0)

    def moved(self, distance: Plane, apart: Plane, values: Plane, share: float) -> Plane:
        """Return the signed distance of a slice between, moved to where its values part."""
        evidence = (1 - share) * _read(self._tables[0], values) + share * _read(self._tables[1], values)
        # even chances between the two outlines have a twelfth of their distance squared for variance halfway,
        # less towards either (a bridge); how far they are apart here and elsewhere count the same
        bridge = share * (1 - share)
        spread = (np.square(apart) + np.float32(self._usual)) / 2
        variance = spread * np.float32(bridge / 3) + np.float32((4 * bridge * self._bulge) ** 2 + self._least)
        band = np.asarray(_DEVIATIONS * np.sqrt(variance), dtype=np.float32)
        weight = np.asarray(variance / (variance + np.float32(self._doubt)), dtype=np.float32)
        return _pulled(distance, band, weight, _blurred(evidence))


def _pulled(distance: Plane, band: Plane | np.float32, weight: Plane | np.float32, evidence: Plane) -> Plane:
    """Move the outline within a band around it by what evidence says, -1..1."""
    moved = distance + weight * band * np.clip(evidence, -1.0, 1.0)
    return np.asarray(np.where(np.abs(distance) <= band, moved, distance), dtype=np.float32)


def _of_one_piece(moved: Mask, shape: Mask) -> Mask:
    """Take away parts and holes that only the values made: they move an outline, but make none."""
    kept = _touching(moved, shape)
    return np.asarray(~_touching(~kept, ~shape))


def _touching(region: Mask, known: Mask) -> Mask:
    """Return the connected parts (4) of a region that have a pixel of a known one."""
    count, parts = cv2.connectedComponents(region.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    wanted = np.zeros(count, dtype=np.bool_)
    wanted[np.unique(parts[known])] = True
    wanted[0] = False
    return np.asarray(wanted[parts])


def _blurred(evidence: Plane) -> Plane:
    return np.asarray(cv2.GaussianBlur(evidence.astype(np.float32), (0, 0), _BLUR), dtype=np.float32)


def _outline(mask: Mask) -> Mask:
    """Return the pixels on either side of an outline."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    flat = mask.astype(np.uint8)
    return np.asarray(cv2.dilate(flat, cross) != cv2.erode(flat, cross))


@dataclass(frozen=True, eq=False)
class _Table:
    """How much a value speaks for inside (> 0) or outside, -1..1, in steps from ``low`` to ``high``."""

    low: float
    high: float
    tells: Plane


def _table(distance: Plane, known: Plane, reach: float) -> _Table:
    """Compare the values on either side of a drawn outline."""
    from scipy import ndimage  # slow to load: not before it is needed

    nothing = _Table(0.0, 1.0, np.zeros(_BINS, dtype=np.float32))
    inside, outside = known[(distance > 0) & (distance <= reach)], known[(distance <= 0) & (distance > -reach)]
    if inside.size < _BINS or outside.size < _BINS:
        return nothing
    low, high = (float(value) for value in np.percentile(np.concatenate((inside, outside)), (1, 99)))
    if high <= low:
        return nothing
    counts = []
    for side in (inside, outside):
        found, _edges = np.histogram(np.clip(side, low, high), bins=_BINS, range=(low, high))
        soft = ndimage.gaussian_filter1d(found.astype(np.float64), 1.0, mode="nearest")
        counts.append((soft + 0.5) / (soft.sum() + 0.5 * _BINS))
    tells = np.clip(np.log(counts[0] / counts[1]), -2.0, 2.0) / 2.0
    return _Table(low, high, tells.astype(np.float32))


def _read(table: _Table, values: Plane) -> Plane:
    """Return what a table tells of each pixel."""
    places = np.clip((values - table.low) * (_BINS / (table.high - table.low)), 0, _BINS - 1).astype(np.int64)
    return np.asarray(table.tells[places], dtype=np.float32)
