import json
import os
import socket
import time

import pytest

from core.errors import LearningError, ProjectError
from core.events import Progress
from core.learning import runs
from core.learning.config import TrainingConfig
from core.learning.events import (
    EpochEnded,
    RunEnded,
    Sample,
    SamplesDrawn,
    Scores,
    TrainingStarted,
    event_from_json,
    event_to_json,
)
from core.learning.runs import Pin, RunState
from core.project.project import Project


@pytest.fixture
def project(tmp_path):
    with Project.create(tmp_path / "p.meninx") as made:
        yield made


def config(**changes) -> TrainingConfig:
    return TrainingConfig(**{"labels": ("Tumour",), **changes})


def make_usable(project, run) -> None:
    for name in (runs.MODEL_FILE, runs.ONNX_FILE):
        (runs.run_folder(project, run.id) / name).write_bytes(b"{}")


def test_runs_are_named_in_turn_and_listed_oldest_first(project):
    made = [runs.create_run(project, config(seed=seed), scans=3, slices=9) for seed in range(3)]
    listed = runs.list_runs(project)
    assert [run.name for run in listed] == ["Run 1", "Run 2", "Run 3"]
    assert listed == made
    assert listed[1].config == config(seed=1)
    assert (listed[0].state, listed[0].scans, listed[0].slices) == (RunState.RUNNING, 3, 9)


def test_an_update_is_seen_by_another_connection(project):
    run = runs.create_run(project, config())
    with Project.open(project.path) as other:
        runs.update_run(other, run.id, best_epoch=4, best_dice=0.75, seconds=12.5, state=RunState.STOPPED)
    seen = runs.find_run(project, run.id)
    assert (seen.best_epoch, seen.best_dice, seen.seconds, seen.state) == (4, 0.75, 12.5, RunState.STOPPED)


def test_only_known_columns_change(project):
    run = runs.create_run(project, config())
    with pytest.raises(KeyError):
        runs.update_run(project, run.id, name="x")


def test_a_run_is_found_by_many_names(project):
    first, second = (runs.create_run(project, config()) for _ in range(2))
    for ref in (first.id, "Run 1", "run 1", "1"):
        assert runs.find_run(project, ref).id == first.id
    assert runs.find_run(project, "last").id == second.id
    with pytest.raises(LearningError) as caught:
        runs.find_run(project, "best")
    assert caught.value.code == "run-unknown"
    assert "Run 2" in caught.value.fields["known"]


def test_the_best_is_usable_and_of_the_label(project):
    made = [runs.create_run(project, config(labels=(label,))) for label in ("Tumour", "Tumour", "Brain", "Tumour")]
    for run, dice in zip(made, (0.5, 0.7, 0.9, 0.95), strict=True):
        runs.update_run(project, run.id, best_dice=dice)
    for run in made[:3]:
        make_usable(project, run)
    assert runs.best_run(project).id == made[2].id
    assert runs.best_run(project, "Tumour").id == made[1].id
    assert runs.find_run(project, "best").id == made[2].id
    assert runs.find_run(project, "best", "tumour").id == made[1].id
    assert runs.find_run(project, "best", "Oedema").id == made[2].id, "none draws it: what asked says so"
    with pytest.raises(LearningError, match="run-unusable"):
        runs.require_usable(project, runs.find_run(project, made[3].id))


def test_a_run_whose_process_died_is_interrupted(project):
    run = runs.create_run(project, config())
    assert runs.find_run(project, run.id).state is RunState.RUNNING
    gone = os.fork()
    if gone == 0:
        os._exit(0)
    os.waitpid(gone, 0)
    alive = runs.run_folder(project, run.id) / "running.json"
    alive.write_text(json.dumps({"host": socket.gethostname(), "pid": gone}))
    dead = runs.find_run(project, run.id)
    assert dead.state is RunState.INTERRUPTED
    assert not dead.resumable
    (runs.run_folder(project, run.id) / runs.RESUME_FILE).write_bytes(b"x")
    assert runs.find_run(project, run.id).resumable
    alive.write_text(json.dumps({"host": "another machine", "pid": gone}))
    assert runs.find_run(project, run.id).state is RunState.RUNNING
    for file in alive.parent.iterdir():
        os.utime(file, (time.time() - 25 * 3600,) * 2)
    assert runs.find_run(project, run.id).state is RunState.INTERRUPTED, "not a word for a day"


