"""The dice of the augmentation: all draws are made on the CPU, so that they are the same on every device."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Chance(NamedTuple):
    """A variation: the part of the slices it befalls, and the range its value is drawn from."""

    part: float
    low: float
    high: float


NEVER = Chance(0.0, 0.0, 0.0)


class Draws:
    """Draws for the slices of one batch.

    Parameters
    ----------
    count
        Slices.
    generator
        On the CPU.
    """

    def __init__(self, count: int, generator: torch.Generator) -> None:
        self.count = count
        self.generator = generator

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return numbers evenly spread between two, on the CPU."""
        return torch.rand(shape, generator=self.generator) * (high - low) + low

    def chosen(self, part: float) -> Tensor:
        """Return the numbers of the slices that it befalls, on the CPU: nobody waits for the device."""
        return (self.uniform(self.count) < part).nonzero()[:, 0]

    def values(self, chance: Chance, *, neutral: float) -> Tensor:
        """Return a value for every slice, ``neutral`` for those it does not befall."""
        value = self.uniform(self.count, low=chance.low, high=chance.high)
        return torch.where(self.uniform(self.count) < chance.part, value, torch.full((self.count,), neutral))

    def factors(self, chance: Chance) -> Tensor:
        """Return a factor for every slice, 1 for those it does not befall; half and twice are as likely."""
        if chance.part == 0:
            return torch.ones(self.count)
        logs = Chance(chance.part, math.log(chance.low), math.log(chance.high))
        return torch.exp(self.values(logs, neutral=0.0))
