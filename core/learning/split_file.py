"""Reading who trains, checks and tests from a file that a person made.

JSON (``{"train": [...], "validation": [...], "test": [...]}``) or a table (comma,
semicolon or tab) with a column of names and one of parts. Names are patients (``P001``, or
what they were called when they came in, where this workstation knows it) or scans. What
is kept are the parts of patient keys, never the file or the names in it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

from core.errors import InputError
from core.learning.split import Part
from core.project.project import Project

_PARTS = {
    "train": Part.TRAIN,
    "training": Part.TRAIN,
    "val": Part.VALIDATION,
    "valid": Part.VALIDATION,
    "validation": Part.VALIDATION,
    "dev": Part.VALIDATION,
    "test": Part.TEST,
    "testing": Part.TEST,
}
_PART_COLUMNS = ("part", "split", "set", "subset", "fold")
_NAME_COLUMNS = ("patient", "scan", "name", "id", "file", "case", "subject")
_SHOWN = 5
_MOST_BYTES = 1 << 26


def read_assigned(project: Project, file: Path) -> tuple[str, ...]:
    """Read a split file into what ``TrainingConfig.assigned`` holds.

    Returns
    -------
    tuple of str
        ``"train <patient key>"`` and so on, in order.

    Raises
    ------
    InputError
        ``file-missing``, ``split-file-unreadable``, ``split-file-empty``, ``split-part-unknown``,
        ``split-names-unknown`` naming the first few, ``split-patient-twice``.
    """
    if not file.is_file():
        raise InputError("file-missing", file=file)
    rows = list(_rows(file))
    if not rows:
        raise InputError("split-file-empty", file=file.name)
    known = _names(project)
    unknown = list(dict.fromkeys(name for name, _ in rows if name.casefold() not in known))
    if unknown:
        names = ", ".join(unknown[:_SHOWN]) + (", ..." if len(unknown) > _SHOWN else "")
        raise InputError("split-names-unknown", file=file.name, count=len(unknown), names=names)
    shown = {scan.patient: scan.patient_name for scan in project.scans()}
    parts: dict[str, Part] = {}
    for name, part in rows:
        key = known[name.casefold()]
        before = parts.setdefault(key, part)
        if before is not part:
            raise InputError(
                "split-patient-twice", file=file.name, name=shown[key], first=before.value, second=part.value
            )
    return tuple(sorted(f"{part.value} {key}" for key, part in parts.items()))


def _names(project: Project) -> dict[str, str]:
    """Return every name that stands for a patient (lower case), to the patient's key."""
    known: dict[str, str] = {}
    scans = project.scans()
    keys = {scan.patient for scan in scans}
    identities = {identity: key for key, identity in project.links.patients().items() if key in keys}
    known |= {identity.strip().casefold(): key for identity, key in identities.items()}
    for scan in scans:
        # what the project itself calls them wins over what they were called outside
        for name in (scan.patient, scan.patient_name, scan.id, scan.name):
            known[name.casefold()] = scan.patient
    return known


def _rows(file: Path) -> Iterator[tuple[str, Part]]:
    try:
        content = file.read_bytes()[:_MOST_BYTES].decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("split-file-unreadable", file=file.name) from error
    yield from _of_json(file, content) if content.lstrip().startswith(("{", "[")) else _of_table(file, content)


def _of_json(file: Path, content: str) -> Iterator[tuple[str, Part]]:
    try:
        data = json.loads(content)
    except ValueError as error:
        raise InputError("split-file-unreadable", file=file.name) from error
    if not isinstance(data, dict):
        raise InputError("split-file-unreadable", file=file.name)
    for word, names in data.items():
        part = _part(file, str(word))
        if not isinstance(names, list) or not all(isinstance(name, (str, int)) for name in names):
            raise InputError("split-file-unreadable", file=file.name)
        yield from ((str(name).strip(), part) for name in names)


def _of_table(file: Path, content: str) -> Iterator[tuple[str, Part]]:
    delimiter = max(",;\t", key=content.split("\n", 1)[0].count)
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(content), delimiter=delimiter)]
    except csv.Error as error:
        raise InputError("split-file-unreadable", file=file.name) from error
    rows = [row for row in rows if any(row)]
    if not rows:
        return
    head = [cell.casefold() for cell in rows[0]]
    at_part = next((head.index(name) for name in _PART_COLUMNS if name in head), None)
    at_name = next((head.index(name) for name in _NAME_COLUMNS if name in head), None)
    if at_part is None and len(head) == 2 and head[1] in _PARTS:
        # no head: the name first
        at_name, at_part, rows = 0, 1, [[], *rows]
    if at_part is None or at_name is None:
        raise InputError("split-file-unreadable", file=file.name)
    for row in rows[1:]:
        if len(row) <= max(at_part, at_name):
            raise InputError("split-file-unreadable", file=file.name)
        yield row[at_name], _part(file, row[at_part])


def _part(file: Path, word: str) -> Part:
    part = _PARTS.get(word.strip().casefold())
    if part is None:
        raise InputError("split-part-unknown", file=file.name, part=word)
    return part
