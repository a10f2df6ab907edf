"""Polygon, lasso and scissors through the window: mouse events become the voxels that an independent way gives."""

from __future__ import annotations

import heapq
import itertools

import numpy as np
import pytest
from pointer_support import (
    CTRL,
    SQUARE,
    XY,
    actions,
    brain,
    click,
    drag,
    hover,
    inside,
    key,
    shown,
    undone,
)
from PySide6.QtCore import QEvent, Qt
from pytestqt.qtbot import QtBot
from shell_support import mouse

from core.editing.tools.scissors import edge_cost
from gui.annotate.tools.livewire import ScissorsTool
from gui.annotate.tools.outlines import PolygonTool
from gui.main_window import MainWindow

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
