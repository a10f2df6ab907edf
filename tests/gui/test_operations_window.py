"""Operations through the window: by key, by the panel with its preview, refused in words, undone as one step."""

from __future__ import annotations

import numpy as np
import pytest
import small_project as small
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog
from pytestqt.qtbot import QtBot
from shell_support import SHAPE, stroke

from core.editing.operations import Operation, Where
from core.geometry import Geometry
from core.project.predictions import read_prediction
from core.project.records import Origin
from gui.annotate.operations.lengths import least_length, usual_length
from gui.dialogs.command_palette import CommandPalette
from gui.main_window import MainWindow


@pytest.fixture
def said(opened: MainWindow) -> list[str]:
    heard: list[str] = []
    opened.session.notifier.told.connect(lambda told: heard.append(told.words))
    return heard


def go(window: MainWindow, place: int) -> None:
    x, y, _z = window.annotate.views.position
    window.annotate.views.go_to((x, y, place))


def draw(window: MainWindow, place: int, start: tuple[int, int] = (20, 30), end: tuple[int, int] = (36, 30)) -> None:
    go(window, place)
    window.annotate.hand.set_size(10)
    window.session.choose_label("Tumour")
    stroke(window, start, end)


def steps(window: MainWindow) -> list[str]:
    return [step.action for step in window.session.editor.steps()]


def wait_step(window: MainWindow, qtbot: QtBot, action: str) -> None:
    qtbot.waitUntil(lambda: steps(window)[-1:] == [action], timeout=10_000)


def test_i_fills_between_drawn_slices_as_one_step_and_undo_takes_it_back(opened: MainWindow, qtbot: QtBot) -> None:
    editor = opened.session.editor
    draw(opened, 1)
    draw(opened, 6)
    before = editor.mask("lesions").copy()
    opened.actions_table["edit_interpolate"].trigger()
    wait_step(opened, qtbot, "interpolate")
    mask = editor.mask("lesions")
    assert (mask > 0).any(axis=(1, 2)).tolist() == [False, True, True, True, True, True, True, False]
    np.testing.assert_array_equal(mask[[1, 6]], before[[1, 6]])
    assert editor.state("lesions", 3).origin is Origin.INTERPOLATED
    assert not editor.state("lesions", 3).finished
    assert editor.state("lesions", 1).origin is Origin.DRAWN
    opened.session.undo()
    np.testing.assert_array_equal(editor.mask("lesions"), before)


def test_the_panel_outlines_the_outcome_before_it_is_applied(opened: MainWindow, qtbot: QtBot) -> None:
    editor, panel = opened.session.editor, opened.annotate.operations
    draw(opened, 3)
    before = editor.mask("lesions").copy()
    assert panel.options.isHidden()
    panel.choose(Operation.GROW)
    assert not panel.options.isHidden()
    panel.amount.setValue(4.0)
    qtbot.waitUntil(lambda: bool(panel.overlays()), timeout=10_000)
    shown = panel.overlays()[0].mask.copy()
    assert shown.sum() > before.sum() > 0
    np.testing.assert_array_equal(editor.mask("lesions"), before)
    assert panel.words.text().startswith("Tumour: +")
    # another amount: the old outline goes at once, a larger one comes
    panel.amount.setValue(6.0)
    assert panel.overlays() == []
    qtbot.waitUntil(lambda: bool(panel.overlays()), timeout=10_000)
    shown = panel.overlays()[0].mask.copy()
    panel.apply.click()
    wait_step(opened, qtbot, "grow")
    np.testing.assert_array_equal(editor.mask("lesions"), shown)
    assert editor.state("lesions", 3).origin is Origin.DRAWN
    assert panel.operation is None
    assert panel.overlays() == []
    assert steps(opened) == ["brush", "grow"]
    opened.session.undo()
    np.testing.assert_array_equal(editor.mask("lesions"), before)


def test_cancel_leaves_nothing_behind(opened: MainWindow, qtbot: QtBot) -> None:
    editor, panel = opened.session.editor, opened.annotate.operations
    draw(opened, 3)
    before = editor.mask("lesions").copy()
    panel.choose(Operation.SMOOTH)
    panel.where[Where.SPACE].click()
    panel.cancel.click()
    assert panel.operation is None
    qtbot.wait(300)
    assert panel.overlays() == []
    np.testing.assert_array_equal(editor.mask("lesions"), before)
    assert steps(opened) == ["brush"]


def test_what_closes_leaves_the_keys_to_no_button(opened: MainWindow, qtbot: QtBot) -> None:
    panel = opened.annotate.operations
    draw(opened, 3)
    opened.activateWindow()
    panel.choose(Operation.SMOOTH)
    panel.amount.setFocus()
    qtbot.waitUntil(panel.amount.hasFocus)
    panel.cancel.click()
    assert not isinstance(QApplication.focusWidget(), QAbstractButton)


