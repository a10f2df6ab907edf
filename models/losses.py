"""What a training makes small: Dice, cross-entropy, or both; unknown slices count for nothing."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from core.errors import LearningError
from core.learning.config import LOSSES

SMOOTH = 1.0
"""Added to both sides of the Dice fraction: an empty batch predicted empty is perfect, not undefined."""

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]


def bce_loss(logits: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Binary cross-entropy, averaged over known pixels.

    Parameters
    ----------
    logits, truth
        ``[n, labels, h, w]``; truth 0/1 of any dtype.
    known
        ``[n, labels]``, 1 where the slice is finished for that label, else 0.
    """
    each = functional.binary_cross_entropy_with_logits(logits, truth.to(logits.dtype), reduction="none")
    weight = known.to(logits.dtype)
    total = (each.mean(dim=(2, 3)) * weight).sum()
    return total / weight.sum().clamp(min=1.0)


def dice_loss(logits: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """One minus the soft Dice of each label over the whole batch ("batch Dice"), averaged over labels.

    Taken over the batch, a small lesion on one slice is not drowned by the empty slices,
    each of which would otherwise be a Dice of its own. A label known nowhere in the batch
    counts for nothing. Parameters as :func:`bce_loss`.
    """
    weight = known.to(logits.dtype)[:, :, None, None]
    probability = torch.sigmoid(logits) * weight
    target = truth.to(logits.dtype) * weight
    overlap = (probability * target).sum(dim=(0, 2, 3))
    total = probability.sum(dim=(0, 2, 3)) + target.sum(dim=(0, 2, 3))
    dice = (2 * overlap + SMOOTH) / (total + SMOOTH)
    seen = (known.sum(dim=0) > 0).to(logits.dtype)
    return ((1 - dice) * seen).sum() / seen.sum().clamp(min=1.0)


def dice_ce_loss(logits: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Dice and cross-entropy, 1 : 1. Parameters as :func:`bce_loss`."""
    return dice_loss(logits, truth, known) + bce_loss(logits, truth, known)


_LOSSES: dict[str, Loss] = {"dice_ce": dice_ce_loss, "bce": bce_loss, "dice": dice_loss}


def find_loss(name: str) -> Loss:
    """Return a loss by the name in a run's settings.

    Raises
    ------
    LearningError
        ``setting-bad`` for an unknown name.
    """
    if name not in _LOSSES:
        raise LearningError("setting-bad", name="loss", allowed=", ".join(LOSSES))
    return _LOSSES[name]


def supervised_loss(loss: Loss, output: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Apply a loss to a network's output, with or without deep supervision heads.

    Parameters
    ----------
    output
        ``[n, labels, h, w]``, or ``[n, heads, labels, h, w]``: head ``i`` is weighted ``1 / 2**i``.
    truth, known
        As :func:`bce_loss`.
    """
    output = output.float()
    if output.ndim == 4:
        return loss(output, truth, known)
    weights = [0.5**head for head in range(output.shape[1])]
    parts = [weight * loss(output[:, head], truth, known) for head, weight in enumerate(weights)]
    return torch.stack(parts).sum() / sum(weights)


def main_head(output: Tensor) -> Tensor:
    """Return the full-resolution logits ``[n, labels, h, w]`` of a network's output."""
    return output if output.ndim == 4 else output[:, 0]
