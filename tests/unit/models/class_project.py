"""Projects whose slices have a class that can be learnt: noisy pictures, some with a bright disc."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from learning_project import disc_volume

from core.learning.config import TrainingConfig
from core.project.classes import ClassGiven
from core.project.project import Project
from core.project.records import Origin, SliceState
from core.volume import Volume

CLASS = "bleed"
READER = "reader"
QUICK = {"size": 64, "slices": 1, "epochs": 4, "steps": 8, "batch": 8, "device": "cpu", "precision": "float32"}


def class_project(path: Path, *, patients: int = 8, slices: int = 8, said: float = 1.0, masks: bool = False) -> Project:
    """Create a project whose odd slices show a disc and are of the class; ``said`` of each scan's slices are told."""
    project = Project.create(path)
    label = project.ensure_label("Tumour")
    for number in range(patients):
        volume, mask = disc_volume(number, slices=slices, size=64)
        array = np.array(volume.array)
        for index in range(0, slices, 2):
            # the disc goes, and the rows are shuffled, so that nothing of it is left
            shift = np.random.default_rng((number, index)).permutation(64)
            array[index] = np.where(mask[index] > 0, 60, array[index])[shift]
            mask[index] = 0
        scan = project.add_scan(Volume(array, volume.geometry), patient=f"patient {number}")
        told = range(round(slices * said))
        given = [ClassGiven(scan.id, z, CLASS, "yes" if mask[z].any() else "no") for z in told]
        project.classes.set_many(given, reader=READER)
        if masks:
            annotation = project.ensure_annotation(scan.id, READER)
            states = [SliceState(z, Origin.DRAWN, finished=True) for z in range(slices)]
            layers = {label.layer: mask * np.uint8(label.value)}
            project.save_layers(annotation.id, layers, {label.layer: states}, journal_sequence=0)
    return project


def quick(**values: object) -> TrainingConfig:
    """Return settings that learn the class in seconds."""
    return TrainingConfig.for_class(CLASS, **{**QUICK, **values})
