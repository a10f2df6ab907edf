"""The panes always show what the same state would show if it were drawn anew: nothing stays that no longer holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from anew import drawn_anew
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtWidgets import QListWidget
from pytestqt.qtbot import QtBot
from shell_support import mouse, stroke

from core.editing.operations import Operation, Where
from gui.main_window import MainWindow


@pytest.fixture
def drawn(opened: MainWindow) -> MainWindow:
    """Something of the tumour on slices 2 and 4 (of 0 to 7); 4 is shown."""
    opened.annotate.hand.set_size(10)
    opened.session.choose_label("Tumour")
    for place in (2, 4):
        go(opened, place)
        stroke(opened, (20, 30), (36, 30))
    return opened


def go(window: MainWindow, place: int) -> None:
    x, y, _z = window.annotate.views.position
    window.annotate.views.go_to((x, y, place))


def previewed(window: MainWindow, qtbot: QtBot) -> np.ndarray:
    """Wait for the outline and return what is within it."""
    panel = window.annotate.operations
    qtbot.waitUntil(lambda: bool(panel.overlays()), timeout=10_000)
    return panel.overlays()[0].mask.copy()


def laid(window: MainWindow) -> int:
    """How many masks and outlines lie over the scan."""
    return len(window.annotate.views.main._source.overlays)


def click(window: MainWindow, pane: int, button: Qt.MouseButton = Qt.MouseButton.MiddleButton) -> None:
    """Press a button in the middle of a pane, and let go."""
    view = window.annotate.views.views[pane]
    place = QPointF(view.width() / 2, view.height() / 2)
    mouse(view, QEvent.Type.MouseButtonPress, place, button=button)
    mouse(view, QEvent.Type.MouseButtonRelease, place, button=button)


def test_an_outline_goes_when_it_is_applied_and_nothing_changes(
    drawn: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    panel, bare = drawn.annotate.operations, laid(drawn)
    panel.choose(Operation.LARGEST)
    previewed(drawn, qtbot)
    assert laid(drawn) == bare + 1
    panel.apply.click()
    assert panel.operation is None
    assert laid(drawn) == bare
    drawn_anew(drawn, tmp_path)


def test_the_outline_is_of_the_slice_of_the_pane_that_is_worked_in(
    drawn: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    drawn.annotate.views.go_to((28, 30, 4))
    drawn.annotate.operations.choose(Operation.GROW)
    drawn.annotate.operations.amount.setValue(9.0)
    first = previewed(drawn, qtbot)
    click(drawn, 1)
    assert drawn.annotate.views.active is drawn.annotate.views.views[1]
    drawn_anew(drawn, tmp_path)
    assert not np.array_equal(previewed(drawn, qtbot), first)


def test_the_outline_follows_what_was_finished(drawn: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    drawn.annotate.operations.choose(Operation.INTERPOLATE)
    assert previewed(drawn, qtbot)[3].any()
    drawn.session.set_finished(["lesions"], [3], True)
    qtbot.waitUntil(lambda: not drawn.annotate.operations.apply.isEnabled(), timeout=10_000)
    drawn_anew(drawn, tmp_path)


def test_the_outline_follows_what_was_copied(drawn: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window, panel = drawn, drawn.annotate.operations
    window.actions_table["edit_copy"].trigger()
    stroke(window, (20, 50), (36, 50))
    panel.choose(Operation.PASTE)
    first = previewed(window, qtbot)
    window.actions_table["edit_copy"].trigger()
    drawn_anew(window, tmp_path)
    assert previewed(window, qtbot).sum() > first.sum()


def test_what_was_copied_is_pasted_at_its_place_after_left_and_right_were_swapped(
    drawn: MainWindow, qtbot: QtBot
) -> None:
    window, editor = drawn, drawn.session.editor
    window.actions_table["edit_copy"].trigger()
    window.actions_table["neurological"].trigger()
    go(window, 6)
    window.actions_table["edit_paste"].trigger()
    qtbot.waitUntil(lambda: bool(editor.mask("lesions")[6].any()), timeout=10_000)
    np.testing.assert_array_equal(editor.mask("lesions")[6], editor.mask("lesions")[4])
    window.actions_table["neurological"].trigger()


def test_the_outline_turns_with_left_and_right(drawn: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    panel = drawn.annotate.operations
    panel.choose(Operation.MOVE)
    panel.right.setValue(4)
    first = previewed(drawn, qtbot)
    drawn.actions_table["neurological"].trigger()
    drawn_anew(drawn, tmp_path)
    assert not np.array_equal(previewed(drawn, qtbot), first)
    drawn.actions_table["neurological"].trigger()


def test_the_island_is_the_one_at_the_crosshair(drawn: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window, panel = drawn, drawn.annotate.operations
    stroke(window, (20, 54), (36, 54))
    window.annotate.views.go_to((28, 30, 4))
    panel.choose(Operation.ISLAND_KEEP)
    panel.where[Where.SPACE].click()
    assert previewed(window, qtbot)[4, 30, 28]
    window.annotate.views.go_to((28, 54, 4))
    drawn_anew(window, tmp_path)
    shown = previewed(window, qtbot)
    assert shown[4, 54, 28]
    assert not shown[4, 30, 28]


def test_the_outline_comes_after_a_stroke_that_changes_nothing(drawn: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    window, panel = drawn, drawn.annotate.operations
    panel.choose(Operation.GROW)
    window.session.editor.begin("brush", window.session.label)
    qtbot.wait(400)
    assert panel.overlays() == []
    assert window.session.editor.commit() is None
    previewed(window, qtbot)
    drawn_anew(window, tmp_path)


def test_the_outline_comes_back_after_something_else_changed_nothing(
    drawn: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    window, panel = drawn, drawn.annotate.operations
    panel.choose(Operation.GROW)
    panel.amount.setValue(9.0)
    previewed(window, qtbot)
    order = window.annotate.operator.order(Operation.LARGEST)
    window.annotate.operator.apply(order)
    # scrolled while that is worked out
    go(window, 2)
    qtbot.waitUntil(lambda: not window.annotate.operator.applying, timeout=10_000)
    drawn_anew(window, tmp_path)
    assert panel.operation is Operation.GROW
    assert previewed(window, qtbot)[2].sum() > previewed(window, qtbot)[4].sum()


def looked_at(window: MainWindow, qtbot: QtBot) -> QListWidget:
    """Save, and look at the newest version."""
    window.session.save_now()
    window.annotate.history.versions_button.click()
    shown = window.annotate.history.versions.list
    qtbot.waitUntil(lambda: shown.count() > 0, timeout=30_000)
    shown.setCurrentRow(0)
    qtbot.waitUntil(lambda: window.session.versions.preview is not None, timeout=10_000)
    return shown


def test_the_outline_of_a_version_goes_with_its_row(drawn: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    bare = laid(drawn)
    looked_at(drawn, qtbot)
    assert laid(drawn) == bare + 1
    # thinned out meanwhile
    drawn.session.versions.listed.emit([])
    assert drawn.session.versions.preview is None
    assert laid(drawn) == bare
    drawn_anew(drawn, tmp_path)


def test_versions_of_the_scan_before_cannot_be_looked_at(drawn: MainWindow, qtbot: QtBot) -> None:
    shown = looked_at(drawn, qtbot)
    with qtbot.waitSignal(drawn.session.scan_changed, timeout=10_000):
        drawn.session.open_scan(drawn.session.project.scans()[1].id)
    assert drawn.session.versions.preview is None
    assert shown.count() == 0


def test_a_peek_ends_where_masks_were_hidden_meanwhile(drawn: MainWindow, tmp_path: Path) -> None:
    views = drawn.annotate.views
    bare = views.main.grab().toImage()
    drawn.annotate.peek(True)
    assert views.main.grab().toImage() != bare
    drawn.session.set_overlay(visible=False)
    drawn.annotate.peek(False)
    drawn.session.set_overlay(visible=True)
    assert views.main.grab().toImage() == bare


def test_what_a_tool_shows_goes_with_the_pane_that_is_worked_in(
    drawn: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    drawn.annotate.views.go_to((28, 30, 4))
    drawn.actions_table["threshold"].trigger()
    qtbot.waitUntil(lambda: drawn.annotate.kit.levels.ready, timeout=10_000)
    qtbot.wait(100)
    drawn_anew(drawn, tmp_path)
    click(drawn, 1)
    qtbot.wait(100)
    drawn_anew(drawn, tmp_path)
