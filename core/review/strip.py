"""Brains without heads: putting a mask on a scan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.geometry import Array, Geometry, bounding_box
from core.volume import Volume

Bools = NDArray[np.bool_]


def apply_mask(volume: Volume, mask: Array, margin: float = 0.0) -> Volume:
    """Return the scan with everything outside a mask made background.

    Parameters
    ----------
    volume
        The scan; its array is left alone.
    mask
        ``[z, y, x]``; non-zero is kept.
    margin
        Grow (or, negative, shrink) the mask by so many mm (px where the spacing is unknown).

    Returns
    -------
    Volume
        Same grid, dtype and scaling. Background is the scan's padding value, else its smallest.
    """
    kept = grown(mask != 0, volume.geometry, margin)
    array = volume.array
    background = background_of(volume)
    shaped = kept[..., None] if array.ndim == 4 else kept
    return replace(volume, array=np.where(shaped, array, np.asarray(background, dtype=array.dtype)))


def background_of(volume: Volume) -> float:
    """Return the stored number that stands for nothing: the padding, else the least that occurs."""
    if volume.padding is not None:
        return volume.padding
    if volume.array.dtype.kind == "f":
        finite = volume.array[np.isfinite(volume.array)]
        return float(finite.min()) if finite.size else 0.0
    lowest = volume.array.max() if volume.inverted else volume.array.min()
    return float(lowest)


def grown(mask: Bools, geometry: Geometry, margin: float) -> Bools:
    """Return a mask grown (or shrunk) by a distance in mm (px where the spacing is unknown)."""
    if margin == 0 or not mask.any():
        return mask
    reach = [int(np.ceil(abs(margin) / size)) + 1 for size in geometry.spacing]
    box = bounding_box(mask)
    assert box is not None
    part = tuple(
        slice(max(0, low - more), min(count, high + more))
        for low, high, more, count in zip(box.low, box.high, reach, mask.shape, strict=True)
    )
    result = mask.copy()
    result[part] = offset(mask[part], geometry.spacing, margin)
    return result


def offset(mask: Bools, spacing: tuple[float, float, float], margin: float) -> Bools:
    """Grow (or shrink) a mask by a Euclidean distance; pictures grow in their plane only.

    Parameters
    ----------
    mask
        bool ``[z, y, x]``.
    spacing
        Voxel size along z, y, x.
    margin
        Distance in the unit of the spacing, negative to shrink.
    """
    from scipy import ndimage  # slow to load, and a margin is rare

    flat = mask.shape[0] == 1
    part = mask[0] if flat else mask
    distance: Any = ndimage.distance_transform_edt(
        ~part if margin > 0 else part, sampling=spacing[1:] if flat else spacing
    )
    within = np.asarray(distance <= margin if margin > 0 else distance > -margin)
    return within[None] if flat else within
