"""Ruler, angle, area and statistics: what a person asks of a scan with the pointer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.editing.tools.placing import known_values, values_on
from core.editing.tools.shapes import polygon
from core.geometry import Box, Geometry, PlaneView
from core.volume import Volume

STATISTICS = ("mean", "deviation", "median", "least", "most")
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


Figures = dict[str, float | str]
"""Numbers by name, and ``unit`` (``mm`` or ``px``)."""


def exact(geometry: Geometry, view: PlaneView) -> bool:
    """Return whether lengths on a plane are told: not through slices whose distance is unknown."""
    return view.slice_axis == 0 or geometry.depth_known or not geometry.spacing_known


def on_slice(
    kind: str, volume: Volume, view: PlaneView, index: int, points: Sequence[tuple[float, float]]
) -> Figures | None:
    """Return what points on a slice measure.

    Parameters
    ----------
    kind
        ``distance`` (two points), ``angle`` (three, the corner second) or ``area`` (three and more).
    points
        (row, column) of the slice; more than are needed are passed over.

    Returns
    -------
    dict or None
        ``length``; ``degrees``; or ``area`` with the :class:`Statistics` inside by their names. None where
        nothing can be told (:func:`exact`, a leg without a length).
    """
    geometry = volume.geometry
    if not exact(geometry, view):
        return None
    found: Figures = {"unit": geometry.unit}
    voxels = [view.to_voxel(row, column, index) for row, column in points]
    if kind == "distance":
        return found | {"length": distance(geometry, *voxels[:2])}
    if kind == "angle":
        degrees = angle(geometry, *voxels[:3])
        return None if math.isnan(degrees) else found | {"degrees": degrees}
    inside = statistics(values_on(volume, view, index), polygon(points, (view.rows, view.columns)))
    return found | {"area": area(points, (view.row_size, view.column_size))} | _told(inside)


def of_label(volume: Volume, region: NDArray[np.bool_], box: Box) -> Figures:
    """Return how much of a scan a region takes and how bright it is.

    Parameters
    ----------
    region
        bool of the shape of ``box``.

    Returns
    -------
    dict
        ``voxels``, ``volume`` in mL where it can be told, and the :class:`Statistics` by their names.
    """
    count = int(np.count_nonzero(region))
    found: Figures = {"unit": volume.geometry.unit, "voxels": float(count)}
    if volume.geometry.measurable:
        found["volume"] = count * volume.geometry.voxel_ml
    return found | _told(statistics(known_values(volume, volume.array[box.slices]), region), count=False)


def _told(inside: Statistics, *, count: bool = True) -> Figures:
    if not inside.voxels:
        return {}
    found: Figures = {"voxels": float(inside.voxels)} if count else {}
    return found | {name: float(getattr(inside, name)) for name in STATISTICS}
