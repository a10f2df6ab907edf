"""The brain starter: its files, stripping without a project, a run of a project, the parent of a training."""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import onnx
import pytest
import safetensors.numpy
import torch
from learning_project import disc_project
from onnx import TensorProto, helper, numpy_helper
from training_support import CONFIG

import core.learning.starters as shipped
from core.errors import InputError
from core.events import Finished, Notice
from core.geometry import Geometry
from core.learning.config import TrainingConfig
from core.learning.events import EpochEnded
from core.learning.prepare import Preparation
from core.learning.run_files import origin_of
from core.learning.runs import CARD_FILE, CONFIG_FILE, MODEL_FILE, ONNX_FILE, WEIGHTS_FILE, list_runs, run_folder
from core.learning.starters import brain_starter, find_starter, run_of, starters
from core.project.predictions import read_meta, read_prediction
from core.project.project import Project
from core.review.strip import grown
from core.review.tidy import PLAIN, Tidying, Ways
from core.volume import Volume
from models import checkpoint
from models.brain import DISTANCE, BrainPredictor, predictor_of, tidied, with_margin
from models.inference import Predictor
from models.learner import PARENT_RATE, SCRATCH_RATE
from models.loose import CLASSICAL, default_model, masker_for, strip_job
from models.networks.registry import build_network
from models.predicting import predict_job
from models.starter_export import DISTANCE_PREFIX, export_starter, load_starter
from models.trainer import train_job
from models.views import in_three_views

SIDE = 64
REACH = 16.0
SMALL = TrainingConfig(labels=("Brain",), network="unet_light", size=32, slices=3)


def ball(spacing=(1.0, 1.0, 1.0), shape=(SIDE, SIDE, SIDE), radius=20.0):
    """A scan whose grey is the distance to a ball, and that distance in mm."""
    places = np.meshgrid(*(np.arange(count) - (count - 1) / 2 for count in shape), indexing="ij")
    far = np.sqrt(sum((place * size) ** 2 for place, size in zip(places, spacing, strict=True))) - radius
    array = np.rint((REACH - np.clip(far, -REACH, REACH)) * 1000).astype(np.uint16)
    affine = np.diag([-spacing[2], -spacing[1], spacing[0], 1.0])
    return Volume(array, Geometry(shape, affine)), far


