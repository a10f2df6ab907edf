"""Augmentation of what is seen, not of where: each function varies some slices of a batch in place.

They take images ``[n, c, h, w]`` float32 with about mean 0 and deviation 1, the chance and
range of the variation, and the draws. Only the slices chosen are computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from core.learning.prepare_fit import UNKNOWN
from models.augment_draws import Chance, Draws
from models.device import onto

LEAST_SPAN = 1e-3
WIDEST_BLUR = 3.0
"""A blur reaches this many deviations."""
BLANKS = 3
PATCH = (1 / 6, 1.0)
"""Deviation of a soft patch, as part of the slice's edge."""

Vary = Callable[[Tensor, Tensor], Tensor]
"""Takes slices ``[k, c, h, w]`` and one value for each ``[k, 1, 1, 1]``."""


def noise(images: Tensor, chance: Chance, draws: Draws) -> None:
    """Add noise; the range is that of its variance."""
    _some(images, chance, draws, lambda slices, variance: slices + variance.sqrt() * _normal(slices, draws))


def blur(images: Tensor, chance: Chance, draws: Draws) -> None:
    """Blur; the range is that of the deviation in pixels."""
    _some(images, chance, draws, lambda slices, deviation: _blurred(slices, deviation, chance.high))


def sharpen(images: Tensor, chance: Chance, draws: Draws) -> None:
    """Put on what a blur takes away; the range is that of its strength."""

    def vary(slices: Tensor, strength: Tensor) -> Tensor:
        return slices + strength * (slices - _blurred(slices, torch.ones_like(strength), 1.0))

    _some(images, chance, draws, vary)


def brightness(images: Tensor, chance: Chance, draws: Draws) -> None:
    """Multiply."""
    _some(images, chance, draws, lambda slices, factor: slices * factor)


def offset(images: Tensor, chance: Chance, draws: Draws) -> None:
    """Add a constant."""
    _some(images, chance, draws, lambda slices, value: slices + value)


def contrast(images: Tensor, chance: Chance, draws: Draws) -> None:
    """Spread about the mean of each channel, within its range."""

    def vary(slices: Tensor, factor: Tensor) -> Tensor:
        mean = slices.mean(dim=(2, 3), keepdim=True)
        low, high = slices.amin(dim=(2, 3), keepdim=True), slices.amax(dim=(2, 3), keepdim=True)
        return torch.minimum(torch.maximum((slices - mean) * factor + mean, low), high)

    _some(images, chance, draws, vary)


def coarse(images: Tensor, chance: Chance, draws: Draws) -> None:
    """Take the resolution down and up again, as of a scan of lower resolution."""
    chosen = draws.chosen(chance.part)
    zooms = draws.uniform(len(chosen), low=chance.low, high=chance.high)
    size = images.shape[-2:]
    # each slice has a size of its own, so one after another
    for number, zoom in zip(chosen.tolist(), zooms.tolist(), strict=True):
        wanted = [max(1, round(edge * zoom)) for edge in size]
        small = functional.interpolate(images[number : number + 1], size=wanted, mode="nearest-exact")
        images[number] = functional.interpolate(small, size=size, mode="bilinear", align_corners=False)[0]


def gamma(images: Tensor, chance: Chance, draws: Draws) -> None:
    """Raise to a power on the scale from darkest to brightest; mean and deviation are kept."""
    _some(images, chance, draws, _to_power, factors=True)


def gamma_inverted(images: Tensor, chance: Chance, draws: Draws) -> None:
    """Do as :func:`gamma` on the scale upside down."""
    _some(images, chance, draws, lambda slices, power: -_to_power(-slices, power), factors=True)


def bias(images: Tensor, chance: Chance, draws: Draws) -> None:
    """Multiply by a slow field with one soft patch: ``exp(strength)`` at its middle; air stays air."""

    def vary(slices: Tensor, strength: Tensor) -> Tensor:
        low, span = _range(slices)
        return (slices - low) / span * torch.exp(strength * _patch(slices, draws)) * span + low

    _some(images, chance, draws, vary)


def gamma_local(images: Tensor, chance: Chance, draws: Draws) -> None:
    """Raise to a power within a soft patch."""

    def vary(slices: Tensor, power: Tensor) -> Tensor:
        low, span = _range(slices)
        unit = (slices - low) / span
        return torch.lerp(unit, unit.pow(power), _patch(slices, draws)) * span + low

    _some(images, chance, draws, vary, factors=True)


