"""Pointer tools through the window: mouse events become the voxels that an independent computation gives."""

from __future__ import annotations

import heapq
import itertools
from collections import deque

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QRect, Qt
from PySide6.QtWidgets import QAbstractSpinBox, QPushButton, QSlider, QToolButton, QWidget
from pytestqt.qtbot import QtBot
from scipy import ndimage
from shell_support import mouse, stroke

from core.editing.editor import Editor
from core.editing.tools.scissors import edge_cost
from gui.annotate.rail import TOOLS
from gui.annotate.tools.livewire import ScissorsTool
from gui.annotate.tools.outlines import PolygonTool
from gui.annotate.tools.range_slider import RangeSlider
from gui.main_window import MainWindow
from gui.viewer.sketch import outline_of
from gui.viewer.slice_view import SliceView

CTRL = Qt.KeyboardModifier.ControlModifier
NONE = Qt.KeyboardModifier.NoModifier
XY = tuple[float, float]
SQUARE: list[XY] = [(15.3, 18.2), (40.4, 20.7), (38.6, 45.1), (18.2, 41.9)]


def editor_of(window: MainWindow) -> Editor:
    assert window.session.editor is not None
    return window.session.editor


def brain(window: MainWindow) -> np.ndarray:
    return editor_of(window).mask("brain")


def shown(window: MainWindow) -> np.ndarray:
    """Real values ``[y, x]`` of the slice in the main pane."""
    volume = window.session.volume
    assert volume is not None
    return volume.values(volume.array[window.annotate.views.main.index])


def key(qtbot: QtBot, window: MainWindow, which: Qt.Key, keys: Qt.KeyboardModifier = NONE) -> None:
    qtbot.keyClick(window.annotate.views.main, which, keys)


def click(view: SliceView, at: XY, keys: Qt.KeyboardModifier = NONE, *, double: bool = False) -> None:
    place = view.point_of((at[0], at[1], view.index))
    mouse(view, QEvent.Type.MouseButtonPress, place, keys=keys)
    mouse(view, QEvent.Type.MouseButtonRelease, place, keys=keys)
    if double:
        mouse(view, QEvent.Type.MouseButtonDblClick, place, keys=keys)
        mouse(view, QEvent.Type.MouseButtonRelease, place, keys=keys)


def hover(view: SliceView, at: XY) -> None:
    place = view.point_of((at[0], at[1], view.index))
    mouse(view, QEvent.Type.MouseMove, place, button=Qt.MouseButton.NoButton)


def drag(view: SliceView, path: list[XY], keys: Qt.KeyboardModifier = NONE, *, release: bool = True) -> None:
    places = [view.point_of((x, y, view.index)) for x, y in path]
    mouse(view, QEvent.Type.MouseButtonPress, places[0], keys=keys)
    for place in places[1:]:
        mouse(view, QEvent.Type.MouseMove, place, keys=keys)
    if release:
        mouse(view, QEvent.Type.MouseButtonRelease, places[-1], keys=keys)


def inside(points: list[XY], shape: tuple[int, int]) -> np.ndarray:
    """Even-odd rule, pixel by pixel: bool ``[y, x]``."""
    found = np.zeros(shape, dtype=bool)
    for y, x in np.ndindex(shape):
        for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
            if (y0 <= y) != (y1 <= y) and x0 + (y - y0) * (x1 - x0) / (y1 - y0) <= x:
                found[y, x] = not found[y, x]
    return found


def flooded(allowed: np.ndarray, seed: tuple[int, ...]) -> np.ndarray:
    """Breadth first through edges or faces."""
    found = np.zeros(allowed.shape, dtype=bool)
    waiting = deque([seed] if allowed[seed] else [])
    found[seed] = bool(allowed[seed])
    while waiting:
        place = waiting.popleft()
        for axis, step in itertools.product(range(allowed.ndim), (-1, 1)):
            other = tuple(at + (step if number == axis else 0) for number, at in enumerate(place))
            within = all(0 <= at < size for at, size in zip(other, allowed.shape, strict=True))
            if within and allowed[other] and not found[other]:
                found[other] = True
                waiting.append(other)
    return found


def actions(window: MainWindow) -> list[str]:
    return [step.action for step in editor_of(window).steps()[: editor_of(window).position]]


def undone(qtbot: QtBot, window: MainWindow, before: np.ndarray) -> None:
    """Undo gives back exactly what was there."""
    key(qtbot, window, Qt.Key.Key_Z, CTRL)
    np.testing.assert_array_equal(brain(window), before)


# --------------------------------------------------------------------- polygon


