"""What people really bring to a classifier: each gets one plain sentence, and nothing is lost."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from class_project import CLASS, quick
from review_support import bright_run

from core.commands.line import run as run_command
from core.events import Finished, Notice
from core.geometry import Geometry
from core.learning.events import TrainingStarted
from core.learning.runs import MODEL_FILE, SPLIT_FILE, Run, find_run, list_runs, read_events, run_folder
from core.messages import text
from core.project.classes import ClassGiven
from core.project.predictions import read_meta
from core.project.project import Project
from core.review.class_evaluation import evaluate_classes, write_class_files
from core.review.evaluation import plan
from core.review.fitness import other_window
from core.volume import Volume
from models.loose import apply_job
from models.predicting import predict_job
from models.starting import _people_with_yes
from models.trainer import train_job

SIDE = 96


def heads(seed: int, *, words: str = "", wrong: bool = False, bone: bool = False) -> np.ndarray:
    """Four pictures of a head in a brain window (or a bone window), every second with something bright in it."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    away = np.hypot(y - 52, x - 48)
    array = np.zeros((4, SIDE, SIDE))
    array[:, away < 34] = 250
    array[:, away < 30] = 105
    array[1::2, np.hypot(y - 45, x - 40) < 6] = 190
    array += random.normal(0, 5, array.shape) * (array > 0)
    if wrong:
        array = (array - 240) * 25
    if bone:
        # 80 HU become 8 levels, and bone is grey
        array = np.where(array > 0, 78 + array * 8 / 255, 0)
        array[:, (away < 34) & (away >= 30)] = 180
    made = array.clip(0, 255).round().astype(np.uint8)
    for plane in made if words else ():
        cv2.putText(plane, words, (2, 10), cv2.FONT_HERSHEY_SIMPLEX, 0.32, 255, 1)
    return made


def project_of(path: Path, pictures: list[np.ndarray]) -> Path:
    with Project.create(path) as project:
        for number, array in enumerate(pictures):
            volume = Volume(array, Geometry.of_picture(SIDE, SIDE, len(array)))
            scan = project.add_scan(volume, patient=f"patient {number}")
            given = [ClassGiven(scan.id, z, CLASS, "yes" if z % 2 else "no") for z in range(len(array))]
            project.classes.set_many(given, reader="reader")
    return path


def told(path: Path, **values: object) -> dict[str, dict[str, object]]:
    """Train for a step and return the notices with their facts."""
    config = quick(epochs=1, steps=1, batch=4, size=32, **values)
    return {event.key: dict(event.fields) for event in train_job(path, config) if isinstance(event, Notice)}


def test_letters_and_a_wrong_window_are_told_with_the_scans_they_are_in(tmp_path):
    pictures = [heads(n, words="ABC 12" if n in (1, 2) else "", wrong=n == 4) for n in range(6)]
    path = project_of(tmp_path / "p", pictures)
    found = told(path)
    assert found["training-letters"] == {"count": 2, "names": "S0002, S0003"}
    assert found["training-window"] == {"count": 1, "names": "S0005"}
    for key in ("training-letters", "training-window"):
        assert "S000" in text(f"notices.{key}", **found[key])
    # where all but the head is taken off there are no letters to learn from
    without = told(path, prepare=("clip", "zscore", "table"))
    assert "training-letters" not in without
    assert "training-window" in without


def test_pictures_as_they_should_be_are_told_nothing_of(tmp_path):
    found = told(project_of(tmp_path / "p", [heads(n) for n in range(6)]))
    assert not {"training-letters", "training-window", "training-other-window"} & found.keys()


def test_few_people_who_check_are_told_of_before_the_first_epoch(tmp_path):
    path = project_of(tmp_path / "p", [heads(n) for n in range(6)])
    found = told(path)["training-few-check"]
    with Project.open(path, read_only=True) as project:
        run = list_runs(project)[-1]
        split = json.loads((run_folder(project, run.id) / SPLIT_FILE).read_text())
        started = next(event for event in read_events(project, run.id) if isinstance(event, TrainingStarted))
    # half of the slices of each are yes
    assert found == {"count": len(split["validation"]), "name": CLASS}
    assert text("notices.training-few-check", **found).startswith("Only 1 patient with")
    # and kept with the run, for whoever looks at it later
    assert started.yes_patients == len(split["validation"])


def test_people_count_and_not_their_slices():
    data = SimpleNamespace(amounts=np.ones(40, np.float32), scan_of=np.arange(40) % 20)
    data.scans = [SimpleNamespace(patient=f"{n}") for n in range(20)]
    assert _people_with_yes(data, np.arange(40)) == 20
    assert _people_with_yes(data, np.arange(9)) == 9
    data.amounts[:5] = 0
    assert _people_with_yes(data, np.arange(9)) == 4


