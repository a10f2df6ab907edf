"""Making a starter of what :mod:`models.synth_learner` learnt: files of a run that need no project.

Weights are kept as 16-bit numbers: half the size, and less off than a CPU's bfloat16 is. The distance that was
learnt beside the Brain is a second output of ``model.onnx``; in ``model.safetensors`` its numbers stand apart, under
names that begin with :data:`DISTANCE_PREFIX`, so that a training may take the rest as any other parent's.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from core.errors import LearningError
from core.io import atomic
from core.labels import BRAIN
from core.learning.config import TrainingConfig
from core.learning.prepare import Preparation
from core.learning.run_files import LEARNT_FILE
from core.learning.runs import CONFIG_FILE, MODEL_FILE, ONNX_FILE, WEIGHTS_FILE
from core.learning.split import Part
from core.learning.synth import DISTANCE_SCALE
from models.checkpoint import EXPORT_TOLERANCE, onnx_bytes
from models.inference import Predictor
from models.losses import main_head
from models.networks.registry import build_network

DISTANCE_PREFIX = "distance."
OUTPUT_NAMES = ("probability", "distance")
_SMALL = 64
"""Constants of fewer numbers are left as they are."""


class WithDistance(nn.Module):
    """A network of two channels as it predicts: probability of Brain, and signed distance.

    Parameters
    ----------
    network
        Gives ``[n, 2, s, s]``.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, slices: Tensor) -> tuple[Tensor, Tensor]:
        """Return probability and distance (-1..1, parts of ``DISTANCE_SCALE`` pixels), each ``[n, 1, s, s]``."""
        output = main_head(self.network(slices))
        return torch.sigmoid(output[:, :1]), torch.tanh(output[:, 1:])


def export_starter(folder: Path, network: nn.Module, config: TrainingConfig, facts: Mapping[str, Any]) -> float:
    """Write the files of a starter, ``model.json`` last, checked against the network.

    Parameters
    ----------
    folder
        Where to; made if it is not there.
    network
        In evaluation, on the CPU; its weights are rounded to 16 bits in place.
    config
        As a run with these weights would have it: network, size, slices, preparation.
    facts
        For ``model.json``. ``real_heads``, if there are any, each with its ``sha256``: no child may be tested on them.

    Returns
    -------
    float
        Largest difference of a probability between the file and the network.

    Raises
    ------
    LearningError
        ``export-inexact``.
    """
    preparation = Preparation.of(config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half().float())
    module = WithDistance(network).eval()
    shape = (2, preparation.inputs, preparation.size, preparation.size)
    example = torch.from_numpy(np.random.default_rng(0).standard_normal(shape).astype(np.float32))
    content = halved(onnx_bytes(module, example, OUTPUT_NAMES))
    record = {"schema": 1, **facts, "labels": [BRAIN], "task": "segment", "network": config.network}
    record |= {"preparation": preparation.to_json(), "distance": {"scale": DISTANCE_SCALE}}
    with torch.no_grad():
        expected = module(example)[0].numpy()
    with tempfile.TemporaryDirectory(prefix="meninx-export-") as temporary:
        trial = Path(temporary)
        atomic.write_bytes(trial / ONNX_FILE, content)
        atomic.write_bytes(trial / MODEL_FILE, json.dumps(record).encode())
        found = Predictor(trial, exact=True).probabilities(example.numpy())
    difference = float(np.abs(found - expected).max())
    if not difference <= EXPORT_TOLERANCE:
        raise LearningError("export-inexact", difference=f"{difference:.2g}")
    record["export_difference"] = difference
    atomic.make_folder(folder)
    atomic.write_bytes(folder / WEIGHTS_FILE, safetensors.torch.save(_apart(network, config)))
    atomic.write_bytes(folder / ONNX_FILE, content)
    atomic.write_bytes(folder / CONFIG_FILE, _json(config.to_json()))
    scans = [{"sha256": head["sha256"], "part": Part.TRAIN.value} for head in facts.get("real_heads", ())]
    atomic.write_bytes(folder / LEARNT_FILE, _json({"schema": 1, "name": record.get("name", ""), "scans": scans}))
    atomic.write_bytes(folder / MODEL_FILE, _json(record))
    return difference


def _json(facts: Mapping[str, Any]) -> bytes:
    return (json.dumps(dict(facts), indent=1) + "\n").encode()


def _apart(network: nn.Module, config: TrainingConfig) -> dict[str, Tensor]:
    """Return the weights, 16 bits, those of the distance under names of their own."""
    single = build_network(config.network, inputs=config.slices, outputs=1, size=config.size)
    shapes = {name: tensor.shape for name, tensor in single.named_parameters()}
    state: dict[str, Tensor] = {}
    for name, tensor in network.named_parameters():
        half = tensor.detach().half().contiguous()
        if half.shape == shapes[name]:
            state[name] = half
        else:
            state[name], state[DISTANCE_PREFIX + name] = half[:1].clone(), half[1:].clone()
    return state


def load_starter(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put the weights of a starter into a network of two channels.

    Raises
    ------
    LearningError
        ``model-damaged`` if something is missing or has another shape.
    """
    with torch.no_grad():
        for name, own in network.named_parameters():
            given = [weights[key] for key in (name, DISTANCE_PREFIX + name) if key in weights]
            whole = torch.cat(given) if given else None
            if whole is None or whole.shape != own.shape:
                raise LearningError("model-damaged", file=WEIGHTS_FILE)
            own.copy_(whole.float())


def halved(content: bytes) -> bytes:
    """Return an ONNX model whose large constants are stored as 16-bit numbers, and widened when it is loaded."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_from_string(content)
    graph = model.graph
    kept, casts = [], []
    for constant in graph.initializer:
        values = numpy_helper.to_array(constant)
        if constant.data_type != TensorProto.FLOAT or values.size < _SMALL:
            kept.append(constant)
            continue
        name = f"{constant.name}_half"
        kept.append(numpy_helper.from_array(values.astype(np.float16), name))
        casts.append(helper.make_node("Cast", [name], [constant.name], to=TensorProto.FLOAT))
    nodes = list(graph.node)
    del graph.initializer[:]
    del graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend([*casts, *nodes])
    return bytes(model.SerializeToString())
