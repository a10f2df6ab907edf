"""Strip now: a scan, one action, and the brain that the starter finds stands in Review."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import small_project as small
from page_support import page_on
from PySide6.QtWidgets import QLabel, QPushButton

sys.path.append(str(Path(__file__).resolve().parents[1] / "unit" / "models"))

from review_support import bright_model

import core.learning.starters as shipped
from core.io import atomic
from core.labels import LabelSet
from core.learning.config import TrainingConfig
from core.learning.run_files import origin_of
from core.learning.runs import CONFIG_FILE, MODEL_FILE, ONNX_FILE, RESUME_FILE, RunState, list_runs, run_folder
from core.messages import text
from core.project.predictions import list_predictions, read_meta, read_prediction
from core.review.brain_check import BrainCheck
from gui.review.workspace import ReviewWorkspace
from gui.starter_menu import StarterMenu
from gui.strip_now import without_run


@pytest.fixture
def starter(tmp_path, monkeypatch):
    """A copy of the program whose brain starter calls bright what is Brain; children of the window see it too."""
    folder = tmp_path / "starters" / "brain"
    folder.mkdir(parents=True)
    bright_model(folder)
    facts = json.loads((folder / MODEL_FILE).read_text())
    (folder / MODEL_FILE).write_text(json.dumps(facts | {"network": "unet"}))
    config = TrainingConfig(labels=("Brain",), size=32, slices=1)
    (folder / CONFIG_FILE).write_text(json.dumps(config.to_json()))
    monkeypatch.setenv("MENINX_STARTERS", str(folder.parent))
    monkeypatch.setattr(shipped, "STARTERS", folder.parent)
    return folder


def test_strip_now_shows_the_brain_in_review(opened, starter, qtbot):
    session, window = opened.session, opened
    assert list_runs(session.project) == []
    window.actions_table["strip_now"].trigger()
    (work,) = session.jobs.of_kind("predict")
    assert without_run(session) == ("stripping", "")
    qtbot.waitUntil(lambda: not session.jobs.of_kind("predict"), timeout=60_000)
    assert work.error is None
    (run,) = list_runs(session.project)
    assert origin_of(session.project, run.id) == "brain"
    assert [record.scan for record in list_predictions(session.project)] == [session.scan.id]
    assert np.count_nonzero(read_prediction(session.project, run.id, session.scan.id)["Brain"])
    qtbot.waitUntil(lambda: window.review.isVisible() and window.review.run is not None, timeout=20_000)
    assert window.review.run.id == run.id


def test_a_project_without_labels_gets_the_label_of_the_starter(opened, starter, qtbot):
    session, window = opened.session, opened
    session.change_labels(LabelSet())
    assert not list(session.labels)
    window.actions_table["strip_now"].trigger()
    page = window.review
    qtbot.waitUntil(lambda: page.isVisible() and page.case is not None and page.case.predicted, timeout=60_000)
    assert [label.name for label in session.labels] == ["Brain"]
    assert page.case.misfits == doubts(session)
    assert page.bar.run.currentText().endswith("brain")
    with qtbot.waitSignal(session.workspace_requested, timeout=10_000):
        page.bar.correct.click()
    brain = session.labels.named("Brain")
    assert session.editor.label_voxels(brain) == page.case.labels["Brain"].predicted_voxels > 0


def test_what_was_odd_about_a_brain_is_still_told_when_the_message_is_gone(opened, starter, qtbot):
    session, page = opened.session, opened.review
    opened.actions_table["strip_now"].trigger()
    qtbot.waitUntil(lambda: page.isVisible() and page.case is not None and page.case.predicted, timeout=60_000)
    (said,) = page.case.misfits
    assert (said,) == doubts(session)
    shown = {one.text() for one in page.side.findChildren(QLabel) if one.isVisible()}
    assert any(said in words for words in shown)


def doubts(session):
    (run,) = list_runs(session.project)
    check = BrainCheck.from_json(read_meta(session.project, run.id, session.scan.id)["brain"])
    key = "brain_doubtful" if check.doubtful else "brain_odd"
    return (text(f"review.{key}", reasons=check.words),) if check.words else ()


def test_an_empty_review_offers_it(opened, starter, qtbot):
    window, session = opened, opened.session
    session.workspace_requested.emit("review")
    words = text("review.strip_now")
    qtbot.waitUntil(lambda: words in {one.text() for one in shown_buttons(window.review)}, timeout=20_000)
    next(one for one in shown_buttons(window.review) if one.text() == words).click()
    qtbot.waitUntil(lambda: len(list_runs(session.project)) == 1, timeout=60_000)
    qtbot.waitUntil(lambda: not session.jobs.of_kind("predict"), timeout=60_000)


def test_a_run_whose_model_is_gone_is_told_in_review(opened, qtbot):
    session = opened.session
    run = small.past_run(session.project)
    for name in (ONNX_FILE, MODEL_FILE):
        (run_folder(session.project, run.id) / name).unlink(missing_ok=True)
    session.runs_changed.emit()
    session.workspace_requested.emit("review")
    words = text("review.model_gone_title")
    qtbot.waitUntil(lambda: words in {one.text() for one in opened.review.findChildren(QLabel) if one.isVisible()})


def test_without_a_starter_it_says_so(opened, tmp_path, monkeypatch, qtbot):
    monkeypatch.setattr(shipped, "STARTERS", tmp_path / "nowhere")
    assert without_run(opened.session) == ("no_run", "to_train")
    told = []
    opened.session.notifier.told.connect(lambda one: told.append(one.words))
    opened.actions_table["strip_now"].trigger()
    assert told == [text("strip_now.no_starter")]
    assert opened.session.jobs.of_kind("predict") == []


def test_train_offers_the_starter_as_a_start(opened, starter, qtbot):
    panel = opened.train.panel
    panel.set_runs([])
    assert panel.parent_run.findData("brain") > 0
    panel.start_from("brain")
    assert panel.config().parent == "brain"
    assert panel.config().size == 32
    assert panel.config().slices == 1


def shown_buttons(widget):
    return [one for one in widget.findChildren(QPushButton) if one.isVisible()]


def test_another_starter_is_offered_and_finds_what_it_knows(opened, starter, qtbot):
    shutil.copytree(starter, starter.with_name("tumour"))
    facts = json.loads((starter.with_name("tumour") / MODEL_FILE).read_text())
    facts |= {"labels": ["Tumour"], "non_commercial": True}
    (starter.with_name("tumour") / MODEL_FILE).write_text(json.dumps(facts))
    said = []
    opened.session.notifier.tell = lambda words, *_, **__: said.append(words)
    assert opened.review is not None
    menus = opened.findChildren(StarterMenu)
    assert len(menus) == 2
    for menu in menus:
        assert menu.isEnabled()
        menu.fill()
        assert [action.text() for action in menu.actions()] == ["Brain", "Tumour"]
        assert "non-commercial" in menu.actions()[1].toolTip()
    menus[0].actions()[1].trigger()
    assert "Looking for Tumour" in said[0]
    assert "non-commercial" in said[0]
    session = opened.session
    qtbot.waitUntil(lambda: not session.jobs.of_kind("predict"), timeout=60_000)
    (run,) = list_runs(session.project)
    assert origin_of(session.project, run.id) == "tumour"
    assert set(read_prediction(session.project, run.id, session.scan.id)) == {"Tumour"}
    qtbot.waitUntil(lambda: opened.review.isVisible() and opened.review.run is not None, timeout=20_000)
    assert opened.review.run.id == run.id


def test_without_a_scan_no_starter_can_be_asked(window):
    assert window.findChildren(StarterMenu)
    assert not any(menu.isEnabled() for menu in window.findChildren(StarterMenu))


@pytest.mark.parametrize("strips", [True, False])
def test_with_a_run_that_is_paused_review_says_where_it_goes_on(tmp_path, qtbot, strips, monkeypatch):
    monkeypatch.setattr("gui.strip_now.has_starter", lambda: strips)
    path = tmp_path / "new.meninx"
    with small.make_project(path, scans=1) as project:
        run = small.past_run(project, state=RunState.PAUSED, usable=False)
        atomic.write_bytes(run_folder(project, run.id) / RESUME_FILE, b"x")
    with page_on(qtbot, path, ReviewWorkspace) as (session, page):
        asked, went = [], []
        session.strip_asked.connect(lambda: asked.append("strip"))
        session.workspace_requested.connect(went.append)
        session.open_scan(session.project.scans()[0].id)
        qtbot.waitUntil(lambda: session.scan is not None, timeout=10000)
        words = text("review.paused_strip_words" if strips else "review.paused_words")
        qtbot.waitUntil(lambda: page._empty._words.text() == words, timeout=10000)
        assert page._empty._title.text() == "A run is paused"
        assert page._empty._button.text() == ("Strip now" if strips else "Go to Train")
        page._empty.asked.emit()
        assert (asked, went) == ((["strip"], []) if strips else ([], ["train"]))
