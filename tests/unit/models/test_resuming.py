"""Runs that go on after a pause, a crash or other slices: nothing learnt is lost, and no figure is another's."""

from __future__ import annotations

import dataclasses
import json

import pytest
import safetensors.torch
import torch
from learning_project import disc_project
from training_support import begun, changed, of_kind, one_thread, project, steps_made, train

from core.errors import LearningError, StorageError
from core.events import Progress
from core.learning import runs, warnings
from core.learning.events import EpochEnded, TrainingStarted
from core.learning.runs import RunState
from core.project.project import Project
from core.project.records import Origin, SliceState
from models import checkpoint, device, learner, trainer
from models.recording import RunRecord
from models.standing import stood

__all__ = ["one_thread", "project"]
JUDGE = trainer._Training._judge
pytestmark = pytest.mark.usefixtures("one_thread")


def finish(project: Project, scan: str, finished: set[int], *, spot: bool = False) -> None:
    """Say which slices of a scan are finished; with ``spot`` its mask changes too."""
    label = project.labels().named("Tumour")
    annotation = project.annotations(scan)[0]
    mask = project.read_layer(annotation.id, label.layer).copy()
    if spot:
        mask[0, 0, 0] = label.value
    states = [SliceState(index, Origin.DRAWN, finished=index in finished) for index in range(len(mask))]
    project.save_layers(annotation.id, {label.layer: mask}, {label.layer: states}, journal_sequence=0)


def paused(project: Project, config, *, when) -> runs.Run:
    """Train until a moment and pause."""
    train(project, config, word="pause", when=when)
    run = runs.find_run(project, "last")
    assert run.state is RunState.PAUSED
    return run


def test_a_scan_left_out_for_a_while_stays_one_that_was_learnt_from(project):
    run = paused(project, changed(epochs=2, steps=3), when=lambda events: steps_made(events) == 1)
    before = {pin.scan: pin for pin in runs.read_pins(project, run.id)}
    gone, other = (scan for scan in runs.read_split(project, run.id)["train"][:2])
    everything = set(range(6))
    finish(project, gone, set())
    finish(project, other, everything, spot=True)
    train(project, None, resume=run.id, word="pause", when=lambda events: steps_made(events) == 1)
    pins = {pin.scan: pin for pin in runs.read_pins(project, run.id)}
    assert pins.keys() == before.keys()
    assert pins[gone] == before[gone]
    assert pins[other].masks != before[other].masks
    listed = json.loads((runs.run_folder(project, run.id) / "data.json").read_text("utf-8"))["scans"]
    assert listed.keys() == before.keys()
    finish(project, gone, everything)
    train(project, None, resume=run.id)
    assert runs.find_run(project, run.id).state is RunState.DONE


def test_a_scan_that_was_forgotten_while_it_was_left_out_is_pinned_again(project):
    run = paused(project, changed(epochs=2, steps=3), when=lambda events: steps_made(events) == 1)
    pins = runs.read_pins(project, run.id)
    # as runs of before were left
    runs.pin_scans(project, run.id, pins[1:])
    train(project, None, resume=run.id)
    assert runs.read_pins(project, run.id) == pins


@pytest.mark.parametrize("gone", [False, True], ids=["slices", "scans"])
def test_fewer_slices_than_at_the_pause_end_the_epoch_sooner(tmp_path, monkeypatch, gone):
    monkeypatch.setattr(learner, "LEAST_STEPS", 1)
    with disc_project(tmp_path / "fewer.meninx", size=32) as project:
        # 24 slices to learn from: six steps
        run = paused(project, changed(epochs=2, steps=0), when=lambda events: steps_made(events) == 5)
        for scan in runs.read_split(project, run.id)["train"][:3]:
            finish(project, scan, set() if gone else {0, 5})
        epochs = of_kind(train(project, None, resume=run.id), EpochEnded)
        assert [epoch.epoch for epoch in epochs] == [1, 2]
        # nothing counted would be a Dice of 1
        assert all(epoch.train.loss > 0 and epoch.train.dice < 1 for epoch in epochs)
        assert runs.find_run(project, run.id).state is RunState.DONE


@pytest.mark.parametrize("steps", [30, 2], ids=["within", "unchecked"])
def test_stop_right_after_resuming_keeps_what_the_first_epoch_had_learnt(project, steps):
    run = paused(project, changed(epochs=3, steps=steps), when=lambda events: steps_made(events) == 2)
    events = train(project, None, resume=run.id, word="stop", when=begun)
    assert steps_made(events) == (steps > 2), "the step under way is given up"
    assert len(of_kind(events, EpochEnded)) == 1
    after = runs.find_run(project, run.id)
    assert (after.state, after.best_epoch, after.usable) == (RunState.STOPPED, 1, True)


