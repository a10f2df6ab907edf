"""The files of a run: weights, what resumes a training, the exported network, the card.

Nothing here is a pickle that could run code: weights are safetensors, ``resume.pt`` is
read with ``weights_only``.
"""

from __future__ import annotations

import io
import json
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn

from core.errors import LearningError
from core.io import atomic
from core.learning.prepare import Preparation
from core.learning.runs import CARD_FILE, MODEL_FILE, ONNX_FILE, RESUME_FILE, WEIGHTS_FILE
from core.messages import text
from models.exported import load_openvino
from models.inference import Predictor

_FACTS = "facts"
EXPORT_TOLERANCE = 1e-3
"""Largest difference of a probability between the trained and the exported network."""


def save_weights(folder: Path, network: nn.Module, facts: Mapping[str, float] | None = None) -> None:
    """Write ``model.safetensors``, and in it the ``facts`` of these weights, from which no crash can part them."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in _tensors(network).items()}
    # of several entries the order would be another one each time
    told = None if facts is None else {_FACTS: json.dumps(dict(facts))}
    atomic.write_bytes(folder / WEIGHTS_FILE, safetensors.torch.save(state, told))


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Read ``model.safetensors``.

    Raises
    ------
    LearningError
        ``model-missing``, ``model-damaged``.
    """
    file = folder / WEIGHTS_FILE
    if not file.is_file():
        raise LearningError("model-missing", file=file)
    try:
        return dict(safetensors.torch.load(file.read_bytes()))
    except (OSError, SafetensorError, ValueError) as error:
        raise LearningError("model-damaged", file=file) from error


def read_weights_facts(folder: Path) -> dict[str, float]:
    """Return what :func:`save_weights` told of the weights; nothing where it told nothing, or where there are none."""
    try:
        with safetensors.safe_open(str(folder / WEIGHTS_FILE), framework="pt") as content:
            told = json.loads((content.metadata() or {}).get(_FACTS, "{}"))
        return {str(name): float(value) for name, value in told.items()}
    except (OSError, SafetensorError, ValueError, TypeError, AttributeError):
        # damaged: whoever needs the weights says so
        return {}


