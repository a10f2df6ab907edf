"""Whether a run suits a scan: another modality, other channels, labels that are no more. Told, never forbidden."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import ProjectError
from core.labels import LabelSet
from core.learning.runs import Run, read_split
from core.messages import text
from core.project.project import Project
from core.project.records import Scan


@dataclass(frozen=True)
class Learnt:
    """What the scans of this project that a run learnt from were like.

    Parameters
    ----------
    modalities
        ``MR``, ``CT``; without scans that do not say. Empty where nobody knows.
    channels
        1 for grey, 3 for colour; empty where nobody knows.
    """

    modalities: frozenset[str] = frozenset()
    channels: frozenset[int] = frozenset()


def learnt(project: Project, run: Run) -> Learnt:
    """Return what a run learnt from; nothing for a run that came from elsewhere."""
    try:
        split = read_split(project, run.id)
    except ProjectError:
        # masks of another program have none; verify names a damaged file
        return Learnt()
    ids = set(split.get("train", []))
    scans = [scan for scan in project.scans() if scan.id in ids]
    return Learnt(
        frozenset(scan.modality for scan in scans if scan.modality), frozenset(scan.channels for scan in scans)
    )


def misfits(found: Learnt, scan: Scan) -> list[str]:
    """Return why a run may do badly on a scan, in sentences; empty where nothing speaks against it."""
    said = []
    if scan.modality and found.modalities and scan.modality not in found.modalities:
        said.append(text("review.misfit_modality", learnt=", ".join(sorted(found.modalities)), scan=scan.modality))
    if found.channels and scan.channels not in found.channels:
        said.append(text("review.misfit_colour" if scan.channels > 1 else "review.misfit_grey"))
    return said


def unlike(found: Learnt, scans: Iterable[Scan]) -> list[str]:
    """Return the display names of the scans that a run may do badly on."""
    return [scan.name for scan in scans if misfits(found, scan)]


def lost_labels(labels: LabelSet, run: Run) -> list[str]:
    """Return labels that a run draws and the project does not have any more."""
    return [name for name in run.labels if labels.find(name) is None]
