"""A training that goes on from a run stays near to it where it would forget what the run learnt from."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.torch
import torch
from learning_project import disc_volume
from training_support import changed, of_kind, one_thread, project, steps_made, train

from core.learning import runs
from core.learning.events import EpochEnded
from core.learning.run_files import export_run
from core.project.records import Origin, SliceState
from models import checkpoint, learner
from models.starting import _other_modality
from models.taking_runs import take_run_job
from models.trainer import train_job

__all__ = ["one_thread", "project"]
pytestmark = pytest.mark.usefixtures("one_thread")

OTHER = "other"


@pytest.fixture
def parent(project):
    """A run on all scans of a project, which gets four scans of another reader after it."""
    train(project, changed(epochs=1, steps=4))
    label = project.labels().named("Tumour")
    for number in range(4):
        volume, mask = disc_volume(20 + number)
        scan = project.add_scan(volume, patient=f"new {number}")
        annotation = project.ensure_annotation(scan.id, OTHER)
        states = [SliceState(index, Origin.DRAWN, finished=True) for index in range(len(mask))]
        layers = {label.layer: mask * label.value}
        project.save_layers(annotation.id, layers, {label.layer: states}, journal_sequence=0)
    return runs.find_run(project, "last")


def weights(project, run):
    return checkpoint.read_weights(runs.run_folder(project, run.id))


def went_on(project, parent, **settings):
    """Train on from a run; return the weights that are kept: of its only epoch, unless more are asked for."""
    train(project, changed(parent=parent.id, seed=5, **{"epochs": 1, "steps": 6, **settings}))
    return weights(project, runs.find_run(project, "last"))


def test_what_is_kept_lies_halfway_where_nothing_is_shown_again(project, parent, monkeypatch):
    kept = went_on(project, parent, reader=OTHER)
    card = (runs.run_folder(project, runs.find_run(project, "last").id) / "card.md").read_text("utf-8")
    assert f"Started from: {parent.name} (50 % of its weights are kept" in card
    monkeypatch.setattr(learner, "HELD", 0.0)
    alone = went_on(project, parent, reader=OTHER)
    before = weights(project, parent)
    moved = 0.0
    for name, tensor in alone.items():
        torch.testing.assert_close(kept[name], (tensor + before[name]) / 2, rtol=1e-4, atol=1e-6)
        moved = max(moved, float((tensor - before[name]).abs().max()))
    assert moved > 1e-3, "it learnt something"


def test_what_is_shown_again_is_not_held_on_to(project, parent, monkeypatch):
    kept = went_on(project, parent)
    monkeypatch.setattr(learner, "HELD", 0.0)
    alone = went_on(project, parent)
    # the split of the parent holds for its patients: all that it learnt from is learnt from again
    for name, tensor in alone.items():
        assert torch.equal(kept[name], tensor), name


def test_what_is_held_on_to_is_still_held_after_a_pause(project, parent):
    config = changed(epochs=2, steps=3, parent=parent.id, seed=5, reader=OTHER)
    # in the middle of the second epoch
    paused = train(project, config, word="pause", when=lambda events: steps_made(events) == 4)
    run = runs.find_run(project, "last")
    assert run.resumable
    list(train_job(project.path, resume=run.id))
    resumed = weights(project, runs.find_run(project, run.id))
    assert len(of_kind(paused, EpochEnded)) == 1
    for name, tensor in went_on(project, parent, reader=OTHER, epochs=2, steps=3).items():
        torch.testing.assert_close(resumed[name], tensor, rtol=0, atol=0)


def test_an_encoder_from_a_file_is_not_mixed_with_that_of_the_parent(project, parent, tmp_path):
    settings = {"network": "resnet18_unet", "size": 64, "epochs": 1, "steps": 1}
    train(project, changed(**settings))
    deep = runs.find_run(project, "last")
    torch.manual_seed(99)
    given = learner.build_network("resnet18_unet", inputs=1, outputs=1, size=64).state_dict()
    file = tmp_path / "encoder.safetensors"
    file.write_bytes(safetensors.torch.save({name: value.contiguous() for name, value in given.items()}))
    kept = went_on(project, deep, reader=OTHER, encoder_weights=str(file), freeze="encoder", **settings)
    torch.testing.assert_close(kept["encoder.conv1.weight"], given["encoder.conv1.weight"])


def learnt_modality(project, modality, *, of):
    """Say of the scans that all readers but the other one (or that one alone) drew on what they are."""
    mine = [scan.id for scan in project.scans() if (project.annotations(scan.id)[0].reader == OTHER) == (of == OTHER)]
    with project.store.transaction() as connection:
        connection.executemany("UPDATE scan SET modality = ? WHERE id = ?", [(modality, scan) for scan in mine])


def drawn_by_other(project):
    """Return what a training on the scans of the other reader is, as far as it is asked for modalities."""
    scans = [scan for scan in project.scans() if project.annotations(scan.id)[0].reader == OTHER]
    return SimpleNamespace(scans=scans, scan_of=np.arange(len(scans)))


def test_of_a_run_of_another_modality_nothing_is_held(project, parent):
    for before, now, other in (("MR", "MR", False), ("", "MR", False), ("CT", "", False), ("CT", "MR", True)):
        learnt_modality(project, before, of="reader")
        learnt_modality(project, now, of=OTHER)
        data = drawn_by_other(project)
        assert _other_modality(project, data, data.scan_of, parent) == other
    went_on(project, parent, reader=OTHER, steps=1)
    assert runs.read_model_facts(project, runs.find_run(project, "last").id)["held"] == 0


def test_a_run_from_elsewhere_tells_itself_what_it_learnt_from(project, parent, tmp_path):
    learnt_modality(project, "CT", of="reader")
    learnt_modality(project, "MR", of=OTHER)
    export_run(project, parent, tmp_path / "run")
    list(take_run_job(project.path, tmp_path / "run"))
    taken = runs.find_run(project, "last")
    file = runs.run_folder(project, taken.id) / runs.MODEL_FILE
    data = drawn_by_other(project)
    for told, other in (({}, False), ({"modalities": ["CT"]}, True), ({"modalities": ["CT", "MR"]}, False)):
        file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | told), "utf-8")
        assert _other_modality(project, data, data.scan_of, taken) == other


def test_of_a_run_that_does_not_say_what_it_learnt_from_all_is_held(project, parent, monkeypatch):
    seen = []
    real = learner.Learner.start_from
    monkeypatch.setattr(
        learner.Learner, "start_from", lambda *a, unseen: seen.append(unseen) or real(*a, unseen=unseen)
    )
    monkeypatch.setattr("models.starting.learnt_hashes", lambda *_: {})
    went_on(project, parent)
    assert seen == [1.0]