def load_matching(network: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """Load the weights whose name and shape fit; return the names that stayed fresh."""
    fresh = []
    with torch.no_grad():
        for name, own in _tensors(network).items():
            if name in weights and weights[name].shape == own.shape:
                own.copy_(weights[name])
            else:
                fresh.append(name)
    return fresh


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers, each under its first name (DynUNet holds its blocks under two)."""
    return {**dict(network.named_parameters()), **dict(network.named_buffers())}


def save_resume(folder: Path, state: Mapping[str, Any]) -> None:
    """Write ``resume.pt``: tensors, numbers, words, lists and dicts only."""
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    atomic.write_bytes(folder / RESUME_FILE, buffer.getvalue())


def read_resume(folder: Path, device: torch.device) -> dict[str, Any]:
    """Read ``resume.pt``.

    Raises
    ------
    LearningError
        ``model-damaged``.
    """
    file = folder / RESUME_FILE
    try:
        state = torch.load(io.BytesIO(file.read_bytes()), map_location=device, weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise LearningError("model-damaged", file=file) from error
    return dict(state)


class _WithSigmoid(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, slices: Tensor) -> Tensor:
        return torch.sigmoid(self.network(slices))


def export_model(folder: Path, network: nn.Module, preparation: Preparation, facts: Mapping[str, Any]) -> float:
    """Write ``model.onnx`` and ``model.json``, checked against the network itself.

    The exported network takes ``slices`` ``[n, slices * channels, size, size]`` and gives
    ``probability`` ``[n, labels, size, size]``; both files take their place only after
    the check, ``model.json`` last, for it is what makes a run usable.

    Parameters
    ----------
    network
        In evaluation, on the CPU.
    facts
        For ``model.json``; must hold ``labels``.

    Returns
    -------
    float
        Largest difference of a probability.

    Raises
    ------
    LearningError
        ``export-inexact``.
    """
    return export_checked(
        folder,
        _WithSigmoid(network),
        ("probability",),
        preparation,
        facts,
        lambda trial, slices: Predictor(trial, exact=True).probabilities(slices),
    )


def export_checked(
    folder: Path,
    module: nn.Module,
    outputs: Sequence[str],
    preparation: Preparation,
    facts: Mapping[str, Any],
    predicted: Callable[[Path, NDArray[np.float32]], NDArray[np.float32]],
) -> float:
    """Write ``model.onnx`` and ``model.json`` if the first output is what ``predicted`` makes of them.

    Parameters
    ----------
    module
        On the CPU; takes ``[n, inputs, size, size]``.
    outputs
        Their names.
    predicted
        Reads the two files in a folder and returns the first output for slices ``[n, inputs, size, size]``.

    Returns
    -------
    float
        Largest difference of a probability.

    Raises
    ------
    LearningError
        ``export-inexact``.
    """
    module = module.eval()
    shape = (2, preparation.inputs, preparation.size, preparation.size)
    example = torch.from_numpy(np.random.default_rng(0).standard_normal(shape).astype(np.float32))
    # written with one slice and checked with two: it must take any number, and whoever pressed Stop waits
    content = onnx_bytes(module, example[:1], outputs)
    record = {"schema": 1, **facts, "preparation": preparation.to_json()}
    # one processor for each: whoever pressed Stop waits
    with tempfile.TemporaryDirectory(prefix="meninx-export-") as temporary, ThreadPoolExecutor(1) as beside:
        own = beside.submit(_first_output, module, example)
        trial = Path(temporary)
        atomic.write_bytes(trial / ONNX_FILE, content)
        atomic.write_bytes(trial / MODEL_FILE, json.dumps(record).encode())
        found = predicted(trial, example.numpy())
        expected = own.result()
    difference = float(np.abs(found - expected).max())
    if found.shape != expected.shape or not difference <= EXPORT_TOLERANCE:
        raise LearningError("export-inexact", difference=f"{difference:.2g}")
    record["export_difference"] = difference
    atomic.write_bytes(folder / ONNX_FILE, content)
    atomic.write_bytes(folder / MODEL_FILE, (json.dumps(record, indent=1) + "\n").encode())
    return difference


def _first_output(module: nn.Module, example: Tensor) -> NDArray[np.float32]:
    # of a thread, which has its own say in whether gradients are kept
    with torch.no_grad():
        given = module(example)
    found: NDArray[np.float32] = (given if isinstance(given, Tensor) else given[0]).numpy()
    return found


def onnx_bytes(module: nn.Module, example: Tensor, outputs: Sequence[str]) -> bytes:
    """Return a network as ONNX: it takes ``slices``, any number at a time."""
    with tempfile.TemporaryDirectory(prefix="meninx-export-") as temporary, warnings.catch_warnings():
        file = Path(temporary) / ONNX_FILE
        # the older exporter: measured 0.9 s against 6.7 s here, same result to 6e-5, and
        # whoever pressed Stop is waiting for it
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (example,),
            str(file),
            input_names=["slices"],
            output_names=list(outputs),
            dynamic_axes={name: {0: "n"} for name in ("slices", *outputs)},
            dynamo=False,
        )
        return file.read_bytes()


def load_exporter() -> None:
    """Load what an export needs: 0.3 s that nobody has to wait for once Stop is pressed."""
    onnx_bytes(nn.ReLU(), torch.zeros(1, 1, 8, 8), ("probability",))
    load_openvino()


def write_card(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write ``card.md``: what the model is, what it learnt from, how good it is and what it is not for."""
    flatters = "".join(f"\n\n{text(f'notices.training-leaky-{reason}')}" for reason in facts["leaky"])
    parent = facts["parent_name"]
    if facts["held"]:
        parent += text("learning.card_held", percent=round(100 * facts["held"]))
    told = {"labels": ", ".join(facts["labels"]), "leaky": flatters, "parent_name": parent}
    words = text("learning.card", **{**facts, **told})
    atomic.write_bytes(folder / CARD_FILE, words.encode())
