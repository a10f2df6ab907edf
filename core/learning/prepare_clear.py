"""What is taken off a slice before a network sees it: table and head-holder, and the bone of a CT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.geometry import Geometry
from core.late import cv2
from core.learning.prepare_head import BRIDGE, Skin, filled_pieces, grey_of
from core.volume import Volume

BONE = 300.0
"""Hounsfield value from which on it is bone; contrast and most calcifications lie below."""
RIM_MM = 1.0
"""Around the bone: pixels that are bone in part."""
LEAST_MM2 = 100.0
"""Bone is in large pieces; what is smaller (a calcified plexus, a clip) stays to be seen."""
_LEAST_PART = 1 / 500
"""The same as a part of a slice, where nothing says how large a pixel is."""
_THIN = 0.08
"""So far, as a part of a slice's longer side, thin parts reach out of the head: ears and nose, and no head-holder."""
_COARSE = 128
"""Longer side of the slices that are followed through the scan."""


@dataclass(frozen=True, eq=False)
class Head:
    """Which of the things in a scan is the head, followed through its slices.

    On a slice at the crown the head-holder is the largest thing: only over all slices is it the smaller one.

    Parameters
    ----------
    skin
        Tells the head from the air.
    rough
        Bool ``[z, h, w]``: the head on a coarse grid.
    """

    skin: Skin
    rough: NDArray[np.bool_]

    @classmethod
    def of(cls, volume: Volume) -> Head:
        """Find the head: of what hangs together over the slices, the largest."""
        from scipy import ndimage  # slow to load: not before it is needed

        skin = Skin.of(volume)
        slices, rows, columns = volume.shape
        times = min(1.0, _COARSE / max(rows, columns))
        size = (max(1, round(columns * times)), max(1, round(rows * times)))
        rough = np.zeros((slices, size[1], size[0]), dtype=np.uint8)
        for index in range(slices):
            above = cv2.resize(skin.above(volume, index), size, interpolation=cv2.INTER_NEAREST)
            rough[index] = filled_pieces(_filled(np.asarray(above, dtype=np.uint8)))
        # a slice that was missing is blank, and must not cut the head in two
        shown = np.maximum.accumulate(np.where(rough.any(axis=(1, 2)), np.arange(slices), 0))
        found, count = ndimage.label(rough[shown])
        if count > 1:
            rough &= found == 1 + int(np.argmax(np.bincount(found.ravel(), minlength=count + 1)[1:]))
        return cls(skin, rough.astype(np.bool_))

    def on(self, volume: Volume, index: int) -> NDArray[np.bool_]:
        """Return the head on a native slice, ``[rows, columns]``, its holes filled and thin parts (ears, nose) kept."""
        _, rows, columns = volume.shape
        above = self.skin.above(volume, index)
        guide = cv2.resize(self.rough[index].astype(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST)
        count, pieces = cv2.connectedComponents(filled_pieces(_filled(above)), connectivity=4)
        shared = np.bincount(pieces[guide > 0], minlength=count)
        mine = 2 * shared > np.bincount(pieces.ravel(), minlength=count)
        mine[0] = False
        head: NDArray[np.bool_] = mine[pieces]
        if not head.any():
            return head
        # cutting bridges rounded it off, and took off what is thin: that stays where it does not reach far
        away = cv2.distanceTransform((~head).astype(np.uint8), cv2.DIST_L2, 5)
        side = max(above.shape)
        thin, rest = cv2.connectedComponents(((above > 0) & ~head).astype(np.uint8), connectivity=8)
        there = rest > 0
        nearest, furthest = np.full(thin, np.inf), np.zeros(thin)
        pieces_there = np.asarray(rest[there], dtype=np.intp)
        np.minimum.at(nearest, pieces_there, away[there])
        np.maximum.at(furthest, pieces_there, away[there])
        kept = (nearest <= 2) & (furthest <= _THIN * side)
        kept[0] = False
        return np.asarray(head | kept[rest] | ((above > 0) & (away <= BRIDGE * side)))


def _filled(above: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what is not air with what it encloses: a skull too thin to stand alone holds a head."""
    contours, _ = cv2.findContours(above, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(above)
    cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
    return filled


def bone_on(volume: Volume, index: int) -> NDArray[np.bool_]:
    """Return the bone on a native slice of a CT, ``[rows, columns]``, with a rim of :data:`RIM_MM`."""
    sign = np.float32(-1.0 if volume.inverted else 1.0)
    values = volume.values(grey_of(volume, np.asarray(volume.array[index]))) * sign
    hard = (np.nan_to_num(values, nan=-np.inf) >= BONE).astype(np.uint8)
    _, pieces, facts, _ = cv2.connectedComponentsWithStats(hard, connectivity=8)
    large = facts[:, cv2.CC_STAT_AREA] >= _least(volume.geometry)
    large[0] = False
    return np.asarray(cv2.dilate(large[pieces].astype(np.uint8), _rim(volume.geometry)) > 0)


def _least(geometry: Geometry) -> float:
    _, rows, columns = geometry.shape
    _, tall, wide = geometry.spacing
    return LEAST_MM2 / (tall * wide) if geometry.spacing_known else _LEAST_PART * rows * columns


def _rim(geometry: Geometry) -> NDArray[np.uint8]:
    _, tall, wide = geometry.spacing if geometry.spacing_known else (1.0, 1.0, 1.0)
    down, right = (max(1, round(RIM_MM / size)) for size in (tall, wide))
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * right + 1, 2 * down + 1)), dtype=np.uint8)
