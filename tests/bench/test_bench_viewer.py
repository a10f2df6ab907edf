"""Frame times of the real widgets, from the mouse event to painted (DESIGN section 10).

Run alone, offscreen and under an X server:
``pytest tests/bench/test_bench_viewer.py`` and ``QT_QPA_PLATFORM=xcb xvfb-run -a ...``.
The window is the viewer's part of a full HD screen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget
from viewer_driver import NO_BUTTON, Times, circle, send, wheel

from core.editing.editor import Change, Editor
from core.geometry import Geometry
from core.labels import LabelSet
from core.volume import Volume, Window
from gui.viewer.compare_panes import ComparePanes
from gui.viewer.events import ViewEvent
from gui.viewer.linked import LinkedViews
from gui.viewer.overlay import Overlay, rgb
from gui.viewer.reslice import Reslicer
from gui.viewer.second import Second, SecondPlanes

SHAPE = (300, 512, 512)
BRUSH_MS = 10.0
SCROLL_MS = 14.0
SECOND_MS = 33.0


class Brush:
    """The smallest brush that really draws: what the Annotate workspace does per mouse move."""

    def __init__(self, editor: Editor, radius: float) -> None:
        self.cursor_radius_px = radius
        self.cursor_color = (46, 196, 182)
        self._editor = editor
        self._label = editor.labels.named("Brain")
        self._last = (0.0, 0.0)

    def press(self, event: ViewEvent) -> None:
        self._editor.begin("brush", self._label, erase=event.inverted)
        self._last = (event.row, event.column)
        self.move(event)

    def move(self, event: ViewEvent) -> None:
        place = (event.row, event.column)
        self._editor.dab(event.view, event.index, self._last, place, self.cursor_radius_px)
        self._last = place

    def release(self, event: ViewEvent) -> None:
        self._editor.commit()


@pytest.fixture(scope="module")
def scan() -> Volume:
    random = np.random.default_rng(1)
    slices = [
        cv2.GaussianBlur(random.normal(600, 300, SHAPE[1:]).astype(np.float32), (0, 0), 2).astype(np.int16)
        for _ in range(8)
    ]
    array = np.stack([slices[index % 8] for index in range(SHAPE[0])])
    affine = np.diag([0.5, 0.5, 0.6, 1.0])
    return Volume(array, Geometry(SHAPE, affine), modality="MR")


@pytest.fixture
def mask() -> np.ndarray:
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    ball = ((z - 150) / 130) ** 2 + ((y - 256) / 200) ** 2 + ((x - 256) / 160) ** 2
    return (ball < 1).astype(np.uint8)


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str, Times], float]:
    def say(what: str, times: Times) -> float:
        with capsys.disabled():
            platform = QGuiApplication.platformName()
            sys.stdout.write(f"\n{what} [{platform}]: {times.words()}; load {os.getloadavg()[0]:.1f}\n")
        return times.share(95)

    return say


def shown(qtbot, widget: QWidget) -> None:
    qtbot.addWidget(widget)
    widget.resize(1308, 954)
    with qtbot.waitExposed(widget):
        widget.show()
    QApplication.processEvents()


@pytest.mark.parametrize("radius", [10.0, 30.0])
@pytest.mark.parametrize("zoom", [1.0, 3.0])
def test_brush(qtbot, scan, mask, report, radius: float, zoom: float) -> None:
    """Radius 30 mm is 60 px here: the largest brush of the bar, on the plane with the largest pane."""
    labels = LabelSet().with_label("Brain")
    editor = Editor(scan.geometry, labels, {"brain": mask}, {}, reader="bench")
    linked = LinkedViews()
    shown(qtbot, linked)
    linked.set_volume(scan)
    linked.set_overlays([Overlay(editor.mask("brain"), {1: rgb("#2ec4b6")})])

    def changed(change: Change) -> None:
        linked.refresh(change.box)

    editor.listen(changed)
    linked.set_tool(Brush(editor, radius))
    view = linked.main
    if zoom != 1.0:
        view.zoom_by(zoom)
    QApplication.processEvents()
    middle = QPointF(view.rect().center())
    times = Times()
    for stroke in range(8):
        circle(view, times, middle + QPointF(30.0 * stroke - 100, 0))
    assert report(f"brush radius {radius * 2:.0f} px, zoom {zoom:.0f}x", times) <= BRUSH_MS


def scroll(linked: LinkedViews, times: Times) -> None:
    """Thirty slices on and back in each of the three planes."""
    for view in linked.views:
        for turned in [120] * 30 + [-120] * 30:
            times.take(lambda view=view, turned=turned: wheel(view, turned))


def test_scroll_linked_planes(qtbot, scan, mask, report) -> None:
    """The wheel in each of the three planes; the two others follow with their crosshair."""
    linked = LinkedViews()
    shown(qtbot, linked)
    linked.set_volume(scan)
    linked.set_overlays([Overlay(mask, {1: rgb("#2ec4b6")})])
    QApplication.processEvents()
    assert min(view.width() for view in linked.views) > 400
    times = Times()
    scroll(linked, times)
    assert report("scroll three planes with overlay", times) <= SCROLL_MS


def test_scroll_all_three_at_once(qtbot, scan, mask, report) -> None:
    """Every plane shows another slice at each event: the crosshair is dragged slantwise."""
    linked = LinkedViews()
    shown(qtbot, linked)
    linked.set_volume(scan)
    linked.set_overlays([Overlay(mask, {1: rgb("#2ec4b6")})])
    QApplication.processEvents()
    times = Times()
    for step in range(100):
        times.take(lambda step=step: linked.go_to((180 + step, 190 + step, 90 + step)))
    assert report("three new slices with overlay", times) <= SCROLL_MS


def test_scroll_compare_panes(qtbot, scan, mask, report) -> None:
    panes = ComparePanes(3)
    shown(qtbot, panes)
    panes.set_volume(scan)
    for place in range(3):
        panes.set_pane(place, "Pane", "words", [Overlay(mask, {1: rgb("#ffb000")})])
    QApplication.processEvents()
    times = Times()
    for _ in range(100):
        times.take(lambda: wheel(panes.pane(0), -120))
    assert report("scroll three compare panes with overlay", times) <= SCROLL_MS


@pytest.mark.parametrize("beside", [True, False], ids=["beside", "blended"])
@pytest.mark.parametrize("degrees", [0.0, 12.0])
def test_scroll_with_a_second_scan(qtbot, scan, mask, report, beside: bool, degrees: float) -> None:
    """Another grid, parallel or tilted. The design has no bar for it; it is held to 30 frames a second."""
    turn = np.deg2rad(degrees)
    rotated = np.eye(4)
    rotated[1:3, 1:3] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    affine = rotated @ np.array([[0.9, 0, 0, 12], [0, 0.9, 0, -9], [0, 0, 1.1, 4], [0, 0, 0, 1]])
    other = Volume(np.ascontiguousarray(scan.array[:160, :260, :270]), Geometry((160, 260, 270), affine))
    planes = SecondPlanes(Reslicer(other, scan.geometry))
    linked = LinkedViews()
    shown(qtbot, linked)
    linked.set_volume(scan)
    linked.set_overlays([Overlay(mask, {1: rgb("#2ec4b6")})])
    linked.set_second(Second("S0002", planes, Window(600, 800), "hot"), beside=beside)
    QApplication.processEvents()
    times = Times()
    scroll(linked, times)
    planes.close()
    how = "beside" if beside else "blended"
    assert report(f"scroll with a second scan {how}, tilted {degrees:.0f} degrees", times) <= SECOND_MS


def test_window_drag(qtbot, scan, mask, report) -> None:
    linked = LinkedViews()
    shown(qtbot, linked)
    linked.set_volume(scan)
    linked.set_overlays([Overlay(mask, {1: rgb("#2ec4b6")})])
    QApplication.processEvents()
    view, right = linked.main, Qt.MouseButton.RightButton
    place = QPointF(view.rect().center())
    send(view, QEvent.Type.MouseButtonPress, place, right, right)
    times = Times()
    for step in range(60):
        there = place + QPointF(step * 3, step)
        times.take(lambda there=there: send(view, QEvent.Type.MouseMove, there, NO_BUTTON, right))
    send(view, QEvent.Type.MouseButtonRelease, place, right, NO_BUTTON)
    # no bar of its own: all three panes are new, so it is held to the bar of the scroll
    assert report("window drag, three planes", times) <= SCROLL_MS
