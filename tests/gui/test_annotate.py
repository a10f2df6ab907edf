"""Drawing in the real window: mouse events become voxels, steps, saved files."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from pytestqt.qtbot import QtBot
from shell_support import mouse, stroke, wait_loaded

from core.project.project import Project
from core.project.records import ScanStatus
from core.project.saver import SaveState
from gui.main_window import MainWindow


def brain(window: MainWindow) -> np.ndarray:
    assert window.session.editor is not None
    return window.session.editor.mask("brain")


def press(qtbot: QtBot, window: MainWindow, key: Qt.Key, keys: Qt.KeyboardModifier | None = None) -> None:
    qtbot.keyClick(window.annotate.views.main, key, keys or Qt.KeyboardModifier.NoModifier)


def test_a_stroke_of_the_mouse_draws_the_voxels_below_it(opened: MainWindow) -> None:
    index = opened.annotate.views.main.index
    opened.annotate.hand.set_size(8)
    stroke(opened, (20, 30), (36, 30))
    mask = brain(opened)
    assert mask[index, 30, 20:37].all()
    assert mask[index, 5, 5] == 0
    assert not np.delete(mask, index, axis=0).any()
    assert opened.session.editor is not None
    assert [step.action for step in opened.session.editor.steps()] == ["brush"]
    assert opened.annotate.history.model.data(opened.annotate.history.model.index(0)) == (
        f"Brush · Brain · slice {index + 1}"
    )


def test_holding_ctrl_erases_and_the_eraser_does_too(opened: MainWindow, qtbot: QtBot) -> None:
    index = opened.annotate.views.main.index
    opened.annotate.hand.set_size(10)
    stroke(opened, (20, 30), (36, 30))
    stroke(opened, (28, 20), (28, 40), keys=Qt.KeyboardModifier.ControlModifier)
    assert brain(opened)[index, 30, 28] == 0
    assert brain(opened)[index, 30, 20] == 1
    press(qtbot, opened, Qt.Key.Key_E)
    assert opened.annotate.hand.tool == "erase"
    stroke(opened, (18, 30), (38, 30))
    assert not brain(opened).any()
    press(qtbot, opened, Qt.Key.Key_B)
    assert opened.annotate.hand.tool == "brush"
    assert opened.actions_table["brush"].isChecked()
    assert not opened.actions_table["erase"].isChecked()


def test_navigate_draws_nothing_and_moves_the_crosshair(opened: MainWindow, qtbot: QtBot) -> None:
    press(qtbot, opened, Qt.Key.Key_N)
    stroke(opened, (20, 30), (36, 34))
    assert not brain(opened).any()
    assert opened.annotate.views.position[:2] == (36, 34)


def test_undo_goes_to_the_slice_where_the_change_was(opened: MainWindow, qtbot: QtBot) -> None:
    views = opened.annotate.views
    where = views.main.index
    stroke(opened, (20, 30), (30, 30))
    views.main.set_index(where - 3)
    assert views.main.index == where - 3
    press(qtbot, opened, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not brain(opened).any()
    assert views.main.index == where
    assert not opened.actions_table["undo"].isEnabled()
    for keys, key in (
        (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier, Qt.Key.Key_Z),
        (Qt.KeyboardModifier.ControlModifier, Qt.Key.Key_Y),
    ):
        press(qtbot, opened, key, keys)
        assert brain(opened).any()
        press(qtbot, opened, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not opened.actions_table["undo"].isEnabled()


def test_a_click_that_changes_nothing_is_no_step(opened: MainWindow, qtbot: QtBot) -> None:
    press(qtbot, opened, Qt.Key.Key_E)
    stroke(opened, (20, 30), (24, 30))
    assert opened.session.editor is not None
    assert opened.session.editor.steps() == []
    assert opened.session.save_state is SaveState.SAVED


def test_the_save_sign_is_true(opened: MainWindow, qtbot: QtBot) -> None:
    session = opened.session
    assert opened.status.saved.text() == "✓ All changes saved"
    stroke(opened, (20, 30), (36, 30))
    qtbot.waitUntil(lambda: opened.status.saved.text() == "Unsaved changes", timeout=5000)
    drawn = brain(opened).copy()
    qtbot.waitUntil(lambda: opened.status.saved.text() == "✓ All changes saved", timeout=10_000)
    assert session.project is not None
    assert session.scan is not None
    with Project.open(session.project.path, read_only=True) as other:
        annotation = other.annotation(session.scan.id, session.reader)
        assert annotation is not None
        stored = other.read_layer(annotation.id, "brain")
    assert stored is not None
    np.testing.assert_array_equal(stored, drawn)
    assert session.scan.status is ScanStatus.IN_PROGRESS


def test_digits_choose_labels_and_layers_overlap(opened: MainWindow, qtbot: QtBot) -> None:
    index = opened.annotate.views.main.index
    stroke(opened, (20, 30), (36, 30))
    press(qtbot, opened, Qt.Key.Key_2)
    assert opened.session.label is not None
    assert opened.session.label.name == "Tumour"
    stroke(opened, (20, 30), (36, 30))
    press(qtbot, opened, Qt.Key.Key_3)
    stroke(opened, (30, 30), (36, 30))
    assert opened.session.editor is not None
    assert brain(opened)[index, 30, 22] == 1
    lesions = opened.session.editor.mask("lesions")
    assert lesions[index, 30, 22] == 1
    assert lesions[index, 30, 35] == 2


def test_finished_is_kept_shown_and_undone(opened: MainWindow, qtbot: QtBot) -> None:
    editor = opened.session.editor
    assert editor is not None
    index = opened.annotate.views.main.index
    assert opened.annotate.finished.text() == "Mark slice finished   M"
    press(qtbot, opened, Qt.Key.Key_M)
    assert editor.finished("brain").nonzero()[0].tolist() == [index]
    assert opened.annotate.finished.isChecked()
    assert opened.annotate.strip.finished_count == 1
    assert opened.annotate.finished_count.text() == f"1 of {editor.geometry.shape[0]} slices finished"
    press(qtbot, opened, Qt.Key.Key_Up)
    assert not opened.annotate.finished.isChecked()
    press(qtbot, opened, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not editor.finished("brain").any()
    assert opened.annotate.views.main.index == index


def test_done_finishes_what_is_drawn_saves_and_goes_on(opened: MainWindow, qtbot: QtBot) -> None:
    session = opened.session
    assert session.scan is not None
    first = session.scan.id
    index = opened.annotate.views.main.index
    stroke(opened, (20, 30), (36, 30))
    press(qtbot, opened, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: session.scan is not None and session.scan.id != first, timeout=10_000)
    wait_loaded(opened, qtbot)
    project = session.project
    assert project is not None
    assert project.scan(first).status is ScanStatus.DONE
    annotation = project.annotation(first, session.reader)
    assert annotation is not None
    finished = [state.slice for state in project.slice_states(annotation.id, "brain") if state.finished]
    assert finished == [index]
    assert opened.worklist.count.text() == "1 / 3 done"


def test_brush_sizes_by_keys_and_bar(opened: MainWindow, qtbot: QtBot) -> None:
    hand = opened.annotate.hand
    hand.set_size(10)
    press(qtbot, opened, Qt.Key.Key_BracketRight)
    assert hand.size == pytest.approx(12)
    press(qtbot, opened, Qt.Key.Key_BracketLeft)
    press(qtbot, opened, Qt.Key.Key_BracketLeft)
    assert hand.size < 10
    opened.annotate.options.spin.setValue(63.5)
    assert hand.size == 63.5
    assert opened.annotate.options.spin.suffix() == " mm"
    opened.annotate.options.sphere.click()
    assert hand.sphere
    index = opened.annotate.views.main.index
    stroke(opened, (28, 32), (28, 32))
    assert brain(opened)[index - 1 : index + 2].any(axis=(1, 2)).all()


def test_hidden_masks_are_not_drawn_blindly(opened: MainWindow, qtbot: QtBot) -> None:
    press(qtbot, opened, Qt.Key.Key_G)
    assert not opened.session.overlay.visible
    stroke(opened, (20, 30), (36, 30))
    assert not brain(opened).any()
    assert "hidden" in opened.toasts.toasts[-1].told.words
    press(qtbot, opened, Qt.Key.Key_G)
    stroke(opened, (20, 30), (36, 30))
    assert brain(opened).any()


def test_outline_and_opacity_keys(opened: MainWindow, qtbot: QtBot) -> None:
    session = opened.session
    seen = []
    for _ in range(3):
        press(qtbot, opened, Qt.Key.Key_C)
        seen.append((session.overlay.fill, session.overlay.outline))
    assert seen == [(False, True), (True, False), (True, True)]
    before = session.overlay.opacity
    press(qtbot, opened, Qt.Key.Key_D)
    assert session.overlay.opacity == pytest.approx(before + 0.1)
    press(qtbot, opened, Qt.Key.Key_A)
    assert opened.annotate.overlay.slider.value() == round(before * 100)


def test_window_presets_by_key_and_histogram(opened: MainWindow, qtbot: QtBot) -> None:
    panel, session = opened.annotate.window_panel, opened.session
    names = [button.text() for button in panel.buttons if button.isVisible()]
    assert names[0] == "Auto"
    assert panel.buttons[0].isChecked()
    press(qtbot, opened, Qt.Key.Key_2, Qt.KeyboardModifier.ShiftModifier)
    assert session.window is not None
    assert session.window.name == names[1]
    assert "Shift+2" in panel.buttons[1].toolTip()
    assert opened.annotate.views.window_shown == session.window
    histogram = panel.histogram
    right = histogram._x(session.window.high)
    before = session.window.high
    mouse(histogram, QEvent.Type.MouseButtonPress, QPointF(right, 20))
    mouse(histogram, QEvent.Type.MouseMove, QPointF(right + 30, 20))
    mouse(histogram, QEvent.Type.MouseButtonRelease, QPointF(right + 30, 20))
    assert session.window.high > before
    assert not any(button.isChecked() for button in panel.buttons)


def test_switching_scans_saves_first_and_comes_back(opened: MainWindow, qtbot: QtBot) -> None:
    session = opened.session
    stroke(opened, (20, 30), (36, 30))
    assert session.scan is not None
    first = session.scan.id
    drawn = brain(opened).copy()
    press(qtbot, opened, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    assert session.loading
    assert not session.can_edit
    qtbot.waitUntil(lambda: session.scan is not None and session.scan.id != first, timeout=10_000)
    assert not brain(opened).any()
    press(qtbot, opened, Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: session.scan is not None and session.scan.id == first, timeout=10_000)
    np.testing.assert_array_equal(brain(opened), drawn)
    assert opened.actions_table["undo"].isEnabled()


def test_the_status_bar_says_what_is_under_the_pointer(opened: MainWindow) -> None:
    view = opened.annotate.views.main
    stroke(opened, (20, 30), (36, 30))
    mouse(view, QEvent.Type.MouseMove, view.point_of((22, 30, view.index)), button=Qt.MouseButton.NoButton)
    words = opened.status.place.text()
    assert words.startswith(f"x 23  y 31  z {view.index + 1}")
    assert " mm" in words
    assert "value " in words
    assert "Brain" in words
    assert "zoom " in words


def test_labels_panel_tells_how_much_there_is(opened: MainWindow, qtbot: QtBot) -> None:
    row = opened.annotate.labels.rows[0]
    assert row.amount == "0.0 mL"
    opened.annotate.hand.set_size(30)
    stroke(opened, (20, 30), (36, 30))
    qtbot.waitUntil(lambda: opened.annotate.labels.rows[0].amount != "0.0 mL", timeout=3000)
    assert opened.session.editor is not None
    voxels = opened.session.editor.label_voxels(row.label)
    ml = voxels * opened.session.editor.geometry.voxel_ml
    assert row.amount == f"{ml:,.1f} mL"


def test_letters_typed_into_the_filter_choose_no_tool(opened: MainWindow, qtbot: QtBot) -> None:
    opened.worklist.focus_filter()
    qtbot.keyClicks(opened.worklist.filter, "en")
    assert opened.annotate.hand.tool == "brush"
    assert opened.worklist.filter.text() == "en"


def test_the_place_under_the_pointer_is_forgotten_with_its_scan(
    opened: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen by random clicking: the next scan was asked about a voxel of the last one."""
    told = []
    opened.session.pointer_changed.connect(told.append)
    opened.annotate._hovered((5, 5, 7))
    assert told[-1].xyz == (5, 5, 7)
    # the pointer moves over the old scan while the next one loads
    first = opened.session.scan
    assert first is not None
    other = next(scan.id for scan in opened.session.project.scans() if scan.id != first.id)
    opened.session.open_scan(other)
    opened.annotate._hovered((5, 5, 7))
    told.clear()
    wait_loaded(opened, qtbot)
    assert all(pointer is None for pointer in told)


