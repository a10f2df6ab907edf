"""One pane: where voxels are on the screen, what the mouse does, what is painted."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, QRect, Qt
from PySide6.QtGui import QPaintEvent, QRegion
from PySide6.QtWidgets import QApplication
from viewer_support import LEFT, MIDDLE, NONE, RIGHT, SHAPE, SPACING, Pen, drag, mouse, phantom, pixels_of, wheel

from core.geometry import Box, Geometry, Plane
from core.volume import Volume, Window
from gui.viewer import corner, pixels
from gui.viewer.overlay import Overlay, rgb
from gui.viewer.slice_view import SliceView

PLANES = list(Plane)
CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)


@pytest.fixture
def view(qtbot) -> SliceView:
    made = SliceView()
    qtbot.addWidget(made)
    made.resize(400, 320)
    made.show()
    return made


def test_empty_pane_ignores_the_mouse(view) -> None:
    drag(view, LEFT, QPointF(10, 10), QPointF(60, 60))
    wheel(view, 120)
    view.set_window(Window(1, 2))
    view.set_index(5)
    view.refresh()
    assert view.index == 0
    assert view.voxel_at(QPointF(5, 5)) is None
    assert not pixels_of(view).any()


# ------------------------------------------------------------------ geometry


@pytest.mark.parametrize("codes", ["RAS", "LPS"])
@pytest.mark.parametrize("plane", PLANES)
def test_click_hits_the_voxel_that_is_drawn_there(qtbot, view, codes: str, plane: Plane) -> None:
    view.show_volume(phantom(codes), plane)
    view.zoom_about(QPointF(150, 140), 1.7)
    view.pan(11, -7)
    layout = view.plane_view
    assert layout is not None
    seen = []
    view.crosshair_moved.connect(seen.append)
    for row in range(0, layout.rows, 3):
        for column in range(0, layout.columns, 5):
            xyz = layout.to_voxel(row, column, view.index)
            place = view.point_of(xyz)
            drag(view, LEFT, place)
            assert seen[-1] == xyz
            back = view.voxel_at(place)
            assert back == pytest.approx(xyz, abs=1e-9)


@pytest.mark.parametrize("codes", ["RAS", "LPS"])
@pytest.mark.parametrize(("plane", "index_axis"), [(Plane.AXIAL, 2), (Plane.CORONAL, 1), (Plane.SAGITTAL, 0)], ids=str)
@pytest.mark.parametrize("radiological", [True, False])
def test_patients_right_is_on_screen_left(view, codes: str, plane: Plane, index_axis: int, radiological: bool) -> None:
    volume = phantom(codes)
    view.set_words_visible(False)
    view.set_radiological(radiological)
    view.show_volume(volume, plane)
    inside = np.argwhere(volume.array == 1000)[10][::-1]
    view.set_index(int(inside[index_axis]))
    bright = pixels_of(view)[..., 0] > 200
    rows, columns = np.nonzero(bright)
    middle_row, middle_column = view.height() / 2, view.width() / 2
    # the block lies right, in front and up: above the middle in every plane
    assert rows.max() < middle_row + 30
    assert rows.mean() < middle_row
    # axial and coronal: the patient's right; sagittal: the front, which is left either way
    on_the_left = radiological or plane is Plane.SAGITTAL
    assert (columns.mean() < middle_column) == on_the_left


def test_letters(view) -> None:
    view.show_volume(phantom("LPS"), Plane.AXIAL)
    assert view.letters == ("R", "L", "A", "P")
    view.set_radiological(False)
    assert view.letters == ("L", "R", "A", "P")
    view.set_radiological(True)
    view.show_volume(phantom("RAS"), Plane.CORONAL)
    assert view.letters == ("R", "L", "S", "I")
    view.show_volume(phantom("RAS"), Plane.SAGITTAL)
    assert view.letters == ("A", "P", "S", "I")
    view.show_volume(Volume(np.zeros((1, 20, 30), np.uint8), Geometry.of_picture(20, 30)), Plane.AXIAL)
    assert view.letters == ("", "", "", "")


@pytest.mark.parametrize("size", [(64, 64), (150, 90), (900, 700)])
def test_letters_are_never_cut_off(view, size: tuple[int, int]) -> None:
    pane = QRect(0, 0, *size)
    for rect in view._corner.letter_rects(pane):
        assert pane.contains(rect)


@pytest.mark.parametrize("width", [171, 230, 464])
def test_the_scale_bar_ends_before_the_letter(view, width: int) -> None:
    view.show_volume(phantom("RAS"), Plane.CORONAL)
    pane = QRect(0, 0, width, 300)
    letter = view._corner.letter_rects(pane)[3]
    assert corner.MARGIN + view._corner.bar_room(pane) <= letter.left()


@pytest.mark.parametrize("plane", PLANES)
def test_aspect_follows_the_spacing(view, plane: Plane) -> None:
    view.show_volume(phantom("RAS"), plane)
    layout = view.plane_view
    assert layout is not None
    low, high = view._point(-0.5, -0.5), view._point(layout.rows - 0.5, layout.columns - 0.5)
    across, down = high.x() - low.x(), high.y() - low.y()
    sizes = dict(zip((0, 1, 2), SPACING, strict=True))
    wanted = layout.columns * sizes[layout.column_axis] / (layout.rows * sizes[layout.row_axis])
    assert across / down == pytest.approx(wanted, rel=1e-9)


# ------------------------------------------------------------------ camera


def test_zoom_keeps_what_is_under_the_pointer(view) -> None:
    view.show_volume(phantom("LPS"), Plane.AXIAL)
    place = QPointF(133, 201)
    before = view.voxel_at(place)
    for turned in (120, 120, 360, -240, 45):
        wheel(view, turned, place, CTRL)
        assert view.voxel_at(place) == pytest.approx(before, abs=1e-9)
    assert view.magnification > 0


def test_zoom_has_limits(view) -> None:
    view.show_volume(phantom("LPS"), Plane.AXIAL)
    for _ in range(80):
        wheel(view, 120, None, CTRL)
    assert view.magnification <= 161
    for _ in range(200):
        wheel(view, -120, None, CTRL)
    assert view.camera.zoom * SHAPE[1] * SPACING[1] >= 23


def test_fitted_on_resize_unless_zoomed(view) -> None:
    view.show_volume(phantom("LPS"), Plane.AXIAL)
    small = view.camera.zoom
    view.resize(800, 640)
    assert view.camera.zoom > small * 1.8
    view.zoom_by(1.5)
    kept = view.camera
    view.resize(500, 400)
    assert view.camera == kept
    view.fit()
    assert view.is_fitted
    assert view.camera.zoom < kept.zoom


@pytest.mark.parametrize("button", [MIDDLE, LEFT])
def test_pan_with_the_middle_button_or_space(qtbot, view, button) -> None:
    view.show_volume(phantom("LPS"), Plane.AXIAL)
    pen = Pen()
    view.tool = pen
    view.zoom_by(3)
    start = QPointF(200, 160)
    before = view.voxel_at(start)
    if button == LEFT:
        qtbot.keyPress(view, Qt.Key.Key_Space)
    drag(view, button, start, QPointF(210, 170), QPointF(231, 149))
    if button == LEFT:
        qtbot.keyRelease(view, Qt.Key.Key_Space)
    assert view.voxel_at(QPointF(231, 149)) == pytest.approx(before, abs=1e-9)
    assert pen.told == []


# ------------------------------------------------------------------ wheel, window, tool


def test_wheel_is_one_slice_a_notch(qtbot, view) -> None:
    view.show_volume(phantom("LPS"), Plane.AXIAL)
    assert view.index == 6
    with qtbot.waitSignal(view.index_changed) as told:
        wheel(view, -120)
    assert told.args == [7]
    wheel(view, 240)
    assert view.index == 5
    for _ in range(3):
        wheel(view, -40)  # a touchpad's thirds of a notch
    assert view.index == 6
    for _ in range(40):
        wheel(view, -120)
    assert view.index == SHAPE[0] - 1


def test_shift_wheel_is_brush_size(view) -> None:
    view.show_volume(phantom("LPS"), Plane.AXIAL)
    steps = []
    view.brush_size_step.connect(steps.append)
    wheel(view, 120, None, SHIFT)
    wheel(view, -120, None, SHIFT)
    assert steps == [1, -1]
    assert view.index == 6


def test_right_drag_is_window_and_level(view) -> None:
    view.show_volume(phantom("LPS"), Plane.AXIAL)
    view.set_window(Window(100, 200))
    menus = []
    view.menu_requested.connect(menus.append)
    drag(view, RIGHT, QPointF(50, 50), QPointF(100, 50), QPointF(200, 50))
    assert view.window_shown.width > 250
    assert view.window_shown.center == pytest.approx(100)
    drag(view, RIGHT, QPointF(50, 50), QPointF(50, 150))
    assert view.window_shown.center > 150
    assert menus == []
    drag(view, RIGHT, QPointF(50, 50))
    assert len(menus) == 1


def test_tool_is_told_rows_and_columns(view) -> None:
    view.show_volume(phantom("LPS"), Plane.CORONAL)
    pen = Pen()
    view.tool = pen
    start, end = view._point(3.25, 10.5), view._point(7, 20)
    drag(view, LEFT, start, end, keys=CTRL)
    assert [kind for kind, _ in pen.told] == ["press", "move", "release"]
    first, last = pen.told[0][1], pen.told[-1][1]
    assert (first.row, first.column) == pytest.approx((3.25, 10.5))
    assert (last.row, last.column) == pytest.approx((7, 20))
    assert first.index == view.index
    assert first.view == view.plane_view
    assert first.inverted
    assert first.buttons == LEFT
    assert last.buttons == NONE


def test_stroke_stays_with_its_tool(view) -> None:
    view.show_volume(phantom("LPS"), Plane.AXIAL)
    first, second = Pen(), Pen()
    view.tool = first
    mouse(view, QEvent.Type.MouseButtonPress, QPointF(100, 100), LEFT, LEFT)
    view.tool = second
    mouse(view, QEvent.Type.MouseMove, QPointF(120, 100), NONE, LEFT)
    mouse(view, QEvent.Type.MouseButtonRelease, QPointF(120, 100), LEFT, NONE)
    assert len(first.told) == 3
    assert second.told == []


def test_lost_release_ends_the_stroke(view) -> None:
    view.show_volume(phantom("LPS"), Plane.AXIAL)
    pen = Pen()
    view.tool = pen
    mouse(view, QEvent.Type.MouseButtonPress, QPointF(100, 100), LEFT, LEFT)
    mouse(view, QEvent.Type.MouseMove, QPointF(130, 100))
    assert [kind for kind, _ in pen.told] == ["press", "release"]


@pytest.mark.parametrize("way", ["no tool", "alt", "shift"])
def test_ways_to_move_the_crosshair(view, way: str) -> None:
    view.show_volume(phantom("LPS"), Plane.AXIAL)
    pen = Pen()
    view.tool = None if way == "no tool" else pen
    seen = []
    view.crosshair_moved.connect(seen.append)
    place = view.point_of((20, 11, view.index))
    if way == "shift":
        mouse(view, QEvent.Type.MouseMove, place, keys=SHIFT)
    else:
        drag(view, LEFT, place, keys=ALT if way == "alt" else Qt.KeyboardModifier.NoModifier)
    assert seen[-1] == (20, 11, view.index)
    assert pen.told == []


def test_hovered_says_voxels_and_nothing_outside(view) -> None:
    view.show_volume(phantom("LPS"), Plane.SAGITTAL)
    seen = []
    view.hovered.connect(seen.append)
    mouse(view, QEvent.Type.MouseMove, view.point_of((view.index, 4, 2)) + QPointF(0.4, 0.4))
    mouse(view, QEvent.Type.MouseMove, QPointF(1, 1))
    assert seen == [(view.index, 4, 2), None]


def test_double_click_maximises_but_is_two_dabs_for_a_tool(qtbot, view) -> None:
    view.show_volume(phantom("LPS"), Plane.AXIAL)
    asked = []
    view.maximise_requested.connect(lambda: asked.append(1))
    mouse(view, QEvent.Type.MouseButtonDblClick, QPointF(100, 100), LEFT, LEFT)
    assert asked == [1]
    pen = Pen()
    view.tool = pen
    mouse(view, QEvent.Type.MouseButtonDblClick, QPointF(100, 100), LEFT, LEFT)
    mouse(view, QEvent.Type.MouseButtonRelease, QPointF(100, 100), LEFT, NONE)
    assert asked == [1]
    assert [kind for kind, _ in pen.told] == ["press", "release"]


# ------------------------------------------------------------------ what is painted


def color_at(view: SliceView, xyz) -> tuple[int, ...]:
    place = view.point_of(xyz)
    return tuple(int(value) for value in pixels_of(view)[round(place.y()), round(place.x())])


def test_mask_fill_outline_and_refresh(view) -> None:
    volume = phantom("RAS")
    mask = np.zeros(SHAPE, np.uint8)
    mask[6, 10:20, 10:30] = 1
    view.show_volume(volume, Plane.AXIAL)
    view.set_words_visible(False)
    view.set_window(Window(100, 200))
    view.set_overlays([Overlay(mask, {1: rgb("#ff0000")}, 0.2)])
    layout = view.plane_view
    assert layout is not None
    grey = color_at(view, (40, 5, 6))
    assert grey == pytest.approx((128, 128, 128), abs=2)
    red, green, blue = color_at(view, (20, 15, 6))
    assert (red, green, blue) == pytest.approx((0.8 * 128 + 51, 0.8 * 128, 0.8 * 128), abs=3)
    corner_place = view._point(*layout.to_screen((10, 19, 6))[:2])
    patch = pixels_of(view)[
        round(corner_place.y()) - 6 : round(corner_place.y()) + 6,
        round(corner_place.x()) - 6 : round(corner_place.x()) + 6,
    ]
    assert (patch == (255, 0, 0)).all(axis=-1).any()
    mask[6, 30:36, 38:44] = 1
    assert color_at(view, (41, 33, 6)) == grey
    view.refresh(Box((6, 30, 38), (7, 36, 44)))
    assert color_at(view, (41, 33, 6)) != grey
    view.set_overlays_visible(False)
    assert color_at(view, (20, 15, 6)) == pytest.approx((128, 128, 128), abs=2)


@pytest.mark.parametrize("plane", PLANES)
def test_partial_refresh_shows_what_a_whole_one_would(qtbot, plane: Plane) -> None:
    volume, random = phantom("LPS"), np.random.default_rng(5)
    mask = np.zeros(SHAPE, np.uint8)
    overlay = Overlay(mask, {1: rgb("#2ec4b6"), 2: rgb("#ff5d5d")}, 0.3)
    view, fresh = SliceView(), SliceView()
    for each in (view, fresh):
        qtbot.addWidget(each)
        each.resize(333, 251)
        each.show_volume(volume, plane)
        each.set_overlays([overlay])
    view.grab()
    for _ in range(12):
        low = [int(random.integers(0, count - 2)) for count in SHAPE]
        high = [min(count, at + int(random.integers(1, 14))) for at, count in zip(low, SHAPE, strict=True)]
        mask[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = random.integers(0, 3)
        view.refresh(Box(tuple(low), tuple(high)))
        fresh.refresh()
        assert np.array_equal(pixels_of(view), pixels_of(fresh))


class Watched(SliceView):
    """A pane that notes what it was asked to paint."""

    def __init__(self) -> None:
        super().__init__()
        self.painted = QRegion()

    def paintEvent(self, event: QPaintEvent) -> None:
        self.painted = self.painted.united(event.region())
        super().paintEvent(event)


def test_a_dab_repaints_little_and_other_slices_nothing(qtbot) -> None:
    view = Watched()
    qtbot.addWidget(view)
    view.resize(500, 500)
    with qtbot.waitExposed(view):
        view.show()
    mask = np.zeros(SHAPE, np.uint8)
    view.show_volume(phantom("RAS"), Plane.AXIAL)
    view.set_overlays([Overlay(mask, {1: (1, 2, 3)})])
    QApplication.processEvents()
    view.painted = QRegion()
    view.refresh(Box((6, 20, 20), (7, 22, 22)))
    QApplication.processEvents()
    painted = view.painted.boundingRect()
    assert 0 < painted.width() < 60
    assert painted.contains(view.point_of((20.5, 20.5, 6)).toPoint())
    view.painted = QRegion()
    view.refresh(Box((3, 0, 0), (4, 40, 48)))
    QApplication.processEvents()
    assert view.painted.isEmpty()


def test_partly_painted_panes_look_like_wholly_painted_ones(qtbot) -> None:
    """Paint strip by strip onto one picture and compare with one go: no seams, no shifted pixels."""
    view = SliceView()
    qtbot.addWidget(view)
    view.resize(310, 270)
    mask = np.zeros(SHAPE, np.uint8)
    mask[6, 8:30, 9:40] = 1
    view.show_volume(phantom("RAS"), Plane.AXIAL)
    view.set_overlays([Overlay(mask, {1: (46, 196, 182)})])
    view.set_crosshair((20.0, 20.0, 6.0))
    for zoom in (1.0, 2.3):
        view.zoom_by(zoom)
        for smooth in (True, False):
            view.set_smooth(smooth)
            whole = view.grab().toImage()
            for rect in (QRect(31, 17, 100, 90), QRect(0, 200, 310, 70), QRect(155, 0, 3, 270)):
                part = view.grab(rect).toImage()
                assert part == whole.copy(rect)


def test_brush_ring_has_its_true_size(view) -> None:
    view.show_volume(phantom("RAS"), Plane.AXIAL)
    view.set_words_visible(False)
    view.tool = Pen(radius=9.0)
    place = view.point_of((24, 20, 6))
    mouse(view, QEvent.Type.MouseMove, place)
    magenta = pixels_of(view).astype(int)
    ring = (magenta[..., 0] > 150) & (magenta[..., 1] < 90) & (magenta[..., 2] > 150)
    columns = np.nonzero(ring.any(axis=0))[0]
    assert columns.max() - columns.min() == pytest.approx(18.0 * view.camera.zoom, abs=3)
    QApplication.sendEvent(view, QEvent(QEvent.Type.Leave))
    assert view._marks.ring is None


def test_color_pictures_keep_their_colors(view) -> None:
    array = np.zeros((1, 30, 40, 3), np.uint8)
    array[..., 0], array[..., 1] = 200, 50
    volume = Volume(array, Geometry.of_picture(30, 40), channels=("R", "G", "B"))
    view.show_volume(volume, Plane.AXIAL)
    assert color_at(view, (20, 15, 0)) == (200, 50, 0)


def test_words(view) -> None:
    view.show_volume(phantom("RAS"), Plane.AXIAL)
    view.set_window(Window(84, 168))
    assert view.words[0] == "AXIAL   7 / 12"
    assert view.words[1] == "W 168  L 84   ·   3.00 mm"
    view.set_title("SCAN", "two")
    assert view.words == ("SCAN", "two")
    view.set_title(None)
    view.set_details(False)
    assert view.words == ("AXIAL   7 / 12", "")
    view.show_volume(Volume(np.zeros((1, 20, 30), np.uint8), Geometry.of_picture(20, 30)), Plane.AXIAL)
    assert view.words[0] == "PICTURE"
    assert corner.number(-1024) == "\N{MINUS SIGN}1024"
    assert corner.number(0.1234) == "0.123"


@pytest.mark.parametrize(("zoom", "wanted"), [(1.0, 100.0), (4.2, 20.0), (0.013, 5000.0), (60.0, 2.0)])
def test_scale_bar_is_a_round_length(zoom: float, wanted: float) -> None:
    assert corner.bar_length(zoom) == wanted


# ------------------------------------------------------------------ numbers to grey levels


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "float32", "float64", ">i2", "bool"]
)
@pytest.mark.parametrize("inverted", [False, True])
def test_windowing_is_right_for_every_type(dtype: str, inverted: bool) -> None:
    random = np.random.default_rng(2)
    stored = random.integers(-3000, 3000, (1, 16, 20)).astype(dtype)
    volume = Volume(stored, Geometry.of_picture(16, 20), slope=1.5, intercept=-200.0, inverted=inverted)
    window = Window(40.0, 700.0)
    shown = pixels.windowed(np.ascontiguousarray(pixels.displayable(stored)[0]), volume, window)
    wanted = np.clip((volume.values(stored[0]) - window.low) / window.width * 255, 0, 255)
    wanted = 255 - wanted if inverted else wanted
    # half a level, and what float32 loses on the way
    assert np.abs(shown.astype(float) - wanted).max() <= 0.51


def test_values_that_are_no_numbers_are_black() -> None:
    stored = np.array([[np.nan, np.inf, -np.inf, 50.0]], np.float32)
    volume = Volume(stored[None], Geometry.of_picture(1, 4))
    shown = pixels.windowed(stored, volume, Window(50, 100))
    assert shown[0, 0] in (0, 255)
    assert shown[0, 3] in (127, 128)


def test_a_side_that_shrinks_beside_one_that_grows_is_averaged() -> None:
    """Thick slices seen from the side, in a small window: no blocks down, nothing left out across."""
    rows, columns = np.mgrid[:30, :512]
    grid = pixels.Grid(0, 0, across=0.45, down=5.0)
    slope = pixels.whole_picture((rows * 8).astype(np.uint8), grid).astype(int)
    assert np.diff(slope, axis=0).max() <= 2
    lines = pixels.whole_picture((columns % 2 * 200).astype(np.uint8), grid)
    assert abs(lines[:, 2:-2].astype(int) - 100).max() < 30
