"""What a prediction is given that it cannot use: one sentence, the others go on, nothing that was there is lost."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from review_support import bright_run

from core.commands.line import run as command
from core.errors import LearningError
from core.events import Finished, Notice, ScanReady, Skipped
from core.geometry import Geometry
from core.labels import LabelSet
from core.learning.runs import MODEL_FILE, ONNX_FILE, find_run, run_folder
from core.messages import sentence
from core.project.predictions import list_predictions, read_prediction
from core.project.project import Project
from core.review.suggest import Wish, suggest
from core.volume import Volume
from models.inference import Predictor
from models.predicting import predict_job

SHAPE = (4, 24, 24)
GRID = Geometry(SHAPE, np.diag([-1.0, -1.0, 4.0, 1.0]))


def scan(seed: int, *, modality: str = "MR", channels: int = 1, dtype=np.float32) -> Volume:
    random = np.random.default_rng(seed)
    values = random.integers(0, 20, SHAPE).astype(dtype)
    values[1:, 6:16, 8:18] += 200
    if channels > 1:
        values = np.repeat(values[..., None], channels, axis=3).astype(np.uint8)
    return Volume(values, GRID, modality=modality, channels=("R", "G", "B") if channels == 3 else ())


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "bad.meninx") as made:
        made.ensure_label("Tumour")
        first = made.add_scan(scan(0), patient="a")
        made.add_scan(scan(1, modality="CT"), patient="b")
        made.add_scan(scan(2, channels=3), patient="c")
        bright_run(made, {"train": [first.id]}, labels=("Tumour",))
        yield made


def predicted(project, **more):
    events = list(predict_job(project.path, "last", **more))
    ready = [event.scan for event in events if isinstance(event, ScanReady)]
    return events, ready, {event.source: event.error for event in events if isinstance(event, Skipped)}


def test_another_modality_and_colour_are_told_and_allowed(project):
    events, ready, skipped = predicted(project)
    assert len(ready) == 3
    assert not skipped
    told = [event for event in events if isinstance(event, Notice) and event.key == "run-unlike"]
    names = [one.name for one in project.scans()]
    assert [notice.fields["scans"] for notice in told] == [", ".join(names[1:])]


def test_a_label_that_is_gone_does_not_stop_the_prediction_and_nothing_is_suggested(project):
    project.set_labels(LabelSet().with_label("Brain"))
    _, ready, _ = predicted(project)
    assert len(ready) == 3
    run = find_run(project, "last")
    assert read_prediction(project, run.id, ready[0])["Tumour"].any()
    with pytest.raises(LearningError, match="suggest-labels") as caught:
        suggest(project, run, Wish(run.id))
    assert "Tumour" in sentence(caught.value)


@pytest.mark.parametrize("gone", [ONNX_FILE, MODEL_FILE])
def test_missing_weights_are_one_sentence_and_what_was_predicted_stays(project, gone, capsys):
    predicted(project)
    run = find_run(project, "last")
    before = {one.scan: one.sha256 for one in list_predictions(project)}
    (run_folder(project, run.id) / gone).unlink()
    assert command(["predict", str(project.path), "--run", run.name, "--json"]) == 1
    caught = capsys.readouterr()
    assert json.loads(caught.out)["error"]["code"] == "model-missing"
    assert gone in json.loads(caught.out)["error"]["sentence"]
    # behind how far it got
    assert [line for line in caught.err.splitlines() if "loading" not in line] == [
        json.loads(caught.out)["error"]["sentence"]
    ]
    assert {one.scan: one.sha256 for one in list_predictions(project)} == before


@pytest.mark.parametrize("inputs", [3, 5])
def test_a_network_for_other_channels_is_refused_before_the_first_slice(project, inputs):
    folder = run_folder(project, find_run(project, "last").id)
    size = json.loads((folder / MODEL_FILE).read_text())["preparation"]["size"]
    nodes = [
        helper.make_node("ReduceMean", ["slices"], ["one"], axes=[1], keepdims=1),
        helper.make_node("Sigmoid", ["one"], ["masks"]),
    ]
    graph = helper.make_graph(
        nodes,
        "other",
        [helper.make_tensor_value_info("slices", TensorProto.FLOAT, [None, inputs, size, size])],
        [helper.make_tensor_value_info("masks", TensorProto.FLOAT, [None, 1, size, size])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (folder / ONNX_FILE).write_bytes(model.SerializeToString())
    onnx.checker.check_model(model)
    with pytest.raises(LearningError, match="model-damaged"):
        predicted(project)
    assert list_predictions(project) == []


def test_nan_pixels_change_nothing_elsewhere(tmp_path):
    whole, broken = scan(5), scan(5)
    broken.array[2, 20:, :4] = np.nan
    broken.array[0] = np.nan
    with Project.create(tmp_path / "nan.meninx") as project:
        project.ensure_label("Tumour")
        run = bright_run(project, {}, labels=("Tumour",))
        predictor = Predictor(run_folder(project, run.id), exact=True)
    one, other = (predictor.predict_volume(volume)["Tumour"] for volume in (whole, broken))
    assert np.array_equal(one[1:, 6:16, 8:18] >= 128, other[1:, 6:16, 8:18] >= 128)
    assert not (other[0] >= 128).any(), "where nothing is known nothing is found"


def test_a_scan_larger_than_memory_is_named_and_the_others_go_on(project, monkeypatch):
    real = Predictor.predict_in_pieces
    large = project.scans()[1]

    def short(self, volume, should_stop=lambda: ""):
        if volume.modality == "CT":
            raise MemoryError
        yield from real(self, volume, should_stop)

    monkeypatch.setattr(Predictor, "predict_in_pieces", short)
    events, ready, skipped = predicted(project)
    assert len(ready) == 2
    assert list(skipped) == [large.name]
    assert skipped[large.name].code == "scan-too-large"
    assert large.name in sentence(skipped[large.name])
    assert isinstance(events[-1], Finished)
    assert events[-1].result["scans"] == [one.name for one in project.scans() if one.id != large.id]
