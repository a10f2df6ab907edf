"""Who trains, who checks, who is kept for the end: by patient, never by slice if it can be helped.

The parts are balanced over how much of the label a patient shows, and the order within
equals is a hash of the patient key and the seed: the same project splits the same way on
every machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from core.errors import LearningError

STRATA = 4
"""Amount quartiles among the patients that show the label at all."""


class Part(StrEnum):
    """Part of the data."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Candidate:
    """The finished slices of one scan.

    Parameters
    ----------
    scan, patient
        Id and patient key; scans of one key stay in one part.
    patient_known
        False where nothing said who the patient is (the key then stands for this scan alone).
    slices
        Native indices of the finished slices.
    amounts
        For each of them, the part (0..1) of the slice that shows any of the labels.
    """

    scan: str
    patient: str
    patient_known: bool
    slices: tuple[int, ...]
    amounts: tuple[float, ...]


@dataclass(frozen=True)
class Split:
    """Where every scan (or, with a single patient, every slice) belongs.

    Parameters
    ----------
    scans
        Scan ids of each part.
    slices
        Only where one patient had to be cut: scan id to the part of each of its slices.
    reasons
        Why the numbers may flatter: ``patients-unknown``, ``one-patient``, ``by-slice``,
        ``parent-trained``, ``twins``.
    patients
        Patient key to part; a child run keeps its parent's.
    """

    scans: Mapping[Part, tuple[str, ...]]
    slices: Mapping[str, Mapping[int, Part]] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    patients: Mapping[str, Part] = field(default_factory=dict)

    @property
    def leaky(self) -> bool:
        """Whether "may leak" must stand beside every number."""
        return bool(self.reasons)

    def part_of(self, scan: str, index: int) -> Part:
        """Return the part of one slice of one scan.

        Raises
        ------
        KeyError
            If the scan is not in the split.
        """
        if scan in self.slices:
            return self.slices[scan][index]
        return next(part for part, scans in self.scans.items() if scan in scans)

    def to_json(self) -> dict[str, Any]:
        """Return what ``split.json`` holds."""
        return {
            "schema": 1,
            **{part.value: list(self.scans.get(part, ())) for part in Part},
            "slices": {
                scan: {str(index): part.value for index, part in parts.items()} for scan, parts in self.slices.items()
            },
            "patients": {key: part.value for key, part in self.patients.items()},
            "leaky": self.leaky,
            "reasons": list(self.reasons),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Split:
        """Read what :meth:`to_json` wrote."""
        return cls(
            scans={part: tuple(data[part.value]) for part in Part},
            slices={
                scan: {int(index): Part(part) for index, part in parts.items()}
                for scan, parts in data.get("slices", {}).items()
            },
            reasons=tuple(data.get("reasons", ())),
            patients={key: Part(part) for key, part in data.get("patients", {}).items()},
        )


def make_split(
    candidates: Sequence[Candidate],
    *,
    seed: int = 0,
    validation: float = 0.15,
    test: float = 0.15,
    inherited: Mapping[str, Part] | None = None,
    frozen: Collection[str] = (),
    assigned: Mapping[str, Part] | None = None,
    folds: int = 0,
    fold: int = 0,
    by_slice: bool = False,
) -> Split:
    """Split by patient, balanced over how much of the label each shows.

    Whoever is frozen is the test set, and nobody else is. With folds the test set is one
    fold; those who are frozen are then left out altogether, so that each fold is a measure
    of its own and the frozen ones stay unseen.

    Parameters
    ----------
    candidates
        One per annotated scan.
    seed
        Another seed gives another, equally balanced split.
    validation, test
        Parts of the patients held out. Two patients: one of them checks. From three on
        both train and check hold someone, from four on also test.
    inherited
        Patient key to part, of the parent run: what an ancestor trained on must not
        check its child.
    frozen
        Patient keys of the project's test set.
    assigned
        Patient key to part, as a person said. If anybody is given to train, whoever is not
        named is left out; else the rest is dealt to the parts that nobody was given to.
    folds, fold
        Above 1: patients are dealt into so many folds, in the order of a hash of their key, those
        with the label first; number ``fold`` (from 0) is the test set. The seed, and how much of
        the label somebody shows, have no part in it, so that each patient is tested once.
    by_slice
        Deal slices instead of patients; stamped ``by-slice``.

    Returns
    -------
    Split
        Same result for any order of ``candidates``.

    Raises
    ------
    LearningError
        ``frozen-all`` if nobody is left to learn from, ``folds-few`` for more folds than patients,
        ``split-lonely`` if the given parts leave nobody to train or to check.
    """
    everyone: dict[str, list[Candidate]] = {}
    for candidate in sorted(candidates, key=lambda item: item.scan):
        everyone.setdefault(candidate.patient, []).append(candidate)
    kept = {key: scans for key, scans in everyone.items() if key in set(frozen)}
    groups = {key: scans for key, scans in everyone.items() if key not in kept}
    if not groups:
        raise LearningError("frozen-all")
    test = 0.0 if kept else test
    if folds:
        parts = _folded(groups, folds, fold, seed, validation, inherited or {})
        return _closed(groups, parts, everyone)
    if by_slice or (len(groups) == 1 and not assigned):
        reason = "by-slice" if by_slice else "one-patient"
        # a single patient keeps no slices for a test: they would be as good as seen
        cut = _by_slice([c for scans in groups.values() for c in scans], seed, validation, test * by_slice, reason)
        aside = tuple(c.scan for scans in kept.values() for c in scans)
        return replace(cut, scans={**cut.scans, Part.TEST: (*cut.scans[Part.TEST], *aside)})
    if assigned:
        parts = _given(groups, assigned, seed, validation, test)
    else:
        parts = {key: part for key, part in (inherited or {}).items() if key in groups}
        if kept:
            parts = {key: part for key, part in parts.items() if part is not Part.TEST}
        parts = _dealt(groups, parts, _counts(len(groups), validation, test), seed)
    return _closed(everyone, parts | dict.fromkeys(kept, Part.TEST), everyone)


def _dealt(
    groups: Mapping[str, Sequence[Candidate]], parts: Mapping[str, Part], wanted: Mapping[Part, int], seed: int
) -> dict[str, Part]:
    """Deal those who have no part yet, so that the parts get the wanted counts."""
    left = {part: wanted[part] - sum(mine is part for mine in parts.values()) for part in Part}
    free = [key for key in _balanced_order(groups, seed) if key not in parts]
    result = dict(parts) | _deal(free, left)
    _fill_empty(result, free)
    return result


def _given(
    groups: Mapping[str, Sequence[Candidate]], assigned: Mapping[str, Part], seed: int, validation: float, test: float
) -> dict[str, Part]:
    """Take the parts that were given, and deal the rest unless the given ones say who trains."""
    parts = {key: part for key, part in assigned.items() if key in groups}
    named = set(parts.values())
    if Part.TRAIN not in named:
        counts = _counts(len(groups), validation, test) if len(groups) > 1 else dict.fromkeys(Part, 0)
        rest = {key: scans for key, scans in groups.items() if key not in parts}
        for_validation = 0 if Part.VALIDATION in named else min(counts[Part.VALIDATION], len(rest) - 1)
        for_test = 0 if Part.TEST in named else max(0, min(counts[Part.TEST], len(rest) - 1 - for_validation))
        wanted = {Part.VALIDATION: for_validation, Part.TEST: for_test}
        wanted[Part.TRAIN] = len(rest) - for_validation - for_test
        parts |= _deal(_balanced_order(rest, seed), wanted) if rest else {}
    for part in (Part.TRAIN, Part.VALIDATION):
        if part not in parts.values():
            raise LearningError("split-lonely", part=part.value)
    return parts


def _folded(
    groups: Mapping[str, Sequence[Candidate]],
    folds: int,
    fold: int,
    seed: int,
    validation: float,
    inherited: Mapping[str, Part],
) -> dict[str, Part]:
    """Keep one fold for the test and deal the rest."""
    # beside each fold there must be two: one to learn and one to check
    needed = max(folds, 4 if folds == 2 else 3)
    if len(groups) < needed:
        raise LearningError("folds-few", patients=len(groups), folds=folds, needed=needed)
    number = fold_numbers(groups, folds)
    tested = {key for key in groups if number[key] == fold}
    rest = {key: scans for key, scans in groups.items() if key not in tested}
    counts = _counts(len(groups), validation, 0.0)
    for_validation = min(counts[Part.VALIDATION], len(rest) - 1)
    wanted = {Part.TRAIN: len(rest) - for_validation, Part.VALIDATION: for_validation, Part.TEST: 0}
    kept = {key: part for key, part in inherited.items() if key in rest and part is not Part.TEST}
    return _dealt(rest, kept, wanted, seed) | dict.fromkeys(tested, Part.TEST)


def fold_numbers(groups: Mapping[str, Sequence[Candidate]], folds: int) -> dict[str, int]:
    """Return the fold of each patient: those with the label first, each in the order of a hash, dealt in turn."""
    order = sorted(groups, key=lambda key: (not any(any(c.amounts) for c in groups[key]), _hash(0, f"fold {key}")))
    return {key: rank % folds for rank, key in enumerate(order)}


def choose_test(candidates: Sequence[Candidate], share: float, seed: int = 0) -> tuple[str, ...]:
    """Choose patients for a test set that is to be frozen, balanced over how much of the label each shows.

    Parameters
    ----------
    share
        Of the patients, 0..1; at least one is chosen, and two are left.

    Raises
    ------
    LearningError
        ``freeze-few`` for fewer than three patients.
    """
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.patient, []).append(candidate)
    if len(groups) < 3:
        raise LearningError("freeze-few", patients=len(groups))
    count = min(max(1, round(share * len(groups))), len(groups) - 2)
    wanted = {Part.TRAIN: len(groups) - count, Part.VALIDATION: 0, Part.TEST: count}
    parts = _deal(_balanced_order(groups, seed), wanted)
    return tuple(sorted(key for key, part in parts.items() if part is Part.TEST))


