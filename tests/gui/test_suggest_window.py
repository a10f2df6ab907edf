"""What a run suggests, through the window: regions clicked, listed, accepted, rejected, remembered, undone."""

from __future__ import annotations

import numpy as np
import pytest
import small_project as small
from PySide6.QtCore import QEvent, Qt
from pytestqt.qtbot import QtBot
from scipy import ndimage
from shell_support import SHAPE, mouse, stroke, wait_loaded

from core.project.predictions import write_prediction
from core.project.records import Origin
from gui.annotate.operations.proposal import Proposal
from gui.main_window import MainWindow

CTRL = Qt.KeyboardModifier.ControlModifier
NONE = Qt.KeyboardModifier.NoModifier


def predicted() -> np.ndarray:
    """Three regions of a tumour: two that meet slice 4, one that does not; the largest first in the list."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[3:6, 30:40, 20:30] = 1
    mask[4, 12:18, 36:42] = 1
    mask[6:8, 48:52, 10:13] = 1
    return mask


def predict(window: MainWindow, name: str = "Tumour", mask: np.ndarray | None = None) -> str:
    session = window.session
    run = small.past_run(session.project, labels=(name,)).id
    guess = predicted() if mask is None else mask
    write_prediction(session.project, run, session.scan.id, {name: guess}, {name: guess * np.uint8(255)})
    return run


@pytest.fixture
def said(opened: MainWindow) -> list[str]:
    heard: list[str] = []
    opened.session.notifier.told.connect(lambda told: heard.append(told.words))
    return heard


def take_up(window: MainWindow, qtbot: QtBot, name: str = "Tumour") -> Proposal:
    window.session.choose_label(name)
    window.actions_table["suggestions"].trigger()
    go(window, 4)
    settle(window, qtbot)
    return window.annotate.kit.proposal


def settle(window: MainWindow, qtbot: QtBot) -> None:
    proposal, operator = window.annotate.kit.proposal, window.annotate.operator
    qtbot.waitUntil(lambda: not proposal.busy and not operator.busy, timeout=10_000)
    # what is counted in a thread comes a moment later
    qtbot.wait(60)


def go(window: MainWindow, place: int) -> None:
    x, y, _z = window.annotate.views.position
    window.annotate.views.go_to((x, y, place))


def click(window: MainWindow, x: float, y: float, keys: Qt.KeyboardModifier = NONE) -> None:
    view = window.annotate.views.main
    place = view.point_of((x, y, view.index))
    mouse(view, QEvent.Type.MouseButtonPress, place, keys=keys)
    mouse(view, QEvent.Type.MouseButtonRelease, place, keys=keys)


def lesions(window: MainWindow) -> np.ndarray:
    return window.session.editor.mask("lesions")


def steps(window: MainWindow) -> list[str]:
    editor = window.session.editor
    return [step.action for step in editor.steps()[: editor.position]]


def numbers(proposal: Proposal) -> list[int]:
    return [region.number for region in proposal.open]


def test_a_click_accepts_one_region_as_one_step(opened: MainWindow, qtbot: QtBot, said: list[str]) -> None:
    run = predict(opened)
    proposal = take_up(opened, qtbot)
    assert not opened.annotate.suggestions.isHidden()
    parts, count = ndimage.label(predicted())
    assert count == 3
    assert numbers(proposal) == [1, 2, 3]
    overlay = proposal.overlays()[0]
    np.testing.assert_array_equal(overlay.mask > 0, predicted() > 0)
    click(opened, 25, 35)
    qtbot.waitUntil(lambda: steps(opened) == ["suggest_region"], timeout=10_000)
    settle(opened, qtbot)
    np.testing.assert_array_equal(lesions(opened), (parts == parts[4, 35, 25]).astype(np.uint8))
    state = opened.session.editor.state("lesions", 4)
    assert (state.origin, state.run, state.finished) == (Origin.CORRECTED, run, False)
    assert numbers(proposal) == [2, 3]
    assert set(proposal.overlays()[0].colors) == {2, 3}
    # where it was accepted nothing is open any more, nor where nothing was suggested
    for at in ((25, 35), (5, 5)):
        click(opened, *at)
        assert said[-1].startswith("Nothing is suggested here")
    assert steps(opened) == ["suggest_region"]
    opened.session.undo()
    settle(opened, qtbot)
    assert not lesions(opened).any()
    assert numbers(proposal) == [1, 2, 3]


def test_ctrl_click_and_backspace_reject_and_it_is_remembered(opened: MainWindow, qtbot: QtBot) -> None:
    predict(opened)
    proposal, session = take_up(opened, qtbot), opened.session
    click(opened, 25, 35, CTRL)
    assert numbers(proposal) == [2, 3]
    view = opened.annotate.views.main
    mouse(view, QEvent.Type.MouseMove, view.point_of((38, 14, 4)), button=Qt.MouseButton.NoButton)
    qtbot.keyClick(view, Qt.Key.Key_Backspace)
    assert numbers(proposal) == [3]
    assert steps(opened) == []
    # another scan and back: it is remembered, and only there
    first, second = (scan.id for scan in session.project.scans()[:2])
    with qtbot.waitSignal(session.scan_changed, timeout=10_000):
        session.open_scan(second)
    wait_loaded(opened, qtbot)
    settle(opened, qtbot)
    assert proposal.suggestion is None
    assert opened.annotate.suggestions.words.text().startswith("No run has predicted Tumour")
    with qtbot.waitSignal(session.scan_changed, timeout=10_000):
        session.open_scan(first)
    wait_loaded(opened, qtbot)
    settle(opened, qtbot)
    assert numbers(proposal) == [3]
    panel = opened.annotate.suggestions
    assert panel.restore.text() == "Show 2 rejected again"
    panel.restore.click()
    assert numbers(proposal) == [1, 2, 3]
    assert panel.restore.isHidden()


def test_the_list_leads_to_each_region_and_accepts_or_rejects_it(opened: MainWindow, qtbot: QtBot) -> None:
    predict(opened)
    proposal, panel = take_up(opened, qtbot), opened.annotate.suggestions
    assert panel.list.count() == 3
    assert "slices 4–6" in panel.list.item(0).text()
    assert "slice 5" in panel.list.item(1).text()
    assert not panel.accept.isEnabled()
    panel.list.setCurrentRow(2)
    x, y, z = opened.annotate.views.position
    assert predicted()[z, y, x] == 1
    assert 6 <= z <= 7
    panel.reject.click()
    assert numbers(proposal) == [1, 2]
    panel.list.setCurrentRow(1)
    panel.accept.click()
    qtbot.waitUntil(lambda: steps(opened) == ["suggest_region"], timeout=10_000)
    settle(opened, qtbot)
    assert np.count_nonzero(lesions(opened)) == 36
    assert panel.list.count() == 1


def test_all_at_once_or_on_this_slice_over_what_is_drawn_already(opened: MainWindow, qtbot: QtBot) -> None:
    predict(opened)
    proposal, panel, session = take_up(opened, qtbot), opened.annotate.suggestions, opened.session
    # somebody has drawn something else there, and said that a part of it is outside
    session.choose_label("Haemorrhage")
    opened.actions_table["brush"].trigger()
    opened.annotate.hand.set_size(8)
    stroke(opened, (20, 30), (29, 30))
    opened.actions_table["background"].trigger()
    stroke(opened, (20, 39), (29, 39))
    session.change_labels(session.labels.with_changed("Haemorrhage", locked=True))
    drawn = lesions(opened).copy()
    assert set(np.unique(drawn)) == {0, 2, 255}
    take_up(opened, qtbot)
    qtbot.keyClick(opened.annotate.views.main, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: steps(opened)[-1] == "suggest_regions", timeout=10_000)
    expected = drawn.copy()
    expected[4][(predicted()[4] > 0) & (drawn[4] == 0)] = 1
    np.testing.assert_array_equal(lesions(opened), expected)
    settle(opened, qtbot)
    click(opened, 5, 60, CTRL)
    proposal.reject((3,))
    panel.all.click()
    qtbot.waitUntil(lambda: len(steps(opened)) == 4, timeout=10_000)
    wanted = (predicted() > 0) & (drawn == 0)
    wanted[6:] = False
    np.testing.assert_array_equal(lesions(opened), np.where(wanted, np.uint8(1), drawn))
    settle(opened, qtbot)
    assert numbers(proposal) == []
    assert panel.words.text() == "Nothing of Tumour is left to accept."
    assert not panel.all.isEnabled()
    session.undo()
    np.testing.assert_array_equal(lesions(opened), expected)
    session.undo()
    np.testing.assert_array_equal(lesions(opened), drawn)


def test_a_locked_or_hidden_label_takes_nothing_and_says_why(opened: MainWindow, qtbot: QtBot, said: list[str]) -> None:
    predict(opened)
    session = opened.session
    proposal = take_up(opened, qtbot)
    for change, back, words in (
        (lambda: session.show_label("Tumour", False), lambda: session.show_label("Tumour", True), "hidden"),
        (
            lambda: session.change_labels(session.labels.with_changed("Tumour", locked=True)),
            lambda: session.change_labels(session.labels.with_changed("Tumour", locked=False)),
            "locked",
        ),
    ):
        change()
        settle(opened, qtbot)
        click(opened, 25, 35)
        assert words in said[-1]
        opened.annotate.suggestions.all.click()
        assert words in said[-1]
        back()
        settle(opened, qtbot)
    click(opened, -4, 10)
    assert "outside" in said[-1]
    assert numbers(proposal) == [1, 2, 3]
    assert steps(opened) == []


def test_the_newest_run_is_shown_and_another_can_be_chosen(opened: MainWindow, qtbot: QtBot) -> None:
    other = np.zeros(SHAPE, np.uint8)
    other[2:5, 20:24, 20:24] = 1
    first = predict(opened, mask=other)
    second = predict(opened)
    proposal, panel = take_up(opened, qtbot), opened.annotate.suggestions
    assert [run for run, _name in proposal.runs] == [second, first]
    assert panel.runs.count() == 2
    assert proposal.suggestion.run == second
    panel.runs.setCurrentIndex(1)
    panel.runs.activated.emit(1)
    settle(opened, qtbot)
    assert proposal.suggestion.run == first
    np.testing.assert_array_equal(proposal.suggestion.numbers > 0, other > 0)
    # a run that knows the label only
    opened.session.choose_label("Brain")
    settle(opened, qtbot)
    assert proposal.suggestion is None
    assert proposal.overlays() == []
    # with another tool in the hand it is not in the way
    opened.actions_table["brush"].trigger()
    opened.session.choose_label("Tumour")
    assert proposal.overlays() == []
    assert opened.annotate.suggestions.isHidden()
