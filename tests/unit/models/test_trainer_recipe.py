"""What a training sees how often, when it ends, what it leaves alone, and that a crash changes nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from learning_project import disc_project
from training_support import changed, of_kind, one_thread, project, steps_made, train

from core.commands.line import run as command
from core.errors import LearningError
from core.events import Finished, Notice
from core.labels import SCRIBBLED_BACKGROUND
from core.learning import runs
from core.learning.dataset import read_training_set
from core.learning.events import EpochEnded
from core.learning.runs import Pin, RunState
from core.project.records import Origin, SliceState
from core.review.tidy import Ways
from models import learner, trainer
from models.networks.freezing import encoder_modules
from models.predicting import predict_job
from models.sampler import Sampler
from models.starting import _corrected_since
from models.trainer import train_job

ROOT = Path(__file__).resolve().parents[3]
__all__ = ["one_thread", "project"]
pytestmark = pytest.mark.usefixtures("one_thread")


def weights(project, run) -> dict[str, torch.Tensor]:
    return safetensors.torch.load((runs.run_folder(project, run.id) / runs.WEIGHTS_FILE).read_bytes())


# what is seen


def drawn(amounts, *, batch=8, epochs=20, **more) -> list[np.ndarray]:
    chosen = {"foreground": 1 / 3, "least_steps": 10, "most_steps": 60, "seed": 1} | more
    sampler = Sampler(np.asarray(amounts, dtype=np.float32), batch=batch, **chosen)
    batches = [batch for number in range(1, epochs + 1) for batch in sampler.epoch(number)]
    assert len(batches) == epochs * sampler.steps
    return batches


@pytest.mark.parametrize(("showing", "empty"), [(10, 90), (50, 50), (90, 10)])
def test_every_batch_shows_the_label_and_its_absence(showing, empty):
    amounts = np.array([0.1] * showing + [0.0] * empty)
    for batch in drawn(amounts):
        assert len(batch) == 8
        assert np.count_nonzero(amounts[batch] > 0) >= 3
        assert np.count_nonzero(amounts[batch] == 0) >= 2


def test_few_empty_slices_are_not_shown_until_they_are_known_by_heart():
    amounts = np.array([0.1] * 398 + [0.0] * 2)
    batches = drawn(amounts, epochs=30)
    counts = np.bincount(np.concatenate(batches), minlength=400)
    assert all(np.count_nonzero(amounts[batch] == 0) >= 1 for batch in batches)
    assert counts[398:].mean() > counts[:398].mean()


def test_every_slice_comes_up_and_all_showing_ones_alike():
    amounts = np.array([0.5, 0.001, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    counts = np.bincount(np.concatenate(drawn(amounts, batch=4)), minlength=10)
    assert counts.min() > 0
    # a speck as often as a large one
    assert counts[:3].max() <= 1.2 * counts[:3].min()


@pytest.mark.parametrize("amounts", [[0.0] * 5, [0.3] * 5])
def test_slices_of_one_kind_only(amounts):
    for batch in drawn(amounts, epochs=2):
        assert set(batch) <= set(range(5))


def test_a_batch_of_one_still_sees_everything():
    assert set(np.concatenate(drawn([0.1, 0.0, 0.0], batch=1))) == {0, 1, 2}


def test_doubled_slices_come_twice_as_often():
    amounts = np.array([0.1] * 20 + [0.0] * 20)
    doubled = np.zeros(40, dtype=bool)
    doubled[[0, 1, 20]] = True
    counts = np.bincount(np.concatenate(drawn(amounts, doubled=doubled, epochs=60)), minlength=40)
    assert counts[:2].mean() == pytest.approx(2 * counts[2:20].mean(), rel=0.05)
    assert counts[20] == pytest.approx(2 * counts[21:].mean(), rel=0.05)


def test_what_was_corrected_since_the_parent_counts_double(project, monkeypatch):
    list(train_job(project.path, changed(epochs=1, steps=1)))
    parent = runs.find_run(project, "last")
    scan = runs.read_split(project, parent.id)["train"][0]
    annotation = project.annotations(scan)[0]
    label = project.labels().named("Tumour")
    mask = project.read_layer(annotation.id, label.layer)
    mask[2, :4, :4] = label.value
    states = [SliceState(2, Origin.CORRECTED, finished=True)]
    project.save_layers(annotation.id, {label.layer: mask}, {label.layer: states}, journal_sequence=0)
    made = []
    real = learner.Sampler
    monkeypatch.setattr(learner, "Sampler", lambda *a, **more: made.append(more["doubled"]) or real(*a, **more))
    list(train_job(project.path, changed(epochs=1, steps=1, parent=parent.id)))
    assert np.count_nonzero(made[-1]) == 1
    list(train_job(project.path, changed(epochs=1, steps=1)))
    assert made[-1] is None


def learnt_by(project, **changes):
    """Return the settings, what is learnt with them, and a run that has learnt just that."""
    config = changed(**changes)
    job = read_training_set(project, config, lambda: "")
    while True:
        try:
            next(job)
        except StopIteration as end:
            data = end.value
            break
    run = runs.create_run(project, config)
    runs.pin_scans(project, run.id, [Pin(one.id, "train", one.sha256, data.pins[one.id]) for one in data.scans])
    return config, data, run


def test_what_was_corrected_is_asked_of_the_masks_that_are_learnt_from(project):
    _, _, parent = learnt_by(project)
    label, scan = project.labels().named("Tumour"), project.scans()[0].id
    annotation = project.annotations(scan)[0]
    mask = project.read_layer(annotation.id, label.layer)
    mask[2, :4, :4] = label.value
    states = [SliceState(2, Origin.CORRECTED, finished=True)]
    project.save_layers(annotation.id, {label.layer: mask}, {label.layer: states}, journal_sequence=0)
    # scribbled on later by somebody else: who learns without scribbles does not learn from it
    other, strokes = project.ensure_annotation(scan, "second"), np.zeros_like(mask)
    strokes[3, 10, 10:20], strokes[3, 30, 10:20] = label.value, SCRIBBLED_BACKGROUND
    project.save_layers(other.id, {label.layer: strokes}, {label.layer: []}, journal_sequence=0)
    with project.store.transaction() as connection:
        connection.execute("UPDATE annotation SET updated = '2999' WHERE id = ?", (other.id,))
    config, data, _ = learnt_by(project, scribbles=False)
    assert data.slice_of[_corrected_since(project, config, data, parent)].tolist() == [2]


def test_a_label_on_another_layer_does_not_double_what_was_learnt_before(project):
    project.set_labels(project.labels().with_label("Cyst", layer="cysts"))
    tumour, cyst = (project.labels().named(name) for name in ("Tumour", "Cyst"))
    corrected = [SliceState(2, Origin.CORRECTED, finished=True)]
    for scan in project.scans():
        annotation = project.annotations(scan.id)[0]
        mask = project.read_layer(annotation.id, tumour.layer)
        drawn_on = [SliceState(index, Origin.DRAWN, finished=True) for index in range(len(mask))]
        layers = {tumour.layer: mask, cyst.layer: np.zeros_like(mask)}
        states = {tumour.layer: corrected, cyst.layer: drawn_on}
        project.save_layers(annotation.id, layers, states, journal_sequence=0)
    _, _, parent = learnt_by(project)
    config, data, _ = learnt_by(project, labels=("Tumour", "Cyst"))
    assert not _corrected_since(project, config, data, parent).any()
    mask[0, :4, :4] = tumour.value
    project.save_layers(annotation.id, {tumour.layer: mask}, {tumour.layer: corrected}, journal_sequence=0)
    config, data, _ = learnt_by(project, labels=("Tumour", "Cyst"))
    assert np.count_nonzero(_corrected_since(project, config, data, parent)) == 1


# left and right


def test_a_label_of_a_side_is_not_mirrored_and_that_is_said_kept_and_held(tmp_path):
    with disc_project(tmp_path / "p.meninx", name="Hippocampus_L") as project:
        events = train(project, changed(labels=("Hippocampus_L",), epochs=1, steps=1))
        assert [event.fields for event in of_kind(events, Notice)] == [{"name": "Hippocampus_L"}]
        run = runs.find_run(project, "last")
        assert (run.config.mirror, run.config.mirrors) == ("no", False)
        assert runs.read_model_facts(project, run.id)["mirror"] == "no"
        with pytest.raises(LearningError, match="run-not-mirrored"):
            list(predict_job(project.path, run.id, ways=Ways(mirrored=True)))
        list(predict_job(project.path, run.id))
        train(project, changed(labels=("Hippocampus_L",), epochs=1, steps=1, mirror="yes"))
        assert runs.find_run(project, "last").config.mirror == "yes"


# when it ends


def test_patience_ends_it_and_says_so(project, monkeypatch):
    real = trainer.evaluate

    def flat(*arguments, **more):
        scores = yield from real(*arguments, **more)
        return dataclasses.replace(scores, dice=0.4)

    monkeypatch.setattr(trainer, "evaluate", flat)
    events = list(train_job(project.path, changed(epochs=50, steps=1, patience=3)))
    assert len(of_kind(events, EpochEnded)) == 4
    said = [event for event in of_kind(events, Notice) if event.key == "training-no-better"]
    assert [event.fields for event in said] == [{"patience": 3, "epoch": 1}]
    run = runs.find_run(project, "last")
    assert (run.state, run.usable, run.best_epoch) == (RunState.DONE, True, 1)


def test_patience_waits_while_it_gets_better(project, monkeypatch):
    real, dices = trainer.evaluate, iter([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])

    def rising(*arguments, **more):
        scores = yield from real(*arguments, **more)
        return dataclasses.replace(scores, dice=next(dices))

    monkeypatch.setattr(trainer, "evaluate", rising)
    events = list(train_job(project.path, changed(epochs=6, steps=1, patience=1)))
    assert len(of_kind(events, EpochEnded)) == 6


# what is left alone


def test_a_frozen_encoder_stays_that_of_the_parent(project):
    list(train_job(project.path, changed(epochs=1)))
    parent = runs.find_run(project, "last")
    list(train_job(project.path, changed(epochs=1, parent=parent.id, freeze="encoder", seed=4)))
    child = runs.find_run(project, "last")
    before, after = weights(project, parent), weights(project, child)
    network = learner.build_network("unet_light", inputs=1, outputs=1, size=32)
    frozen = {id(parameter) for module in encoder_modules(network, "unet_light") for parameter in module.parameters()}
    names = {name: id(parameter) in frozen for name, parameter in network.named_parameters()}
    assert {True, False} == set(names.values())
    for name, is_frozen in names.items():
        assert torch.equal(before[name], after[name]) == is_frozen, name


def test_an_encoder_file_is_taken_and_its_hash_kept(project, tmp_path):
    config = changed(network="resnet18_unet", epochs=1, steps=1, size=64)
    torch.manual_seed(99)
    before = learner.build_network("resnet18_unet", inputs=1, outputs=1, size=64).state_dict()
    file = tmp_path / "encoder.safetensors"
    file.write_bytes(safetensors.torch.save({name: value.contiguous() for name, value in before.items()}))
    list(train_job(project.path, dataclasses.replace(config, encoder_weights=str(file), freeze="encoder")))
    run = runs.find_run(project, "last")
    facts = runs.read_model_facts(project, run.id)
    assert len(facts["encoder_sha256"]) == 64
    # never where the file lay
    assert run.config.encoder_weights == "encoder.safetensors"
    assert facts["versions"]["torch"] == torch.__version__
    after = weights(project, run)
    assert torch.equal(before["encoder.conv1.weight"], after["encoder.conv1.weight"])
    listed = json.loads((runs.run_folder(project, run.id) / "data.json").read_text("utf-8"))["scans"]
    assert {facts["part"] for facts in listed.values()} == {"train", "validation", "test"}
    assert all(facts["masks"]["lesions"] and facts["scan_sha256"] for facts in listed.values())


def test_a_missing_encoder_file_is_told_before_anything_is_read(project, tmp_path):
    config = changed(network="resnet18_unet", encoder_weights=str(tmp_path / "none.pth"), freeze="encoder")
    job = train_job(project.path, config)
    assert next(job).stage == "starting"
    with pytest.raises(LearningError, match="encoder-file-unread"):
        next(job)
    assert runs.list_runs(project) == []


def test_half_precision_scales_its_losses(project, monkeypatch):
    real, scales = learner.Learner.step, []

    def step(self, done):
        if self.precision is not torch.float16:
            self.use_precision("float16")
        before = [parameter.detach().clone() for parameter in self.network.parameters()]
        real(self, done)
        moved = any(not torch.equal(one, two) for one, two in zip(before, self.network.parameters(), strict=True))
        scales.append((self.scaler.get_scale(), moved))

    monkeypatch.setattr(learner.Learner, "step", step)
    events = list(train_job(project.path, changed(epochs=1, steps=6)))
    assert np.isfinite(of_kind(events, EpochEnded)[0].train.loss)
    assert all(scale > 1 for scale, _ in scales)
    assert any(moved for _, moved in scales)


# crashes


def test_a_crash_within_an_epoch_changes_nothing(project, monkeypatch):
    config = changed(network="attention_unet", epochs=3, steps=3)
    whole = list(train_job(project.path, config))
    first = runs.find_run(project, "last")
    monkeypatch.setattr(trainer, "RESUME_SECONDS", -1.0)
    real, left = learner.Learner.step, [5]

    def breaks(self, done):
        left[0] -= 1
        if left[0] < 0:
            raise ZeroDivisionError
        real(self, done)

    monkeypatch.setattr(learner.Learner, "step", breaks)
    with pytest.raises(ZeroDivisionError):
        list(train_job(project.path, config))
    broken = runs.find_run(project, "last")
    assert (broken.state, broken.resumable) == (RunState.FAILED, True)
    left[0] = 1000
    rest = list(train_job(project.path, resume=broken.id))
    assert of_kind(rest, Finished)[0].result["run"] == broken.id
    told = [(event.epoch, event.train, event.validation) for event in of_kind(whole, EpochEnded)]
    again = [(event.epoch, event.train, event.validation) for event in of_kind(rest, EpochEnded)]
    assert again == told[1:]
    one, two = weights(project, first), weights(project, broken)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_killed_process_goes_on_to_the_same_weights(tmp_path):
    words = ["--label", "Tumour", "--network", "unet_light", "--size", "32", "--slices", "1", "--batch", "4"]
    words += ["--steps", "30", "--epochs", "2", "--device", "cpu"]
    program = (
        "import sys; from models import trainer; trainer.RESUME_SECONDS = -1.0; import main; sys.exit(main.main())"
    )
    with disc_project(tmp_path / "p.meninx", patients=4, slices=4) as project:
        child = subprocess.Popen(
            [sys.executable, "-c", program, "train", str(project.path), *words],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline:
            listed = runs.list_runs(project)
            if listed and (runs.run_folder(project, listed[0].id) / runs.RESUME_FILE).is_file():
                break
            time.sleep(0.02)
        time.sleep(0.1)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        killed = runs.find_run(project, "last")
        assert killed.state is RunState.INTERRUPTED
        assert command(["train", str(project.path), "--resume", killed.name]) == 0
        assert command(["train", str(project.path), *words]) == 0
        one, two = weights(project, killed), weights(project, runs.find_run(project, "last"))
        assert all(torch.equal(one[name], two[name]) for name in one)


def test_masks_changed_meanwhile_are_said_and_pinned(project):
    config = changed(epochs=3)
    train(project, config, word="pause", when=lambda events: steps_made(events) == 2)
    run = runs.find_run(project, "last")
    assert run.state is RunState.PAUSED
    scan = runs.read_split(project, run.id)["train"][0]
    annotation = project.annotations(scan)[0]
    label = project.labels().named("Tumour")
    mask = project.read_layer(annotation.id, label.layer)
    mask[1, :3, :3] = label.value
    states = [SliceState(1, Origin.CORRECTED, finished=True)]
    project.save_layers(annotation.id, {label.layer: mask}, {label.layer: states}, journal_sequence=0)
    events = list(train_job(project.path, resume=run.id))
    assert [event.fields for event in of_kind(events, Notice)] == [{"count": 1}]
    pins = {pin.scan: pin for pin in runs.read_pins(project, run.id)}
    assert pins[scan].masks["lesions"] == project.layer_versions(annotation.id, "lesions")[-1].sha256


# the command line


def test_the_line_gives_the_settings(project, tmp_path, capsys):
    split = tmp_path / "split.json"
    names = [scan.patient_name for scan in project.scans()]
    split.write_text(json.dumps({"train": names[:3], "validation": names[3:4], "test": names[4:]}))
    words = [
        "train",
        str(project.path),
        "--label",
        "tumour",
        "--network",
        "unet_light",
        "--size",
        "32",
        "--slices",
        "1",
    ]
    words += ["--epochs", "1", "--steps", "1", "--batch", "2", "--patience", "4", "--prepare", "no-clip"]
    words += ["--augment", "few", "--loss", "tversky", "--split", str(split), "--json"]
    assert command(words) == 0
    told = json.loads(capsys.readouterr().out)
    run = runs.find_run(project, told["run"])
    config = run.config
    assert (config.patience, config.prepare, config.augment, config.loss) == (4, ("zscore",), "few", "tversky")
    by_id = {scan.id: scan.patient_name for scan in project.scans()}
    parts = {part: sorted(by_id[scan] for scan in scans) for part, scans in runs.read_split(project, run.id).items()}
    assert parts == {"train": names[:3], "validation": names[3:4], "test": names[4:]}
