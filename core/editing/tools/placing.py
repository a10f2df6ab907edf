"""From a region on a slice to voxels of the grid, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.editing.tools.shapes import Mask
from core.geometry import Array, Box, PlaneView
from core.volume import Volume


def place(view: PlaneView, index: int, region: Mask) -> tuple[Box, NDArray[np.bool_]] | None:
    """Return the tight box around a region of a slice and the region in it.

    Parameters
    ----------
    view
        The plane.
    index
        Its slice.
    region
        bool ``[row, column]`` in screen order, as :meth:`core.geometry.PlaneView.extract` gives slices.

    Returns
    -------
    tuple of Box and bool array ``[z, y, x]`` of its shape, or None
        None for an empty region or a slice that is not there.
    """
    if not 0 <= index < view.slices or not region.any():
        return None
    flat = region[:: -1 if view.flip_rows else 1, :: -1 if view.flip_columns else 1]
    if view.row_axis > view.column_axis:
        flat = flat.T
    first, second = sorted((view.row_axis, view.column_axis))
    low, high = [0, 0, 0], [0, 0, 0]
    low[view.slice_axis], high[view.slice_axis] = index, index + 1
    for axis, other in ((first, 1), (second, 0)):
        there = np.flatnonzero(flat.any(axis=other))
        low[axis], high[axis] = int(there[0]), int(there[-1]) + 1
    hit = flat[low[first] : high[first], low[second] : high[second]]
    box = Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
    return box, np.ascontiguousarray(np.expand_dims(hit, view.slice_axis))


def nearest(view: PlaneView, row: float, column: float) -> tuple[int, int] | None:
    """Return the pixel (row, column) that a point lies in, None outside of the slice."""
    pixel = round(row), round(column)
    return pixel if 0 <= pixel[0] < view.rows and 0 <= pixel[1] < view.columns else None


def slice_of(view: PlaneView, array: Array, index: int) -> Array:
    """Return a slice of ``[z, y, x]`` in screen order, contiguous."""
    return np.ascontiguousarray(view.extract(array, index))


def values_on(volume: Volume, view: PlaneView, index: int) -> NDArray[np.float32]:
    """Return the real values of a slice as tools look at them.

    Parameters
    ----------
    volume
        The scan; of a colour scan the luminance is taken, as :meth:`core.volume.Volume.grey` does.
    view, index
        The plane and its slice.

    Returns
    -------
    ndarray
        float32 ``[row, column]`` in screen order; NaN for padding, which no range of values holds.
    """
    return known_values(volume, slice_of(view, volume.array, index))


def known_values(volume: Volume, stored: Array) -> NDArray[np.float32]:
    """Return real values of stored numbers ``[...]`` (``[..., c]`` of a colour scan), NaN for padding."""
    grey = stored
    if volume.array.ndim == 4:
        weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
        grey = stored[..., 0]
        if stored.shape[-1] >= 3:
            grey = np.rint(stored[..., :3].astype(np.float32) @ weights).astype(stored.dtype)
    values = volume.values(grey)
    if volume.padding is not None:
        # values() of a float scan without slope may be the stored array itself
        values = np.where(volume.is_padding(grey), np.float32(np.nan), values)
    return values