def write_model(folder, *, size=SIDE):
    """A model that reads that distance off the grey: exact to the last digit, whatever it is asked."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = [None, 1, size, size]

    def constant(name, value):
        return numpy_helper.from_array(np.array(value, dtype=np.float32), name)

    nodes = [
        helper.make_node("Sub", ["slices", "half"], ["apart"]),
        helper.make_node("Mul", ["apart", "steep"], ["sharp"]),
        helper.make_node("Sigmoid", ["sharp"], ["probability"]),
        helper.make_node("Mul", ["apart", "pixels"], ["far"]),
        helper.make_node("Clip", ["far", "low", "high"], ["distance"]),
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("probability", "distance")]
    # grey 0..1 is 32 mm, and the distance is told in parts of 8 pixels
    constants = [constant("half", 0.5), constant("steep", 200.0), constant("pixels", -2 * REACH / 8)]
    constants += [constant("low", -1.0), constant("high", 1.0)]
    inputs = [helper.make_tensor_value_info("slices", TensorProto.FLOAT, shape)]
    graph = helper.make_graph(nodes, "ball", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    (folder / ONNX_FILE).write_bytes(model.SerializeToString())
    facts = {"labels": ["Brain"], "network": "unet", "preparation": Preparation(size, 1, steps=()).to_json()}
    facts["distance"] = {"scale": 8.0}
    (folder / MODEL_FILE).write_text(json.dumps(facts))
    config = replace(SMALL, network="unet", size=size, slices=1, prepare=())
    (folder / CONFIG_FILE).write_text(json.dumps(config.to_json()))


@pytest.fixture
def starter(tmp_path, monkeypatch):
    """A copy of the program with that model as its brain starter."""
    monkeypatch.setattr(shipped, "STARTERS", tmp_path / "starters")
    write_model(tmp_path / "starters" / "brain")
    return tmp_path / "starters" / "brain"


def dice(one, other):
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def last(job):
    events = list(job)
    assert isinstance(events[-1], Finished)
    return events[-1].result, events


# ------------------------------------------------------------- what there is


def test_without_weights_there_are_no_starters(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "STARTERS", tmp_path / "nowhere")
    assert starters() == []
    assert brain_starter() is None
    assert default_model() == CLASSICAL


def test_a_starter_is_found_by_its_name(starter):
    (found,) = starters()
    assert found.name == "brain"
    assert found.labels == ("Brain",)
    assert find_starter("BRAIN ") == found
    assert find_starter("tumour") is None
    assert default_model() == "brain"
    assert found.id.startswith("starter-brain-")
    (starter.parent / "half").mkdir()
    (starter.parent / "half" / MODEL_FILE).write_text("{}")
    assert [one.name for one in starters()] == ["brain"]


def test_a_name_that_is_none_is_refused(starter):
    with pytest.raises(InputError) as caught:
        masker_for("brian")
    assert caught.value.code == "model-form"


# ------------------------------------------------- distance, margin, judgement


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (1.0, 0.8, 0.8)])
def test_the_distance_comes_back_in_millimetres(starter, spacing):
    shape = (round(SIDE / spacing[0]), SIDE, SIDE)
    volume, far = ball(spacing, shape)
    predictor = predictor_of(starter)
    assert isinstance(predictor, BrainPredictor)
    assert predictor.labels == ("Brain", DISTANCE)
    found = predictor.predict_volume(volume)
    assert dice(found["Brain"] >= 128, far <= 0) > 0.99
    told = 10 * (1 - found[DISTANCE] / 127.5)
    # the model tells its distance in pixels of 1 mm: where they are smaller, so is what it tells
    near = np.abs(far) < 5
    assert np.abs(told - far * spacing[1])[near].max() < 0.5


def test_a_margin_follows_the_distance(starter):
    volume, far = ball((2.0, 1.0, 1.0), (32, SIDE, SIDE))
    found = predictor_of(starter).predict_volume(volume)
    plain, check = tidied(found, volume.geometry, PLAIN)
    assert set(plain) == {"Brain"}
    assert check is not None
    assert check.reasons == ("small",)
    for margin in (-6.0, -2.0, 2.5, 6.0):
        masks, again = tidied(found, volume.geometry, Tidying(margin=margin))
        assert dice(masks["Brain"] > 0, far <= margin) > 0.985
        assert again == check


def test_a_distance_gone_wild_cannot_run_off():
    volume, far = ball()
    mask = far <= 0
    everywhere, nowhere = np.full(mask.shape, 255, np.uint8), np.zeros(mask.shape, np.uint8)
    wide = with_margin(mask, volume.geometry, 3.0, everywhere)
    assert (wide <= grown(mask, volume.geometry, 5.0)).all()
    assert (with_margin(mask, volume.geometry, 3.0, nowhere) >= mask).all()
    assert (with_margin(mask, volume.geometry, -3.0, everywhere) <= mask).all()
    plain = with_margin(mask, volume.geometry, 3.0, None)
    assert np.array_equal(plain, grown(mask, volume.geometry, 3.0))


def test_three_views_average_the_distance_as_well(starter):
    volume, far = ball()
    _, found = list(in_three_views(predictor_of(starter), volume))[-1]
    masks, check = tidied(found, volume.geometry, Tidying(margin=4.0))
    assert dice(masks["Brain"] > 0, far <= 4) > 0.985
    assert check is not None
    assert not check.doubtful


def test_any_other_model_is_predicted_with_as_before(starter):
    facts = json.loads((starter / MODEL_FILE).read_text())
    del facts["distance"]
    (starter / MODEL_FILE).write_text(json.dumps(facts))
    predictor = predictor_of(starter)
    assert type(predictor) is Predictor
    assert predictor.labels == ("Brain",)


# ------------------------------------------------------------------ stripping


def test_strip_takes_the_starter_where_nothing_is_named(starter, tmp_path):
    volume, far = ball()
    nib.save(nib.Nifti1Image(volume.array.transpose(2, 1, 0), volume.geometry.affine), tmp_path / "head.nii.gz")
    result, events = last(strip_job([tmp_path / "head.nii.gz"], tmp_path / "out"))
    assert result["scans"] == 1
    check = result["checks"]["head"]
    assert check["reasons"] == ["small"]
    assert check["doubtful"] is False
    told = [event for event in events if isinstance(event, Notice)]
    assert [event.key for event in told] == ["brain-odd"]
    written = np.asarray(nib.load(tmp_path / "out" / "head_mask.nii.gz").dataobj).transpose(2, 1, 0) > 0
    assert dice(written, far <= 0) > 0.99
    grew, _ = last(strip_job([tmp_path / "head.nii.gz"], tmp_path / "wide", ways=Ways(tidying=Tidying(margin=5.0))))
    assert grew["checks"] == result["checks"]
    wide = np.asarray(nib.load(tmp_path / "wide" / "head_mask.nii.gz").dataobj).transpose(2, 1, 0) > 0
    assert dice(wide, far <= 5) > 0.985


def test_air_is_stripped_to_nothing_and_said_to_be_doubtful(starter, tmp_path):
    nothing = np.full((SIDE, SIDE, SIDE), 7, np.int16)
    nothing[0, 0, 0] = 20
    nib.save(nib.Nifti1Image(nothing, np.eye(4)), tmp_path / "air.nii.gz")
    result, events = last(strip_job([tmp_path / "air.nii.gz"], tmp_path / "out", masks_only=True))
    assert result["checks"]["air"]["doubtful"] is True
    assert result["checks"]["air"]["reasons"] == ["nothing"]
    assert any(isinstance(event, Notice) and event.key == "brain-doubtful" for event in events)


# ----------------------------------------------------------------- in projects


def test_a_project_takes_a_starter_in_once(starter, tmp_path):
    with Project.create(tmp_path / "p.meninx") as project:
        first, again = run_of(project, "brain"), run_of(project, "Brain")
        assert first.id == again.id
        assert first.usable
        assert first.labels == ("Brain",)
        assert origin_of(project, first.id) == "brain"
        assert len(list_runs(project)) == 1
        # other weights are another run
        write_model(starter, size=96)
        assert run_of(project, "brain").id != first.id


def test_predict_takes_a_starter(starter, tmp_path):
    volume, far = ball()
    with Project.create(tmp_path / "p.meninx") as project:
        scan = project.add_scan(volume, patient="one")
    result, events = last(predict_job(tmp_path / "p.meninx", "brain", ways=Ways(mirrored=True)))
    assert result["scans"] == [scan.name]
    assert any(isinstance(event, Notice) and event.key == "brain-odd" for event in events)
    with Project.open(tmp_path / "p.meninx", read_only=True) as project:
        masks = read_prediction(project, result["run"], scan.id)
        assert set(masks) == {"Brain"}
        assert dice(masks["Brain"] > 0, far <= 0) > 0.99
        meta = read_meta(project, result["run"], scan.id)
        assert meta["labels"] == ["Brain"]
        assert meta["brain"]["reasons"] == ["small"]


# -------------------------------------------------------------- export, parent


@pytest.fixture
def exported(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "STARTERS", tmp_path / "starters")
    torch.manual_seed(0)
    network = build_network(SMALL.network, inputs=3, outputs=2, size=SMALL.size).eval()
    difference = export_starter(tmp_path / "starters" / "brain", network, SMALL, {"name": "brain"})
    assert difference < 1e-3
    return tmp_path / "starters" / "brain", network


def test_a_starter_is_small_and_says_what_its_network_says(exported):
    folder, network = exported
    weights = safetensors.numpy.load_file(folder / WEIGHTS_FILE)
    assert {tensor.dtype for tensor in weights.values()} == {np.dtype(np.float16)}
    numbers = sum(parameter.numel() for parameter in network.parameters())
    for file in (WEIGHTS_FILE, ONNX_FILE):
        assert (folder / file).stat().st_size < 2 * numbers + 100_000
    slices = np.random.default_rng(1).standard_normal((3, 3, 32, 32)).astype(np.float32)
    predictor = BrainPredictor(folder, exact=True)
    found = predictor.probabilities(slices)
    with torch.no_grad():
        output = network(torch.from_numpy(slices))
    assert np.allclose(found[:, 0], torch.sigmoid(output[:, 0]), atol=1e-3)
    assert np.allclose(found[:, 1], -8 * torch.tanh(output[:, 1]), atol=1e-2)


def test_the_weights_of_a_starter_come_back_whole_and_fit_one_label(exported):
    folder, network = exported
    weights = checkpoint.read_weights(folder)
    assert any(name.startswith(DISTANCE_PREFIX) for name in weights)
    torch.manual_seed(5)
    again = build_network(SMALL.network, inputs=3, outputs=2, size=SMALL.size)
    load_starter(again, weights)
    for one, other in zip(network.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
    single = build_network(SMALL.network, inputs=3, outputs=1, size=SMALL.size)
    assert checkpoint.load_matching(single, weights) == []
    with torch.no_grad():
        slices = torch.randn(2, 3, 32, 32)
        assert torch.allclose(single.eval()(slices), network(slices)[:, :1], atol=1e-5)


def test_a_training_starts_from_a_starter(exported, tmp_path):
    with disc_project(tmp_path / "p.meninx", name="Brain") as project:
        path = project.path
    config = replace(CONFIG, labels=("Brain",), slices=3, epochs=1, steps=2, parent="brain")
    result, events = last(train_job(path, config))
    assert result["state"] == "done"
    assert not any(isinstance(event, Notice) and event.key == "training-parent-heads" for event in events)
    with Project.open(path, read_only=True) as project:
        runs = {run.id: run for run in list_runs(project)}
        assert origin_of(project, runs[result["run"]].parent) == "brain"
        card = (run_folder(project, result["run"]) / CARD_FILE).read_text("utf-8")
        assert "Started from: Run 1 · brain (50 % of its weights are kept" in card


def test_what_is_new_to_the_starter_is_learnt_at_the_rate_of_a_beginning(exported, tmp_path):
    rates = {}
    for name in ("Brain", "Tumour"):
        with disc_project(tmp_path / f"{name}.meninx", name=name) as project:
            path = project.path
        config = replace(CONFIG, labels=(name,), slices=3, epochs=1, steps=2, parent="brain", learning_rate=0.0)
        _, events = last(train_job(path, config))
        rates[name] = next(event.learning_rate for event in events if isinstance(event, EpochEnded))
    assert rates["Tumour"] / rates["Brain"] == pytest.approx(SCRATCH_RATE / PARENT_RATE)


def test_a_model_of_mr_never_learnt_ct(starter):
    volume = Volume(np.zeros((3, 8, 8), np.int16), Geometry((3, 8, 8), np.eye(4)), modality="CT")
    assert predictor_of(starter).unlearnt(volume) == ""
    facts = json.loads((starter / MODEL_FILE).read_text())
    (starter / MODEL_FILE).write_text(json.dumps(facts | {"modalities": ["MR"]}))
    of_mr = predictor_of(starter)
    assert of_mr.unlearnt(volume) == "CT"
    assert of_mr.unlearnt(replace(volume, modality="MR")) == ""
    assert of_mr.unlearnt(replace(volume, modality="")) == ""