def test_seeds_begin_with_scribbles_after_another_operation_was_about_a_label(opened: MainWindow, qtbot: QtBot) -> None:
    panel, table = opened.annotate.operations, opened.session.labels
    opened.session.change_labels(table.with_label("Oedema"))
    draw(opened, 3)
    panel.choose(Operation.UNITE)
    panel.other.setCurrentIndex(panel.other.findData("Oedema"))
    panel.choose(Operation.SEEDS)
    assert panel.other.currentData() == ""
    panel.other.setCurrentIndex(panel.other.findData("Oedema"))
    panel.choose(None)
    panel.choose(Operation.SEEDS)
    assert panel.other.currentData() == "Oedema"


def test_drawing_and_scrolling_make_the_outline_anew(opened: MainWindow, qtbot: QtBot) -> None:
    panel = opened.annotate.operations
    draw(opened, 3)
    draw(opened, 5, (30, 40), (40, 40))
    panel.choose(Operation.GROW)
    panel.amount.setValue(6.0)
    qtbot.waitUntil(lambda: bool(panel.overlays()), timeout=10_000)
    first = panel.overlays()[0].mask.copy()
    go(opened, 3)
    qtbot.waitUntil(lambda: bool(panel.overlays()), timeout=10_000)
    second = panel.overlays()[0].mask.copy()
    assert (first != second).any(axis=(1, 2)).tolist() == [place in (3, 5) for place in range(8)]
    draw(opened, 3, (20, 14), (30, 14))
    qtbot.waitUntil(lambda: bool(panel.overlays()), timeout=10_000)
    assert panel.overlays()[0].mask[3].sum() > second[3].sum()


def test_copy_and_paste_by_keys(opened: MainWindow, qtbot: QtBot, said: list[str]) -> None:
    editor, actions = opened.session.editor, opened.actions_table
    actions["edit_copy"].trigger()
    assert said[-1].startswith("Nothing of ")
    draw(opened, 3)
    actions["edit_copy"].trigger()
    go(opened, 6)
    actions["edit_paste"].trigger()
    wait_step(opened, qtbot, "paste")
    np.testing.assert_array_equal(editor.mask("lesions")[6], editor.mask("lesions")[3])
    actions["edit_copy_next"].trigger()
    wait_step(opened, qtbot, "copy_next")
    assert opened.annotate.views.position[2] == 7
    np.testing.assert_array_equal(editor.mask("lesions")[7], editor.mask("lesions")[3])
    actions["edit_copy_next"].trigger()
    qtbot.waitUntil(lambda: said[-1].startswith("There is no slice beyond"), timeout=5000)


def test_islands_under_the_pointer(opened: MainWindow, qtbot: QtBot) -> None:
    editor = opened.session.editor
    draw(opened, 3, (14, 14), (18, 14))
    draw(opened, 3, (36, 50), (44, 50))
    opened.annotate.operator.under = (16, 14, 3)
    opened.actions_table["edit_island_delete"].trigger()
    wait_step(opened, qtbot, "island_delete")
    mask = editor.mask("lesions")[3]
    assert mask[14, 16] == 0
    assert mask[50, 40] == 1


