import dataclasses
import json
import time
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from learning_project import disc_project, disc_volume
from training_support import CONFIG, begun, changed, of_kind, one_thread, project, steps_made, train

from core.errors import Cancelled, InputError, LearningError
from core.events import Finished, Notice, Progress
from core.learning import reading, runs, warnings
from core.learning.dataset import count_finished, read_training_set
from core.learning.events import EpochEnded, RunEnded, SamplesDrawn, TrainingStarted
from core.learning.prepare import Preparer
from core.learning.runs import RunState
from core.project.project import Project
from core.project.records import Origin, SliceState
from models import checkpoint, learner, trainer
from models.trainer import HURRIED_SECONDS, train_job

__all__ = ["one_thread", "project"]
pytestmark = pytest.mark.usefixtures("one_thread")


def test_two_epochs_learn_discs(project):
    events = train(project, changed(steps=40, augment="none"))
    started = of_kind(events, TrainingStarted)[0]
    assert (started.scans, started.slices, started.train, started.validation, started.test) == (6, 36, 24, 6, 6)
    assert 0.8 < started.baseline_accuracy < 1.0
    assert not started.leaky
    epochs = of_kind(events, EpochEnded)
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    assert epochs[-1].validation.dice > 0.8
    assert epochs[-1].validation.dice > epochs[0].train.dice
    assert epochs[-1].validation.accuracy > started.baseline_accuracy
    run = runs.find_run(project, started.run)
    assert (run.state, run.best_epoch) == (RunState.DONE, epochs[-1].best_epoch)
    assert run.best_dice == pytest.approx(epochs[-1].best_dice)
    assert run.usable
    assert runs.history(project, run.id) == epochs
    result = of_kind(events, Finished)[0].result
    assert (result["run"], result["state"], result["epochs"]) == (run.id, "done", 2)


@pytest.mark.parametrize("least", [0, 1000])
def test_where_few_slices_check_the_newest_epoch_is_kept(project, monkeypatch, least):
    monkeypatch.setattr(warnings, "ENOUGH_SHOWN", least)
    # said to be best long ago: what follows is worse
    merits = {1: 0.9, 2: 0.1, 3: 0.2}
    judge = trainer._Training._judge

    def judged(self, number, found):
        judge(self, number, dataclasses.replace(found, dice=merits[number]))

    monkeypatch.setattr(trainer._Training, "_judge", judged)
    events = train(project, changed(epochs=3, patience=1))
    epochs, notices = of_kind(events, EpochEnded), {notice.key for notice in of_kind(events, Notice)}
    # patience is for what gets better and worse: few slices do not tell
    wanted = [1, 2, 3] if least else [1, 1]
    assert of_kind(events, TrainingStarted)[0].label_slices > 0
    assert ("training-few-shown" in notices, "training-no-better" in notices) == (bool(least), not least)
    assert [epoch.best_epoch for epoch in epochs] == wanted
    assert [epoch.best_dice for epoch in epochs] == [merits[best] for best in wanted]
    run = runs.find_run(project, "last")
    assert (run.best_epoch, run.best_dice) == (wanted[-1], merits[wanted[-1]])


def test_the_run_folder_is_complete(project):
    events = train(project)
    run = runs.find_run(project, "last")
    folder = runs.run_folder(project, run.id)
    expected = {
        "config.json",
        "data.json",
        "events.jsonl",
        "model.safetensors",
        "model.onnx",
        "model.json",
        "card.md",
        "split.json",
    }
    assert expected | {"SHA256SUMS"} == {path.name for path in folder.iterdir() if path.is_file()}
    facts = runs.read_model_facts(project, run.id)
    assert facts["labels"] == ["Tumour"]
    assert 0 <= facts["export_difference"] <= checkpoint.EXPORT_TOLERANCE
    for samples in of_kind(events, SamplesDrawn):
        assert len(samples.pictures) == 4
        for picture in samples.pictures:
            drawn = cv2.imdecode(np.frombuffer((folder / picture.file).read_bytes(), np.uint8), cv2.IMREAD_COLOR)
            assert drawn.shape == (64, 64, 3)
            # colour: the true outline is on it
            assert (drawn.max(axis=2) != drawn.min(axis=2)).any()
    assert "research use only" in (folder / "card.md").read_text("utf-8")


