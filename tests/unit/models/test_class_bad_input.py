"""What people really bring to a classifier: each gets one plain sentence, and nothing is lost."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from class_project import CLASS, quick

from core.commands.line import run as run_command
from core.events import Notice
from core.geometry import Geometry
from core.messages import text
from core.project.classes import ClassGiven
from core.project.project import Project
from core.volume import Volume
from models.trainer import train_job

SIDE = 96


def heads(seed: int, *, words: str = "", wrong: bool = False) -> np.ndarray:
    """Four pictures of a head in a brain window, every second with something bright in it."""
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
    assert not {"training-letters", "training-window"} & found.keys()


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
