"""Weights of an encoder from a file that somebody else made: read as numbers, never as a program.

``.safetensors`` holds nothing but numbers and is read here. ``.pth`` and ``.pt`` are pickles, which
can run anything: they are read by torch's ``weights_only`` reader, which builds tensors and refuses
the rest, and that in a child process with little memory and little time, which hands back plain
numbers (:mod:`models.unpickling`).
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from core.errors import LearningError
from core.io.limits import OVER_LIMIT_STATUS
from core.learning.config import ENCODER_CLASSIFIERS, ENCODER_NETWORKS
from core.messages import text
from models.networks.classifier import Classifier
from models.networks.encoders import Encoder
from models.networks.pretrained_unet import PretrainedUNet, build_encoder
from models.unpickling import WEIGHTS, names_for, serve_weights

TAKERS = (*ENCODER_NETWORKS, *ENCODER_CLASSIFIERS)
"""Networks whose encoder takes weights."""
SAFE, PICKLED = ".safetensors", (".pth", ".pt")
STARTING = 180.0
"""Seconds that the child may take to load torch, before any file is to blame."""
PATIENCE = 60.0
SECONDS_PER_BYTE = 1 / 20_000_000
MEMORY = 1 << 30
"""Bytes that the child may take beyond twice the size of the file."""
MOST_ANSWER = 1 << 30
COLOURS = 3
NAMED = 3
"""So many of the weights that are missing stand in the sentence."""


def read_encoder(file: Path, network_name: str) -> dict[str, Tensor]:
    """Read the weights of a network's encoder from a local file.

    Names are torchvision's (``features.0.weight``, ``layer1.0.conv1.weight``), with or without
    something in front of all of them (``module.``, ``encoder.``), so a run's own
    ``model.safetensors`` serves as well. What is not of the encoder, such as a classifier, is left.

    Parameters
    ----------
    file
        ``.safetensors``, ``.pth`` or ``.pt``.
    network_name
        One of :data:`TAKERS`.

    Returns
    -------
    dict
        Name, as in ``network.encoder.state_dict()``, to float32 tensor; the first convolution
        has as many inputs as in the file.

    Raises
    ------
    LearningError
        ``encoder-none`` for a network without such an encoder; ``encoder-file-kind``,
        ``encoder-file-unread``; ``encoder-file-code`` for a pickle that holds more than numbers;
        ``encoder-file-damaged``, ``encoder-file-large``, ``encoder-file-slow``; ``encoder-lacks``
        where weights are missing, ``encoder-shape`` where one is of another size,
        ``encoder-not-finite``.
    """
    if network_name not in TAKERS:
        raise LearningError("encoder-none", network=_called(network_name), networks=_takers())
    encoder = build_encoder(network_name, COLOURS)
    wanted = tuple(_learnt(encoder))
    require_file(file)
    weights = _read_safe(file, wanted) if file.suffix.lower() == SAFE else _read_pickled(file, wanted)
    _check(weights, encoder, file=file.name, network=_called(network_name))
    return weights


def _called(network: str) -> str:
    """Return the words that the window has for a network."""
    return text(f"train.network_{network}")


def _takers() -> str:
    """Return the networks that take weights, each with the name that the command line knows."""
    return ", ".join(f"{_called(name)} ({name})" for name in TAKERS)


def require_file(file: Path) -> None:
    """Check that a file of weights is there and of a kind that is read.

    Raises
    ------
    LearningError
        ``encoder-file-kind``, ``encoder-file-unread``.
    """
    if file.suffix.lower() not in (SAFE, *PICKLED):
        raise LearningError("encoder-file-kind", file=file.name)
    if not file.is_file():
        raise LearningError("encoder-file-unread", file=file.name)


def load_encoder(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put weights of :func:`read_encoder` into a network.

    A first convolution for another number of inputs is made of the one that is there: each
    input takes the sum over the file's inputs divided by the number of inputs, so that a grey
    slice given to all inputs gives what the same grey picture gave in three colours.

    Parameters
    ----------
    network
        From :func:`models.networks.registry.build_network`, on any device.
    weights
        Of the same kind of encoder.

    Raises
    ------
    LearningError
        ``encoder-none`` if the network has no such encoder.
    """
    encoder = network.encoder if isinstance(network, (PretrainedUNet, Classifier)) else None
    if not isinstance(encoder, Encoder):
        raise LearningError("encoder-none", network=type(network).__name__, networks=_takers())
    with torch.no_grad():
        for name, own in _learnt(encoder).items():
            given = weights[name]
            own.copy_(_adapted(given, own.shape[1]) if name == encoder.first else given)


