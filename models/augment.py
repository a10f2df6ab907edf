"""Random variations of a batch of slices, in plain torch: on a GPU they cost next to nothing.

What is varied, how often and how far stands in a preset; the values are nnU-Net's (Isensee et al.
2021) wherever it has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.errors import LearningError
from core.learning.config import AUGMENTATIONS
from models import augment_shade as shade
from models.augment_draws import NEVER, Chance, Draws
from models.augment_space import mirrored, moved


@dataclass(frozen=True, slots=True)
class Preset:
    """How slices are varied: for each variation, the part of the slices and the range it is drawn from.

    Parameters
    ----------
    rotate, scale, shift
        Degrees; factor; part of the slice's edge, along rows and along columns.
    mirror
        Part of the slices that are mirrored left to right.
    noise
        Variance of noise added (slices have deviation 1).
    blur, sharpen
        Deviation of the blur in pixels; strength of an unsharp mask.
    brightness, offset, contrast
        Factor; what is added; factor about the mean, within the slice's range.
    coarse
        Part of the resolution that is left.
    gamma, gamma_inverted
        Exponent on the scale from darkest to brightest, and on the same upside down.
    bias, gamma_local
        Strength of a slow multiplied field, as of a surface coil; exponent within a soft patch.
    blank
        Edge of rectangles that are wiped to the mean, as parts of the slice's edge; the mask is unknown there.
    """

    rotate: Chance = NEVER
    scale: Chance = NEVER
    shift: Chance = NEVER
    mirror: float = 0.5
    noise: Chance = NEVER
    blur: Chance = NEVER
    sharpen: Chance = NEVER
    brightness: Chance = NEVER
    offset: Chance = NEVER
    contrast: Chance = NEVER
    coarse: Chance = NEVER
    gamma: Chance = NEVER
    gamma_inverted: Chance = NEVER
    bias: Chance = NEVER
    gamma_local: Chance = NEVER
    blank: Chance = NEVER


SEGMENT = Preset(
    rotate=Chance(0.2, -15, 15),
    scale=Chance(0.2, 0.7, 1.4),
    shift=Chance(0.2, -0.06, 0.06),
    noise=Chance(0.1, 0, 0.1),
    blur=Chance(0.2, 0.5, 1.0),
    brightness=Chance(0.15, 0.75, 1.25),
    contrast=Chance(0.15, 0.75, 1.25),
    coarse=Chance(0.25, 0.5, 1.0),
    gamma=Chance(0.3, 0.7, 1.5),
    gamma_inverted=Chance(0.1, 0.7, 1.5),
)
"""nnU-Net's default (``nnUNetTrainer.get_training_transforms``), with three differences.

Heads lie about straight and left is like right, but up is not like down: so 15 degrees instead of
180, and mirrored left to right alone (not even that where a label has a side).
nnU-Net cuts patches at random places; the whole slice is shifted here instead.
"""

FEW = Preset(
    rotate=Chance(0.4, -30, 30),
    scale=Chance(0.4, 0.7, 1.43),
    shift=Chance(0.4, -0.1, 0.1),
    noise=Chance(0.15, 0, 0.1),
    blur=Chance(0.2, 0.3, 1.5),
    sharpen=Chance(0.2, 0.1, 1.0),
    brightness=Chance(0.15, 0.7, 1.3),
    offset=Chance(0.1, -0.87, 0.87),
    contrast=Chance(0.2, 0.5, 2.0),
    coarse=Chance(0.15, 0.25, 1.0),
    gamma=Chance(0.3, 0.6, 2.0),
    gamma_inverted=Chance(0.1, 0.6, 2.0),
    bias=Chance(0.3, -0.6, 0.6),
    gamma_local=Chance(0.3, 0.5, 2.0),
    blank=Chance(0.4, 1 / 6, 1 / 3),
)
"""After nnU-Net's strong recipe (``nnUNetTrainerDA5``), which HD-BET uses: for few slices of few scanners.

Its quarter turns are left out (see :data:`SEGMENT`); its bias is multiplied, not added, so that air stays
air (at most a factor of 1.8); and what it wipes out is unknown, not still asked for.
"""

CLASSIFY = Preset(
    rotate=Chance(0.5, -10, 10),
    scale=Chance(0.5, 0.9, 1.1),
    shift=Chance(0.5, -0.05, 0.05),
    noise=Chance(0.1, 0, 0.05),
    brightness=Chance(0.15, 0.85, 1.15),
    contrast=Chance(0.15, 0.85, 1.15),
    gamma=Chance(0.2, 0.8, 1.25),
)
"""For yes or no of a whole slice: nothing that could hide what the answer rests on.

No blanks, no blur, no loss of resolution, and nothing that pushes the rim of the head out of the slice.
"""

PRESETS: Mapping[str, Preset | None] = {"segment": SEGMENT, "few": FEW, "classify": CLASSIFY, "none": None}


class Augment:
    """A preset at work; every draw follows from the generator given, and from nothing else.

    Parameters
    ----------
    kind
        One of :data:`core.learning.config.AUGMENTATIONS`.
    mirror
        False never mirrors: where left is not like right.

    Raises
    ------
    LearningError
        ``setting-bad`` for another.
    """

    def __init__(self, kind: str = "segment", *, mirror: bool = True) -> None:
        if kind not in PRESETS:
            raise LearningError("setting-bad", name="augment", allowed=", ".join(AUGMENTATIONS))
        self.kind = kind
        preset = PRESETS[kind]
        self.preset = preset if preset is None or mirror else replace(preset, mirror=0.0)

    def __call__(self, images: Tensor, masks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Vary a batch.

        Parameters
        ----------
        images
            ``[n, c, size, size]`` float32, normalised. All channels of a slice are varied alike, for
            neighbouring slices lie in one head; only noise is drawn for each.
        masks
            ``[n, labels, size, size]`` uint8: 0, 1, and 255 where it is not known.
        generator
            On the CPU, whatever the device of the batch: the same on every device.

        Returns
        -------
        tuple
            Images and masks of the same shapes, dtypes and device; what was given stays as it is.
        """
        preset = self.preset
        if preset is None:
            return images, masks
        draws = Draws(len(images), generator)
        images, masks = mirrored(images.clone(), masks.clone(), draws.chosen(preset.mirror))
        images, masks = moved(
            images,
            masks,
            angle=draws.values(preset.rotate, neutral=0.0),
            scale=draws.factors(preset.scale),
            down=draws.values(preset.shift, neutral=0.0),
            across=draws.values(preset.shift, neutral=0.0),
        )
        for vary, chance in (
            (shade.noise, preset.noise),
            (shade.blur, preset.blur),
            (shade.brightness, preset.brightness),
            (shade.offset, preset.offset),
            (shade.contrast, preset.contrast),
            (shade.coarse, preset.coarse),
            (shade.gamma_inverted, preset.gamma_inverted),
            (shade.gamma, preset.gamma),
            (shade.bias, preset.bias),
            (shade.gamma_local, preset.gamma_local),
            (shade.sharpen, preset.sharpen),
        ):
            vary(images, chance, draws)
        if preset.blank is not NEVER:
            shade.blank(images, masks, preset.blank, draws)
        return images, masks
