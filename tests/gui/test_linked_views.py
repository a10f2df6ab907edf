"""Three linked planes, or one pane for pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF
from viewer_support import LEFT, SHAPE, Pen, drag, mouse, phantom, pixels_of, wheel

from core.geometry import Box, Geometry, Plane
from core.volume import Volume, Window
from gui.viewer.linked import LinkedViews
from gui.viewer.overlay import Overlay


def shown(linked: LinkedViews) -> list[bool]:
    return [view.isVisible() for view in linked.views]


def test_oriented_volume_has_three_planes_native_first(linked) -> None:
    linked.set_volume(phantom("LPS"))
    assert [view.plane for view in linked.views] == [Plane.AXIAL, Plane.CORONAL, Plane.SAGITTAL]
    assert shown(linked) == [True, True, True]
    assert linked.position == (24, 20, 6)
    assert linked.main.width() == pytest.approx(600, abs=6)
    assert [view.height() for view in linked.views[1:]] == pytest.approx([300, 300], abs=3)


def test_native_sagittal_is_the_large_pane(linked) -> None:
    array = np.zeros((5, 30, 20), np.int16)
    affine = np.array([[0, 0, 2.0, 0], [1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 0, 1]])
    linked.set_volume(Volume(array, Geometry(array.shape, affine)))
    assert linked.main.plane is Plane.SAGITTAL
    assert linked.main.slices == 5


@pytest.mark.parametrize("slices", [1, 6])
def test_pictures_and_unknown_stacks_have_one_pane(linked, slices: int) -> None:
    linked.set_volume(Volume(np.zeros((slices, 40, 50), np.uint8), Geometry.of_picture(40, 50, slices)))
    assert shown(linked) == [True, False, False]
    wheel(linked.main, -120)
    assert linked.position == (25, 20, min(slices - 1, slices // 2 + 1))
    linked.set_volume(phantom("RAS"))
    assert shown(linked) == [True, True, True]


def test_crosshair_links_the_planes(qtbot, linked) -> None:
    linked.set_volume(phantom("LPS"))
    axial, coronal, sagittal = linked.views
    place = axial.point_of((30, 11, axial.index))
    with qtbot.waitSignal(linked.position_changed) as told:
        drag(axial, LEFT, place)
    assert told.args == [(30, 11, 6)]
    assert (coronal.index, sagittal.index) == (11, 30)
    drag(sagittal, LEFT, sagittal.point_of((30, 25, 3)))
    assert linked.position == (30, 25, 3)
    assert (axial.index, coronal.index) == (3, 25)


def test_wheel_moves_the_crosshair_of_the_others(linked) -> None:
    linked.set_volume(phantom("RAS"))
    heard = []
    linked.position_changed.connect(heard.append)
    wheel(linked.views[2], -120)
    assert heard == [(25, 20, 6)]
    linked.step(2)
    assert linked.position == (25, 20, 8)


def test_go_to_stays_within_the_scan(linked) -> None:
    linked.set_volume(phantom("RAS"))
    linked.go_to((999, -4, 3.4))
    assert linked.position == (SHAPE[2] - 1, 0, 3)
    assert [view.index for view in linked.views] == [3, 0, SHAPE[2] - 1]


def test_one_window_for_all(linked) -> None:
    linked.set_volume(phantom("RAS"), Window(50, 60))
    heard = []
    linked.window_changed.connect(heard.append)
    linked.views[1].set_window(Window(10, 20))
    assert {view.window_shown for view in linked.views} == {Window(10, 20)}
    assert heard == [Window(10, 20)]
    # a session that says it back, or says it twice, is not answered again
    linked.set_window(Window(10, 20))
    assert len(heard) == 1


def test_maximise_and_back(linked) -> None:
    linked.set_volume(phantom("RAS"))
    coronal = linked.views[1]
    mouse(coronal, QEvent.Type.MouseButtonDblClick, QPointF(20, 20), LEFT, LEFT)
    assert shown(linked) == [False, True, False]
    assert linked.maximised is coronal
    assert linked.active is coronal
    assert coronal.words[1] != ""
    mouse(coronal, QEvent.Type.MouseButtonDblClick, QPointF(20, 20), LEFT, LEFT)
    assert shown(linked) == [True, True, True]
    assert linked.main.width() == pytest.approx(600, abs=6)


def test_mask_is_refreshed_in_every_plane(linked) -> None:
    volume = phantom("LPS")
    mask = np.zeros(SHAPE, np.uint8)
    linked.set_volume(volume)
    linked.set_overlays([Overlay(mask, {1: (255, 0, 0)}, 1.0)])
    linked.go_to((20, 15, 5))
    before = [pixels_of(view) for view in linked.views]
    mask[5, 15, 20] = 1
    linked.refresh(Box((5, 15, 20), (6, 16, 21)))
    for view, old in zip(linked.views, before, strict=True):
        new = pixels_of(view)
        where = np.nonzero((new != old).any(axis=-1))
        place = view.point_of((20, 15, 5))
        assert where[0].size
        assert np.mean(where[0]) == pytest.approx(place.y(), abs=3)
        assert np.mean(where[1]) == pytest.approx(place.x(), abs=3)


def test_tool_reaches_every_plane_and_the_pane_drawn_in_loses_its_crosshair(linked) -> None:
    linked.set_volume(phantom("RAS"))
    pen = Pen()
    linked.set_tool(pen)
    for view in linked.views:
        drag(view, LEFT, QPointF(view.rect().center()))
        assert pen.told[-1][1].view.plane is view.plane
        assert linked.active is view
    assert linked.position == (24, 20, 6)


def test_empty_after_none(linked) -> None:
    linked.set_volume(phantom("RAS"))
    linked.set_volume(None)
    assert linked.main.volume is None
    assert not pixels_of(linked.main).any()
    linked.go_to((1, 1, 1))
    linked.refresh()


def test_views_are_made_once(linked) -> None:
    views = linked.views
    for _ in range(3):
        linked.set_volume(phantom("RAS"))
        linked.set_volume(Volume(np.zeros((1, 40, 50), np.uint8), Geometry.of_picture(40, 50)))
    assert linked.views == views
