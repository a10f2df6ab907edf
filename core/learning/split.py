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
        Why the numbers may flatter: ``patients-unknown``, ``one-patient``, ``parent-trained``.
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
) -> Split:
    """Split by patient, balanced over how much of the label each shows.

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

    Returns
    -------
    Split
        Same result for any order of ``candidates``.
    """
    groups: dict[str, list[Candidate]] = {}
    for candidate in sorted(candidates, key=lambda item: item.scan):
        groups.setdefault(candidate.patient, []).append(candidate)
    if len(groups) == 1:
        return _by_slice(next(iter(groups.values())), seed, validation)
    wanted = _counts(len(groups), validation, test)
    parts = {key: part for key, part in (inherited or {}).items() if key in groups}
    for part in parts.values():
        wanted[part] -= 1
    free = [key for key in _balanced_order(groups, seed) if key not in parts]
    parts |= _deal(free, wanted)
    _fill_empty(parts, free)
    scans = {part: tuple(c.scan for key in groups if parts[key] is part for c in groups[key]) for part in Part}
    unknown = any(not candidate.patient_known for candidate in candidates)
    return Split(scans, reasons=("patients-unknown",) if unknown else (), patients=parts)


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


def _by_slice(scans: Sequence[Candidate], seed: int, validation: float) -> Split:
    """Cut the only patient's slices in two, slices with the label in both where there are enough."""
    everything = [
        (candidate.scan, index, amount > 0)
        for candidate in scans
        for index, amount in zip(candidate.slices, candidate.amounts, strict=True)
    ]
    # with the label first, so that the stride below meets both kinds
    everything.sort(key=lambda item: (not item[2], _hash(seed, f"{item[0]} {item[1]}")))
    count = min(len(everything) - 1, max(1, round(len(everything) * validation)))
    step = len(everything) / count
    chosen = {int(number * step) for number in range(count)}
    slices: dict[str, dict[int, Part]] = {candidate.scan: {} for candidate in scans}
    for number, (scan, index, _shows) in enumerate(everything):
        slices[scan][index] = Part.VALIDATION if number in chosen else Part.TRAIN
    held = {
        part: tuple(scan for scan, parts in slices.items() if part in parts.values())
        for part in (Part.TRAIN, Part.VALIDATION)
    }
    reasons = ("one-patient",) if all(c.patient_known for c in scans) else ("one-patient", "patients-unknown")
    return Split({**held, Part.TEST: ()}, slices, reasons)
