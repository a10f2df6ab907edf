"""What a network says of each label in the end: how rare it is to begin with, and what was learnt of it elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.learning.dataset import TrainingSet
from core.learning.prepare_fit import UNKNOWN

RAREST = 0.01
"""No label is expected to be rarer, so that it stays easy to say (Lin et al. 2017, Focal loss, sections 3.3, 4.1)."""


def shares(data: TrainingSet, examples: NDArray[np.int64], foreground: float) -> list[float]:
    """Return for each label how much of a batch shows it: the part of known pixels, on slices that show it or not.

    Parameters
    ----------
    data, examples
        What there is, and which of it (``[n]`` example numbers) is trained on.
    foreground
        Part of a batch that shows a label.
    """
    found = []
    for place in range(len(data.labels)):
        shown = [data.masks[number, place] for number in examples if data.known[number, place]]
        parts = [float((one == 1).sum() / max(1, (one != UNKNOWN).sum())) for one in shown]
        yes = [part for part in parts if part > 0]
        usual = float(np.mean(yes)) if yes else 0.0
        found.append(usual * max(foreground, len(yes) / max(1, len(parts))))
    return found


@torch.no_grad()
def expect(network: nn.Module, heads: Collection[str], parts: Sequence[float]) -> None:
    """Let a fresh network say of each label that it is as rare as it is, before anything was learnt.

    Without it a network that says yes to half of all pixels spends its first hundreds of steps on that alone.

    Parameters
    ----------
    network
        With fresh weights.
    heads
        Names of the weights ``[labels, ...]``, a row for each label.
    parts
        How much of a batch shows each label, 0..1.
    """
    wanted = torch.logit(torch.tensor(parts, dtype=torch.float32).clamp(RAREST, 0.5))
    for name, weights in network.named_parameters():
        if name in heads and weights.ndim == 1:
            weights.copy_(wanted)


def rearranged(
    network: nn.Module,
    heads: Collection[str],
    weights: Mapping[str, Tensor],
    before: Sequence[str],
    now: Sequence[str],
) -> dict[str, Tensor]:
    """Return weights whose heads have the rows of a network's labels.

    Parameters
    ----------
    network
        With fresh weights, which new labels begin with (or a new class).
    heads
        Names of the weights ``[labels, ...]``, a row for each label.
    weights
        Of a network that says ``before``; what is not of its heads stays as it is.
    before, now
        What the rows mean, in their order (:attr:`core.learning.config.TrainingConfig.meanings`).
    """
    own = dict(network.named_parameters())
    result = dict(weights)
    for name in heads:
        if name not in weights:
            continue
        rows = own[name].detach().clone()
        if weights[name].shape[1:] != rows.shape[1:] or len(weights[name]) != len(before):
            # another network altogether, which whoever loads it refuses
            continue
        for place, label in enumerate(now):
            if label in before:
                rows[place] = weights[name][before.index(label)].to(rows)
        result[name] = rows
    return result
