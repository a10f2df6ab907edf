"""Starters: weights that are shipped with the program, and how a project takes one in as a run."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import LearningError
from core.io import atomic
from core.labels import BRAIN
from core.learning import runs
from core.learning.config import TrainingConfig
from core.learning.run_files import ORIGIN_FILE, add_foreign, origin_facts, unpack_run
from core.learning.runs import CARD_FILE, CONFIG_FILE, MODEL_FILE, ONNX_FILE, Run
from core.messages import RESOURCES
from core.project.project import Project

STARTERS = Path(os.environ.get("MENINX_STARTERS") or RESOURCES / "starters")
"""Where they lie; a group with starters of its own sets ``MENINX_STARTERS``."""
_PREFIX = "starter-"
"""How the id of a run begins that was made of one."""


@dataclass(frozen=True, slots=True)
class Starter:
    """Weights shipped with the program.

    Parameters
    ----------
    name
        Of its folder: ``brain``.
    folder
        With ``model.json``, ``model.onnx``, ``model.safetensors`` and ``card.md``.
    labels
        What it predicts; empty for one that says yes or no.
    non_commercial
        Whether what it learnt from forbids its commercial use.
    """

    name: str
    folder: Path
    labels: tuple[str, ...]
    non_commercial: bool = False

    @property
    def id(self) -> str:
        """Name and the beginning of its model's hash: what a run that was made of it is known by."""
        digest = hashlib.sha256((self.folder / ONNX_FILE).read_bytes()).hexdigest()
        return f"{_PREFIX}{self.name}-{digest[:12]}"

    @property
    def config(self) -> TrainingConfig:
        """The settings that a run with these weights has.

        Raises
        ------
        LearningError
            ``model-damaged``.
        """
        file = self.folder / CONFIG_FILE
        try:
            return TrainingConfig.from_json(json.loads(file.read_text("utf-8")))
        except (OSError, ValueError, AttributeError) as error:
            raise LearningError("model-damaged", file=file) from error

    @property
    def card(self) -> Path:
        """What it learnt from, how good it is, and what it is not for."""
        return self.folder / CARD_FILE


def starters() -> list[Starter]:
    """Return the starters of this copy of the program, by name; a folder without a model is none."""
    found = []
    for file in sorted(STARTERS.glob(f"*/{MODEL_FILE}")):
        if not file.with_name(ONNX_FILE).is_file():
            continue
        try:
            facts = json.loads(file.read_text("utf-8"))
            labels = tuple(str(name) for name in facts["labels"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LearningError("model-damaged", file=file) from error
        found.append(Starter(file.parent.name, file.parent, labels, facts.get("non_commercial") is True))
    return found


def find_starter(name: str) -> Starter | None:
    """Return the starter of a name, or None."""
    return next((one for one in starters() if one.name.casefold() == name.strip().casefold()), None)


def starts_shipped() -> list[tuple[str, TrainingConfig]]:
    """Return the names and settings of the starters that a training may start from.

    A damaged one is left out here; whoever names it is told.
    """
    with contextlib.suppress(LearningError):
        return [(one.name, one.config) for one in starters()]
    return []


def has_starter() -> bool:
    """Whether some starter is there: cheap enough to be asked whenever a page is shown."""
    return any(STARTERS.glob(f"*/{ONNX_FILE}"))


def brain_starter() -> Starter | None:
    """Return the first starter that predicts Brain, or None."""
    return next((one for one in starters() if BRAIN.casefold() in {name.casefold() for name in one.labels}), None)


def run_of(project: Project, reference: str) -> Run:
    """Return the run of a project that is meant: one of its own, or a starter, which is taken in where it is not yet.

    Parameters
    ----------
    project
        Open to be written to, where a starter is to be taken in.
    reference
        As :func:`core.learning.runs.find_run`, or the name of a starter.

    Raises
    ------
    LearningError
        ``run-unknown``; ``model-damaged`` and what :func:`core.learning.run_files.unpack_run` says of a starter.
    StorageError
        If the disk refuses.
    """
    starter = find_starter(reference)
    if starter is None:
        return runs.find_run(project, reference)
    return taken(project, starter) or take(project, starter)


def taken(project: Project, starter: Starter) -> Run | None:
    """Return the run that a project made of a starter before, or None."""
    for run in runs.list_runs(project):
        file = runs.run_folder(project, run.id) / ORIGIN_FILE
        if run.usable and file.is_file() and f'"{starter.id}"' in file.read_text("utf-8", errors="replace"):
            return run
    return None


def is_starter(project: Project, run: str) -> bool:
    """Whether a run was made of a starter, of this copy of the program or of another."""
    facts = origin_facts(project, run)
    return facts is not None and str(facts.get("run", "")).startswith(_PREFIX)


def take(project: Project, starter: Starter) -> Run:
    """Add a starter to a project as a run, and the labels it predicts, so that they can be corrected.

    Raises
    ------
    LearningError
        As :func:`run_of`.
    StorageError
        If the disk refuses.
    """
    # beside the runs, so that a large model is on the disk that has room for it
    trial = project.runs_folder / f"{atomic.TEMPORARY}{starter.name}"
    shutil.rmtree(trial, ignore_errors=True)
    atomic.make_folder(trial)
    try:
        found = unpack_run(starter.folder, trial)
        for name in starter.labels:
            project.ensure_label(name)
        return add_foreign(project, replace(found, name=starter.name, id=starter.id))
    finally:
        shutil.rmtree(trial, ignore_errors=True)