def test_masks_and_scans_are_pinned(project):
    train(project, changed(epochs=1, steps=1))
    run = runs.find_run(project, "last")
    pins = {pin.scan: pin for pin in runs.read_pins(project, run.id)}
    split = runs.read_split(project, run.id)
    for part, scans in split.items():
        for scan in scans:
            annotation = project.annotations(scan)[0]
            newest = project.layer_versions(annotation.id, "lesions")[-1]
            assert pins[scan].part == part
            assert pins[scan].masks == {"lesions": newest.sha256}
            assert pins[scan].scan_sha256 == project.scan(scan).sha256
    assert len(pins) == 6


def test_the_same_seed_gives_the_same_numbers(project):
    first, second = (of_kind(train(project), EpochEnded) for _ in range(2))
    for one, two in zip(first, second, strict=True):
        assert one.train == two.train
        assert one.validation == two.validation
    other = of_kind(train(project, changed(seed=5)), EpochEnded)
    assert other[0].train != first[0].train


def test_stop_keeps_the_best(project):
    events = train(project, changed(epochs=50), word="stop", when=lambda events: steps_made(events) == 8)
    assert of_kind(events, RunEnded)[0].state == "stopped"
    run = runs.find_run(project, "last")
    assert run.state is RunState.STOPPED
    assert run.usable
    assert run.best_epoch == 1
    assert len(of_kind(events, EpochEnded)) == 1


def test_stop_in_the_first_epoch_leaves_a_model_and_says_how_little_its_figures_are_worth(project):
    events = train(project, changed(epochs=50, steps=1000), word="stop", when=lambda events: steps_made(events) == 3)
    assert len(of_kind(events, EpochEnded)) == 1
    assert [event.key for event in of_kind(events, Notice)] == ["training-glanced"]
    assert runs.find_run(project, "last").usable


@pytest.mark.parametrize(
    "moment",
    [
        lambda events: not events or (isinstance(events[-1], Progress) and events[-1].stage == "starting"),
        lambda events: bool(events) and isinstance(events[-1], Progress) and events[-1].done == 6,
        lambda events: bool(events) and isinstance(events[-1], Progress) and events[-1].stage == "probing",
        begun,
    ],
    ids=["starting", "read", "probing", "begun"],
)
def test_stop_before_the_first_step_keeps_nothing_and_computes_nothing(project, monkeypatch, moment):
    steps = []
    monkeypatch.setattr(learner.Learner, "step", lambda self, done: steps.append(1 / (3 - len(steps))))
    with pytest.raises(Cancelled):
        train(project, changed(precision="auto", size=96), word="stop", when=moment)
    assert steps == []
    assert all(run.state is RunState.CANCELLED for run in runs.list_runs(project))


def test_stop_while_a_scan_is_read_does_not_read_the_rest_of_it(project, monkeypatch):
    monkeypatch.setattr(reading, "AT_ONCE", 1)
    real, prepared = Preparer.slices, []

    def counted(self, indices):
        wanted = list(indices)
        prepared.extend(wanted)
        return real(self, wanted)

    monkeypatch.setattr(Preparer, "slices", counted)
    with pytest.raises(Cancelled):
        list(train_job(project.path, changed(), should_stop=lambda: "stop" if len(prepared) == 2 else ""))
    assert prepared == [0, 1]


@pytest.mark.parametrize("part", [0.15, 0.85], ids=["forwards", "backwards"])
@pytest.mark.parametrize("word", ["stop", "cancel"])
def test_a_step_under_way_is_broken_off(project, monkeypatch, part, word):
    """The word falls after a part of the third step's questions: the rest of that step is not computed."""
    questions, waiting = [], []

    def heard():
        questions.append(learner.Learner.step)
        return word if waiting and len(questions) >= waiting[0] else ""

    real, asked, made = learner.Learner.step, [], []

    def step(self, done):
        before = len(questions)
        if len(made) == 2:
            waiting.append(before + max(1, round(part * asked[-1])))
        real(self, done)
        asked.append(len(questions) - before)
        made.append(self.updates)

    monkeypatch.setattr(learner.Learner, "step", step)
    job = train_job(project.path, changed(epochs=50, steps=1000), should_stop=heard)
    if word == "cancel":
        with pytest.raises(Cancelled):
            list(job)
    else:
        assert len(of_kind(list(job), EpochEnded)) == 1
        assert runs.find_run(project, "last").usable
    assert made == [1, 2]
    assert asked[-1] > 40, "asked at every layer, there and back"


