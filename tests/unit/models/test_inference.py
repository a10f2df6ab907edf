import functools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from learning_project import disc_project

from core.errors import Cancelled, LearningError
from core.events import Finished, Progress, ScanReady
from core.geometry import Geometry
from core.learning import runs
from core.learning.config import TrainingConfig
from core.learning.prepare import Preparation
from core.project.predictions import (
    list_predictions,
    read_meta,
    read_prediction,
    read_probability,
    write_prediction,
)
from core.volume import Volume
from models.checkpoint import export_model, load_matching, read_weights, save_weights
from models.inference import Predictor, masks_of, tidy_brain
from models.networks.registry import build_network
from models.predicting import predict_job
from models.trainer import train_job

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("MENINX_HOME", str(tmp_path_factory.mktemp("home")))
    patch.setenv("OMP_NUM_THREADS", "1")
    project = disc_project(tmp_path_factory.mktemp("trained") / "p.meninx", size=40)
    config = TrainingConfig(
        labels=("Tumour",), network="unet_light", size=32, slices=3, epochs=3, batch=4, steps=40, augment="none",
        learning_rate=3e-3, precision="float32",
    )  # fmt: skip
    for _event in train_job(project.path, config):
        pass
    yield project
    project.close()
    patch.undo()


@pytest.mark.parametrize("name", ["unet", "attention_unet"])
def test_the_exported_network_is_the_trained_one(tmp_path, name):
    torch.manual_seed(3)
    preparation = Preparation(64, 3)
    network = build_network(name, inputs=3, outputs=2, size=64).eval()
    difference = export_model(tmp_path, network, preparation, {"labels": ["Brain", "Tumour"]})
    assert difference <= 1e-3
    # another batch size than the one it was exported with
    stacks = np.random.default_rng(1).standard_normal((5, 3, 64, 64)).astype(np.float32)
    with torch.no_grad():
        expected = torch.sigmoid(network(torch.from_numpy(stacks))).numpy()
    predictor = Predictor(tmp_path, exact=True)
    assert predictor.labels == ("Brain", "Tumour")
    assert np.abs(predictor.probabilities(stacks) - expected).max() <= 1e-3
    # what OpenVINO chooses by itself (bfloat16 on some CPUs) still says the same about what is certain
    loose = Predictor(tmp_path).probabilities(stacks)
    certain = np.abs(expected - 0.5) > 0.3
    assert np.array_equal((loose > 0.5)[certain], (expected > 0.5)[certain])


def test_weights_come_back_whole(tmp_path):
    one, two = (build_network("unet_light", inputs=1, outputs=1, size=64) for _ in range(2))
    save_weights(tmp_path, one)
    assert load_matching(two, read_weights(tmp_path)) == []
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)
    other = build_network("unet_light", inputs=1, outputs=3, size=64)
    fresh = load_matching(other, read_weights(tmp_path))
    assert fresh
    assert all("head" in name or "output_block" in name for name in fresh)


def test_prediction_finds_the_discs_on_the_native_grid(trained):
    events = list(predict_job(trained.path, "best"))
    result = next(event for event in events if isinstance(event, Finished)).result
    assert len(result["scans"]) == 6
    assert result["slices"] == 36
    ready = [event.scan for event in events if isinstance(event, ScanReady)]
    assert ready == [scan.id for scan in trained.scans()]
    progress = [event for event in events if isinstance(event, Progress) and event.stage == "predicting"]
    assert progress[-1].total == 36
    assert progress[-1].rate > 0
    run = runs.find_run(trained, "best")
    dices = []
    for scan in trained.scans():
        predicted = read_prediction(trained, run.id, scan.id)["Tumour"]
        truth = trained.read_layer(trained.annotations(scan.id)[0].id, "lesions")
        assert predicted.shape == truth.shape == scan.shape
        assert predicted.dtype == np.uint8
        dices.append(2 * np.count_nonzero(predicted * truth) / (np.count_nonzero(predicted) + np.count_nonzero(truth)))
        probability = read_probability(trained, run.id, scan.id, "Tumour")
        assert np.array_equal(probability >= 128, predicted > 0)
        assert read_meta(trained, run.id, scan.id)["bits"] == {"Tumour": 1}
    assert np.mean(dices) > 0.8


def test_only_missing_scans_are_predicted(trained):
    for _event in predict_job(trained.path, "last"):
        pass
    before = list_predictions(trained)
    result = [event for event in predict_job(trained.path, "last", missing_only=True) if isinstance(event, Finished)]
    assert result[0].result["scans"] == []
    assert list_predictions(trained) == before


def test_some_scans_only_and_stopping(trained):
    names = [scan.name for scan in trained.scans()[:2]]
    events = list(predict_job(trained.path, "last", names))
    assert next(event for event in events if isinstance(event, Finished)).result["scans"] == names
    stopped = list(predict_job(trained.path, "last", should_stop=lambda: "stop"))
    assert next(event for event in stopped if isinstance(event, Finished)).result["scans"] == []
    with pytest.raises(Cancelled):
        list(predict_job(trained.path, "last", should_stop=lambda: "cancel"))


