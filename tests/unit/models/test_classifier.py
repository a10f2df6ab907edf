"""Learning a class on small pictures: training, what predicts without torch, evaluation, the gate."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from class_project import CLASS, class_project, quick
from safetensors.torch import save_file

from core.errors import LearningError
from core.events import Finished, Notice
from core.learning import runs
from core.learning.config import TrainingConfig
from core.learning.events import EpochEnded
from core.project.class_predictions import read_classes
from core.project.predictions import read_meta, read_prediction
from core.project.project import Project
from models.checkpoint import read_weights
from models.classifying import ClassPredictor
from models.evaluating import evaluate_job
from models.inference import Predictor
from models.losses import find_class_loss
from models.networks.freezing import freeze_encoder
from models.networks.registry import build_network
from models.predicting import predict_job
from models.pretrained import load_encoder, read_encoder
from models.sampler import Sampler
from models.trainer import train_job

ROOT = Path(__file__).resolve().parents[3]


def _ended(events):
    return any(isinstance(event, EpochEnded) for event in events)


def _all(job):
    events = list(job)
    assert isinstance(events[-1], Finished)
    return events, events[-1].result


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A project with a classifier (run 1), and a network that draws (run 2), hardly trained."""
    path = tmp_path_factory.mktemp("class") / "p"
    class_project(path, masks=True).close()
    events, result = _all(train_job(path, quick()))
    masks = TrainingConfig(
        labels=("Tumour",),
        network="unet_light",
        size=32,
        slices=1,
        epochs=1,
        steps=2,
        device="cpu",
        precision="float32",
    )
    _all(train_job(path, masks))
    return path, events, result


@pytest.fixture
def project(trained, tmp_path):
    """A copy of it to write into."""
    shutil.copytree(trained[0], tmp_path / "p")
    return tmp_path / "p"


def test_a_class_is_learnt_and_chosen_by_its_auc(trained):
    _, events, result = trained
    epochs = [event for event in events if isinstance(event, EpochEnded)]
    assert len(epochs) == 4
    assert epochs[-1].validation.auc > 0.95
    assert result["best_dice"] == max(event.validation.auc for event in epochs)
    assert epochs[-1].validation.sensitivity is not None
    assert result["task"] == "classify"


def test_the_exported_model_says_what_the_network_says_and_keeps_its_rule(trained):
    with Project.open(trained[0], read_only=True) as project:
        run = runs.find_run(project, "1")
        assert (run.usable, run.comparable, run.labels) == (True, False, ())
        assert runs.best_run(project).name == "Run 2"
        facts = runs.read_model_facts(project, run.id)
        folder = runs.run_folder(project, run.id)
        assert CLASS in (folder / "card.md").read_text("utf-8")
        assert facts["export_difference"] < 1e-3
        predictor = ClassPredictor(folder, exact=True)
        stacks = np.random.default_rng(0).normal(size=(3, 1, 64, 64)).astype(np.float32)
        probability, activation = predictor.raw(stacks)
        # the picture is the answer: between its mean and its highest place, as the paper has it
        logit = np.log(np.exp(4.0 * activation).mean(axis=(1, 2))) / 4.0
        assert 1 / (1 + np.exp(-logit)) == pytest.approx(probability, abs=1e-5)
        with pytest.raises(LearningError) as error:
            Predictor(folder)
        assert error.value.code == "run-classifies"
        with pytest.raises(LearningError) as other:
            ClassPredictor(runs.run_folder(project, runs.find_run(project, "2").id))
        assert other.value.code == "run-draws"


def test_predict_stores_a_probability_per_slice(project):
    _, result = _all(predict_job(project, "1"))
    with Project.open(project, read_only=True) as opened:
        right = []
        for scan in opened.scans():
            found = read_classes(opened, result["run"], scan.id)
            truth = {one.slice: one.value == "yes" for one in opened.classes.of_scan(scan.id)}
            right += [found.said[z] == truth[z] for z in range(scan.shape[0])]
            assert 0 <= found.probability.min() <= found.whole <= 1
        assert np.mean(right) > 0.95
    assert result["yes"] == 24
    _, again = _all(predict_job(project, "1", missing_only=True))
    assert again["scans"] == []


def test_prediction_needs_no_torch(trained):
    words = "import sys; import models.classifying, models.class_evaluating; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", words], cwd=ROOT, check=True)


