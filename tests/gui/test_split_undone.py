"""Labels that came with the pieces of another go with the undo of it, and come back with its redo."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from shell_support import stroke, wait_loaded

from core.editing.operations import Operation
from gui.main_window import MainWindow


def split(window: MainWindow, qtbot: QtBot, pieces: int = 3) -> np.ndarray:
    """Draw some pieces on a slice and split them; return the mask before."""
    window.session.choose_label("Tumour")
    window.annotate.hand.set_size(6)
    for row in range(pieces):
        stroke(window, (14, 12 + 14 * row), (30 - 5 * row, 12 + 14 * row))
    before = window.session.editor.mask("lesions").copy()
    panel = window.annotate.operations
    panel.choose(Operation.SPLIT)
    panel.most.setValue(pieces)
    panel.apply.click()
    qtbot.waitUntil(lambda: window.session.editor.steps()[-1].action == "split_islands", timeout=10_000)
    return before


def names(window: MainWindow) -> list[str]:
    held = [label.name for label in window.session.project.labels()]
    assert [label.name for label in window.session.labels] == held
    return held


@pytest.mark.parametrize("saved", [False, True])
def test_one_undo_takes_labels_and_pieces_back_and_one_redo_brings_them(
    opened: MainWindow, qtbot: QtBot, saved: bool
) -> None:
    session, editor = opened.session, opened.session.editor
    first = names(opened)
    before = split(opened, qtbot)
    after, both = editor.mask("lesions").copy(), session.labels
    assert names(opened) == [*first, "Tumour 2", "Tumour 3"]
    session.choose_label("Tumour 3")
    if saved:
        session.save_now()
        qtbot.waitUntil(lambda: not editor.dirty, timeout=10_000)
    for _ in range(2):
        session.undo()
        np.testing.assert_array_equal(editor.mask("lesions"), before)
        assert names(opened) == first
        assert session.label.name == "Tumour"
        session.redo()
        np.testing.assert_array_equal(editor.mask("lesions"), after)
        assert [(one.name, one.value, one.color, one.layer) for one in session.labels] == [
            (one.name, one.value, one.color, one.layer) for one in both
        ]


def test_a_label_made_meanwhile_never_gets_the_pieces(opened: MainWindow, qtbot: QtBot) -> None:
    session, editor = opened.session, opened.session.editor
    split(opened, qtbot)
    after = editor.mask("lesions").copy()
    session.undo()
    session.change_labels(session.labels.with_label("Other", layer="lesions"))
    session.redo()
    np.testing.assert_array_equal(editor.mask("lesions"), after)
    other = session.labels.named("Other")
    assert not (after == other.value).any()
    assert {"Tumour 2", "Tumour 3", "Other"} <= set(names(opened))


def test_after_a_start_anew_it_is_the_same(opened: MainWindow, qtbot: QtBot) -> None:
    session = opened.session
    before = split(opened, qtbot)
    scan, path = session.scan.id, session.project.path
    session.close_project()
    session.open_project(path)
    session.open_scan(scan)
    wait_loaded(opened, qtbot)
    session.undo()
    np.testing.assert_array_equal(session.editor.mask("lesions"), before)
    assert "Tumour 2" not in names(opened)
    session.redo()
    assert "Tumour 2" in names(opened)


def test_a_label_that_another_scan_holds_stays(opened: MainWindow, qtbot: QtBot) -> None:
    session = opened.session
    split(opened, qtbot)
    label = session.labels.named("Tumour 2")
    other = next(one for one in session.project.scans() if one.id != session.scan.id)
    annotation = session.project.ensure_annotation(other.id, session.reader)
    mask = np.zeros(other.shape, np.uint8)
    mask[1, 3:6, 3:6] = label.value
    session.project.save_layers(annotation.id, {label.layer: mask}, {label.layer: []}, journal_sequence=0)
    session.undo()
    assert "Tumour 2" in names(opened)
    assert "Tumour 3" not in names(opened)
