"""Fill, wand, trace and threshold through the window, against an independent computation."""

from __future__ import annotations

import numpy as np
import pytest
from pointer_support import (
    CTRL,
    XY,
    actions,
    brain,
    click,
    drag,
    flooded,
    hover,
    key,
    shown,
    undone,
)
from PySide6.QtCore import QEvent, Qt
from pytestqt.qtbot import QtBot
from scipy import ndimage
from shell_support import mouse, stroke

from gui.main_window import MainWindow

# ------------------------------------------------------------------------ fill


def test_fill_fills_what_is_enclosed_and_ctrl_clears_what_is_connected(opened: MainWindow, qtbot: QtBot) -> None:
    view = opened.annotate.views.main
    opened.annotate.hand.set_size(3)
    corners: list[XY] = [(15, 20), (40, 20), (40, 45), (15, 45)]
    for start, end in zip(corners, [*corners[1:], corners[0]], strict=True):
        stroke(opened, start, end)
    ring = brain(opened)[view.index].astype(bool).copy()
    key(qtbot, opened, Qt.Key.Key_F)
    click(view, (5, 5))
    assert "encloses" in opened.toasts.toasts[-1].told.words
    np.testing.assert_array_equal(brain(opened)[view.index].astype(bool), ring)
    click(view, (28, 32))
    np.testing.assert_array_equal(brain(opened)[view.index].astype(bool), ring | flooded(~ring, (32, 28)))
    click(view, (28, 32))
    assert "already" in opened.toasts.toasts[-1].told.words
    full = brain(opened).copy()
    click(view, (5, 5), CTRL)
    assert "to clear" in opened.toasts.toasts[-1].told.words
    click(view, (28, 32), CTRL)
    assert not brain(opened).any()
    assert actions(opened)[-2:] == ["fill", "fill"]
    undone(qtbot, opened, full)
    click(view, (-3, 5))
    assert "outside" in opened.toasts.toasts[-1].told.words


# ------------------------------------------------------------------------ wand


def test_wand_takes_what_is_connected_and_as_bright(opened: MainWindow, qtbot: QtBot) -> None:
    view, levels = opened.annotate.views.main, opened.annotate.kit.levels
    values = shown(opened)
    key(qtbot, opened, Qt.Key.Key_W)
    click(view, (28, 40))

    def wanted() -> np.ndarray:
        middle, tolerance = np.float32(values[40, 28]), levels.tolerance
        return flooded((values >= middle - tolerance) & (values <= middle + tolerance), (40, 28))

    first = wanted()
    np.testing.assert_array_equal(brain(opened)[view.index], first)
    # the slider changes the last region; still one step
    levels.set_share(levels.share * 3)
    qtbot.waitUntil(lambda: brain(opened)[view.index].sum() != first.sum(), timeout=3000)
    np.testing.assert_array_equal(brain(opened)[view.index], wanted())
    assert actions(opened) == ["wand"]
    key(qtbot, opened, Qt.Key.Key_Escape)
    assert not brain(opened).any()
    assert actions(opened) == []


def test_wand_follows_a_drag_live_and_escape_leaves_nothing(opened: MainWindow, qtbot: QtBot) -> None:
    view, levels = opened.annotate.views.main, opened.annotate.kit.levels
    key(qtbot, opened, Qt.Key.Key_W)
    before = levels.share
    drag(view, [(28, 40), (28, 36), (28, 30)], release=False)
    assert levels.share > before
    live = brain(opened).sum()
    assert live > 0
    assert actions(opened) == []
    key(qtbot, opened, Qt.Key.Key_Escape)
    assert not brain(opened).any()
    mouse(view, QEvent.Type.MouseButtonRelease, view.point_of((28, 30, view.index)))
    assert not brain(opened).any()
    assert actions(opened) == []


