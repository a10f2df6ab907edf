"""The child process that reads a pickle of weights: it builds tensors, runs nothing, and hands back plain numbers."""

from __future__ import annotations

import logging
import os
import pickle
import pickletools
import signal
import warnings
from collections.abc import Collection, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from core.io.limits import limit_memory

WEIGHTS, REFUSED = b"W", b"R"
"""First byte of the answer: after it come safetensors, or the code of an error."""
NESTS = ("state_dict", "model_state_dict", "model", "network")
"""Where training programs put the weights in what they save."""
MOST_NAMES = 20_000
CALLS = frozenset({"GLOBAL", "STACK_GLOBAL", "INST", "REDUCE"})
"""What in a pickle fetches or calls something."""


def serve_weights(connection: Connection[Any, Any], file: str, wanted: tuple[str, ...], memory: int) -> None:
    """Read one file and send its answer as bytes: the target of a spawned process.

    Parameters
    ----------
    connection
        Bytes only go through it, so that nothing this process sends is unpickled.
    file
        A ``.pth`` or ``.pt`` file.
    wanted
        Names of the weights that are handed back, where they are there.
    memory
        Bytes by which this process may grow.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # loaded before the ceiling is set
    import safetensors.torch
    import torch

    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    limit_memory(memory)
    connection.send_bytes(b"ready")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
        answer = WEIGHTS + safetensors.torch.save(chosen_weights(content, wanted, torch.Tensor))
    except BaseException as error:  # noqa: BLE001 - the boundary of the process: whatever a file does is a refusal
        answer = REFUSED + _code(error, file).encode()
    connection.send_bytes(answer)


def chosen_weights(content: Any, wanted: tuple[str, ...], kind: type[Any]) -> dict[str, Any]:
    """Return the wanted weights of what was saved, each an array of its own.

    Parameters
    ----------
    content
        What the file held: names to tensors, or that in one of :data:`NESTS`.
    wanted
        As :func:`serve_weights`.
    kind
        The class of tensors, for this module loads no torch.

    Raises
    ------
    ValueError
        If there are no weights by name.
    """
    while isinstance(content, Mapping) and not any(isinstance(value, kind) for value in content.values()):
        content = next((content[nest] for nest in NESTS if nest in content), None)
    if not isinstance(content, Mapping):
        raise ValueError("no weights by name")
    tensors: dict[str, Any] = {str(name): value for name, value in content.items() if isinstance(value, kind)}
    return {
        name: tensors[theirs].detach().float().contiguous().clone()
        for name, theirs in names_for(tensors, wanted).items()
    }


def names_for(names: Collection[str], wanted: Collection[str]) -> dict[str, str]:
    """Say what a file calls the weights that are wanted.

    Parameters
    ----------
    names
        All there are in the file.
    wanted
        The first of them decides what stands in front of all names, such as ``module.``.

    Returns
    -------
    dict
        Wanted name to name in the file, for those that are there.
    """
    if len(names) > MOST_NAMES:
        raise ValueError("no network has so many weights")
    have = set(names)
    first = next(iter(wanted))
    fronts = [name.removesuffix(first) for name in have if name.endswith(first)]
    fronts = [front for front in fronts if not front or front.endswith(".")]
    best = max(fronts, key=lambda front: (sum(front + name in have for name in wanted), -len(front)), default="")
    return {name: best + name for name in wanted if best + name in have}


def _code(error: BaseException, file: str) -> str:
    """Name the error: short of memory, code in the pickle, or no file of weights at all."""
    words = str(error)
    if isinstance(error, MemoryError) or "allocate memory" in words:
        return "encoder-file-large"
    refused = isinstance(error, pickle.UnpicklingError)
    return "encoder-file-code" if refused and ("GLOBAL" in words or _names_code(file)) else "encoder-file-damaged"


def _names_code(file: str) -> bool:
    """Whether a bare pickle names something to call; it is only looked through, never followed."""
    try:
        with Path(file).open("rb") as content:
            return any(operation.name in CALLS for operation, _value, _place in pickletools.genops(content))
    except (OSError, ValueError):
        return False
