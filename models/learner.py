"""The network while it learns: steps, their rate, the averaged weights."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import LearningError
from core.learning.config import TrainingConfig
from core.learning.dataset import TrainingSet
from core.learning.prepare import Preparation
from core.learning.runs import Run
from models import checkpoint
from models.augment import Augment
from models.device import (
    CPU_BATCH,
    CPU_STEPS,
    GPU_BATCH,
    GPU_STEPS,
    LEAST_STEPS,
    pick_device,
    pick_precision,
    seed_everything,
    use_threads,
)
from models.evaluation import Tally, batch_tensors
from models.losses import find_loss, main_head, supervised_loss
from models.networks.registry import build_network
from models.sampler import Sampler

SCRATCH_RATE, PARENT_RATE = 1e-3, 3e-4
WARM_UP = 0.05
POWER = 0.9
CLIP = 1.0
AVERAGE_DECAY = 0.999


class Learner:
    """A network, its optimiser and the moving average of its weights.

    Everything random follows from the seed, the epoch and the step, so that a resumed
    training goes on as if it had never stopped.

    Parameters
    ----------
    config
        The settings.
    data, examples
        What there is, and which of it (``[n]`` example numbers) is trained on.

    Attributes
    ----------
    network, average
        What is trained, and the averaged copy that is judged and kept.
    position, steps
        Steps done in this epoch, and steps of an epoch.
    seen
        Slices seen in all.
    speed
        Slices per second of late.
    rate
        Learning rate of the last step.
    tally
        Training scores of this epoch.
    """

    def __init__(self, config: TrainingConfig, data: TrainingSet, examples: NDArray[np.int64]) -> None:
        self.config, self.data, self.examples = config, data, examples
        self.preparation = Preparation(config.size, config.slices)
        self.device = pick_device(config.device)
        use_threads()
        seed_everything(config.seed)
        self.loss = find_loss(config.loss)
        self.network = self.fresh_network().to(self.device)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.base_rate = config.learning_rate or (PARENT_RATE if config.parent else SCRATCH_RATE)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=self.base_rate, weight_decay=config.weight_decay
        )
        self.augment = Augment(config.augment)
        self.precision = torch.float32
        self.updates = self.position = self.seen = self.epoch = 0
        self.speed = self.rate = 0.0
        self.tally = self._new_tally()
        self._batches: list[NDArray[np.int64]] = []
        self.set_batch(config.batch or (CPU_BATCH if self.device.type == "cpu" else GPU_BATCH))

    def fresh_network(self) -> nn.Module:
        """Build the network anew, on the CPU."""
        return build_network(
            self.config.network,
            inputs=self.config.slices * len(self.config.channels),
            outputs=len(self.config.labels),
            size=self.config.size,
        )

    def start_from(self, weights: Mapping[str, Tensor], parent: Run) -> list[str]:
        """Take a parent's weights; return the names of those that did not fit (other labels).

        Raises
        ------
        LearningError
            ``parent-differs`` if it is another network or takes other input.
        """
        for what in ("network", "slices"):
            if getattr(parent.config, what) != getattr(self.config, what):
                raise LearningError("parent-differs", name=parent.name, what=what)
        fresh = checkpoint.load_matching(self.network, weights)
        same_labels = parent.config.labels == self.config.labels
        if len(fresh) > len(weights) // 2 or (fresh and same_labels):
            # deep networks lose levels on small slices: too little in common to be a start
            raise LearningError("parent-differs", name=parent.name, what="size")
        self.average.load_state_dict(self.network.state_dict())
        return fresh

    def probe(self) -> None:
        """Choose the precision by trial."""
        images = batch_tensors(self.data, self.examples[:2], self.device)[0]
        self.network.train()
        self.precision = pick_precision(self.config.precision, self.device, self.network, images)

    def set_batch(self, batch: int) -> None:
        """Use this many slices per step; the epoch at hand begins again."""
        self.batch = batch
        least, most = LEAST_STEPS, CPU_STEPS if self.device.type == "cpu" else GPU_STEPS
        self.sampler = Sampler(
            self.data.amounts[self.examples],
            batch=batch,
            foreground=self.config.foreground,
            least_steps=self.config.steps or least,
            most_steps=self.config.steps or most,
            seed=self.config.seed,
        )
        self.steps = self.sampler.steps
        self.epoch = 0
        self.optimizer.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def begin_epoch(self, number: int) -> None:
        """Begin an epoch (from 1), or go on with it if it is the one that was left."""
        if number != self.epoch:
            self.epoch, self.position = number, 0
            self.tally = self._new_tally()
        self._batches = list(self.sampler.epoch(number))

    def steps_left(self) -> int:
        """Return how many steps the epoch still has."""
        return len(self._batches) - self.position

    def step(self, done: float) -> None:
        """Learn from one batch.

        Parameters
        ----------
        done
            Part of the whole training that is behind (0..1): the rate follows from it.
        """
        started = time.monotonic()
        examples = self.examples[self._batches[self.position]]
        images, masks, known, scans = batch_tensors(self.data, examples, self.device)
        generator = torch.Generator().manual_seed(
            (self.config.seed * 1_000_003 + self.epoch) * 1_000_003 + self.position
        )
        images, masks = self.augment(images, masks, generator)
        self.rate = self.base_rate * _schedule(done)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision is torch.bfloat16):
            output = self.network(images)
        loss = supervised_loss(self.loss, output, masks, known)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        if bool(torch.isfinite(norm)):
            # one wild batch must not spoil all weights; a run of them shows in the loss
            self.optimizer.step()
            self._follow()
        self.tally.add(main_head(output).float(), masks, known, scans, loss)
        self.position += 1
        self.seen += len(examples)
        now = len(examples) / max(1e-6, time.monotonic() - started)
        self.speed = now if self.speed == 0 else 0.9 * self.speed + 0.1 * now

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averaged weights; quickly at first, so that short runs have an average as well."""
        self.updates += 1
        decay = min(AVERAGE_DECAY, (1 + self.updates) / (10 + self.updates))
        for mine, new in zip(self.average.parameters(), self.network.parameters(), strict=True):
            mine.lerp_(new, 1 - decay)
        for kept, live in zip(self.average.buffers(), self.network.buffers(), strict=True):
            kept.copy_(live)

    def state(self) -> dict[str, Any]:
        """Return what :meth:`restore` needs: tensors and plain numbers only."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "counts": self.tally.counts,
            "loss": self.tally.loss,
            "weight": self.tally.weight,
            "batch": self.batch,
            "epoch": self.epoch,
            "position": self.position,
            "seen": self.seen,
            "updates": self.updates,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where :meth:`state` was taken."""
        self.set_batch(int(state["batch"]))
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.tally = self._new_tally()
        if state["counts"].shape == self.tally.counts.shape:
            self.tally.counts, self.tally.loss = state["counts"], state["loss"]
            self.tally.weight = int(state["weight"])
        self.epoch, self.position = int(state["epoch"]), int(state["position"])
        self.seen, self.updates = int(state["seen"]), int(state["updates"])

    def _new_tally(self) -> Tally:
        return Tally(len(self.data.scans), len(self.data.labels), self.device)


def _schedule(done: float) -> float:
    """Return the part of the base rate: a short rise, then a slow fall (nnU-Net's poly)."""
    rise = min(1.0, (done + 0.005) / WARM_UP)
    return float(rise * max(1e-3, 1 - done) ** POWER)
