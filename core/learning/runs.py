"""The runs of a project: their rows, their folders, who is best.

A row is changed in short transactions and never needs the annotation lock, so that a
training on the command line works beside an open window.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Any

from core.errors import LearningError, ProjectError, StorageError
from core.events import JobEvent
from core.ids import new_id
from core.io import atomic
from core.learning.config import TrainingConfig
from core.learning.events import EpochEnded, TrainingStarted, event_from_json, event_to_json
from core.messages import text
from core.project import audit, sums
from core.project.lock import is_alive, started_at
from core.project.project import Project
from core.project.records import current_reader, utc_now

CONFIG_FILE = "config.json"
EVENTS_FILE = "events.jsonl"
SPLIT_FILE = "split.json"
WEIGHTS_FILE = "model.safetensors"
ONNX_FILE = "model.onnx"
MODEL_FILE = "model.json"
RESUME_FILE = "resume.pt"
CARD_FILE = "card.md"
EVALUATION_FILE = "evaluation-{part}.json"
SAMPLES_FOLDER = "samples"
_ALIVE_FILE = "running.json"
_SILENT = 24 * 3600
"""Seconds without a word after which a training of another machine is taken to have ended: no epoch takes so long."""
_SEALED = (CONFIG_FILE, SPLIT_FILE, EVENTS_FILE, WEIGHTS_FILE, ONNX_FILE, MODEL_FILE, RESUME_FILE, CARD_FILE)
"""Files that do not change once a run has ended. Runs of before have a seal without events and card, which holds."""


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    """Ended early on request; the best weights are kept and usable."""
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """Its process died; can be resumed if it got far enough."""


@dataclass(frozen=True, slots=True)
class Run:
    """One training.

    Parameters
    ----------
    best_epoch, best_dice
        0 and None until the first epoch was validated; of a run that classifies, ``best_dice`` is its AUC.
    seconds
        Training time so far.
    scans, slices
        Annotated scans and finished slices it uses.
    usable
        Whether it has a finished model to predict with.
    resumable
        Whether ``--resume`` can go on with it.
    """

    id: str
    name: str
    created: str
    state: RunState
    network: str
    parent: str | None
    labels: tuple[str, ...]
    best_epoch: int
    best_dice: float | None
    seconds: float
    scans: int
    slices: int
    config: TrainingConfig
    usable: bool = False
    resumable: bool = False

    @property
    def imported(self) -> bool:
        """Whether its predictions came from files (``<name>_automask``): there is nothing to predict with."""
        return self.network == IMPORTED

    @property
    def comparable(self) -> bool:
        """Whether Review can show the masks it makes of scans."""
        return (self.usable or self.imported) and not self.config.classifies


@dataclass(frozen=True, slots=True)
class Pin:
    """A scan that a run learns from: its part, the hash of its voxels, and of each mask file by layer."""

    scan: str
    part: str
    scan_sha256: str
    masks: Mapping[str, str]


IMPORTED = "imported"
"""Network of a run that trained nothing: it holds masks that another program made."""
_COLUMNS = "id, name, created, state, network, parent, labels, best_epoch, best_dice, seconds, scans, slices, config"
_CHANGEABLE = frozenset({"state", "best_epoch", "best_dice", "seconds", "scans", "slices", "config"})


def run_folder(project: Project, run: str) -> Path:
    """Return the folder of a run's files."""
    return project.runs_folder / run


def create_run(project: Project, config: TrainingConfig, *, scans: int = 0, slices: int = 0) -> Run:
    """Add a run (state ``running``), with its folder and its ``config.json``.

    Raises
    ------
    LearningError
        For a bad setting.
    StorageError
        If the disk refuses.
    """
    config.validate()
    run = new_id()
    folder = run_folder(project, run)
    settings = config.to_json()
    values: tuple[Any, ...] = (utc_now(), RunState.RUNNING.value, config.network, config.parent)
    values += (json.dumps(list(config.labels)), 0, None, 0.0, scans, slices, json.dumps(settings))
    with project.store.transaction() as connection:
        name = _next_name(connection)
        marks = ", ".join("?" * 13)
        connection.execute(f"INSERT INTO run ({_COLUMNS}) VALUES ({marks})", (run, name, *values))
        audit.append(connection, current_reader(), "train", {"run": run, "labels": list(config.labels)})
        # inside the transaction: a folder that cannot be written takes the row back
        atomic.make_folder(folder)
        atomic.write_bytes(folder / CONFIG_FILE, _json_bytes(settings))
        mark_alive(project, run)
    return find_run(project, run)


