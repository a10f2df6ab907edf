"""What there is to learn from: counts of one or more labels over the slices of a project that count."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.labels import Label
from core.learning.dataset import find_sources
from core.learning.split import Candidate
from core.project.project import Project
from core.project.records import Annotation, ScanStatus

FEW_PATIENTS = 3
"""Below this, training, validation and test cannot each have a patient of their own."""
FEW_SLICES = 20
_REMEMBERED = 4096
_areas: OrderedDict[tuple[str, int], NDArray[np.float32]] = OrderedDict()


@dataclass(frozen=True, eq=False)
class Survey:
    """Counts for a choice of labels.

    Parameters
    ----------
    scans
        Scans with at least one slice that counts on a chosen label's layer.
    patients, patients_unknown
        Patients of those scans; scans among them whose patient nobody named.
    slices
        Such slices: finished, or scribbled on (:mod:`core.learning.dataset`).
    scribbled
        Of those, slices that are not finished, and count only where there are strokes.
    with_label
        Of those, slices that show any of the labels.
    unfinished
        Other slices that hold a chosen label's layer, begun but not marked finished.
    areas
        float32, per slice with a label: its part of the slice, 0..1.
    complete
        False if the count was given up before its end.
    """

    scans: int = 0
    patients: int = 0
    patients_unknown: int = 0
    slices: int = 0
    with_label: int = 0
    unfinished: int = 0
    areas: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    complete: bool = True
    scribbled: int = 0

    @property
    def without_label(self) -> int:
        """Slices that count and show none of the labels."""
        return self.slices - self.with_label

    @property
    def median_area(self) -> float:
        """Median part of a slice that the labels cover, where they are; 0 for none."""
        return float(np.median(self.areas)) if self.areas.size else 0.0


def survey(
    project: Project,
    labels: Sequence[Label],
    *,
    reader: str = "",
    approved: bool = False,
    go_on: Callable[[], bool] = lambda: True,
) -> Survey:
    """Count what a training of these labels would see.

    Parameters
    ----------
    project
        Read only.
    labels
        Labels to learn together; a slice counts where one of their layers is finished or scribbled on.
    reader
        Whose annotations; empty takes the one changed last of each scan.
    approved
        Only scans that a reviewer approved.
    go_on
        Asked before each mask is read; False gives the count up.

    Returns
    -------
    Survey
        ``complete`` unless given up.

    Raises
    ------
    ProjectError
        ``mask-corrupt`` for a damaged mask.
    """
    if not labels:
        return Survey()
    patients: set[str] = set()
    scans = unknown = slices = with_label = scribbled = 0
    areas: list[NDArray[np.float32]] = []
    for source in find_sources(project, labels, reader, approved=approved):
        if not go_on():
            return Survey(complete=False)
        area = _area(project, source.annotation, labels, source.scan.shape)[list(source.slices)]
        scans += 1
        slices += len(source.slices)
        scribbled += len(source.slices) - len(source.wholly_known)
        with_label += int(np.count_nonzero(area))
        areas.append(area[area > 0])
        patients.add(source.scan.patient)
        unknown += not source.scan.patient_known
    unfinished = max(0, count_unfinished(project, labels, reader, approved=approved) - scribbled)
    joined = np.concatenate(areas) if areas else np.zeros(0, np.float32)
    return Survey(scans, len(patients), unknown, slices, with_label, unfinished, joined, scribbled=scribbled)


def candidates(project: Project, labels: Sequence[Label], reader: str = "") -> list[Candidate]:
    """Return what a split needs to know of each scan that counts, without reading a scan.

    Raises
    ------
    ProjectError
        ``mask-corrupt`` for a damaged mask.
    """
    found = []
    for source in find_sources(project, labels, reader):
        areas = _area(project, source.annotation, labels, source.scan.shape)[list(source.slices)]
        amounts = tuple(float(area) for area in areas)
        scan = source.scan
        found.append(Candidate(scan.id, scan.patient, scan.patient_known, source.slices, amounts))
    return found


def count_unfinished(project: Project, labels: Sequence[Label], reader: str, *, approved: bool = False) -> int:
    """Count slices that somebody worked on and did not mark finished on any of the layers."""
    layers = tuple(dict.fromkeys(label.layer for label in labels))
    count = 0
    for scan in project.scans(status=ScanStatus.APPROVED if approved else None):
        finished: set[int] = set()
        begun: set[int] = set()
        for annotation in project.annotations(scan.id):
            if reader and annotation.reader != reader:
                continue
            for layer in layers:
                for state in project.slice_states(annotation.id, layer):
                    (finished if state.finished else begun).add(state.slice)
        count += len(begun - finished)
    return count


def _area(
    project: Project, annotation: Annotation, labels: Sequence[Label], shape: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Return the part of each slice that any of the labels covers (their sum, at most 1), float32 [z]."""
    total = np.zeros(shape[0], np.float32)
    for layer in dict.fromkeys(label.layer for label in labels):
        versions = project.layer_versions(annotation.id, layer)
        if not versions:
            continue
        values = [label.value for label in labels if label.layer == layer]
        wanted = [value for value in values if versions[-1].counts.get(value, 0)]
        missing = [value for value in wanted if (versions[-1].sha256, value) not in _areas]
        if missing:
            mask = project.read_layer(annotation.id, layer)
            for value in missing if mask is not None else []:
                _remember((versions[-1].sha256, value), np.mean(mask == value, axis=(1, 2), dtype=np.float32))
        for value in wanted:
            total += _areas[versions[-1].sha256, value]
    return np.minimum(total, 1.0)


def _remember(key: tuple[str, int], area: NDArray[np.float32]) -> None:
    """Keep a mask's areas: a mask file never changes, so its hash stands for it."""
    _areas[key] = area
    while len(_areas) > _REMEMBERED:
        _areas.popitem(last=False)
