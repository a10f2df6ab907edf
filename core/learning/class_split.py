"""Splits for a class: who checks, and who is kept for the end, must show yes as well as no."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from core.learning.split import Candidate, Part, Split

Kinds = Mapping[str, frozenset[bool]]


def with_both_kinds(split: Split, candidates: Sequence[Candidate], fixed: Collection[str] = ()) -> Split:
    """Swap patients until validation and test show both kinds, where there are patients enough.

    Training keeps at least one patient of each kind, and validation comes before the test.

    Parameters
    ----------
    fixed
        Patients who stay where they are (frozen, or seen by an ancestor).
    """
    if split.slices or not split.patients:
        return split
    kinds = _kinds(candidates)
    parts = {key: part for key, part in split.patients.items() if key in kinds}
    for part in (Part.VALIDATION, Part.TEST):
        for kind in (True, False):
            mine = [key for key in parts if parts[key] is part]
            if not mine or _shows(mine, kinds, kind):
                continue
            swap = _swap(parts, kinds, part, kind=kind, fixed=fixed)
            if swap is not None:
                given, taken = swap
                parts[given], parts[taken] = parts[taken], parts[given]
    patients = {**split.patients, **parts}
    scans = {part: tuple(one.scan for one in candidates if patients.get(one.patient) is part) for part in Part}
    return replace(split, scans=scans, patients=patients)


def _swap(
    parts: Mapping[str, Part], kinds: Kinds, part: Part, *, kind: bool, fixed: Collection[str]
) -> tuple[str, str] | None:
    """Return a patient of the part and another who shows the kind, so that no part before loses a kind."""
    mine = sorted((key for key in parts if parts[key] is part and key not in fixed), key=_order)
    donors = (Part.TEST, Part.TRAIN) if part is Part.VALIDATION else (Part.TRAIN,)
    for donor in donors:
        theirs = sorted((k for k in parts if parts[k] is donor and k not in fixed and kind in kinds[k]), key=_order)
        for taken in theirs:
            for given in mine:
                after = dict(parts) | {given: donor, taken: part}
                if _whole(after, kinds, part) and (donor is Part.TEST or _whole(after, kinds, donor)):
                    return given, taken
    return None


def _whole(parts: Mapping[str, Part], kinds: Kinds, part: Part) -> bool:
    mine = [key for key in parts if parts[key] is part]
    return _shows(mine, kinds, True) and _shows(mine, kinds, False)


def _shows(keys: Collection[str], kinds: Kinds, kind: bool) -> bool:
    return any(kind in kinds[key] for key in keys)


def _kinds(candidates: Sequence[Candidate]) -> dict[str, frozenset[bool]]:
    found: dict[str, set[bool]] = {}
    for one in candidates:
        found.setdefault(one.patient, set()).update(amount > 0 for amount in one.amounts)
    return {key: frozenset(kinds) for key, kinds in found.items()}


def _order(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