def test_polygon_draws_what_its_corners_enclose(opened: MainWindow, qtbot: QtBot) -> None:
    view = opened.annotate.views.main
    key(qtbot, opened, Qt.Key.Key_P)
    assert opened.annotate.hand.tool == "polygon"
    for corner in SQUARE:
        click(view, corner)
    assert not brain(opened).any()
    key(qtbot, opened, Qt.Key.Key_Return)
    wanted = inside(SQUARE, shown(opened).shape)
    assert wanted.sum() > 300
    np.testing.assert_array_equal(brain(opened)[view.index], wanted)
    assert brain(opened).sum() == wanted.sum()
    history = opened.annotate.history.model
    assert history.data(history.index(0)) == f"Polygon · Brain · slice {view.index + 1}"
    undone(qtbot, opened, np.zeros_like(brain(opened)))


def test_polygon_corners_move_go_back_and_a_double_click_closes(opened: MainWindow, qtbot: QtBot) -> None:
    view = opened.annotate.views.main
    key(qtbot, opened, Qt.Key.Key_P)
    for corner in [*SQUARE, (5.0, 5.0)]:
        click(view, corner)
    key(qtbot, opened, Qt.Key.Key_Backspace)
    tool = opened.annotate.kit.pointer["polygon"]
    assert isinstance(tool, PolygonTool)
    assert tool.open is not None
    assert len(tool.open.points) == 4
    moved = (46.2, 15.7)
    drag(view, [SQUARE[1], (43.0, 18.0), moved])
    last = (12.6, 30.2)
    click(view, last, double=True)
    wanted = inside([SQUARE[0], moved, *SQUARE[2:], last], shown(opened).shape)
    np.testing.assert_array_equal(brain(opened)[view.index], wanted)
    assert opened.annotate.views.maximised is None
    assert actions(opened) == ["polygon"]


def test_polygon_erases_with_ctrl_and_escape_leaves_nothing(opened: MainWindow, qtbot: QtBot) -> None:
    view = opened.annotate.views.main
    key(qtbot, opened, Qt.Key.Key_P)
    for corner in SQUARE:
        click(view, corner)
    click(view, SQUARE[0])
    whole = brain(opened).copy()
    assert whole.any()
    hole: list[XY] = [(20.4, 25.3), (30.6, 24.2), (27.3, 36.8)]
    for corner in hole:
        click(view, corner)
    key(qtbot, opened, Qt.Key.Key_Escape)
    np.testing.assert_array_equal(brain(opened), whole)
    assert view.grab().toImage() == view.grab().toImage()
    for corner in hole:
        click(view, corner, CTRL)
    key(qtbot, opened, Qt.Key.Key_Enter)
    np.testing.assert_array_equal(
        brain(opened)[view.index], whole[view.index].astype(bool) & ~inside(hole, shown(opened).shape)
    )
    undone(qtbot, opened, whole)


@pytest.mark.parametrize("tool", [Qt.Key.Key_P, Qt.Key.Key_K])
def test_ctrl_enter_closes_an_open_outline_and_takes_away(tool: Qt.Key, opened: MainWindow, qtbot: QtBot) -> None:
    """Never Done, next scan, which has the same key: that would finish the slices of this scan."""
    view = opened.annotate.views.main
    key(qtbot, opened, Qt.Key.Key_P)
    for corner in SQUARE:
        click(view, corner)
    key(qtbot, opened, Qt.Key.Key_Return)
    whole, scan = brain(opened).copy(), opened.session.scan
    assert whole.any()
    key(qtbot, opened, tool)
    for corner in [(20.4, 25.3), (30.6, 24.2), (27.3, 36.8)]:
        click(view, corner)
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Return, CTRL)
    assert opened.session.scan == scan
    left = brain(opened)
    assert left.sum() < whole.sum()
    assert not (left & ~whole).any()


def test_polygon_on_another_plane_and_an_outline_elsewhere(opened: MainWindow, qtbot: QtBot) -> None:
    side = opened.annotate.views.views[1]
    layout = side.plane_view
    assert layout is not None
    key(qtbot, opened, Qt.Key.Key_P)
    corners = [(0.7, 15.3), (1.2, 40.6), (6.4, 36.2), (5.8, 17.7)]
    for row, column in corners:
        place = side.point_of(layout.to_voxel(row, column, side.index))
        mouse(side, QEvent.Type.MouseButtonPress, place)
        mouse(side, QEvent.Type.MouseButtonRelease, place)
    click(opened.annotate.views.main, (20, 20))
    assert "another slice" in opened.toasts.toasts[-1].told.words
    qtbot.keyClick(side, Qt.Key.Key_Return)
    wanted = inside([(column, row) for row, column in corners], (layout.rows, layout.columns))
    assert wanted.any()
    np.testing.assert_array_equal(layout.extract(brain(opened), side.index), wanted)
    assert brain(opened).sum() == wanted.sum()


