"""Prediction without torch: OpenVINO runs the exported network on whole scans.

Nothing here reaches for the network: OpenVINO's telemetry package is kept from loading.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.errors import Cancelled, LearningError
from core.events import StopCheck, never_stop
from core.geometry import bounding_box
from core.labels import BRAIN
from core.learning.prepare import Preparation, Preparer
from core.learning.runs import MODEL_FILE, ONNX_FILE
from core.project.predictions import THRESHOLD
from core.volume import Volume

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

    Raises
    ------
    LearningError
        ``model-damaged`` naming the file; ``run-classifies`` for a model that draws nothing.
    """

    def __init__(self, folder: Path, *, exact: bool = False, mirrored: bool = False) -> None:
        self._mirrored = mirrored
        facts = read_facts(folder / MODEL_FILE)
        if facts.get("task") == "classify":
            raise LearningError("run-classifies", name=facts.get("name", folder.name))
        try:
            self.labels: tuple[str, ...] = tuple(str(name) for name in facts["labels"])
            self.preparation = Preparation.from_json(facts["preparation"])
        except (KeyError, TypeError, ValueError) as error:
            raise LearningError("model-damaged", file=folder / MODEL_FILE) from error
        self._compiled = compile_model(folder / ONNX_FILE, exact=exact)
        shape = tuple(dim.get_length() if dim.is_static else -1 for dim in self._compiled.output(0).partial_shape)
        if shape[1:] != (len(self.labels), self.preparation.size, self.preparation.size):
            raise LearningError("model-damaged", file=folder / ONNX_FILE)

    def probabilities(self, stacks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ``[n, labels, size, size]`` in 0..1 for prepared stacks ``[n, inputs, size, size]``."""
        found = self._run(stacks)
        if self._mirrored:
            found = np.asarray(0.5 * (found + self._run(stacks[..., ::-1])[..., ::-1]), dtype=np.float32)
        return found

    def _run(self, stacks: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.array(self._compiled(np.ascontiguousarray(stacks, dtype=np.float32))[0], dtype=np.float32)

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
        for start in range(0, total, BATCH):
            if should_stop():
                raise Cancelled
            indices = range(start, min(start + BATCH, total))
            needed, rows = preparer.stacks(indices)
            slices = preparer.slices(needed).astype(np.float32)
            found = self.probabilities(slices[rows])
            for row, index in enumerate(indices):
                fit = preparer.fit(index)
                for channel, name in enumerate(self.labels):
                    result[name][index] = np.rint(fit.inverse(found[row, channel]) * 255).clip(0, 255)
            yield indices[-1] + 1, result


def masks_of(probabilities: Mapping[str, NDArray[np.uint8]]) -> dict[str, NDArray[np.uint8]]:
    """Turn probabilities (uint8 ``[z, y, x]``) into masks (0/1); a Brain is one piece without holes."""
    masks = {}
    for name, probability in probabilities.items():
        mask = probability >= THRESHOLD
        masks[name] = (tidy_brain(mask) if name.casefold() == BRAIN.casefold() else mask).astype(np.uint8)
    return masks


def tidy_brain(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the largest connected piece of a ``[z, y, x]`` mask and fill what it encloses."""
    box = bounding_box(mask)
    if box is None:
        return mask
    inside = mask[box.slices]
    pieces, count = ndimage.label(inside)
    if count > 1:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        inside = pieces == int(sizes.argmax())
    result = np.zeros_like(mask)
    result[box.slices] = _filled(inside)
    return result


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    # labelling the outside is many times faster than scipy's binary_fill_holes on a volume
    padded = np.pad(~mask, 1, constant_values=True)
    if mask.shape[0] == 1:
        # one picture: a hole is closed in its own plane
        padded = padded[1:-1]
        outside = ndimage.label(padded)[0]
        return np.asarray((outside != outside[0, 0, 0])[:, 1:-1, 1:-1])
    outside = ndimage.label(padded)[0]
    return np.asarray((outside != outside[0, 0, 0])[1:-1, 1:-1, 1:-1])


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


def compile_model(file: Path, *, exact: bool) -> Any:
    """Return an exported network, ready to be called.

    Raises
    ------
    LearningError
        ``model-damaged``.
    """
    # None makes the import of that name fail, and OpenVINO then takes its own silent stub
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # documented meaning of None
    import openvino

    if not file.is_file():
        raise LearningError("model-damaged", file=file)
    options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal() and int(threads) > 0:
        options["INFERENCE_NUM_THREADS"] = int(threads)
    if exact:
        options["INFERENCE_PRECISION_HINT"] = "f32"
    core = openvino.Core()
    try:
        return core.compile_model(core.read_model(file), "CPU", options)
    except RuntimeError as error:
        raise LearningError("model-damaged", file=file) from error
