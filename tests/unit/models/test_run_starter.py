"""A starter made of a run: small, without its project, and the same model."""

from __future__ import annotations

import json

import pytest
import safetensors.torch
import torch
from learning_project import disc_project
from training_support import CONFIG

import core.learning.starters as shipped
from core.errors import LearningError
from core.events import Finished
from core.learning import runs
from core.learning.run_files import LEARNT_FILE, origin_of
from core.learning.runs import CARD_FILE, CONFIG_FILE, MODEL_FILE, ONNX_FILE, WEIGHTS_FILE
from core.project.predictions import read_prediction
from models import run_starter
from models.predicting import predict_job
from models.run_starter import starter_of_run
from models.trainer import train_job


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("MENINX_HOME", str(tmp_path_factory.mktemp("home")))
    patch.setenv("OMP_NUM_THREADS", "1")
    project = disc_project(tmp_path_factory.mktemp("trained") / "p.meninx")
    for _event in train_job(project.path, CONFIG):
        pass
    yield project
    project.close()
    patch.undo()


@pytest.fixture
def starter(trained, tmp_path, monkeypatch):
    folder = tmp_path / "starters" / "discs"
    apart = starter_of_run(
        trained, runs.find_run(trained, "last"), folder, "discs", "# Discs\n", {"modalities": ["MR"]}
    )
    monkeypatch.setattr(shipped, "STARTERS", folder.parent)
    assert 0 <= apart <= run_starter.ROUNDING
    return folder


def test_it_holds_what_a_starter_needs_in_half_the_room(trained, starter):
    run = runs.find_run(trained, "last")
    names = {MODEL_FILE, ONNX_FILE, WEIGHTS_FILE, CONFIG_FILE, CARD_FILE, LEARNT_FILE}
    assert {file.name for file in starter.iterdir()} == names
    whole = runs.run_folder(trained, run.id)
    for name in (ONNX_FILE, WEIGHTS_FILE):
        assert (starter / name).stat().st_size < 0.6 * (whole / name).stat().st_size
    weights = safetensors.torch.load((starter / WEIGHTS_FILE).read_bytes())
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
    facts = json.loads((starter / MODEL_FILE).read_text("utf-8"))
    assert (facts["name"], facts["run"], facts["modalities"]) == ("discs", "starter-discs", ["MR"])
    assert 0 <= facts["rounding_difference"] <= run_starter.ROUNDING
    # who it learnt from is told by hashes alone, of every scan
    learnt = json.loads((starter / LEARNT_FILE).read_text("utf-8"))
    assert {row["sha256"] for row in learnt["scans"]} == {scan.sha256 for scan in trained.scans()}
    assert learnt["name"] == "discs"


def test_another_project_predicts_with_it_and_knows_whom_it_saw(trained, starter, tmp_path):
    with disc_project(tmp_path / "other.meninx", patients=7) as other:
        *_, ended = predict_job(other.path, "discs")
        assert isinstance(ended, Finished)
        run = runs.find_run(other, ended.result["run"])
        assert (origin_of(other, run.id), run.labels) == ("discs", ("Tumour",))
        scan = other.scans()[0]
        assert set(read_prediction(other, run.id, scan.id)) == {"Tumour"}
        # no child of it is checked on these
        pinned = {pin.scan for pin in runs.read_pins(other, run.id)}
        assert pinned == {scan.id for scan in other.scans()[:6]}


def test_weights_that_sixteen_bits_cannot_hold_are_refused(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(run_starter, "_apart", lambda *_: 0.3)
    with pytest.raises(LearningError) as error:
        starter_of_run(trained, runs.find_run(trained, "last"), tmp_path / "s", "discs", "", {})
    assert error.value.code == "export-inexact"
    assert not (tmp_path / "s").exists()
