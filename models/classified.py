"""What a classifier leaves while it learns and at its end: pictures of where it saw a yes, and the exported network."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import LearningError
from core.io import atomic
from core.learning.class_rule import ClassRule, choose_rule
from core.learning.dataset import TrainingSet
from core.learning.events import Sample
from core.learning.prepare import Preparation
from core.learning.runs import CARD_FILE, MODEL_FILE, ONNX_FILE, SAMPLES_FOLDER
from core.messages import text
from core.review.class_pictures import activation_picture, encoded
from models.checkpoint import EXPORT_TOLERANCE, onnx_bytes
from models.classifying import ClassPredictor
from models.device import autocast
from models.evaluation import batch_tensors
from models.networks.classifier import Classifier

_CHUNK = 16


class _WithMap(nn.Module):
    def __init__(self, network: Classifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, slices: Tensor) -> tuple[Tensor, Tensor]:
        found = self.network.maps(slices)
        return torch.sigmoid(found.mean(dim=(2, 3))), found


def activation_maps(
    network: nn.Module, data: TrainingSet, examples: NDArray[np.int64], device: torch.device, precision: torch.dtype
) -> Iterator[NDArray[np.float32]]:
    """Yield where a few examples speak for yes, ``[h', w']`` in logits."""
    assert isinstance(network, Classifier)
    network.eval()
    images = batch_tensors(data, examples, device)[0]
    with torch.no_grad(), autocast(device, precision):
        found = network.maps(images)
    yield from found[:, 0].float().cpu().numpy()


def draw_activations(
    folder: Path, epoch: int, data: TrainingSet, examples: NDArray[np.int64], maps: Sequence[NDArray[Any]]
) -> tuple[Sample, ...]:
    """Write one PNG per pinned example, as :func:`models.previews.draw_samples` does."""
    atomic.make_folder(folder / SAMPLES_FOLDER)
    samples = []
    for number, (example, activation) in enumerate(zip(examples, maps, strict=True)):
        middle = data.images[data.stacks[example][data.stacks.shape[1] // 2]]
        file = f"{SAMPLES_FOLDER}/epoch-{epoch:04d}-{number}.png"
        atomic.write_bytes(folder / file, encoded(activation_picture(middle.astype(np.float32), activation)))
        scan = data.scans[int(data.scan_of[example])]
        # a slice as a whole has no Dice
        samples.append(Sample(scan.name, int(data.slice_of[example]), -1.0, file))
    return tuple(samples)


def rule_of(network: nn.Module, data: TrainingSet, examples: NDArray[np.int64], device: torch.device) -> ClassRule:
    """Choose thresholds and calibration on the slices that check."""
    network = network.to(device).eval()
    found = []
    for start in range(0, len(examples), _CHUNK):
        images = batch_tensors(data, examples[start : start + _CHUNK], device)[0]
        with torch.no_grad():
            found.append(torch.sigmoid(network(images).float()).reshape(len(images)).cpu().numpy())
    network.cpu()
    return choose_rule(np.concatenate(found), data.amounts[examples] > 0, data.scan_of[examples])


def export_classifier(folder: Path, network: nn.Module, preparation: Preparation, facts: Mapping[str, Any]) -> float:
    """Write ``model.onnx`` and ``model.json``, checked against the network itself.

    The exported network takes ``slices`` ``[n, inputs, size, size]`` and gives ``probability`` ``[n, 1]``
    and ``activation`` ``[n, 1, h', w']``, whose mean is the logit. ``model.json`` comes last, for
    it is what makes a run usable.

    Parameters
    ----------
    network
        In evaluation, on the CPU.
    facts
        For ``model.json``; must hold ``rule``.

    Returns
    -------
    float
        Largest difference of a probability.

    Raises
    ------
    LearningError
        ``export-inexact``.
    """
    assert isinstance(network, Classifier)
    module = _WithMap(network).eval()
    shape = (2, preparation.inputs, preparation.size, preparation.size)
    example = torch.from_numpy(np.random.default_rng(0).standard_normal(shape).astype(np.float32))
    content = onnx_bytes(module, example, ("probability", "activation"))
    record = {"schema": 1, **facts, "preparation": preparation.to_json()}
    with torch.no_grad():
        expected = module(example)[0].numpy()
    with tempfile.TemporaryDirectory(prefix="meninx-export-") as temporary:
        trial = Path(temporary)
        atomic.write_bytes(trial / ONNX_FILE, content)
        atomic.write_bytes(trial / MODEL_FILE, json.dumps(record).encode())
        found = ClassPredictor(trial, exact=True).raw(example.numpy())[0]
    difference = float(np.abs(found - expected[:, 0]).max())
    if not difference <= EXPORT_TOLERANCE:
        raise LearningError("export-inexact", difference=f"{difference:.2g}")
    record["export_difference"] = difference
    atomic.write_bytes(folder / ONNX_FILE, content)
    atomic.write_bytes(folder / MODEL_FILE, (json.dumps(record, indent=1) + "\n").encode())
    return difference


def write_class_card(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write ``card.md``: what the model says, what it learnt from, how good it is and what it is not for."""
    flatters = "".join(f"\n\n{text(f'notices.training-leaky-{reason}')}" for reason in facts["leaky"])
    atomic.write_bytes(folder / CARD_FILE, text("learning.class_card", **{**facts, "leaky": flatters}).encode())
