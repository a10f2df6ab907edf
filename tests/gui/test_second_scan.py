"""A second scan on the planes of the drawn one: where its voxels land, how it is shown, when it goes."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QModelIndex, QPointF, Qt
from PySide6.QtWidgets import QApplication
from scipy.ndimage import map_coordinates
from shell_support import stroke, wait_loaded
from viewer_support import LEFT, RIGHT, drag, mouse, phantom, pixels_of, wheel

from core.frames import Frames
from core.geometry import Geometry, Plane
from core.project.project import Project
from core.project.records import Scan
from core.volume import Volume, Window
from gui.annotate import second_scan
from gui.main_window import MainWindow
from gui.viewer.linked import LinkedViews
from gui.viewer.reslice import Reslicer, places_agree
from gui.viewer.second import Second, SecondPlanes

PLANES = tuple(Plane)


def rotation(axis: int, degrees: float) -> np.ndarray:
    turn, made = np.deg2rad(degrees), np.eye(4)
    one, other = (place for place in range(3) if place != axis)
    made[one, one] = made[other, other] = np.cos(turn)
    made[one, other], made[other, one] = -np.sin(turn), np.sin(turn)
    return made


def waves(shape: tuple[int, int, int], affine: np.ndarray) -> Volume:
    """A scan whose value is a smooth function of the place in the world."""
    z, y, x = np.indices(shape)
    world = np.stack([x, y, z], axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    value = 500 + 4 * world[..., 0] - 3 * world[..., 1] + 5 * world[..., 2]
    return Volume(np.rint(value * 8).astype(np.int16), Geometry(shape, affine), slope=1 / 8, modality="MR")


OTHER_GRIDS = {
    "finer": np.diag([0.5, 0.6, 1.1, 1.0]),
    "LPS": np.diag([-0.8, -0.9, 2.0, 1.0]),
    "sagittal": np.array([[0, 0, 2.0, 0], [1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 0, 1]]),
    "tilted": rotation(0, 17) @ np.diag([1.0, 1.0, 2.0, 1.0]),
    "turned": rotation(2, 31) @ rotation(1, 12) @ np.diag([1.1, 0.9, 1.5, 1.0]),
}


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("grid", OTHER_GRIDS)
def test_voxels_land_where_the_world_says(grid: str, plane: Plane) -> None:
    """Values that grow evenly through space come out as the place of each pixel says, on any two grids."""
    onto = phantom("LPS").geometry
    affine = OTHER_GRIDS[grid].copy()
    shape = (40, 60, 64)
    middle = affine[:3, :3] @ (np.array(shape[::-1]) - 1) / 2
    affine[:3, 3] = -middle
    other = waves(shape, affine)
    view = onto.view(plane)
    index = view.slices // 2
    laid = Reslicer(other, onto).lay(view, index)
    rows, columns = laid.values.shape
    row, column = np.meshgrid(
        (np.arange(rows) + 0.5) * view.rows / rows - 0.5,
        (np.arange(columns) + 0.5) * view.columns / columns - 0.5,
        indexing="ij",
    )
    voxels = np.stack(np.broadcast_arrays(*view.to_voxel(row, column, np.full(row.shape, float(index)))), axis=-1)
    world = onto.to_world(voxels)
    inner = other.geometry.to_voxel(world)
    inside = ((inner > 0.5) & (inner < np.array(shape[::-1]) - 1.5)).all(axis=-1)
    assert inside.mean() > 0.1
    wanted = 500 + world @ np.array([4.0, -3.0, 5.0])
    assert np.abs(laid.values[inside] / 8 - wanted[inside]).max() < 0.3
    touches = ((inner >= -0.5) & (inner <= np.array(shape[::-1]) - 0.5)).all(axis=-1)
    found = np.ones(touches.shape, bool) if laid.inside is None else laid.inside.astype(bool)
    np.testing.assert_array_equal(found, touches)


@pytest.mark.parametrize("nearest", [False, True])
def test_agrees_with_scipy_on_noise(nearest: bool) -> None:
    random = np.random.default_rng(4)
    affine = rotation(1, 23) @ np.diag([1.0, 1.0, 2.0, 1.0])
    affine[:3, 3] = (-20, -25, -30)
    other = Volume(random.integers(0, 900, (30, 50, 60)).astype(np.uint16), Geometry((30, 50, 60), affine))
    onto = phantom("RAS").geometry
    view = onto.view(Plane.CORONAL)
    laid = Reslicer(other, onto).lay(view, 17, (1, 1), nearest=nearest)
    row, column = np.meshgrid(np.arange(view.rows), np.arange(view.columns), indexing="ij")
    voxels = np.stack(np.broadcast_arrays(*view.to_voxel(row, column, np.full(row.shape, 17.0))), axis=-1)
    inner = other.geometry.to_voxel(onto.to_world(voxels))
    inner = np.clip(inner, 0, np.array([59, 49, 29]))
    order = 0 if nearest else 1
    wanted = map_coordinates(other.array.astype(np.float32), np.moveaxis(inner[..., ::-1], -1, 0), order=order)
    assert np.abs(laid.values - wanted).max() < 0.05


def test_only_what_says_where_it_lies_is_laid_on_another() -> None:
    placed = phantom("RAS").geometry
    stack, other_stack = Geometry.of_picture(40, 48, 12), Geometry.of_picture(40, 50, 12)
    assert places_agree(placed, phantom("LPS").geometry) is True
    assert places_agree(stack, stack) is None
    assert places_agree(placed, stack) is False
    assert places_agree(stack, other_stack) is False


def test_pixel_on_pixel_where_neither_says() -> None:
    geometry = Geometry.of_picture(5, 7, 3)
    array = np.arange(105, dtype=np.uint8).reshape(3, 5, 7)
    laid = Reslicer(Volume(array, geometry), geometry, pixel_on_pixel=True).lay(geometry.view(Plane.AXIAL), 1)
    np.testing.assert_allclose(laid.values, array[1], atol=1e-3)
    assert laid.inside is None


# ------------------------------------------------------------------ panes


@pytest.fixture
def linked(linked: LinkedViews) -> LinkedViews:
    """The panes of all tests of the window, with a scan in them."""
    linked.set_volume(phantom("LPS"), Window(550, 1100))
    return linked


@pytest.fixture
def second() -> Second:
    """The same head on another grid, negative: its block is dark."""
    volume = phantom("RAS")
    negative = Volume((1100 - volume.array).astype(np.int16), volume.geometry, modality="MR")
    return Second("S0002", SecondPlanes(Reslicer(negative, phantom("LPS").geometry)), Window(550, 1100))


BLOCK = (9, 9, 9)
"""Voxel (x, y, z) amid the bright block of the L-P-S head."""


def grey_at(view, xyz) -> int:
    view.set_words_visible(False)
    place = view.point_of(xyz)
    return int(pixels_of(view)[round(place.y()), round(place.x()), 0])


def test_beside_shows_the_other_scan_at_the_same_places(linked, second) -> None:
    linked.go_to(BLOCK)
    linked.set_crosshair_wanted(False)
    assert linked.beside is None
    linked.set_second(second, beside=True)
    beside = linked.beside
    assert beside is not None
    assert beside.isVisible()
    assert beside.plane is linked.main.plane
    assert beside.index == linked.main.index
    assert "S0002" in beside.words[0]
    assert grey_at(linked.main, BLOCK) > 200
    assert grey_at(beside, BLOCK) < 60
    linked.set_second(None)
    assert linked.beside is None
    assert not beside.isVisible()


def test_the_pair_moves_together(linked, second) -> None:
    linked.set_second(second, beside=True)
    beside = linked.beside
    assert beside is not None
    beside.zoom_about(QPointF(40, 50), 2.5)
    assert linked.main.camera == beside.camera
    linked.main.pan(12, -7)
    assert beside.camera == linked.main.camera
    wheel(beside, -120)
    assert linked.main.index == beside.index == 7
    mouse(beside, QEvent.Type.MouseMove, beside.point_of((20, 11, 7)))
    assert linked.main._marks._pointer == (20, 11, 7)


def test_blended_is_between_the_two(linked, second) -> None:
    linked.go_to(BLOCK)
    linked.set_crosshair_wanted(False)
    alone = grey_at(linked.main, BLOCK)
    linked.set_second(second, beside=False)
    for view in linked.views:
        mixed = grey_at(view, BLOCK)
        assert 60 < mixed < alone - 40
    assert linked.beside is None


def test_flipping_shows_the_other_alone_in_every_plane_and_back(linked, second) -> None:
    linked.go_to(BLOCK)
    linked.set_crosshair_wanted(False)
    linked.set_second(second, beside=False)
    before = [pixels_of(view) for view in linked.views]
    linked.flip(True)
    assert all(grey_at(view, BLOCK) < 60 for view in linked.views)
    assert linked.main.second == ("S0002", True)
    linked.flip(False)
    for view, old in zip(linked.views, before, strict=True):
        view.set_words_visible(True)
        np.testing.assert_array_equal(pixels_of(view), old)


def test_beside_a_maximised_plane_is_the_same_plane(linked, second) -> None:
    linked.set_second(second, beside=True)
    coronal = linked.views[1]
    mouse(coronal, QEvent.Type.MouseButtonDblClick, QPointF(20, 20), LEFT, LEFT)
    assert linked.maximised is coronal
    assert linked.beside is not None
    assert linked.beside.plane is Plane.CORONAL
    assert linked.beside.isVisible()
    mouse(linked.beside, QEvent.Type.MouseButtonDblClick, QPointF(20, 20), LEFT, LEFT)
    assert linked.maximised is None
    assert linked.beside.plane is Plane.AXIAL


def test_windowing_the_pane_beside_windows_the_other_scan(linked, second) -> None:
    linked.set_second(second, beside=True)
    asked = []
    linked.second_window_asked.connect(asked.append)
    drag(linked.beside, RIGHT, QPointF(30, 30), QPointF(90, 30), QPointF(150, 30))
    assert asked
    assert asked[-1].width > 1100
    assert linked.window_shown == Window(550, 1100)


def test_outside_the_other_scan_the_drawn_one_is_seen_unchanged(linked) -> None:
    volume = phantom("RAS")
    affine = volume.geometry.affine.copy()
    affine[0, 3] += 20  # moved to the patient's right: it does not reach the left of the head
    moved = Volume(volume.array, Geometry(volume.shape, affine), modality="MR")
    bare = grey_at(linked.main, (47, 20, 6))
    planes = SecondPlanes(Reslicer(moved, phantom("LPS").geometry))
    linked.set_crosshair_wanted(False)
    linked.set_second(Second("S0002", planes, Window(5000, 10), opacity=1.0), beside=False)
    assert grey_at(linked.main, (47, 20, 6)) == bare
    assert grey_at(linked.main, (2, 20, 6)) < bare


def test_slow_slices_come_coarse_and_are_refined_by_the_thread(qtbot) -> None:
    onto = Geometry((40, 300, 300), np.diag([0.5, 0.5, 1.0, 1.0]))
    affine = rotation(0, 20)
    other = Volume(
        np.random.default_rng(1).integers(0, 99, (60, 160, 160)).astype(np.int16), Geometry((60, 160, 160), affine)
    )
    planes = SecondPlanes(Reslicer(other, onto))
    view = onto.view(Plane.AXIAL)
    assert planes.reslicer.slow(view)
    with qtbot.waitSignal(planes.refined, timeout=5000):
        coarse = planes.fetch(view, 20, nearest=False)
    fine = planes.fetch(view, 20, nearest=False)
    assert coarse.stored.size < fine.stored.size / 6
    np.testing.assert_allclose(fine.stored, planes.reslicer.lay(view, 20).values)
    planes.fetch(view, 21, nearest=False)
    planes.close()
    assert planes._thread is None


# ------------------------------------------------------------------ in the window


@pytest.fixture
def two_of_one(window: MainWindow, tmp_path, qtbot) -> MainWindow:
    """A project with two scans of one patient on two grids, one of another patient, and a picture."""
    path = tmp_path / "pair.meninx"
    with Project.create(path) as project:
        project.ensure_label("Brain")
        for codes, patient, frame in (("LPS", "one", "1.2.3"), ("RAS", "one", "1.2.3"), ("RAS", "two", "1.2.9")):
            volume = phantom(codes)
            array = volume.array + len(project.scans())
            identity = {"FrameOfReferenceUID": frame}
            project.add_scan(Volume(array, volume.geometry, modality="MR"), patient=patient, identity=identity)
        project.add_scan(Volume(np.zeros((1, 30, 30), np.uint8), Geometry.of_picture(30, 30)), patient="one")
    with qtbot.waitSignal(window.session.scan_changed, timeout=10_000):
        assert window.intake.open_project(path)
    wait_loaded(window, qtbot)
    return window


def listed(window: MainWindow) -> tuple[list[Scan], list[Scan]]:
    heard = []
    window.annotate.second.listed.connect(heard.append)
    window.annotate.second.ask_choices()
    window.annotate.second.listed.disconnect(heard.append)
    return heard[0]


def choose(window: MainWindow, qtbot, name: str) -> None:
    second = window.annotate.second
    own, others = listed(window)
    found = next(scan for scan in (*own, *others) if scan.name == name)
    second.choose(found.id)
    qtbot.waitUntil(lambda: second.there or second.refused, timeout=5000)


def test_scans_of_the_patient_come_first(two_of_one: MainWindow) -> None:
    own, others = listed(two_of_one)
    assert [scan.name for scan in own] == ["S0002", "S0004"]
    assert [scan.name for scan in others] == ["S0003"]
    panel = two_of_one.annotate.second_panel
    panel.box.opening.emit()
    words = [panel.box.itemText(place) for place in range(panel.box.count())]
    assert words[0] == "None"
    assert words[1].startswith("S0002")
    assert "P002" in words[-1]
    # a line between the two that nobody can choose
    assert not panel.box.model().flags(panel.box.model().index(3, 0)) & Qt.ItemFlag.ItemIsEnabled


def test_a_long_list_is_read_in_a_thread_and_drops_down_then(
    two_of_one: MainWindow, qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_scan, "AT_ONCE", 0)
    box = two_of_one.annotate.second_panel.box
    two_of_one.annotate.second_panel.fold.open()
    box.showPopup()
    assert not box.view().isVisible()
    qtbot.waitUntil(box.view().isVisible, timeout=5000)
    assert box.count() == 5
    box.hidePopup()


def test_of_ten_thousand_scans_those_that_are_looked_at_are_there(two_of_one: MainWindow) -> None:
    own, (other,) = listed(two_of_one)
    many = [replace(other, id=f"{number:026}", name=f"S{number:05}") for number in range(10_000)]
    box = two_of_one.annotate.second_panel.box
    box.offer(own, many, many[7777])
    model = box.model()
    assert model.rowCount() < 1000
    assert box.currentData() == many[7777].id
    assert [box.itemData(place) for place in range(4, 7)] == [many[7777].id, many[0].id, many[1].id]
    # the end of what is there leads on, and what is typed is found anywhere
    there = model.rowCount()
    model.fetchMore(QModelIndex())
    assert model.rowCount() > there
    (found,) = model.match(model.index(0, 0), Qt.ItemDataRole.DisplayRole, "s09", 1, Qt.MatchFlag.MatchStartsWith)
    assert found.data().startswith("S09000")
    assert model.rowCount() > found.row()
    while model.canFetchMore(QModelIndex()):
        model.fetchMore(QModelIndex())
    assert model.rowCount() == 10_000 + 2 + len(own)


def test_what_is_known_of_the_frames_is_told(two_of_one: MainWindow, qtbot) -> None:
    second, panel = two_of_one.annotate.second, two_of_one.annotate.second_panel
    choose(two_of_one, qtbot, "S0002")
    assert second.frames is Frames.SHARED
    assert panel.told.property("role") == "muted"
    choose(two_of_one, qtbot, "S0003")
    assert second.frames is Frames.OTHER_PATIENT
    assert panel.told.property("role") == "warning"
    assert "Another patient" in panel.told.text()
    choose(two_of_one, qtbot, "S0004")
    assert second.refused
    assert not second.there
    assert two_of_one.annotate.views.beside is None


def test_drawing_beside_goes_to_the_drawn_scan(two_of_one: MainWindow, qtbot) -> None:
    choose(two_of_one, qtbot, "S0002")
    beside, editor = two_of_one.annotate.views.beside, two_of_one.session.editor
    assert beside is not None
    assert editor is not None
    two_of_one.annotate.hand.set_size(6)
    drag(beside, LEFT, beside.point_of((10, 12, beside.index)), beside.point_of((20, 12, beside.index)))
    mask = editor.mask("brain")
    assert mask.shape == two_of_one.session.volume.shape
    assert mask[beside.index, 12, 10:21].all()


def test_the_two_change_places_and_another_patient_ends_it(two_of_one: MainWindow, qtbot) -> None:
    window, second = two_of_one, two_of_one.annotate.second
    choose(window, qtbot, "S0002")
    scans = {scan.name: scan.id for scan in window.session.project.scans()}
    window.annotate.views.go_to((30, 8, 9))
    was = window.session.volume.geometry.to_world(window.annotate.views.position)
    window.session.open_scan(scans["S0002"])
    qtbot.waitUntil(lambda: second.there and second.scan.name == "S0001", timeout=10_000)
    now = window.session.volume.geometry.to_world(window.annotate.views.position)
    np.testing.assert_allclose(now, was, atol=1e-6)
    window.session.open_scan(scans["S0003"])
    wait_loaded(window, qtbot)
    qtbot.waitUntil(lambda: window.session.scan.name == "S0003", timeout=10_000)
    assert second.scan is None
    assert window.annotate.views.beside is None


def test_two_of_unknown_patients_change_places_at_the_same_place_too(two_of_one: MainWindow, qtbot) -> None:
    window, second = two_of_one, two_of_one.annotate.second
    choose(window, qtbot, "S0003")
    scans = {scan.name: scan.id for scan in window.session.project.scans()}
    window.annotate.views.go_to((30, 8, 9))
    was = window.session.volume.geometry.to_world(window.annotate.views.position)
    window.session.open_scan(scans["S0003"])
    qtbot.waitUntil(lambda: second.there and second.scan.name == "S0001", timeout=10_000)
    now = window.session.volume.geometry.to_world(window.annotate.views.position)
    np.testing.assert_allclose(now, was, atol=1.0)


def test_the_key_flips_while_held_and_stays_where_tapped(two_of_one: MainWindow, qtbot) -> None:
    views = two_of_one.annotate.views
    qtbot.keyClick(views.main, Qt.Key.Key_V)
    assert not views.flipped
    assert "second scan" in two_of_one.toasts.toasts[-1].told.words
    choose(two_of_one, qtbot, "S0002")
    qtbot.keyPress(views.main, Qt.Key.Key_V)
    assert views.flipped
    time.sleep(0.35)
    # a key that repeats: X says let go and pressed again, and not always that it is a repeat
    for _ in range(3):
        qtbot.keyRelease(views.main, Qt.Key.Key_V)
        qtbot.keyPress(views.main, Qt.Key.Key_V)
        assert views.flipped
    qtbot.keyRelease(views.main, Qt.Key.Key_V)
    qtbot.waitUntil(lambda: not views.flipped, timeout=2000)
    qtbot.keyClick(views.main, Qt.Key.Key_V)
    assert views.flipped
    qtbot.keyClick(views.main, Qt.Key.Key_V)
    assert not views.flipped
    qtbot.keyClick(views.main, Qt.Key.Key_V, Qt.KeyboardModifier.ShiftModifier)
    assert not two_of_one.annotate.second.beside
    assert views.beside is None
    assert views.main.second == ("S0002", False)


def test_chosen_by_its_name_it_is_a_switch(two_of_one: MainWindow, qtbot) -> None:
    views, action = two_of_one.annotate.views, two_of_one.actions_table["flip"]
    choose(two_of_one, qtbot, "S0002")
    for flipped in (True, False, True):
        action.trigger()
        assert views.flipped is flipped
        # the Return that chose it in the list of commands comes up late, and other keys come up later
        time.sleep(0.35)
        qtbot.keyClick(views.main, Qt.Key.Key_Return)
        assert views.flipped is flipped
    # and its key goes on from there
    qtbot.keyPress(views.main, Qt.Key.Key_V)
    assert not views.flipped
    time.sleep(0.35)
    qtbot.keyRelease(views.main, Qt.Key.Key_V)
    qtbot.waitUntil(lambda: views.flipped, timeout=2000)


def test_closing_while_it_is_read_harms_nothing(two_of_one: MainWindow, qtbot) -> None:
    stroke(two_of_one, (20, 20), (26, 20))
    second = two_of_one.annotate.second
    second.choose(listed(two_of_one)[0][0].id)
    two_of_one.session.close_project()
    QApplication.processEvents()
    assert second.scan is None
    assert two_of_one.toasts.toasts == []


@pytest.mark.parametrize("beside", [True, False])
def test_the_status_bar_tells_the_value_of_both(two_of_one: MainWindow, qtbot, beside: bool) -> None:
    annotate, session = two_of_one.annotate, two_of_one.session
    choose(two_of_one, qtbot, "S0002")
    annotate.second.set_beside(beside)
    other = session.project.read_volume(session.project.scan("S0002").id)
    for xyz in ((20, 30, 4), (1, 38, 0)):
        annotate._hovered(xyz)
        inner = np.rint(other.geometry.to_voxel(session.volume.geometry.to_world(xyz))).astype(int)
        if all(0 <= at < count for at, count in zip(inner, other.shape[::-1], strict=True)):
            wanted = f"{float(other.values(other.array[tuple(inner[::-1])])):.0f}"
        else:
            wanted = "outside"
        told = two_of_one.status.place.text().replace("\u202f", "")
        own = float(session.volume.values(session.volume.array[xyz[2], xyz[1], xyz[0]]))
        assert f"value {own:.0f}" in told
        assert f"S0002 {wanted}" in told
    annotate.second.choose("")
    annotate._hovered((20, 30, 4))
    assert "S0002" not in two_of_one.status.place.text()
