"""Ruler, angle, area and statistics: what a person asks of a scan with the pointer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.geometry import Geometry

Voxel = tuple[float, float, float]


def distance(geometry: Geometry, start: Voxel, end: Voxel) -> float:
    """Return the distance between two voxels (x, y, z) in mm (pixels where the spacing is unknown)."""
    return float(np.linalg.norm(geometry.to_world(end) - geometry.to_world(start)))


def angle(geometry: Geometry, one: Voxel, corner: Voxel, other: Voxel) -> float:
    """Return the angle at ``corner`` in degrees, 0..180; NaN if a leg has no length."""
    legs = [geometry.to_world(end) - geometry.to_world(corner) for end in (one, other)]
    lengths = [float(np.linalg.norm(leg)) for leg in legs]
    if min(lengths) == 0.0:
        return math.nan
    return math.degrees(math.acos(max(-1.0, min(1.0, float(np.dot(*legs)) / (lengths[0] * lengths[1])))))


def area(points: Sequence[tuple[float, float]], sizes: tuple[float, float]) -> float:
    """Return the area of a polygon (shoelace formula).

    Parameters
    ----------
    points
        Corners as (row, column).
    sizes
        Pixel size (row, column).

    Returns
    -------
    float
        In the square of the unit of ``sizes``; crossing parts count against one another.
    """
    corners = np.asarray(points, dtype=np.float64) * sizes
    rows, columns = corners[:, 0], corners[:, 1]
    return float(abs(np.dot(rows, np.roll(columns, -1)) - np.dot(columns, np.roll(rows, -1))) / 2)


@dataclass(frozen=True)
class Statistics:
    """Values inside of a region.

    Parameters
    ----------
    voxels
        How many count (what is no number does not).
    mean, deviation, median, least, most
        In the unit of the values; the deviation is that of the sample (n - 1). NaN without voxels.
    """

    voxels: int
    mean: float
    deviation: float
    median: float
    least: float
    most: float


def statistics(values: NDArray[np.float32], mask: NDArray[np.bool_]) -> Statistics:
    """Return the statistics of the values inside of a mask of the same shape."""
    inside = values[mask].astype(np.float64)
    inside = inside[np.isfinite(inside)]
    if inside.size == 0:
        return Statistics(0, math.nan, math.nan, math.nan, math.nan, math.nan)
    deviation = float(inside.std(ddof=1)) if inside.size > 1 else 0.0
    return Statistics(
        int(inside.size),
        float(inside.mean()),
        deviation,
        float(np.median(inside)),
        float(inside.min()),
        float(inside.max()),
    )
