"""Pointer tools in the window: what they refuse, the room they have, and where their sketches lie."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from pointer_support import (
    actions,
    brain,
    click,
    key,
)
from PySide6.QtCore import QEvent, QPoint, QRect, Qt
from PySide6.QtWidgets import QAbstractSpinBox, QPushButton, QSlider, QToolButton, QWidget
from pytestqt.qtbot import QtBot
from shell_support import mouse

from gui.annotate.rail import TOOLS
from gui.annotate.tools.range_slider import RangeSlider
from gui.main_window import MainWindow
from gui.viewer.sketch import outline_of

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