def test_wand_runs_through_the_scan(opened: MainWindow, qtbot: QtBot) -> None:
    view, kit, volume = opened.annotate.views.main, opened.annotate.kit, opened.session.volume
    assert volume is not None
    key(qtbot, opened, Qt.Key.Key_W)
    opened.annotate.options.wand.in_space.click()
    with qtbot.waitSignal(kit.job.ended, timeout=5000):
        click(view, (28, 40))
    values = volume.values(volume.array)
    middle, tolerance = values[view.index, 40, 28], kit.levels.tolerance
    allowed = (values >= middle - tolerance) & (values <= middle + tolerance)
    np.testing.assert_array_equal(brain(opened), flooded(allowed, (view.index, 40, 28)))
    assert np.count_nonzero(brain(opened).any(axis=(1, 2))) > 1
    assert actions(opened) == ["wand"]
    assert opened.annotate.options.progress.isHidden()
    undone(qtbot, opened, np.zeros_like(brain(opened)))
    # stopped at once: nothing is drawn
    click(view, (28, 40))
    kit.job.cancel()
    qtbot.wait(100)
    assert not brain(opened).any()
    assert actions(opened) == []


# ----------------------------------------------------------------------- level


def test_trace_shows_the_level_line_and_a_click_takes_it(opened: MainWindow, qtbot: QtBot) -> None:
    view = opened.annotate.views.main
    values = shown(opened)
    key(qtbot, opened, Qt.Key.Key_O)
    tool, layout = opened.annotate.kit.pointer["level"], view.plane_view
    assert layout is not None
    hover(view, (28, 40))
    qtbot.waitUntil(lambda: tool.sketch(layout, view.index) is not None, timeout=2000)
    assert not brain(opened).any()
    click(view, (28, 40))
    brighter = flooded(values >= values[40, 28], (40, 28))
    darker = flooded(values <= values[40, 28], (40, 28))

    def at_rim(region: np.ndarray) -> bool:
        return bool(region[[0, -1]].any() or region[:, [0, -1]].any())

    wanted = ndimage.binary_fill_holes(darker if at_rim(brighter) and not at_rim(darker) else brighter)
    np.testing.assert_array_equal(brain(opened)[view.index], wanted)
    key(qtbot, opened, Qt.Key.Key_Escape)
    assert tool.sketch(layout, view.index) is None
    undone(qtbot, opened, np.zeros_like(brain(opened)))


# ------------------------------------------------------------------- threshold


@pytest.fixture
def ranged(opened: MainWindow, qtbot: QtBot) -> MainWindow:
    """The threshold tool in the hand, its range known."""
    key(qtbot, opened, Qt.Key.Key_T, Qt.KeyboardModifier.ShiftModifier)
    assert opened.annotate.hand.tool == "threshold"
    qtbot.waitUntil(lambda: opened.annotate.kit.levels.ready, timeout=5000)
    return opened


def test_threshold_shows_and_draws_what_lies_in_the_range(ranged: MainWindow, qtbot: QtBot) -> None:
    view, levels, options = ranged.annotate.views.main, ranged.annotate.kit.levels, ranged.annotate.options.threshold
    values, layout = shown(ranged), view.plane_view
    assert layout is not None
    assert levels.bounds is not None
    low, high = (float(value) for value in np.percentile(values, (60, 90)))
    options.low.setValue(low)
    options.high.setValue(high)
    wanted = (values >= levels.low) & (values <= levels.high)
    assert abs(levels.low - low) < (levels.bounds.high - levels.bounds.low) / 100
    sketch = ranged.annotate.kit.threshold.sketch(layout, view.index)
    assert sketch is not None
    assert sketch.region is not None
    assert sketch.region.sum() == wanted.sum()
    assert not brain(ranged).any()
    key(qtbot, ranged, Qt.Key.Key_Return)
    np.testing.assert_array_equal(brain(ranged)[view.index], wanted)
    assert brain(ranged).sum() == wanted.sum()
    undone(qtbot, ranged, np.zeros_like(brain(ranged)))
    key(qtbot, ranged, Qt.Key.Key_X)
    options.apply.click()
    np.testing.assert_array_equal(brain(ranged)[view.index], ~wanted)
    key(qtbot, ranged, Qt.Key.Key_Escape)
    assert ranged.annotate.kit.threshold.sketch(layout, view.index) is None