def _adapted(weight: Tensor, inputs: int) -> Tensor:
    """Return a convolution's weight ``[o, k, h, w]`` for another number of inputs; its sum over inputs stays."""
    if weight.shape[1] == inputs:
        return weight
    return (weight.sum(dim=1, keepdim=True) / inputs).expand(-1, inputs, -1, -1)


def _learnt(encoder: Encoder) -> dict[str, Tensor]:
    """Return what a file must hold: all but the count of batches, which nothing depends on and old files lack."""
    state: Mapping[str, Tensor] = encoder.state_dict()
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


def _check(weights: Mapping[str, Tensor], encoder: Encoder, **told: str) -> None:
    """Refuse weights that are not this encoder's, naming what is wrong."""
    wanted = _learnt(encoder)
    missing = [name for name in wanted if name not in weights]
    if missing:
        raise LearningError("encoder-lacks", count=len(missing), some=", ".join(missing[:NAMED]), **told)
    for name, own in wanted.items():
        found, shape = list(weights[name].shape), list(own.shape)
        if name == encoder.first and len(found) == len(shape) and found[1] > 0:
            shape[1] = found[1]
        if found != shape:
            raise LearningError("encoder-shape", weight=name, found=_words(found), wanted=_words(shape), **told)
        if not bool(torch.isfinite(weights[name]).all()):
            raise LearningError("encoder-not-finite", weight=name, **told)


def _words(shape: list[int]) -> str:
    return " x ".join(map(str, shape)) or "1"


def _read_safe(file: Path, wanted: tuple[str, ...]) -> dict[str, Tensor]:
    try:
        with safetensors.safe_open(str(file), framework="pt") as content:
            found = names_for(content.keys(), wanted)
            return {name: content.get_tensor(theirs).float() for name, theirs in found.items()}
    except (OSError, SafetensorError, ValueError) as error:
        raise LearningError("encoder-file-damaged", file=file.name) from error


def _read_pickled(file: Path, wanted: tuple[str, ...]) -> dict[str, Tensor]:
    """Let a child of its own read the file; whatever the file does to it is one refusal."""
    size = file.stat().st_size
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    arguments = (theirs, str(file), wanted, 2 * size + MEMORY)
    process = context.Process(target=serve_weights, args=arguments, name="meninx-weights", daemon=True)
    process.start()
    theirs.close()
    try:
        _hear(ours, STARTING)
        answer = _hear(ours, PATIENCE + size * SECONDS_PER_BYTE)
    except TimeoutError as error:
        raise LearningError("encoder-file-slow", file=file.name) from error
    except (EOFError, OSError) as error:
        process.join()
        code = "encoder-file-large" if process.exitcode == OVER_LIMIT_STATUS else "encoder-file-damaged"
        raise LearningError(code, file=file.name) from error
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()
    if answer[:1] != WEIGHTS:
        raise LearningError(answer[1:].decode("ascii"), file=file.name)
    return dict(safetensors.torch.load(answer[1:]))


def _hear(connection: Connection[Any, Any], seconds: float) -> bytes:
    if not connection.poll(seconds):
        raise TimeoutError
    return connection.recv_bytes(MOST_ANSWER)
