"""Scores of a network on examples: counted per scan on the device, read out once."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.events import JobEvent, Progress
from core.learning.dataset import TrainingSet
from core.learning.events import Scores
from models.losses import Loss, main_head, supervised_loss

_HIT, _FALSE, _MISSED, _RIGHT, _SEEN = range(5)


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
            ``[n, labels, h, w]``.
        known
            ``[n, labels]``, 0 where it does not count.
        scans
            ``[n]`` int64: which scan each slice is of.
        loss
            Mean loss of the batch.
        """
        predicted, true = logits > 0, truth > 0
        hit = (predicted & true).sum(dim=(2, 3))
        false = (predicted & ~true).sum(dim=(2, 3))
        missed = (~predicted & true).sum(dim=(2, 3))
        pixels = logits.shape[2] * logits.shape[3]
        all_counts = torch.stack([hit, false, missed, pixels - false - missed, torch.full_like(hit, pixels)], dim=2)
        self.counts.index_add_(0, scans, all_counts * known.to(torch.int64)[:, :, None])
        self.loss += loss.detach().float() * len(logits)
        self.weight += len(logits)

    def scores(self) -> Scores:
        """Return the scores so far (see :class:`core.learning.events.Scores`)."""
        counts = self.counts.cpu().numpy().astype(np.float64)
        hit, wrong = counts[..., _HIT], counts[..., _FALSE] + counts[..., _MISSED]
        shown = hit + wrong > 0
        dice = float((2 * hit[shown] / (2 * hit[shown] + wrong[shown])).mean()) if shown.any() else 1.0
        iou = float((hit[shown] / (hit[shown] + wrong[shown])).mean()) if shown.any() else 1.0
        accuracy = float(counts[..., _RIGHT].sum() / max(1.0, counts[..., _SEEN].sum()))
        return Scores(float(self.loss) / max(1, self.weight), dice, iou, accuracy)


def batch_tensors(data: TrainingSet, examples: NDArray[np.int64], device: torch.device) -> tuple[Tensor, ...]:
    """Return (images, masks, known, scans) of examples on the device."""
    return (
        torch.from_numpy(data.stack(examples)).to(device),
        torch.from_numpy(data.masks[examples]).to(device),
        torch.from_numpy(data.known[examples].astype(np.float32)).to(device),
        torch.from_numpy(data.scan_of[examples].astype(np.int64)).to(device),
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
) -> Generator[JobEvent, None, Scores]:
    """Score a network on examples; yields progress, returns the scores."""
    tally = Tally(len(data.scans), len(data.labels), device)
    network.eval()
    for start in range(0, len(examples), batch):
        images, masks, known, scans = batch_tensors(data, examples[start : start + batch], device)
        # not inference_mode: tensors made under it cannot be trained on later
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=precision is torch.bfloat16):
            output = network(images)
        tally.add(main_head(output).float(), masks, known, scans, supervised_loss(loss, output, masks, known))
        yield Progress(min(start + batch, len(examples)), len(examples), "validating")
    return tally.scores()


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
    known = data.known[examples]
    if not known.any():
        return 0.0
    shown = data.masks[examples].mean(axis=(2, 3), dtype=np.float64)
    return float(1.0 - shown[known].mean())
