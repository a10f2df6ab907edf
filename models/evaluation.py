"""Scores of a network on examples: counted per scan on the device, read out once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.events import JobEvent, Progress
from core.learning.dataset import TrainingSet
from core.learning.events import Scores
from core.learning.prepare_fit import UNKNOWN
from core.review.classification import auc
from models.device import onto
from models.distributed import Team, alone
from models.losses import Loss, main_head, supervised_loss, truth_and_weight

_HIT, _FALSE, _MISSED, _RIGHT, _SEEN = range(5)
_CHUNK = 64


class Tally:
    """Pixel counts per scan and label, and the mean loss, without a word to the CPU per step.

    Parameters
    ----------
    scans, labels
        How many.
    device
        Where the counts are kept.
    """

    def __init__(self, scans: int, labels: int, device: torch.device) -> None:
        # counts pass 2**24, from where on float32 skips numbers; MPS has no float64
        self.counts = torch.zeros(scans, labels, 5, dtype=torch.int64, device=device)
        self.loss = torch.zeros((), dtype=torch.float32, device=device)
        self.weight = 0

    @torch.no_grad()
    def add(self, logits: Tensor, truth: Tensor, known: Tensor, scans: Tensor, loss: Tensor) -> None:
        """Count a batch.

        Parameters
        ----------
        logits, truth
            ``[n, labels, h, w]``; truth 0, 1 and 255 for pixels that are not known and do not count.
        known
            ``[n, labels]``, 0 where a label does not count on a slice.
        scans
            ``[n]`` int64: which scan each slice is of.
        loss
            Mean loss of the batch.
        """
        true, weight = truth_and_weight(truth, known)
        predicted = (logits > 0).float() * weight
        # sums of ones: exact in float32 up to 16 million pixels of a slice, and twice as fast as in int64
        sums = torch.stack([predicted * true, predicted, true, weight]).sum(dim=(3, 4)).to(torch.int64)
        hit, shown, there, seen = sums
        false, missed = shown - hit, there - hit
        counts = torch.stack([hit, false, missed, seen - false - missed, seen], dim=2)
        self.counts.index_add_(0, scans, counts)
        self.loss += loss.detach().float() * len(logits)
        self.weight += len(logits)

    def gathered(self, team: Team) -> Tally:
        """Return the sum over all processes that train together; they call it together."""
        if team.size == 1:
            return self
        total = copy.copy(self)
        total.counts, total.loss = team.together(self.counts.clone()), team.together(self.loss.clone())
        total.weight = int(team.together(torch.tensor(self.weight, device=self.counts.device)))
        return total

    def state(self) -> dict[str, Any]:
        """Return what :meth:`take` needs."""
        return {"counts": self.counts, "loss": self.loss, "weight": self.weight}

    def take(self, state: Mapping[str, Any]) -> None:
        """Go on where :meth:`state` was; what is of other scans is left."""
        if state["counts"].shape == self.counts.shape:
            device = self.counts.device
            self.counts, self.loss = state["counts"].to(device), state["loss"].to(device)
            self.weight = int(state["weight"])

    def move(self, device: torch.device) -> None:
        """Count on another device from now on."""
        self.counts, self.loss = self.counts.to(device), self.loss.to(device)

    def scores(self) -> Scores:
        """Return the scores so far (see :class:`core.learning.events.Scores`)."""
        counts = self.counts.cpu().numpy().astype(np.float64)
        hit, wrong = counts[..., _HIT], counts[..., _FALSE] + counts[..., _MISSED]
        shown = hit + wrong > 0
        dice = float((2 * hit[shown] / (2 * hit[shown] + wrong[shown])).mean()) if shown.any() else 1.0
        iou = float((hit[shown] / (hit[shown] + wrong[shown])).mean()) if shown.any() else 1.0
        accuracy = float(counts[..., _RIGHT].sum() / max(1.0, counts[..., _SEEN].sum()))
        return Scores(float(self.loss) / max(1, self.weight), dice, iou, accuracy)


class ClassTally(Tally):
    """What was said of each slice, and the mean loss.

    Parameters
    ----------
    truth
        ``[n]`` of all examples, 1 for yes.
    device
        Where the sums are kept.
    """

    def __init__(self, truth: NDArray[np.uint8], device: torch.device) -> None:
        super().__init__(0, 0, device)
        # sum of logits, and how often it was seen
        self.counts = torch.zeros(len(truth), 2, dtype=torch.float32, device=device)
        self._truth = truth > 0

    @torch.no_grad()
    def add(self, logits: Tensor, truth: Tensor, known: Tensor, scans: Tensor, loss: Tensor) -> None:
        """Count a batch; ``scans`` are the numbers of the examples, the rest as :meth:`Tally.add`."""
        said = logits.float().reshape(len(logits), -1)[:, :1]
        self.counts.index_add_(0, scans, torch.cat([said, torch.ones_like(said)], dim=1))
        self.loss += loss.detach().float() * len(logits)
        self.weight += len(logits)

    def scores(self) -> Scores:
        """Return the scores so far; Dice and IoU are those of the slices called yes, and those that are."""
        counts = self.counts.cpu().numpy().astype(np.float64)
        seen = counts[:, 1] > 0
        said, true = counts[seen, 0] / counts[seen, 1], self._truth[seen]
        caught, wrong = int(np.count_nonzero((said > 0) & true)), int(np.count_nonzero((said > 0) != true))
        yes, no = int(np.count_nonzero(true)), int(np.count_nonzero(~true))
        return Scores(
            float(self.loss) / max(1, self.weight),
            2 * caught / (2 * caught + wrong) if caught + wrong else 1.0,
            caught / (caught + wrong) if caught + wrong else 1.0,
            1 - wrong / max(1, len(true)),
            # NaN has no place in JSON: one kind alone tells nothing, like a coin
            auc=auc(said, true) if yes and no else 0.5,
            sensitivity=caught / yes if yes else 0.0,
            specificity=1 - int(np.count_nonzero((said > 0) & ~true)) / no if no else 0.0,
        )


def new_tally(data: TrainingSet, device: torch.device) -> Tally:
    """Return an empty tally of the set's task."""
    if data.task == "classify":
        return ClassTally(data.masks[:, 0, 0, 0], device)
    return Tally(len(data.scans), len(data.labels), device)


