"""A network that tells the Brain and the distance to its surface: masks with a margin, and whether to trust them.

No torch is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.geometry import Geometry
from core.labels import BRAIN
from core.learning.prepare_fit import Fit
from core.learning.runs import MODEL_FILE
from core.review.brain_check import BrainCheck, check_brain, unlearnt
from core.review.strip import grown
from core.review.tidy import Tidying, masks_of
from models.inference import Predictor, read_facts

DISTANCE = "Brain: distance"
"""What the distance is called among the labels of a predictor; no label of a project can have a colon."""
REACH = 10.0
"""mm (px where the spacing is unknown) on each side that a stored distance covers."""
_SURFACE = 127.5
Found = Mapping[str, NDArray[np.uint8]]
Masks = dict[str, NDArray[np.uint8]]


class BrainPredictor(Predictor):
    """A predictor whose network has the distance as a second output.

    Its last label is :data:`DISTANCE`; where probabilities are stored, it is 255 deep inside, 0 far outside and
    between 127 and 128 at the surface, :data:`REACH` on each side.
    """

    def __init__(self, folder: Path, *, exact: bool = False, mirrored: bool = False) -> None:
        super().__init__(folder, exact=exact, mirrored=mirrored)
        self._scale = float(read_facts(folder / MODEL_FILE)["distance"]["scale"])
        self.labels = (*self.labels, DISTANCE)

    def _run(self, stacks: NDArray[np.float32]) -> NDArray[np.float32]:
        found = self._network(stacks)
        # in prepared pixels, inside above: as a probability has it
        return np.concatenate([found[0], np.float32(-self._scale) * found[1]], axis=1)

    def _stored(self, fit: Fit, square: NDArray[np.float32], name: str, geometry: Geometry) -> NDArray[np.float32]:
        if name != DISTANCE:
            return super()._stored(fit, square, name, geometry)
        inward = fit.inverse(square) * np.float32(fit.pixel(geometry))
        if not fit.whole:
            # what was cut off is no surface, but far away
            inward = np.where(fit.inverse(np.ones_like(square)) > 0.5, inward, np.float32(-REACH))
        return np.asarray(_SURFACE * (1 + inward / REACH), dtype=np.float32)


def predictor_of(folder: Path, *, mirrored: bool = False) -> Predictor:
    """Return what predicts with the model of a folder.

    Raises
    ------
    LearningError
        As :class:`models.inference.Predictor`.
    """
    kind = BrainPredictor if "distance" in read_facts(folder / MODEL_FILE) else Predictor
    return kind(folder, mirrored=mirrored)


def tidied(found: Found, geometry: Geometry, tidying: Tidying, modality: str = "") -> tuple[Masks, BrainCheck | None]:
    """Turn what was predicted into masks, and judge the Brain where there is one.

    The margin of a Brain whose distance is known follows the distance: at once smoother than a mask and finer than
    its voxels. Beyond :data:`REACH` it is measured from the mask.

    Parameters
    ----------
    found
        uint8 ``[z, y, x]`` by label, among them :data:`DISTANCE` or not.
    geometry
        Their grid.
    tidying
        What is asked for.
    modality
        Of the scan, where the network never learnt from such scans (:meth:`models.inference.Predictor.unlearnt`).
    """
    distance = found.get(DISTANCE)
    probabilities = {name: one for name, one in found.items() if name != DISTANCE}
    brain = next((name for name in probabilities if name.casefold() == BRAIN.casefold()), None)
    if brain is None:
        return masks_of(probabilities, geometry, tidying), None
    masks = masks_of(probabilities, geometry, replace(tidying, margin=0.0))
    inside = None if distance is None else distance > _SURFACE
    check = unlearnt(check_brain(probabilities[brain], masks[brain], geometry, inside), modality)
    if tidying.margin:
        for name, mask in masks.items():
            level = distance if name == brain and abs(tidying.margin) < REACH else None
            masks[name] = with_margin(mask > 0, geometry, tidying.margin, level).astype(np.uint8)
    return masks, check


def with_margin(
    mask: NDArray[np.bool_], geometry: Geometry, margin: float, distance: NDArray[np.uint8] | None
) -> NDArray[np.bool_]:
    """Grow or shrink a mask by so many mm (px), along a predicted distance where there is one.

    The distance decides within a voxel and a half of where the mask itself would end: it smooths, and
    cannot run off.
    """
    plain = grown(mask, geometry, margin)
    if distance is None or not mask.any():
        return plain
    within = distance > _SURFACE * (1 - margin / REACH)
    slack = 1.5 * max(geometry.spacing[1:])
    least, most = grown(mask, geometry, margin - slack), grown(mask, geometry, margin + slack)
    result = (within & most) | least
    return np.asarray(result | mask if margin > 0 else result & mask)
