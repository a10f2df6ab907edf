"""Yes or no of slices without torch: a classifier at work, and as a gate before a network that draws."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import LearningError
from core.events import StopCheck, never_stop
from core.learning import runs
from core.learning.class_rule import ClassRule
from core.learning.grey_look import GreyLook
from core.learning.prepare import Preparation, Preparer
from core.learning.runs import MODEL_FILE, ONNX_FILE
from core.project.class_predictions import ClassPrediction, read_classes, write_classes
from core.project.project import Project
from core.project.records import Scan
from core.volume import Volume
from models.exported import ExportedNetwork
from models.inference import batches, in_other_window, may_mirror, read_facts


class ClassPredictor:
    """A trained classifier, ready to be asked.

    Parameters
    ----------
    folder
        A run's folder with ``model.json`` and ``model.onnx``.
    exact
        Compute in float32, where OpenVINO would otherwise choose bfloat16.
    mirrored
        Ask about each slice as it is and mirrored, and average.

    Attributes
    ----------
    name
        Of the class.
    preparation, rule
        How slices are prepared; what makes an answer of the output.
    model
        SHA-256 of the network.

    Raises
    ------
    LearningError
        ``model-damaged`` naming the file; ``run-draws`` for a model that draws; ``run-not-mirrored``.
    """

    def __init__(self, folder: Path, *, exact: bool = False, mirrored: bool = False) -> None:
        facts = read_facts(folder / MODEL_FILE)
        self._mirrored = may_mirror(facts, mirrored)
        if facts.get("task") != "classify":
            raise LearningError("run-draws", name=facts.get("name", folder.name))
        try:
            self.name = str(facts["class_name"])
            self.preparation = Preparation.from_json(facts["preparation"])
            self.rule = ClassRule.from_json(facts["rule"])
            self._usual = GreyLook.from_json(facts.get("grey_levels"))
        except (KeyError, TypeError, ValueError) as error:
            raise LearningError("model-damaged", file=folder / MODEL_FILE) from error
        self._network = ExportedNetwork(folder / ONNX_FILE, exact=exact)
        taken = (self.preparation.inputs, self.preparation.size, self.preparation.size)
        gives = self._network.gives
        if self._network.takes[1:] != taken or len(gives) != 2 or len(gives[1]) != 4:
            raise LearningError("model-damaged", file=folder / ONNX_FILE)
        self.model = hashlib.sha256((folder / ONNX_FILE).read_bytes()).hexdigest()

    def raw(self, stacks: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the network's own probability ``[n]`` and activation ``[n, h', w']`` of prepared stacks."""
        found, activation = self._run(stacks)
        if self._mirrored:
            other, turned = self._run(stacks[..., ::-1])
            half = np.float32(0.5)
            found, activation = half * (found + other), half * (activation + turned[..., ::-1])
        return found, activation

    def _run(self, stacks: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        found, activation = self._network(stacks)
        return found[:, 0], activation[:, 0]

    def other_window(self, volume: Volume) -> bool:
        """Whether a scan was shown in another window than most of those that the model learnt from."""
        return in_other_window(volume, self._usual, self.preparation)

    def in_pieces(
        self, volume: Volume, should_stop: StopCheck = never_stop
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Ask about all slices of a scan, yielding (slices done, calibrated probabilities ``[z]`` so far).

        Raises
        ------
        Cancelled
            If ``should_stop`` asks for anything.
        LearningError
            ``prepare-not-ct``, ``prepare-no-spacing`` if the scan is not what this model takes.
        """
        total = volume.shape[0]
        result = np.zeros(total, dtype=np.float64)
        preparer = Preparer(volume, self.preparation)

        def ask(indices: range) -> int:
            needed, rows = preparer.stacks(indices)
            found, _ = self.raw(preparer.slices(needed).astype(np.float32)[rows])
            result[list(indices)] = self.rule.probability(found)
            return indices[-1] + 1

        for done in self._network.in_turns(ask, batches(total, should_stop)):
            yield done, result

    def looked_at(self, volume: Volume, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return a prepared slice ``[size, size]`` and where it speaks for yes, ``[h', w']`` in logits."""
        preparer = Preparer(volume, self.preparation)
        needed, rows = preparer.stacks([index])
        slices = preparer.slices(needed).astype(np.float32)
        return slices[rows[0][len(rows[0]) // 2]], self.raw(slices[rows])[1][0]


def load_classifier(project: Project, ref: str, *, mirrored: bool = False) -> tuple[runs.Run, ClassPredictor]:
    """Return a run that classifies, ready to be asked.

    Raises
    ------
    LearningError
        ``run-unknown``, ``run-unusable``, ``run-draws``, ``model-damaged``.
    """
    run = runs.find_run(project, ref)
    if not run.config.classifies:
        raise LearningError("run-draws", name=run.name)
    return run, ClassPredictor(runs.require_usable(project, run), mirrored=mirrored)


def classify_scan(
    project: Project,
    run: str,
    predictor: ClassPredictor,
    scan: Scan,
    volume: Volume | None = None,
    should_stop: StopCheck = never_stop,
) -> Iterator[int]:
    """Classify the slices of a scan and store what was said; yields slices done."""
    started = time.monotonic()
    probability: NDArray[Any] = np.zeros(0)
    read = project.read_volume(scan.id) if volume is None else volume
    for done, so_far in predictor.in_pieces(read, should_stop):
        probability = so_far
        yield done
    rule = predictor.rule
    found = ClassPrediction(
        run,
        scan.id,
        predictor.name,
        probability,
        rule.threshold,
        rule.scan_threshold,
        rule.gate_threshold,
        predictor.model,
    )
    write_classes(project, found, seconds=time.monotonic() - started)


class Gate:
    """A classifier before a network that draws: where it calls a slice clean, nothing is drawn.

    Parameters
    ----------
    project
        An open project.
    ref
        The classifier's run.

    Raises
    ------
    LearningError
        As :func:`load_classifier`.
    """

    def __init__(self, project: Project, ref: str) -> None:
        self._project = project
        self.run, self._predictor = load_classifier(project, ref)

    def asked(self, scan: Scan, volume: Volume, should_stop: StopCheck = never_stop) -> ClassPrediction:
        """Return what the classifier says of a scan; asked once, it is kept.

        Raises
        ------
        Cancelled
            If ``should_stop`` asks for anything.
        """
        found = read_classes(self._project, self.run.id, scan.id)
        if found is None or found.model != self._predictor.model:
            for _ in classify_scan(self._project, self.run.id, self._predictor, scan, volume, should_stop):
                pass
            found = read_classes(self._project, self.run.id, scan.id)
        if found is None:
            raise LearningError("prediction-missing", run=self.run.name, scan=scan.name)
        return found

    def other_window(self, volume: Volume) -> bool:
        """Whether a scan was shown in another window than most of those that the gate learnt from."""
        return self._predictor.other_window(volume)

    def close(self, found: ClassPrediction, masks: dict[str, NDArray[np.uint8]]) -> dict[str, Any]:
        """Empty the clean slices of masks ``[z, y, x]``; return what that removed, for the meta.

        Probabilities stay what the network said, so that it can be seen what was removed.
        """
        clean = found.probability < found.gate_threshold
        removed = {name: int(np.count_nonzero(mask[clean])) for name, mask in masks.items()}
        emptied = sorted({int(z) for mask in masks.values() for z in np.flatnonzero(mask.any(axis=(1, 2)) & clean)})
        by_slice = {name: [int(np.count_nonzero(mask[z])) for z in emptied] for name, mask in masks.items()}
        for mask in masks.values():
            mask[clean] = 0
        return {
            "run": self.run.id,
            "name": self.run.name,
            "class": found.name,
            "threshold": found.gate_threshold,
            "clean": [int(z) for z in np.flatnonzero(clean)],
            "emptied": emptied,
            "removed_voxels": removed,
            "removed_by_slice": by_slice,
        }