def with_merits(monkeypatch, merits: dict[int, float]) -> None:
    """Let each epoch's validation Dice be the one given."""

    def judged(self, number, found):
        JUDGE(self, number, dataclasses.replace(found, dice=merits[number]))

    monkeypatch.setattr(trainer._Training, "_judge", judged)


@pytest.mark.parametrize("old", [False, True], ids=["", "file of before"])
def test_once_enough_slices_check_the_best_is_kept_and_no_longer_the_newest(project, monkeypatch, old):
    with_merits(monkeypatch, {1: 0.9, 2: 0.1, 3: 0.3, 4: 0.2})
    monkeypatch.setattr(warnings, "ENOUGH_SHOWN", 1000)
    run = paused(project, changed(epochs=4, steps=1), when=lambda events: len(of_kind(events, EpochEnded)) == 2)
    assert (run.best_epoch, run.best_dice) == (2, 0.1)
    if old:
        folder = runs.run_folder(project, run.id)
        state = checkpoint.read_resume(folder, torch.device("cpu"))
        checkpoint.save_resume(folder, {name: value for name, value in state.items() if name != "newest"})
        (folder / runs.WEIGHTS_FILE).write_bytes(safetensors.torch.save(checkpoint.read_weights(folder)))
    monkeypatch.setattr(warnings, "ENOUGH_SHOWN", 0)
    epochs = of_kind(train(project, None, resume=run.id), EpochEnded)
    assert [(epoch.epoch, epoch.best_epoch) for epoch in epochs] == [(3, 3), (4, 3)]
    assert runs.read_model_facts(project, run.id)["best_dice"] == 0.3


STATE = {"epoch": 9, "best_epoch": 7, "risen_epoch": 6, "seconds": 5.0, "best_dice": 0.7, "smoothed": 0.6, "risen": 0.5}


@pytest.mark.parametrize(
    ("kept", "newest", "best"),
    [
        ({"newest": False, "best_smoothed": 0.6}, False, 0.6),
        ({"newest": True, "best_smoothed": 7.0}, True, 7.0),
        ({"newest": True, "best_smoothed": 7.0}, False, -1.0),
        ({"newest": False, "best_smoothed": 0.6}, True, -1.0),
        ({"best_smoothed": 0.6}, False, 0.6),
        ({"best_smoothed": 7.0}, True, 7.0),
        ({"best_smoothed": 7.0}, False, -1.0),
    ],
)
def test_what_was_measured_otherwise_is_not_held_against_what_comes(kept, newest, best):
    found = stood(STATE | kept, {}, newest=newest)
    assert found["best_smoothed"] == best
    assert (found["smoothed"], found["risen"]) == ((-1.0, -1.0) if best < 0 else (0.6, 0.5))
    assert (found["epoch"], found["best_epoch"], found["best_dice"]) == (9, 7, 0.7)


@pytest.mark.parametrize(
    ("was", "is_so", "newest", "best"),
    [
        (False, False, False, 0.8),
        (True, True, True, 8.0),
        (True, False, False, 0.8),
        (True, True, False, -1.0),
        (False, True, True, 8.0),
        (False, False, True, -1.0),
    ],
)
def test_what_was_kept_with_younger_weights_counts(was, is_so, newest, best):
    state = STATE | {"newest": was, "best_smoothed": 7.0 if was else 0.6}
    of_weights = {"best_epoch": 8.0, "best_dice": 0.9, "best_smoothed": 8.0 if is_so else 0.8, "newest": float(is_so)}
    found = stood(state, of_weights, newest=newest)
    assert (found["epoch"], found["best_epoch"], found["best_dice"]) == (9, 8, 0.9)
    assert found["best_smoothed"] == best
    assert (found["smoothed"], found["risen"]) == ((0.6, 0.5) if was == newest else (-1.0, -1.0))


def crashed(project: Project, config, *, kept_after: int, ended_after: int, monkeypatch) -> runs.Run:
    """Train until some epochs are through, as if the process was killed then; what resumes is older."""
    save = trainer._Training._save
    monkeypatch.setattr(
        trainer._Training, "_save_now_and_then", lambda self: save(self) if self.epoch == kept_after else None
    )
    job = trainer.train_job(project.path, config)
    ended = [next(event for event in job if isinstance(event, EpochEnded)) for _ in range(ended_after)]
    job.close()
    then = ended[kept_after - 1]
    run = runs.find_run(project, "last")
    # the row is written after the weights
    runs.update_run(project, run.id, state=RunState.FAILED, best_epoch=then.best_epoch, best_dice=then.best_dice)
    return run


