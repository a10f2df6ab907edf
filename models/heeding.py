"""A stop that is heard in the middle of a pass through a network, not only when the pass is over.

A step on a processor takes a second or two, and whoever pressed Stop waits for it in vain: what half a
step has computed is of no use to anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


class GivenUp(Exception):
    """A pass was broken off because somebody waits for its end."""


@contextmanager
def heeding(network: nn.Module, waiting: Callable[[], bool]) -> Iterator[None]:
    """Let passes through a network be broken off, forwards and backwards, at the next of its layers.

    Weights and optimiser are as before the pass; gradients and the running statistics of batch norms may not be.

    Parameters
    ----------
    network
        Its layers ask before they compute, and before their gradient is computed.
    waiting
        Whether somebody waits; asked often, so it must be quick.

    Raises
    ------
    GivenUp
        Within the block, out of the pass.
    """

    def ask(*_: object) -> None:
        if waiting():
            raise GivenUp

    def ask_on_the_way_back(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.requires_grad:
            # a hook of the tensor: hooks of the module would forbid layers that compute in place
            output.register_hook(ask)  # type: ignore[no-untyped-call]  # torch gives it no types

    layers = [module for module in network.modules() if not any(True for _ in module.children())]
    handles = [layer.register_forward_pre_hook(ask) for layer in layers]
    handles += [layer.register_forward_hook(ask_on_the_way_back) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