def test_a_bone_window_among_brain_windows_is_told_before_the_first_epoch(tmp_path):
    path = project_of(tmp_path / "p", [heads(n, bone=n in (1, 4)) for n in range(6)])
    events = list(train_job(path, quick(epochs=1, steps=1, batch=4, size=32)))
    keys = [event.key if isinstance(event, Notice) else type(event).__name__ for event in events]
    assert keys.index("training-other-window") < keys.index("EpochEnded")
    found = {event.key: dict(event.fields) for event in events if isinstance(event, Notice)}
    assert found["training-other-window"] == {"count": 2, "total": 6, "names": "S0002, S0005"}
    assert "bone window" in text("notices.training-other-window", **found["training-other-window"])


def test_a_bone_window_predicted_by_a_run_of_brain_windows_is_told_and_predicted(tmp_path):
    path = project_of(tmp_path / "p", [heads(n) for n in range(6)])
    assert "training-other-window" not in told(path)
    with Project.open(path) as project:
        bone = project.add_scan(Volume(heads(7, bone=True), Geometry.of_picture(SIDE, SIDE, 4)), patient="g")
    events = list(predict_job(path, "last"))
    notices = {event.key: dict(event.fields) for event in events if isinstance(event, Notice)}
    assert notices["run-window"] == {"run": "Run 1", "count": 1, "scans": bone.name}
    assert bone.name in text("notices.run-window", **notices["run-window"])
    done = next(event.result for event in events if isinstance(event, Finished))
    assert done["windows"] == 1
    assert bone.name in done["scans"]
    with Project.open(path, read_only=True) as project:
        run = find_run(project, "last")
        seen = {scan.name for scan in project.scans() if other_window(project, run, project.read_volume(scan.id))}
    assert seen == {bone.name}


def drawing_run(project: Project) -> Run:
    """A run that draws, written by hand, of which the window that it learnt from is not known."""
    return bright_run(project, {"train": [project.scans()[0].id]})


def test_a_gate_tells_of_scans_in_another_window_than_its_own_by_its_own_name(tmp_path):
    path = project_of(tmp_path / "p", [heads(n) for n in range(6)])
    told(path)
    with Project.open(path) as project:
        bone = project.add_scan(Volume(heads(7, bone=True), Geometry.of_picture(SIDE, SIDE, 4)), patient="g")
        brain, gate, run = project.scans()[0], find_run(project, "Run 1"), drawing_run(project)
    events = list(predict_job(path, run.id, scans=[brain.id, bone.id], gate=gate.id))
    notices = [dict(event.fields) for event in events if isinstance(event, Notice) and event.key == "run-window"]
    # of the run that draws nothing is known: only the gate is spoken of
    assert notices == [{"run": "Run 1", "count": 1, "scans": bone.name}]
    done = next(event.result for event in events if isinstance(event, Finished))
    assert done["windows"] == 1
    with Project.open(path, read_only=True) as project:
        kept = {scan.name: read_meta(project, run.id, scan.id)["gate"].get("other_window") for scan in (brain, bone)}
    assert kept == {brain.name: None, bone.name: True}


def test_a_gate_and_a_run_of_the_same_window_tell_of_a_scan_each_and_count_it_once(tmp_path):
    path = project_of(tmp_path / "p", [heads(n) for n in range(6)])
    told(path)
    with Project.open(path) as project:
        bone = project.add_scan(Volume(heads(7, bone=True), Geometry.of_picture(SIDE, SIDE, 4)), patient="g")
        gate, run = find_run(project, "Run 1"), drawing_run(project)
        learnt_windows_of(run_folder(project, gate.id), run_folder(project, run.id), run.name)
    events = list(predict_job(path, run.id, gate=gate.id))
    notices = [dict(event.fields) for event in events if isinstance(event, Notice) and event.key == "run-window"]
    assert notices == [{"run": name, "count": 1, "scans": bone.name} for name in (run.name, gate.name)]
    assert next(event.result for event in events if isinstance(event, Finished))["windows"] == 1


def learnt_windows_of(source: Path, target: Path, name: str) -> None:
    """Let one run have learnt from the windows of another."""
    facts = {one: json.loads((one / MODEL_FILE).read_text()) for one in (source, target)}
    (target / MODEL_FILE).write_text(
        json.dumps(facts[target] | {"grey_levels": facts[source]["grey_levels"], "name": name})
    )


