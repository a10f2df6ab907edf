"""What a classifier said of scans: ``predictions/<run>/<scan>/classes.json``, one probability of yes per slice.

Kept apart from what people said of scans (:mod:`core.project.classes`), and made again at any time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import LearningError
from core.io import atomic
from core.project import sums
from core.project.predictions import CLASSES_FILE, SEALED, prediction_folder
from core.project.project import Project
from core.project.records import utc_now


@dataclass(frozen=True, eq=False)
class ClassPrediction:
    """One scan classified by one run.

    Parameters
    ----------
    run, scan
        Ids.
    name
        Of the class.
    probability
        ``[z]``, of yes, calibrated.
    threshold, scan_threshold, gate_threshold
        As in :class:`core.learning.class_rule.ClassRule`.
    model
        SHA-256 of the network that said it.
    created
        UTC, ISO 8601.
    """

    run: str
    scan: str
    name: str
    probability: NDArray[np.float64]
    threshold: float
    scan_threshold: float
    gate_threshold: float
    model: str
    created: str = ""

    @property
    def whole(self) -> float:
        """Probability of the scan: the highest of its slices."""
        return float(self.probability.max())

    @property
    def said(self) -> NDArray[np.bool_]:
        """Which slices are called yes, ``[z]``."""
        return np.asarray(self.probability >= self.threshold)


def write_classes(project: Project, found: ClassPrediction, *, seconds: float = 0.0) -> None:
    """Store what was said of a scan; what the same run said before is replaced.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    folder = prediction_folder(project, found.run, found.scan)
    atomic.make_folder(folder)
    facts = {
        "schema": 1,
        "run": found.run,
        "scan": found.scan,
        "class": found.name,
        "threshold": found.threshold,
        "scan_threshold": found.scan_threshold,
        "gate_threshold": found.gate_threshold,
        "model": found.model,
        "created": utc_now(),
        "seconds": round(seconds, 3),
        "scan_probability": round(found.whole, 6),
        "probabilities": [round(float(value), 6) for value in found.probability],
    }
    atomic.write_bytes(folder / CLASSES_FILE, (json.dumps(facts, indent=1) + "\n").encode())
    sums.seal(folder, SEALED)


def read_classes(project: Project, run: str, scan: str) -> ClassPrediction | None:
    """Return what a run said of a scan; None where it has not been asked.

    Raises
    ------
    LearningError
        ``prediction-damaged``.
    """
    file = prediction_folder(project, run, scan) / CLASSES_FILE
    if not file.is_file():
        return None
    try:
        facts: dict[str, Any] = json.loads(file.read_text("utf-8"))
        found = ClassPrediction(
            run,
            scan,
            str(facts["class"]),
            np.array([float(value) for value in facts["probabilities"]], dtype=np.float64),
            float(facts["threshold"]),
            float(facts["scan_threshold"]),
            float(facts["gate_threshold"]),
            str(facts["model"]),
            str(facts["created"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LearningError("prediction-damaged", file=file) from error
    if len(found.probability) != project.scan(scan).shape[0]:
        raise LearningError("prediction-damaged", file=file)
    return found
