"""The brush's footprint: a capsule (or a swept ball) on one plane of a grid.

Everything is worked out inside the bounding box of the footprint, in array
axis order, so that a move of the brush costs as much as the brush is large and
not as much as the scan is.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from core.geometry import Box, PlaneView

_EPSILON = 1e-6
"""Relative slack, so that a voxel exactly on the rim is in on every platform."""
_POINT = 1e-12
"""Squared length in mm below which a segment is a point (its direction means nothing)."""


def footprint(
    view: PlaneView,
    index: int,
    start: tuple[float, float],
    end: tuple[float, float],
    radius: float,
    *,
    sphere: bool = False,
) -> tuple[Box, NDArray[np.bool_]] | None:
    """Return the voxels that a brush covers when it moves from one point to another.

    A voxel is covered if its centre is at most ``radius`` from the segment. The
    voxels under the segment itself are always covered, however thin the brush.

    Parameters
    ----------
    view
        The plane drawn on; its row, column and slice sizes make the brush round
        in mm where voxels are not square.
    index
        Slice of that plane.
    start, end
        Screen (row, column); pixel centres are whole numbers. May lie outside.
    radius
        In the view's unit (mm, or pixels where the spacing is unknown).
    sphere
        Whether the brush reaches into the neighbouring slices as a ball does.

    Returns
    -------
    tuple of Box and bool array, or None
        The covered box, clipped to the grid, and the mask of its shape, axes
        (z, y, x). None if nothing of the grid is covered.
    """
    if not 0 <= index < view.slices:
        return None
    counts = (view.rows, view.columns)
    sizes = (view.row_size, view.column_size)
    first = _unflip(view, start)
    last = _unflip(view, end)
    spans = []
    for a, b, size, count in zip(first, last, sizes, counts, strict=True):
        reach = max(radius / size, 0.5)
        low = max(0, math.ceil(min(a, b) - reach - _EPSILON))
        high = min(count, math.floor(max(a, b) + reach + _EPSILON) + 1)
        if low >= high:
            return None
        spans.append((low, high))
    squared = _distance_squared(first, last, sizes, spans)
    limit = np.float32((radius * (1 + _EPSILON)) ** 2)
    flat = squared <= limit
    if radius < 0.75 * max(sizes):
        # a brush thinner than a pixel would fall between the centres
        _thread(flat, first, last, spans)
    depth = int(radius / view.slice_size * (1 + _EPSILON)) if sphere else 0
    near, far = max(0, index - depth), min(view.slices, index + depth + 1)
    if depth:
        offsets = (np.arange(near, far) - index) * view.slice_size
        rims = np.where(offsets == 0, limit, limit - offsets**2).astype(np.float32)
        solid = squared[None] <= rims[:, None, None]
        solid[index - near] |= flat
    else:
        solid = flat[None]
    return _in_array_order(view, (near, far), spans, solid)


def _unflip(view: PlaneView, point: tuple[float, float]) -> tuple[float, float]:
    """Turn screen (row, column) into positions along the row and column array axes."""
    row, column = point
    return (
        view.rows - 1 - row if view.flip_rows else row,
        view.columns - 1 - column if view.flip_columns else column,
    )


def _distance_squared(
    first: tuple[float, float],
    last: tuple[float, float],
    sizes: tuple[float, float],
    spans: list[tuple[int, int]],
) -> NDArray[np.float32]:
    """Return the squared distance in mm of every pixel of a window to a segment, float32 ``[row, column]``."""
    down = ((np.arange(*spans[0]) - first[0]) * sizes[0]).astype(np.float32)[:, None]
    across = ((np.arange(*spans[1]) - first[1]) * sizes[1]).astype(np.float32)[None, :]
    along = ((last[0] - first[0]) * sizes[0], (last[1] - first[1]) * sizes[1])
    length = along[0] ** 2 + along[1] ** 2
    if length < _POINT:
        return np.asarray(down**2 + across**2, dtype=np.float32)
    part = down * np.float32(along[0] / length) + across * np.float32(along[1] / length)
    np.clip(part, 0.0, 1.0, out=part)
    off_down = down - part * np.float32(along[0])
    off_across = across - part * np.float32(along[1])
    np.multiply(off_down, off_down, out=off_down)
    np.multiply(off_across, off_across, out=off_across)
    return np.asarray(off_down + off_across, dtype=np.float32)


def _thread(
    flat: NDArray[np.bool_],
    first: tuple[float, float],
    last: tuple[float, float],
    spans: list[tuple[int, int]],
) -> None:
    """Cover the pixels that lie under the segment itself (in place)."""
    steps = 2 * math.ceil(max(abs(last[0] - first[0]), abs(last[1] - first[1]))) + 1
    parts = np.linspace(0.0, 1.0, steps)
    rows = np.floor(first[0] + parts * (last[0] - first[0]) + 0.5).astype(int) - spans[0][0]
    columns = np.floor(first[1] + parts * (last[1] - first[1]) + 0.5).astype(int) - spans[1][0]
    inside = (rows >= 0) & (rows < flat.shape[0]) & (columns >= 0) & (columns < flat.shape[1])
    flat[rows[inside], columns[inside]] = True


def _in_array_order(
    view: PlaneView, depth: tuple[int, int], spans: list[tuple[int, int]], solid: NDArray[np.bool_]
) -> tuple[Box, NDArray[np.bool_]] | None:
    """Crop ``[slice, row, column]`` to what is covered and turn it to (z, y, x)."""
    low, high = [0, 0, 0], [0, 0, 0]
    order = (view.slice_axis, view.row_axis, view.column_axis)
    for axis, (start, stop) in zip(order, (depth, *spans), strict=True):
        low[axis], high[axis] = start, stop
    if not solid.any():
        return None
    box = Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
    return box, np.moveaxis(solid, (0, 1, 2), order)
