"""Whether a Brain that was predicted can be one: how sure the network is, and what is odd about the mask.

What is here was chosen beforehand and is not fitted to scans: an adult's brain measures 900 to 2000 mL, and a mask
of which a tenth is unsure is not to be trusted unseen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.events import Notice
from core.geometry import Geometry, bounding_box
from core.messages import text
from core.project.predictions import THRESHOLD

SURE = 0.9
"""Below this a mask is doubtful."""
SMALLEST_ML, LARGEST_ML = 900.0, 2000.0
"""Brain of an adult, with ventricles."""
SMALLEST_PART = 0.005
"""A mask of less of a scan is as good as none."""
PIECE = 0.05
"""A second piece of this part of the largest is told of."""
_ENOUGH = 64
"""Voxels along an axis that suffice to see pieces."""
TALLEST_MM = 170.0
"""From the top of an adult's brain to the foramen magnum it is less: a mask that is taller holds neck."""
DOUBTS = ("modality", "nothing", "unsure", "disagree")
FLAGS = ("small", "large", "tall", "pieces", "border")
Masks = NDArray[Any]


@dataclass(frozen=True, slots=True)
class BrainCheck:
    """What is to be said of a predicted Brain.

    Parameters
    ----------
    confidence
        0 to 1: how sure the network is of the mask, and how far its two ways of telling agree.
    reasons
        Of :data:`DOUBTS` and :data:`FLAGS`.
    volume_ml
        None where the spacing is unknown, and of a picture.
    height_mm
        From top to bottom; None where that is unknown.
    modality
        Of the scan, where the network never learnt from such scans.
    """

    confidence: float
    reasons: tuple[str, ...]
    volume_ml: float | None = None
    height_mm: float | None = None
    modality: str = ""

    @property
    def doubtful(self) -> bool:
        """Whether it may well be no brain at all, and should be looked at before it is used."""
        return any(reason in DOUBTS for reason in self.reasons)

    @property
    def words(self) -> str:
        """The reasons as one line; empty where there is none."""
        fields = {"volume": self.volume_ml or 0.0, "height": self.height_mm or 0.0, "modality": self.modality}
        return "; ".join(text(f"brain.reason_{reason}", **fields) for reason in self.reasons)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        volume = None if self.volume_ml is None else round(self.volume_ml, 1)
        height = None if self.height_mm is None else round(self.height_mm, 1)
        told = {"confidence": round(self.confidence, 4), "doubtful": self.doubtful, "reasons": list(self.reasons)}
        return {**told, "volume_ml": volume, "height_mm": height, "modality": self.modality}

    @classmethod
    def from_json(cls, data: object) -> BrainCheck | None:
        """Read what :meth:`to_json` wrote; None if it is something else.

        A reason whose figure is not there is left out: earlier versions wrote fewer.
        """
        if not isinstance(data, Mapping) or not isinstance(data.get("reasons"), list):
            return None
        sure, modality = _number(data.get("confidence")), data.get("modality")
        volume, height = _number(data.get("volume_ml")), _number(data.get("height_mm"))
        told = {"small": volume, "large": volume, "tall": height, "modality": modality or None}
        known = [one for one in data["reasons"] if one in (*DOUBTS, *FLAGS) and told.get(one, 0.0) is not None]
        return cls(sure or 0.0, tuple(known), volume, height, modality if isinstance(modality, str) else "")


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def unlearnt(check: BrainCheck, modality: str) -> BrainCheck:
    """Return the same, with the doubt that the network never learnt from scans of this modality (empty: it did)."""
    if not modality:
        return check
    return replace(check, reasons=("modality", *check.reasons), modality=modality)


