"""Whether a run suits a scan: another modality, other channels, labels that are no more. Told, never forbidden."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import LearningError, ProjectError
from core.labels import LabelSet
from core.learning.runs import MODEL_FILE, Run, read_split, run_folder
from core.messages import text
from core.project.project import Project
from core.project.records import Scan
from core.volume import Volume


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


def other_window(project: Project, run: Run, volume: Volume) -> bool:
    """Return whether a scan was shown in another window than most of those that a run learnt from."""
    from core.learning.grey_look import GreyLook, look_at  # brings the preparation: not before it is needed
    from core.learning.prepare import Preparation

    try:
        facts = json.loads((run_folder(project, run.id) / MODEL_FILE).read_text("utf-8"))
        usual, preparation = GreyLook.from_json(facts["grey_levels"]), Preparation.from_json(facts["preparation"])
    except (OSError, ValueError, KeyError, TypeError, LearningError):
        # of older runs and of those of another program nothing is known; verify names a damaged file
        return False
    found = None if usual is None else look_at(volume, preparation.channels)
    return found is not None and usual is not None and found.other_window(usual)


def unlike(found: Learnt, scans: Iterable[Scan]) -> list[str]:
    """Return the display names of the scans that a run may do badly on."""
    return [scan.name for scan in scans if misfits(found, scan)]


def lost_labels(labels: LabelSet, run: Run) -> list[str]:
    """Return labels that a run draws and the project does not have any more."""
    return [name for name in run.labels if labels.find(name) is None]
