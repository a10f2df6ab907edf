"""History to go back in by a click, saved versions looked at and brought back, labels changed from the panel."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shell_support import stroke, wait_loaded

from core.errors import StorageError
from core.project.project import Project
from core.project.saver import SaveState
from gui.annotate.label_menu import LabelMenu
from gui.main_window import MainWindow
from gui.viewer.overlay import Overlay


def words(window: MainWindow, qtbot: QtBot) -> list[str]:
    said: list[str] = []
    window.session.notifier.told.connect(lambda told: said.append(told.words))
    return said


def saved(window: MainWindow, qtbot: QtBot) -> None:
    window.session.save_now()
    qtbot.waitUntil(lambda: window.session.save_state is SaveState.SAVED, timeout=15_000)


def draw(window: MainWindow, label: str, row: int) -> None:
    window.session.choose_label(label)
    stroke(window, (16, row), (40, row))


def trigger(window: MainWindow, name: str, *path: str) -> None:
    """Choose an entry of a label's menu by its words."""
    menu = LabelMenu(window.session, name, window)
    menu.delete_asked.connect(window.annotate.labels._ask_delete)
    here = menu
    for words in path[:-1]:
        here = next(action.menu() for action in here.actions() if action.text() == words)
    action = next(action for action in here.actions() if action.text() == path[-1])
    assert action.isEnabled(), path
    action.trigger()
    menu.deleteLater()


def test_a_click_in_the_history_goes_back_and_forward_again(opened: MainWindow, qtbot: QtBot) -> None:
    editor, panel = opened.session.editor, opened.annotate.history
    masks = [editor.mask("brain").copy()]
    for row in (16, 24, 32, 40):
        draw(opened, "Brain", row)
        masks.append(editor.mask("brain").copy())
    assert panel.model.rowCount() == 5
    assert panel.model.data(panel.model.index(4)) == "Beginning"
    for position in (1, 3, 0, 4):
        index = panel.model.index(4 - position)
        QTest.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=panel.list.visualRect(index).center())
        qtbot.waitUntil(lambda position=position: editor.position == position, timeout=5000)
        np.testing.assert_array_equal(editor.mask("brain"), masks[position])
    assert panel.model.rowCount() == 5


def test_drawing_ends_a_walk(opened: MainWindow, qtbot: QtBot) -> None:
    editor = opened.session.editor
    for row in (16, 24, 32):
        draw(opened, "Brain", row)
    opened.session.walker.go_to(0)
    draw(opened, "Tumour", 30)
    qtbot.wait(50)
    assert editor.position == len(editor.steps()) == 4


