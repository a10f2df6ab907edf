"""The CT sets as one project: haemorrhage yes or no per slice, and masks; folds by patient over all of them.

Patients of the three CT-ICH sets are the same people and have one key each, so that nobody is
learnt from in one set and tested in another.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from lgg_data import in_hash_order
from numpy.typing import NDArray

from core.geometry import Geometry
from core.learning.split import Part, Split
from core.project.classes import ClassGiven
from core.project.project import Project
from core.project.records import Origin, Scan, SliceState
from core.volume import Volume

FOLDS = 5
CHECKING = 0.2
"""Part of the patients who are not tested that choose the epoch and the thresholds."""
CLASS, LABEL, SECOND, READER = "ich", "Haemorrhage", "Infarct", "campaign"
INFARCTS = 2
"""Patients whose infarcts are drawn (the first seven digits of the files' names)."""
CLEAN = 3
"""Clean slices of each patient that count as finished and empty for the masks."""
WINDOW = (-20.0, 100.0)
"""Hounsfield units of the brain window (W120/L40) that the 8-bit sets were made with."""


def source() -> Path:
    """Return the folder of the CT sets."""
    root = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("MENINX_DATA", root.parent / "shared" / "data")) / "ct"
    if not (folder / "ich_slices" / "labels.csv").is_file():
        raise SystemExit(f"The CT slices are not in {folder} (set MENINX_DATA).")
    return folder


@dataclass(frozen=True)
class Piece:
    """What becomes one scan: slices of one patient, what was said of them, and masks where there are any."""

    patient: str
    slices: NDArray[np.uint8]
    said: Sequence[bool] | None = None
    mask: NDArray[np.uint8] | None = None
    label: str = LABEL


def _read(file: Path) -> NDArray[np.generic]:
    found = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if found is None:
        raise SystemExit(f"{file} cannot be read.")
    return np.asarray(found if found.ndim == 2 else found[..., 0])


def classified() -> Iterator[Piece]:
    """Yield the slices with yes or no, a scan per patient, without those whose labels contradict each other."""
    folder = source() / "ich_slices"
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    left_out = {row["patient"] for row in rows if row["labels_inconsistent_patient"] == "1"}
    by_patient: dict[str, list[dict[str, str]]] = {}
    for row in sorted(rows, key=lambda row: (int(row["patient"]), int(row["slice"]))):
        if row["patient"] not in left_out:
            by_patient.setdefault(row["patient"], []).append(row)
    for patient, mine in by_patient.items():
        slices = np.stack([_read(folder / "images" / row["file"]) for row in mine]).astype(np.uint8)
        yield Piece(f"CT-ICH {int(patient):03d}", slices, [row["ich"] == "1" for row in mine])


def masked() -> Iterator[Piece]:
    """Yield the slices with masks, each a scan of its own: they are not neighbours."""
    for name, label, patient in (
        ("ich_masks_8bit", LABEL, lambda stem: f"CT-ICH {stem[1:4]}"),
        ("ich_masks_hu", LABEL, lambda stem: f"CT-ICH {stem[1:4]}"),
        ("haemorrhage_5class", LABEL, lambda stem: f"BHSD {stem[:3]}"),
        ("infarct_masks", SECOND, lambda stem: f"AISD {stem[:7]}"),
    ):
        folder = source() / name
        truths = folder / ("labels" if (folder / "labels").is_dir() else "masks")
        for file in sorted((folder / "images").iterdir()):
            grey = _read(file).astype(np.float32)
            if name == "ich_masks_hu":
                grey = (np.clip(grey - 1024, *WINDOW) - WINDOW[0]) / (WINDOW[1] - WINDOW[0]) * 255
            mask = (_read(truths / file.name) > 0).astype(np.uint8)
            yield Piece(patient(file.stem), grey.round().astype(np.uint8)[None], None, mask[None], label)


def open_project(folder: Path) -> tuple[Project, dict[str, list[Scan]]]:
    """Open the campaign's project, filling it the first time; return it and the scans by patient."""
    path, done = folder / "ct.meninx", folder / "filled"
    if not done.is_file():
        if path.exists():
            raise SystemExit(f"{path} was not filled to its end; delete it and begin again.")
        with Project.create(path) as project:
            for piece in (*classified(), *masked()):
                _add(project, piece)
        done.write_text("yes\n", "utf-8")
    project = Project.open(path)
    names = project.links.patients()
    scans: dict[str, list[Scan]] = {}
    for scan in project.scans():
        scans.setdefault(names.get(scan.patient, scan.patient), []).append(scan)
    return project, scans


def _add(project: Project, piece: Piece) -> None:
    count, rows, columns = piece.slices.shape
    scan = project.add_scan(Volume(piece.slices, Geometry.of_picture(rows, columns, count)), patient=piece.patient)
    finished: Sequence[int] = range(count)
    mask = piece.mask
    if piece.said is not None:
        given = [ClassGiven(scan.id, z, CLASS, "yes" if yes else "no") for z, yes in enumerate(piece.said)]
        project.classes.set_many(given, reader=READER)
        clean = [z for z, yes in enumerate(piece.said) if not yes]
        finished = [clean[int((n + 0.5) * len(clean) / CLEAN)] for n in range(CLEAN)] if len(clean) >= CLEAN else clean
        mask = np.zeros(piece.slices.shape, dtype=np.uint8)
    label = project.ensure_label(piece.label)
    annotation = project.ensure_annotation(scan.id, READER)
    states = [SliceState(z, Origin.DRAWN, finished=True) for z in finished]
    values = {label.layer: (np.zeros_like(piece.slices) if mask is None else mask) * np.uint8(label.value)}
    project.save_layers(annotation.id, values, {label.layer: states}, journal_sequence=0)


def folds_of(project: Project, scans: Mapping[str, Sequence[Scan]]) -> dict[str, int]:
    """Return the fold of each patient: those with a haemorrhage dealt first, each in the order of a hash."""
    said = project.classes.by_scan()
    bleeds = {
        name for name, mine in scans.items() for scan in mine if "yes" in said.get(scan.id, {CLASS: ("yes",)})[CLASS]
    }
    order = [*in_hash_order(bleeds, "ct "), *in_hash_order(set(scans) - bleeds, "ct ")]
    return {name: rank % FOLDS for rank, name in enumerate(order)}


def split_of(project: Project, scans: Mapping[str, Sequence[Scan]], folds: Mapping[str, int], test: int) -> Split:
    """Return a fold as the test; of the others every fifth patient of each kind checks."""
    said = project.classes.by_scan()
    kinds: dict[bool, list[str]] = {True: [], False: []}
    for name, mine in scans.items():
        if folds[name] != test:
            kinds[any("yes" in said.get(scan.id, {}).get(CLASS, ("yes",)) for scan in mine)].append(name)
    checking = {
        name for mine in kinds.values() for name in in_hash_order(mine, f"check {test} ")[: round(CHECKING * len(mine))]
    }
    part_of = {
        name: Part.TEST if folds[name] == test else Part.VALIDATION if name in checking else Part.TRAIN
        for name in scans
    }
    return Split(
        {part: tuple(scan.id for name in scans if part_of[name] is part for scan in scans[name]) for part in Part},
        patients={scans[name][0].patient: part for name, part in part_of.items()},
    )