def test_after_stop_in_the_first_epoch_little_is_computed(tmp_path):
    """Processor time, as other work on the machine must not count: less than that of a few steps of eight slices."""
    steps: list[float] = []
    with disc_project(tmp_path / "large.meninx", slices=8, size=128) as project:
        config = changed(size=128, epochs=50, steps=1000, batch=8)
        job = train_job(project.path, config, should_stop=lambda: "stop" if len(steps) > 3 else "")
        for event in job:
            if isinstance(event, Progress) and event.stage == "training":
                steps.append(time.process_time())
            if isinstance(event, Progress) and event.stage == "exporting":
                checked = time.process_time() - steps[-1]
    longest = max(later - earlier for earlier, later in pairwise(steps))
    # one batch of two slices, or half a second of them, and the weights on disk
    assert checked < longest + HURRIED_SECONDS + 0.2
    assert time.process_time() - steps[-1] - checked < 2.0


def test_stop_while_checking_ends_the_check(project):
    said = []

    def stop_in_second_check():
        return (
            "stop" if [event.stage for event in said if isinstance(event, Progress)].count("validating") > first else ""
        )

    first = sum(
        isinstance(event, Progress) and event.stage == "validating"
        for event in train(project, changed(epochs=1, batch=2))
    )
    assert first > 1, "one check has several batches"
    for event in train_job(project.path, changed(epochs=50, batch=2), should_stop=stop_in_second_check):
        said.append(event)
    checks = [event for event in said if isinstance(event, Progress) and event.stage == "validating"]
    assert len(checks) == first + 1
    assert len(of_kind(said, EpochEnded)) == 1
    assert runs.find_run(project, "last").usable


def test_pause_and_resume_go_on_as_if_nothing_had_been(project):
    config = changed(epochs=3, steps=5)
    whole = of_kind(train(project, config), EpochEnded)
    # in the middle of the second epoch
    paused = train(project, config, word="pause", when=lambda events: steps_made(events) == 7)
    run = runs.find_run(project, "last")
    assert of_kind(paused, Finished)[0].result["state"] == "paused"
    assert (run.state, run.resumable, run.usable) == (RunState.PAUSED, True, False)
    # nothing but tensors and plain data
    torch.load(runs.run_folder(project, run.id) / runs.RESUME_FILE, weights_only=True)
    resumed = list(train_job(project.path, resume=run.name))
    assert of_kind(resumed, TrainingStarted)[0].run == run.id
    done = of_kind(paused, EpochEnded) + of_kind(resumed, EpochEnded)
    assert [(e.epoch, e.train, e.validation) for e in done] == [(e.epoch, e.train, e.validation) for e in whole]
    after = runs.find_run(project, run.id)
    assert (after.state, after.usable, after.resumable) == (RunState.DONE, True, False)
    assert len(runs.history(project, run.id)) == 3


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_pause_in_a_check_does_not_wait_for_its_end(project, epoch):
    config = changed(epochs=2, steps=3, batch=2)
    whole = of_kind(train(project, config), EpochEnded)

    def checking(events):
        stages = [event.stage for event in of_kind(events, Progress)]
        return steps_made(events) == 3 * epoch and bool(stages) and stages[-1] == "validating"

    paused = train(project, config, word="pause", when=checking)
    assert of_kind(paused, Finished)[0].result["state"] == "paused"
    assert len(of_kind(paused, EpochEnded)) == epoch - 1
    # the epoch is checked when the run goes on, and none of its steps is made again
    resumed = list(train_job(project.path, resume="last"))
    assert steps_made(resumed) == 3 * (2 - epoch)
    done = of_kind(paused, EpochEnded) + of_kind(resumed, EpochEnded)
    assert [(e.epoch, e.train, e.validation) for e in done] == [(e.epoch, e.train, e.validation) for e in whole]


def test_a_finished_run_is_not_resumed(project):
    train(project, changed(epochs=1, steps=1))
    with pytest.raises(LearningError, match="run-not-resumable"):
        list(train_job(project.path, resume="last"))


def test_cancel_ends_at_once(project):
    with pytest.raises(Cancelled):
        train(project, changed(epochs=50), word="cancel", when=lambda events: steps_made(events) == 3)
    run = runs.find_run(project, "last")
    assert run.state is RunState.CANCELLED
    assert not run.usable


def test_a_job_that_is_dropped_does_not_look_alive(project):
    job = train_job(project.path, changed(epochs=50))
    for event in job:
        if isinstance(event, TrainingStarted):
            break
    job.close()
    assert runs.find_run(project, "last").state is RunState.FAILED