def test_polygon_stays_on_its_voxels_when_left_and_right_are_swapped(opened: MainWindow, qtbot: QtBot) -> None:
    view = opened.annotate.views.main
    key(qtbot, opened, Qt.Key.Key_P)
    for corner in SQUARE[:2]:
        click(view, corner)
    opened.annotate.views.set_radiological(False)
    for corner in SQUARE[2:]:
        click(view, corner)
    key(qtbot, opened, Qt.Key.Key_Return)
    np.testing.assert_array_equal(brain(opened)[view.index], inside(SQUARE, shown(opened).shape))


def test_polygon_waits_while_another_tool_is_in_the_hand(opened: MainWindow, qtbot: QtBot) -> None:
    view = opened.annotate.views.main
    key(qtbot, opened, Qt.Key.Key_P)
    for corner in SQUARE:
        click(view, corner)
    key(qtbot, opened, Qt.Key.Key_N)
    key(qtbot, opened, Qt.Key.Key_P)
    key(qtbot, opened, Qt.Key.Key_Return)
    assert brain(opened).any()
    click(view, (5, 5))
    key(qtbot, opened, Qt.Key.Key_Return)
    assert "more corners" in opened.toasts.toasts[-1].told.words
    assert actions(opened) == ["polygon"]


# ----------------------------------------------------------------------- lasso


def test_lasso_adds_and_with_ctrl_takes_away(opened: MainWindow, qtbot: QtBot) -> None:
    view = opened.annotate.views.main
    key(qtbot, opened, Qt.Key.Key_L)
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    loop: list[XY] = [(28.13 + 15 * float(np.cos(a)), 31.27 + 18 * float(np.sin(a))) for a in turn]
    drag(view, loop)
    wanted = inside(loop, shown(opened).shape)
    np.testing.assert_array_equal(brain(opened)[view.index], wanted)
    small: list[XY] = [(28.13 + 6 * float(np.cos(a)), 31.27 + 5 * float(np.sin(a))) for a in turn]
    drag(view, small, CTRL)
    np.testing.assert_array_equal(brain(opened)[view.index], wanted & ~inside(small, shown(opened).shape))
    assert actions(opened) == ["lasso", "lasso"]
    before = brain(opened).copy()
    drag(view, [(10, 10), (20, 10), (20, 20)], release=False)
    assert view.tool is not None
    key(qtbot, opened, Qt.Key.Key_Escape)
    mouse(view, QEvent.Type.MouseButtonRelease, view.point_of((20, 20, view.index)))
    np.testing.assert_array_equal(brain(opened), before)


# -------------------------------------------------------------------- scissors


def cheapest(cost: np.ndarray, start: tuple[int, int], end: tuple[int, int]) -> float:
    """Dijkstra on eight neighbours: a step costs the mean of both pixels times its length."""
    best = {start: 0.0}
    heap = [(0.0, start)]
    while heap:
        spent, (row, column) = heapq.heappop(heap)
        if (row, column) == end:
            return spent
        if spent > best[row, column]:
            continue
        for down, across in itertools.product((-1, 0, 1), repeat=2):
            other = row + down, column + across
            if other != (row, column) and 0 <= other[0] < cost.shape[0] and 0 <= other[1] < cost.shape[1]:
                price = spent + float(cost[row, column] + cost[other]) / 2 * float(np.hypot(down, across))
                if price < best.get(other, np.inf):
                    best[other] = price
                    heapq.heappush(heap, (price, other))
    return np.inf


def price(cost: np.ndarray, path: list[tuple[int, int]]) -> float:
    return sum(
        float(cost[a] + cost[b]) / 2 * float(np.hypot(a[0] - b[0], a[1] - b[1])) for a, b in itertools.pairwise(path)
    )


