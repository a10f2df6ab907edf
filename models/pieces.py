"""A batch computed in pieces, where memory is short, that learns from the loss of the whole batch.

A loss is made of sums over the batch (:func:`models.distributed.pooled`). They are first collected over all
pieces without gradients; then each piece computes the loss of the whole, to which the others are constants: its
gradients are its share of those of the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from models.distributed import pooling


def sums_of_others(
    network: nn.Module, pieces: Sequence[slice], loss_of: Callable[[int, slice], object]
) -> list[list[Tensor]]:
    """Return, for each piece of a batch, the sums of the others, in the order in which the loss asks for them.

    Parameters
    ----------
    network
        Its running statistics (batch norms) stay as they are.
    loss_of
        Computes the loss of a piece, by its number and place.
    """
    kept = [(buffer, buffer.clone()) for buffer in network.buffers()]
    found: list[list[Tensor]] = []

    def collect(value: Tensor) -> Tensor:
        found[-1].append(value)
        return value

    try:
        with torch.no_grad(), pooling(collect):
            for number, piece in enumerate(pieces):
                found.append([])
                loss_of(number, piece)
    finally:
        for buffer, before in kept:
            buffer.copy_(before)
    whole = [torch.stack(values).sum(dim=0) for values in zip(*found, strict=True)]
    return [[total - own for total, own in zip(whole, mine, strict=True)] for mine in found]


@contextmanager
def among(others: Sequence[Tensor]) -> Iterator[None]:
    """Let a loss computed within the block be that of the whole batch."""
    waiting = iter(others)
    with pooling(lambda value: value + next(waiting)):
        yield