def _closed(
    groups: Mapping[str, Sequence[Candidate]], parts: Mapping[str, Part], everyone: Mapping[str, Sequence[Candidate]]
) -> Split:
    scans = {part: tuple(c.scan for key in groups if parts.get(key) is part for c in groups[key]) for part in Part}
    used = [candidate for key in parts for candidate in everyone.get(key, ())]
    unknown = any(not candidate.patient_known for candidate in used)
    return Split(scans, reasons=("patients-unknown",) if unknown else (), patients=dict(parts))


def assigned_parts(words: Sequence[str]) -> dict[str, Part]:
    """Read ``TrainingConfig.assigned``: patient key to part."""
    pairs = (word.partition(" ") for word in words)
    return {key.strip(): Part(part) for part, _, key in pairs}


def mark_ancestors(split: Split, trained: Collection[str]) -> Split:
    """Stamp a split whose validation or test holds scans that an ancestor was trained on."""
    checked = {*split.scans.get(Part.VALIDATION, ()), *split.scans.get(Part.TEST, ())}
    if checked.isdisjoint(trained):
        return split
    return replace(split, reasons=(*split.reasons, "parent-trained"))


def _hash(seed: int, key: str) -> str:
    return hashlib.sha256(f"{seed} {key}".encode()).hexdigest()