def test_a_double_click_with_the_brush_shows_one_pane_and_leaves_no_dab(opened: MainWindow) -> None:
    views, editor = opened.annotate.views, opened.session.editor
    assert editor is not None
    place = views.main.point_of((28, 32, views.main.index))
    stroke(opened, (10, 10), (20, 10))
    drawn = brain(opened).copy()

    def double_click(second: QPointF) -> None:
        mouse(views.main, QEvent.Type.MouseButtonPress, place)
        mouse(views.main, QEvent.Type.MouseButtonRelease, place)
        mouse(views.main, QEvent.Type.MouseButtonDblClick, second)
        mouse(views.main, QEvent.Type.MouseButtonRelease, second)

    double_click(place)
    assert views.maximised is views.main
    np.testing.assert_array_equal(brain(opened), drawn)
    assert editor.position == 1
    views.maximise(None)
    # two quick dabs side by side are what they look like
    double_click(place + QPointF(4, 0))
    assert views.maximised is None
    assert brain(opened).sum() > drawn.sum()


def test_a_pen_that_presses_less_draws_thinner(opened: MainWindow) -> None:
    opened.annotate.hand.set_size(20)
    tool = opened.annotate.kit.tools["brush"]
    assert tool is not None
    view = opened.annotate.views.main
    place = view.point_of((28, 32, view.index))
    left = Qt.MouseButton.LeftButton
    amounts = []
    for on, pressure in ((True, 1.0), (True, 0.3), (False, 0.3)):
        opened.actions_table["pen_pressure"].setChecked(on)
        event = view.event_at(place, left, Qt.KeyboardModifier.NoModifier, (pressure, False))
        tool.press(event)
        tool.release(event)
        amounts.append(int(brain(opened).sum()))
        opened.session.undo()
    assert amounts[1] < amounts[0] / 3
    assert amounts[2] == amounts[0]


def test_alt_click_takes_the_label_that_is_there(opened: MainWindow, qtbot: QtBot) -> None:
    press(qtbot, opened, Qt.Key.Key_2)
    stroke(opened, (20, 30), (36, 30))
    press(qtbot, opened, Qt.Key.Key_1)
    view = opened.annotate.views.main
    for xyz, wanted in (((40, 50, view.index), "Brain"), ((28, 30, view.index), "Tumour")):
        place = view.point_of(xyz)
        mouse(view, QEvent.Type.MouseButtonPress, place, keys=Qt.KeyboardModifier.AltModifier)
        mouse(view, QEvent.Type.MouseButtonRelease, place, keys=Qt.KeyboardModifier.AltModifier)
        assert opened.session.label is not None
        assert opened.session.label.name == wanted
        assert opened.annotate.views.position[:2] == xyz[:2]
