"""Outlines of other tools as pixels: a pixel belongs to what its centre lies in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import InputError

MOST_POINTS = 1_000_000
_MOST_CROSSINGS = 1 << 26
_AT_ONCE = 1 << 20
_FARTHEST = 1e7
"""Pixels; a corner farther away than that is no corner of a picture."""


def polygon(corners: ArrayLike, shape: tuple[int, int], *, overlap: bool = True, file: str = "") -> NDArray[np.uint8]:
    """Return the pixels whose centres lie inside a closed polygon.

    Parameters
    ----------
    corners
        ``[n, 2]`` as (x, y) in pixels from the outer corner of the first pixel, whose centre is at (0.5, 0.5).
        They may lie outside of the picture. Fewer than three are no area.
    shape
        Rows and columns.
    overlap
        Whether what the outline goes round twice is inside, as a canvas fills it; else outside (even-odd).
    file
        Named in errors.

    Returns
    -------
    ndarray
        uint8 ``[y, x]`` of 0 and 1. Polygons that share an edge never share a pixel.

    Raises
    ------
    InputError
        ``exchange-unreadable``, ``exchange-too-large``.
    """
    points = np.asarray(corners, dtype=np.float64)
    if points.size == 0:
        return np.zeros(shape, np.uint8)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all() or np.abs(points).max() > _FARTHEST:
        raise InputError("exchange-unreadable", file=file)
    if len(points) > MOST_POINTS:
        raise InputError("exchange-too-large", file=file)
    return _filled(points - 0.5, shape, overlap, file)


def _filled(points: NDArray[np.float64], shape: tuple[int, int], overlap: bool, file: str) -> NDArray[np.uint8]:
    """Count, row by row, the edges that lie to the left of each pixel's centre."""
    rows, columns = shape
    following = np.roll(points, -1, axis=0)
    low, high = np.minimum(points[:, 1], following[:, 1]), np.maximum(points[:, 1], following[:, 1])
    first = np.clip(np.ceil(low), 0, rows).astype(np.int64)
    last = np.clip(np.ceil(high), 0, rows).astype(np.int64)
    counts = np.maximum(last - first, 0)
    total = int(counts.sum())
    if total > _MOST_CROSSINGS:
        raise InputError("exchange-too-large", file=file)
    filled = np.zeros(shape, np.uint8)
    if not total:
        return filled
    top, bottom = int(first[counts > 0].min()), int(last[counts > 0].max())
    left = int(np.clip(np.floor(points[:, 0].min()), 0, columns))
    right = int(np.clip(np.ceil(points[:, 0].max()) + 1, left, columns))
    turns = np.zeros((bottom - top, right - left + 1), dtype=np.int32)
    sign = np.where(points[:, 1] < following[:, 1], 1, -1) if overlap else np.ones(len(points), np.int64)
    ends = np.cumsum(counts)
    for piece in np.array_split(np.arange(len(points)), max(1, total // _AT_ONCE)):
        many = counts[piece]
        edge = np.repeat(piece, many)
        row = first[edge] + np.arange(len(edge)) - np.repeat(ends[piece] - many - (ends[piece[0]] - many[0]), many)
        start, end = points[edge], following[edge]
        at = start[:, 0] + (row - start[:, 1]) * (end[:, 0] - start[:, 0]) / (end[:, 1] - start[:, 1])
        np.add.at(turns, (row - top, np.clip(np.ceil(at), left, right).astype(np.int64) - left), sign[edge])
    crossed = np.cumsum(turns, axis=1)[:, :-1]
    filled[top:bottom, left:right] = crossed != 0 if overlap else crossed % 2
    return filled


def rectangle(
    corner: Sequence[float], size: Sequence[float], degrees: float, shape: tuple[int, int], file: str = ""
) -> NDArray[np.uint8]:
    """Return a rectangle turned clockwise about its first corner; all in pixels, as :func:`polygon`."""
    (x, y), (width, height) = corner, size
    cosine, sine = _turn(degrees, file)
    across, down = np.array([width * cosine, width * sine]), np.array([-height * sine, height * cosine])
    start = np.array([x, y], dtype=np.float64)
    return polygon([start, start + across, start + across + down, start + down], shape, file=file)


def ellipse(
    middle: Sequence[float], radii: Sequence[float], degrees: float, shape: tuple[int, int], file: str = ""
) -> NDArray[np.uint8]:
    """Return an ellipse turned clockwise about its middle; all in pixels, as :func:`polygon`.

    Raises
    ------
    InputError
        ``exchange-unreadable``.
    """
    numbers = np.array([*middle, *radii], dtype=np.float64)
    if numbers.shape != (4,) or not np.isfinite(numbers).all() or np.abs(numbers).max() > _FARTHEST:
        raise InputError("exchange-unreadable", file=file)
    x, y, across, down = numbers
    filled = np.zeros(shape, np.uint8)
    if across <= 0 or down <= 0:
        return filled
    cosine, sine = _turn(degrees, file)
    reach = max(across, down) + 1
    top, bottom = (int(np.clip(value, 0, shape[0])) for value in (y - reach, y + reach + 1))
    left, right = (int(np.clip(value, 0, shape[1])) for value in (x - reach, x + reach + 1))
    rows, columns = np.mgrid[top:bottom, left:right]
    right_of, below = columns + 0.5 - x, rows + 0.5 - y
    along, aside = right_of * cosine + below * sine, below * cosine - right_of * sine
    filled[top:bottom, left:right] = (along / across) ** 2 + (aside / down) ** 2 <= 1
    return filled


def _turn(degrees: float, file: str) -> tuple[float, float]:
    if not np.isfinite(degrees):
        raise InputError("exchange-unreadable", file=file)
    angle = np.deg2rad(degrees % 360)
    return float(np.cos(angle)), float(np.sin(angle))
