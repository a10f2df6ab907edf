"""Classes of the scan and of slices by keys, in the strip, kept in the project, and taken back."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from shell_support import wait_loaded

from core.project.project import Project
from gui.main_window import MainWindow


def stored(window: MainWindow) -> list[tuple[int | None, str, str]]:
    session = window.session
    return [(one.slice, one.name, one.value) for one in session.project.classes.of_scan(session.scan.id)]


@pytest.fixture
def stroke_class(opened: MainWindow, qtbot: QtBot) -> MainWindow:
    panel = opened.annotate.classes
    panel.edit.setFocus()
    qtbot.keyClicks(panel.edit, "stroke")
    qtbot.keyClick(panel.edit, Qt.Key.Key_Return)
    return opened


def test_classes_by_keys_are_kept_shown_and_taken_back(stroke_class: MainWindow, qtbot: QtBot) -> None:
    window, panel = stroke_class, stroke_class.annotate.classes
    actions, x, y = window.actions_table, *window.annotate.views.position[:2]
    for place, action in ((2, "class_slice_1"), (3, "class_slice_1"), (5, "class_slice_2")):
        window.annotate.views.go_to((x, y, place))
        actions[action].trigger()
    actions["class_scan_1"].trigger()
    wanted = [(None, "stroke", "yes"), (2, "stroke", "yes"), (3, "stroke", "yes"), (5, "stroke", "no")]
    qtbot.waitUntil(lambda: stored(window) == wanted, timeout=5000)
    assert panel.of_slices() == {2: "yes", 3: "yes", 5: "no"}
    assert window.annotate.strip._classes == {2: "yes", 3: "yes", 5: "no"}
    assert [button.isChecked() for button in panel.slice_buttons] == [False, True]
    assert [button.isChecked() for button in panel.scan_buttons] == [True, False]
    window.annotate.views.go_to((x, y, 3))
    assert [button.isChecked() for button in panel.slice_buttons] == [True, False]
    # another value replaces, the same once more takes back
    panel.slice_buttons[1].click()
    actions["class_slice_2"].trigger()
    actions["class_scan_2"].trigger()
    wanted = [(None, "stroke", "no"), (2, "stroke", "yes"), (5, "stroke", "no")]
    qtbot.waitUntil(lambda: stored(window) == wanted, timeout=5000)
    assert [button.isChecked() for button in panel.slice_buttons] == [False, False]


def test_another_scan_has_its_own_and_the_first_keeps_its_own(stroke_class: MainWindow, qtbot: QtBot) -> None:
    window, panel = stroke_class, stroke_class.annotate.classes
    window.actions_table["class_slice_1"].trigger()
    place, first = window.annotate.views.position[2], window.session.scan.id
    qtbot.waitUntil(lambda: len(stored(window)) == 1, timeout=5000)
    window.commands.next_scan()
    qtbot.waitUntil(lambda: window.session.scan.id != first, timeout=10_000)
    wait_loaded(window, qtbot)
    assert panel.of_slices() == {}
    assert panel.name == "stroke"
    window.commands.previous_scan()
    qtbot.waitUntil(lambda: window.session.scan.id == first, timeout=10_000)
    qtbot.waitUntil(lambda: panel.of_slices() == {place: "yes"}, timeout=5000)


def test_without_a_name_it_is_asked_for(opened: MainWindow) -> None:
    said: list[str] = []
    opened.session.notifier.told.connect(lambda told: said.append(told.words))
    opened.actions_table["class_slice_1"].trigger()
    assert said[-1].startswith("Write the name of a class first")
    assert stored(opened) == []


def test_values_that_a_class_came_with_are_offered(opened: MainWindow, qtbot: QtBot) -> None:
    session, panel = opened.session, opened.annotate.classes
    session.project.classes.set(session.scan.id, "side", "left", reader=session.reader)
    panel._read()
    qtbot.waitUntil(lambda: panel.name == "side", timeout=5000)
    assert panel.values == ("left", "yes")
    assert panel.scan_buttons[0].isChecked()


def test_what_was_said_last_is_written_before_the_project_closes(stroke_class: MainWindow) -> None:
    window, path, scan = stroke_class, stroke_class.session.project.path, stroke_class.session.scan.id
    errors: list[str] = []
    window.session.notifier.told.connect(lambda told: errors.append(told.words))
    x, y = window.annotate.views.position[:2]
    for place in range(6):
        window.annotate.views.go_to((x, y, place))
        window.actions_table["class_slice_2"].trigger()
    window.session.close_project()
    with Project.open(path) as project:
        given = [(one.slice, one.value) for one in project.classes.of_scan(scan)]
    assert given == [(place, "no") for place in range(6)]
    assert errors == []
