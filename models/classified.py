"""What a classifier leaves while it learns and at its end: pictures of where it saw a yes, and the exported network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.io import atomic
from core.learning.class_rule import ClassRule, choose_rule
from core.learning.dataset import TrainingSet
from core.learning.events import Sample
from core.learning.prepare import Preparation
from core.learning.runs import CARD_FILE, SAMPLES_FOLDER
from core.messages import text
from core.review.class_pictures import activation_picture, encoded
from models.checkpoint import export_checked
from models.classifying import ClassPredictor
from models.device import autocast
from models.evaluation import batch_tensors
from models.networks.classifier import Classifier, pooled

_CHUNK = 16


class _WithMap(nn.Module):
    def __init__(self, network: Classifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, slices: Tensor) -> tuple[Tensor, Tensor]:
        found = self.network.maps(slices)
        return torch.sigmoid(pooled(found).flatten(1)), found


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
        sure = float(torch.sigmoid(pooled(torch.from_numpy(activation)[None, None])))
        yes = bool(data.amounts[example] > 0)
        samples.append(Sample(scan.name, int(data.slice_of[example]), -1.0, file, truth=yes, probability=sure))
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
    counts = np.bincount(data.scan_of, minlength=len(data.scans))
    partly = [number for number, scan in enumerate(data.scans) if counts[number] < scan.shape[0]]
    return choose_rule(np.concatenate(found), data.amounts[examples] > 0, data.scan_of[examples], partly)


def export_classifier(folder: Path, network: nn.Module, preparation: Preparation, facts: Mapping[str, Any]) -> float:
    """Write ``model.onnx`` and ``model.json``, checked against the network itself.

    The exported network takes ``slices`` ``[n, inputs, size, size]`` and gives ``probability`` ``[n, 1]``
    and ``activation`` ``[n, 1, h', w']``, of which :func:`models.networks.classifier.pooled` makes the logit.
    ``model.json`` comes last, for it is what makes a run usable.

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
    return export_checked(
        folder,
        _WithMap(network),
        ("probability", "activation"),
        preparation,
        facts,
        lambda trial, slices: ClassPredictor(trial, exact=True).raw(slices)[0][:, None],
    )


def write_class_card(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write ``card.md``: what the model says, what it learnt from, how good it is and what it is not for."""
    flatters = "".join(f"\n\n{text(f'notices.training-leaky-{reason}')}" for reason in facts["leaky"])
    atomic.write_bytes(folder / CARD_FILE, text("learning.class_card", **{**facts, "leaky": flatters}).encode())
