"""A gate before a prediction: chosen in the window, and what it removed and cost, to click on."""

from __future__ import annotations

import json

import numpy as np
import pytest
import small_project as small
from page_support import page_on

from core.events import Finished
from core.learning.config import TrainingConfig
from core.learning.runs import RunState, create_run, find_run, run_folder, update_run
from core.project.predictions import META_FILE, prediction_folder, read_meta, write_prediction
from core.project.project import Project
from core.review.gating import LOST, MISSED, SAVED, look_at_gate, taken_away
from gui.review.workspace import ReviewWorkspace


def classifier(project: Project):
    run = create_run(project, TrainingConfig.for_class("bleed"), scans=2, slices=24)
    update_run(project, run.id, state=RunState.DONE, best_epoch=2, best_dice=0.97, seconds=9.0)
    for name in ("model.json", "model.onnx"):
        (run_folder(project, run.id) / name).write_bytes(b"{}")
    return find_run(project, run.id)


@pytest.fixture
def gated(tmp_path):
    """A project with a prediction behind a gate that emptied slices 0, 5, 6 and 11 of 12 of the first scan."""
    path = tmp_path / "small.meninx"
    project = small.make_project(path, lesion=False)
    try:
        run, gate = small.past_run(project), classifier(project)
        scan = project.scans()[0]
        truth = small.head_of(1, small.SHAPE, False).masks["Brain"]
        before = truth.copy()
        before[0] = False
        before[0, 3:6, 3:6] = True  # a false alarm where there is no brain
        before[6] = False  # missed anyway
        truth = truth.copy()
        truth[0] = False
        clean = [0, 5, 6, 11]
        after = before.copy()
        after[clean] = False
        facts = {"gate": {"run": gate.id, "name": gate.name, "class": "bleed", "threshold": 0.12, "clean": clean}}
        probability = {"Brain": before.astype(np.uint8) * 255}
        write_prediction(project, run.id, scan.id, {"Brain": after.astype(np.uint8)}, probability, facts=facts)
        label = project.labels().named("Brain")
        annotation = project.annotation(scan.id, small.READER)
        layers = {label.layer: truth.astype(np.uint8) * np.uint8(label.value)}
        project.save_layers(annotation.id, layers, {}, journal_sequence=0)
        yield path, run, gate, scan, truth, before, after
    finally:
        project.close()


def test_islands_that_would_not_have_stayed_are_not_told_as_taken(gated):
    path, run, _, scan, truth, before, after = gated
    with Project.open(path, read_only=True) as project:
        file = prediction_folder(project, run.id, scan.id) / META_FILE
    meta = json.loads(file.read_text(encoding="utf-8"))
    # the largest piece was kept: of slice 0 nothing would have stayed, of slice 5 four voxels less
    count = int(before[5].sum()) - 4
    meta["gate"] |= {"emptied": [5], "removed_by_slice": {"Brain": [count]}}
    file.write_text(json.dumps(meta), encoding="utf-8")
    known = np.ones(12, np.bool_)
    with Project.open(path, read_only=True) as project:
        look = look_at_gate(project, run.id, scan, "Brain", after, truth, known)
        assert taken_away(project, run.id, scan, "Brain") == {5: count}
    assert (look.emptied, look.removed, look.clean) == (1, count, 4)
    assert [(row.slice, row.what) for row in look.rows if row.removed] == [(5, LOST)]


def test_what_the_gate_did_is_counted_by_hand(gated):
    path, run, gate, scan, truth, before, after = gated
    with Project.open(path, read_only=True) as project:
        found = look_at_gate(project, run.id, scan, "Brain", after, truth, np.ones(12, dtype=bool))
        what = {row.slice: row.what for row in found.rows}
        assert what[0] == SAVED
        assert what[5] == LOST
        assert what[6] == MISSED
        assert (found.clean, found.slices, found.name) == (4, 12, gate.name)
        assert found.removed == int(before[[0, 5, 6, 11]].sum())
        assert found.rows[0].what == LOST
        both = 2 * (after & truth).sum() / (after.sum() + truth.sum())
        assert found.dice == pytest.approx(both)
        assert found.dice_before == pytest.approx(2 * (before & truth).sum() / (before.sum() + truth.sum()))
        # of slices that nobody finished nothing is said but that something went
        unknown = look_at_gate(project, run.id, scan, "Brain", after, None, np.zeros(12, dtype=bool))
        assert {row.what for row in unknown.rows} == {"removed"}
        assert unknown.dice is None


def test_without_a_gate_there_is_nothing_to_say(gated):
    path, run, _, scan, truth, _, after = gated
    with Project.open(path, read_only=True) as project:
        meta = read_meta(project, run.id, scan.id)
        meta.pop("gate")
        (prediction_folder(project, run.id, scan.id) / META_FILE).write_text(json.dumps(meta))
        assert look_at_gate(project, run.id, scan, "Brain", after, truth, np.ones(12, dtype=bool)) is None


@pytest.fixture
def page(gated, qtbot):
    path, *_ = gated
    with page_on(qtbot, path, ReviewWorkspace) as (session, made):
        session.open_scan(session.project.scans()[0].id)
        yield session, made


def test_review_says_what_the_gate_removed_and_goes_to_the_slices(gated, page, qtbot):
    _, _, gate, *_ = gated
    _, made = page
    qtbot.waitUntil(lambda: made.side.gate.look is not None, timeout=20000)
    box = made.side.gate
    assert not box.isHidden()
    removed, cost = box.words
    assert "4 of 12 slices" in removed
    assert "Dice" in cost
    assert "show the label and stay empty" in cost
    assert gate.name.upper() in box._heading.text()
    assert box.lines[0].startswith("slice") or "slice" in box.lines[0].casefold()
    assert "right mask lost" in box.lines[0]
    wanted = box.look.rows[0].slice
    box._lines[0].click()
    assert made.panes.index == wanted


def test_the_gate_is_chosen_under_predict_and_reaches_the_child(gated, page, qtbot):
    _, run, gate, *_ = gated
    session, made = page
    qtbot.waitUntil(lambda: made.bar.chosen_run == run.id and session.scan is not None, timeout=10000)
    assert made.bar.chosen_gate == ""
    offered = [action for action in made.bar.gates.actions() if action.isCheckable()]
    assert [action.data() for action in offered] == ["", gate.id]
    needed = made.bar.needed()
    made.bar.choose_gate(gate.id)
    # the longer word folds nothing
    assert made.bar.needed() == needed
    assert "gated" in made.bar.predict.text()
    made.predicting.predict_scan()
    (work,) = session.jobs.of_kind("predict")
    assert work.thread.job.arguments["gate"] == gate.id
    made.reload()
    qtbot.wait(50)
    assert made.bar.chosen_gate == gate.id
    said = []
    session.notifier.tell = lambda words, *_, **__: said.append(words)
    work.thread.end(Finished({"name": run.name, "scans": ["S0001"], "clean": 4, "emptied": 2}))
    assert "called 4 slices clean and emptied 2" in said[0]
    made.bar.choose_gate("")
    made.predicting.predict_scan()
    (work,) = session.jobs.of_kind("predict")
    assert "gate" not in work.thread.job.arguments
