"""Smooth, grow and shrink in mm, and what two masks have in common; slice by slice, so that it can be stopped."""

from __future__ import annotations

from collections import deque
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from core.editing.tools.islands import island_at, islands, keep_largest, without_small
from core.editing.tools.stopping import OnSlice, Stopped, quiet
from core.geometry import Box, bounding_box
from core.late import cv2

__all__ = [
    "Boolean",
    "Mask",
    "Spacing",
    "combine",
    "island_at",
    "islands",
    "keep_largest",
    "margin",
    "smooth",
    "without_small",
]

Mask = NDArray[np.bool_]
Spacing = tuple[float, float, float]
Plane = NDArray[np.float32]

_SLACK = 1.0005
"""The half thousandth takes rounding away from distances that are exact multiples of a voxel."""


class Boolean(StrEnum):
    """How two masks are put together."""

    UNITE = "unite"
    SUBTRACT = "subtract"
    INTERSECT = "intersect"
    EITHER = "either"


def combine(one: Mask, other: Mask, how: Boolean) -> Mask:
    """Return one mask out of two of the same shape."""
    if how is Boolean.UNITE:
        return np.asarray(one | other)
    if how is Boolean.SUBTRACT:
        return np.asarray(one & ~other)
    if how is Boolean.INTERSECT:
        return np.asarray(one & other)
    return np.asarray(one ^ other)


def margin(
    mask: Mask, distance: float, spacing: Spacing, on: OnSlice = quiet, *, steps: NDArray[np.float64] | None = None
) -> Mask:
    """Grow (or, with a negative distance, shrink) a mask.

    Parameters
    ----------
    mask
        ``[z, y, x]``; a single slice is grown in its plane alone.
    distance
        In the unit of the spacing. A voxel is reached if its centre lies within this
        distance of the centre of a voxel of the mask (growing), or of the background
        (shrinking). Outside of the array there is nothing: a mask does not shrink away
        from the rim.
    spacing
        Voxel size along (z, y, x).
    on
        Told (done, total); False stops.
    steps
        Where one voxel along z, y and x leads in space (rows), if these are not
        perpendicular (tilted gantry); the spacing does not count then.

    Returns
    -------
    ndarray
        bool ``[z, y, x]``.

    Raises
    ------
    Stopped
        If ``on`` said so.
    """
    if steps is not None:
        return _sheared_margin(mask, distance, steps, on)
    result = np.zeros(mask.shape, dtype=np.bool_)
    # shrinking: of all background the nearest lies in or at the box, whatever the distance
    box = _around(mask, max(distance, 0.0), spacing)
    if distance == 0.0 or box is None:
        return mask.copy()
    inner = mask[box.slices]
    if distance > 0:
        result[box.slices] = _reached(inner, distance * _SLACK, spacing, on)
    else:
        result[box.slices] = inner & ~_reached(~inner, -distance * _SLACK, spacing, on)
    return result


def _reached(source: Mask, reach: float, spacing: Spacing, on: OnSlice) -> Mask:
    """Return which voxels have a voxel of the source within reach, centre to centre.

    The distances within each slice are found once; a slice ``k`` away is reached by
    those whose square is at most ``reach ** 2 - (k * size) ** 2``. That is the exact
    distance, for a few passes over a slice instead of a transform of the whole.
    """
    result = np.zeros(source.shape, dtype=np.bool_)
    depth = len(source)
    far = int(reach / spacing[0])
    limits = [np.float32(reach**2 - (step * spacing[0]) ** 2) for step in range(far + 1)]
    for z in range(depth):
        if not on(z, depth):
            raise Stopped
        if not source[z].any():
            continue
        squared = _squared(source[z], reach, (spacing[1], spacing[2]))
        for step, limit in enumerate(limits):
            if z - step < 0 and z + step >= depth:
                break
            near = squared <= limit
            for other in {z - step, z + step}:
                if 0 <= other < depth:
                    result[other] |= near
    return result


def _squared(source: Mask, reach: float, sizes: tuple[float, float]) -> Plane:
    """Return the squared distance to the nearest pixel of a slice's source, exact as far as ``reach``."""
    row_size, column_size = sizes
    columns = np.arange(source.shape[1], dtype=np.float32)
    before = np.maximum.accumulate(np.where(source, columns, np.float32(-np.inf)), axis=1)
    after = np.minimum.accumulate(np.where(source, columns, np.float32(np.inf))[:, ::-1], axis=1)[:, ::-1]
    along = np.square(np.minimum(columns - before, after - columns) * np.float32(column_size))
    squared = along.copy()
    rows = len(source)
    for step in range(1, min(rows - 1, int(reach / row_size)) + 1):
        more = np.float32((step * row_size) ** 2)
        np.minimum(squared[step:], along[:-step] + more, out=squared[step:])
        np.minimum(squared[:-step], along[step:] + more, out=squared[:-step])
    return squared


def _sheared_margin(mask: Mask, distance: float, steps: NDArray[np.float64], on: OnSlice) -> Mask:
    """Grow or shrink as :func:`margin` does, where the axes are not perpendicular."""
    metric = steps @ steps.T
    # how far apart the grid's planes lie along each axis: no more than a voxel is long
    z, y, x = 1 / np.sqrt(np.diag(np.linalg.inv(metric)))
    # the nearest background need not lie in or at the box here, so shrinking looks as far as growing
    box = _around(mask, abs(distance), (float(z), float(y), float(x)))
    if distance == 0.0 or box is None:
        return mask.copy()
    inner = mask[box.slices]
    source = inner if distance > 0 else ~inner
    reached = _reached_sheared(source, abs(distance) * _SLACK, metric, on)
    result = np.zeros(mask.shape, dtype=np.bool_)
    result[box.slices] = reached if distance > 0 else inner & ~reached
    return result