def check_brain(
    probability: NDArray[np.uint8], mask: Masks, geometry: Geometry, inside: NDArray[np.bool_] | None = None
) -> BrainCheck:
    """Judge a predicted Brain.

    Parameters
    ----------
    probability
        uint8 ``[z, y, x]``, 255 = certain.
    mask
        What was made of it, ``[z, y, x]``, without any margin.
    geometry
        Their grid.
    inside
        Where the distance says that it is Brain, where the network told one.
    """
    kept = mask != 0
    size = int(np.count_nonzero(kept))
    volume = size * geometry.voxel_ml if geometry.spacing_known and kept.shape[0] > 1 else None
    if size < SMALLEST_PART * kept.size:
        return BrainCheck(0.0, ("nothing",), volume)
    reasons = []
    raw = probability >= THRESHOLD
    sure = _sureness(probability, raw)
    agree = 1.0 if inside is None else _overlap(raw, inside)
    if sure < SURE:
        reasons.append("unsure")
    if agree < SURE:
        reasons.append("disagree")
    if volume is not None and not SMALLEST_ML <= volume <= LARGEST_ML:
        reasons.append("small" if volume < SMALLEST_ML else "large")
    height = _height(kept, geometry)
    if height is not None and height > TALLEST_MM:
        reasons.append("tall")
    if _second_piece(raw) > PIECE:
        reasons.append("pieces")
    if _at_border(kept, geometry):
        reasons.append("border")
    return BrainCheck(min(sure, agree), tuple(reasons), volume, height)


def brain_notices(name: str, check: BrainCheck) -> Iterator[Notice]:
    """Yield what is to be told of a scan's Brain: nothing, that it is doubtful, or that it is odd."""
    if check.reasons:
        key = "brain-doubtful" if check.doubtful else "brain-odd"
        yield Notice(key, {"scan": name, "reasons": check.words})


def _sureness(probability: NDArray[np.uint8], raw: NDArray[np.bool_]) -> float:
    """Return the Dice of the mask and the probability itself: 1 where every voxel is certain."""
    total = float(probability.sum(dtype=np.int64)) / 255
    within = float(probability[raw].sum(dtype=np.int64)) / 255
    return 2 * within / max(1e-9, total + int(np.count_nonzero(raw)))


def _overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    both = int(np.count_nonzero(one & other))
    return 2 * both / max(1, int(np.count_nonzero(one)) + int(np.count_nonzero(other)))


def _second_piece(mask: NDArray[np.bool_]) -> float:
    """Return the size of the second largest piece as a part of the largest."""
    from scipy import ndimage  # slow to load: not before it is needed

    box = bounding_box(mask)
    if box is None:
        return 0.0
    inside = mask[box.slices]
    # pieces that are told of are large: a thinned mask shows them as well, in an eighth of the time or less
    steps = [max(1, count // _ENOUGH) for count in inside.shape]
    pieces, count = ndimage.label(inside[:: steps[0], :: steps[1], :: steps[2]])
    if count < 2:
        return 0.0
    sizes = np.sort(np.bincount(pieces.ravel())[1:])
    return float(sizes[-2] / sizes[-1])


def _height(mask: NDArray[np.bool_], geometry: Geometry) -> float | None:
    """Return how far it is from the top of a mask to its bottom, in mm; None of a picture or where up is unknown."""
    codes = geometry.axis_codes[::-1] if geometry.spacing_known and len(geometry.axis_codes) == 3 else ""
    axis = next((number for number, code in enumerate(codes) if code in "SI"), -1)
    if axis < 0 or mask.shape[axis] == 1:
        return None
    there = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
    return float((there[-1] - there[0] + 1) * geometry.spacing[::-1][axis]) if there.size else None


def _at_border(mask: NDArray[np.bool_], geometry: Geometry) -> bool:
    """Whether the mask runs into the end of the scan anywhere but below, where a brain goes on as spinal cord."""
    codes = geometry.axis_codes[::-1] if geometry.spacing_known and len(geometry.axis_codes) == 3 else ""
    for axis in range(3):
        if mask.shape[axis] == 1:
            continue
        ends = {0: np.take(mask, 0, axis=axis), 1: np.take(mask, -1, axis=axis)}
        code = codes[axis] if codes else ""
        # the code names the end that the axis runs to
        below = {"S": 0, "I": 1}.get(code, -1)
        if not codes and axis == 0:
            # slices in an order that nobody told: either end may be the lower one
            continue
        if any(end.any() for number, end in ends.items() if number != below):
            return True
    return False
