"""Prediction of whole scans by an exported network, without torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import Cancelled, LearningError
from core.events import StopCheck, never_stop
from core.geometry import Geometry
from core.learning.grey_look import GreyLook, look_at
from core.learning.prepare import Preparation, Preparer
from core.learning.prepare_fit import Fit
from core.learning.runs import MODEL_FILE, ONNX_FILE
from core.project.predictions import THRESHOLD
from core.review.doubt import disagreement
from core.review.tidy import masks_of, tidy_brain
from core.volume import Volume
from models.exported import ExportedNetwork

__all__ = ["Predictor", "masks_of", "read_facts", "tidy_brain"]

BATCH = 4
"""Slices per call: enough to keep the cores busy, few enough to stop at once."""
OnSlices = Callable[[int, int], None]


class Predictor:
    """A trained network, ready to predict.

    Parameters
    ----------
    folder
        A run's folder (or a starter's) with ``model.json`` and ``model.onnx``.
    exact
        Compute in float32, where OpenVINO would otherwise choose bfloat16 on a CPU that
        has it (twice as fast, probabilities about 0.01 off).
    mirrored
        Predict each slice as it is and left-right mirrored, and average: half as fast, a little better.

    Attributes
    ----------
    labels
        Names, in the order of the output channels.
    preparation
        How slices are prepared.
    mirrored_doubt
        Of the scan predicted last, where slices were mirrored: label to how much the masks of a slice and of
        its mirror image differ, per slice (:func:`core.review.doubt.disagreement`); else empty.

    Raises
    ------
    LearningError
        ``model-damaged`` naming the file; ``run-classifies`` for a model that draws nothing; ``run-not-mirrored``.
    """

    def __init__(self, folder: Path, *, exact: bool = False, mirrored: bool = False) -> None:
        self.mirrored_doubt: dict[str, NDArray[np.float64]] = {}
        facts = read_facts(folder / MODEL_FILE)
        self._mirrored = may_mirror(facts, mirrored)
        if facts.get("task") == "classify":
            raise LearningError("run-classifies", name=facts.get("name", folder.name))
        try:
            self.labels: tuple[str, ...] = tuple(str(name) for name in facts["labels"])
            self._learnt = tuple(str(name) for name in facts.get("modalities", ()))
            self.name = str(facts.get("name", folder.name))
            self._usual = GreyLook.from_json(facts.get("grey_levels"))
            self.preparation = Preparation.from_json(facts["preparation"])
        except (KeyError, TypeError, ValueError) as error:
            raise LearningError("model-damaged", file=folder / MODEL_FILE) from error
        self._network = ExportedNetwork(folder / ONNX_FILE, exact=exact)
        size, inputs = self.preparation.size, self.preparation.inputs
        takes, gives = self._network.takes, self._network.gives[0]
        # a network that was swapped for one of other channels would fail at its first slice
        if takes[1:] != (inputs, size, size) or gives[1:] != (len(self.labels), size, size):
            raise LearningError("model-damaged", file=folder / ONNX_FILE)

    def probabilities(self, stacks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ``[n, labels, size, size]`` in 0..1 for prepared stacks ``[n, inputs, size, size]``."""
        return self._both(stacks)[0]

    def _both(self, stacks: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
        """Return probabilities, and by slice and label how much those of the mirrored stacks differ."""
        found = self._run(stacks)
        if not self._mirrored:
            return found, None
        other = self._run(stacks[..., ::-1])[..., ::-1]
        edge = THRESHOLD / 255
        doubts = np.stack(
            [disagreement(found[:, n] >= edge, other[:, n] >= edge) for n in range(len(self.labels))], axis=1
        )
        return np.asarray(0.5 * (found + other), dtype=np.float32), doubts

    def _run(self, stacks: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._network(stacks)[0]

    def unlearnt(self, volume: Volume) -> str:
        """Return the modality of a scan if the model is known to have learnt from others alone; else nothing."""
        return volume.modality if self._learnt and volume.modality not in ("", *self._learnt) else ""

    def other_window(self, volume: Volume) -> bool:
        """Whether a scan was shown in another window than most of those that the model learnt from."""
        return in_other_window(volume, self._usual, self.preparation)

    def predict_volume(
        self, volume: Volume, on_slices: OnSlices | None = None, should_stop: StopCheck = never_stop
    ) -> dict[str, NDArray[np.uint8]]:
        """Return each label's probability on the scan's own grid.

        Parameters
        ----------
        volume
            The scan.
        on_slices
            Told (slices done, slices in all) after each few.

        Returns
        -------
        dict
            Label name to uint8 ``[z, y, x]``, 255 = certain.

        Raises
        ------
        Cancelled
            If ``should_stop`` asks for anything: half a prediction is none.
        """
        result: dict[str, NDArray[np.uint8]] = {}
        for done, so_far in self.predict_in_pieces(volume, should_stop):
            result = so_far
            if on_slices is not None:
                on_slices(done, volume.shape[0])
        return result

    def predict_in_pieces(
        self, volume: Volume, should_stop: StopCheck = never_stop
    ) -> Iterator[tuple[int, dict[str, NDArray[np.uint8]]]]:
        """Do what :meth:`predict_volume` does, yielding (slices done, the arrays so far) after each few.

        The arrays are the same ones each time, filled further.

        Raises
        ------
        LearningError
            ``prepare-not-ct``, ``prepare-no-spacing`` if the scan is not what this model takes.
        """
        total = volume.shape[0]
        result = {name: np.zeros(volume.shape, dtype=np.uint8) for name in self.labels}
        preparer = Preparer(volume, self.preparation)
        self.mirrored_doubt = {name: np.zeros(total) for name in self.labels} if self._mirrored else {}

        def predict(indices: range) -> int:
            needed, rows = preparer.stacks(indices)
            found, doubts = self._both(preparer.slices(needed).astype(np.float32)[rows])
            self._put(preparer, indices, found, result)
            if doubts is not None:
                for channel, name in enumerate(self.labels):
                    self.mirrored_doubt[name][list(indices)] = doubts[:, channel]
            return indices[-1] + 1

        for done in self._network.in_turns(predict, batches(total, should_stop)):
            yield done, result

    def _put(
        self,
        preparer: Preparer,
        indices: Sequence[int],
        found: NDArray[np.float32],
        result: Mapping[str, NDArray[np.uint8]],
    ) -> None:
        """Lay probabilities ``[n, labels, size, size]`` of slices where they belong in a scan's arrays."""
        for row, index in enumerate(indices):
            fit = preparer.fit(index)
            for channel, name in enumerate(self.labels):
                stored = self._stored(fit, found[row, channel], name, preparer.volume.geometry)
                result[name][index] = np.rint(stored).clip(0, 255)

    def _stored(self, fit: Fit, square: NDArray[np.float32], name: str, geometry: Geometry) -> NDArray[np.float32]:
        """Return what is stored of a predicted square, 0..255 ``[rows, columns]``."""
        return fit.inverse(square) * np.float32(255)


def batches(total: int, should_stop: StopCheck) -> Iterator[range]:
    """Yield the numbers of a scan's slices a few at a time.

    Raises
    ------
    Cancelled
        As soon as ``should_stop`` asks for anything.
    """
    for start in range(0, total, BATCH):
        if should_stop():
            raise Cancelled
        yield range(start, min(start + BATCH, total))


def in_other_window(volume: Volume, usual: GreyLook | None, preparation: Preparation) -> bool:
    """Return whether the grey levels of a scan lie otherwise than is usual; no where nothing tells."""
    found = None if usual is None else look_at(volume, preparation.channels)
    return found is not None and usual is not None and found.other_window(usual)


def may_mirror(facts: Mapping[str, Any], mirrored: bool) -> bool:
    """Return ``mirrored`` if a model can be asked about mirror images.

    Raises
    ------
    LearningError
        ``run-not-mirrored`` if it never saw one, as left is not like right to it.
    """
    if mirrored and facts.get("mirror") == "no":
        raise LearningError("run-not-mirrored", name=str(facts.get("name", "-")))
    return mirrored


def read_facts(file: Path) -> Mapping[str, Any]:
    """Read ``model.json``.

    Raises
    ------
    LearningError
        ``model-damaged``.
    """
    try:
        facts = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise LearningError("model-damaged", file=file) from error
    if not isinstance(facts, dict):
        raise LearningError("model-damaged", file=file)
    return facts
