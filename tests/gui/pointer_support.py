"""Mouse and keys over the main pane, and independent computations of what tools draw."""

from __future__ import annotations

import itertools
from collections import deque

import numpy as np
from PySide6.QtCore import QEvent, Qt
from pytestqt.qtbot import QtBot
from shell_support import mouse

from core.editing.editor import Editor
from gui.main_window import MainWindow
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
