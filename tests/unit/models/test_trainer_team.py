"""The same command under torchrun: processes that learn and predict as one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from learning_project import disc_project

from core.commands.line import run as command
from core.geometry import Geometry
from core.learning import runs
from core.phantom import make_head
from core.project.exporting import save_mask
from core.project.predictions import list_predictions, read_prediction
from core.project.project import Project

ROOT = Path(__file__).resolve().parents[3]
TRAIN = ("--label", "Tumour", "--network", "unet_light", "--size", "32", "--slices", "1", "--batch", "6")
TRAIN += ("--epochs", "2", "--steps", "3", "--seed", "3", "--device", "cpu")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def together(*words: object, fails: bool = False) -> tuple[dict, str]:
    """Run main.py as two processes and return (its JSON, all of stderr)."""
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*start, str(ROOT / "main.py"), *map(str, words), "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode != 0) == fails, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    # one answer, however many computed it
    assert len(lines) == 1, (done.stdout, done.stderr)
    return json.loads(lines[0]), done.stderr


def alone(capsys, *words: object) -> dict:
    capsys.readouterr()
    assert command([*map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def weights(project: Project, name: str) -> dict[str, np.ndarray]:
    run = runs.find_run(project, name)
    return safetensors.numpy.load((runs.run_folder(project, run.id) / runs.WEIGHTS_FILE).read_bytes())


def test_two_processes_learn_and_predict_as_one(tmp_path, capsys):
    with disc_project(tmp_path / "p.meninx", slices=5) as project:
        single = alone(capsys, "train", project.path, *TRAIN)
        both, said = together("train", project.path, *TRAIN)
        assert (single["processes"], both["processes"]) == (1, 2)
        assert len(single["history"]) == len(both["history"]) == 2
        for one, two in zip(single["history"], both["history"], strict=True):
            for part in ("train", "validation"):
                assert two[part]["loss"] == pytest.approx(one[part]["loss"], abs=1e-4)
                assert two[part]["dice"] == pytest.approx(one[part]["dice"], abs=1e-3)
        # only one of them wrote and spoke
        assert [run.name for run in runs.list_runs(project)] == ["Run 1", "Run 2"]
        assert said.count(f"{both['name']}: done") == 1
        first, second = weights(project, "Run 1"), weights(project, "Run 2")
        for name in first:
            assert np.abs(first[name] - second[name]).max() < 2e-3, name

        told, _ = together("predict", project.path, "--run", "Run 2")
        names = [scan.name for scan in project.scans()]
        assert told["scans"] == names
        assert told["slices"] == 30
        shared = {record.scan: record.sha256 for record in list_predictions(project)}
        assert len(shared) == len(names)
        alone(capsys, "predict", project.path, "--run", "Run 2")
        for record in list_predictions(project):
            assert record.sha256 == shared[record.scan]
            assert set(read_prediction(project, record.run, record.scan)) == {"Tumour"}
        left = [path.name for path in project.predictions_folder.iterdir()]
        assert not [name for name in left if name.startswith(".")]


def test_a_failure_of_all_or_of_one_is_one_sentence(tmp_path):
    with disc_project(tmp_path / "p.meninx", patients=3, slices=3) as project:
        words = ("train", project.path, *TRAIN)
        told, said = together(*words, "--label", "Brain", fails=True)
        assert not told["ok"]
        assert said.count(told["error"]["sentence"]) == 1
        assert runs.list_runs(project) == []
