"""Panes that move together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from viewer_support import LEFT, RIGHT, SHAPE, drag, mouse, phantom, pixels_of, wheel

from core.geometry import Box, Plane
from core.volume import Window
from gui.viewer.compare_panes import ComparePanes
from gui.viewer.overlay import Overlay


@pytest.fixture
def panes(qtbot) -> ComparePanes:
    made = ComparePanes(4)
    qtbot.addWidget(made)
    made.resize(800, 640)
    with qtbot.waitExposed(made):
        made.show()
    made.set_volume(phantom("LPS"))
    return made


def test_slices_are_linked(panes) -> None:
    heard = []
    panes.index_changed.connect(heard.append)
    wheel(panes.pane(2), -120)
    assert [view.index for view in panes.views] == [7] * 4
    assert heard == [7]
    panes.set_index(2)
    assert panes.index == 2
    assert panes.slices == SHAPE[0]


def test_window_is_linked(panes) -> None:
    drag(panes.pane(1), RIGHT, QPointF(50, 50), QPointF(150, 90))
    assert len({view.window_shown for view in panes.views}) == 1
    panes.set_window(Window(1, 2))
    assert panes.window_shown == Window(1, 2)


def test_zoom_and_pan_are_linked(panes) -> None:
    wheel(panes.pane(3), 240, QPointF(70, 80), Qt.KeyboardModifier.ControlModifier)
    drag(panes.pane(0), Qt.MouseButton.MiddleButton, QPointF(100, 100), QPointF(130, 80))
    assert len({view.camera for view in panes.views}) == 1
    panes.fit()
    assert all(view.is_fitted for view in panes.views)
    assert len({round(view.camera.zoom, 6) for view in panes.views}) == 1


def test_there_is_one_crosshair(panes) -> None:
    for place, at in ((0, QPointF(60, 70)), (2, QPointF(120, 90))):
        panes.pane(place).point_crosshair(at)
        crosses = {view._marks._crosshair for view in panes.views}
        assert len(crosses) == 1
        assert None not in crosses


def test_each_pane_has_its_own_masks_and_volume(panes) -> None:
    volume = phantom("LPS")
    mask = np.zeros(SHAPE, np.uint8)
    mask[9, 5:30, 5:30] = 1
    panes.set_pane(0, "Scan", "7 / 12")
    panes.set_pane(1, "Annotation", "1.2 mL", [Overlay(mask, {1: (0, 255, 0)})])
    panes.set_pane(3, "Stripped brain", volume=replace(volume, array=np.zeros_like(volume.array)))
    assert panes.pane(0).words == ("SCAN", "7 / 12")
    panes.set_subtitle(0, "8 / 12")
    assert panes.pane(0).words == ("SCAN", "8 / 12")
    panes.set_index(9)
    for view in panes.views:
        view.set_words_visible(False)
    scan, annotation, _, stripped = (pixels_of(view).astype(int) for view in panes.views)
    assert (annotation[..., 1] > annotation[..., 0] + 30).any()
    assert not (scan[..., 1] > scan[..., 0] + 30).any()
    assert stripped.max() < scan.max()


def test_refresh_reaches_the_pane_with_the_mask(panes) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    panes.set_pane(1, "Annotation", overlays=[Overlay(mask, {1: (0, 255, 0)}, 1.0)])
    before = pixels_of(panes.pane(1))
    mask[6, 20, 20] = 1
    panes.refresh(Box((6, 20, 20), (7, 21, 21)))
    assert (pixels_of(panes.pane(1)) != before).any()


def test_pointer_shows_in_the_other_panes(panes) -> None:
    heard = []
    panes.hovered.connect(heard.append)
    before = [pixels_of(view) for view in panes.views]
    source = panes.pane(0)
    mouse(source, QEvent.Type.MouseMove, source.point_of((10, 10, source.index)))
    assert heard == [(10, 10, source.index)]
    changed = [bool((pixels_of(view) != old).any()) for view, old in zip(panes.views, before, strict=True)]
    assert changed == [False, True, True, True]


def test_maximise_and_hide(panes) -> None:
    mouse(panes.pane(2), QEvent.Type.MouseButtonDblClick, QPointF(30, 30), LEFT, LEFT)
    assert [view.isVisible() for view in panes.views] == [False, False, True, False]
    panes.maximise(None)
    panes.set_pane_visible(3, False)
    assert [view.isVisible() for view in panes.views] == [True, True, True, False]


def test_plane_of_choice(panes) -> None:
    panes.set_volume(phantom("RAS"), Plane.SAGITTAL)
    assert {view.plane for view in panes.views} == {Plane.SAGITTAL}
    panes.set_volume(None)
    assert panes.slices == 0