def test_a_time_budget_ends_the_training(project):
    events = train(project, changed(minutes=0.02, steps=3))
    epochs = of_kind(events, EpochEnded)
    assert epochs
    assert epochs[-1].epochs == 0
    assert of_kind(events, Finished)[0].result["state"] == "done"


def test_an_epoch_for_which_no_time_was_left_has_learnt_something_to_be_scored(project):
    (epoch,) = of_kind(train(project, changed(minutes=1e-9, steps=3)), EpochEnded)
    assert epoch.train.loss > 0
    assert epoch.train.accuracy > 0


class Hungry:
    """Stands in for ``Learner.step``: the memory is short above so many slices at once."""

    def __init__(self, monkeypatch, most: int, error: BaseException) -> None:
        self.real, self.most, self.error = learner.Learner.step, most, error
        hungry = self
        monkeypatch.setattr(learner.Learner, "step", lambda self, done: hungry.step(self, done))

    def step(self, who, done) -> None:
        if who.at_once > self.most:
            raise self.error
        self.real(who, done)


def test_short_memory_computes_fewer_slices_at_a_time_and_learns_the_same(project, monkeypatch):
    config = changed(batch=8, epochs=1, augment="none")
    whole = of_kind(train(project, config), EpochEnded)
    Hungry(monkeypatch, 2, torch.OutOfMemoryError())
    events = train(project, config)
    said = [event for event in of_kind(events, Notice) if event.key == "training-small-batch"]
    assert [event.fields for event in said] == [{"at_once": 4, "batch": 8}, {"at_once": 2, "batch": 8}]
    assert of_kind(events, Finished)[0].result["state"] == "done"
    pieced = of_kind(events, EpochEnded)
    assert pieced[0].train.loss == pytest.approx(whole[0].train.loss, abs=1e-4)
    assert pieced[0].validation.loss == pytest.approx(whole[0].validation.loss, abs=1e-3)


def test_a_device_without_enough_memory_for_one_slice_leaves_the_work_to_the_processor(project, monkeypatch):
    real, devices = learner.Learner.step, []

    def hungry(self, done):
        if not devices:
            # no such device is here: it only has to be another one than the processor
            self.device = torch.device("mps")
        devices.append(self.device.type)
        if self.device.type != "cpu":
            raise torch.OutOfMemoryError
        real(self, done)

    monkeypatch.setattr(learner.Learner, "step", hungry)
    events = train(project, changed(batch=2, epochs=1))
    assert [event.key for event in of_kind(events, Notice)] == ["training-small-batch", "training-on-cpu"]
    assert devices == ["mps", "mps", *["cpu"] * 6]
    assert of_kind(events, Finished)[0].result["state"] == "done"
    assert of_kind(events, Finished)[0].result["device"] == "cpu"


def test_short_memory_while_checking_checks_fewer_at_a_time(project, monkeypatch):
    from models import trainer

    real, sizes = trainer.evaluate, []

    def hungry(*arguments, at_once, **more):
        sizes.append(at_once)
        if at_once > 1:
            raise RuntimeError("CUDA error: out of memory")
        return (yield from real(*arguments, at_once=at_once, **more))

    monkeypatch.setattr(trainer, "evaluate", hungry)
    events = train(project, changed(epochs=1))
    assert sizes == [4, 2, 1]
    assert of_kind(events, EpochEnded)[0].validation.loss > 0


def test_no_memory_at_all_is_one_sentence(project, monkeypatch):
    words = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"
    Hungry(monkeypatch, 0, RuntimeError(words))
    with pytest.raises(LearningError, match="device-memory-short"):
        train(project)
    assert runs.find_run(project, "last").state is RunState.FAILED


def test_a_fault_is_not_taken_for_short_memory(project, monkeypatch):
    def broken(self, done):
        raise RuntimeError("shape mismatch")

    monkeypatch.setattr(learner.Learner, "step", broken)
    with pytest.raises(RuntimeError, match="shape mismatch"):
        train(project)


def test_a_child_starts_from_its_parent(project):
    first = of_kind(train(project, changed(steps=40, augment="none")), EpochEnded)
    parent = runs.find_run(project, "last")
    child = of_kind(train(project, changed(epochs=1, steps=1, parent=parent.id, seed=9)), EpochEnded)
    # one step from scratch would leave it near zero
    assert child[0].validation.dice > 0.5
    assert first[-1].validation.dice > 0.5
    run = runs.find_run(project, "last")
    assert run.parent == parent.id
    assert runs.read_split(project, run.id) == runs.read_split(project, parent.id)
    card = (runs.run_folder(project, run.id) / "card.md").read_text("utf-8")
    assert f"Started from: {parent.name}." in card
    assert parent.id not in card