def blank(images: Tensor, masks: Tensor, chance: Chance, draws: Draws) -> None:
    """Wipe one to :data:`BLANKS` rectangles to the mean; the range is that of their edges, as parts of the slice's.

    Nothing is known of the mask there any more: a lesion that is wiped out whole cannot be asked for.
    """
    chosen = draws.chosen(chance.part)
    if len(chosen) == 0:
        return
    edges = draws.uniform(2, len(chosen), BLANKS, 1, low=chance.low, high=chance.high)
    starts = draws.uniform(2, len(chosen), BLANKS, 1) * (1 - edges)
    # the first is always there, each other one in half of the slices
    there = draws.uniform(len(chosen), BLANKS, 1) < 0.5
    there[:, 0] = True
    rows, columns = (
        onto((place >= starts[axis]) & (place < starts[axis] + edges[axis]) & there, images.device)
        for axis, place in enumerate((torch.arange(size) + 0.5) / size for size in images.shape[-2:])
    )
    wiped = (rows[:, :, :, None] & columns[:, :, None, :]).any(dim=1, keepdim=True)
    index = onto(chosen, images.device)
    slices = images[index]
    images.index_copy_(0, index, torch.where(wiped, slices.mean(dim=(2, 3), keepdim=True), slices))
    masks.index_copy_(0, index, masks[index].masked_fill_(wiped, UNKNOWN))


def _some(images: Tensor, chance: Chance, draws: Draws, vary: Vary, *, factors: bool = False) -> None:
    """Vary the slices chosen, in place."""
    if chance.part == 0:
        return
    chosen = draws.chosen(chance.part)
    if len(chosen) == 0:
        return
    low, high = (math.log(chance.low), math.log(chance.high)) if factors else (chance.low, chance.high)
    values = draws.uniform(len(chosen), low=low, high=high)
    values = onto(torch.exp(values) if factors else values, images.device)[:, None, None, None]
    index = onto(chosen, images.device)
    images.index_copy_(0, index, vary(images[index], values))


def _normal(slices: Tensor, draws: Draws) -> Tensor:
    return onto(torch.randn(slices.shape, generator=draws.generator), slices.device)


def _range(slices: Tensor) -> tuple[Tensor, Tensor]:
    """Return the darkest value of each slice, and from there to the brightest, ``[k, 1, 1, 1]``."""
    low = slices.amin(dim=(1, 2, 3), keepdim=True)
    return low, (slices.amax(dim=(1, 2, 3), keepdim=True) - low).clamp(min=LEAST_SPAN)


def _to_power(slices: Tensor, power: Tensor) -> Tensor:
    low, span = _range(slices)
    varied = ((slices - low) / span).pow(power)
    mean, deviation = _spread(slices)
    new_mean, new_deviation = _spread(varied)
    return (varied - new_mean) * (deviation / new_deviation.clamp(min=LEAST_SPAN / 10)) + mean


def _spread(slices: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of each slice, ``[k, 1, 1, 1]``; torch's own takes ten times as long on a CPU."""
    mean = slices.mean(dim=(1, 2, 3), keepdim=True)
    return mean, (slices - mean).square().mean(dim=(1, 2, 3), keepdim=True).sqrt()


def _patch(slices: Tensor, draws: Draws) -> Tensor:
    """Return a soft patch for each slice, ``[k, 1, h, w]``, 1 at its highest; its middle may lie outside."""
    count = len(slices)
    deviation = torch.exp(draws.uniform(count, 2, low=math.log(PATCH[0]), high=math.log(PATCH[1])))
    middle = draws.uniform(count, 2, low=-0.5, high=1.5)
    sides = []
    for axis, size in enumerate(slices.shape[-2:]):
        place = (torch.arange(size) + 0.5)[None] / size
        distance = (place - middle[:, axis, None]) / deviation[:, axis, None]
        # taken from its nearest point, for far outside everything would round to nothing
        nearest = distance.square().amin(dim=1, keepdim=True)
        sides.append(onto(torch.exp(-0.5 * (distance.square() - nearest)), slices.device))
    return (sides[0][:, :, None] * sides[1][:, None, :])[:, None]


def _blurred(slices: Tensor, deviation: Tensor, most: float) -> Tensor:
    """Blur each slice with its own deviation ``[k, 1, 1, 1]`` (at most ``most``); the rim is repeated outwards."""
    reach = max(1, math.ceil(WIDEST_BLUR * most))
    places = torch.arange(-reach, reach + 1, device=slices.device, dtype=slices.dtype)
    taps = torch.exp(-0.5 * (places / deviation[:, 0, 0]).square())
    taps = taps / taps.sum(dim=1, keepdim=True)
    count, channels, rows, columns = slices.shape
    # one group per slice and channel: each is convolved with the taps of its slice
    each = taps.repeat_interleave(channels, dim=0)
    flat = functional.pad(slices.reshape(1, count * channels, rows, columns), [reach] * 4, mode="replicate")
    flat = functional.conv2d(flat, each[:, None, :, None], groups=count * channels)
    flat = functional.conv2d(flat, each[:, None, None, :], groups=count * channels)
    return flat.reshape(count, channels, rows, columns)
