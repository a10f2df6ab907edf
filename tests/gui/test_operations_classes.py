"""Classes of the scan and of slices by keys, in the strip, kept in the project, and taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot
from shell_support import stroke, wait_loaded

from core.project.project import Project
from gui.annotate.fold import Fold
from gui.dialogs.class_dialog import ClassDialog
from gui.main_window import MainWindow
from gui.settings import Settings
from gui.worklist.model import Role
from gui.worklist.rows import PARTLY


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
    assert [button.isChecked() for button in panel.slice_buttons[:2]] == [False, True]
    assert [button.isChecked() for button in panel.scan_buttons[:2]] == [True, False]
    window.annotate.views.go_to((x, y, 3))
    assert [button.isChecked() for button in panel.slice_buttons[:2]] == [True, False]
    # another value replaces, the same once more takes back
    panel.slice_buttons[1].click()
    actions["class_slice_2"].trigger()
    actions["class_scan_2"].trigger()
    wanted = [(None, "stroke", "no"), (2, "stroke", "yes"), (5, "stroke", "no")]
    qtbot.waitUntil(lambda: stored(window) == wanted, timeout=5000)
    assert [button.isChecked() for button in panel.slice_buttons[:2]] == [False, False]


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


def test_the_class_asked_for_is_shown_though_another_comes_first(stroke_class: MainWindow, qtbot: QtBot) -> None:
    session, panel = stroke_class.session, stroke_class.annotate.classes
    panel.slice_buttons[0].click()
    panel.define("bleeding", ("ischaemic", "haemorrhage", "none"))
    assert panel.name == "bleeding"
    session.class_requested.emit("stroke")
    assert panel.name == "stroke"
    assert [button.isChecked() for button in panel.slice_buttons[:2]] == [True, False]
    # one that this project has nothing of yet is shown too
    session.class_requested.emit("fracture")
    assert panel.name == "fracture"
    panel._read()
    qtbot.wait(100)
    assert panel.name == "fracture"


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


def test_more_values_than_two_have_keys_of_their_own(opened: MainWindow, qtbot: QtBot) -> None:
    panel, strip = opened.annotate.classes, opened.annotate.strip
    panel.define("bleeding", ("ischaemic", "haemorrhage", "none"))
    assert panel.name == "bleeding"
    assert [button.text() for button in panel.slice_buttons if not button.isHidden()] == list(panel.values)
    x, y = opened.annotate.views.position[:2]
    for place in range(3):
        opened.annotate.views.go_to((x, y, place))
        opened.actions_table[f"class_slice_{place + 1}"].trigger()
    # a key without a value says nothing
    opened.actions_table["class_slice_6"].trigger()
    said = dict(enumerate(panel.values))
    qtbot.waitUntil(lambda: {place: value for place, _, value in stored(opened)} == said, timeout=5000)
    assert strip._classes == said
    assert opened.session.project.classes.names()["bleeding"] == ("ischaemic", "haemorrhage", "none")


def test_the_dialog_lays_down_values(opened: MainWindow, qtbot: QtBot) -> None:
    dialog = ClassDialog("side", (), opened)
    assert dialog.values == ("yes", "no")
    dialog.values_field.setText("left, right,left, ")
    assert dialog.values == ("left", "right")
    assert dialog.accept_button.isEnabled()
    dialog.values_field.setText("left")
    assert not dialog.accept_button.isEnabled()
    assert dialog.problem.text()
    dialog.deleteLater()


def test_undo_takes_back_what_was_said_last(stroke_class: MainWindow, qtbot: QtBot) -> None:
    window, session = stroke_class, stroke_class.session
    editor, (x, y, _) = session.editor, window.annotate.views.position
    window.annotate.views.go_to((x, y, 2))
    window.actions_table["class_slice_1"].trigger()
    window.annotate.hand.take("brush")
    stroke(window, (14, 20), (34, 20))
    window.actions_table["class_slice_2"].trigger()
    window.annotate.views.go_to((x, y, 6))
    qtbot.waitUntil(lambda: stored(window) == [(2, "stroke", "no")], timeout=5000)
    window.actions_table["undo"].trigger()
    assert window.annotate.views.position[2] == 2
    qtbot.waitUntil(lambda: stored(window) == [(2, "stroke", "yes")], timeout=5000)
    assert editor.mask("brain").any()
    window.actions_table["undo"].trigger()
    assert not editor.mask("brain").any()
    window.actions_table["undo"].trigger()
    qtbot.waitUntil(lambda: stored(window) == [], timeout=5000)
    for _ in range(3):
        window.actions_table["redo"].trigger()
    qtbot.waitUntil(lambda: stored(window) == [(2, "stroke", "no")], timeout=5000)
    assert editor.mask("brain").any()
    assert window.annotate.strip._classes == {2: "no"}


def test_the_worklist_filters_by_value_and_by_not_classed(stroke_class: MainWindow, qtbot: QtBot) -> None:
    window, session = stroke_class, stroke_class.session
    worklist = window.worklist
    assert worklist.class_filter.isHidden()
    window.actions_table["class_slice_1"].trigger()
    qtbot.waitUntil(lambda: not worklist.class_filter.isHidden(), timeout=5000)
    model, first = worklist.model, session.scan.id
    assert model.index(model.row_of(first)).data(Role.CLASSES) == "yes (in part)"
    worklist.class_filter.choose(("stroke", "yes"))
    assert model.ids() == [first]
    worklist.class_filter.choose(("stroke", "no"))
    assert model.ids() == []
    worklist.class_filter.choose(("stroke", PARTLY))
    assert model.ids() == [first]
    worklist.class_filter.choose(("stroke", ""))
    assert len(model.ids()) == 2
    assert first not in model.ids()
    worklist.class_filter.choose(None)
    assert len(model.ids()) == 3
    worklist.filter.setText("stroke=yes")
    assert model.ids() == [first]
    worklist.class_filter._fill()
    words = [action.text() for action in worklist.class_filter._list.actions() if not action.isSeparator()]
    assert words == ["All scans", "stroke: yes", "stroke: not all slices", "stroke: not classed"]
    # what is said of the whole scan leaves no slice open, and so does what is said of all
    project = session.project
    project.classes.set(first, "stroke", "no", reader="other")
    session.classes_changed.emit(first)
    assert model.index(model.row_of(first)).data(Role.CLASSES) == "no, yes"
    project.classes.set(first, "stroke", None, reader="other")
    project.classes.set(first, "stroke", "no", reader="other", slices=range(session.scan.shape[0]))
    assert project.classes.partly() == {}
    session.classes_changed.emit(first)
    assert model.index(model.row_of(first)).data(Role.CLASSES) == "no, yes"
    project.classes.set(first, "stroke", None, reader="other", slices=[1])
    assert project.classes.partly() == {first: frozenset({"stroke"})}


def test_sections_stay_as_they_were_left(stroke_class: MainWindow) -> None:
    overlay = stroke_class.annotate.overlay.findChild(Fold)
    assert overlay.is_open
    overlay.head.click()
    assert overlay.inside.isHidden()
    assert not Fold("x", "overlay", Settings()).is_open
    second = stroke_class.annotate.second_panel.fold
    assert not second.is_open
    second.suggest(True)
    assert second.is_open
    # what was said by hand is not overruled
    overlay.suggest(True)
    assert not overlay.is_open
    overlay.open()
    assert overlay.is_open


def test_classes_come_from_a_table_and_go_into_one(opened: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    session, panel = opened.session, opened.annotate.classes
    said: list[str] = []
    session.notifier.told.connect(lambda told: said.append(told.words))
    table = tmp_path / "labels.csv"
    table.write_text("scan,slice,stroke\n" + f"{session.scan.name},2,1\nS0003,,0\nS0099,,1\n")
    panel.tables.take(table)
    qtbot.waitUntil(lambda: panel.of_slices() == {1: "yes"}, timeout=5000)
    assert "1 line names what is not in the project" in said[-1]
    assert not opened.worklist.class_filter.isHidden()
    panel.tables.write(tmp_path / "out.csv")
    qtbot.waitUntil(lambda: any("2 values written to out.csv" in words for words in said), timeout=5000)
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 3
    table.write_text("nothing\n")
    panel.tables.take(table)
    qtbot.waitUntil(lambda: said[-1].startswith("labels.csv is no table of classes"), timeout=5000)


def test_a_class_does_not_follow_into_another_project(stroke_class: MainWindow, tmp_path: Path) -> None:
    window, panel = stroke_class, stroke_class.annotate.classes
    assert panel.name == "stroke"
    window.session.create_project(tmp_path / "other.meninx", "other")
    assert panel.name == ""
    assert panel.box.count() == 0