def test_the_gate_empties_what_is_called_clean_and_says_so(project):
    _, plain = _all(predict_job(project, "2"))
    with Project.open(project, read_only=True) as opened:
        scan = opened.scans()[0].id
        before = read_prediction(opened, plain["run"], scan)["Tumour"]
        assert "gate" not in read_meta(opened, plain["run"], scan)
    _, gated = _all(predict_job(project, "2", gate="Run 1"))
    with Project.open(project, read_only=True) as opened:
        after = read_prediction(opened, plain["run"], scan)["Tumour"]
        gate = read_meta(opened, plain["run"], scan)["gate"]
        said = read_classes(opened, gate["run"], scan)
        clean = said.probability < said.gate_threshold
        assert gate["clean"] == np.flatnonzero(clean).tolist()
        assert 0 < clean.sum() < len(clean)
        assert not after[clean].any()
        assert np.array_equal(after[~clean], before[~clean])
        assert gate["removed_voxels"]["Tumour"] == int(before[clean].sum())
        assert sum(gate["removed_by_slice"]["Tumour"]) == int(before[clean].sum())
        assert len(gate["removed_by_slice"]["Tumour"]) == len(gate["emptied"])
        assert gate["emptied"] == [z for z in range(len(clean)) if clean[z] and before[z].any()]
    assert gated["clean"] >= len(gate["clean"])
    _, facts = _all(evaluate_job(project, "2", on="all"))
    assert facts["gate"]["clean"] == gated["clean"]
    assert facts["gate"]["with_label"] == 0
    for run, gate_run, code in (("1", "1", "run-classifies"), ("2", "2", "run-draws")):
        with pytest.raises(LearningError) as error:
            list(predict_job(project, run, gate=gate_run))
        assert error.value.code == code


def test_evaluation_writes_tables_curves_and_matrices(project, tmp_path):
    out = tmp_path / "out"
    _, facts = _all(evaluate_job(project, "1", on="all", folder=out))
    summary = facts["summary"]
    assert (summary["count"], summary["yes"]) == (64, 24)
    assert summary["true_yes"] + summary["false_no"] == 24
    assert summary["auc"]["mean"] > 0.95
    assert summary["baseline_accuracy"]["mean"] == pytest.approx(40 / 64)
    assert facts["leaky"]
    with (out / "slices.csv").open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    assert len(rows) == 64
    assert sum(row["truth"] == "yes" for row in rows) == 24
    assert all(row["stamp"] for row in rows)
    for name in ("roc.png", "roc.svg", "confusion.png", "confusion_scans.png", "scans.csv"):
        assert (out / name).stat().st_size > 50, name
    assert json.loads((out / "summary.json").read_text("utf-8"))["curves"]["roc"][-1] == [1.0, 1.0]
    with Project.open(project, read_only=True) as opened:
        assert runs.read_evaluation(opened, runs.find_run(opened, "1"), "all")["class"] == CLASS


def test_the_most_wrong_slices_are_shown(project, tmp_path):
    with Project.open(project) as opened:
        scan = opened.scans()[0]
        # the truth is turned round on one scan: the run must be wrong there
        for one in opened.classes.of_scan(scan.id):
            other = "no" if one.value == "yes" else "yes"
            opened.classes.set(scan.id, CLASS, other, reader=one.reader, slices=[one.slice])
    _, facts = _all(evaluate_job(project, "1", on="all", folder=tmp_path / "out"))
    assert {row["scan"] for row in facts["most_wrong"]} == {scan.name}
    off = [abs(row["probability"] - (row["truth"] == "yes")) for row in facts["most_wrong"]]
    assert off == sorted(off, reverse=True)
    assert len(list((tmp_path / "out" / "most_wrong").glob("*.png"))) == len(facts["most_wrong"]) == 8


def test_half_of_the_slices_are_enough_and_a_paused_run_goes_on(tmp_path):
    class_project(tmp_path / "p", said=0.5).close()
    config = quick(epochs=2, steps=3, size=32)
    events = []
    for event in train_job(tmp_path / "p", config, should_stop=lambda: "pause" if _ended(events) else ""):
        events.append(event)
    paused = events[-1].result
    told = [event for event in events if isinstance(event, Notice) and event.key == "training-class-unknown"]
    assert [(one.fields["count"], one.fields["used"]) for one in told] == [(32, 32)]
    assert paused["state"] == "paused"
    _, done = _all(train_job(tmp_path / "p", resume=paused["run"]))
    assert (done["state"], done["epochs"]) == ("done", 2)
    _, child = _all(train_job(tmp_path / "p", quick(epochs=1, steps=2, size=32, parent=done["run"])))
    assert child["state"] == "done"


