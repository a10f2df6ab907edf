"""The list of next best slices, and one key that takes the next one into Annotate."""

from __future__ import annotations

import numpy as np
import pytest
import small_project as small
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from core.project.predictions import write_prediction
from core.project.records import Origin
from core.review.suggest import Wish, suggest
from gui.main_window import MainWindow


@pytest.fixture
def window(qtbot, tmp_path):
    """Four scans, three of them drawn and finished; a run predicted all, least sure of slice 5 of the last."""
    path = tmp_path / "small.meninx"
    with small.make_project(path, scans=4, lesion=False) as project:
        run = small.past_run(project)
        scans = project.scans()
        for number, scan in enumerate(scans):
            soft = np.zeros(small.SHAPE, np.uint8)
            soft[2:10, 20:50, 20:50] = 255
            if number == 3:
                soft[5, 20:50, 20:50] = 135
            write_prediction(project, run.id, scan.id, {"Brain": (soft >= 128).astype(np.uint8)}, {"Brain": soft})
    with small.open_session(path) as session:
        made = MainWindow(session)
        qtbot.addWidget(made)
        made.resize(1280, 800)
        made.show()
        made.show_workspace("review")
        session.open_scan(session.project.scans()[0].id)
        qtbot.waitUntil(lambda: made.review.case is not None, timeout=15000)
        yield session, made
        made.review.close_page()


def listed(page):
    return [
        tuple(page.table.item(row, column).text() for column in range(page.table.columnCount()))
        for row in range(page.table.rowCount())
    ]


def test_the_list_is_what_the_core_suggests(window, qtbot):
    session, made = window
    page = made.review
    qtbot.mouseClick(page.bar.next, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(page.next.picks), timeout=15000)
    wanted = suggest(session.project, page.run, Wish(page.run.id, 10)).picks
    assert page.next.picks == wanted
    rows = listed(page.next.page)
    assert [row[0] for row in rows] == [pick.candidate.name for pick in wanted]
    assert rows[0][3] == "6 / 12"
    assert rows[0][4] == wanted[0].words
    assert all(row[4] for row in rows)
    # back to the panes
    qtbot.mouseClick(page.bar.next, Qt.MouseButton.LeftButton)
    assert page.panes.isVisible()


def test_a_slice_chosen_at_the_right_is_shown_instead_of_the_list(window):
    _, made = window
    page = made.review
    for go_away in (lambda: page.show_next(True), lambda: page.choose_view("numbers")):
        go_away()
        assert not page.panes.isVisible()
        page.side.next.slice_chosen.emit(3)
        assert page.panes.isVisible()
        assert page.panes.index == 3
        assert not page.bar.next.isChecked()


def test_one_key_takes_the_next_one_with_its_prediction(window, qtbot):
    session, made = window
    page = made.review
    last = session.project.scans()[3]
    QTest.keyClick(made, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: session.scan is not None and session.scan.id == last.id, timeout=15000)
    label = session.labels.named("Brain")
    qtbot.waitUntil(lambda: session.editor is not None and session.editor.drawn(label.layer).any(), timeout=15000)
    assert made.workspaces.currentWidget() is made.annotate
    assert made.annotate.views.position[2] == 5
    assert list(np.flatnonzero(session.editor.drawn(label.layer))) == [5]
    state = session.editor.state(label.layer, 5)
    assert (state.origin, state.run, state.finished) == (Origin.PREDICTED, page.run.id, False)
    # a second press goes on to the second of the list, whatever is shown
    second = page.next.picks[1].candidate
    QTest.keyClick(made, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(
        lambda: session.scan.id == second.scan and made.annotate.views.position[2] == second.slice, timeout=15000
    )


def test_what_somebody_drew_is_not_painted_over(window, qtbot):
    session, made = window
    page = made.review
    last = session.project.scans()[3]
    session.open_scan(last.id)
    qtbot.waitUntil(lambda: session.scan is not None and session.scan.id == last.id, timeout=15000)
    label = session.labels.named("Brain")
    mask = np.zeros(small.SHAPE, np.uint8)
    mask[5, 1:4, 1:4] = label.value
    session.put_masks({"Brain": mask}, ())
    qtbot.waitUntil(lambda: session.editor.drawn(label.layer)[5], timeout=15000)
    page.show_next(True)
    qtbot.waitUntil(lambda: bool(page.next.picks), timeout=15000)
    page.next.take(0)
    qtbot.waitUntil(lambda: made.annotate.views.position[2] == 5, timeout=5000)
    qtbot.wait(300)
    assert np.count_nonzero(session.editor.mask(label.layer)) == 9


def test_nothing_predicted_is_said_in_the_list(window, qtbot):
    session, made = window
    page = made.review
    with session.project.store.transaction() as connection:
        connection.execute("DELETE FROM prediction")
    page.show_next(True)
    qtbot.waitUntil(lambda: "predict" in page.next.page.words, timeout=15000)
    assert not page.next.page.take.isEnabled()
