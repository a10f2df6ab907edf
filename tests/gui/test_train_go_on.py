"""Keyboard and pictures of the Train page when a run is gone on with, started or measured."""

from __future__ import annotations

import pytest
import small_project as small
from PySide6.QtCore import Qt
from train_support import opened_page

from core.events import Progress, WasCancelled
from core.io import atomic
from core.learning.runs import RESUME_FILE, RunState, run_folder
from core.project.project import Project

__all__ = ["opened_page"]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "small.meninx"
    small.make_project(path).close()
    return path


@pytest.fixture
def paused(folder):
    """The folder, with a run that was paused and can go on."""
    with Project.open(folder) as project:
        run = small.past_run(project, state=RunState.PAUSED, usable=False)
        atomic.write_bytes(run_folder(project, run.id) / RESUME_FILE, b"x")
    return folder


def press(button, qtbot):
    """Press a button by the keyboard."""
    button.setFocus()
    assert button.window().focusWidget() is button
    qtbot.keyClick(button, Qt.Key.Key_Space)


def test_one_more_space_after_go_on_ends_no_training(paused, opened_page, qtbot):
    session, page = opened_page(paused)
    qtbot.waitUntil(lambda: page.header.resume.isVisible(), timeout=10000)
    press(page.header.resume, qtbot)
    assert session.jobs.training is not None
    assert page.header.stop.isVisible()
    focused = page.window().focusWidget()
    assert focused is page.table
    qtbot.keyClick(focused, Qt.Key.Key_Space)
    assert session.jobs.training.asked == ""
    press(page.header.cancel, qtbot)
    assert page.window().focusWidget() is page.table


def test_one_more_space_after_start_ends_no_training(folder, opened_page, qtbot):
    session, page = opened_page(folder)
    qtbot.waitUntil(lambda: page.panel.start.isEnabled(), timeout=10000)
    press(page.panel.start, qtbot)
    qtbot.waitUntil(lambda: session.jobs.training is not None, timeout=5000)
    assert page.window().focusWidget() not in (page.header.pause, page.header.stop, page.header.cancel)


def test_one_more_space_after_measuring_leaves_the_page_as_it_is(folder, opened_page, qtbot):
    with Project.open(folder) as project:
        small.past_run(project)
    session, page = opened_page(folder)
    qtbot.waitUntil(lambda: page.header.test.isVisible(), timeout=10000)
    press(page.header.test, qtbot)
    assert session.jobs.of_kind("evaluate")
    assert page.window().focusWidget() is page.table


def test_the_newest_pictures_of_a_run_stay_while_it_goes_on(paused, opened_page, qtbot):
    session, page = opened_page(paused)
    qtbot.waitUntil(lambda: not page.samples.tiles[0].picture.isNull(), timeout=10000)
    words = [tile.words for tile in page.samples.tiles]
    page.header.resume.click()
    session.jobs.training.thread.say(Progress(0, 0, "starting"))
    assert [tile.words for tile in page.samples.tiles] == words
    assert not any(tile.picture.isNull() for tile in page.samples.tiles)
    assert page.header.title == "Run 1"


def test_a_run_that_could_not_go_on_is_shown_as_it_was(paused, opened_page, qtbot):
    session, page = opened_page(paused)
    qtbot.waitUntil(lambda: page.header.resume.isVisible(), timeout=10000)
    page.header.resume.click()
    assert page.header.stop.isVisible()
    session.jobs.training.thread.end(WasCancelled())
    qtbot.waitUntil(lambda: page.header.resume.isVisible(), timeout=10000)
    assert page.shown.state == "paused"