def test_the_palette_means_the_island_that_was_under_the_pointer(
    opened: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = opened.session.editor
    draw(opened, 3, (14, 14), (18, 14))
    draw(opened, 3, (36, 50), (44, 50))
    opened.annotate.views.go_to((40, 50, 3))
    opened.annotate.operator.under = (16, 14, 3)

    def choose(palette: CommandPalette) -> QDialog.DialogCode:
        # it opens over the scan: the pointer leaves the pane
        opened.annotate.views.hovered.emit(None)
        palette.chosen = "edit_island_delete"
        return QDialog.DialogCode.Accepted

    monkeypatch.setattr(CommandPalette, "exec", choose)
    opened.actions_table["palette"].trigger()
    wait_step(opened, qtbot, "island_delete")
    mask = editor.mask("lesions")[3]
    assert mask[14, 16] == 0
    assert mask[50, 40] == 1
    assert opened.annotate.operator.under is None


def test_two_labels_by_the_panel(opened: MainWindow, qtbot: QtBot) -> None:
    editor, panel = opened.session.editor, opened.annotate.operations
    draw(opened, 3)
    opened.session.choose_label("Brain")
    stroke(opened, (30, 30), (44, 30))
    tumour, brain = editor.mask("lesions").copy(), editor.mask("brain").copy()
    opened.session.choose_label("Tumour")
    panel.choose(Operation.SUBTRACT)
    # labels that exclude one another have nothing to subtract
    assert [panel.other.itemText(place) for place in range(panel.other.count())] == ["Brain"]
    panel.apply.click()
    wait_step(opened, qtbot, "subtract")
    np.testing.assert_array_equal(editor.mask("lesions") > 0, (tumour > 0) & (brain == 0))
    np.testing.assert_array_equal(editor.mask("brain"), brain)


def test_refusals_are_said_and_nothing_is_lost(opened: MainWindow, qtbot: QtBot, said: list[str]) -> None:
    session, actions, panel = opened.session, opened.actions_table, opened.annotate.operations
    draw(opened, 3)
    before = session.editor.mask("lesions").copy()
    actions["edit_interpolate"].trigger()
    qtbot.waitUntil(lambda: bool(said) and said[-1].startswith("There is nothing between"), timeout=5000)
    session.change_labels(session.labels.with_changed("Tumour", locked=True))
    actions["edit_keep_largest"].trigger()
    assert said[-1].startswith("The chosen label is locked")
    panel.choose(Operation.SHRINK)
    qtbot.waitUntil(lambda: panel.words.text().startswith("The chosen label is locked"), timeout=5000)
    assert not panel.apply.isEnabled()
    session.change_labels(session.labels.with_changed("Tumour", locked=False))
    session.show_label("Tumour", False)
    actions["edit_keep_largest"].trigger()
    assert said[-1].startswith("The chosen label is hidden")
    session.show_label("Tumour", True)
    actions["edit_keep_largest"].trigger()
    qtbot.waitUntil(lambda: said[-1].startswith("Nothing of Tumour changes"), timeout=5000)
    np.testing.assert_array_equal(session.editor.mask("lesions"), before)
    assert steps(opened) == ["brush"]


def test_what_was_drawn_while_it_was_worked_out_is_kept(opened: MainWindow, qtbot: QtBot) -> None:
    editor = opened.session.editor
    draw(opened, 3)
    opened.annotate.operator.do(Operation.GROW, amount=5.0)
    # before the thread's answer is heard
    stroke(opened, (14, 12), (18, 12))
    drawn = editor.mask("lesions").copy()
    assert steps(opened) == ["brush", "brush"]
    wait_step(opened, qtbot, "grow")
    assert (editor.mask("lesions")[drawn > 0] > 0).all()
    # what was drawn meanwhile grew too
    assert np.count_nonzero(editor.mask("lesions")[3, :16]) > np.count_nonzero(drawn[3, :16])


def test_what_a_run_suggests_is_taken_per_slice_and_per_region(
    opened: MainWindow, qtbot: QtBot, said: list[str]
) -> None:
    session, actions = opened.session, opened.actions_table
    session.choose_label("Brain")
    actions["edit_suggest"].trigger()
    qtbot.waitUntil(lambda: bool(said) and said[-1].startswith("No run has predicted Brain"), timeout=5000)
    run = small.past_run(session.project, labels=("Brain", "Tumour")).id
    small.predict(session.project, run, session.scan.id, dict(small.head_of(1, SHAPE, True).masks), shift=0)
    go(opened, 4)
    actions["edit_suggest"].trigger()
    wait_step(opened, qtbot, "suggest")
    predicted = read_prediction(session.project, run, session.scan.id)
    mask = session.editor.mask("brain")
    np.testing.assert_array_equal(mask[4], predicted["Brain"][4])
    assert not np.delete(mask, 4, 0).any()
    assert (session.editor.state("brain", 4).origin, session.editor.state("brain", 4).run) == (Origin.PREDICTED, run)
    session.undo()
    assert not mask.any()
    # one region of another label, under the pointer
    session.choose_label("Tumour")
    z, y, x = (int(place) for place in np.argwhere(predicted["Tumour"])[0])
    go(opened, z)
    opened.annotate.operator.under = (x, y, z)
    actions["edit_suggest_region"].trigger()
    wait_step(opened, qtbot, "suggest_region")
    lesions = session.editor.mask("lesions")
    assert lesions[z, y, x] == session.label.value
    assert not (lesions.astype(bool) & (predicted["Tumour"] == 0)).any()
    assert session.editor.state("lesions", z).origin is Origin.CORRECTED


def test_a_length_shorter_than_a_pixel_says_why_nothing_changes(opened: MainWindow, qtbot: QtBot) -> None:
    panel = opened.annotate.operations
    draw(opened, 3)
    panel.choose(Operation.GROW)
    panel.amount.setValue(0.1)
    qtbot.waitUntil(lambda: "less than a pixel" in panel.words.text(), timeout=10_000)
    geometry = opened.session.volume.geometry
    assert panel.words.text().startswith("0.1 mm is less than a pixel, so nothing changes: ")
    panel.amount.setValue(least_length(geometry))
    qtbot.waitUntil(lambda: bool(panel.overlays()), timeout=10_000)


@pytest.mark.parametrize(("size", "usual"), [(0.72, 1.0), (1.0000001, 1.0), (1.25, 1.3), (3.0, 3.0)])
def test_a_length_begins_with_what_reaches_a_pixel(size: float, usual: float) -> None:
    assert usual_length(Geometry((4, 5, 6), np.diag([size, size, 5.0, 1.0]))) == usual
