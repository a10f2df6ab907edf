"""A network that learns the Brain and the distance to its surface from made-up slices (:mod:`core.learning.synth`).

Step ``n`` sees the same slices wherever and however often a training is broken off: everything follows from the
recipe's seed and the number of the step.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.learning.synth import DISTANCE_SCALE, MadeUp, make_up
from core.learning.synth_maps import HeadMap
from core.learning.synth_plane import STACK
from core.learning.synth_real import RealHead, make_real
from models.device import PRECISION, autocast, onto, pick_device, pick_precision, precision_name, seed_everything
from models.losses import dice_ce_loss, main_head, supervised_loss
from models.networks.registry import build_network

OUTPUTS = 2
"""Channels of the network: logit of Brain, and what the distance is the tanh of."""
TRAIN, CHECK, REAL = 1, 2, 3
"""First number of the seed of an example: those that are learnt from, those that check, those of real heads."""
_WARM_UP = 300
_POWER = 0.9
_CLIP = 1.0
_DECAY = 0.999
_DISTANCE_WEIGHT = 2.0
_FAR_WEIGHT = 0.25
"""What lies beyond the reach of the distance is easy, and most of the picture."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a training on made-up slices does.

    Parameters
    ----------
    network
        One of :data:`core.learning.config.NETWORKS`.
    stages
        (steps, rows and columns of a slice), one after the other: small slices first, they cost less.
    batch
        Slices of a step.
    rate
        Highest learning rate.
    decay
        Weight decay.
    seed
        Everything random follows from it.
    checked
        Slices that check, the same ones always, from heads that are not learnt from.
    real
        How many slices of a step show real heads.
    """

    network: str = "unet"
    stages: tuple[tuple[int, int], ...] = ((12_000, 128), (5_000, 160))
    batch: int = 8
    rate: float = 1e-3
    decay: float = 1e-4
    seed: int = 11
    checked: int = 128
    real: int = 0

    @property
    def steps(self) -> int:
        """Steps in all."""
        return sum(steps for steps, _ in self.stages)

    def size(self, step: int) -> int:
        """Return rows and columns of the slices of a step (from 0)."""
        for steps, size in self.stages:
            if step < steps:
                return size
            step -= steps
        return self.stages[-1][1]

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step: a short rise, then a slow fall."""
        done = min(1.0, step / self.steps)
        return float(self.rate * min(1.0, (step + 1) / _WARM_UP) * max(1e-3, 1 - done) ** _POWER)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "stages": [list(stage) for stage in self.stages]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recipe:
        """Read what :meth:`to_json` gave."""
        return cls(**{**data, "stages": tuple((int(steps), int(size)) for steps, size in data["stages"])})


@dataclass(frozen=True, slots=True)
class Batch:
    """Slices ``[n, 3, s, s]``, brain uint8 ``[n, 1, s, s]`` and distance ``[n, 1, s, s]`` of a step."""

    slices: Tensor
    brain: Tensor
    distance: Tensor

    @classmethod
    def of(cls, examples: Sequence[MadeUp]) -> Batch:
        """Put examples together."""
        return cls(
            torch.from_numpy(np.stack([one.slices for one in examples])),
            torch.from_numpy(np.stack([one.brain[None] for one in examples])),
            torch.from_numpy(np.stack([one.distance[None] for one in examples])),
        )

    def to(self, device: torch.device) -> Batch:
        """Return it on a device."""
        return Batch(onto(self.slices, device), onto(self.brain, device), onto(self.distance, device))


def examples_of(maps: Sequence[HeadMap], recipe: Recipe, step: int, heads: Sequence[RealHead] = ()) -> list[MadeUp]:
    """Return the examples of a step: those of real heads last."""
    size, made_up = recipe.size(step), recipe.batch - recipe.real
    examples = [make_up(maps, (recipe.seed, TRAIN, step, row), size) for row in range(made_up)]
    return examples + [make_real(heads, (recipe.seed, REAL, step, row), size) for row in range(recipe.real)]


def checking(maps: Sequence[HeadMap], recipe: Recipe, size: int) -> list[MadeUp]:
    """Return the examples that check, for one size of slices."""
    return [make_up(maps, (recipe.seed, CHECK, row), size) for row in range(recipe.checked)]


