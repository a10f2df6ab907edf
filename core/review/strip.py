"""Brains without heads: putting a mask on a scan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.geometry import Array, Box, Geometry, bounding_box
from core.volume import Volume

Bools = NDArray[np.bool_]
WHOLE = 255
"""Weight of a voxel that is kept as it is."""


@dataclass(frozen=True, slots=True)
class Stripping:
    """What becomes of the voxels outside of a mask.

    Parameters
    ----------
    background
        Their real value (HU; grey of a picture); None for the scan's padding, else its smallest.
    soft
        The scan fades into the background over so many mm (px where the spacing is unknown) outside of the
        mask; inside nothing changes.
    crop
        Keep only the box about what is left, and so many mm (px) around it; None keeps the whole grid.
    slices_stay
        Crop within the slices only: where each slice is a file of its own.
    """

    background: float | None = None
    soft: float = 0.0
    crop: float | None = None
    slices_stay: bool = False


PLAIN = Stripping()


def strip_scan(volume: Volume, kept: Bools, how: Stripping = PLAIN) -> tuple[Volume, Bools]:
    """Return a scan stripped as asked, and the mask on the same grid.

    Parameters
    ----------
    volume
        The scan; its array is left alone.
    kept
        bool ``[z, y, x]``.

    Raises
    ------
    InputError
        ``strip-background`` for a background that the scan's number type cannot hold.
    """
    outside = stored_background(volume, how.background)
    weights = weights_of(kept, volume.geometry, how.soft)
    box = box_of(weights, volume.geometry, how)
    array = np.empty_like(volume.array)
    for z, plane in enumerate(volume.array):
        array[z] = faded(plane, outside, weights[z])
    stripped = replace(volume, array=array)
    return (stripped, kept) if box is None else (cropped(stripped, box), kept[box.slices])


def stored_background(volume: Volume, real: float | None) -> float:
    """Return the stored number of a background (None: as :func:`background_of`).

    Raises
    ------
    InputError
        ``strip-background``.
    """
    if real is None:
        return background_of(volume)
    value = (real - volume.intercept) / volume.slope
    if volume.array.dtype.kind == "f":
        return value
    value = float(np.rint(value))
    limits = np.iinfo(volume.array.dtype) if volume.array.dtype.kind in "iu" else np.iinfo(np.uint8)
    if not limits.min <= value <= limits.max:
        ends = sorted(limit * volume.slope + volume.intercept for limit in (limits.min, limits.max))
        raise InputError("strip-background", value=real, low=ends[0], high=ends[1])
    return value


def weights_of(kept: Bools, geometry: Geometry, soft: float) -> NDArray[np.uint8]:
    """Return how much of each voxel is kept, uint8 ``[z, y, x]``: :data:`WHOLE` inside, falling to 0 outside."""
    weights = np.where(kept, np.uint8(WHOLE), np.uint8(0))
    box = bounding_box(kept)
    if soft <= 0 or box is None:
        return weights
    from scipy import ndimage  # slow to load, and a soft edge is rare

    part = _around(box, geometry, soft).slices
    flat = kept.shape[0] == 1
    inside = kept[part][0] if flat else kept[part]
    distance: Any = ndimage.distance_transform_edt(~inside, sampling=geometry.spacing[1:] if flat else geometry.spacing)
    weights[part] = np.rint(np.clip(1 - distance / soft, 0, 1) * WHOLE).astype(np.uint8)
    return weights


def faded(plane: Array, outside: float, weights: NDArray[np.uint8]) -> Array:
    """Return a slice ``[y, x(, c)]`` that fades into a stored number where its weights ``[y, x]`` fall."""
    shaped = weights[..., None] if plane.ndim == 3 else weights
    made = np.where(shaped > 0, plane, np.asarray(outside, dtype=plane.dtype))
    partly = (weights > 0) & (weights < WHOLE)
    if partly.any():
        share = (weights[partly] / WHOLE)[:, None] if plane.ndim == 3 else weights[partly] / WHOLE
        values = np.nan_to_num(plane[partly].astype(np.float64), nan=outside)
        mixed = outside + share * (values - outside)
        made[partly] = mixed if plane.dtype.kind == "f" else np.rint(mixed)
    return made


def box_of(weights: NDArray[np.uint8], geometry: Geometry, how: Stripping) -> Box | None:
    """Return the box that is kept; None for the whole grid."""
    box = bounding_box(weights) if how.crop is not None else None
    if box is None or how.crop is None:
        return None
    wide = _around(box, geometry, how.crop, more=0)
    if how.slices_stay:
        wide = Box((0, *wide.low[1:]), (weights.shape[0], *wide.high[1:]))
    return wide


def _around(box: Box, geometry: Geometry, distance: float, *, more: int = 1) -> Box:
    reach = [int(np.ceil(distance / size)) + more for size in geometry.spacing]
    low = [max(0, start - by) for start, by in zip(box.low, reach, strict=True)]
    high = [min(count, stop + by) for count, stop, by in zip(geometry.shape, box.high, reach, strict=True)]
    return Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))


def cropped(volume: Volume, box: Box) -> Volume:
    """Return a part of a scan that lies in the world where it lay."""
    z, y, x = box.low
    shift = np.eye(4)
    shift[:3, 3] = (x, y, z)
    geometry = replace(volume.geometry, shape=box.shape, affine=volume.geometry.affine @ shift)
    facts = {name: volume.facts[name] for name in _PLACED if name in volume.facts}
    second = np.array(str(facts.get("qform", "")).split(), dtype=np.float64)
    if second.size == 16:
        # a NIfTI file may say a second time where it lies
        facts["qform"] = " ".join(repr(float(one)) for one in (second.reshape(4, 4) @ shift).ravel())
    return replace(volume, array=np.ascontiguousarray(volume.array[box.slices]), geometry=geometry, facts=facts)


_PLACED = ("format", "sform_code", "qform_code", "qform")
"""Facts that a file of the part needs; the others are of the whole scan."""


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
    if geometry.spacing_known and geometry.sheared:
        # a distance transform knows perpendicular axes only
        from core.editing.tools import morphology

        return morphology.margin(mask, margin, geometry.spacing, steps=geometry.steps)
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