def test_scissors_follow_the_cheapest_path_and_fill_it(opened: MainWindow, qtbot: QtBot) -> None:
    view = opened.annotate.views.main
    layout, volume = view.plane_view, opened.session.volume
    assert layout is not None
    assert volume is not None
    key(qtbot, opened, Qt.Key.Key_K)
    tool = opened.annotate.kit.pointer["scissors"]
    assert isinstance(tool, ScissorsTool)
    anchors: list[XY] = [(28, 8), (46, 32), (28, 56), (9, 32)]
    for anchor in anchors:
        click(view, anchor)
    hover(view, (12, 20))
    qtbot.waitUntil(lambda: len(tool._live) > 2, timeout=2000)
    sketch = tool.sketch(layout, view.index)
    assert sketch is not None
    assert len(sketch.corners) == 4
    window = opened.session.window
    assert window is not None
    seen = np.clip(volume.values(layout.extract(volume.array, view.index)), window.low, window.high)
    cost = edge_cost(seen.astype(np.float32))
    pixels = [layout.to_screen((x, y, view.index))[:2] for x, y in anchors]
    whole = [(int(row), int(column)) for row, column in pixels]
    for piece, (start, end) in zip(tool.pieces, itertools.pairwise(whole), strict=True):
        assert {piece[0], piece[-1]} == {start, end}
        assert price(cost, piece) == pytest.approx(cheapest(cost, start, end), rel=1e-5)
    assert tool._scissors is not None
    back = tool._scissors.path(whole[0])
    assert price(cost, back) == pytest.approx(cheapest(cost, whole[-1], whole[0]), rel=1e-5)
    corners = [place for piece in tool.pieces for place in piece[1:]] + back[1:]
    key(qtbot, opened, Qt.Key.Key_Return)
    wanted = inside([(column, row) for row, column in corners], (layout.rows, layout.columns))
    assert wanted.sum() > 1000
    np.testing.assert_array_equal(layout.extract(brain(opened), view.index), wanted)
    assert actions(opened) == ["scissors"]
    undone(qtbot, opened, np.zeros_like(brain(opened)))


@pytest.mark.parametrize(("name", "letter"), [("polygon", Qt.Key.Key_P), ("scissors", Qt.Key.Key_K)])
def test_an_outline_that_encloses_nothing_says_so_and_stays(
    opened: MainWindow, qtbot: QtBot, name: str, letter: Qt.Key
) -> None:
    key(qtbot, opened, letter)
    # along one row and back: the line has no inside
    places = ((20.0, 30.0), (34.0, 30.0), (27.0, 30.0)) if name == "polygon" else ((20.0, 30.0), (21.0, 30.0))
    for place in places:
        click(opened.annotate.views.main, place)
    key(qtbot, opened, Qt.Key.Key_Return)
    assert "encloses nothing" in opened.toasts.toasts[-1].told.words
    tool = opened.annotate.kit.pointer[name]
    assert isinstance(tool, PolygonTool | ScissorsTool)
    assert tool.open is not None
    assert len(tool.open.points) == len(places)
    assert actions(opened) == []


def test_scissors_take_an_anchor_back_and_escape_leaves_nothing(opened: MainWindow, qtbot: QtBot) -> None:
    view = opened.annotate.views.main
    key(qtbot, opened, Qt.Key.Key_K)
    tool = opened.annotate.kit.pointer["scissors"]
    assert isinstance(tool, ScissorsTool)
    for anchor in ((28.0, 8.0), (46.0, 32.0), (28.0, 56.0)):
        click(view, anchor)
    key(qtbot, opened, Qt.Key.Key_Backspace)
    assert len(tool.pieces) == 1
    assert tool.open is not None
    assert len(tool.open.points) == 2
    opened.annotate.views.set_radiological(False)
    click(view, (28.0, 56.0))
    assert len(tool.pieces) == 2
    key(qtbot, opened, Qt.Key.Key_Escape)
    assert tool.open is None
    assert not brain(opened).any()
    assert actions(opened) == []


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


# ------------------------------------------------------------------- refusals


@pytest.mark.parametrize("name", ["polygon", "lasso", "scissors", "fill", "wand", "level", "threshold"])
def test_locked_and_hidden_labels_are_refused_in_words(opened: MainWindow, qtbot: QtBot, name: str) -> None:
    view, session = opened.annotate.views.main, opened.session
    opened.actions_table[name].trigger()
    if name == "threshold":
        qtbot.waitUntil(lambda: opened.annotate.kit.levels.ready, timeout=5000)

    def use() -> None:
        if name == "threshold":
            opened.annotate.kit.threshold.apply()
        else:
            click(view, (28, 40))

    session.show_label("Brain", False)
    use()
    assert "hidden" in opened.toasts.toasts[-1].told.words
    session.show_label("Brain", True)
    session.change_labels(session.labels.with_changed("Brain", locked=True))
    use()
    assert "locked" in opened.toasts.toasts[-1].told.words
    assert not brain(opened).any()
    assert actions(opened) == []


