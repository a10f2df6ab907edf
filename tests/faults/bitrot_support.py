"""A project with every kind of file in it, and one bit of any of them flipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.editing.opening import open_annotation
from core.geometry import Geometry, Plane
from core.io import atomic
from core.labels import LabelSet
from core.learning.config import TrainingConfig
from core.learning.runs import RunState, create_run, run_folder, update_run
from core.project.predictions import write_prediction
from core.project.project import Project
from core.project.saver import Saver
from core.volume import Volume

SHAPE = (4, 40, 36)


def full_project(path: Path) -> Path:
    """Make a project with a scan, two versions of a mask, a journal, a run with weights and a prediction."""
    rng = np.random.default_rng(5)
    with Project.create(path) as project:
        project.set_labels(LabelSet().with_label("Brain").with_label("Tumour"))
        array = rng.integers(0, 900, SHAPE).astype(np.int16)
        scan = project.add_scan(Volume(array, Geometry(SHAPE, np.diag([-1.0, -1.0, 3.0, 1.0]))), patient="x")
        opened = open_annotation(project, scan.id, "anna")
        saver = Saver(project, opened)
        view = opened.editor.geometry.view(Plane.AXIAL)
        for number in range(6):
            opened.editor.begin("brush", project.labels().named("Tumour" if number % 2 else "Brain"))
            at = tuple(float(part) for part in rng.uniform(5, 30, 2))
            opened.editor.dab(view, number % 4, at, (at[0] + 4, at[1]), 4.0)
            opened.editor.commit()
            if number % 3 == 2:
                saver.flush()
        saver.close()
        run = create_run(project, TrainingConfig(labels=("Brain",)))
        for name in ("model.safetensors", "model.onnx"):
            atomic.write_bytes(run_folder(project, run.id) / name, rng.bytes(4000))
        update_run(project, run.id, state=RunState.DONE, best_epoch=3, best_dice=0.9)
        mask = (rng.random(SHAPE) < 0.3).astype(np.uint8)
        write_prediction(project, run.id, scan.id, {"Brain": mask}, {"Brain": mask * 200}, seconds=1.0)
    return path


def stored(path: Path) -> list[Path]:
    """Return every file of a closed project, by name."""
    return sorted(file for file in path.rglob("*") if file.is_file() and file.suffix != ".lock")
