"""What a training makes small; pixels of which nothing is known count for nothing.

Every loss is made of sums over the batch, which :func:`models.distributed.pooled` adds up over all
processes before they are divided: several processes learn from the same loss as one.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from core.errors import LearningError
from core.learning.config import LOSSES
from core.learning.prepare_fit import UNKNOWN
from models.distributed import pooled

SMOOTH = 1.0
"""Added to both sides of the Dice fraction: an empty batch predicted empty is perfect, not undefined."""
FOCAL_GAMMA, FOCAL_ALPHA = 2.0, 0.25
TVERSKY_FALSE, TVERSKY_MISSED = 0.3, 0.7

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Takes logits, truth and weight, all ``[n, labels, h, w]`` float32; truth is 0 where the weight is."""


def bce_loss(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Binary cross-entropy, averaged over known pixels.

    Parameters
    ----------
    logits
        ``[n, labels, h, w]`` float32.
    truth, weight
        As :func:`truth_and_weight` gives them.
    """
    total = functional.binary_cross_entropy_with_logits(logits, truth, weight, reduction="sum")
    return _mean(total, weight)


def focal_loss(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy in which pixels that are right already hardly count, averaged over known pixels.

    ``-alpha_t (1 - p_t)**gamma log p_t`` with gamma 2 and alpha 0.25 for the label, 0.75 for the rest:
    Lin et al. 2017, "Focal Loss for Dense Object Detection", arXiv 1708.02002, their best
    values. Parameters as :func:`bce_loss`.
    """
    alpha = FOCAL_ALPHA * truth + (1 - FOCAL_ALPHA) * (1 - truth)
    return _mean((alpha * _focal(logits, truth) * weight).sum(), weight)


def dice_loss(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """One minus the soft Dice of each label over the whole batch ("batch Dice"), averaged over labels.

    Taken over the batch, a small lesion on one slice is not drowned by the empty slices,
    each of which would otherwise be a Dice of its own. A label known nowhere in the batch
    counts for nothing. Parameters as :func:`bce_loss`.
    """
    return _overlap_loss(logits, truth, weight, false=0.5, missed=0.5)


def tversky_loss(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Dice in which a missed pixel weighs more than a wrong one: for small lesions.

    False positives 0.3, false negatives 0.7: Salehi et al. 2017, "Tversky loss function for image
    segmentation using 3D fully convolutional deep networks", arXiv 1706.05721, their best values
    (0.5 and 0.5 would be Dice). Over the batch, parameters as :func:`dice_loss`.
    """
    return _overlap_loss(logits, truth, weight, false=TVERSKY_FALSE, missed=TVERSKY_MISSED)


def dice_ce_loss(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Dice and cross-entropy, 1 : 1 (Isensee et al. 2021, nnU-Net). Parameters as :func:`bce_loss`."""
    return dice_loss(logits, truth, weight) + bce_loss(logits, truth, weight)


def dice_focal_loss(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Dice and focal cross-entropy, 1 : 1, without alpha: Dice sees to the balance already.

    Zhu et al. 2019, "AnatomyNet", arXiv 1808.05238. Parameters as :func:`bce_loss`.
    """
    return dice_loss(logits, truth, weight) + _mean((_focal(logits, truth) * weight).sum(), weight)


_LOSSES: dict[str, Loss] = {
    "dice_ce": dice_ce_loss,
    "bce": bce_loss,
    "dice": dice_loss,
    "focal": focal_loss,
    "tversky": tversky_loss,
    "dice_focal": dice_focal_loss,
}


def _mean(total: Tensor, weight: Tensor) -> Tensor:
    """Divide a sum over known pixels by their number; nothing known gives 0."""
    sums = pooled(torch.stack([total, weight.sum()]))
    return sums[0] / sums[1].clamp(min=1.0)


def _focal(logits: Tensor, truth: Tensor) -> Tensor:
    """Return ``-(1 - p_t)**gamma log p_t`` per pixel, from logits: exact however sure they are."""
    sure = torch.where(truth > 0.5, logits, -logits)
    return -torch.sigmoid(-sure).pow(FOCAL_GAMMA) * functional.logsigmoid(sure)


def _overlap_loss(logits: Tensor, truth: Tensor, weight: Tensor, *, false: float, missed: float) -> Tensor:
    """One minus ``hit / (hit + false x false positives + missed x false negatives)``, averaged over labels."""
    probability = torch.sigmoid(logits) * weight
    over = (0, 2, 3)
    parts = [(probability * truth).sum(over), probability.sum(over), truth.sum(over), weight.sum(over)]
    hit, predicted, true, known = pooled(torch.stack(parts))
    # twice the usual fraction above and below, so that SMOOTH is that of Dice
    below = 2 * hit + 2 * false * (predicted - hit) + 2 * missed * (true - hit)
    score = (2 * hit + SMOOTH) / (below + SMOOTH)
    seen: Tensor = (known > 0).to(score.dtype)
    loss: Tensor = ((1 - score) * seen).sum() / seen.sum().clamp(min=1.0)
    return loss


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


def find_class_loss(name: str, smoothing: float) -> Loss:
    """Return a loss of yes and no, whose targets are a little off 0 and 1 (Szegedy et al. 2016, label smoothing).

    Raises
    ------
    LearningError
        ``setting-bad`` for an unknown name.
    """
    loss = find_loss(name)

    def smoothed(logits: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
        # the focal loss asks only which of the two it is
        soft = truth * (1 - smoothing) + 0.5 * smoothing if name == "bce" else truth
        return loss(logits, soft, weight)

    return smoothed


def truth_and_weight(masks: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Return what is true and what of it is known.

    Parameters
    ----------
    masks
        ``[n, labels, h, w]``, 0, 1 and :data:`core.learning.prepare_fit.UNKNOWN`, of any dtype that holds them.
    known
        ``[n, labels]``, 0 where nothing is known of a label on a slice, else 1.

    Returns
    -------
    tuple
        Truth (0 where unknown) and weight (1 known, 0 unknown), float32, shaped as the masks.
    """
    weight = (masks != UNKNOWN).float() * known.float()[:, :, None, None]
    return masks.float() * weight, weight


def supervised_loss(loss: Loss, output: Tensor, masks: Tensor, known: Tensor) -> Tensor:
    """Apply a loss to a network's output, with or without deep supervision heads, in float32.

    Parameters
    ----------
    output
        ``[n, labels, h, w]``, or ``[n, heads, labels, h, w]``: head ``i`` is weighted ``1 / 2**i``.
    masks, known
        As :func:`truth_and_weight`.
    """
    output = output.float()
    truth, weight = truth_and_weight(masks, known)
    if output.ndim == 4:
        return loss(output, truth, weight)
    shares = [0.5**head for head in range(output.shape[1])]
    parts = [share * loss(output[:, head], truth, weight) for head, share in enumerate(shares)]
    return torch.stack(parts).sum() / sum(shares)


def main_head(output: Tensor) -> Tensor:
    """Return the full-resolution logits ``[n, labels, h, w]`` of a network's output."""
    return output if output.ndim == 4 else output[:, 0]
