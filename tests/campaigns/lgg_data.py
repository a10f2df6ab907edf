"""The patients of the LGG set as a project: who belongs to which fold, which slices are finished, scores."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.events import Skipped
from core.learning.split import Part, Split
from core.project.importing import ImportOptions, import_job
from core.project.project import Project
from core.project.records import Origin, Scan, SliceState
from core.review.summary import Spread, spread

FOLDS = 5
CHECKING = 6
"""Patients of each training side that choose the epoch, the threshold and the smallest piece."""
LABEL = "Tumour"
READER = "campaign"
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)
SHARES = (0.1, 0.5, 1.0)
SMALLEST = (0, 30, 100, 300)
"""Voxels: connected pieces (in the volume) below it may be dropped."""


def source() -> Path:
    """Return the folder of the patients' folders."""
    root = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("MENINX_DATA", root.parent / "shared" / "data")) / "lgg"
    if not folder.is_dir():
        raise SystemExit(f"The LGG slices are not in {folder} (set MENINX_DATA).")
    return folder


def patient_folders() -> list[Path]:
    return sorted(item for item in source().iterdir() if item.is_dir())


def open_project(folder: Path) -> tuple[Project, dict[str, Scan]]:
    """Open the campaign's project, importing the patients the first time; return it and the scans by patient."""
    path = folder / "lgg.meninx"
    if not path.exists():
        Project.create(path).close()
    with Project.open(path) as project:
        there = len(project.scans())
    folders = patient_folders()
    if there < len(folders):
        options = ImportOptions(label=LABEL, patient_from="folder", as_="stack", reader=READER)
        for event in import_job(path, folders, options):
            if isinstance(event, Skipped):
                raise SystemExit(f"{event.source}: {event.error}")
    project = Project.open(path)
    names = project.links.patients()
    scans = {names[scan.patient]: scan for scan in project.scans()}
    if sorted(scans) != [item.name for item in folders]:
        raise SystemExit(f"{len(scans)} patients came in, not {len(folders)}")
    return project, scans


def in_hash_order(names: Iterable[str], salt: str = "") -> list[str]:
    """Sort names by their hash: the same on every machine."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{salt}{name}".encode()).hexdigest())


def folds_of(names: Iterable[str]) -> list[list[str]]:
    """Deal the patients into folds, in the order of the hash of their name."""
    ordered = in_hash_order(names)
    return [ordered[fold::FOLDS] for fold in range(FOLDS)]


@dataclass(frozen=True)
class Sides:
    """Names of the patients that train, check and test."""

    train: tuple[str, ...]
    check: tuple[str, ...]
    test: tuple[str, ...]

    @classmethod
    def of(cls, learn: Sequence[str], test: Sequence[str]) -> Sides:
        ordered = in_hash_order(learn, "check ")
        return cls(tuple(ordered[CHECKING:]), tuple(ordered[:CHECKING]), tuple(test))

    def split(self, scans: Mapping[str, Scan]) -> Split:
        parts = {Part.TRAIN: self.train, Part.VALIDATION: self.check, Part.TEST: self.test}
        return Split(
            {part: tuple(scans[name].id for name in names) for part, names in parts.items()},
            patients={scans[name].patient: part for part, names in parts.items() for name in names},
        )


def truth_of(project: Project, scan: Scan) -> NDArray[np.bool_]:
    """Return the true mask ``[z, y, x]``."""
    label = project.labels().named(LABEL)
    annotation = project.annotation(scan.id, READER)
    mask = project.read_layer(annotation.id, label.layer) if annotation else None
    return np.zeros(scan.shape, dtype=bool) if mask is None else mask == label.value


def finish_only(project: Project, reader: str, chosen: Mapping[str, Sequence[int]]) -> None:
    """Give a further reader a few finished slices: scan id to slices, masks as the campaign's reader drew them."""
    label = project.labels().named(LABEL)
    for scan_id, slices in chosen.items():
        if project.annotation(scan_id, reader) is not None:
            continue
        whole = truth_of(project, project.scan(scan_id))
        mask = np.zeros(whole.shape, dtype=np.uint8)
        mask[list(slices)] = whole[list(slices)] * np.uint8(label.value)
        states = [SliceState(index, Origin.DRAWN, finished=True) for index in slices]
        annotation = project.ensure_annotation(scan_id, reader)
        project.save_layers(annotation.id, {label.layer: mask}, {label.layer: states}, journal_sequence=0)


@dataclass(frozen=True)
class Rule:
    """What makes a mask of a probability.

    Pieces of fewer voxels than ``smallest``, or than this ``share`` of the largest one's, are taken away (1: only the
    largest stays).
    """

    threshold: float = 0.5
    smallest: int = 0
    share: float = 0.0

    def mask(self, probability: NDArray[np.float32]) -> NDArray[np.bool_]:
        mask = np.asarray(probability >= self.threshold)
        if not (self.smallest or self.share) or not mask.any():
            return mask
        pieces, _ = ndimage.label(mask)
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        least = max(1, self.smallest, self.share * sizes.max())
        return np.asarray((sizes >= least)[pieces])


def dice(truth: NDArray[np.bool_], mask: NDArray[np.bool_]) -> float:
    both, total = np.count_nonzero(truth & mask), np.count_nonzero(truth) + np.count_nonzero(mask)
    return 2 * both / total if total else 1.0


def best_rule(pairs: Sequence[tuple[NDArray[np.bool_], NDArray[np.float32]]]) -> Rule:
    """Return the rule of the best mean Dice on the patients that check; the plain one unless another is better."""
    pieces = [*((smallest, 0.0) for smallest in SMALLEST), *((0, share) for share in SHARES)]
    rules = [Rule(), *(Rule(threshold, *piece) for threshold in THRESHOLDS for piece in pieces)]
    means = [float(np.mean([dice(truth, rule.mask(found)) for truth, found in pairs])) for rule in rules]
    return rules[int(np.argmax(np.array(means)))]


def score(truth: NDArray[np.bool_], mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Count one patient."""
    both, either = int(np.count_nonzero(truth & mask)), int(np.count_nonzero(truth | mask))
    empty = ~truth.any(axis=(1, 2))
    return {
        "dice": dice(truth, mask),
        "iou": both / either if either else 1.0,
        "accuracy": float((truth == mask).mean()),
        "baseline": float(1.0 - truth.mean()),
        "quiet": float((~mask[empty].any(axis=(1, 2))).mean()) if empty.any() else None,
    }


def summary(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Spread]:
    """Summarise patients: name to :func:`score`."""
    names = sorted(rows)
    return {
        what: spread([rows[name][what] for name in names], names)
        for what in ("dice", "iou", "accuracy", "baseline", "quiet")
    }