class SynthLearner:
    """A network while it learns.

    Parameters
    ----------
    recipe
        What is done.
    device
        ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Attributes
    ----------
    network, average
        What is trained, and the moving average of its weights: that is judged and kept.
    step
        Steps done.
    seconds
        Time of the processor spent by this process, over all its lives.
    """

    def __init__(self, recipe: Recipe, device: str = "auto") -> None:
        self.recipe = recipe
        self.device = pick_device(device)
        seed_everything(recipe.seed)
        self.network = build_network(recipe.network, inputs=STACK, outputs=OUTPUTS, size=recipe.size(0)).to(self.device)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.rate, weight_decay=recipe.decay, fused=self.device.type != "mps"
        )
        self.precision = torch.float32
        self.step = 0
        self.seconds = 0.0
        self._counted = time.process_time()

    def begin_from(self, state: Mapping[str, Any]) -> None:
        """Take the averaged weights of another training (its :meth:`state`), and its precision."""
        self.network.load_state_dict(state["average"])
        self.average.load_state_dict(state["average"])
        self.precision = PRECISION[str(state["precision"])]

    def probe(self, batch: Batch) -> None:
        """Choose the precision by trial."""
        self.network.train()
        self.precision = pick_precision("auto", self.device, self.network, onto(batch.slices, self.device))

    def learn(self, batch: Batch) -> dict[str, float]:
        """Take one step; return the parts of its loss."""
        batch = batch.to(self.device)
        rate = self.recipe.rate_at(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        with autocast(self.device, self.precision):
            output = self.network(batch.slices)
        brain, distance = losses(output, batch)
        torch.autograd.backward(brain + _DISTANCE_WEIGHT * distance)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), _CLIP)
        if bool(torch.isfinite(norm)):
            self.optimizer.step()
            self._follow()
        self.step += 1
        now = time.process_time()
        self.seconds, self._counted = self.seconds + now - self._counted, now
        return {"brain": float(brain.detach()), "distance": float(distance.detach()), "rate": rate}

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(_DECAY, (1 + self.step) / (10 + self.step))
        for mine, new in zip(self.average.parameters(), self.network.parameters(), strict=True):
            mine.lerp_(new, 1 - decay)
        for kept, live in zip(self.average.buffers(), self.network.buffers(), strict=True):
            kept.copy_(live)

    def check(self, examples: Sequence[MadeUp]) -> dict[str, float]:
        """Judge the averaged weights.

        Returns
        -------
        dict
            ``dice`` over all pixels, ``slice_dice`` (mean over slices with Brain), ``worst_tenth`` (its tenth
            percentile), ``false`` (mean part of a slice without Brain that is called Brain), ``distance`` (mean
            error in pixels where it is in reach).
        """
        return judged(predictions(self.average, examples, self.device, self.precision), examples)

    def state(self) -> dict[str, Any]:
        """Return what :meth:`restore` needs: tensors, numbers and words."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "precision": precision_name(self.precision),
            "step": self.step,
            "seconds": self.seconds,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where :meth:`state` was taken."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.precision = PRECISION[str(state["precision"])]
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self._counted = time.process_time()


def losses(output: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the loss of the Brain and that of the distance.

    Parameters
    ----------
    output
        ``[n, 2, s, s]``, or ``[n, heads, 2, s, s]``: of the distance only the first head counts.
    batch
        What is true.
    """
    known = torch.ones(len(batch.brain), 1, device=batch.brain.device)
    brain = supervised_loss(dice_ce_loss, output[..., :1, :, :], batch.brain, known)
    found = torch.tanh(main_head(output.float())[:, 1:])
    known_distance = torch.nan_to_num(batch.distance)
    weight = torch.where(known_distance.abs() < 1, 1.0, _FAR_WEIGHT) * ~batch.distance.isnan()
    apart = functional.smooth_l1_loss(found, known_distance, beta=0.1, reduction="none")
    return brain, (apart * weight).sum() / weight.sum().clamp(min=1.0)


@torch.no_grad()
def predictions(
    network: nn.Module, examples: Sequence[MadeUp], device: torch.device, precision: torch.dtype, batch: int = 8
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield probability ``[s, s]`` and distance ``[s, s]`` (-1..1) of each example."""
    network.eval()
    for start in range(0, len(examples), batch):
        part = Batch.of(examples[start : start + batch])
        with autocast(device, precision):
            output = network(onto(part.slices, device))
        output = main_head(output.float()).cpu()
        yield from zip(torch.sigmoid(output[:, 0]), torch.tanh(output[:, 1]), strict=True)


def judged(found: Iterator[tuple[Tensor, Tensor]], examples: Sequence[MadeUp]) -> dict[str, float]:
    """Return the figures of :meth:`SynthLearner.check`."""
    hit = predicted = true = 0
    slices, false, apart = [], [], []
    for (probability, distance), example in zip(found, examples, strict=True):
        mask, brain = probability.numpy() >= 0.5, example.brain > 0
        both, mine, theirs = int((mask & brain).sum()), int(mask.sum()), int(brain.sum())
        hit, predicted, true = hit + both, predicted + mine, true + theirs
        if theirs:
            slices.append(2 * both / (mine + theirs))
        else:
            false.append(mine / mask.size)
        near = np.abs(example.distance) < 1
        if near.any():
            apart.append(float(np.abs(distance.numpy() - example.distance)[near].mean()) * DISTANCE_SCALE)
    return {
        "dice": 2 * hit / max(1, predicted + true),
        "slice_dice": float(np.mean(slices)),
        "worst_tenth": float(np.quantile(slices, 0.1)),
        "false": float(np.mean(false)) if false else 0.0,
        "distance": float(np.mean(apart)),
    }