def _reached_sheared(source: Mask, reach: float, metric: NDArray[np.float64], on: OnSlice) -> Mask:
    """Return which voxels have a voxel of the source within reach, by a metric over (z, y, x).

    What is in reach of a voxel is convex: on each row near it one run of columns. How
    many voxels of the source such a run holds is the difference of two running counts.
    """
    result = np.zeros(source.shape, dtype=np.bool_)
    depth, rows, columns = source.shape
    runs = _runs(source.shape, reach, metric)
    wide = max(max(-first, last) for _, _, first, last in runs) + 1
    for z in range(depth):
        if not on(z, depth):
            raise Stopped
        if not source[z].any():
            continue
        count = np.pad(np.cumsum(source[z], axis=1, dtype=np.int32), ((0, 0), (1, 0)))
        count = np.pad(count, ((0, 0), (wide, wide)), mode="edge")
        for through, down, first, last in runs:
            if 0 <= z + through < depth:
                part = count[max(0, -down) : rows - max(0, down)]
                low, high = wide - last, wide - first + 1
                found = part[:, high : high + columns] > part[:, low : low + columns]
                result[z + through, max(0, down) : rows - max(0, -down)] |= found
    return result


def _runs(shape: tuple[int, ...], reach: float, metric: NDArray[np.float64]) -> list[tuple[int, int, int, int]]:
    """Return what is in reach of a voxel, as far as the array goes: slice, row, first and last column from it."""
    spans = reach * np.sqrt(np.diag(np.linalg.inv(metric)))
    far, high, wide = (min(int(span), size - 1) for span, size in zip(spans, shape, strict=True))
    runs = []
    for z in range(-far, far + 1):
        for y in range(-high, high + 1):
            # the columns x with (z, y, x) metric (z, y, x) <= reach ** 2
            half = (metric[2, 0] * z + metric[2, 1] * y) / metric[2, 2]
            rest = metric[0, 0] * z * z + 2 * metric[0, 1] * z * y + metric[1, 1] * y * y - reach**2
            square = half**2 - rest / metric[2, 2]
            if square < 0:
                continue
            first = max(-wide, int(np.ceil(-half - np.sqrt(square))))
            last = min(wide, int(np.floor(-half + np.sqrt(square))))
            if first <= last:
                runs.append((z, y, first, last))
    return runs


def smooth(mask: Mask, radius: float, spacing: Spacing, on: OnSlice = quiet) -> Mask:
    """Round off what is thinner than about ``radius`` (in the unit of the spacing), keeping the size.

    A Gaussian of that width, cut at one half: a straight edge stays where it is.
    """
    box = _around(mask, 3 * radius, spacing)
    if radius <= 0.0 or box is None:
        return mask.copy()
    inner = mask[box.slices]
    # along an axis of one voxel there is nothing to round off
    weights = [_gauss(radius / size if count > 1 else 0.0) for size, count in zip(spacing, mask.shape, strict=True)]
    reach, depth = len(weights[0]) // 2, len(inner)
    soft: deque[Plane] = deque(maxlen=2 * reach + 1)
    result = np.zeros(mask.shape, dtype=np.bool_)
    found = result[box.slices]
    for z in range(-reach, depth + reach):
        if not on(z + reach, depth + 2 * reach):
            raise Stopped
        # beyond the ends the last slice goes on
        if 0 < z < depth or not soft:
            plane = inner[max(z, 0)].astype(np.float32)
            blurred = cv2.sepFilter2D(plane, cv2.CV_32F, weights[2], weights[1], borderType=cv2.BORDER_REPLICATE)
            soft.append(np.asarray(blurred, dtype=np.float32))
        else:
            soft.append(soft[-1])
        if z >= reach:
            # a millionth for the rounding of sums
            found[z - reach] = _weighted(soft, weights[0]) >= 0.5 - 1e-6
    return result


def _weighted(planes: deque[Plane], weights: NDArray[np.float32]) -> Plane:
    total = planes[0] * weights[0]
    for plane, weight in zip(list(planes)[1:], weights[1:], strict=True):
        total += plane * weight
    return np.asarray(total, dtype=np.float32)


def _gauss(width: float) -> NDArray[np.float32]:
    """Return the weights of a Gaussian, cut at three times its width (in voxels)."""
    reach = int(3.0 * width + 0.5)
    if width <= 0.0 or reach == 0:
        return np.ones(1, dtype=np.float32)
    places = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (places / width) ** 2)
    return np.asarray(weights / weights.sum(), dtype=np.float32)


def _around(mask: Mask, distance: float, spacing: Spacing) -> Box | None:
    """Return the box of a mask with a rim of a distance, inside of the array; None for an empty mask."""
    tight = bounding_box(mask)
    if tight is None:
        return None
    rim = [int(np.ceil(distance / size)) + 1 for size in spacing]
    low = [max(0, start - width) for start, width in zip(tight.low, rim, strict=True)]
    high = [min(size, end + width) for size, end, width in zip(mask.shape, tight.high, rim, strict=True)]
    return Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
