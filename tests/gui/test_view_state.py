"""What stays from slice to slice and scan to scan, and what the viewer says of a scan and of its slices."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QPointingDevice, QTabletEvent
from PySide6.QtWidgets import QApplication
from shell_support import stroke, wait_loaded
from viewer_support import LEFT, NONE, RIGHT, Pen, drag, mouse, phantom, pixels_of, wheel

from core.editing.editor import Editor
from core.geometry import Geometry, Plane
from core.labels import LabelSet
from core.project.records import Origin, SliceState
from core.volume import Volume, Window
from gui.annotate.presets import key_windows, presets
from gui.annotate.slice_strip import Mark, marks_of
from gui.loading import histogram_of
from gui.main_window import MainWindow
from gui.viewer import colormaps
from gui.viewer.linking import world_place
from gui.viewer.remarks import remarks_on
from gui.window_memory import WindowMemory

# ------------------------------------------------------------------ zoom and place


def test_planes_zoom_together_about_the_same_place(linked) -> None:
    linked.set_volume(phantom("LPS"))
    linked.go_to((30, 12, 8))
    axial = linked.main
    fitted = [view.camera.zoom for view in linked.views]
    axial.zoom_about(axial.point_of((30, 12, 8)), 3.0)
    for view, before in zip(linked.views, fitted, strict=True):
        assert view.camera.zoom == pytest.approx(3 * before, rel=1e-6)
        assert view.rect().contains(view.point_of((30, 12, 8)).toPoint())
    linked.fit()
    assert all(view.is_fitted for view in linked.views)
    linked.set_zoom_linked(False)
    axial.zoom_by(3.0)
    assert linked.views[1].is_fitted


def test_a_zoomed_plane_follows_the_crosshair_out_of_its_sight(linked) -> None:
    linked.set_volume(phantom("LPS"))
    linked.main.zoom_by(2.0)
    coronal = linked.views[1]
    kept = coronal.camera
    linked.main.set_index(7)
    assert coronal.camera == kept
    linked.go_to((2, 20, 11))
    assert coronal.rect().contains(coronal.point_of((2, 20, 11)).toPoint())


def test_zoom_and_place_stay_for_the_next_scan_and_fitted_stays_fitted(linked) -> None:
    linked.set_volume(phantom("LPS"))
    linked.main.zoom_about(QPointF(100, 80), 2.0)
    kept = linked.main.camera
    world = linked.main.volume.geometry.to_world(linked.main.voxel_at(QPointF(300, 200)))
    linked.set_volume(phantom("LPS"))
    assert linked.main.camera == kept
    # the same head with its axes the other way round: the same place of the body is where it was
    linked.set_volume(phantom("RAS"), same_person=True)
    again = linked.main.volume.geometry.to_world(linked.main.voxel_at(QPointF(300, 200)))
    np.testing.assert_allclose(again, world, atol=1e-6)
    linked.fit()
    linked.set_volume(phantom("LPS"))
    assert linked.main.is_fitted
    # millimetres say nothing of pixels
    linked.main.zoom_by(2.0)
    linked.set_volume(Volume(np.zeros((1, 40, 50), np.uint8), Geometry.of_picture(40, 50)))
    assert linked.main.is_fitted


def test_the_same_place_of_another_grid() -> None:
    las, ras = phantom("LPS").geometry, phantom("RAS").geometry
    place = world_place((10, 12, 7), las, ras)
    assert place is not None
    np.testing.assert_allclose(ras.to_world(place), las.to_world((10, 12, 7)), atol=1e-6)
    assert world_place((10, 12, 7), las, Geometry.of_picture(40, 48, 12)) is None
    far = Geometry(ras.shape, ras.affine + np.array([[0, 0, 0, 900]] + [[0] * 4] * 3))
    assert world_place((10, 12, 7), las, far) is None


def test_hounsfield_windows_stay_and_others_keep_their_proportion() -> None:
    memory = WindowMemory()
    own = Window.between(0, 400)
    assert memory.recall(own, "MR") == own
    memory.keep(Window.between(0, 300), own, "MR")
    darker = memory.recall(Window.between(100, 1100), "MR")
    assert (darker.low, darker.high) == pytest.approx((100, 850))
    assert memory.recall(Window(40, 80), "CT") == Window(40, 80)
    memory.keep(Window(75, 200), Window(40, 80), "CT")
    assert memory.recall(Window(600, 2800), "CT") == Window(75, 200)
    assert memory.recall(own, "") == own


def test_the_grey_levels_chosen_come_along_to_the_next_scan(opened: MainWindow, qtbot) -> None:
    session = opened.session
    own = session.loaded.window
    session.set_window(Window.between(own.low, own.low + own.width / 2))
    qtbot.keyClick(opened.annotate.views.main, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    wait_loaded(opened, qtbot)
    now = session.loaded.window
    assert session.window.high == pytest.approx(now.low + now.width / 2)
    assert opened.annotate.views.window_shown == session.window


# ------------------------------------------------------------------ presets


def ct(windows: tuple[Window, ...] = ()) -> Volume:
    random = np.random.default_rng(0)
    array = np.full((4, 64, 64), -1000, np.int16)
    array[:, 16:48, 16:48] = random.integers(0, 80, (4, 32, 32))
    array[:, 16:20, 16:48] = 1200
    return Volume(array, Geometry((4, 64, 64), np.eye(4)), modality="CT", windows=windows)


def test_a_key_means_the_same_window_on_every_ct() -> None:
    bare, headed = ct(), ct((Window(30, 300, "SOFT"), Window(500, 3000, "BONE2")))
    for volume in (bare, headed):
        found = key_windows(volume, histogram_of(volume))
        assert [(found[key].center, found[key].width) for key in (2, 3, 4, 5)] == [
            (40, 80), (75, 200), (40, 40), (600, 2800),
        ]  # fmt: skip
        assert found[6].low > -300
        assert found[6].high == pytest.approx(1200, abs=1)
    assert key_windows(headed, histogram_of(headed))[1].name == "SOFT"
    names = [preset.window.name for preset in presets(headed, histogram_of(headed))]
    assert names == ["SOFT", "Brain", "Subdural", "Stroke", "Bone", "Auto", "BONE2"]
    assert [preset.window.name for preset in presets(bare, histogram_of(bare))] == names[1:6]


def test_a_header_window_that_is_in_the_table_is_shown_once() -> None:
    volume = ct((Window(40, 80, "HEAD"), Window(30, 300, "SOFT")))
    names = [preset.window.name for preset in presets(volume, histogram_of(volume))]
    assert names == ["Brain", "Subdural", "Stroke", "Bone", "Auto", "SOFT"]
    assert key_windows(volume, histogram_of(volume))[1].center == 40


def test_mr_begins_with_what_fits_it() -> None:
    volume = phantom("LPS")
    found = presets(volume, histogram_of(volume))
    assert [preset.window.name for preset in found] == ["Auto", "Brighter", "Contrast", "Wide"]
    keys = key_windows(volume, histogram_of(volume))
    assert keys[1] == keys[6] == found[0].window


# ------------------------------------------------------------------ what a scan says of itself


def with_facts(**facts: str | int | float) -> Volume:
    return Volume(np.zeros((9, 20, 20), np.int16), Geometry((9, 20, 20), np.diag([1, 1, 3.0, 1])), facts=facts)


def test_remarks_name_what_is_unusual() -> None:
    assert remarks_on(with_facts()).words == ""
    found = remarks_on(with_facts(missing_slices="3,7", uneven_slices=1, tilt_degrees=8.5))
    assert found.warns
    assert found.missing == {3, 7}
    assert found.words.split("   ")[::2] == ["2 slices missing", "uneven slices", "gantry tilt 8.5°"]
    assert "4, 8" in found.sentences
    odd = remarks_on(with_facts(scaling_ignored=1, qform_differs_mm=4.2))
    assert odd.words == "2 remarks on the header"
    assert odd.warns
    assert "4.2 mm" in odd.sentences
    turn = np.deg2rad(18)
    affine = np.array(
        [[1, 0, 0, 0], [0, np.cos(turn), -np.sin(turn), 0], [0, np.sin(turn), np.cos(turn), 0], [0, 0, 0, 1]]
    )
    oblique = remarks_on(Volume(np.zeros((4, 9, 9), np.int16), Geometry((4, 9, 9), affine)))
    assert oblique.words == "oblique 18°"
    assert not oblique.warns
    assert remarks_on(Volume(np.zeros((1, 9, 9), np.uint8), Geometry.of_picture(9, 9))).words == "size unknown: px"


def test_a_missing_slice_says_so_in_the_pane(linked) -> None:
    volume = with_facts(missing_slices="4")
    linked.set_volume(volume)
    linked.go_to((1, 1, 4))
    assert "1 slice missing" in linked.main.note
    there = pixels_of(linked.main)
    linked.go_to((1, 1, 5))
    elsewhere = pixels_of(linked.main)
    middle = (slice(linked.main.height() // 2 - 12, linked.main.height() // 2 + 12), slice(80, -80))
    assert (there[middle] != elsewhere[middle]).any()
    linked.set_volume(phantom("LPS"))
    assert linked.main.note == ""


def test_the_strip_tells_how_each_slice_came_about() -> None:
    known = [
        SliceState(1, Origin.PREDICTED, "run"),
        SliceState(2, Origin.CORRECTED, "run"),
        SliceState(3, Origin.IMPORTED, finished=True),
    ]
    mask = np.zeros((6, 8, 8), np.uint8)
    mask[2:5, 2:4, 2:4] = 1
    editor = Editor(
        Geometry(mask.shape, np.eye(4)), LabelSet().with_label("Brain"), {"brain": mask}, {"brain": known}, reader="r"
    )
    assert marks_of(editor, "brain") == [
        Mark.UNKNOWN, Mark.PREDICTED, Mark.CORRECTED, Mark.DRAWN, Mark.DRAWN, Mark.UNKNOWN,
    ]  # fmt: skip


def test_the_strip_follows_what_is_drawn_and_is_there_without_a_label(opened: MainWindow) -> None:
    strip = opened.annotate.strip
    index = opened.annotate.views.main.index
    assert set(strip.marks) == {Mark.UNKNOWN}
    stroke(opened, (20, 30), (30, 30))
    assert [place for place, mark in enumerate(strip.marks) if mark is Mark.DRAWN] == [index]
    before = pixels_of(strip)
    strip.show_layer(None, "#000000")
    assert strip.marks == [Mark.PLAIN] * opened.session.volume.shape[0]
    assert (pixels_of(strip) != before).any()


# ------------------------------------------------------------------ pixels, colours, mouse, pen


def test_nearest_pixels_are_squares_and_colour_maps_colour_the_scan_alone(linked) -> None:
    volume = phantom("LPS")
    linked.set_volume(volume, Window(550, 1100))
    linked.set_crosshair_wanted(False)
    linked.main.set_words_visible(False)
    linked.main.set_index(9)
    assert len(np.unique(pixels_of(linked.main)[..., 0])) > 3
    linked.set_smooth(False)
    assert len(np.unique(pixels_of(linked.main)[..., 0])) <= 3
    grey = pixels_of(linked.main)
    linked.set_colors("hot")
    hot = pixels_of(linked.main)
    assert (hot[..., 0].astype(int) - hot[..., 2] > 40).any()
    linked.set_volume(volume, Window(550, 1100))
    linked.main.set_words_visible(False)
    linked.main.set_index(9)
    np.testing.assert_array_equal(pixels_of(linked.main), hot)
    linked.set_colors(colormaps.GREY)
    np.testing.assert_array_equal(pixels_of(linked.main), grey)


def test_every_colour_map_runs_from_one_end_to_another() -> None:
    for name in colormaps.NAMES:
        table = colormaps.table(name)
        assert len(table) == 256
        assert len(set(table)) > 150
        assert all(word >> 24 == 0xFF for word in table)
        assert colormaps.table(name, hole=True)[0] == 0
        assert colormaps.words_of(name)


def test_the_mouse_does_what_the_keymap_says(linked) -> None:
    linked.set_volume(phantom("LPS"))
    view = linked.main
    window, zoom = view.window_shown, view.camera.zoom
    linked.set_mouse({"right_drag": "zoom", "wheel": "zoom", "ctrl_wheel": "slice", "left_navigate": "pan"})
    drag(view, RIGHT, QPointF(200, 200), QPointF(200, 150), QPointF(200, 100))
    assert view.camera.zoom > zoom * 1.3
    assert view.window_shown == window
    index, zoom = view.index, view.camera.zoom
    wheel(view, 120)
    assert view.camera.zoom > zoom
    assert view.index == index
    wheel(view, -120, keys=Qt.KeyboardModifier.ControlModifier)
    assert view.index == index + 1
    held = view.voxel_at(QPointF(100, 100))
    drag(view, LEFT, QPointF(100, 100), QPointF(140, 130))
    assert view.voxel_at(QPointF(140, 130)) == pytest.approx(held)
    pen = Pen()
    linked.set_tool(pen)
    linked.set_mouse({"right_drag": "erase"})
    drag(view, RIGHT, QPointF(100, 100), QPointF(120, 100))
    assert [kind for kind, _ in pen.told] == ["press", "move", "release"]
    assert all(event.inverted for _, event in pen.told)
    drag(view, LEFT, QPointF(100, 100), QPointF(120, 100))
    assert not pen.told[-1][1].inverted


def test_space_pans_while_held_and_is_free_when_tapped(qtbot, linked) -> None:
    linked.set_volume(phantom("LPS"))
    taps = []
    linked.space_tapped.connect(lambda: taps.append(1))
    view = linked.main
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Space)
    assert taps == [1]
    qtbot.keyPress(view, Qt.Key.Key_Space)
    drag(view, LEFT, QPointF(100, 100), QPointF(130, 110))
    qtbot.keyRelease(view, Qt.Key.Key_Space)
    assert taps == [1]
    assert not view.is_fitted


@pytest.mark.parametrize(
    ("kind", "turned"), [(QPointingDevice.PointerType.Pen, False), (QPointingDevice.PointerType.Eraser, True)]
)
def test_a_pen_tells_its_pressure_and_which_end_is_down(linked, kind, turned: bool) -> None:
    linked.set_volume(phantom("LPS"))
    view, pen = linked.main, Pen()
    linked.set_tool(pen)
    device = QPointingDevice(
        "pen", 7, QPointingDevice.DeviceType.Stylus, kind, QPointingDevice.Capability.Pressure, 1, 1
    )
    place = QPointF(150, 150)

    def tablet(what: QEvent.Type, pressure: float, buttons: Qt.MouseButton) -> None:
        nowhere = Qt.KeyboardModifier.NoModifier
        event = QTabletEvent(
            what, device, place, view.mapToGlobal(place), pressure, 0, 0, 0, 0, 0, nowhere, LEFT, buttons
        )
        QApplication.sendEvent(view, event)
        assert not event.isAccepted()

    tablet(QEvent.Type.TabletPress, 0.4, LEFT)
    keys = Qt.KeyboardModifier.NoModifier
    kind_of = QEvent.Type.MouseButtonPress
    QApplication.sendEvent(view, QMouseEvent(kind_of, place, view.mapToGlobal(place), LEFT, LEFT, keys, device))
    tablet(QEvent.Type.TabletMove, 0.7, LEFT)
    mouse(view, QEvent.Type.MouseMove, place + QPointF(5, 0), NONE, LEFT)
    tablet(QEvent.Type.TabletRelease, 0.0, NONE)
    mouse(view, QEvent.Type.MouseButtonRelease, place, LEFT, NONE)
    assert [round(event.pressure, 3) for _, event in pen.told] == [0.4, 0.7, 0.7]
    assert {event.turned for _, event in pen.told} == {turned}
    # a mouse presses as hard as it can
    drag(view, LEFT, place)
    assert pen.told[-1][1].pressure == 1.0
    assert not pen.told[-1][1].inverted


def test_all_hints_but_the_first_are_shown_whole_or_not_at_all(opened: MainWindow) -> None:
    hint = opened.annotate.options.hint
    all_of_it = hint.text()
    parts = all_of_it.split("  ·  ")
    for width in (0, 60, 150, 300, 2000):
        hint.resize(width, 20)
        shown = hint.shown
        whole = shown == "  ·  ".join(parts[: len(shown.split("  ·  "))])
        # the first is cut rather than left out: on a small screen it would be nowhere
        cut = shown.endswith("…") and parts[0].startswith(shown.removesuffix("…"))
        assert whole or cut or (width == 0 and shown == "")
        assert hint.fontMetrics().horizontalAdvance(shown) <= width
    assert hint.shown == all_of_it
    assert hint.toolTip() == all_of_it


def test_one_plane_alone_by_its_key(opened: MainWindow, qtbot) -> None:
    views = opened.annotate.views
    qtbot.keyClick(views.main, Qt.Key.Key_R, Qt.KeyboardModifier.ShiftModifier)
    assert views.maximised is views.main
    qtbot.keyClick(views.main, Qt.Key.Key_R, Qt.KeyboardModifier.ShiftModifier)
    assert views.maximised is None


def test_ways_of_showing_are_remembered(opened: MainWindow) -> None:
    actions, preferences = opened.actions_table, opened.session.settings.preferences
    for name in ("smooth", "crosshair", "zoom_linked", "neurological"):
        before = getattr(preferences, name)
        actions[name].trigger()
        assert getattr(preferences, name) is not before
    assert opened.annotate.views.main.letters[:2] == ("L", "R")
    assert opened.annotate.views.main.plane is Plane.AXIAL
    # one side for all workspaces
    assert not opened.review.panes.views[0]._radiological
    assert not opened.review.side.difference.view._radiological