@pytest.mark.parametrize(("changes", "anew"), [({"class_name": CLASS.upper()}, False), ({"class_yes": ("no",)}, True)])
def test_a_parent_of_another_class_gives_all_but_what_it_says(project, changes, anew):
    with Project.open(project) as opened:
        parent = runs.find_run(opened, "Run 1")
        settings = replace(quick(epochs=1, steps=1, parent=parent.id, learning_rate=1e-6), **changes)
        events, _ = _all(train_job(project, settings))
        assert ("training-parent-class" in {one.key for one in events if isinstance(one, Notice)}) == anew
        folders = [runs.run_folder(opened, run.id) for run in (parent, runs.find_run(opened, "last"))]
    before, after = map(read_weights, folders)
    moved = {name for name in before if not torch.allclose(before[name], after[name], atol=1e-4)}
    assert moved == ({"head.weight", "head.bias"} if anew else set())


def test_one_kind_on_one_side_is_refused_in_a_sentence(tmp_path):
    with class_project(tmp_path / "p", patients=4) as project:
        for scan in project.scans()[:3]:
            slices = [one.slice for one in project.classes.of_scan(scan.id) if one.value == "yes"]
            project.classes.set(scan.id, CLASS, "no", reader="reader", slices=slices)
    with pytest.raises(LearningError) as error:
        list(train_job(tmp_path / "p", quick()))
    assert error.value.code == "class-part-one"
    with Project.open(tmp_path / "p", read_only=True) as project:
        assert runs.list_runs(project) == []


TORCHVISION_VGG16_BN = [0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40]
TORCHVISION_VGG16 = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]


@pytest.mark.parametrize(("name", "places"), [("vgg16", TORCHVISION_VGG16), ("vgg16_bn", TORCHVISION_VGG16_BN)])
def test_vgg_is_called_what_torchvision_calls_it_and_takes_its_file(name, places, tmp_path):
    torch.manual_seed(0)
    network = build_network(name, inputs=3, outputs=1, size=64)
    state = network.encoder.state_dict()
    convolutions = [int(key.split(".")[1]) for key, value in state.items() if value.ndim == 4]
    assert convolutions == places
    file = {**state, "classifier.0.weight": torch.zeros(2, 2)}
    save_file({key: value.contiguous() for key, value in file.items()}, str(tmp_path / "w.safetensors"))
    fresh = build_network(name, inputs=1, outputs=1, size=64)
    load_encoder(fresh, read_encoder(tmp_path / "w.safetensors", name))
    grey = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        same = network.eval().encoder(grey.expand(-1, 3, -1, -1))[-1]
        found = fresh.eval().encoder(grey)[-1]
    assert torch.allclose(found, same, atol=1e-4)
    assert fresh(grey).shape == (2, 1, 1, 1)
    assert freeze_encoder(fresh, name) == sum(p.numel() for p in fresh.encoder.parameters())
    assert all(p.requires_grad for p in fresh.head.parameters())


def test_batches_are_half_yes_however_rare_it_is():
    amounts = np.zeros(200, dtype=np.float32)
    amounts[:12] = 1
    sampler = Sampler(amounts, batch=16, foreground=0.5, least_steps=20, most_steps=20, seed=0, empty=0.5)
    shares = [float((amounts[batch] > 0).mean()) for batch in sampler.epoch(1)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.05)


def test_smoothed_targets_are_best_met_a_little_off_one():
    loss = find_class_loss("bce", 0.1)
    ones = torch.ones(1, 1, 1, 1)
    values = [float(loss(torch.full((1, 1, 1, 1), logit), ones, ones)) for logit in (1.0, 2.944, 8.0)]
    # 0.95 has the logit 2.944
    assert values[1] == min(values)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"network": "unet"}, "setting-bad"),
        ({"loss": "dice_ce"}, "setting-bad"),
        ({"level": "patient"}, "setting-bad"),
        ({"smoothing": 0.6}, "setting-bad"),
        ({"labels": ("Tumour",)}, "setting-bad"),
        ({"class_name": " "}, "class-name-none"),
    ],
)
def test_settings_of_a_class_are_checked(values, code):
    with pytest.raises(LearningError) as error:
        TrainingConfig(**{**TrainingConfig.for_class(CLASS).to_json(), "labels": (), **values}).validate()
    assert error.value.code == code


def test_settings_come_back_from_json_and_old_ones_stay_readable():
    config = TrainingConfig.for_class(CLASS, class_yes=("a", "b"), level="scan")
    assert TrainingConfig.from_json(config.to_json()) == config
    short = TrainingConfig.from_json({"task": "classify", "class_name": CLASS})
    assert (short.network, short.loss, short.labels) == ("cnn_light", "bce", ())
    assert TrainingConfig.from_json({"labels": ["Tumour"]}).task == "segment"