def _counts(patients: int, validation: float, test: float) -> dict[Part, int]:
    """Patients per part, every part that can be filled holding at least one."""
    for_validation = max(1, round(patients * validation))
    for_test = max(1, round(patients * test)) if patients >= 4 and test > 0 else 0
    while for_validation + for_test >= patients:
        if for_test > 1:
            for_test -= 1
        else:
            for_validation -= 1
    return {
        Part.TRAIN: patients - for_validation - for_test,
        Part.VALIDATION: for_validation,
        Part.TEST: for_test,
    }


def _balanced_order(groups: Mapping[str, Sequence[Candidate]], seed: int) -> list[str]:
    """Patients by stratum (without the label, then by amount), hashed within each."""
    amount = {
        key: sum(sum(c.amounts) for c in scans) / max(1, sum(len(c.slices) for c in scans))
        for key, scans in groups.items()
    }
    showing = sorted((key for key in groups if amount[key] > 0), key=lambda key: (amount[key], key))
    stratum = dict.fromkeys(groups, 0)
    for rank, key in enumerate(showing):
        stratum[key] = 1 + rank * STRATA // len(showing)
    return sorted(groups, key=lambda key: (stratum[key], _hash(seed, key)))


def _deal(order: Sequence[str], wanted: Mapping[Part, int]) -> dict[str, Part]:
    """Walk through the strata and give each patient to the part that lags most behind its share."""
    total = sum(max(0, count) for count in wanted.values())
    given = dict.fromkeys(Part, 0)
    parts: dict[str, Part] = {}
    for number, key in enumerate(order, start=1):
        lag = {part: max(0, wanted[part]) * number / max(1, total) - given[part] for part in Part}
        open_parts = [part for part in Part if given[part] < wanted[part]] or [Part.TRAIN]
        part = max(open_parts, key=lambda item: lag[item])
        parts[key] = part
        given[part] += 1
    return parts


def _fill_empty(parts: dict[str, Part], free: Sequence[str]) -> None:
    """See to it that somebody trains and somebody checks, moving only patients without an ancestor."""
    for part, donors in (
        (Part.VALIDATION, (Part.TEST, Part.TRAIN)),
        (Part.TRAIN, (Part.TEST, Part.VALIDATION)),
    ):
        if part in parts.values():
            continue
        key = next((key for donor in donors for key in free if parts[key] is donor), None)
        key = next(key for donor in donors for key in sorted(parts) if parts[key] is donor) if key is None else key
        parts[key] = part


def _by_slice(scans: Sequence[Candidate], seed: int, validation: float, test: float, reason: str) -> Split:
    """Cut slices into parts, slices with the label in each where there are enough."""
    everything = [
        (candidate.scan, index, amount > 0)
        for candidate in scans
        for index, amount in zip(candidate.slices, candidate.amounts, strict=True)
    ]
    # with the label first, so that the strides below meet both kinds
    everything.sort(key=lambda item: (not item[2], _hash(seed, f"{item[0]} {item[1]}")))
    part_of = dict.fromkeys(range(len(everything)), Part.TRAIN)
    for part, share in ((Part.VALIDATION, validation), (Part.TEST, test)):
        free = [number for number, mine in part_of.items() if mine is Part.TRAIN]
        least = 1 if part is Part.VALIDATION or (share > 0 and len(free) > 1) else 0
        count = min(len(free) - 1, max(least, round(len(everything) * share)))
        for number in range(count):
            part_of[free[int(number * len(free) / count)]] = part
    slices: dict[str, dict[int, Part]] = {candidate.scan: {} for candidate in scans}
    for number, (scan, index, _shows) in enumerate(everything):
        slices[scan][index] = part_of[number]
    held = {part: tuple(scan for scan, parts in slices.items() if part in parts.values()) for part in Part}
    reasons = (reason,) if all(c.patient_known for c in scans) else (reason, "patients-unknown")
    return Split(held, slices, reasons)
