"""Random variations of a batch of slices, in plain torch: on a GPU they cost next to nothing."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

ROTATION = 15.0
"""Degrees: heads lie about straight."""
SCALE = (0.75, 1.3)
SHIFT = 0.06
"""Of the slice's edge."""


class Augment:
    """nnU-Net's recipe, batched; every draw follows from the generator given.

    Parameters
    ----------
    kind
        ``standard`` or ``none``.
    """

    def __init__(self, kind: str = "standard") -> None:
        self.kind = kind

    def __call__(self, images: Tensor, masks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Vary a batch.

        Parameters
        ----------
        images
            ``[n, c, h, w]`` float32, normalised.
        masks
            ``[n, labels, h, w]`` uint8.
        generator
            On the CPU, whatever the device of the batch: the same on every device.

        Returns
        -------
        tuple
            Images and masks of the same shapes, dtypes and device.
        """
        if self.kind == "none":
            return images, masks
        images, masks = _move(images, masks, generator)
        images = _blur(images, generator)
        images = _shade(images, generator)
        return _noise(images, generator), masks


def _draw(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def _chosen(count: int, part: float, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) < part


def _move(images: Tensor, masks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rotate, scale, shift and mirror (left-right); half the slices are only mirrored."""
    count = len(images)
    moved = _chosen(count, 0.5, generator).float()
    angle = _draw(count, -ROTATION, ROTATION, generator) * moved * (math.pi / 180)
    scale = torch.exp(_draw(count, math.log(SCALE[0]), math.log(SCALE[1]), generator) * moved)
    shift = _draw(2 * count, -2 * SHIFT, 2 * SHIFT, generator).reshape(count, 2) * moved[:, None]
    mirror = 1.0 - 2.0 * _chosen(count, 0.5, generator).float()
    cosine, sine = torch.cos(angle) / scale, torch.sin(angle) / scale
    rows = torch.stack([cosine * mirror, -sine, shift[:, 0], sine * mirror, cosine, shift[:, 1]], dim=1)
    grid = functional.affine_grid(rows.reshape(count, 2, 3).to(images.device), list(images.shape), align_corners=False)
    # outside lies air: "border" repeats the rim, which is air on nearly every scan
    varied = functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    covered = functional.grid_sample(masks.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return varied, (covered >= 0.5).to(masks.dtype)


def _blur(images: Tensor, generator: torch.Generator) -> Tensor:
    """Take some slices down in resolution and up again."""
    chosen = _chosen(len(images), 0.15, generator)
    factor = float(_draw(1, 0.5, 0.9, generator))
    if not bool(chosen.any()):
        return images
    index = chosen.nonzero()[:, 0].to(images.device)
    small = functional.interpolate(images[index], scale_factor=factor, mode="bilinear", align_corners=False)
    result = images.clone()
    result[index] = functional.interpolate(small, size=images.shape[-2:], mode="bilinear", align_corners=False)
    return result


def _shade(images: Tensor, generator: torch.Generator) -> Tensor:
    """Brightness, contrast, gamma and a slow bias across the slice."""
    count = len(images)
    device = images.device

    def some(low: float, high: float, part: float, neutral: float) -> Tensor:
        value = _draw(count, low, high, generator)
        value = torch.where(_chosen(count, part, generator), value, torch.full((count,), neutral))
        return value.to(device)[:, None, None, None]

    shift, contrast = some(-0.3, 0.3, 0.3, 0.0), some(0.7, 1.4, 0.3, 1.0)
    gamma = some(0.7, 1.5, 0.3, 1.0)
    tilt_x, tilt_y = some(-0.3, 0.3, 0.3, 0.0), some(-0.3, 0.3, 0.3, 0.0)
    low = images.amin(dim=(1, 2, 3), keepdim=True)
    span = (images.amax(dim=(1, 2, 3), keepdim=True) - low).clamp(min=1e-3)
    unit = ((images - low) / span).clamp(min=0.0)
    down = torch.linspace(-1, 1, images.shape[-2], device=device)[None, None, :, None]
    across = torch.linspace(-1, 1, images.shape[-1], device=device)[None, None, None, :]
    # multiplied on the unit scale, so that air stays air
    biased = unit.pow(gamma) * (1 + tilt_x * across + tilt_y * down)
    return (biased * span + low) * contrast + shift


def _noise(images: Tensor, generator: torch.Generator) -> Tensor:
    chosen = _chosen(len(images), 0.15, generator).float()
    strength = _draw(len(images), 0.0, 0.25, generator) * chosen
    if not bool(chosen.any()):
        return images
    noise = torch.randn(images.shape, generator=generator)
    return images + (noise * strength[:, None, None, None]).to(images.device)