def batch_tensors(data: TrainingSet, examples: NDArray[np.int64], device: torch.device) -> tuple[Tensor, ...]:
    """Return (images, masks, known, scans) of examples on the device, images float32.

    Where a class is learnt, the numbers of the examples stand for the scans: each counts by itself.
    """
    owners = examples if data.task == "classify" else data.scan_of[examples]
    # images cross over in half precision, as they are kept: half the way, and the device turns them faster
    return (
        onto(torch.from_numpy(data.images[data.stacks[examples]]), device).float(),
        onto(torch.from_numpy(data.masks[examples]), device),
        onto(torch.from_numpy(data.known[examples].astype(np.float32)), device),
        onto(torch.from_numpy(owners.astype(np.int64)), device),
    )


def thinned(examples: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most ``most`` examples, evenly spread."""
    if len(examples) <= most:
        return examples
    return examples[np.linspace(0, len(examples) - 1, most).round().astype(np.int64)]


def evaluate(
    network: nn.Module,
    data: TrainingSet,
    examples: NDArray[np.int64],
    loss: Loss,
    *,
    batch: int,
    device: torch.device,
    precision: torch.dtype,
    team: Team | None = None,
    at_once: int = 0,
    enough: Callable[[], bool] = lambda: False,
) -> Generator[JobEvent, None, Scores]:
    """Score a network on examples, shared among the processes of a team; yields progress, returns the scores.

    Of a batch, ``at_once`` slices are computed at a time (0: all), and its loss is that of all. Asked after each
    batch, ``enough`` may end it with what was seen so far.
    """
    team = team or Team()
    tally = new_tally(data, device)
    network.eval()
    for start in range(0, len(examples), batch):
        whole = examples[start : start + batch]
        images, masks, known, scans = batch_tensors(data, team.share(whole), device)
        shared = team.splits(len(whole))
        # not inference_mode: tensors made under it cannot be trained on later
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=precision is torch.bfloat16):
            output = torch.cat([network(piece) for piece in torch.split(images, at_once or batch)])
        # a last batch of fewer slices than processes is computed by each, and counted once
        with nullcontext() if shared else alone():
            found = supervised_loss(loss, output, masks, known)
        if shared or team.lead:
            tally.add(main_head(output).float(), masks, known, scans, found)
        yield Progress(min(start + batch, len(examples)), len(examples), "validating")
        if enough():
            break
    return tally.gathered(team).scores()


def predicted_masks(
    network: nn.Module, data: TrainingSet, examples: NDArray[np.int64], device: torch.device, precision: torch.dtype
) -> Iterator[NDArray[np.uint8]]:
    """Yield the predicted masks ``[labels, size, size]`` (0/1) of a few examples."""
    network.eval()
    images, _masks, _known, _scans = batch_tensors(data, examples, device)
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=precision is torch.bfloat16):
        output = main_head(network(images)).float()
    yield from (output > 0).to(torch.uint8).cpu().numpy()


def baseline_accuracy(data: TrainingSet, examples: NDArray[np.int64]) -> float:
    """Return the accuracy of "everything is background" on the known pixels of examples."""
    seen = shown = 0
    for start in range(0, len(examples), _CHUNK):
        some = examples[start : start + _CHUNK]
        # a copy of the masks of a large project at once would double what they take
        masks = data.masks[some][data.known[some]]
        seen += int(np.count_nonzero(masks != UNKNOWN))
        shown += int(np.count_nonzero(masks == 1))
    return 1.0 - shown / seen if seen else 0.0
