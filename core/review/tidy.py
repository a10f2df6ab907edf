"""From probabilities to masks: a Brain is one piece without holes; thin bridges, small pieces and margins as asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.geometry import Geometry, bounding_box
from core.labels import BRAIN
from core.project.predictions import THRESHOLD
from core.review.neck import without_neck
from core.review.strip import grown

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Tidying:
    """What is done to a mask after the network; all of it in mm, or px where the spacing is unknown.

    Parameters
    ----------
    bridges
        Cut what joins the brain to other things and is thinner than twice this. Only for Brain.
    smallest
        Drop pieces smaller than so many mm³ (voxels where the spacing is unknown). Not for Brain, which
        is its largest piece anyway.
    margin
        Grow (or, negative, shrink) each mask at the end.
    """

    bridges: float = 0.0
    smallest: float = 0.0
    margin: float = 0.0

    def to_json(self) -> dict[str, float]:
        """Return what was asked for; nothing that is left at 0."""
        return {name: value for name, value in asdict(self).items() if value}


PLAIN = Tidying()


@dataclass(frozen=True, slots=True)
class Ways:
    """How scans and loose files are predicted, and what is done to the masks after it.

    The rough mask heeds only the tidying, a run that classifies only the mirror.

    Parameters
    ----------
    mirrored
        Average each slice with its left-right mirror image: half as fast, a little better.
    three_views
        Predict along all three axes and average (:mod:`models.views`): takes three times as long.
    tidying
        What is done to the masks after the network.
    """

    mirrored: bool = False
    three_views: bool = False
    tidying: Tidying = PLAIN

    def facts(self) -> dict[str, Any]:
        """Return what a prediction's ``meta.json`` tells of it: nothing of what was not asked for."""
        told: dict[str, Any] = {"mirrored": True} if self.mirrored else {}
        return told | ({"tidying": self.tidying.to_json()} if self.tidying != PLAIN else {})


USUAL = Ways()


def masks_of(
    probabilities: Mapping[str, NDArray[np.uint8]], geometry: Geometry | None = None, tidying: Tidying = PLAIN
) -> dict[str, NDArray[np.uint8]]:
    """Turn probabilities (uint8 ``[z, y, x]``, 255 = certain) by label into masks (0/1).

    A Brain is its largest piece without holes, and ends where a neck begins (:mod:`core.review.neck`).

    Parameters
    ----------
    geometry
        Their grid; needed for anything but :data:`PLAIN`, and for the end of a Brain.

    Raises
    ------
    ValueError
        Without a grid for what is measured in mm.
    """
    if geometry is None and tidying != PLAIN:
        raise ValueError("millimetres need a grid")
    masks = {}
    for name, probability in probabilities.items():
        mask = probability >= THRESHOLD
        if name.casefold() == BRAIN.casefold():
            cut = mask if geometry is None else without_bridges(mask, geometry, tidying.bridges)
            mask = tidy_brain(cut)
            mask = mask if geometry is None else _ended_below(mask, geometry)
        elif geometry is not None:
            mask = without_small(mask, geometry, tidying.smallest)
        if geometry is not None:
            mask = grown(mask, geometry, tidying.margin)
        masks[name] = mask.astype(np.uint8)
    return masks


def tidy_brain(mask: Bools) -> Bools:
    """Keep the largest connected piece of a ``[z, y, x]`` mask and fill what it encloses."""
    box = bounding_box(mask)
    if box is None:
        return mask
    result = np.zeros_like(mask)
    result[box.slices] = _filled(_largest(mask[box.slices]))
    return result


def _ended_below(mask: Bools, geometry: Geometry) -> Bools:
    """Return a tidy Brain mask that is tidy without its neck too."""
    ended = without_neck(mask, geometry)
    return mask if ended is mask or np.array_equal(ended, mask) else tidy_brain(ended)


def without_bridges(mask: Bools, geometry: Geometry, radius: float) -> Bools:
    """Cut what joins the largest part of a mask to the rest and is thinner than twice a radius.

    The mask is shrunk by the radius, and the largest piece that is left is grown again by the radius and
    a voxel. What of the mask is not reached is cut, but for pieces smaller than a ball of that radius:
    they are corners. Where shrinking leaves nothing, nothing is cut.

    Parameters
    ----------
    mask
        bool ``[z, y, x]``.
    radius
        In mm (px where the spacing is unknown); 0 leaves all as it is.
    """
    box = bounding_box(mask)
    if radius <= 0 or box is None:
        return mask
    # the mask ends where the scan ends, and not because something else begins there
    core = grown(mask, geometry, -radius)
    if not core.any():
        return mask
    flat = mask.shape[0] == 1
    sizes = geometry.spacing[1:] if flat else geometry.spacing
    reached = grown(_largest(core), geometry, radius + min(sizes))
    rest = mask[box.slices] & ~reached[box.slices]
    ball = np.pi * radius**2 if flat else 4 / 3 * np.pi * radius**3
    result = mask.copy()
    result[box.slices] &= ~_at_least(rest, ball / float(np.prod(sizes)))
    return result


def without_small(mask: Bools, geometry: Geometry, smallest: float) -> Bools:
    """Drop pieces (through faces) of a mask smaller than so many mm³ (voxels where the spacing is unknown)."""
    box = bounding_box(mask)
    if smallest <= 0 or box is None:
        return mask
    result = np.zeros_like(mask)
    result[box.slices] = _at_least(mask[box.slices], smallest / voxel_size(geometry))
    return result


def _at_least(mask: Bools, voxels: float) -> Bools:
    """Return the pieces of a mask that have so many voxels."""
    from scipy import ndimage  # slow to load: not before it is needed

    pieces, count = ndimage.label(mask)
    # a billionth of slack: 3 voxels of 0.1 mm³ are 0.3 mm³
    kept = np.bincount(pieces.ravel(), minlength=count + 1) >= voxels * (1 - 1e-9)
    kept[0] = False
    return np.asarray(kept[pieces])


def voxel_size(geometry: Geometry) -> float:
    """Return mm³ of a voxel; 1 where the spacing is unknown."""
    return geometry.voxel_ml * 1000.0 if geometry.spacing_known else 1.0


def _largest(mask: Bools) -> Bools:
    from scipy import ndimage  # slow to load: not before it is needed

    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    # counted within the mask alone: air is most of a scan
    sizes: NDArray[Any] = np.bincount(pieces[mask])
    return np.asarray(pieces == int(sizes.argmax()))


def _filled(mask: Bools) -> Bools:
    from scipy import ndimage  # slow to load: not before it is needed

    # labelling the outside is many times faster than scipy's binary_fill_holes on a volume
    padded = np.pad(~mask, 1, constant_values=True)
    if mask.shape[0] == 1:
        # one picture: a hole is closed in its own plane
        padded = padded[1:-1]
        outside = ndimage.label(padded)[0]
        return np.asarray((outside != outside[0, 0, 0])[:, 1:-1, 1:-1])
    outside = ndimage.label(padded)[0]
    return np.asarray((outside != outside[0, 0, 0])[1:-1, 1:-1, 1:-1])
