"""The same command under torchrun: processes that learn and predict as one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from learning_project import disc_project, disc_volume

from core.commands.line import run as command
from core.errors import StorageError
from core.events import Finished, Progress, Skipped
from core.learning import runs
from core.learning.runs import RunState
from core.messages import text
from core.project.exporting import encode_volume
from core.project.predictions import list_predictions, read_prediction
from models.distributed import Team, pooled
from models.loose import strip_job
from models.sharding import Shards, share

ROOT = Path(__file__).resolve().parents[3]
TRAIN = ("--label", "Tumour", "--network", "unet_light", "--size", "32", "--slices", "1", "--batch", "6")
TRAIN += ("--epochs", "2", "--steps", "3", "--seed", "3", "--device", "cpu")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def together(*words: object, fails: bool = False) -> tuple[dict, str]:
    """Run main.py as two processes and return (its JSON, all of stderr)."""
    # torchrun takes --run for a short form of its own options but for the two dashes
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--"]
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


def test_a_failure_of_all_is_one_sentence(tmp_path):
    with disc_project(tmp_path / "p.meninx", patients=1, slices=1) as project:
        told, said = together("train", project.path, *TRAIN, fails=True)
        assert (told["ok"], told["error"]["code"]) == (False, "finished-few")
        assert said.count(told["error"]["sentence"]) == 1
        assert runs.list_runs(project) == []


def test_a_failure_of_one_ends_all_with_one_sentence(tmp_path):
    script = tmp_path / "broken.py"
    script.write_text(
        """
import os, sys
from core.errors import LearningError
from models import learner
real = learner.Learner.step
def step(self, done):
    if self.position == 1 and os.environ["RANK"] == "1":
        raise LearningError("device-memory-short", device="cpu")
    real(self, done)
learner.Learner.step = step
import main
sys.exit(main.main())
""",
        "utf-8",
    )
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    with disc_project(tmp_path / "p.meninx", patients=3, slices=3) as project:
        done = subprocess.run(
            [*start, "train", str(project.path), *TRAIN],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        sentences = [text("errors.device-memory-short", device="cpu"), text("errors.team-lost")]
        assert done.returncode != 0
        assert [done.stderr.count(sentence) for sentence in sentences] == [1, 0], done.stderr
        # no trace of ours: torchrun's own words tell which process it was
        assert str(ROOT / "models") not in done.stderr
        run = runs.find_run(project, "last")
        assert run.state in {RunState.FAILED, RunState.INTERRUPTED}
        assert not run.usable


def as_process(monkeypatch, rank: int) -> None:
    for name, value in (("RANK", rank), ("WORLD_SIZE", 2), ("TORCHELASTIC_RUN_ID", "test")):
        monkeypatch.setenv(name, str(value))


def test_stripping_is_shared_out_and_told_together(tmp_path, monkeypatch):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(5):
        volume, _mask = disc_volume(number, slices=2)
        (folder / f"head{number}.nii.gz").write_bytes(encode_volume(volume))
    (folder / "head9.nii.gz").write_bytes(b"nothing")
    results, events = {}, {}
    # the first process waits for the others, so the other one goes first here
    for rank in (1, 0):
        as_process(monkeypatch, rank)
        events[rank] = list(strip_job([folder, tmp_path / "gone.nii.gz"], tmp_path / "out", masks_only=True))
        results[rank] = events[rank][-1].result
    assert [type(event) for event in events[1]] == [Finished]
    assert (results[1]["scans"], results[0]["scans"]) == (2, 5)
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == [f"head{number}_mask.nii.gz" for number in range(5)]
    assert sorted(Path(file).name for file in results[0]["written"]) == written
    # the path that is not there fails once, however many looked for it; the broken file was the other one's
    passed = [event.source for event in events[0] if isinstance(event, Skipped)]
    assert len(passed) == len(set(passed)) == 2
    assert results[0]["failed"] == 2


def test_what_another_process_passed_over_is_told(tmp_path, monkeypatch):
    for rank in (1, 0):
        as_process(monkeypatch, rank)
        shards = Shards(tmp_path, "job")
        shards.tell({"scans": ["S0002"]}, [Skipped("S0004", StorageError("disk-full", file="x"))])
        told = list(shards.gather(lambda: ""))
    assert [(type(event.error), event.error.code) for event in told] == [(StorageError, "disk-full")]
    assert shards.others == [{"scans": ["S0002"]}]
    assert list(tmp_path.iterdir()) == []
    assert share(list("abcde")) == ["a", "c", "e"]


def test_yesterdays_word_is_not_taken_for_todays(tmp_path, monkeypatch):
    as_process(monkeypatch, 1)
    other = Shards(tmp_path, "job")
    other.tell({"scans": ["old"]}, [])
    file = next(tmp_path.glob(".job-*/1.json"))
    os.utime(file, (time.time() - 3600, time.time() - 3600))
    as_process(monkeypatch, 0)
    waiting = Shards(tmp_path, "job").gather(lambda: "")
    assert isinstance(next(waiting), Progress)
    as_process(monkeypatch, 1)
    other.tell({"scans": ["new"]}, [])
    as_process(monkeypatch, 0)
    assert [type(event) for event in waiting] == []


def test_gradients_of_a_pooled_sum_are_those_of_the_whole():
    # one process: the tensor itself, and its gradient
    value = torch.ones(3, requires_grad=True)
    assert pooled(value) is value
    assert Team().share(np.arange(5)).tolist() == [0, 1, 2, 3, 4]
    assert [Team(rank, 2).share(np.arange(5)).tolist() for rank in range(2)] == [[0, 1, 2], [3, 4]]
    assert [Team(rank, 4).share(np.arange(2)).tolist() for rank in range(4)] == [[0, 1]] * 4
