"""Several processes that train as one: ``torchrun`` starts them, this module lets them agree.

A single process is a team of one, for which everything here does nothing. What is pooled
(:func:`pooled`) is summed over the slices of all processes, so that a loss made of sums is that of
the whole batch, whoever computed which slice of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed

PATIENCE = timedelta(minutes=30)
"""A process that hears nothing of another for so long gives up."""


class _Pooled(torch.autograd.Function):
    """Sum over processes; each process's gradients are averaged later, hence the factor on the way back."""

    @staticmethod
    def forward(context: Any, value: Tensor) -> Tensor:
        total = value.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        return gradients[0] * distributed.get_world_size()


_alone = 0


def pooled(value: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes, with its gradient; in a single process the tensor itself.

    Every process must call it as often and with the same shape.
    """
    if _alone or not distributed.is_available() or not distributed.is_initialized():
        return value
    if not (value.requires_grad and torch.is_grad_enabled()):
        total = value.clone()
        distributed.all_reduce(total)
        return total
    return cast(Tensor, _Pooled.apply(value))  # type: ignore[no-untyped-call]  # torch gives it no types


@contextmanager
def alone() -> Iterator[None]:
    """Let :func:`pooled` do nothing: what each process computes here is its own."""
    global _alone
    _alone += 1
    try:
        yield
    finally:
        _alone -= 1


class Team:
    """The processes that train together.

    Attributes
    ----------
    rank, size
        Which of how many this one is.
    """

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    @property
    def lead(self) -> bool:
        """Whether this process writes the run and speaks."""
        return self.rank == 0

    def share(self, examples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return this process's part of a batch; with fewer examples than processes, all of them."""
        return examples if len(examples) < self.size else np.array_split(examples, self.size)[self.rank]

    def splits(self, count: int) -> bool:
        """Whether a batch of so many examples is shared among the processes."""
        return self.size > 1 and count >= self.size

    def told(self, value: Any) -> Any:
        """Return the leading process's value (plain data), everywhere."""
        if self.size == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box)
        return box[0]

    def agreed(self, *numbers: float, device: torch.device) -> list[float]:
        """Return the leading process's numbers, everywhere: cheap enough for every step."""
        if self.size == 1:
            return list(numbers)
        values = torch.tensor(numbers, dtype=torch.float64 if device.type == "cpu" else torch.float32, device=device)
        distributed.broadcast(values, 0)
        return [float(value) for value in values.cpu()]

    def together(self, tensor: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes."""
        if self.size > 1:
            distributed.all_reduce(tensor)
        return tensor


def place() -> tuple[int, int, int]:
    """Return (rank, processes, number among those on this computer) as ``torchrun`` set them; (0, 1, 0) without."""
    try:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        local = int(os.environ.get("LOCAL_RANK", rank))
    except (KeyError, ValueError):
        return 0, 1, 0
    return (rank, size, local) if 0 <= rank < size else (0, 1, 0)


@contextmanager
def team(device: str) -> Iterator[Team]:
    """Join the other processes that ``torchrun`` started, until the block ends.

    Parameters
    ----------
    device
        As in the settings: with CUDA the processes talk through nccl, each on its own device,
        otherwise through gloo.
    """
    rank, size, local = place()
    if size == 1:
        yield Team()
        return
    cuda = device in {"auto", "cuda"} and torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(local % torch.cuda.device_count())
    distributed.init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE)
    try:
        yield Team(rank, size)
    finally:
        distributed.destroy_process_group()
