"""What a network learnt of each label, brought to the place that the label has in another one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from torch import Tensor, nn


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
        With fresh weights, which new labels begin with.
    heads
        Names of the weights ``[labels, ...]``, a row for each label.
    weights
        Of a network of the labels ``before``; what is not of its heads stays as it is.
    before, now
        Labels in the order of the rows.
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
