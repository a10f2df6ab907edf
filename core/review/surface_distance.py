"""How far the surface of one mask lies from that of another, point by point, and as colours on its picture.

The points are those that HD95 is measured on (:func:`core.review.metrics.surface`), so the colours and
the figures say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.geometry import Geometry
from core.review.metrics import places, sizes_of, surface
from core.review.surface import Picture

Bools = NDArray[np.bool_]
REACH = 5.0
"""From this distance on (mm, or px) the colour is full."""
_OUT, _IN, _NONE = (214, 74, 46), (62, 132, 229), (222, 222, 222)
"""Beyond the other mask, short of it, and where the two agree: told apart by the colour-blind, too."""


@dataclass(frozen=True, eq=False)
class Distances:
    """Signed distances at the surface voxels of a mask.

    Parameters
    ----------
    values
        float32, one per surface voxel, in the unit: above 0 where it lies outside of the other mask.
    unit
        ``mm`` or ``px``.
    """

    values: NDArray[np.float32]
    unit: str
    _tree: Any
    _geometry: Geometry

    def colours(self, picture: Picture, reach: float = REACH) -> NDArray[np.uint8]:
        """Return the picture of the mask in colours, uint8 ``[row, column, 3]`` (RGB), black where nothing is."""
        seen = ~np.isnan(picture.voxels).any(axis=-1)
        made = np.zeros((*picture.grey.shape, 3), dtype=np.uint8)
        if not seen.any() or not self.values.size:
            return made
        # voxels of a picture are (x, y, z)
        _, nearest = self._tree.query(places(picture.voxels[seen][:, ::-1], self._geometry), workers=1)
        light = picture.grey[seen].astype(np.float32)[:, np.newaxis] / 255
        made[seen] = np.rint(light * shade(self.values[nearest], reach)).astype(np.uint8)
        return made


def shade(values: NDArray[np.float32], reach: float = REACH) -> NDArray[np.float32]:
    """Return the colour (RGB, 0 to 255) of distances: grey at 0, full from ``reach`` on."""
    share = np.clip(np.abs(values) / reach, 0, 1)[..., np.newaxis]
    ends = np.where(values[..., np.newaxis] > 0, np.array(_OUT), np.array(_IN))
    return np.asarray(np.array(_NONE) + share * (ends - np.array(_NONE)), dtype=np.float32)


def distances(mask: Bools, other: Bools, geometry: Geometry) -> Distances | None:
    """Return how far the surface of a mask lies from that of another; None where one of them is empty.

    Parameters
    ----------
    mask, other
        bool ``[z, y, x]``.
    """
    from scipy.spatial import cKDTree  # slow to load: not before it is needed

    mine, theirs = (np.argwhere(surface(one)) for one in (mask, other))
    if not len(mine) or not len(theirs):
        return None
    points = places(mine, geometry)
    found, _ = cKDTree(places(theirs, geometry)).query(points, workers=1)
    inside = other[tuple(mine.T)]
    values = np.where(inside, -found, found).astype(np.float32)
    return Distances(values, sizes_of(geometry)[1], cKDTree(points), geometry)
