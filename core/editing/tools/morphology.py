"""Smooth, grow and shrink in mm, islands, and what two masks have in common."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from core.geometry import Box, bounding_box

Mask = NDArray[np.bool_]
Spacing = tuple[float, float, float]


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


def margin(mask: Mask, distance: float, spacing: Spacing) -> Mask:
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

    Returns
    -------
    ndarray
        bool ``[z, y, x]``.
    """
    from scipy import ndimage  # slow to load: not before it is needed

    if distance == 0.0 or not mask.any():
        return mask.copy()
    box = _around(mask, abs(distance), spacing)
    inner = mask[box.slices]
    result = np.zeros(mask.shape, dtype=np.bool_)
    # the half thousandth takes rounding away from distances that are exact multiples
    reach = abs(distance) * 1.0005
    if distance > 0:
        result[box.slices] = ndimage.distance_transform_edt(~inner, sampling=spacing) <= reach
        return result
    if inner.all():
        return mask.copy()
    result[box.slices] = ndimage.distance_transform_edt(inner, sampling=spacing) > reach
    return result


def smooth(mask: Mask, radius: float, spacing: Spacing) -> Mask:
    """Round off what is thinner than about ``radius`` (in the unit of the spacing), keeping the size.

    A Gaussian of that width, cut at one half: a straight edge stays where it is.
    """
    from scipy import ndimage  # slow to load: not before it is needed

    if radius <= 0.0 or not mask.any():
        return mask.copy()
    box = _around(mask, 3 * radius, spacing)
    # along an axis of one voxel there is nothing to round off
    widths = [radius / size if count > 1 else 0.0 for size, count in zip(spacing, mask.shape, strict=True)]
    soft = ndimage.gaussian_filter(mask[box.slices].astype(np.float32), widths, mode="nearest", truncate=3.0)
    result = np.zeros(mask.shape, dtype=np.bool_)
    result[box.slices] = soft >= 0.5
    return result


def islands(mask: Mask) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Give numbers to the connected parts of a mask (through faces), the largest first.

    Returns
    -------
    tuple
        int32 ``[z, y, x]``, 1 for the largest part, and the voxels of each.
    """
    from scipy import ndimage  # slow to load: not before it is needed

    parts, count = ndimage.label(mask)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-sizes, kind="stable")
    renamed = np.zeros(count + 1, dtype=np.int32)
    renamed[order + 1] = np.arange(1, count + 1, dtype=np.int32)
    return np.asarray(renamed[parts]), np.asarray(sizes[order], dtype=np.int64)


def keep_largest(mask: Mask) -> Mask:
    """Return the largest connected part alone."""
    numbered, _sizes = islands(mask)
    return np.asarray(numbered == 1)


def without_small(mask: Mask, least: int) -> Mask:
    """Return a mask without parts of fewer than ``least`` voxels."""
    numbered, sizes = islands(mask)
    kept = np.concatenate(([False], sizes >= least))
    return np.asarray(kept[numbered])


def island_at(mask: Mask, at: tuple[int, int, int]) -> Mask:
    """Return the connected part that holds a voxel (z, y, x); empty if that is background."""
    numbered, _sizes = islands(mask)
    return np.asarray((numbered == numbered[at]) & (numbered[at] > 0))


def _around(mask: Mask, distance: float, spacing: Spacing) -> Box:
    """Return the box of a mask with a rim of a distance, inside of the array."""
    tight = bounding_box(mask) or Box((0, 0, 0), (1, 1, 1))
    rim = [int(np.ceil(distance / size)) + 1 for size in spacing]
    low = [max(0, start - width) for start, width in zip(tight.low, rim, strict=True)]
    high = [min(size, end + width) for size, end, width in zip(mask.shape, tight.high, rim, strict=True)]
    return Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