def test_apply_tells_of_a_loose_picture_in_another_window_and_masks_it_all_the_same(tmp_path):
    path = project_of(tmp_path / "p", [heads(n) for n in range(6)])
    told(path)
    with Project.open(path) as project:
        run = drawing_run(project)
        learnt_windows_of(run_folder(project, find_run(project, "Run 1").id), run_folder(project, run.id), run.name)
    files = [tmp_path / "brain.png", tmp_path / "bone.png"]
    for file in files:
        cv2.imwrite(str(file), heads(9, bone=file.stem == "bone")[0])
    events = list(apply_job(files, tmp_path / "out", model=f"{path}:{run.name}"))
    notices = [dict(event.fields) for event in events if isinstance(event, Notice) and event.key == "run-window"]
    assert [(one["count"], one["scans"]) for one in notices] == [(1, "bone.png")]
    assert "bone.png" in text("notices.run-window", **notices[0])
    assert notices[0]["run"] == run.name
    assert sorted(file.name for file in (tmp_path / "out").glob("*.png")) == ["bone_mask.png", "brain_mask.png"]


def test_a_scan_of_which_half_of_the_slices_are_no_is_not_a_no(tmp_path):
    path = project_of(tmp_path / "p", [heads(n) for n in range(4)])
    half = []
    with Project.open(path) as project:
        for number in (4, 5):
            volume = Volume(heads(number), Geometry.of_picture(SIDE, SIDE, 4))
            half.append(project.add_scan(volume, patient=f"patient {number}"))
            project.classes.set(half[-1].id, CLASS, "no", reader="reader", slices=[0, 2])
    assert told(path)["training-class-unknown"] == {"name": CLASS, "count": 4, "used": 20}
    list(predict_job(path, "last"))
    with Project.open(path) as project:
        facts = evaluate_classes(project, plan(project, "last", "all")).facts()
    assert facts["summary"]["count"] == 20
    assert facts["unsaid"] == 4
    assert facts["open_scans"] == [scan.name for scan in half]
    # each of the others has a yes; nothing is a no
    assert (facts["scan_summary"]["count"], facts["scan_summary"]["yes"]) == (4, 4)
    assert {row["scan"]: row["truth"] for row in facts["scans"]}[half[0].name] == ""


def test_where_no_scan_is_known_as_a_whole_no_figure_of_scans_is_told(tmp_path):
    path = project_of(tmp_path / "p", [heads(n) for n in range(4)])
    told(path)
    list(predict_job(path, "last"))
    with Project.open(path) as project:
        for scan in project.scans():
            project.classes.set(scan.id, CLASS, None, reader="reader", slices=[1, 2, 3])
        extra = project.add_scan(Volume(heads(9), Geometry.of_picture(SIDE, SIDE, 4)), patient="x")
        project.classes.set(extra.id, CLASS, "yes", reader="other", slices=[1])
        made = plan(project, "last", "all")
        made = replace(made, scans=tuple(scan for scan in made.scans if scan.id != extra.id))
        found = evaluate_classes(project, made)
        facts = found.facts()
        written = write_class_files(tmp_path / "out", facts)
    assert facts["scan_summary"]["count"] == 0
    assert facts["scan_summary"]["auc"]["mean"] is None
    assert len(facts["open_scans"]) == 4
    assert all(file.is_file() for file in written)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures in a folder per patient, and a table that names some that are not there."""
    rows = []
    for patient in range(4):
        place = tmp_path / "in" / f"{patient:02d}"
        place.mkdir(parents=True)
        for z, plane in enumerate(heads(patient)):
            name = f"p{patient:02d}_s{z:02d}.png"
            cv2.imwrite(str(place / name), plane)
            rows.append({"file": name, "ich": z % 2, "clean": 0})
    rows += [{"file": f"gone_{n}.png", "ich": 1, "clean": 0} for n in range(3)]
    with (tmp_path / "labels.csv").open("w", newline="") as opened:
        writer = csv.DictWriter(opened, ("file", "ich", "clean"))
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path


def test_a_table_that_names_files_that_are_not_there_is_taken_for_those_that_are(folder, capsys):
    path = str(folder / "p")
    table = str(folder / "labels.csv")
    assert run_command(["import", path, str(folder / "in"), "--patient-from", "folder", "--classes", table]) == 0
    said = capsys.readouterr().err
    assert "3 lines" in said
    assert "gone_0.png" in said
    with Project.open(folder / "p", read_only=True) as project:
        mine = [one for one in project.classes.all() if one.name == "ich"]
        assert len(mine) == 16
        assert sum(one.value == "yes" for one in mine) == 8


def test_one_class_only_is_refused_in_a_sentence_and_leaves_no_run(folder, capsys):
    path = str(folder / "p")
    table = str(folder / "labels.csv")
    assert run_command(["import", path, str(folder / "in"), "--patient-from", "folder", "--classes", table]) == 0
    capsys.readouterr()
    assert run_command(["train", path, "--class", "clean", "--epochs", "1", "--json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["error"]["code"] == "class-one"
    assert "clean" in facts["error"]["sentence"]
    with Project.open(folder / "p", read_only=True) as project:
        assert not list(project.store.rows("SELECT id FROM run"))
        assert len(project.classes.all()) == 32