def test_an_unknown_run_and_an_unfinished_one_are_refused(trained):
    with pytest.raises(LearningError, match="run-unknown"):
        list(predict_job(trained.path, "Run 99"))
    run = runs.create_run(trained, TrainingConfig(labels=("Tumour",)))
    with pytest.raises(LearningError, match="run-unusable"):
        list(predict_job(trained.path, run.id))


def test_predicting_needs_no_torch_and_no_telemetry(trained):
    program = """
import sys
from models.inference import Predictor
from models.predicting import predict_job
import models.worker
events = list(predict_job(sys.argv[1], "Run 1", ["S0001"]))
names = {name.split(".")[0] for name in sys.modules if sys.modules[name] is not None}
print(type(events[-1]).__name__, sorted(names & {"torch", "monai", "safetensors", "openvino_telemetry", "PySide6"}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(trained.path)],
        capture_output=True, text=True, cwd=ROOT, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout.split(maxsplit=1) == ["Finished", "[]\n"]


def test_a_damaged_model_is_named(trained, tmp_path):
    folder = runs.run_folder(trained, runs.find_run(trained, "1").id)
    for name in (runs.MODEL_FILE, runs.ONNX_FILE):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    for name, content in (
        (runs.ONNX_FILE, b"not a network"),
        (runs.MODEL_FILE, b"{"),
        (runs.MODEL_FILE, b'{"labels": 3}'),
    ):
        good = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content)
        with pytest.raises(LearningError) as caught:
            Predictor(tmp_path)
        assert caught.value.code == "model-damaged"
        assert caught.value.fields["file"].endswith(name)
        (tmp_path / name).write_bytes(good)
    facts = json.loads((tmp_path / runs.MODEL_FILE).read_text())
    (tmp_path / runs.MODEL_FILE).write_text(json.dumps({**facts, "labels": ["a", "b"]}))
    with pytest.raises(LearningError, match="model-damaged"):
        Predictor(tmp_path)


def _note(told, done, total):
    told.append((done, total))


def test_odd_shapes_come_back_as_they_were(trained):
    predictor = Predictor(runs.run_folder(trained, runs.find_run(trained, "1").id))
    for shape in ((1, 17, 90), (5, 64, 31)):
        array = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
        told: list[tuple[int, int]] = []
        volume = Volume(array, Geometry(shape, np.diag([0.7, 1.1, 3.0, 1.0])))
        found = predictor.predict_volume(volume, functools.partial(_note, told))
        assert found["Tumour"].shape == shape
        assert told[-1] == (shape[0], shape[0])


def test_overlapping_labels_and_damage(trained):
    run, scan = runs.find_run(trained, "1"), trained.scans()[0]
    random = np.random.default_rng(2)
    names = [f"label/{number}" for number in range(10)]
    masks = {name: (random.random(scan.shape) > 0.5).astype(np.uint8) for name in names}
    record = write_prediction(trained, run.id, scan.id, masks, {name: masks[name] * np.uint8(200) for name in names})
    back = read_prediction(trained, run.id, scan.id)
    for name in names:
        assert np.array_equal(back[name], masks[name])
    assert read_probability(trained, run.id, scan.id, names[7]).max() == 200
    with pytest.raises(LearningError, match="probability-labels"):
        read_probability(trained, run.id, scan.id, "Brain")
    file = trained.path / record.file
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(LearningError, match="prediction-damaged"):
        read_prediction(trained, run.id, scan.id)
    with pytest.raises(LearningError, match="prediction-missing"):
        read_prediction(trained, "no such run", scan.id)


def test_a_brain_is_one_piece_without_holes():
    mask = np.zeros((9, 40, 40), dtype=bool)
    mask[2:8, 10:30, 10:30] = True
    whole = mask.copy()
    mask[4:6, 18:22, 18:22] = False  # a hole inside
    mask[3, 1:4, 1:4] = True  # a crumb
    whole[2:8, 14:16, 10] = False
    mask[2:8, 14:16, 10] = False  # a notch at the rim is no hole
    assert np.array_equal(tidy_brain(mask), whole)
    assert not tidy_brain(np.zeros((3, 4, 5), dtype=bool)).any()
    picture = mask[5:6]
    assert np.array_equal(tidy_brain(picture), whole[5:6])


def test_only_the_brain_is_tidied():
    probability = np.zeros((3, 20, 20), dtype=np.uint8)
    probability[1, 2:10, 2:10] = 128
    probability[1, 15, 15] = 255
    masks = masks_of({"Brain": probability, "Tumour": probability})
    assert masks["Tumour"][1, 15, 15] == 1
    assert masks["Brain"][1, 15, 15] == 0
    assert masks["Brain"].sum() == 64
