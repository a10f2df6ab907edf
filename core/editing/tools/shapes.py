"""Regions that a person outlines: polygon, lasso, bucket fill, holes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.editing.tools.islands import holes_in_space
from core.late import cv2

Mask = NDArray[np.bool_]
Points = Sequence[tuple[float, float]]


def polygon(points: Points, shape: tuple[int, int]) -> Mask:
    """Return the pixels whose centres lie inside a closed polygon (even-odd rule).

    Parameters
    ----------
    points
        Corners as (row, column), pixel centres at whole numbers; at least three. The
        last one is joined to the first. They may lie outside of the slice.
    shape
        Rows and columns of the slice.

    Returns
    -------
    ndarray
        bool ``[row, column]``. A centre exactly on an edge belongs to the region on
        one side only, so that two polygons that share an edge never overlap.
    """
    inside = np.zeros(shape, dtype=np.bool_)
    corners = np.asarray(points, dtype=np.float64)
    if len(corners) < 3 or not np.isfinite(corners).all():
        return inside
    rows, columns = shape
    following = np.roll(corners, -1, axis=0)
    first, last = max(0, int(np.ceil(corners[:, 0].min()))), min(rows - 1, int(np.floor(corners[:, 0].max())))
    places = np.arange(columns)
    for row in range(first, last + 1):
        above, below = corners[:, 0] <= row, following[:, 0] <= row
        crossing = above != below
        start, end = corners[crossing], following[crossing]
        at = start[:, 1] + (row - start[:, 0]) * (end[:, 1] - start[:, 1]) / (end[:, 0] - start[:, 0])
        # a pixel is inside if an odd number of edges crosses its row to the left of it
        inside[row] = np.searchsorted(np.sort(at), places, side="right") % 2 == 1
    return inside


def thin_out(points: Points, distance: float = 0.5) -> list[tuple[float, float]]:
    """Return a lasso's points without those closer than ``distance`` to the one before."""
    kept: list[tuple[float, float]] = []
    for row, column in points:
        if not kept or np.hypot(row - kept[-1][0], column - kept[-1][1]) >= distance:
            kept.append((row, column))
    return kept


def bucket(slice_values: ArrayLike, seed: tuple[int, int]) -> Mask:
    """Return the connected pixels that carry the same value as the seed (4-connected).

    Parameters
    ----------
    slice_values
        Whole numbers ``[row, column]``: a slice of a mask.
    seed
        (row, column) inside of it.

    Raises
    ------
    ValueError
        If the seed lies outside.
    """
    values = np.asarray(slice_values)
    check_seed(seed, values.shape)
    return connected(values == values[seed], seed)


def connected(allowed: Mask, seed: tuple[int, int]) -> Mask:
    """Return the 4-connected part of ``allowed`` ``[row, column]`` that holds the seed; empty if it is not allowed."""
    if not allowed[seed]:
        return np.zeros(allowed.shape, dtype=np.bool_)
    _count, parts = cv2.connectedComponents(allowed.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    return np.asarray(parts == parts[seed], dtype=np.bool_)


def holes(mask: Mask) -> Mask:
    """Return the background that a mask encloses: ``[row, column]`` per slice, or ``[z, y, x]`` in space.

    Background that touches the rim of the array is no hole. In a slice background is
    connected along edges (4), in space through faces (6).
    """
    inside = np.asarray(mask, dtype=np.bool_)
    return _flat_holes(inside) if inside.ndim == 2 else holes_in_space(inside)


def _flat_holes(mask: Mask) -> Mask:
    """Return the holes of ``[row, column]``: some thirty times as fast, for what follows the pointer."""
    # a frame of background joins all that touches the rim
    _count, parts = cv2.connectedComponents(
        np.pad(~mask, 1, constant_values=True).astype(np.uint8), connectivity=4, ltype=cv2.CV_32S
    )
    inside = parts[1:-1, 1:-1]
    return np.asarray(~mask & (inside != parts[0, 0]), dtype=np.bool_)


def slice_holes(mask: Mask) -> Mask:
    """Return the holes of every slice of ``[z, y, x]`` by itself."""
    return np.stack([holes(one) for one in mask]) if len(mask) else np.zeros(mask.shape, dtype=np.bool_)


def check_seed(seed: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """Raise ValueError if a seed lies outside of an array."""
    if not all(0 <= place < size for place, size in zip(seed, shape, strict=True)):
        raise ValueError(f"the seed {seed} lies outside of {shape}")