def test_stop_after_a_crash_tells_the_figures_of_the_weights_that_are_there(project, monkeypatch):
    with_merits(monkeypatch, {1: 0.2, 2: 0.3, 3: 0.5})
    config = changed(epochs=5, steps=2)
    run = crashed(project, config, kept_after=1, ended_after=3, monkeypatch=monkeypatch)
    train(project, None, resume=run.id, word="stop", when=begun)
    facts, after = runs.read_model_facts(project, run.id), runs.find_run(project, run.id)
    assert (facts["best_epoch"], facts["best_dice"], facts["epochs"]) == (3, 0.5, 3)
    assert (after.state, after.best_epoch, after.best_dice) == (RunState.STOPPED, 3, 0.5)


def test_after_a_crash_worse_epochs_do_not_take_the_place_of_better_weights(project, monkeypatch):
    with_merits(monkeypatch, {1: 0.2, 2: 0.5})
    config = changed(epochs=3, steps=1)
    run = crashed(project, config, kept_after=1, ended_after=2, monkeypatch=monkeypatch)
    # not every device computes the same twice
    with_merits(monkeypatch, {2: 0.3, 3: 0.4})
    before = checkpoint.read_weights(runs.run_folder(project, run.id))
    epochs = of_kind(train(project, None, resume=run.id), EpochEnded)
    assert [(epoch.epoch, epoch.best_epoch, epoch.best_dice) for epoch in epochs] == [(2, 2, 0.5), (3, 2, 0.5)]
    after = checkpoint.read_weights(runs.run_folder(project, run.id))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_full_disk_leaves_the_figures_of_the_weights_that_are_there(project, monkeypatch):
    with_merits(monkeypatch, {1: 0.2, 2: 0.3})
    real = checkpoint.save_weights

    def full(folder, network, facts=None):
        if facts["best_epoch"] == 2:
            raise StorageError("disk-full", file=folder)
        real(folder, network, facts)

    monkeypatch.setattr(checkpoint, "save_weights", full)
    with pytest.raises(StorageError):
        train(project, changed(steps=1))
    run = runs.find_run(project, "last")
    assert (run.state, run.best_epoch, run.best_dice) == (RunState.FAILED, 1, 0.2)


def test_a_glance_is_not_what_whole_epochs_must_exceed(project, monkeypatch):
    """Stopped in its first epoch, and then its export broke off: it goes on after all."""
    with_merits(monkeypatch, {1: 0.9})
    monkeypatch.setattr(trainer, "RESUME_SECONDS", -1.0)

    def broken(*_):
        raise StorageError("disk-full", file="x")

    real = RunRecord.export
    monkeypatch.setattr(RunRecord, "export", broken)
    with pytest.raises(StorageError):
        train(project, changed(epochs=2, steps=3), word="stop", when=lambda events: steps_made(events) == 2)
    monkeypatch.setattr(RunRecord, "export", real)
    run = runs.find_run(project, "last")
    assert (run.resumable, run.best_epoch) == (True, 1)
    with_merits(monkeypatch, {1: 0.2, 2: 0.3})
    epochs = of_kind(train(project, None, resume=run.id), EpochEnded)
    assert [(epoch.epoch, epoch.best_epoch, epoch.best_dice) for epoch in epochs] == [(1, 1, 0.2), (2, 2, 0.3)]


def test_a_pause_while_the_precision_is_tried_leaves_the_trial_to_the_resumed_run(project, monkeypatch):
    seconds = {torch.float32: 1.0, torch.bfloat16: 9.0}
    monkeypatch.setattr(device, "_step_seconds", lambda network, example, precision: seconds[precision])
    config = changed(size=96, epochs=1, steps=1, precision="auto")
    run = paused(project, config, when=lambda events: any(one.stage == "probing" for one in of_kind(events, Progress)))
    assert runs.read_events(project, run.id)[0].precision == "float32", "without a trial, what every processor can do"
    seconds[torch.bfloat16] = 0.1
    (started,) = of_kind(train(project, None, resume=run.id), TrainingStarted)
    assert started.precision == "bfloat16"


def test_a_run_whose_file_cannot_be_gone_on_from_does_not_look_alive(project):
    run = paused(project, changed(steps=2), when=lambda events: steps_made(events) == 1)
    folder = runs.run_folder(project, run.id)
    state = checkpoint.read_resume(folder, torch.device("cpu"))
    checkpoint.save_resume(folder, state | {"learner": {}})
    with pytest.raises(LearningError, match="model-damaged"):
        train(project, None, resume=run.id)
    assert runs.find_run(project, run.id).state is RunState.FAILED
