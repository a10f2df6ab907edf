"""Small projects of heads with spots, for the tests of exploring and splitting."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.geometry import Geometry
from core.project.project import Project
from core.project.records import Origin, SliceState
from core.volume import Volume

SIZE = 64


def head(seed: int, *, slices: int = 4, spot: bool = True, size: int = SIZE) -> tuple[NDArray[np.uint8], NDArray]:
    """Return a head with detail of its own, and the mask of a bright spot on its upper left (not on slice 0)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    skull = ((y - 0.5) / 0.42) ** 2 + ((x - 0.5) / 0.36) ** 2 <= 1
    place = ((y - 0.35) / 0.08) ** 2 + ((x - 0.35) / 0.08) ** 2 <= 1
    array = np.zeros((slices, size, size))
    mask = np.zeros((slices, size, size), dtype=bool)
    for index in range(slices):
        detail = cv2.GaussianBlur(random.normal(0, 1, (size, size)), (0, 0), 1.2) * 70
        array[index] = skull * (110 + detail)
        if spot and index:
            array[index, place] += 80
            mask[index] = place
    return array.clip(0, 255).astype(np.uint8), mask


def add(
    project: Project,
    array: NDArray,
    mask: NDArray | None,
    patient: str,
    *,
    finished: bool = True,
    geometry: Geometry | None = None,
    modality: str = "MR",
) -> str:
    """Add a scan, with a mask of the label Spot if there is one; return its id."""
    shape = array.shape[:3]
    grid = geometry or Geometry(shape, np.diag([-1.0, -1.0, 3.0, 1.0]))
    scan = project.add_scan(Volume(array, grid, modality=modality), patient=patient)
    if mask is not None:
        label = project.ensure_label("Spot")
        annotation = project.ensure_annotation(scan.id, "reader")
        states = [SliceState(index, Origin.DRAWN, finished=finished) for index in range(shape[0])]
        layer = (mask * label.value).astype(np.uint8)
        project.save_layers(annotation.id, {label.layer: layer}, {label.layer: states}, journal_sequence=0)
    return scan.id


def heads_project(path: Path, *, patients: int = 5) -> Project:
    """Create a project of so many patients with one head each."""
    project = Project.create(path)
    for number in range(patients):
        add(project, *head(number), f"patient {number}")
    return project


def resaved(array: NDArray[np.uint8], quality: int = 75) -> NDArray[np.uint8]:
    """Return slices as they come back from a brighter JPEG with a rim."""
    made = []
    for plane in array:
        bright = np.pad(np.clip(plane * 1.08 + 4 * (plane > 0), 0, 255).astype(np.uint8), ((6, 2), (0, 8)))
        _, data = cv2.imencode(".jpg", bright, [cv2.IMWRITE_JPEG_QUALITY, quality])
        made.append(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))
    return np.stack(made)