def test_a_parent_of_another_kind_is_refused(project):
    train(project, changed(epochs=1, steps=1))
    parent = runs.find_run(project, "last")
    for what, value in (("network", "attention_unet"), ("slices", 3)):
        with pytest.raises(LearningError) as caught:
            train(project, changed(parent=parent.id, **{what: value}))
        assert caught.value.fields["what"] == what
    assert len(runs.list_runs(project)) == 1


def test_unfinished_slices_do_not_count(tmp_path):
    with disc_project(tmp_path / "u.meninx", finished=False) as project:
        with pytest.raises(LearningError, match="finished-none"):
            train(project)
        assert runs.list_runs(project) == []
        with pytest.raises(InputError, match="label-unknown"):
            train(project, changed(labels=("Haemorrhage",)))


def test_one_finished_slice_is_too_few(tmp_path):
    with disc_project(tmp_path / "o.meninx", patients=1, slices=1) as project, pytest.raises(LearningError) as caught:
        train(project)
    assert caught.value.code == "finished-few"


def test_one_patient_trains_and_says_that_it_leaks(tmp_path):
    with disc_project(tmp_path / "l.meninx", patients=1) as project:
        events = train(project, changed(epochs=1, steps=2))
    assert of_kind(events, TrainingStarted)[0].leaky
    assert [event.key for event in of_kind(events, Notice)] == ["training-leaky-one-patient", "training-few-shown"]
    assert of_kind(events, Finished)[0].result["leaky"]


def read_all(project, config):
    job = read_training_set(project, config, lambda: "")
    while True:
        try:
            assert isinstance(next(job), Progress)
        except StopIteration as end:
            return end.value


def test_labels_of_two_layers_are_known_apart(tmp_path):
    with Project.create(tmp_path / "two.meninx") as project:
        brain, tumour = project.ensure_label("Brain"), project.ensure_label("Tumour")
        volume, mask = disc_volume(1, slices=4, size=32)
        scan = project.add_scan(volume, patient="a")
        annotation = project.ensure_annotation(scan.id, "reader")
        whole = np.ones_like(mask) * np.uint8(brain.value)
        states = {
            brain.layer: [SliceState(index, Origin.DRAWN, finished=index < 2) for index in range(4)],
            tumour.layer: [SliceState(index, Origin.DRAWN, finished=index == 1) for index in range(4)],
        }
        layers = {brain.layer: whole, tumour.layer: mask * np.uint8(tumour.value)}
        project.save_layers(annotation.id, layers, states, journal_sequence=0)
        labels = [brain, tumour]
        assert count_finished(project, labels) == (1, 1, 2)
        data = read_all(project, changed(labels=("Brain", "Tumour"), slices=3))
    assert data.slice_of.tolist() == [0, 1]
    assert data.known.tolist() == [[True, False], [True, True]]
    assert data.masks[:, 0].all()
    assert not data.masks[0, 1].any()
    assert np.array_equal(data.masks[1, 1], mask[1])
    # slices 0-2 are needed as neighbours; nothing else is kept
    assert data.stacks.tolist() == [[0, 0, 1], [0, 1, 2]]
    assert data.images.shape == (3, 32, 32)
    assert data.images.dtype == np.float16


def test_only_the_chosen_readers_masks_count(project):
    data = read_all(project, CONFIG)
    assert len(data) == 36
    with pytest.raises(LearningError, match="finished-none"):
        read_all(project, changed(reader="somebody else"))
    # finished slices are there: what is missing is that somebody approves them
    with pytest.raises(LearningError, match="approved-none"):
        read_all(project, changed(approved=True))


def test_model_facts_hold_no_identity(project):
    train(project, changed(epochs=1, steps=1))
    folder = runs.run_folder(project, runs.find_run(project, "last").id)
    words = "".join(
        (folder / name).read_text("utf-8") for name in ("model.json", "card.md", "config.json", "split.json")
    )
    assert "patient 1" not in words
    assert json.loads((folder / "config.json").read_text("utf-8")) == changed(epochs=1, steps=1, mirror="yes").to_json()