def test_a_saved_version_is_outlined_and_brought_back_as_one_step(
    opened: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, editor = opened.session, opened.session.editor
    said = words(opened, qtbot)
    draw(opened, "Tumour", 20)
    saved(opened, qtbot)
    first = editor.mask("lesions").copy()
    draw(opened, "Tumour", 40)
    saved(opened, qtbot)
    second = editor.mask("lesions").copy()
    panel = opened.annotate.history
    panel.versions_button.click()
    qtbot.waitUntil(lambda: panel.versions.list.count() == 2, timeout=5000)
    assert "Tumour" in panel.versions.list.item(0).text()
    assert session.reader in panel.versions.list.item(0).toolTip()
    overlays: list[list[Overlay]] = []
    monkeypatch.setattr(opened.annotate.views, "set_overlays", overlays.append)
    panel.versions.list.setCurrentRow(1)
    qtbot.waitUntil(lambda: session.versions.preview is not None, timeout=5000)
    np.testing.assert_array_equal(session.versions.preview.mask, first)
    shown = [overlay.mask for overlay in overlays[-1]]
    assert any(mask is session.versions.preview.mask for mask in shown)
    np.testing.assert_array_equal(editor.mask("lesions"), second)
    panel.versions.back.click()
    qtbot.waitUntil(lambda: bool(said) and said[-1].startswith("The version is back"), timeout=5000)
    np.testing.assert_array_equal(editor.mask("lesions"), first)
    assert session.versions.preview is None
    assert editor.steps()[-1].action == "bring_back"
    session.undo()
    np.testing.assert_array_equal(editor.mask("lesions"), second)


def test_locked_in_the_panel_is_neither_drawn_nor_drawn_over(opened: MainWindow, qtbot: QtBot) -> None:
    session, editor = opened.session, opened.session.editor
    said = words(opened, qtbot)
    draw(opened, "Tumour", 30)
    before = editor.mask("lesions").copy()
    row = next(row for row in opened.annotate.labels.rows if row.label.name == "Tumour")
    row.lock.click()
    assert session.labels.named("Tumour").locked
    assert session.project.labels().named("Tumour").locked
    draw(opened, "Tumour", 40)
    assert said[-1].startswith("The chosen label is locked")
    draw(opened, "Haemorrhage", 30)
    np.testing.assert_array_equal(editor.mask("lesions") == 1, before == 1)
    trigger(opened, "Tumour", "Unlock")
    draw(opened, "Haemorrhage", 30)
    assert np.count_nonzero(editor.mask("lesions") == 1) < np.count_nonzero(before == 1)


def test_delete_asks_and_ctrl_z_brings_the_label_back(
    opened: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened.session
    said = words(opened, qtbot)
    draw(opened, "Tumour", 20)
    draw(opened, "Haemorrhage", 40)
    before = session.editor.mask("lesions").copy()
    saved(opened, qtbot)
    asked: list[str] = []

    def answer() -> None:
        question = QApplication.activeModalWidget()
        asked.append(question.windowTitle())
        question.accept_button.click()

    QTimer.singleShot(100, answer)
    trigger(opened, "Tumour", "Delete…")
    qtbot.waitUntil(lambda: not session.labeller.busy and not session.loading, timeout=10_000)
    assert asked == ["Delete Tumour?"]
    assert said[-1].startswith("Tumour is deleted")
    assert [row.label.name for row in opened.annotate.labels.rows] == ["Brain", "Haemorrhage"]
    np.testing.assert_array_equal(session.editor.mask("lesions"), np.where(before == 1, 0, before))
    session.undo()
    qtbot.waitUntil(lambda: session.labels.find("Tumour") is not None, timeout=10_000)
    wait_loaded(opened, qtbot)
    np.testing.assert_array_equal(session.editor.mask("lesions"), before)
    # nothing on the screen offers any more what was done
    assert not [toast for toast in opened.toasts.toasts if toast.told.action is not None]
    # the history before it is there still
    session.undo()
    assert not (session.editor.mask("lesions") == 2).any()


def test_merge_and_move_from_the_menu_and_undo_from_the_message(opened: MainWindow, qtbot: QtBot) -> None:
    session = opened.session
    offers = []
    session.notifier.told.connect(lambda told: offers.append(told))
    draw(opened, "Tumour", 20)
    draw(opened, "Haemorrhage", 40)
    before = session.editor.mask("lesions").copy()
    session.choose_label("Tumour")
    trigger(opened, "Tumour", "Merge into", "Haemorrhage")
    qtbot.waitUntil(lambda: not session.labeller.busy and not session.loading, timeout=10_000)
    np.testing.assert_array_equal(session.editor.mask("lesions"), np.where(before == 1, 2, before))
    # who had it in the hand goes on with what it became
    assert session.label.name == "Haemorrhage"
    assert offers[-1].words.startswith("Tumour is Haemorrhage now, in one scan.")
    offers[-1].action()
    qtbot.waitUntil(lambda: session.labels.find("Tumour") is not None and not session.loading, timeout=10_000)
    np.testing.assert_array_equal(session.editor.mask("lesions"), before)
    trigger(opened, "Tumour", "Move to layer", "A layer of its own (may overlap the others)")
    qtbot.waitUntil(lambda: not session.labeller.busy and not session.loading, timeout=10_000)
    assert session.labels.named("Tumour").layer == "tumour"
    np.testing.assert_array_equal(session.editor.mask("tumour"), before == 1)
    np.testing.assert_array_equal(session.editor.mask("lesions"), np.where(before == 1, 0, before))
    trigger(opened, "", "Bring back", "Tumour (to the layer it was on)")
    qtbot.waitUntil(lambda: not session.labeller.busy and not session.loading, timeout=10_000)
    np.testing.assert_array_equal(session.editor.mask("lesions"), before)
    assert session.project.verify() == []


def test_labels_are_put_in_order_by_dragging_and_keys(opened: MainWindow, qtbot: QtBot) -> None:
    panel = opened.annotate.labels
    names = lambda: [row.label.name for row in panel.rows]  # noqa: E731
    assert names() == ["Brain", "Tumour", "Haemorrhage"]
    row = panel.rows[0]
    QTest.mousePress(row, Qt.MouseButton.LeftButton, pos=QPoint(40, 16))
    for y in (30, 50, 75):
        QTest.mouseMove(row, row.mapFromGlobal(panel._inner.mapToGlobal(QPoint(40, y))))
    QTest.mouseRelease(row, Qt.MouseButton.LeftButton, pos=QPoint(40, 16))
    assert names() == ["Tumour", "Haemorrhage", "Brain"]
    assert [label.name for label in opened.session.project.labels()] == names()
    panel.rows[2].setFocus()
    QTest.keyClick(panel.rows[2], Qt.Key.Key_Up, Qt.KeyboardModifier.ControlModifier)
    assert names() == ["Tumour", "Brain", "Haemorrhage"]


def test_a_key_can_be_swapped_and_a_renamed_label_stays_hidden_and_chosen(opened: MainWindow, qtbot: QtBot) -> None:
    session = opened.session
    trigger(opened, "Haemorrhage", "Key", "1  (swap with Brain)")
    assert [label.key for label in session.labels] == ["3", "2", "1"]
    session.choose_label("Tumour")
    session.show_label("Tumour", False)
    session.change_labels(session.labels.with_changed("Tumour", new_name="Glioma"))
    assert session.label.name == "Glioma"
    assert session.hidden == {"Glioma"}
    trigger(opened, "Glioma", "Show only this one")
    assert session.hidden == {"Brain", "Haemorrhage"}
    trigger(opened, "Glioma", "Show all")
    assert session.hidden == set()


def test_switching_closing_and_saving_never_hold_the_window(
    opened: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, project_path: Path
) -> None:
    session = opened.session
    save = session.project.save_layers

    def slow(*args: object, **facts: object) -> None:
        time.sleep(0.4)
        save(*args, **facts)

    monkeypatch.setattr(session.project, "save_layers", slow)
    beats: list[float] = []
    timer = QTimer()
    timer.setInterval(5)
    timer.timeout.connect(lambda: beats.append(time.perf_counter()))
    timer.start()
    draw(opened, "Brain", 20)
    mask = session.editor.mask("brain").copy()
    scan = session.scan.id
    began = time.perf_counter()
    session.save_now()
    assert time.perf_counter() - began < 0.2
    qtbot.waitUntil(lambda: session.save_state is SaveState.SAVED, timeout=15_000)
    draw(opened, "Brain", 40)
    mask = session.editor.mask("brain").copy()
    beats.clear()
    session.close_project()
    took = time.perf_counter() - beats[0]
    timer.stop()
    assert took > 0.35
    # the timer went on all the while: nobody held the window for the 0.4 s of the disk
    assert len(beats) > 15
    with Project.open(project_path) as project:
        annotation = project.annotation(scan, session.reader)
        np.testing.assert_array_equal(project.read_layer(annotation.id, "brain"), mask)


def test_a_disk_that_refuses_keeps_the_scan_open_and_says_so(
    opened: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = opened.session

    def full(*_args: object, **_facts: object) -> None:
        raise StorageError("disk-full", file="project.sqlite")

    with monkeypatch.context() as broken:
        broken.setattr(session.project, "save_layers", full)
        draw(opened, "Brain", 20)
        with pytest.raises(StorageError, match="disk-full"):
            session.put_away()
        assert session.scan is not None
        assert session.can_edit
        said = words(opened, qtbot)
        session.save_now()
        qtbot.waitUntil(lambda: bool(said), timeout=15_000)
        assert session.save_state is SaveState.FAILED
    saved(opened, qtbot)
