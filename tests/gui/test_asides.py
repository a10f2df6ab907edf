"""Ctrl+Z takes back what was done last, be it drawn, said of a class, or done to a label; Ctrl+Y does it again."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from shell_support import stroke, wait_loaded

from gui.main_window import MainWindow


def settled(window: MainWindow, qtbot: QtBot) -> None:
    session = window.session
    qtbot.waitUntil(lambda: not session.labeller.busy and not session.loading, timeout=10_000)
    wait_loaded(window, qtbot)


def draw(window: MainWindow, name: str, row: int) -> None:
    window.session.choose_label(name)
    window.annotate.hand.take("brush")
    stroke(window, (14, row), (34, row))


def test_labels_added_named_and_coloured_go_back_and_come_again(opened: MainWindow, qtbot: QtBot) -> None:
    session = opened.session
    states = [session.labels]
    session.change_labels(session.labels.with_label("Oedema"))
    states.append(session.labels)
    session.change_labels(session.labels.with_changed("Oedema", new_name="Swelling", color="#123456"))
    states.append(session.labels)
    session.change_labels(session.labels.moved("Swelling", 0))
    states.append(session.labels)
    for known in reversed(states[:-1]):
        session.undo()
        assert session.labels == known
        assert session.project.labels() == known
    session.undo()
    assert session.labels == states[0]
    for known in states[1:]:
        session.redo()
        assert session.labels == known


def test_drawing_and_labels_go_back_in_the_order_they_were_done(opened: MainWindow, qtbot: QtBot) -> None:
    session, editor = opened.session, opened.session.editor
    masks = []

    def keep() -> None:
        masks.append((editor.mask("lesions").copy(), [label.name for label in session.labels]))

    keep()
    draw(opened, "Tumour", 20)
    keep()
    session.change_labels(session.labels.with_changed("Tumour", new_name="Glioma"))
    keep()
    draw(opened, "Glioma", 30)
    keep()
    session.change_labels(session.labels.with_changed("Glioma", color="#123456"))
    keep()
    for forward in (False, True):
        for mask, names in (masks if forward else masks[::-1])[1:]:
            (session.redo if forward else session.undo)()
            np.testing.assert_array_equal(editor.mask("lesions"), mask)
            assert [label.name for label in session.labels] == names
    # something new leaves nothing to be done again
    session.undo()
    session.undo()
    draw(opened, "Glioma", 40)
    session.redo()
    assert session.labels.named("Glioma").color != "#123456"


def test_a_label_that_was_drawn_with_goes_with_its_voxels_and_comes_again(opened: MainWindow, qtbot: QtBot) -> None:
    session = opened.session
    session.change_labels(session.labels.with_label("Oedema"))
    draw(opened, "Oedema", 20)
    drawn = session.editor.mask("lesions").copy()
    session.save_now()
    qtbot.waitUntil(lambda: not session.editor.dirty, timeout=5000)
    session.undo()
    assert not session.editor.mask("lesions").any()
    session.undo()
    settled(opened, qtbot)
    assert session.labels.find("Oedema") is None
    session.redo()
    settled(opened, qtbot)
    assert session.labels.find("Oedema") is not None
    session.redo()
    np.testing.assert_array_equal(session.editor.mask("lesions"), drawn)
    assert session.project.verify() == []


@pytest.mark.parametrize("kind", ["delete", "merge", "move"])
def test_steps_of_labels_are_done_again_in_all_scans(opened: MainWindow, qtbot: QtBot, kind: str) -> None:
    session = opened.session
    draw(opened, "Tumour", 20)
    draw(opened, "Haemorrhage", 40)
    before, names = session.editor.mask("lesions").copy(), session.labels
    if kind == "delete":
        session.labeller.delete("Tumour")
    elif kind == "merge":
        session.labeller.merge("Tumour", "Haemorrhage")
    else:
        session.labeller.move("Tumour", "own")
    settled(opened, qtbot)
    after, changed = session.editor.mask("lesions").copy(), [(one.name, one.layer, one.value) for one in session.labels]
    assert not np.array_equal(after, before)
    for _ in range(2):
        session.undo()
        settled(opened, qtbot)
        np.testing.assert_array_equal(session.editor.mask("lesions"), before)
        assert {one.name for one in session.labels} == {one.name for one in names}
        session.redo()
        settled(opened, qtbot)
        np.testing.assert_array_equal(session.editor.mask("lesions"), after)
        assert [(one.name, one.layer, one.value) for one in session.labels] == changed
    # the drawing before it is there still
    session.undo()
    settled(opened, qtbot)
    session.undo()
    assert not (session.editor.mask("lesions") == 2).any()
    assert session.project.verify() == []


def test_a_label_that_is_not_drawn_here_comes_back_by_the_key_too(opened: MainWindow, qtbot: QtBot) -> None:
    session = opened.session
    draw(opened, "Tumour", 20)
    session.labeller.delete("Haemorrhage")
    settled(opened, qtbot)
    assert session.labels.find("Haemorrhage") is None
    session.undo()
    settled(opened, qtbot)
    assert session.labels.find("Haemorrhage") is not None
    assert (session.editor.mask("lesions") == 1).any()
    session.redo()
    settled(opened, qtbot)
    assert session.labels.find("Haemorrhage") is None
    session.undo()
    settled(opened, qtbot)
    session.undo()
    assert not session.editor.mask("lesions").any()
