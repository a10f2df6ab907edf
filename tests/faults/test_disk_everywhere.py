"""Every call of the disk refused once, for runs, predictions, labels and restored versions as well.

As SQLite does it: the first call fails, then the second, until one run needs no more. Whatever fails
is worded, what was there is whole, and trying again works.

    pytest tests/faults/test_disk_everywhere.py                  every fourth call, ENOSPC
    pytest tests/faults/test_disk_everywhere.py -m soak -s       every call, six errors
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from disk_support import NUMBERS, FaultyDisk, begun, faulty, noise, short_writes

from core.errors import MeninxError
from core.io import atomic
from core.learning.config import TrainingConfig
from core.learning.events import RunEnded
from core.learning.runs import EventLog, RunState, create_run, list_runs, read_events, update_run
from core.messages import sentence
from core.project import journal as journal_module
from core.project import relabel
from core.project import saver as saver_module
from core.project.predictions import list_predictions, read_prediction, write_prediction
from core.project.project import Project
from core.project.records import Annotation

MOST_CALLS = 400
Work = Callable[[Project, Annotation], None]
Check = Callable[[Project, Annotation], None]


def run_work(project: Project, annotation: Annotation) -> None:
    run = create_run(project, TrainingConfig(labels=("Brain",)))
    EventLog(project, run.id).append(RunEnded(run.id, "done", 1, 0.5))
    update_run(project, run.id, state=RunState.DONE, best_dice=0.5)


def run_check(project: Project, annotation: Annotation) -> None:
    done = [run for run in list_runs(project) if run.state is RunState.DONE]
    assert len(done) == 1
    assert len(read_events(project, done[0].id)) == 1


def prediction_work(project: Project, annotation: Annotation) -> None:
    run = (list_runs(project) or [create_run(project, TrainingConfig(labels=("Brain",)))])[0]
    mask = (noise(7) > 1).astype(np.uint8)
    write_prediction(project, run.id, annotation.scan, {"Brain": mask}, {"Brain": mask * 9})


def prediction_check(project: Project, annotation: Annotation) -> None:
    (record,) = list_predictions(project)
    found = read_prediction(project, record.run, annotation.scan)["Brain"]
    np.testing.assert_array_equal(found != 0, noise(7) > 1)


def labels_work(project: Project, annotation: Annotation) -> None:
    if relabel.finish_pending(project) is None and project.labels().find("Brain") is not None:
        relabel.carry_out(project, relabel.plan_delete(project.labels(), "Brain"))


def labels_check(project: Project, annotation: Annotation) -> None:
    assert project.labels().find("Brain") is None
    np.testing.assert_array_equal(project.read_layer(annotation.id, "brain"), np.where(noise(1) == 1, 0, noise(1)))


def restore_work(project: Project, annotation: Annotation) -> None:
    first = project.layer_versions(annotation.id, "brain")[0]
    if len(project.layer_versions(annotation.id, "brain")) == 1:
        project.save_layers(annotation.id, {"brain": noise(4)}, {}, journal_sequence=2)
    if project.layers(annotation.id)["brain"].sequence == 2:
        project.restore_version(first)


def restore_check(project: Project, annotation: Annotation) -> None:
    np.testing.assert_array_equal(project.read_layer(annotation.id, "brain"), noise(1))


SCENES: dict[str, tuple[Work, Check]] = {
    "run": (run_work, run_check),
    "prediction": (prediction_work, prediction_check),
    "labels": (labels_work, labels_check),
    "restore": (restore_work, restore_check),
}


@pytest.mark.parametrize("scene", SCENES)
def test_calls_may_be_refused_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: str) -> None:
    refuse_each(tmp_path, monkeypatch, scene, errno.ENOSPC, step=4)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: NUMBERS[number] + f"-{number}")
@pytest.mark.parametrize("scene", SCENES)
def test_any_call_may_be_refused_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: str, number: int) -> None:
    refused = refuse_each(tmp_path, monkeypatch, scene, number, step=1)
    sys.stderr.write(f"\n{scene}, {errno.errorcode[number]}: {refused} calls refused, one after another\n")


def refuse_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: str, number: int, *, step: int) -> int:
    """Refuse every so many-th call in runs of their own until a run needs no more; return how many failed."""
    monkeypatch.setattr(saver_module, "_RETRY", (0.01,))
    monkeypatch.setattr(journal_module, "_RETRY_SECONDS", 0.01)
    work, check = SCENES[scene]
    refused = 0
    for at in range(1, MOST_CALLS, step):
        project, annotation = begun(tmp_path / f"p{at}")
        with project:
            caught: MeninxError | None = None
            with faulty(FaultyDisk(number, at, once=True)) as disk:
                try:
                    work(project, annotation)
                except MeninxError as error:
                    caught = error
            refused += disk.failed != ""
            # the saver's and the journal's threads try again by themselves: then nobody hears of it
            if caught is not None:
                assert sentence(caught).endswith(".")
                assert caught.code in {NUMBERS[number], "journal-slow"}
            # whole masks, whatever happened; a half-written run is no problem of the masks
            for layer, version in project.layers(annotation.id).items():
                assert project.read_version(version).shape == noise(1).shape, layer
            if caught is not None:
                work(project, annotation)
            check(project, annotation)
            assert project.verify() == []
            assert [file for file in project.path.rglob("*") if atomic.is_temporary(file)] == []
        if disk.failed == "":
            break
    assert disk.failed == ""
    assert refused > 3
    return refused


@pytest.mark.parametrize("scene", SCENES)
def test_short_writes_are_gone_on_with(tmp_path: Path, scene: str) -> None:
    work, check = SCENES[scene]
    project, annotation = begun(tmp_path / "p")
    with project:
        with short_writes():
            work(project, annotation)
        check(project, annotation)
        assert project.verify() == []
