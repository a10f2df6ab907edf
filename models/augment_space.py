"""Augmentation in space: image and mask move together."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from core.learning.prepare_fit import UNKNOWN
from models.device import onto


def mirrored(images: Tensor, masks: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror some slices left to right, in place; nothing is interpolated."""
    if len(chosen):
        index = onto(chosen, images.device)
        images.index_copy_(0, index, images[index].flip(-1))
        masks.index_copy_(0, index, masks[index].flip(-1))
    return images, masks


def moved(
    images: Tensor, masks: Tensor, *, angle: Tensor, scale: Tensor, down: Tensor, across: Tensor
) -> tuple[Tensor, Tensor]:
    """Rotate, scale and shift slices, in place; those that do not move stay exactly as they are.

    Outside the slice lies air: there the image takes the darkest value of its channel, and the
    mask says 0, known, because that is what the network is shown there and what lies around a
    slice that is padded at prediction. Inside, a pixel is known only if the pixel that
    it came from was; among those the label is where at least half of what is known is.

    Parameters
    ----------
    images, masks
        ``[n, c, size, size]`` float32 and ``[n, labels, size, size]`` uint8 (0, 1, 255 unknown).
    angle, scale, down, across
        ``[n]`` on the CPU: degrees, factor, parts of the edge.
    """
    chosen = ((angle != 0) | (scale != 1) | (down != 0) | (across != 0)).nonzero()[:, 0]
    if len(chosen) == 0:
        return images, masks
    grid = _grid(angle[chosen], scale[chosen], down[chosen], across[chosen], images)
    index = onto(chosen, images.device)
    image, mask = images[index], masks[index]
    air = image.amin(dim=(2, 3), keepdim=True)
    unknown = (mask == UNKNOWN).float()
    # a half for unknown: then a half of all is a half of what is known
    together = _sample(torch.cat([image - air, (mask == 1).float() + 0.5 * unknown], dim=1), grid)
    images.index_copy_(0, index, together[:, : image.shape[1]] + air)
    mask = (together[:, image.shape[1] :] >= 0.5).to(masks.dtype)
    masks.index_copy_(0, index, mask.masked_fill_(_sample(unknown, grid, mode="nearest") >= 0.5, UNKNOWN))
    return images, masks


def _grid(angle: Tensor, scale: Tensor, down: Tensor, across: Tensor, images: Tensor) -> Tensor:
    """Return where each pixel comes from: ``[n, size, size, 2]`` (x, y), -1 and 1 at the outer edges."""
    radians = angle * (math.pi / 180)
    # only these few numbers cross over to the device
    few = torch.stack([torch.cos(radians) / scale, torch.sin(radians) / scale, 2 * down, 2 * across])
    cosine, sine, down, across = onto(few, images.device)[:, :, None, None]
    rows, columns = images.shape[-2:]
    # parts of the edge were doubled above: the edge is 2 long here
    y = ((torch.arange(rows, device=images.device) * 2 + 1) / rows - 1)[None, :, None] - down
    x = ((torch.arange(columns, device=images.device) * 2 + 1) / columns - 1)[None, None, :] - across
    return torch.stack([cosine * x - sine * y, sine * x + cosine * y], dim=3)


def _sample(values: Tensor, grid: Tensor, mode: str = "bilinear") -> Tensor:
    return functional.grid_sample(values, grid, mode=mode, padding_mode="zeros", align_corners=False)