@pytest.mark.parametrize("name", ["polygon", "lasso", "scissors", "fill", "wand", "level", "threshold"])
def test_tools_have_words_keys_icons_and_go_away_with_the_scan(opened: MainWindow, qtbot: QtBot, name: str) -> None:
    action = opened.actions_table[name]
    assert not action.icon().isNull()
    assert action.shortcut().toString() in action.toolTip()
    action.trigger()
    assert opened.annotate.options.name.text() == action.text()
    assert len(opened.annotate.options.hint.text()) > 20
    for at in ((28.0, 30.0), (35.0, 30.0)):
        click(opened.annotate.views.main, at)
    first = opened.session.scan
    with qtbot.waitSignal(opened.session.scan_changed, timeout=10_000):
        opened.actions_table["next_scan"].trigger()
    assert opened.session.scan != first
    qtbot.wait(80)
    view = opened.annotate.views.main
    assert view.plane_view is not None
    if name != "threshold":
        assert opened.annotate.kit.pointer[name].sketch(view.plane_view, view.index) is None
    assert not brain(opened).any()


# ---------------------------------------------------------------------- layout


@pytest.mark.parametrize("size", [(1080, 680), (1280, 800), (1600, 960)])
def test_tools_and_their_options_have_room(opened: MainWindow, qtbot: QtBot, size: tuple[int, int]) -> None:
    opened.resize(*size)
    qtbot.wait(30)
    rail = opened.annotate.rail
    buttons = [button for button in rail.findChildren(QToolButton) if button.isVisible()]
    assert len(buttons) >= len(TOOLS)
    assert not crowded(rail, buttons)
    assert rail.columns == (2 if size[1] < 700 else 1)
    for name in ("brush", "wand", "threshold"):
        opened.actions_table[name].trigger()
        qtbot.wait(20)
        bar = opened.annotate.options
        kinds = (QPushButton, QAbstractSpinBox, QSlider, RangeSlider)
        parts = [part for kind in kinds for part in bar.findChildren(kind) if part.isVisible()]
        assert len(parts) >= 3
        assert not crowded(bar, parts), name


def crowded(area: QWidget, parts: list[QWidget]) -> list[str]:
    """Name what lies over something else, or outside of the area."""
    rects = [QRect(part.mapTo(area, QPoint(0, 0)), part.size()) for part in parts]
    out = [f"{part} is outside" for part, rect in zip(parts, rects, strict=True) if not area.rect().contains(rect)]
    pairs = itertools.combinations(zip(parts, rects, strict=True), 2)
    return out + [f"{one} is on {other}" for (one, a), (other, b) in pairs if a.intersects(b)]


# --------------------------------------------------------------------- sketches


@pytest.mark.parametrize("seed", range(8))
def test_an_outline_runs_along_the_edges_of_pixels(seed: int) -> None:
    region = np.random.default_rng(seed).random((9, 13)) < 0.5
    padded = np.pad(region, 1)
    wanted = set()
    for row, column in np.argwhere(padded) - 1:
        for down, across in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            if not padded[row + 1 + down, column + 1 + across]:
                wanted.add((row + down / 2, column + across / 2))
    found = []
    for row, column, row_end, column_end in outline_of(region):
        assert row == row_end or column == column_end
        length = round(abs(row_end - row) + abs(column_end - column))
        assert length >= 1
        for step in range(length):
            share = (step + 0.5) / length
            found.append((row + (row_end - row) * share, column + (column_end - column) * share))
    assert len(found) == len(set(found))
    assert set(found) == wanted


@pytest.mark.parametrize("zoom", [1.0, 7.0])
def test_a_sketch_is_where_its_voxels_are_at_any_zoom(opened: MainWindow, qtbot: QtBot, zoom: float) -> None:
    view = opened.annotate.views.main
    key(qtbot, opened, Qt.Key.Key_P)
    view.zoom_about(view.point_of((20.0, 30.0, view.index)), zoom)
    bare = view.grab().toImage()
    click(view, (18.0, 30.0))
    click(view, (22.0, 31.0))
    view.tool.hover(None)  # type: ignore[union-attr] # the polygon hears of hovering
    drawn = view.grab().toImage()
    middle = view.point_of((20.0, 30.5, view.index)).toPoint()
    assert drawn.pixelColor(middle) != bare.pixelColor(middle)
    color = opened.annotate.kit.bench.color
    seen = drawn.pixelColor(middle)
    lighter = [(part + 255) // 2 for part in color]
    assert max(abs(a - b) for a, b in zip((seen.red(), seen.green(), seen.blue()), lighter, strict=True)) < 90
    key(qtbot, opened, Qt.Key.Key_Escape)
    mouse(view, QEvent.Type.MouseMove, middle.toPointF(), button=Qt.MouseButton.NoButton)
    assert view.grab().toImage() == bare
