"""Where a Brain ends below: a neck that was taken for Brain is cut.

Nothing but anatomy is used. In 16 heads whose tissues are mapped (SynthSeg, Billot et al. 2023), turned by up to 30
degrees, no axial section below the widest was larger than one above it once sections are under 40 % of the widest,
and each lay within the one above but for a rim as wide as the step down, to a hundredth of what lies there.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from core.geometry import Geometry
from core.late import cv2

Bools = NDArray[np.bool_]
LOWER = 0.4
"""Part of the widest section: below it a brain only narrows."""
SAME = 1.1
"""A section that is larger than the smallest above it by no more than this is still of the same part."""
RISE, RISE_MM2 = 1.25, 100.0
"""A section that is larger than the smallest above it by this factor and so much more belongs to a neck."""


def without_neck(mask: Bools, geometry: Geometry) -> Bools:
    """Return a Brain mask without what widens again below it.

    Walking down from the section under 40 % of the widest, each section is held within the one above and a rim as wide
    as the step (45 degrees); where sections grow again, the mask ends at the smallest.

    Parameters
    ----------
    mask
        bool ``[z, y, x]``, one piece.
    geometry
        Its grid. Where the spacing, along or through slices, is unknown, nothing is cut.
    """
    axis, upwards = _towards_the_head(geometry)
    if not geometry.measurable or mask.shape[axis] < 2 or not mask.any():
        return mask
    # a view, from the lowest section to the highest
    sections = np.moveaxis(mask, axis, 0)[:: 1 if upwards else -1]
    sizes = [size for number, size in enumerate(geometry.spacing) if number != axis]
    areas = np.count_nonzero(sections, axis=(1, 2)) * float(np.prod(sizes))
    widest = int(areas.argmax())
    narrow = np.flatnonzero(areas[:widest] < LOWER * areas[widest])
    if not narrow.size:
        return mask
    first, lowest = int(narrow[-1]), int(np.flatnonzero(areas)[0])
    result = mask.copy()
    kept = np.moveaxis(result, axis, 0)[:: 1 if upwards else -1]
    rim = _disc([geometry.spacing[axis] / size for size in sizes])
    least, place = float(areas[first]), first
    for level in range(first - 1, lowest - 1, -1):
        above = np.ascontiguousarray(kept[level + 1]).view(np.uint8)
        kept[level] &= cv2.dilate(above, rim).astype(np.bool_)
        area = float(np.count_nonzero(kept[level])) * float(np.prod(sizes))
        if area > RISE * least + RISE_MM2:
            kept[:place] = False
            break
        # a cord is about as thick all along: the mask ends at its lowest section
        if area <= SAME * least:
            least, place = min(area, least), level
    return result


def _towards_the_head(geometry: Geometry) -> tuple[int, bool]:
    """Return the array axis nearest to the way from the feet to the head, and whether it grows towards the head."""
    upward = np.asarray(geometry.affine)[2, :3]
    across = int(np.abs(upward / np.linalg.norm(np.asarray(geometry.affine)[:3, :3], axis=0)).argmax())
    return 2 - across, bool(upward[across] > 0)


def _disc(radii: list[float]) -> NDArray[np.uint8]:
    """Return a filled ellipse ``[rows, columns]`` of these radii in pixels, at least one."""
    rows, columns = (max(1, math.ceil(radius)) for radius in radii)
    row, column = np.ogrid[-rows : rows + 1, -columns : columns + 1]
    return np.asarray((row / rows) ** 2 + (column / columns) ** 2 <= 1.0, dtype=np.uint8)
