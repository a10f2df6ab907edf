"""The job that takes a run of another project in: unpacked, tried, then added. No torch is needed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from core.errors import Cancelled, LearningError
from core.events import Events, Finished, Notice, Progress, StopCheck, never_stop
from core.io import atomic
from core.learning.run_files import Foreign, add_foreign, unpack_run
from core.learning.runs import ONNX_FILE
from core.project.project import Project
from models.classifying import ClassPredictor
from models.inference import Predictor


def take_run_job(project_path: Path, source: Path, *, should_stop: StopCheck = never_stop) -> Events:
    """Add a run that was exported elsewhere (a folder or a zip) to a project.

    Nothing in it is executed: JSON, safetensors and ONNX are read, a pickle is refused. The
    model predicts an empty slice before it counts.

    Yields
    ------
    JobEvent
        Progress, a Notice of what was left out, Finished with ``{"run", "name", "origin", "labels"}``.

    Raises
    ------
    LearningError
        What :func:`core.learning.run_files.unpack_run` says; ``foreign-damaged`` for a model
        that does not give what it says.
    ProjectError
        If the project cannot be written.
    """
    with Project.open(Path(project_path)) as project:
        # beside the runs, so that a large model is on the disk that has room for it
        trial = project.runs_folder / f"{atomic.TEMPORARY}{Path(source).stem[:40]}"
        shutil.rmtree(trial, ignore_errors=True)
        atomic.make_folder(trial)
        try:
            yield Progress(0, 3, "import_read", detail=Path(source).name)
            found = unpack_run(Path(source), trial)
            yield Progress(1, 3, "loading-model")
            _try(found)
            if should_stop():
                raise Cancelled
            yield Progress(2, 3, "writing")
            run = add_foreign(project, found)
        finally:
            shutil.rmtree(trial, ignore_errors=True)
        yield Progress(3, 3, "writing")
        if found.left:
            yield Notice("run-left", {"files": ", ".join(found.left[:6]), "count": len(found.left)})
        labels = list(run.labels) or [run.config.class_name]
        facts = {"run": run.id, "name": run.name, "origin": found.name, "labels": labels}
        yield Finished(facts | {"left": list(found.left), "learnt_here": _known(project, found)})


def _try(found: Foreign) -> None:
    """Let the model predict one empty slice."""
    if found.facts.get("task") == "classify":
        _try_class(found)
        return
    try:
        predictor = Predictor(found.folder)
        prepared = predictor.preparation
        empty = np.zeros((1, prepared.inputs, prepared.size, prepared.size), np.float32)
        given = predictor.probabilities(empty)
    except LearningError as error:
        raise LearningError("foreign-damaged", file=ONNX_FILE) from error
    except RuntimeError as error:
        # OpenVINO: other input than the facts say
        raise LearningError("foreign-damaged", file=ONNX_FILE) from error
    inside = np.isfinite(given).all() and given.min() >= -1e-3 and given.max() <= 1 + 1e-3
    if given.shape != (1, len(predictor.labels), prepared.size, prepared.size) or not inside:
        raise LearningError("foreign-damaged", file=ONNX_FILE)


def _try_class(found: Foreign) -> None:
    """Let the model say of one empty slice what it is."""
    try:
        predictor = ClassPredictor(found.folder)
        prepared = predictor.preparation
        said, _ = predictor.raw(np.zeros((1, prepared.inputs, prepared.size, prepared.size), np.float32))
    except (LearningError, RuntimeError) as error:
        raise LearningError("foreign-damaged", file=ONNX_FILE) from error
    if said.shape != (1,) or not 0 <= float(said[0]) <= 1:
        raise LearningError("foreign-damaged", file=ONNX_FILE)


def _known(project: Project, found: Foreign) -> int:
    """Return how many scans of this project the run has seen."""
    return sum(scan.sha256 in found.learnt for scan in project.scans())
