"""What a training leaves in its project; of processes that train together only the leading one writes."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import monai
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from core.errors import LearningError, MeninxError
from core.events import JobEvent, Notice
from core.io import atomic
from core.learning import runs
from core.learning.config import TrainingConfig
from core.learning.dataset import TrainingSet
from core.learning.events import Sample
from core.learning.runs import EventLog, Pin, Run, RunState
from core.learning.split import Part, Split
from core.project.project import Project
from core.version import VERSION
from models import checkpoint
from models.classified import draw_activations, export_classifier, rule_of, write_class_card
from models.distributed import Team
from models.learner import Learner
from models.previews import draw_samples

DATA_FILE = "data.json"
"""Which scans the run learns from: part, hash of the voxels, hash of each mask file."""


class RunRecord:
    """The row and the folder of one run.

    Parameters
    ----------
    project, team
        Where, and which of the processes this one is.
    config, data, split
        What the run learns from.
    before
        The run that goes on; None makes a new one.

    Attributes
    ----------
    run, folder
        The run; its folder.
    notices
        What the person should know at once.
    """

    def __init__(
        self,
        project: Project,
        team: Team,
        config: TrainingConfig,
        data: TrainingSet,
        split: Split,
        before: Run | None,
    ) -> None:
        self.project, self._writes = project, team.lead
        self.notices: list[Notice] = []
        made: Run | MeninxError | None = None
        if self._writes:
            try:
                made = before or runs.create_run(project, config, scans=len(data.scans), slices=len(data))
                self._register(made, data, split, resumed=before is not None)
            except MeninxError as error:
                made = error
        made = team.told(made)
        if not isinstance(made, Run):
            raise made or LearningError("team-lost")
        self.run, self.folder = made, runs.run_folder(project, made.id)
        if self._writes:
            self._log = EventLog(project, made.id)
        self._colors = [project.labels().named(name).color for name in config.labels]

    def _register(self, run: Run, data: TrainingSet, split: Split, *, resumed: bool) -> None:
        """Write down what the run learns from."""
        folder = runs.run_folder(self.project, run.id)
        if resumed:
            runs.mark_alive(self.project, run.id)
            runs.update_run(self.project, run.id, state=RunState.RUNNING)
        else:
            runs.write_split(self.project, run.id, split.to_json())
        listed = runs.read_split(self.project, run.id)
        scans = {scan.id: scan for scan in data.scans}
        pins = {
            scan: Pin(scan, part, scans[scan].sha256, data.pins.get(scan, {}))
            # train last: a scan that stands in two parts was trained on
            for part in ("test", "validation", "train")
            for scan in listed[part]
            if scan in scans
        }
        if resumed:
            known = {pin.scan: pin for pin in runs.read_pins(self.project, run.id)}
            # a scan of the split that had nothing finished the last time has no pin yet
            new = [scan for scan in pins if scan not in known or dict(pins[scan].masks) != dict(known[scan].masks)]
            changed = new if known else []
            if not changed:
                return
            self.notices.append(Notice("training-masks-changed", {"count": len(changed)}))
            # what is not learnt from any more was learnt from: no child may be checked on it
            pins = {**known, **pins}
        runs.pin_scans(self.project, run.id, list(pins.values()))
        listing = {
            pin.scan: {"part": pin.part, "scan_sha256": pin.scan_sha256, "masks": dict(pin.masks)}
            for pin in pins.values()
        }
        words = json.dumps({"schema": 1, "scans": listing}, indent=1) + "\n"
        atomic.write_bytes(folder / DATA_FILE, words.encode())

    def kept(self, event: JobEvent) -> JobEvent:
        """Keep an event in the run's log and return it."""
        if self._writes:
            self._log.append(event)
        return event

    def update(self, **changes: Any) -> None:
        """Change the run's row."""
        if self._writes:
            runs.update_run(self.project, self.run.id, **changes)

    def save_weights(self, network: nn.Module, facts: Mapping[str, float]) -> None:
        """Keep the best weights so far, with what is to be known of them."""
        if self._writes:
            checkpoint.save_weights(self.folder, network, facts)

    def save_resume(self, state: Mapping[str, Any]) -> None:
        """Keep what goes on after a pause or a crash."""
        if self._writes:
            checkpoint.save_resume(self.folder, state)

    def draw(
        self, number: int, data: TrainingSet, examples: NDArray[np.int64], masks: Sequence[NDArray[Any]]
    ) -> tuple[Sample, ...]:
        """Draw the pinned slices of an epoch."""
        if data.task == "classify":
            return draw_activations(self.folder, number, data, examples, masks)
        return draw_samples(self.folder, number, data, examples, masks, self._colors)

    def export(self, learner: Learner, facts: Mapping[str, Any], checked: NDArray[np.int64]) -> None:
        """Write the model that predicts, of the best weights; ``checked`` are the examples of the validation."""
        if not self._writes:
            return
        network = learner.fresh_network()
        if checkpoint.load_matching(network, checkpoint.read_weights(self.folder)):
            raise LearningError("model-damaged", file=self.folder / runs.WEIGHTS_FILE)
        if learner.config.classifies:
            rule = rule_of(network, learner.data, checked, learner.device)
            facts = {**facts, "rule": rule.to_json()}
            difference = export_classifier(self.folder, network, learner.preparation, facts)
        else:
            difference = checkpoint.export_model(self.folder, network, learner.preparation, facts)
        write = write_class_card if learner.config.classifies else checkpoint.write_card
        write(self.folder, {**facts, "difference": f"{difference:.1e}"})
        # a finished run is not resumed: a child run goes on from its weights
        (self.folder / runs.RESUME_FILE).unlink(missing_ok=True)


def versions() -> dict[str, str]:
    """Return what computed, for ``model.json``."""
    return {
        "meninx": VERSION,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "monai": str(monai.__version__),
        "numpy": np.__version__,
    }


def file_hash(file: str) -> str:
    """Return the sha256 of a file of weights, or nothing where none was named."""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""


def slice_counts(parts: Mapping[Part, NDArray[np.int64]]) -> dict[str, int]:
    """Return how many slices each part has."""
    return {part.value: len(parts[part]) for part in Part}
