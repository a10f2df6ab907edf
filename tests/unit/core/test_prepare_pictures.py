"""Before and after of each preparation step, as pictures and through the command."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.commands.line import run as run_command
from core.geometry import Geometry
from core.learning.prepare import Preparation, Preparer
from core.learning.prepare_pictures import SHOWN, WINDOWS, is_used, look, sheet, with_step, write
from core.learning.prepare_steps import CT_WINDOWS
from core.project.project import Project
from core.volume import Volume


def ct() -> Volume:
    random = np.random.default_rng(3)
    y, x = np.mgrid[:96, :96]
    array = np.full((3, 96, 96), -1000, dtype=np.int16)
    array[:, 90:93, 5:90] = 150
    for radius, value in ((36, 40), (34, 900), (30, 35)):
        array[:, np.hypot(y - 44, x - 40) <= radius] = value
    array += random.normal(0, 12, array.shape).astype(np.int16)
    return Volume(array, Geometry((3, 96, 96), np.diag([1.0, 1.0, 5.0, 1.0])), modality="CT")


def test_each_step_is_shown_without_and_with_it_as_a_network_sees_it():
    volume, asked = ct(), Preparation(size=96, slices=3, steps=("clip", "zscore", "denoise=median"))
    found = list(look(volume, 1, asked, name="S0001"))
    assert [one.step for one in found] == list(SHOWN)
    assert {one.step for one in found if one.used} == {"clip", "zscore", "denoise=median"}
    for one in found:
        assert not one.why
        assert len(one.titles) == 1 + len(one.after)
        assert one.name
        assert one.words
    by_step = {one.step: one for one in found}
    # the pictures are those of the preparation itself
    values = Preparer(volume, with_step(Preparation(96, 1, steps=asked.steps), "table", used=True)).slices([1])[0]
    low, high = float(values.min()), float(values.max())
    expected = np.rint((values.astype(np.float32) - low) * 255 / (high - low))
    assert np.abs(by_step["table"].after[0].picture - expected).max() <= 1
    for step in ("table", "bone", "crop", "centre", "denoise=median"):
        assert not np.array_equal(by_step[step].before.picture, by_step[step].after[0].picture), step
    assert len(by_step[WINDOWS].after) == len(CT_WINDOWS)
    assert len(by_step["denoise=nlm"].after) == 2


def test_a_step_is_switched_without_touching_the_others():
    asked = Preparation(steps=("clip", "zscore", "denoise=nlm"))
    assert is_used(asked, "denoise=nlm")
    assert not is_used(asked, "denoise=median")
    assert with_step(asked, "denoise=median", used=True).steps == ("clip", "denoise=median", "zscore")
    assert with_step(asked, "denoise=nlm", used=False).steps == ("clip", "zscore")
    assert with_step(asked, WINDOWS, used=True).channels == CT_WINDOWS


def test_what_a_scan_cannot_take_is_said_and_the_rest_is_shown():
    picture = Volume(ct().array[:1].clip(0, 255).astype(np.uint8), Geometry.of_picture(96, 96, 1))
    found = {one.step: one for one in look(picture, 0, Preparation(size=96, slices=1), name="S0009")}
    for step in ("bone", WINDOWS):
        assert "S0009" in found[step].why
        assert found[step].before is None
        assert not found[step].titles
    assert found["table"].before is not None


def test_looking_ends_when_nobody_wants_it_any_more():
    asked = iter([True, True, False])
    assert len(list(look(ct(), 1, Preparation(size=64, slices=1), go_on=lambda: next(asked)))) == 2


def test_pictures_for_print_have_words_and_no_empty_ones(tmp_path: Path):
    found = list(look(ct(), 1, Preparation(size=96, slices=1)))
    files = write(tmp_path / "out", found, "S0001", 1)
    assert len(files) == len(SHOWN)
    for file in files:
        picture = cv2.imread(str(file))
        assert picture is not None
        assert picture.min() < 60
        assert picture.max() == 255
    assert sheet(found[-1], "S0001", 1).shape[1] > sheet(found[0], "S0001", 1).shape[1]


def test_the_command_writes_them_and_says_what_it_could_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with Project.create(tmp_path / "p") as project:
        project.add_scan(ct(), patient="one")
        project.add_scan(Volume(np.zeros((1, 40, 40), np.uint8), Geometry.of_picture(40, 40, 1)), patient="two")
    line = ["prepare", str(tmp_path / "p"), "S0001", "S0002", "--size", "64", "-o", str(tmp_path / "o"), "--json"]
    assert run_command(line) == 0
    facts = json.loads(capsys.readouterr().out)
    assert len(facts["files"]) == 2 * len(SHOWN) - 2
    assert {one["step"] for one in facts["not_shown"]} == {"bone", WINDOWS}
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == sorted(facts["files"])
    for more, code in ((["--slice", "7"], "no slice 7"), (["--size", "9"], "9 is no size")):
        assert run_command([*line[:-1], *more]) == 1
        assert code in capsys.readouterr().err
