"""Runs as files: written out to be given away, and taken in from elsewhere without running anything.

What is taken in is JSON, safetensors and ONNX: none of them holds a program. A pickle
(``.pt``, ``.pth``, ``.ckpt``, ``.pkl``) is never opened, whatever it is called inside.
"""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import LearningError, ProjectError
from core.io import atomic
from core.io.zips import BROKEN
from core.learning import runs
from core.learning.config import TrainingConfig
from core.learning.prepare import Preparation
from core.learning.runs import CARD_FILE, CONFIG_FILE, EVENTS_FILE, MODEL_FILE, ONNX_FILE, WEIGHTS_FILE, Pin, Run
from core.learning.split import Part
from core.project import sums
from core.project.project import Project
from core.project.records import utc_now

LEARNT_FILE = "learnt.json"
"""Hashes of the scans that a run and its ancestors learnt from: a leak can be seen in another project too."""
ORIGIN_FILE = "origin.json"
PICKLES = frozenset({".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".bin", ".joblib"})
MOST_BYTES = 4 << 30
"""Of one file of a foreign run; a zip can claim anything."""
_MOST_TEXT = 64 << 20
_OF_THIS_PROJECT: dict[str, Any] = {"parent": None, "encoder_weights": "", "assigned": [], "reader": ""}
"""Settings that mean nothing elsewhere, and might tell where files lie or who drew."""
_NEEDED = (MODEL_FILE, ONNX_FILE)
_TAKEN = (MODEL_FILE, ONNX_FILE, WEIGHTS_FILE, CONFIG_FILE, CARD_FILE, EVENTS_FILE, LEARNT_FILE, sums.NAME)
_OURS = re.compile(r"evaluation-(val|test|all)\.json|[a-z0-9_]+_curves\.(svg|png|csv)")
"""What an export holds for people, and nothing here needs."""
_PIECE = 1 << 22


def export_run(project: Project, run: Run, target: Path, *, replace: bool = False) -> list[str]:
    """Write a run to a folder, or to a zip where the name ends so, with its curves.

    Nothing in it names a person: scans are told by their hash.

    Parameters
    ----------
    replace
        Whether a zip that is there may be replaced; a folder never is.

    Returns
    -------
    list of str
        Names of what was written.

    Raises
    ------
    LearningError
        ``run-unusable``; ``export-there`` if the folder or file is there already.
    StorageError
        If the disk refuses.
    """
    from core.review.curves import read_curves, write_curves

    source = runs.require_usable(project, run)
    target = Path(target)
    packed = target.suffix.casefold() == ".zip"
    if (target.is_file() and not (packed and replace)) or (target.is_dir() and (packed or any(target.iterdir()))):
        raise LearningError("export-there", file=target)
    folder = target.with_name(f"{atomic.TEMPORARY}{target.name}") if packed else target
    try:
        atomic.make_folder(folder)
        names = [name for name in _TAKEN if (source / name).is_file() and name not in (LEARNT_FILE, sums.NAME)]
        names += [file.name for file in sorted(source.glob("evaluation-*.json"))]
        for name in names:
            _copy(source / name, folder / name)
        atomic.write_bytes(folder / CONFIG_FILE, _json_bytes(run.config.to_json() | _OF_THIS_PROJECT))
        atomic.write_bytes(folder / LEARNT_FILE, _json_bytes(_learnt(project, run)))
        names.append(LEARNT_FILE)
        if runs.history(project, run.id):
            names += [file.name for file in write_curves(folder, read_curves(project, run))]
        sums.seal(folder, names)
        names.append(sums.NAME)
        if packed:
            _zip(folder, names, target, run.name)
    finally:
        if packed:
            shutil.rmtree(folder, ignore_errors=True)
    return names


def _copy(source: Path, target: Path) -> None:
    with atomic.path(target) as writable:
        shutil.copyfile(source, writable)


def _zip(folder: Path, names: list[str], target: Path, inside: str) -> None:
    with (
        atomic.path(target) as writable,
        zipfile.ZipFile(writable, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped,
    ):
        for name in names:
            zipped.write(folder / name, f"{inside}/{name}")


def learnt_hashes(project: Project, run: str) -> dict[str, str]:
    """Return the hash of each scan that a run and its ancestors learnt from or were chosen on, and its part.

    Raises
    ------
    LearningError
        ``foreign-damaged`` for what an ancestor from elsewhere brought along and cannot be read.
    """
    parts: dict[str, str] = {}
    for one in reversed(runs.ancestors(project, run)):
        for pin in runs.read_pins(project, one.id):
            if parts.get(pin.scan_sha256) != Part.TRAIN:
                parts[pin.scan_sha256] = pin.part
        parts = foreign_learnt(project, one.id) | parts
    return parts


def _learnt(project: Project, run: Run) -> dict[str, Any]:
    """Return what goes along with a run: the hashes of what it and its ancestors learnt from and were chosen on."""
    parts = learnt_hashes(project, run.id)
    return {"schema": 1, "name": run.name, "scans": [{"sha256": key, "part": part} for key, part in parts.items()]}


def foreign_learnt(project: Project, run: str) -> dict[str, str]:
    """Return what an ancestor that came from elsewhere brought along."""
    file = runs.run_folder(project, run) / LEARNT_FILE
    return _hashes(_facts(file.read_bytes(), file.name)) if file.is_file() else {}


def _hashes(facts: Mapping[str, Any]) -> dict[str, str]:
    rows = facts.get("scans", [])
    rows = rows if isinstance(rows, list) else []
    return {
        str(row["sha256"]): str(row["part"]) for row in rows if isinstance(row, dict) and {"sha256", "part"} <= set(row)
    }


# ------------------------------------------------------------------- taking in


@dataclass(frozen=True)
class Foreign:
    """A run of another project, looked at and unpacked, not yet taken in.

    Parameters
    ----------
    folder
        Where its files lie for now; only names of this module.
    name, id
        What it was called there.
    config
        Its settings, without its parent.
    facts
        Its ``model.json``.
    learnt
        SHA-256 of the voxels of each scan it saw, to the part.
    left
        Files that were not taken, such as pickles.
    """

    folder: Path
    name: str
    id: str
    config: TrainingConfig
    facts: Mapping[str, Any]
    learnt: Mapping[str, str]
    left: tuple[str, ...]


def unpack_run(source: Path, folder: Path) -> Foreign:
    """Copy what may be taken of a run's folder or zip to an empty folder, and read it.

    Raises
    ------
    LearningError
        ``foreign-missing`` if it is neither; ``foreign-none`` without a run in it;
        ``foreign-pickle`` if all it has are weights as a pickle; ``foreign-large``;
        ``foreign-damaged`` naming the file; ``foreign-other`` for a run of another kind
        of network than this version knows.
    """
    source = Path(source)
    if source.is_dir():
        left = _from_folder(source, folder)
    elif zipfile.is_zipfile(source):
        left = _from_zip(source, folder)
    elif source.suffix.casefold() in PICKLES:
        raise LearningError("foreign-pickle", file=source.name)
    else:
        raise LearningError("foreign-missing", file=source.name)
    pickles = [name for name in left if Path(name).suffix.casefold() in PICKLES]
    for name in _NEEDED:
        if not (folder / name).is_file():
            if pickles:
                raise LearningError("foreign-pickle", file=pickles[0])
            raise LearningError("foreign-none", file=source.name, needed=name)
    found = _read(folder, source.name, [name for name in left if not _OURS.fullmatch(Path(name).name)])
    for file in sums.broken(folder):
        # what is for people was left behind, and a card may be written on by hand
        if file.is_file() and file.name != CARD_FILE:
            raise LearningError("foreign-damaged", file=file.name)
    return found


def _from_folder(source: Path, folder: Path) -> list[str]:
    files = {file.name: file for file in sorted(source.iterdir()) if file.is_file()}
    if MODEL_FILE not in files:
        # a zip unpacked by hand has its folder inside
        inner = [inside for inside in sorted(source.iterdir()) if (inside / MODEL_FILE).is_file()]
        files = {file.name: file for file in sorted(inner[0].iterdir()) if file.is_file()} if len(inner) == 1 else files
    for name in _TAKEN:
        if name in files:
            if files[name].stat().st_size > _bound(name):
                raise LearningError("foreign-large", file=name)
            _copy(files[name], folder / name)
    return [name for name in files if name not in _TAKEN]


def _from_zip(source: Path, folder: Path) -> list[str]:
    left = []
    try:
        with zipfile.ZipFile(source) as zipped:
            members = [member for member in zipped.infolist() if not member.is_dir()]
            model = min((m for m in members if Path(m.filename).name == MODEL_FILE), key=_depth, default=None)
            base = model.filename.removesuffix(MODEL_FILE) if model is not None else ""
            for member in members:
                name = member.filename.removeprefix(base)
                # compared with known names whole: no member can choose where it is written
                if name not in _TAKEN or not member.filename.startswith(base):
                    left.append(member.filename)
                    continue
                _unzip(zipped, member, folder / name)
    except BROKEN as error:
        raise LearningError("foreign-damaged", file=source.name) from error
    return left


def _depth(member: zipfile.ZipInfo) -> int:
    return member.filename.count("/")


def _unzip(zipped: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    bound = _bound(target.name)
    with zipped.open(member) as packed, atomic.path(target) as writable, writable.open("wb") as out:
        written = 0
        while piece := packed.read(_PIECE):
            written += len(piece)
            if written > bound:
                raise LearningError("foreign-large", file=target.name)
            out.write(piece)


def _bound(name: str) -> int:
    return MOST_BYTES if name in (ONNX_FILE, WEIGHTS_FILE) else _MOST_TEXT


def _read(folder: Path, source: str, left: list[str]) -> Foreign:
    facts = _facts((folder / MODEL_FILE).read_bytes(), MODEL_FILE)
    try:
        labels = tuple(str(name) for name in facts["labels"])
        preparation = Preparation.from_json(facts["preparation"])
    except (KeyError, TypeError, ValueError) as error:
        raise LearningError("foreign-damaged", file=MODEL_FILE) from error
    if (folder / WEIGHTS_FILE).is_file():
        check_safetensors(folder / WEIGHTS_FILE)
    config = _config(folder, facts, labels, preparation)
    learnt = folder / LEARNT_FILE
    hashes = _hashes(_facts(learnt.read_bytes(), LEARNT_FILE)) if learnt.is_file() else {}
    return Foreign(
        folder, str(facts.get("name", source)), str(facts.get("run", "")), config, facts, hashes, tuple(left)
    )


def _config(
    folder: Path, facts: Mapping[str, Any], labels: tuple[str, ...], preparation: Preparation
) -> TrainingConfig:
    given = folder / CONFIG_FILE
    values = _facts(given.read_bytes(), CONFIG_FILE) if given.is_file() else {"network": facts.get("network", "")}
    # what the network takes is what its model says; its parent is another project's
    values |= {"labels": list(labels), "size": preparation.size, "slices": preparation.slices}
    values |= {"channels": list(preparation.channels), "prepare": list(preparation.steps), **_OF_THIS_PROJECT}
    try:
        return TrainingConfig.of_run(values)
    except LearningError as error:
        raise LearningError("foreign-other", network=str(values.get("network", "-"))) from error


def _facts(content: bytes, name: str) -> dict[str, Any]:
    try:
        facts = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise LearningError("foreign-damaged", file=name) from error
    if not isinstance(facts, dict):
        raise LearningError("foreign-damaged", file=name)
    return facts


def check_safetensors(file: Path) -> None:
    """Check that a file is safetensors from its first byte to its last: a table, then plain numbers.

    Raises
    ------
    LearningError
        ``foreign-damaged``.
    """
    total = file.stat().st_size
    try:
        with file.open("rb") as opened:
            size = int.from_bytes(opened.read(8), "little")
            if not 2 <= size <= min(total - 8, _MOST_TEXT):
                raise ValueError(size)
            table = json.loads(opened.read(size).decode("utf-8"))
        ends = [entry["data_offsets"][1] for name, entry in table.items() if name != "__metadata__"]
        good = max(ends, default=0) == total - 8 - size
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise LearningError("foreign-damaged", file=file.name) from error
    if not good:
        raise LearningError("foreign-damaged", file=file.name)


def add_foreign(project: Project, found: Foreign) -> Run:
    """Add an unpacked run to a project.

    It has no validation Dice here: it was chosen on other scans. Scans of this project that
    it learnt from are noted, so that no child of it is checked on them.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    run = runs.create_run(project, found.config, scans=int(found.facts.get("scans", 0) or 0))
    folder = runs.run_folder(project, run.id)
    pins = [
        Pin(scan.id, found.learnt[scan.sha256], scan.sha256, {})
        for scan in project.scans()
        if scan.sha256 in found.learnt and found.learnt[scan.sha256] in tuple(Part)
    ]
    runs.pin_scans(project, run.id, pins)
    parts = {part.value: [pin.scan for pin in pins if pin.part == part] for part in Part}
    runs.write_split(project, run.id, {"schema": 1, **parts, "slices": {}, "patients": {}, "reasons": []})
    origin = {"schema": 1, "name": found.name, "run": found.id, "taken": utc_now()}
    atomic.write_bytes(folder / ORIGIN_FILE, _json_bytes(origin))
    for name in (LEARNT_FILE, CARD_FILE, EVENTS_FILE, WEIGHTS_FILE, ONNX_FILE, MODEL_FILE):
        # model.json last: it makes a run usable
        if (found.folder / name).is_file():
            _copy(found.folder / name, folder / name)
    runs.update_run(project, run.id, state=runs.RunState.DONE)
    return runs.find_run(project, run.id)


def origin_of(project: Project, run: str) -> str:
    """Return what a run from elsewhere was called there; empty for a run of this project."""
    facts = origin_facts(project, run)
    return "" if facts is None else str(facts.get("name", "")) or "?"


def name_with_origin(project: Project, run: Run) -> str:
    """Return a run's name with what it was called elsewhere: a number alone says little of a starter.

    Raises
    ------
    ProjectError
        ``run-damaged``.
    """
    origin = origin_of(project, run.id)
    return f"{run.name} · {origin}" if origin else run.name


def origin_facts(project: Project, run: str) -> Mapping[str, Any] | None:
    """Return what is known of where a run comes from; None for a run of this project.

    Raises
    ------
    ProjectError
        ``run-damaged``.
    """
    file = runs.run_folder(project, run) / ORIGIN_FILE
    if not file.is_file():
        return None
    try:
        return _facts(file.read_bytes(), ORIGIN_FILE)
    except (LearningError, OSError) as error:
        raise ProjectError("run-damaged", file=file) from error


def _json_bytes(facts: Mapping[str, Any]) -> bytes:
    return (json.dumps(dict(facts), indent=1) + "\n").encode()