def pin_scans(project: Project, run: str, pins: Sequence[Pin]) -> None:
    """Note which scans and masks, by hash, a run learns from."""
    rows = [(run, pin.scan, pin.part, pin.scan_sha256, json.dumps(dict(pin.masks))) for pin in pins]
    with project.store.transaction() as connection:
        connection.execute("DELETE FROM run_scan WHERE run = ?", (run,))
        connection.executemany(
            "INSERT INTO run_scan (run, scan, part, scan_sha256, masks) VALUES (?, ?, ?, ?, ?)", rows
        )


def read_pins(project: Project, run: str) -> list[Pin]:
    """Return what a run learnt from."""
    rows = project.store.rows("SELECT scan, part, scan_sha256, masks FROM run_scan WHERE run = ? ORDER BY scan", run)
    return [Pin(row[0], row[1], row[2], json.loads(row[3])) for row in rows]


def ancestors(project: Project, run: str | None) -> list[Run]:
    """Return a run and the runs it descends from, youngest first."""
    by_id = {known.id: known for known in list_runs(project)}
    line: list[Run] = []
    while run is not None and run in by_id and by_id[run] not in line:
        line.append(by_id[run])
        run = by_id[run].parent
    return line


def update_run(project: Project, run: str, **changes: Any) -> None:
    """Change a run's row in one short transaction.

    Parameters
    ----------
    **changes
        Any of state, best_epoch, best_dice, seconds, scans, slices, config.
    """
    unknown = set(changes) - _CHANGEABLE
    if unknown:
        raise KeyError(", ".join(sorted(unknown)))
    values = {name: _stored(value) for name, value in changes.items()}
    assignments = ", ".join(f"{name} = ?" for name in values)
    with project.store.transaction() as connection:
        connection.execute(f"UPDATE run SET {assignments} WHERE id = ?", (*values.values(), run))
    state = changes.get("state")
    if state is not None and state != RunState.RUNNING:
        (run_folder(project, run) / _ALIVE_FILE).unlink(missing_ok=True)
        # without its sums a run can be used as well; a full disk is told of where it matters
        with contextlib.suppress(StorageError, OSError):
            sums.seal(run_folder(project, run), _SEALED)
    elif state is not None:
        sums.unseal(run_folder(project, run) / sums.NAME)


def list_runs(project: Project, *, imported: bool = False) -> list[Run]:
    """Return the runs, oldest first; with ``imported`` those that only hold masks of another program too."""
    rows = project.store.rows(f"SELECT {_COLUMNS} FROM run ORDER BY id")
    runs = [_from_row(project, tuple(row)) for row in rows]
    return [run for run in runs if imported or not run.imported]


