"""Train and Review are made after the window was seen, in turns of their own, or when they are asked for."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QCheckBox
from pytestqt.qtbot import QtBot
from shell_support import wait_loaded

from gui.main_window import MainWindow


def test_the_window_begins_with_annotate_alone_and_makes_the_others_by_itself(window: MainWindow, qtbot: QtBot) -> None:
    assert window.workspaces.count() == 1
    assert not window.reviewing
    window.late.make_ready()
    qtbot.waitUntil(lambda: window.workspaces.count() == 3, timeout=20_000)
    assert [window.workspaces.widget(place) for place in range(3)] == [window.annotate, window.train, window.review]
    # once is enough
    window.late.make_ready()
    qtbot.wait(300)
    assert window.workspaces.count() == 3


def test_a_page_asked_for_at_once_is_there_and_knows_the_project(
    window: MainWindow, project_path: Path, qtbot: QtBot
) -> None:
    assert window.intake.open_project(project_path)
    wait_loaded(window, qtbot)
    assert window.workspaces.count() == 1
    made: list[str] = []
    window.late.made.connect(made.append)
    window.show_workspace("review")
    assert window.reviewing
    window.show_workspace("train")
    assert made == ["review", "train"]
    # made after Review, it still stands before it
    assert [window.workspaces.widget(place) for place in range(3)] == [window.annotate, window.train, window.review]
    boxes = [box.text() for box in window.train.panel.findChildren(QCheckBox)]
    assert {"Brain", "Tumour", "Haemorrhage"} <= set(boxes)


def test_a_run_that_is_to_be_reviewed_makes_the_page(window: MainWindow, project_path: Path, qtbot: QtBot) -> None:
    assert window.intake.open_project(project_path)
    wait_loaded(window, qtbot)
    window.session.review_requested.emit("01NOSUCHRUN")
    window.session.workspace_requested.emit("review")
    assert window.reviewing
    assert window.review.bar.chosen_run == ""