def test_a_process_that_was_given_the_number_of_a_dead_one_does_not_train_its_run(project):
    run = runs.create_run(project, config())
    alive = runs.run_folder(project, run.id) / "running.json"
    owner = json.loads(alive.read_text())
    assert runs.find_run(project, run.id).state is RunState.RUNNING
    alive.write_text(json.dumps(owner | {"started": "12"}))
    # where the system does not say when a process started, its number is all there is
    wanted = RunState.INTERRUPTED if owner["started"] else RunState.RUNNING
    assert runs.find_run(project, run.id).state is wanted
    alive.write_text(json.dumps({"host": owner["host"], "pid": owner["pid"]}))
    assert runs.find_run(project, run.id).state is RunState.RUNNING


def test_a_bad_setting_leaves_no_run(project):
    with pytest.raises(LearningError) as caught:
        runs.create_run(project, config(size=100))
    assert caught.value.fields["name"] == "size"
    assert runs.list_runs(project) == []
    assert list(project.runs_folder.iterdir()) == []


def test_the_split_is_read_back(project):
    run = runs.create_run(project, config())
    parts = {"train": ["a", "b"], "validation": ["c"], "test": []}
    runs.write_split(project, run.id, {"schema": 1, **parts, "leaky": False})
    assert runs.read_split(project, run.id) == parts
    (runs.run_folder(project, run.id) / runs.SPLIT_FILE).write_text("{")
    with pytest.raises(ProjectError, match="run-damaged"):
        runs.read_split(project, run.id)


def test_pins_are_read_back(project):
    run = runs.create_run(project, config())
    pins = [Pin("scan1", "train", "aa", {"lesions": "bb"}), Pin("scan2", "test", "cc", {})]
    runs.pin_scans(project, run.id, pins)
    assert runs.read_pins(project, run.id) == pins


def test_ancestors_run_back_to_the_first(project):
    first = runs.create_run(project, config())
    second = runs.create_run(project, config(parent=first.id))
    third = runs.create_run(project, config(parent=second.id))
    assert [run.id for run in runs.ancestors(project, third.id)] == [third.id, second.id, first.id]
    assert runs.ancestors(project, None) == []


def events(run: str) -> list:
    scores = Scores(0.5, 0.8, 0.7, 0.99)
    epochs = [EpochEnded(run, number, 3, scores, scores, 1, 0.8, 2.0, 1e-3) for number in (1, 2, 2)]
    started = TrainingStarted(run, "Run 1", "unet", 5, "cpu", "float32", 3, 2, 8, 4, 2, 2, 0.99, False)
    samples = SamplesDrawn(run, 1, (Sample("S0001", 3, 0.5, "samples/a.png"),))
    return [started, samples, *epochs, RunEnded(run, "done", 1, 0.8)]


def test_events_are_kept_and_read_back(project):
    run = runs.create_run(project, config())
    log = runs.EventLog(project, run.id)
    for event in (*events(run.id)[:3], Progress(1, 2, "training")):
        log.append(event)
    # a resumed training goes on in the same file
    again = runs.EventLog(project, run.id)
    for event in events(run.id)[3:]:
        again.append(event)
    assert runs.read_events(project, run.id) == events(run.id)
    assert [event.epoch for event in runs.history(project, run.id)] == [1, 2]


def test_an_event_of_a_later_version_is_passed_over():
    assert event_from_json({"kind": "holiday", "x": 1}) is None
    assert event_to_json(Progress(0, 0, "training")) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("labels", ()),
        ("labels", ("a", "A")),
        ("network", "transformer"),
        ("loss", "hope"),
        ("size", 48),
        ("slices", 2),
        ("epochs", 0),
        ("minutes", -1.0),
        ("device", "abacus"),
        ("seed", -1),
        ("validation_fraction", 0.0),
        ("test_fraction", 0.9),
    ],
)
def test_bad_settings_are_refused_by_name(name, value):
    with pytest.raises(LearningError):
        config(**{name: value}).validate()


def test_a_config_survives_its_file():
    made = config(labels=("Brain", "Tumour"), minutes=2.5, parent="x")
    assert TrainingConfig.from_json(json.loads(json.dumps(made.to_json()))) == made
    with pytest.raises(LearningError, match="setting-unknown"):
        TrainingConfig.from_json({"labels": ["a"], "colour": 1})
