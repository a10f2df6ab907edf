"""Where the head is: the box that a scan is cropped to, and the middle that a slice is centred on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.geometry import Array, Geometry
from core.late import cv2
from core.learning.prepare_fit import Cut
from core.volume import Volume

MARGIN = 0.02
"""Left around the head, as a part of the longer side of its box."""
CT_SKIN = -200.0
"""Hounsfield value between air (with foam and cloth) and skin."""
_LOOKED_AT = 64
"""Slices of a scan that the box is taken from, evenly spread."""
_MINOR = 0.1
"""A slice counts where its head has at least this part of the largest one's area: above the crown there is noise."""
_FEW = 5
"""Slices that tell whether a level suits a scan."""
_HOLLOW = 0.5
BRIDGE = 0.015
"""Part of a slice's longer side: what joins head and head-holder is thinner."""


@dataclass(frozen=True, slots=True)
class Skin:
    """How the head of one scan is told from the air.

    Parameters
    ----------
    level
        Real values above it are head (below it where ``sign`` is -1: MONOCHROME1).
    """

    level: float
    sign: float = 1.0

    @classmethod
    def of(cls, volume: Volume) -> Skin:
        """Choose the level: fixed for CT, else half way from the darkest to Otsu's threshold."""
        sign = -1.0 if volume.inverted else 1.0
        if volume.modality == "CT":
            return cls(CT_SKIN, sign)
        stored = volume.array
        step = max(1, int(np.ceil((stored.size / 500_000) ** 0.5)))
        sample = grey_of(volume, np.asarray(stored[:, ::step, ::step]))
        values = volume.values(sample if volume.padding is None else sample[~volume.is_padding(sample)]) * sign
        values = values[np.isfinite(values)]
        if not values.size:
            return cls(np.inf, sign)
        low, high = float(values.min()), float(np.percentile(values, 99.5))
        if high <= low:
            return cls(np.inf, sign)
        from core.review.rough import otsu  # brings scipy, slow to load: not before it is needed

        skin = cls(low + 0.5 * (otsu(np.minimum(values, high)) - low), sign)
        below = values[values < skin.level]
        if skin.hollow(volume) and float(below.max()) > low:
            # only bone is as bright as that: the brain is told from the air below it
            return cls(low + 0.5 * (otsu(below) - low), sign)
        return skin

    def hollow(self, volume: Volume) -> bool:
        """Whether most of what is enclosed by what is not air counts as air itself: bone around a dark brain."""
        slices = volume.shape[0]
        shares = []
        for index in np.unique(np.linspace(0, slices - 1, min(slices, _FEW) + 2).round().astype(int)[1:-1]):
            above = self.above(volume, int(index))
            contours, _ = cv2.findContours(above, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            if contours:
                hull = cv2.contourArea(cv2.convexHull(max(contours, key=cv2.contourArea)))
                shares.append(float(np.count_nonzero(above)) / max(1.0, hull))
        return bool(shares) and float(np.median(shares)) < _HOLLOW

    def above(self, volume: Volume, index: int) -> NDArray[np.uint8]:
        """Return what is not air on one slice, 0/1 ``[rows, columns]``: head, table, head-holder, cloth."""
        stored = grey_of(volume, np.asarray(volume.array[index]))
        values = np.nan_to_num(volume.values(stored) * np.float32(self.sign), nan=-np.inf)
        above = values > self.level
        if volume.padding is not None:
            above &= ~volume.is_padding(stored)
        return np.asarray(above, dtype=np.uint8)

    def head(self, volume: Volume, index: int) -> NDArray[np.uint8]:
        """Return the head of one slice, 0/1 ``[rows, columns]``: the largest piece above the level, filled."""
        return filled_pieces(self.above(volume, index), largest=True)


def grey_of(volume: Volume, stored: Array) -> Array:
    """Return stored slices ``[..., y, x]`` of a scan as grey: the luminance where there is an axis of colours."""
    if volume.array.ndim == 3:
        return stored
    if stored.shape[-1] < 3:
        return stored[..., 0]
    return np.asarray(stored[..., :3].astype(np.float32) @ np.array([0.299, 0.587, 0.114], dtype=np.float32))


def head_box(volume: Volume) -> Cut | None:
    """Return the box around the head over all slices of a scan; None where there is none, or it is all.

    One box for the whole scan: neighbouring slices must still lie over each other.
    """
    skin = Skin.of(volume)
    slices, rows, columns = volume.shape
    looked_at = np.unique(np.linspace(0, slices - 1, min(slices, _LOOKED_AT)).round().astype(int))
    cut = box_around([skin.head(volume, int(index)) for index in looked_at])
    return None if cut == Cut(0, rows, 0, columns) else cut


def box_around(heads: Sequence[NDArray[np.uint8]]) -> Cut:
    """Return the box around the heads (0/1 ``[rows, columns]``) of slices; all of a slice where there is none."""
    rows, columns = heads[0].shape
    areas = [int(cv2.countNonZero(head)) for head in heads]
    least = max(1.0, _MINOR * max(areas))
    kept = [cv2.boundingRect(head) for head, area in zip(heads, areas, strict=True) if area >= least]
    if not kept:
        return Cut(0, rows, 0, columns)
    left, top = min(box[0] for box in kept), min(box[1] for box in kept)
    right, bottom = max(box[0] + box[2] for box in kept), max(box[1] + box[3] for box in kept)
    more = max(1, round(MARGIN * max(bottom - top, right - left)))
    return Cut(max(0, top - more), min(rows, bottom + more), max(0, left - more), min(columns, right + more))


def air_around(head: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return what is surely not head, ``[rows, columns]``: outside of its hull with a rim; nowhere without a head."""
    if not head.any():
        return np.zeros(head.shape, dtype=np.bool_)
    hull = np.zeros_like(head)
    cv2.fillConvexPoly(hull, cv2.convexHull(cv2.findNonZero(head)), 1)
    rim = max(1, round(MARGIN * max(head.shape)))
    return np.asarray(cv2.dilate(hull, np.ones((2 * rim + 1, 2 * rim + 1), np.uint8)) == 0)


def middle_of(head: NDArray[np.uint8], geometry: Geometry) -> tuple[float, float]:
    """Return the centre of mass (row, column) of a head; the middle of the slice where it is empty."""
    moments = cv2.moments(head, binaryImage=True)
    if moments["m00"] <= 0:
        return (geometry.shape[1] - 1) / 2, (geometry.shape[2] - 1) / 2
    return moments["m01"] / moments["m00"], moments["m10"] / moments["m00"]


def filled_pieces(above: NDArray[np.uint8], *, largest: bool = False) -> NDArray[np.uint8]:
    """Return the pieces (or only the largest) with their holes filled; thin bridges between them are cut."""
    radius = max(1, round(BRIDGE * max(above.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    opened = cv2.morphologyEx(above, cv2.MORPH_OPEN, kernel)
    contours, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    head = np.zeros_like(above)
    if contours:
        chosen = [max(contours, key=cv2.contourArea)] if largest else list(contours)
        cv2.drawContours(head, chosen, -1, 1, cv2.FILLED)
    return head