def ensure_imported(project: Project, labels: Sequence[str]) -> str:
    """Return the id of the run that holds another program's masks of these labels, made if it is not there.

    Its name tells the labels and nothing of where the files lay.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    told = json.dumps(list(labels))
    with project.store.transaction() as connection:
        row = connection.execute("SELECT id FROM run WHERE network = ? AND labels = ?", (IMPORTED, told)).fetchone()
        if row is not None:
            return str(row[0])
        run = new_id()
        wanted = text("learning.imported_run", labels=", ".join(labels))
        taken = {str(row[0]) for row in connection.execute("SELECT name FROM run")}
        names = (wanted if number == 1 else f"{wanted} ({number})" for number in count(1))
        name = next(name for name in names if name not in taken)
        settings = json.dumps(TrainingConfig(labels=tuple(labels)).to_json())
        connection.execute(
            f"INSERT INTO run ({_COLUMNS}) VALUES ({', '.join('?' * 13)})",
            (run, name, utc_now(), RunState.DONE.value, IMPORTED, None, told, 0, None, 0.0, 0, 0, settings),
        )
        audit.append(connection, current_reader(), "import-predictions", {"run": run, "labels": list(labels)})
    return run


def find_run(project: Project, ref: str, label: str = "") -> Run:
    """Return a run by its id, name, number, or ``last`` / ``best`` (of those that were trained here).

    With a label ``best`` is the best of the runs that predict it, if there is one.

    Raises
    ------
    LearningError
        ``run-unknown`` naming the runs that are there, ``run-none`` where there are none.
    """
    runs = list_runs(project)
    if ref == "last" and runs:
        return runs[-1]
    if ref == "best":
        best = best_run(project, label, runs=runs) or best_run(project, runs=runs)
        if best is not None:
            return best
    wanted = f"run {ref}" if ref.isdecimal() else ref.casefold()
    for run in list_runs(project, imported=True):
        if wanted in {run.id, run.name.casefold()}:
            return run
    if not runs:
        raise LearningError("run-none", name=ref)
    raise LearningError("run-unknown", name=ref, known=", ".join(run.name for run in runs))


def best_run(project: Project, label: str = "", *, runs: Sequence[Run] | None = None) -> Run | None:
    """Return the usable run of the highest validation Dice (of this label, if one is given), or None."""
    candidates = [
        run
        for run in (list_runs(project) if runs is None else runs)
        if run.usable
        and run.best_dice is not None
        and (not label or label.casefold() in {name.casefold() for name in run.labels})
        # the AUC of a class cannot be held against the Dice of a mask
        and not run.config.classifies
    ]
    return max(candidates, key=lambda run: (run.best_dice or 0.0, run.id), default=None)


def require_usable(project: Project, run: Run) -> Path:
    """Return the folder of a run that can predict.

    Raises
    ------
    LearningError
        ``run-unusable`` if its training did not get as far as a model; ``model-missing`` if the model is gone.
    """
    folder = run_folder(project, run.id)
    if not run.usable:
        gone = [name for name in (MODEL_FILE, ONNX_FILE) if not (folder / name).is_file()]
        if run.state is RunState.DONE and gone:
            # it had one: a copy that is not whole, or somebody tidied up
            raise LearningError("model-missing", file=folder / gone[0])
        raise LearningError("run-unusable", name=run.name)
    return folder


def mark_alive(project: Project, run: str) -> None:
    """Note which process trains this run, so that a dead one is told from a running one."""
    owner = {"host": socket.gethostname(), "pid": os.getpid(), "started": started_at(os.getpid())}
    atomic.write_bytes(run_folder(project, run) / _ALIVE_FILE, _json_bytes(owner))


def write_split(project: Project, run: str, split: Mapping[str, Any]) -> None:
    """Store which scans are in which part (``core.learning.split.Split.to_json``)."""
    atomic.write_bytes(run_folder(project, run) / SPLIT_FILE, _json_bytes(dict(split)))


def read_split_file(project: Project, run: str) -> dict[str, Any]:
    """Return all of ``split.json``.

    Raises
    ------
    ProjectError
        ``run-damaged`` if it is not there or not readable.
    """
    return _read_json(run_folder(project, run) / SPLIT_FILE)


def read_split(project: Project, run: str) -> dict[str, list[str]]:
    """Return the scan ids of each part: ``{"train": [...], "validation": [...], "test": [...]}``.

    A project of one patient is split by slice: its scans then stand in several parts.
    """
    data = read_split_file(project, run)
    return {part: [str(scan) for scan in data.get(part, [])] for part in ("train", "validation", "test")}


def write_evaluation(project: Project, run: Run, part: str, facts: Mapping[str, Any]) -> None:
    """Keep what measuring a run gave (``evaluation-<part>.json``), with the best epoch it was measured at.

    Parameters
    ----------
    part
        ``val``, ``test`` or ``all``.
    facts
        :meth:`core.review.evaluation.Evaluation.facts`.
    """
    stamp = {"at": utc_now(), "best_epoch": run.best_epoch, "best_dice": run.best_dice}
    atomic.write_bytes(
        run_folder(project, run.id) / EVALUATION_FILE.format(part=part), _json_bytes(stamp | dict(facts))
    )


def read_evaluation(project: Project, run: Run, part: str) -> dict[str, Any] | None:
    """Return what the last measuring of a run on a part gave; None before, or where the run learnt on since.

    Raises
    ------
    ProjectError
        ``run-damaged`` if the file is not readable.
    """
    file = run_folder(project, run.id) / EVALUATION_FILE.format(part=part)
    if not file.is_file():
        return None
    facts = _read_json(file)
    same = facts.get("best_epoch") == run.best_epoch and facts.get("best_dice") == run.best_dice
    return facts if same else None


def read_model_facts(project: Project, run: str) -> dict[str, Any]:
    """Return ``model.json``: what the model takes and gives, how it was made and checked."""
    return _read_json(run_folder(project, run) / MODEL_FILE)


class EventLog:
    """``events.jsonl``: the events of a run that are kept, written whole each time.

    A run has some hundred short lines, so that writing the file anew is cheap and a
    reader never sees half a line.
    """

    def __init__(self, project: Project, run: str) -> None:
        self._file = run_folder(project, run) / EVENTS_FILE
        self._lines = self._file.read_text("utf-8").splitlines() if self._file.is_file() else []

    def append(self, event: JobEvent) -> None:
        """Keep an event; one that is not of the kept kinds is passed over."""
        data = event_to_json(event)
        if data is None:
            return
        self._lines.append(json.dumps(data))
        atomic.write_bytes(self._file, ("\n".join(self._lines) + "\n").encode())


def read_events(project: Project, run: str) -> list[JobEvent]:
    """Return the kept events of a run, oldest first (none if it did not start)."""
    file = run_folder(project, run) / EVENTS_FILE
    if not file.is_file():
        return []
    events = []
    for line in file.read_text("utf-8").splitlines():
        try:
            event = event_from_json(json.loads(line))
        except (ValueError, TypeError) as error:
            raise ProjectError("run-damaged", file=file) from error
        if isinstance(event, TrainingStarted) and event.run != run:
            # it came from elsewhere, where it had another id and another name
            event = replace(event, run=run, name=find_run(project, run).name)
        if event is not None:
            events.append(event)
    return events


def history(project: Project, run: str) -> list[EpochEnded]:
    """Return the epochs of a run, for its curves; an epoch done twice (resume) counts as done last."""
    epochs = {event.epoch: event for event in read_events(project, run) if isinstance(event, EpochEnded)}
    return [epochs[number] for number in sorted(epochs)]


def _next_name(connection: sqlite3.Connection) -> str:
    names = [str(row[0]) for row in connection.execute("SELECT name FROM run")]
    numbers = [int(name.removeprefix("Run ")) for name in names if name.removeprefix("Run ").isdecimal()]
    return f"Run {max(numbers, default=0) + 1}"


def _stored(value: Any) -> Any:
    if isinstance(value, RunState):
        return value.value
    if isinstance(value, TrainingConfig):
        return json.dumps(value.to_json())
    return value


def _from_row(project: Project, row: tuple[Any, ...]) -> Run:
    run, name, created, state, network, parent, labels, best_epoch, best_dice, seconds, scans, slices, config = row
    folder = run_folder(project, run)
    standing = RunState(state)
    if standing is RunState.RUNNING and not _owner_alive(folder):
        standing = RunState.INTERRUPTED
    ended = standing in {RunState.PAUSED, RunState.INTERRUPTED, RunState.FAILED}
    return Run(
        id=str(run),
        name=str(name),
        created=str(created),
        state=standing,
        network=str(network),
        parent=parent,
        labels=tuple(json.loads(labels)),
        best_epoch=int(best_epoch or 0),
        best_dice=None if best_dice is None else float(best_dice),
        seconds=float(seconds or 0.0),
        scans=int(scans or 0),
        slices=int(slices or 0),
        config=TrainingConfig.of_run(json.loads(config)),
        usable=(folder / MODEL_FILE).is_file() and (folder / ONNX_FILE).is_file(),
        resumable=ended and (folder / RESUME_FILE).is_file(),
    )


def _owner_alive(folder: Path) -> bool:
    """Whether the process that trains is there; on another machine, whether it wrote anything of late."""
    try:
        owner = json.loads((folder / _ALIVE_FILE).read_text("utf-8"))
        # files of before do not say when it started
        host, pid, started = str(owner["host"]), int(owner["pid"]), str(owner.get("started", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    if host != socket.gethostname():
        # nobody here can ask for it, and the project may be a copy, or this machine another name by now
        with contextlib.suppress(OSError):
            return time.time() - max(file.stat().st_mtime for file in folder.iterdir()) < _SILENT
        return True
    # another process may have been given the number
    return is_alive(pid) and (not started or started == started_at(pid))


def _json_bytes(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, indent=1) + "\n").encode()


def _read_json(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ProjectError("run-damaged", file=file) from error
    if not isinstance(data, dict):
        raise ProjectError("run-damaged", file=file)
    return data
