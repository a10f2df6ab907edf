"""Making a starter of a run: the files of its export, their numbers in 16 bits, without the project it came from."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch

from core.errors import LearningError
from core.io import atomic
from core.learning.run_files import LEARNT_FILE, export_run
from core.learning.runs import CARD_FILE, CONFIG_FILE, MODEL_FILE, ONNX_FILE, WEIGHTS_FILE, Run, read_model_facts
from core.project.project import Project
from core.volume import Volume
from models.inference import Predictor
from models.starter_export import halved

ROUNDING = 0.02
"""Most that a probability may be moved by keeping the numbers in 16 bits."""
_TRIALS = 4


def starter_of_run(project: Project, run: Run, folder: Path, name: str, card: str, facts: Mapping[str, Any]) -> float:
    """Write the files of a starter, ``model.json`` last, checked against the run.

    Parameters
    ----------
    project, run
        A run that draws.
    folder
        Where to; made if it is not there.
    name
        Of the starter: ``tumour``.
    card
        For ``card.md``.
    facts
        For ``model.json``, beside the run's own.

    Returns
    -------
    float
        Largest difference of a probability between the starter and the run, on scans of the project.

    Raises
    ------
    LearningError
        ``run-unusable``; ``export-inexact`` if 16 bits are too few for these weights.
    StorageError
        If the disk refuses.
    """
    record = {**read_model_facts(project, run.id), **facts, "name": name, "run": f"starter-{name}"}
    with tempfile.TemporaryDirectory(prefix="meninx-export-") as temporary:
        whole, trial = Path(temporary) / "run", Path(temporary) / "trial"
        export_run(project, run, whole)
        atomic.make_folder(trial)
        weights = safetensors.torch.load((whole / WEIGHTS_FILE).read_bytes())
        smaller = {key: tensor.half() if tensor.is_floating_point() else tensor for key, tensor in weights.items()}
        learnt = json.loads((whole / LEARNT_FILE).read_text("utf-8")) | {"name": name}
        content = {
            WEIGHTS_FILE: safetensors.torch.save(smaller),
            ONNX_FILE: halved((whole / ONNX_FILE).read_bytes()),
            CONFIG_FILE: (whole / CONFIG_FILE).read_bytes(),
            LEARNT_FILE: _json(learnt),
            CARD_FILE: card.encode(),
        }
        atomic.write_bytes(trial / ONNX_FILE, content[ONNX_FILE])
        atomic.write_bytes(trial / MODEL_FILE, _json(record))
        difference = _apart(whole, trial, [project.read_volume(scan.id) for scan in project.scans()[:_TRIALS]])
        if not difference <= ROUNDING:
            raise LearningError("export-inexact", difference=f"{difference:.2g}")
    record["rounding_difference"] = difference
    atomic.make_folder(folder)
    for file, written in content.items():
        atomic.write_bytes(folder / file, written)
    atomic.write_bytes(folder / MODEL_FILE, _json(record))
    return difference


def _apart(one: Path, other: Path, volumes: Sequence[Volume]) -> float:
    """Return the largest difference of a probability between two exported networks, in steps of 1/255."""
    first, second = Predictor(one, exact=True), Predictor(other, exact=True)
    most = 0
    for volume in volumes:
        told = second.predict_volume(volume)
        for label, probability in first.predict_volume(volume).items():
            most = max(most, int(np.abs(probability.astype(np.int16) - told[label]).max()))
    return most / 255


def _json(facts: Mapping[str, Any]) -> bytes:
    return (json.dumps(dict(facts), indent=1) + "\n").encode()
