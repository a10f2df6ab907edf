"""What an import of any kind puts into a project, counted as it goes: masks, predictions, and what to take back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.learning.runs import ensure_imported, find_run
from core.project.predictions import list_predictions, write_prediction
from core.project.project import Project
from core.project.records import NewLayers, Scan
from core.project.taking_back import Brought


@dataclass
class Landed:
    """What has come in so far.

    Parameters
    ----------
    scans
        Names of new scans.
    masks, predictions
        Readers' masks, and scans with predictions, that came in.
    skipped, present
        What was left out, and which scans were there already.
    classes
        Values of classes that came in.
    shared
        Voxels that two labels of one layer both claimed.
    brought
        What a cancelled import takes away again.
    runs
        Scans by the name of the imported run that has their predictions.
    """

    scans: list[str] = field(default_factory=list)
    masks: int = 0
    predictions: int = 0
    skipped: int = 0
    present: int = 0
    classes: int = 0
    shared: int = 0
    brought: Brought = field(default_factory=Brought)
    runs: dict[str, int] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, object]:
        """What an import says of itself at its end."""
        return {
            "scans": self.scans,
            "masks": self.masks,
            "predictions": self.predictions,
            "skipped": self.skipped,
            "present": self.present,
        }

    def add(self, project: Project, scan: Scan, masks: int) -> None:
        """Count a new scan and the masks that came with it."""
        self.brought.scans.append(scan.id)
        self.brought.annotations += [annotation.id for annotation in project.annotations(scan.id)]
        self.scans.append(scan.name)
        self.masks += masks

    def save(self, project: Project, scan: str, layers: NewLayers) -> None:
        """Store one reader's masks of a scan that is there; who calls it counts them."""
        with project.store.transaction():
            annotation = project.ensure_annotation(scan, layers.reader)
            project.save_layers(
                annotation.id, layers.layers, layers.states, journal_sequence=0, action="import", facts=layers.facts
            )
        self.brought.annotations.append(annotation.id)

    def predict(self, project: Project, scan: Scan, found: Mapping[str, NDArray[np.bool_]], *, there: bool) -> None:
        """Store what a program made as a prediction: it is compared and corrected, never taken for drawn.

        Parameters
        ----------
        project, scan
            Where it goes.
        found
            Masks ``[z, y, x]`` by label.
        there
            Whether the scan was in the project before: then the prediction alone is taken away again.
        """
        run = ensure_imported(project, sorted(found))
        masks = {name: found[name].astype(np.uint8) for name in sorted(found)}
        # a mask says yes or no: as probabilities, certain or impossible
        certain = {name: mask * np.uint8(255) for name, mask in masks.items()}
        write_prediction(project, run, scan.id, masks, certain, facts={"imported": True})
        self.predictions += 1
        name = find_run(project, run).name
        self.runs[name] = self.runs.get(name, 0) + 1
        if there:
            self.brought.predictions += [(one.run, scan.id) for one in list_predictions(project, scan=scan.id)][-1:]
