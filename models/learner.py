"""The network while it learns: steps, their rate, the averaged weights."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
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
    PRECISION,
    autocast,
    pick_device,
    pick_precision,
    precision_name,
    seed_everything,
    use_threads,
)
from models.distributed import Team, parallel
from models.evaluation import Tally, batch_tensors, new_tally
from models.heads import expect, rearranged, shares
from models.losses import find_class_loss, find_loss, main_head, supervised_loss
from models.networks.freezing import freeze_encoder
from models.networks.registry import build_network
from models.pieces import among, sums_of_others
from models.pretrained import load_encoder, read_encoder
from models.sampler import EMPTY, Sampler

SCRATCH_RATE, PARENT_RATE = 1e-3, 3e-4
DEEP, DEEP_RATE = ("vgg16", "vgg16_bn"), 1e-4
WARM_UP = 0.05
POWER = 0.9
CLIP = 1.0
AVERAGE_DECAY = 0.999
HELD = 0.5
"""Part of a run's weights that is kept where none of what it learnt from is shown again (after Wortsman et al. 2022,
"Robust fine-tuning of zero-shot models"; what was measured here, and on whom, stands in ADR 0017)."""


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
    team
        The processes that share each batch; None for this one alone.
    doubled
        ``[n]`` bool: which of the examples come twice as often.
    known
        What the outputs of the run which is begun from mean (:attr:`TrainingConfig.meanings`).

    Attributes
    ----------
    network, average
        What is trained, and the averaged copy that is judged and kept.
    begun, held
        The weights of the run that it goes on from, and the part of them that ``average`` keeps; None and 0 without.
    batch, at_once
        Slices of a step (of all processes together), and how many of them are computed at a time:
        fewer where memory is short, with the same step as the result.
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

    def __init__(
        self,
        config: TrainingConfig,
        data: TrainingSet,
        examples: NDArray[np.int64],
        *,
        team: Team | None = None,
        doubled: NDArray[np.bool_] | None = None,
        known: Sequence[str] = (),
    ) -> None:
        self.config, self.data, self.examples = config, data, examples
        self.team = team or Team()
        self._doubled = doubled
        self.preparation = Preparation.of(config)
        self.device = pick_device(config.device)
        use_threads()
        seed_everything(config.seed)
        self.loss = find_class_loss(config.loss, config.smoothing) if config.classifies else find_loss(config.loss)
        self.network = self.fresh_network()
        if not config.classifies:
            expect(self.network, self._heads(), shares(data, examples, config.foreground))
        self.network.to(self.device)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.begun: nn.Module | None = None
        self.held = 0.0
        self.base_rate = config.learning_rate or usual_rate(config, known)
        self.augment = Augment(config.augment, mirror=config.mirrors)
        self.use_precision("float32")
        self.updates = self.position = self.seen = self.epoch = 0
        self.speed = self.rate = 0.0
        self.tally = self._new_tally()
        self._batches: list[NDArray[np.int64]] = []
        self.set_batch(config.batch or (CPU_BATCH if self.device.type == "cpu" else GPU_BATCH))

    def fresh_network(self) -> nn.Module:
        """Build the network anew, on the CPU."""
        return self._built(len(self.data.labels))

    def _built(self, outputs: int) -> nn.Module:
        config = self.config
        inputs = config.slices * len(config.channels)
        return build_network(config.network, inputs=inputs, outputs=outputs, size=config.size)

    def start_from(self, weights: Mapping[str, Tensor], parent: Run, *, unseen: float = 0.0) -> list[str]:
        """Take a parent's weights; return the names of those that began anew (other labels, another class).

        Labels that the parent knows go on with what it learnt of them, wherever they stand among the others; the others
        begin with how rare they are, and not with what it learnt of something else in their place. Likewise a class
        that is another one, or has another yes.

        Parameters
        ----------
        weights, parent
            The run, and its weights by name.
        unseen
            Part of what the parent learnt from that is not learnt from here, 0..1, and would be forgotten: where the
            parent knows all labels and gives the encoder too, :attr:`held` is :data:`HELD` times as much.

        Raises
        ------
        LearningError
            ``parent-differs`` if it is another network or takes other input; also where another size gives it
            other levels.
        """
        for what in ("network", "slices", "channels"):
            if getattr(parent.config, what) != getattr(self.config, what):
                raise LearningError("parent-differs", name=parent.name, what=what)
        before, now = parent.config.meanings, self.config.meanings
        if before != now:
            weights = rearranged(self.network, self._heads(), weights, before, now)
        fresh = checkpoint.load_matching(self.network, weights)
        if set(fresh) - self._heads() or (fresh and before == now):
            # deep networks lose levels on small slices: what is left of chance would be learnt from, or frozen
            raise LearningError("parent-differs", name=parent.name, what="size")
        self.average.load_state_dict(self.network.state_dict())
        # a file that takes the encoder's place leaves nothing that could lie halfway
        whole = not fresh and not self.config.encoder_weights
        if whole and not self.config.classifies and set(now) <= set(before):
            self._hold(HELD * unseen)
        return fresh or sorted(self._heads() if set(now) - set(before) else ())

    def _hold(self, part: float) -> None:
        if part:
            self.begun, self.held = copy.deepcopy(self.network).requires_grad_(False), part

    def _heads(self) -> set[str]:
        """Return the names of the weights of which there is a row for each label."""
        with torch.device("meta"):
            # of one label more: only heads have another shape
            wider = self._built(len(self.data.labels) + 1)
        shapes = {name: tensor.shape for name, tensor in self.network.named_parameters()}
        return {name for name, tensor in wider.named_parameters() if tensor.shape != shapes[name]}

    def begin(self, *, resumed: bool = False) -> None:
        """Load the encoder's file and freeze it as the settings say, then make the optimiser of what is left.

        Parameters
        ----------
        resumed
            The weights come from :meth:`restore`: no file is read.

        Raises
        ------
        LearningError
            As :func:`models.pretrained.read_encoder`; ``freeze-nothing`` where the encoder's weights
            are drawn by chance: frozen it would never learn anything.
        """
        config = self.config
        if config.encoder_weights and not resumed:
            load_encoder(self.network, read_encoder(Path(config.encoder_weights), config.network))
            self.average.load_state_dict(self.network.state_dict())
        if config.freeze == "encoder":
            if not (config.encoder_weights or config.parent):
                raise LearningError("freeze-nothing")
            freeze_encoder(self.network, config.network)
        learnt = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(
            learnt, lr=self.base_rate, weight_decay=config.weight_decay, fused=self.device.type != "mps"
        )
        # made at the first step: until then gradients of a trial are nobody else's business
        self._parallel: nn.Module | None = None

    def probe(self, go_on: Callable[[], bool] = lambda: True) -> None:
        """Choose the precision by trial, which ends early once ``go_on`` says no; the process that leads decides."""
        images = batch_tensors(self.data, self.examples[:2], self.device)[0]
        self.network.train()
        chosen = pick_precision(self.config.precision, self.device, self.network, images, go_on)
        self.use_precision(self.team.told(precision_name(chosen)))

    def use_precision(self, name: str) -> None:
        """Compute in ``float32``, ``bfloat16`` or ``float16`` (with its losses scaled) from now on."""
        self.precision = PRECISION[name]
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision is torch.float16)

    def set_batch(self, batch: int) -> None:
        """Use this many slices per step."""
        # each process has a slice of every batch
        self.batch = max(batch, self.team.size)
        self.at_once = self.batch
        least, most = LEAST_STEPS, CPU_STEPS if self.device.type == "cpu" else GPU_STEPS
        self.sampler = Sampler(
            self.data.amounts[self.examples],
            batch=self.batch,
            foreground=self.config.foreground,
            least_steps=self.config.steps or least,
            most_steps=self.config.steps or most,
            seed=self.config.seed,
            doubled=self._doubled,
            empty=1 - self.config.foreground if self.config.classifies else EMPTY,
        )
        self.steps = self.sampler.steps

    def save_memory(self) -> str:
        """Need less memory from now on: ``batch`` if fewer slices are computed at once, ``cpu`` if it moved there.

        Empty if nothing is left to try. Nothing that was learnt is lost.
        """
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if self.team.size > 1:
            # the others wait for this process in the middle of a step: there is nothing to try
            return ""
        if self.at_once > 1:
            self.at_once = -(-self.at_once // 2)
            return "batch"
        if self.device.type == "cpu":
            return ""
        self._move(torch.device("cpu"))
        return "cpu"

    def _move(self, device: torch.device) -> None:
        self.device, self.at_once = device, self.batch
        self.network.to(device)
        self.average.to(device)
        if self.begun is not None:
            self.begun.to(device)
        for state in self.optimizer.state.values():
            state.update({name: value.to(device) for name, value in state.items() if isinstance(value, Tensor)})
        self.tally.move(device)
        self.use_precision("float32")
        self.probe()

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
        self.rate = self.base_rate * _schedule(done)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        counted = self._gradients(examples)
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        if bool(torch.isfinite(norm)):
            # one wild batch must not spoil all weights; a run of them shows in the loss
            self.scaler.step(self.optimizer)
            self._follow()
        self.scaler.update()
        for piece in counted:
            self.tally.add(*piece)
        self.position += 1
        self.seen += len(examples)
        now = len(examples) / max(1e-6, time.monotonic() - started)
        self.speed = now if self.speed == 0 else 0.9 * self.speed + 0.1 * now

    def _gradients(self, examples: NDArray[np.int64]) -> list[tuple[Tensor, ...]]:
        """Compute the gradients of a batch, in pieces where memory is short; return what is to be tallied."""
        drawn = (self.config.seed * 1_000_003 + self.epoch) * 1_000_003 + self.position
        images, masks, known, scans = batch_tensors(self.data, examples, self.device)
        # the whole batch is varied by every process: what a slice looks like must not depend on how many there are
        images, masks = self._varied(images, masks, torch.Generator().manual_seed(drawn))
        mine = self.team.share(np.arange(len(examples)))
        if self._parallel is None:
            self._parallel = parallel(self.network, self.device, self.team)
        network, end = self._parallel, int(mine[-1]) + 1
        pieces = [slice(start, min(start + self.at_once, end)) for start in range(int(mine[0]), end, self.at_once)]

        def learnt(number: int, part: slice) -> tuple[Tensor, Tensor]:
            # for networks that draw themselves (dropout)
            torch.manual_seed(drawn + self.team.rank + number * 7919)
            with autocast(self.device, self.precision):
                output = network(images[part])
            return output, supervised_loss(self.loss, output, masks[part], known[part])

        others = sums_of_others(self.network, pieces, learnt) if len(pieces) > 1 else []
        counted: list[tuple[Tensor, ...]] = []
        for number, part in enumerate(pieces):
            with among(others[number]) if others else nullcontext():
                output, loss = learnt(number, part)
            torch.autograd.backward(self.scaler.scale(loss))
            logits = main_head(output).detach().float()
            counted.append((logits, masks[part], known[part], scans[part], loss.detach()))
        return counted

    def _varied(self, images: Tensor, masks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        if not self.config.classifies:
            return self.augment(images, masks, generator)
        # yes stays yes wherever it is moved to
        nothing = torch.zeros_like(images[:, :1], dtype=torch.uint8)
        return self.augment(images, nothing, generator)[0], masks

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averaged weights; quickly at first, so that short runs have an average as well.

        Where a part of a parent is held on to, what they move towards lies between it and what is learnt.
        """
        self.updates += 1
        decay = min(AVERAGE_DECAY, (1 + self.updates) / (10 + self.updates))
        begun = self.network if self.begun is None else self.begun
        weights = zip(self.average.parameters(), self.network.parameters(), begun.parameters(), strict=True)
        for mine, new, old in weights:
            mine.lerp_(torch.lerp(new, old, self.held) if self.held else new, 1 - decay)
        for kept, live, was in zip(self.average.buffers(), self.network.buffers(), begun.buffers(), strict=True):
            kept.copy_(torch.lerp(live, was, self.held) if self.held and live.is_floating_point() else live)

    def state(self) -> dict[str, Any]:
        """Return what :meth:`restore` needs: tensors and plain numbers only. All processes call it together."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "begun": {} if self.begun is None else self.begun.state_dict(),
            "held": self.held,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "precision": precision_name(self.precision),
            "tally": self.tally.gathered(self.team).state(),
            "batch": self.batch,
            "at_once": self.at_once,
            "epoch": self.epoch,
            "position": self.position,
            "seen": self.seen,
            "updates": self.updates,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where :meth:`state` was taken."""
        self.set_batch(int(state["batch"]))
        # processes that share a batch compute their part of it at once
        self.at_once = min(self.batch, int(state["at_once"])) if self.team.size == 1 else self.batch
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        if state.get("begun"):
            self._hold(float(state["held"]))
            assert self.begun is not None
            self.begun.load_state_dict(state["begun"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.use_precision(str(state["precision"]))
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(dict(state["scaler"]))
        self.tally = self._new_tally()
        if self.team.lead:
            self.tally.take(state["tally"])
        # fewer slices make a shorter epoch, which then waits for its check; of other scans nothing is counted yet, and
        # without a step more there would be nothing to tell
        counted = state["tally"]["counts"].shape == self.tally.counts.shape
        most = self.steps if counted else self.steps - 1
        self.epoch, self.position = int(state["epoch"]), min(int(state["position"]), most)
        self.seen, self.updates = int(state["seen"]), int(state["updates"])

    def _new_tally(self) -> Tally:
        return new_tally(self.data, self.device)


def usual_rate(config: TrainingConfig, known: Sequence[str] = ()) -> float:
    """Return the highest rate where none was asked for; ``known`` as for :class:`Learner`.

    What knows its labels already learns on slowly; where one is new (a tumour, from the brain starter) it is a
    beginning, and faster is better. Plain VGG learns nothing at the rate of the others.
    """
    goes_on = config.parent and set(config.meanings) <= set(known)
    usual = PARENT_RATE if goes_on else SCRATCH_RATE
    return min(usual, DEEP_RATE) if config.network in DEEP else usual


def _schedule(done: float) -> float:
    """Return the part of the base rate: a short rise, then a slow fall (nnU-Net's poly)."""
    rise = min(1.0, (done + 0.005) / WARM_UP)
    return float(rise * max(1e-3, 1 - done) ** POWER)
