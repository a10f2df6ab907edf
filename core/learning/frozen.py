"""The frozen test set of a project: patients that no run learns from, or is chosen by, ever after.

It is one row of the index, written in one transaction with its line in the audit.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from core.errors import LearningError, ProjectError
from core.learning.split import Part, Split
from core.project import audit
from core.project.project import Project
from core.project.records import current_reader, utc_now

_KEY = "frozen_test"


@dataclass(frozen=True, slots=True)
class FrozenTest:
    """Who is kept for the end.

    Parameters
    ----------
    patients
        Patient keys.
    at, who
        When it was frozen (UTC, ISO 8601), and by whom.
    """

    patients: tuple[str, ...]
    at: str
    who: str


def frozen_test(project: Project) -> FrozenTest | None:
    """Return the frozen test set, or None.

    Raises
    ------
    ProjectError
        ``project-corrupt`` if it cannot be read: then nobody must be trained on.
    """
    row = project.store.row("SELECT value FROM meta WHERE key = ?", _KEY)
    if row is None:
        return None
    try:
        data = json.loads(str(row[0]))
        return FrozenTest(tuple(str(key) for key in data["patients"]), str(data["at"]), str(data["who"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ProjectError("project-corrupt", file=project.store.file) from error


def frozen_patients(project: Project) -> frozenset[str]:
    """Return the keys of the frozen patients; none where nothing is frozen."""
    found = frozen_test(project)
    return frozenset() if found is None else frozenset(found.patients)


def freeze_test(project: Project, patients: Collection[str]) -> FrozenTest:
    """Freeze patients as the test set of the project.

    Parameters
    ----------
    patients
        Keys.

    Raises
    ------
    LearningError
        ``freeze-nobody``, ``freeze-everybody``, ``freeze-again`` if there is one already.
    InputError, StorageError
        As every change of the index.
    """
    chosen = tuple(sorted(set(patients)))
    names = {scan.patient: scan.patient_name for scan in project.scans()}
    if not chosen or not set(chosen) <= set(names):
        raise LearningError("freeze-nobody")
    if len(chosen) == len(names):
        raise LearningError("freeze-everybody")
    made = FrozenTest(chosen, utc_now(), current_reader())
    value = json.dumps({"patients": list(chosen), "at": made.at, "who": made.who})
    with project.store.transaction() as connection:
        if connection.execute("SELECT 1 FROM meta WHERE key = ?", (_KEY,)).fetchone() is not None:
            raise LearningError("freeze-again")
        connection.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (_KEY, value))
        facts = {"patients": sorted(names[key] for key in chosen)}
        audit.append(connection, made.who, "freeze-test", facts, touched=[("meta", _KEY)])
    return made


def thaw_test(project: Project) -> bool:
    """Take the frozen test set back (the audit keeps that it was there); return whether there was one."""
    with project.store.transaction() as connection:
        there = connection.execute("SELECT 1 FROM meta WHERE key = ?", (_KEY,)).fetchone() is not None
        if there:
            connection.execute("DELETE FROM meta WHERE key = ?", (_KEY,))
            audit.append(connection, current_reader(), "thaw-test", {}, touched=[("meta", _KEY)])
    return there


def refuse_frozen(project: Project, split: Split) -> None:
    """Refuse a split that trains on, or is chosen by, somebody who is frozen.

    Raises
    ------
    LearningError
        ``frozen-trained`` naming them.
    """
    frozen = frozen_patients(project)
    if not frozen:
        return
    used = {*split.scans.get(Part.TRAIN, ()), *split.scans.get(Part.VALIDATION, ())}
    names = sorted({scan.patient_name for scan in project.scans() if scan.id in used and scan.patient in frozen})
    if names:
        raise LearningError("frozen-trained", count=len(names), names=", ".join(names[:5]))