def test_threshold_through_the_scan_otsu_and_a_range_from_a_drag(ranged: MainWindow, qtbot: QtBot) -> None:
    kit, volume, view = ranged.annotate.kit, ranged.session.volume, ranged.annotate.views.main
    assert volume is not None
    values = volume.values(volume.array)
    drag(view, [(28, 40), (29, 40), (30, 40), (30, 42)])
    assert values[view.index].min() <= kit.levels.low < kit.levels.high <= values[view.index].max()
    ranged.annotate.options.threshold.otsu.click()
    assert kit.levels.high == values.max()
    # Otsu: no other threshold parts the histogram better
    tries = np.linspace(values.min(), values.max(), 200)[1:-1]

    def between(at: float) -> float:
        above = values >= at
        share = above.mean()
        return float(share * (1 - share) * (values[above].mean() - values[~above].mean()) ** 2)

    assert between(kit.levels.low) >= 0.99 * max(between(float(at)) for at in tries)
    ranged.annotate.options.threshold.everywhere.click()
    with qtbot.waitSignal(kit.job.ended, timeout=5000):
        key(qtbot, ranged, Qt.Key.Key_Return)
    np.testing.assert_array_equal(brain(ranged), (values >= kit.levels.low) & (values <= kit.levels.high))
    assert actions(ranged) == ["threshold"]
    undone(qtbot, ranged, np.zeros_like(brain(ranged)))


def test_the_brush_is_limited_to_the_range(ranged: MainWindow, qtbot: QtBot) -> None:
    view, levels = ranged.annotate.views.main, ranged.annotate.kit.levels
    values = shown(ranged)
    key(qtbot, ranged, Qt.Key.Key_B)
    ranged.annotate.hand.set_size(14)
    stroke(ranged, (15, 40), (40, 40))
    free = brain(ranged)[view.index].astype(bool).copy()
    undone(qtbot, ranged, np.zeros_like(brain(ranged)))
    levels.set_range(*(float(value) for value in np.percentile(values[free], (20, 70))))
    within = (values >= levels.low) & (values <= levels.high)
    key(qtbot, ranged, Qt.Key.Key_T)
    assert ranged.actions_table["limit"].isChecked()
    assert ranged.annotate.options.limit.isChecked()
    stroke(ranged, (15, 40), (40, 40))
    np.testing.assert_array_equal(brain(ranged)[view.index], free & within)
    assert 0 < (free & within).sum() < free.sum()
    undone(qtbot, ranged, np.zeros_like(brain(ranged)))
    key(qtbot, ranged, Qt.Key.Key_X)
    stroke(ranged, (15, 40), (40, 40))
    np.testing.assert_array_equal(brain(ranged)[view.index], free & ~within)
    undone(qtbot, ranged, np.zeros_like(brain(ranged)))
    ranged.annotate.options.limit.click()
    stroke(ranged, (15, 40), (40, 40))
    np.testing.assert_array_equal(brain(ranged)[view.index].astype(bool), free)


@pytest.mark.parametrize("name", ["polygon", "lasso", "scissors", "fill", "wand", "level", "background", "threshold"])
def test_whatever_tool_is_limited_says_so(ranged: MainWindow, qtbot: QtBot, name: str) -> None:
    ranged.annotate.hand.take(name)
    options = ranged.annotate.options
    button = options.threshold.limit if name == "threshold" else options.limit
    assert button.isVisible()
    assert not button.isChecked()
    key(qtbot, ranged, Qt.Key.Key_T)
    assert button.isChecked()
    button.click()
    assert not ranged.actions_table["limit"].isChecked()
    for free in ("navigate", "ruler"):
        ranged.annotate.hand.take(free)
        assert not options.limit.isVisible(), "it draws nothing"
