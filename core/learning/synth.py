"""Made-up slices of heads with their Brain: what the brain starter learns from.

After SynthSeg and SynthStrip (Billot et al. 2023; Hoopes et al. 2022): a map of tissues is bent, cut, given
brightness at random and spoilt in every way that real scans are, so that whatever a scanner makes lies within what
was seen. No real scan is looked at. Everything follows from a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.late import cv2
from core.learning import synth_artefacts as artefacts
from core.learning.prepare import AIR as AIR_PART
from core.learning.prepare import CT_RANGE
from core.learning.prepare_fit import UNKNOWN
from core.learning.synth_contrast import Contrast, draw_contrast, painted
from core.learning.synth_maps import HeadMap
from core.learning.synth_plane import STACK, Cut, Float, Random, cut

DISTANCE_SCALE = 8.0
"""A distance is learnt as a part of so many prepared pixels, cut off at -1 and 1."""
NO_HEAD = 0.04
"""How many of the stacks show something that is no head."""


@dataclass(frozen=True, slots=True, eq=False)
class MadeUp:
    """One example.

    Parameters
    ----------
    slices
        float32 ``[3, size, size]``, as :mod:`core.learning.prepare` prepares real ones.
    brain
        uint8 ``[size, size]``, 0 and 1: the Brain on the middle slice; 255 where nobody knows.
    distance
        float32 ``[size, size]``, -1 (deep inside) to 1 (far outside), see :data:`DISTANCE_SCALE`; no number (nan)
        where nobody knows.
    kind
        Contrast, or ``nothing`` where there is no head.
    view
        0 axial, 1 coronal, 2 sagittal.
    """

    slices: Float
    brain: NDArray[np.uint8]
    distance: Float
    kind: str
    view: int


def make_up(maps: Sequence[HeadMap], seed: Sequence[int], size: int) -> MadeUp:
    """Make up one example.

    Parameters
    ----------
    maps
        To choose a head from.
    seed
        Whole numbers from 0; the same ones make the same example.
    size
        Rows and columns.
    """
    random = np.random.default_rng(list(seed))
    if random.random() < NO_HEAD:
        return _nothing(random, size)
    head = maps[int(random.integers(len(maps)))]
    found = cut(head, random, size)
    contrast = draw_contrast(random)
    return finished(painted(found, contrast, random), found, contrast, random)


def finished(picture: Float, found: Cut, contrast: Contrast, random: Random) -> MadeUp:
    """Do to a stack what happens on the way from a head to a file, and bring it to the grey scale of real scans.

    Parameters
    ----------
    picture
        ``[3, size, size]``, about 0 (air) to 1 (bright), or Hounsfield units where the contrast has them.
    found
        Where it was cut; a distance that is no number is not known.
    contrast
        Its kind.
    random
        Whatever is drawn comes from it.
    """
    if random.random() < 0.3:
        picture = artefacts.lesioned(picture, found, contrast, random)
    distance = found.distance
    gone = artefacts.missing(found, random)
    if gone is not None:
        picture = np.where(gone, np.float32(-1000.0 if contrast.hounsfield else 0.0), picture)
        distance = np.where(gone, np.fmax(distance, np.float32(0.5)), distance)
    picture, there = _scanned(picture, found, contrast, random)
    picture = _at_an_end(picture, found, random)
    middle = distance[1] / np.float32(found.pixel * DISTANCE_SCALE)
    if there is not None:
        # what is not on the picture is not Brain; its surface is where the picture ends
        edge = cv2.distanceTransform(there.astype(np.uint8), cv2.DIST_L2, 3)
        middle = np.where(there, np.maximum(middle, -edge / np.float32(DISTANCE_SCALE)), np.fmax(middle, 0.05))
    middle = np.clip(middle, -1, 1).astype(np.float32)
    brain = np.where(np.isnan(middle), np.uint8(UNKNOWN), (middle < 0).astype(np.uint8))
    return MadeUp(prepared(picture, contrast, random), brain, middle, contrast.kind, found.view)


def _at_an_end(picture: Float, found: Cut, random: Random) -> Float:
    """Repeat the slice in place of neighbours that a single picture, or the end of a scan, does not have."""
    if found.gap == 0:
        return np.repeat(picture[1:2], STACK, axis=0)
    if random.random() < 0.06:
        picture[0 if random.random() < 0.5 else 2] = picture[1]
    return picture


def _scanned(picture: Float, found: Cut, contrast: Contrast, random: Random) -> tuple[Float, NDArray[np.bool_] | None]:
    """Return the picture as a scanner would have given it, and which part of it there is (None: all)."""
    if contrast.hounsfield:
        # the table of a scanner is there before the picture is blurred
        picture = artefacts.perhaps(0.4, random, lambda one: artefacts.furnished(one, random), picture)
        picture = artefacts.coarsened(picture, found, random)
        grain = np.float32(random.uniform(1.0, 14.0))
        picture = picture + random.standard_normal(picture.shape, dtype=np.float32) * grain
    else:
        picture = artefacts.perhaps(0.8, random, lambda one: artefacts.shaded(one, found, random), picture)
        picture = artefacts.coarsened(picture, found, random)
        picture = artefacts.perhaps(0.1, random, lambda one: artefacts.ghosted(one, random), picture)
        picture = artefacts.perhaps(0.85, random, lambda one: artefacts.noisy(one, random), picture)
        picture = artefacts.perhaps(0.06, random, lambda one: artefacts.furnished(one, random), picture)
    picture = artefacts.perhaps(0.15, random, lambda one: artefacts.moved(one, random), picture)
    there = None
    if random.random() < 0.1:
        picture, there = artefacts.framed(picture, random)
    return picture, there


def prepared(picture: Float, contrast: Contrast, random: Random) -> Float:
    """Bring a stack to the grey scale that real scans are brought to, with what a whole scan would have moved it by."""
    if contrast.hounsfield:
        drawn = random.random()
        if drawn < 0.5:
            picture = np.clip(picture, *CT_RANGE)
            return _scaled(picture, picture[picture > CT_RANGE[0]], random)
        if drawn < 0.8:
            # a picture of a brain window
            centre, width = random.uniform(25, 50), random.uniform(60, 160)
            picture = np.clip(picture, centre - width / 2, centre + width / 2)
    elif random.random() < 0.3:
        low = float(picture.min())
        reach = max(float(picture.max()) - low, 1e-6)
        picture = ((picture - low) / reach) ** np.float32(np.exp(random.normal(0, 0.25)))
    picture = artefacts.perhaps(0.12, random, lambda one: artefacts.filed(one, random), picture)
    sample = picture[:, ::2, ::2].ravel()
    darkest, brightest = float(sample.min()), float(np.percentile(sample, 99.5))
    tissue = sample[sample > darkest + AIR_PART * (brightest - darkest)]
    if tissue.size:
        most = 99.5 if random.random() < 0.5 else random.uniform(97, 100)
        low, high = (float(value) for value in np.percentile(tissue, (0.5, most)))
        picture, tissue = np.clip(picture, low, high), np.clip(tissue, low, high)
    return _scaled(picture, tissue, random)


def _scaled(picture: Float, tissue: Float, random: Random) -> Float:
    mean, deviation = (float(tissue.mean()), float(tissue.std())) if tissue.size else (0.0, 1.0)
    if deviation < 1e-6 * max(1.0, abs(mean)):
        deviation = 1.0
    # the scan that the slice is from is brighter or darker as a whole
    gain, shift = np.exp(random.normal(0, 0.15)), random.normal(0, 0.2)
    return np.asarray((picture - np.float32(mean)) * np.float32(gain / deviation) + np.float32(shift), dtype=np.float32)


def _nothing(random: Random, size: int) -> MadeUp:
    """Make up a picture without a brain: air, noise, or round things in each other that are no head."""
    picture = np.zeros((STACK, size, size), dtype=np.float32)
    shapes = int(random.integers(0, 12))
    if shapes:
        middle = random.uniform(0.35, 0.65, 2) * size
        for number in range(shapes):
            reach = size * random.uniform(0.25, 0.5) if number == 0 else size * random.uniform(0.02, 0.3)
            at = middle if number == 0 else middle + random.normal(0, 0.18, 2) * size
            axes = (int(reach), int(reach * random.uniform(0.4, 1.0)) + 1)
            value = float(random.random())
            for plane in picture:
                jitter = at + random.normal(0, 0.5, 2)
                cv2.ellipse(plane, (int(jitter[0]), int(jitter[1])), axes, random.uniform(0, 180), 0, 360, value, -1)
    picture = np.stack([cv2.GaussianBlur(plane, (0, 0), random.uniform(0.4, 2.5)) for plane in picture])
    picture = artefacts.noisy(picture + np.float32(0.02), random)
    if random.random() < 0.5:
        patches = cv2.resize(random.standard_normal((9, 9)).astype(np.float32), (size, size))
        picture = picture * (1 + np.float32(0.3) * patches)
    if random.random() < 0.1:
        picture[:] = picture.mean()
    slices = prepared(picture.astype(np.float32), draw_contrast(random, "random"), random)
    brain = np.zeros((size, size), dtype=np.uint8)
    return MadeUp(slices, brain, np.ones((size, size), dtype=np.float32), "nothing", 0)
