"""How well readers agree: per scan, label and pair of readers, on the slices that both finished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.geometry import Array
from core.labels import Label
from core.project.project import Project
from core.project.records import Annotation, Scan
from core.review.metrics import Bools, measure
from core.team.assignments import blind_scans, still_blind
from core.team.readers import kind_of


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two readers, one label, one scan.

    Parameters
    ----------
    scan, name
        Id, and display name.
    label
        Name.
    first, second
        Readers, by name.
    dice
        Overlap, 0..1; None where neither drew the label.
    kappa
        Cohen's kappa of the voxels, at most 1; None where both called every voxel the same.
    hd95, unit
        Distance of the surfaces; the image's diagonal where only one drew the label, None where neither did.
    slices
        That both finished.
    first_voxels, second_voxels
        That each drew there.
    """

    scan: str
    name: str
    label: str
    first: str
    second: str
    dice: float | None
    kappa: float | None
    hd95: float | None
    unit: str
    slices: int
    first_voxels: int
    second_voxels: int

    def facts(self) -> dict[str, Any]:
        """Return plain data; the distance carries its unit in its name."""
        facts = asdict(self)
        unit = facts.pop("unit")
        return facts | {f"hd95_{unit}": facts.pop("hd95")}


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """What one reader says of one label on one scan: bool ``[z, y, x]``, and bool ``[z]`` where he finished."""

    reader: str
    mask: Bools
    known: Bools


def cohens_kappa(first: Array, second: Array) -> float | None:
    """Return Cohen's kappa of two yes-or-no arrays of one shape; None where both say the same one thing throughout.

    Agreement beyond what chance gives two readers who say yes as often as these do.
    """
    one, other = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    total = one.size
    if not total:
        return None
    yes_one, yes_other = int(np.count_nonzero(one)), int(np.count_nonzero(other))
    both = int(np.count_nonzero(one & other))
    observed = (total - yes_one - yes_other + 2 * both) / total
    # whole numbers first: the products of millions leave what a float holds exactly
    chance = (yes_one * yes_other + (total - yes_one) * (total - yes_other)) / (total * total)
    return None if chance == 1.0 else (observed - chance) / (1.0 - chance)


def readings(project: Project, scan: Scan, label: Label, readers: Sequence[str] = ()) -> list[Reading]:
    """Return what each reader says of a label, oldest annotation first; of those named, or of all persons' readings.

    Raises
    ------
    ProjectError
        ``mask-corrupt``, ``mask-missing``.
    """
    found = []
    for annotation in project.annotations(scan.id):
        wanted = annotation.reader in readers if readers else kind_of(annotation.reader) == "reading"
        if wanted:
            found.append(_reading(project, annotation, label, scan.shape))
    return found


def _reading(project: Project, annotation: Annotation, label: Label, shape: tuple[int, int, int]) -> Reading:
    known = np.zeros(shape[0], dtype=bool)
    for state in project.slice_states(annotation.id, label.layer):
        known[state.slice] = state.finished
    newest = project.layers(annotation.id).get(label.layer)
    if newest is None or not newest.counts.get(label.value):
        return Reading(annotation.reader, np.zeros(shape, dtype=bool), known)
    return Reading(annotation.reader, project.read_version(newest) == label.value, known)


def agree(scan: Scan, label: str, first: Reading, second: Reading, geometry: Any) -> Agreement | None:
    """Compare two readings (of the same label) on the slices that both finished; None where there are none."""
    known = first.known & second.known
    if not known.any():
        return None
    figures = measure(first.mask, second.mask, geometry, known=known)
    return Agreement(
        scan.id,
        scan.name,
        label,
        first.reader,
        second.reader,
        figures.dice,
        cohens_kappa(first.mask[known], second.mask[known]),
        figures.hd95,
        figures.unit,
        int(np.count_nonzero(known)),
        figures.truth_voxels,
        figures.predicted_voxels,
    )


def agreements(
    project: Project, labels: Sequence[str] = (), scans: Sequence[str] = (), readers: Sequence[str] = ()
) -> Iterator[Agreement]:
    """Compare every two readers of every scan, label by label.

    Scans that somebody still reads blind are left out: the figures would tell what the other drew.

    Parameters
    ----------
    labels
        Names; all of the project if empty.
    scans
        Ids or display names; all if empty.
    readers
        Names, also such as ``Anna (adjudication)``; empty compares all persons' readings.

    Raises
    ------
    InputError
        ``label-unknown``, ``scan-unknown``.
    ProjectError
        ``mask-corrupt``, ``mask-missing``.
    """
    known = project.labels()
    wanted = [known.named(name) for name in labels] if labels else list(known)
    blind = blind_scans(project)
    chosen = [project.scan(ref) for ref in scans] if scans else _read_twice(project)
    for scan in chosen:
        if scan.id in blind:
            continue
        geometry = project.geometry(scan.id)
        for label in wanted:
            found = sorted(readings(project, scan, label, readers), key=lambda one: one.reader)
            for first, second in combinations(found, 2):
                compared = agree(scan, label.name, first, second, geometry)
                if compared is not None:
                    yield compared


def _read_twice(project: Project) -> list[Scan]:
    rows = project.store.rows("SELECT scan FROM annotation GROUP BY scan HAVING count(*) > 1")
    several = {str(row[0]) for row in rows}
    return [scan for scan in project.scans() if scan.id in several] if several else []


def disagreement(
    project: Project, scan: Scan, label: Label, readers: Sequence[str] = ()
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], tuple[str, ...]]:
    """Return how many readers say that a voxel is the label.

    Returns
    -------
    votes
        uint8 ``[z, y, x]``; 0 on slices that not all of them finished.
    known
        bool ``[z]``: slices that all finished.
    readers
        Their names. While the scan is read blind there are none, and no votes.
    """
    votes = np.zeros(scan.shape, dtype=np.uint8)
    found = [] if still_blind(project, scan.id) else readings(project, scan, label, readers)
    if not found:
        return votes, np.zeros(scan.shape[0], dtype=bool), ()
    known = np.logical_and.reduce([one.known for one in found])
    for one in found:
        votes[known] += one.mask[known]
    return votes, known, tuple(one.reader for one in found)


def summary(found: Sequence[Agreement]) -> list[dict[str, Any]]:
    """Return mean and median of Dice, kappa and HD95 by label and pair of readers; what has no value is not counted."""
    groups: dict[tuple[str, str, str], list[Agreement]] = {}
    for one in found:
        groups.setdefault((one.label, one.first, one.second), []).append(one)
    rows = []
    for (label, first, second), ones in sorted(groups.items()):
        row: dict[str, Any] = {"label": label, "first": first, "second": second, "scans": len(ones)}
        for name in ("dice", "kappa", "hd95"):
            unit = {one.unit for one in ones}
            values = [value for one in ones if (value := getattr(one, name)) is not None]
            # distances in mm and in px have no mean
            mixed = name == "hd95" and len(unit) > 1
            key = f"hd95_{unit.copy().pop()}" if name == "hd95" and not mixed else name
            there = bool(values) and not mixed
            row[key] = {
                "mean": float(np.mean(values)) if there else None,
                "median": float(np.median(values)) if there else None,
                "n": len(values) if not mixed else 0,
            }
        rows.append(row)
    return rows
