"""A tiny project of noisy pictures with bright discs, for the tests of training and prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.geometry import Geometry
from core.project.project import Project
from core.project.records import Origin, SliceState
from core.volume import Volume


def disc_volume(seed: int, *, slices: int = 6, size: int = 48) -> tuple[Volume, NDArray[np.uint8]]:
    """Return a picture stack and the mask of its discs; the last slice shows none."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    array = random.normal(60, 8, (slices, size, size))
    mask = np.zeros((slices, size, size), dtype=np.uint8)
    for index in range(slices - 1):
        y, x = random.uniform(0.3, 0.7, 2) * size
        radius = random.uniform(0.12, 0.22) * size
        mask[index] = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
    array += mask * 110.0
    volume = Volume(array.clip(0, 255).astype(np.uint8), Geometry.of_picture(size, size, slices))
    return volume, mask


def disc_project(
    path: Path, *, patients: int = 6, slices: int = 6, finished: bool = True, size: int = 48, name: str = "Tumour"
) -> Project:
    """Create a project whose scans carry a label on every slice."""
    project = Project.create(path)
    label = project.ensure_label(name)
    for number in range(patients):
        volume, mask = disc_volume(number, slices=slices, size=size)
        scan = project.add_scan(volume, patient=f"patient {number}")
        annotation = project.ensure_annotation(scan.id, "reader")
        states = [SliceState(index, Origin.DRAWN, finished=finished) for index in range(slices)]
        project.save_layers(
            annotation.id, {label.layer: mask * np.uint8(label.value)}, {label.layer: states}, journal_sequence=0
        )
    return project
