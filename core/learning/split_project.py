"""The split of a training: the project's frozen test set, its ancestors, what a person gave, and look-alikes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.errors import LearningError, MeninxError
from core.events import StopCheck, never_stop
from core.learning import runs
from core.learning.class_split import with_both_kinds
from core.learning.config import TrainingConfig
from core.learning.dataset import TrainingSet
from core.learning.frozen import frozen_patients, refuse_frozen
from core.learning.reading import go_on
from core.learning.run_files import foreign_learnt
from core.learning.runs import Run
from core.learning.split import Part, Split, assigned_parts, make_split, mark_ancestors
from core.learning.twins import find_pairs, look_of
from core.project.project import Project

MOST_COMPARED = 4000
"""Slices of a training set that are looked at for look-alikes, evenly spread: a start must not take minutes."""


def split_for(
    project: Project, config: TrainingConfig, data: TrainingSet, should_stop: StopCheck = never_stop
) -> Split:
    """Split a training set as the settings ask.

    Who an ancestor trained on stays on the training side; whoever is frozen is the test set.

    Raises
    ------
    LearningError
        ``split-frozen`` if the given parts train or check on a frozen patient, ``frozen-all``,
        ``folds-few``, ``split-lonely``.
    Cancelled
        If asked to stop while look-alikes are looked for.
    """
    frozen = frozen_patients(project)
    assigned = assigned_parts(config.assigned)
    names = {scan.patient: scan.patient_name for scan in data.scans}
    clash = sorted(names[key] for key in frozen if key in names and assigned.get(key, Part.TEST) is not Part.TEST)
    if clash:
        raise LearningError("split-frozen", count=len(clash), names=", ".join(clash[:5]))
    parent = runs.find_run(project, config.parent) if config.parent else None
    line = runs.ancestors(project, parent.id if parent else None)
    split = make_split(
        data.candidates(),
        seed=config.seed,
        validation=config.validation_fraction,
        test=config.test_fraction,
        inherited=_inherited(project, line, data),
        frozen=frozen,
        assigned=assigned,
        folds=config.folds,
        fold=config.fold,
        by_slice=config.split == "slice",
    )
    if config.classifies and not config.assigned:
        # folds keep their test; only who checks may change
        tested = {key for key, part in split.patients.items() if part is Part.TEST} if config.folds else set()
        split = with_both_kinds(split, data.candidates(), {*frozen, *tested, *_inherited(project, line, data)})
    return stamped(project, split, data, line, should_stop)


def stamped(
    project: Project, split: Split, data: TrainingSet, line: list[Run], should_stop: StopCheck = never_stop
) -> Split:
    """Return a split with every reason for which its numbers may flatter.

    Parameters
    ----------
    line
        The ancestors, youngest first.

    Raises
    ------
    LearningError
        ``frozen-trained`` if it trains or checks on a frozen patient.
    Cancelled
        If asked to stop.
    """
    refuse_frozen(project, split)
    return mark_twins(mark_ancestors(split, _trained(project, line, data)), data, should_stop)


def _inherited(project: Project, line: list[Run], data: TrainingSet) -> dict[str, Part]:
    """Return the parts that the patients had in the ancestors' splits; who was once trained on stays there."""
    patient_of = {scan.id: scan.patient for scan in data.scans}
    inherited: dict[str, Part] = {}
    for ancestor in reversed(line):
        try:
            parts = runs.read_split(project, ancestor.id)
        except MeninxError:
            continue  # an ancestor whose folder was taken away: its pins still count
        for part in (Part.TEST, Part.VALIDATION, Part.TRAIN):
            inherited |= {patient_of[scan]: part for scan in parts[part.value] if scan in patient_of}
    # also by what no split here names: scans known by their hash, or of which another of the same patient is at hand
    trained = _trained(project, line, data)
    return inherited | {scan.patient: Part.TRAIN for scan in data.scans if scan.id in trained}


def _trained(project: Project, line: list[Run], data: TrainingSet) -> set[str]:
    """Return the scans at hand that ancestors learnt from: the same, of the same voxels, or of the same patient."""
    pins = [pin for ancestor in line for pin in runs.read_pins(project, ancestor.id) if pin.part == Part.TRAIN]
    # what came from another project tells by hashes what it learnt there
    foreign = {
        sha for ancestor in line for sha, part in foreign_learnt(project, ancestor.id).items() if part == "train"
    }
    ids, hashes = {pin.scan for pin in pins}, {pin.scan_sha256 for pin in pins} | foreign
    known = [scan for scan in project.scans() if scan.id in ids or scan.sha256 in hashes]
    scans, patients = {scan.id for scan in known}, {scan.patient for scan in known if scan.patient_known}
    return {scan.id for scan in data.scans if scan.id in scans or scan.patient in patients}


def mark_twins(split: Split, data: TrainingSet, should_stop: StopCheck = never_stop) -> Split:
    """Stamp a split with slices of different patients that look the same on the training side and on the other."""
    side_of = {Part.TRAIN: 0, Part.VALIDATION: 1, Part.TEST: 1}
    examples = np.unique(np.linspace(0, len(data) - 1, min(len(data), MOST_COMPARED)).round().astype(np.int64))
    keys = {key: number for number, key in enumerate(sorted({scan.patient for scan in data.scans}))}
    looks, owners, sides = [], [], []
    for example in examples:
        go_on(should_stop)
        scan = data.scans[int(data.scan_of[example])]
        try:
            part = split.part_of(scan.id, int(data.slice_of[example]))
        except (KeyError, StopIteration):
            continue
        middle = data.stacks[example][data.stacks.shape[1] // 2]
        looks.append(look_of(data.images[middle]))
        owners.append(keys[scan.patient])
        sides.append(side_of[part])
    alike = find_pairs(np.array(looks), owners, sides, lambda: not should_stop()) if looks else []
    go_on(should_stop)
    if not alike:
        return split
    return replace(split, reasons=(*split.reasons, "twins"))
