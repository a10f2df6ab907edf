"""Where a gate and masks or predictions say otherwise: counted by hand, listed, clicked, and by command."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import small_project as small
from page_support import page_on
from PySide6.QtCore import Qt
from test_review_gate import classifier

from core.commands.line import run as run_command
from core.errors import LearningError
from core.learning.runs import find_run
from core.project.class_predictions import ClassPrediction, write_classes
from core.project.predictions import write_prediction
from core.project.project import Project
from core.review.gate_list import CLEAN_DRAWN, CLEAN_SHOWN, YES_EMPTY, YES_NOT_DRAWN, gate_of, list_gate
from gui.review.workspace import ReviewWorkspace

SHOWN = slice(3, 9)
"""Slices of the first scan that show the label; all of them are finished. Of the third scan nothing is drawn."""


def say(project, gate, scan, probability):
    facts = {"threshold": 0.5, "scan_threshold": 0.6, "gate_threshold": 0.1, "model": "0" * 64}
    write_classes(project, ClassPrediction(gate.id, scan.id, "bleed", np.array(probability), **facts))


@pytest.fixture
def doubted(tmp_path):
    """Three scans of 12 slices.

    The first is finished and shows the label on 3 to 8: slice 4 is called clean, slice 10 is called yes. The second
    has only the gate's word. The third is unfinished: the run draws on slice 2, which is called clean, and nothing on
    slice 7, which is called yes.
    """
    path = tmp_path / "small.meninx"
    with small.make_project(path, lesion=False) as project:
        run, gate = small.past_run(project), classifier(project)
        first, second, third = project.scans()
        mask = np.zeros(small.SHAPE, np.bool_)
        mask[SHOWN, 4:9, 4:9] = True
        small.draw(project, first.id, {"Brain": mask})
        for scan, drawn in ((first, mask), (third, np.zeros_like(mask))):
            drawn = drawn.copy()
            drawn[2, 5:7, 5:8] = scan is third
            write_prediction(
                project, run.id, scan.id, {"Brain": drawn.astype(np.uint8)}, {"Brain": drawn.astype(np.uint8) * 255}
            )
        told = np.where(mask.any(axis=(1, 2)), 0.9, 0.02)
        told[[4, 10]] = 0.05, 0.8
        say(project, gate, first, told)
        neither = np.full(12, 0.3)
        neither[[2, 7]] = 0.01, 0.7
        say(project, gate, third, neither)
    return path, run, gate, first, second, third


def test_slices_and_scans_are_found(doubted):
    path, run, gate, first, second, third = doubted
    with Project.open(path, read_only=True) as project:
        found = list_gate(project, gate, run)
    assert [(row.scan, row.slice, row.what, row.voxels) for row in found.rows] == [
        (first.id, 4, CLEAN_SHOWN, 25),
        (third.id, 2, CLEAN_DRAWN, 6),
        (first.id, 10, YES_EMPTY, 0),
        (third.id, 7, YES_NOT_DRAWN, 0),
    ]
    assert (found.scans, found.unasked, found.unread) == (2, (second.name,), ())
    assert "0.05" in found.rows[0].words
    assert f"({found.rows[0].amount})" in found.rows[0].words
    row = replace(found.rows[0], voxels=144715, ml=17.64)
    assert "17.6 mL" in row.words
    assert replace(row, ml=None).amount == f"144{chr(0x202F)}715 voxels"
    assert replace(row, voxels=1, ml=0.0002).amount == "1 voxel"


def test_a_whole_scan_is_listed_first(doubted):
    path, run, gate, first, _, third = doubted
    with Project.open(path) as project:
        say(project, gate, first, np.full(12, 0.05))
        small.draw(project, third.id, {"Brain": np.zeros(small.SHAPE, np.bool_)})
        said = np.full(12, 0.05)
        said[7] = 0.7
        say(project, gate, third, said)
        found = list_gate(project, gate, run)
    whole = [(row.scan, row.what, row.voxels) for row in found.rows if row.slice < 0]
    assert whole == [(first.id, CLEAN_SHOWN, 150), (third.id, YES_EMPTY, 0)]
    assert [row.slice for row in found.rows[:2]] == [-1, -1]
    assert found.count(CLEAN_SHOWN) == 6


def test_without_a_run_only_masks_are_compared_with(doubted):
    path, _, gate, first, _, _ = doubted
    with Project.open(path, read_only=True) as project:
        assert gate_of(project, None).id == gate.id
        found = list_gate(project, gate)
        assert [(row.scan, row.what) for row in found.rows] == [(first.id, CLEAN_SHOWN), (first.id, YES_EMPTY)]


def test_a_project_without_a_classifier_says_so(tmp_path):
    with small.make_project(tmp_path / "none.meninx", scans=1) as project:
        run = small.past_run(project)
        with pytest.raises(LearningError) as refused:
            gate_of(project, run)
        assert refused.value.code == "gate-none"


def test_the_command_lists_and_writes_them(doubted, tmp_path, capsys):
    path, run, gate, first, second, _ = doubted
    target = tmp_path / "rows.csv"
    assert run_command(["gate", str(path), "--run", run.id, "-o", str(target), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["gate"], told["scans"], told["unasked"]) == (gate.name, 2, [second.name])
    assert told["rows"][0]["scan"] == first.name
    assert told["rows"][0]["slice"] == 5
    with target.open(encoding="utf-8", newline="") as file:
        assert [row["what"] for row in csv.DictReader(file)] == [row["what"] for row in told["rows"]]
    assert run_command(["gate", str(path), "--run", gate.id]) == 1
    assert run_command(["gate", str(path), "--gate", run.id]) == 1


def test_a_click_goes_to_the_slice(doubted, qtbot):
    path, run, _, first, _, third = doubted
    with page_on(qtbot, path, ReviewWorkspace) as (session, page):
        session.open_scan(first.id)
        qtbot.waitUntil(lambda: page.run is not None and page.run.id == run.id and page.case is not None, timeout=20000)
        page.bar.gate_list_asked.emit()
        qtbot.waitUntil(lambda: len(page.gating.rows) == 4, timeout=20000)
        table = page.gating.page.table
        assert table.isVisible()
        assert not page.panes.isVisible()
        assert table.item(0, 2).text() == "slice 5 of 12"
        # another scan, at its slice
        place = table.visualItemRect(table.item(1, 3)).center()
        qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
        qtbot.waitUntil(lambda: session.scan is not None and session.scan.id == third.id, timeout=20000)
        qtbot.waitUntil(lambda: page.panes.isVisible() and page.panes.index == 2, timeout=20000)
        assert find_run(session.project, run.id).id == page.run.id
