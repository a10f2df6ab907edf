"""Several processes that train as one: ``torchrun`` starts them, this module lets them agree.

A single process is a team of one, for which everything here does nothing. What is pooled
(:func:`pooled`) is summed over the slices of all processes, so that a loss made of sums is that of
the whole batch, whoever computed which slice of it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn

from core.errors import LearningError, MeninxError
from core.events import Finished, JobEvent, StopCheck
from models.sharding import place

PATIENCE = timedelta(minutes=30)
"""A process that hears nothing of another for so long gives up."""


_WORDS = ("", "stop", "pause", "cancel")


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
_instead: list[Callable[[Tensor], Tensor]] = []


def pooled(value: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes, with its gradient; in a single process the tensor itself.

    Every process must call it as often and with the same shape. Within :func:`pooling` something else does it.
    """
    if _instead:
        return _instead[-1](value)
    if _alone or not distributed.is_available() or not distributed.is_initialized():
        return value
    if not (value.requires_grad and torch.is_grad_enabled()):
        total = value.clone()
        distributed.all_reduce(total)
        return total
    return cast(Tensor, _Pooled.apply(value))  # type: ignore[no-untyped-call]  # torch gives it no types


@contextmanager
def pooling(instead: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Let a function do what :func:`pooled` does, within the block."""
    _instead.append(instead)
    try:
        yield
    finally:
        _instead.pop()


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

    def __init__(self, rank: int = 0, size: int = 1, device: str = "cpu") -> None:
        self.rank, self.size = rank, size
        self._device = device

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

    def agreed(self, number: float) -> float:
        """Return the leading process's number, everywhere: cheap enough for every step."""
        if self.size == 1:
            return number
        value = torch.tensor(number, dtype=torch.float64, device=self._device)
        distributed.broadcast(value, 0)
        return float(value)

    def hears(self, should_stop: StopCheck) -> StopCheck:
        """Return a stop check that gives the leading process's word, everywhere; all ask it as often."""
        if self.size == 1:
            return should_stop
        return lambda: _WORDS[int(self.agreed(_WORDS.index(should_stop()) if self.lead else 0))]

    def only_lead(self, events: Iterator[JobEvent]) -> Generator[JobEvent, None, Any]:
        """Yield the events of a job in the leading process; of the others only that it is finished."""
        while True:
            try:
                event = next(events)
            except StopIteration as done:
                return done.value
            if self.lead or isinstance(event, Finished):
                yield event

    @contextmanager
    def beginning(self) -> Iterator[None]:
        """Let all processes fail together in the block, with one sentence, or none of them."""
        failure: Exception | None = None
        try:
            yield
        except MeninxError as error:
            failure = error
        if self.size == 1:
            if failure is not None:
                raise failure
            return
        failures: list[Exception | None] = [None] * self.size
        distributed.all_gather_object(failures, failure)
        first = next((found for found in failures if found is not None), None)
        if first is not None:
            if self.lead:
                raise first
            raise SystemExit(1)

    @contextmanager
    def at_work(self, run: str) -> Iterator[None]:
        """Let only the process that failed first say so; the others end with it."""
        try:
            yield
        except (MeninxError, RuntimeError, MemoryError) as error:
            if self.size == 1:
                raise
            if not _first_to_fail(run):
                raise SystemExit(1) from error
            if isinstance(error, RuntimeError) and _is_lost(error):
                raise LearningError("team-lost") from error
            raise

    def together(self, tensor: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes."""
        if self.size > 1:
            distributed.all_reduce(tensor)
        return tensor


def _first_to_fail(run: str) -> bool:
    """Whether this is the first process of a run, on this computer, to fail."""
    try:
        (Path(tempfile.gettempdir()) / f"meninx-{run}.failed").open("x").close()
    except FileExistsError:
        return False
    except OSError:
        return True
    return True


def _is_lost(error: RuntimeError) -> bool:
    """Whether an error says that another process does not answer."""
    words = str(error).lower()
    return isinstance(error, distributed.DistError) or "connection" in words or "gloo" in words or "nccl" in words


def parallel(network: nn.Module, device: torch.device, team: Team) -> nn.Module:
    """Return what computes a network and averages its gradients over the team; alone, the network itself.

    Batch norms take their statistics over all processes where torch can do that (CUDA only).
    """
    if team.size == 1:
        return network
    if device.type != "cuda":
        return nn.parallel.DistributedDataParallel(network)
    # in place but for a network that is itself a batch norm
    nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]  # torch gives it no types
    return nn.parallel.DistributedDataParallel(network, device_ids=[torch.cuda.current_device()])


def splits_batch_norm(network: nn.Module, device: torch.device, team: Team) -> bool:
    """Whether each process has batch statistics of its own: the result then differs from that of one process."""
    return has_batch_norm(network) and team.size > 1 and device.type != "cuda"


def has_batch_norm(network: nn.Module) -> bool:
    """Whether what a network makes of a slice depends on the slices computed with it."""
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())


@contextmanager
def join(device: str) -> Iterator[Team]:
    """Join the other processes that ``torchrun`` started, until the block ends.

    Parameters
    ----------
    device
        As in the settings: with CUDA the processes talk through nccl, each on its own device,
        otherwise through gloo.
    """
    rank, size = place()
    if size == 1:
        yield Team()
        return
    cuda = device in {"auto", "cuda"} and torch.cuda.is_available()
    if cuda:
        number = os.environ.get("LOCAL_RANK", "")
        torch.cuda.set_device((int(number) if number.isdecimal() else rank) % torch.cuda.device_count())
    distributed.init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE)
    try:
        yield Team(rank, size, "cuda" if cuda else "cpu")
    finally:
        distributed.destroy_process_group()
