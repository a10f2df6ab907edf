"""What the window shows of a scan's place: the letter beside a mark is the side it lies on; no mL that nobody knows."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import nibabel
import numpy as np
import pytest
from phantom_support import MARKS, on_grid, write_series
from pytestqt.qtbot import QtBot
from scipy.spatial.transform import Rotation
from shell_support import wait_loaded
from viewer_support import pixels_of

from core.geometry import Geometry, Plane
from core.io.reading import find_sources, read_source
from core.project.project import Project
from core.volume import Volume, Window
from gui.main_window import MainWindow
from gui.notify import Told
from gui.viewer.slice_view import SliceView

SHAPE = (25, 30, 22)
SIDES = {Plane.AXIAL: "LA", Plane.CORONAL: "LS", Plane.SAGITTAL: "AS"}
TURNS = [(axes, signs) for axes in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)]


def laid(axes: tuple[int, ...], signs: tuple[int, ...]) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = 0
    for column, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
        affine[axis, column] = sign * (3.4, 3.0, 3.8)[column]
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(SHAPE[::-1]) - 1) / 2)
    return affine


def side_shown(view: SliceView, volume: Volume, plane: Plane, letter: str) -> set[str]:
    """Show the slice with most of a mark, that mark alone lit; return the letters of the sides its light is on."""
    marked = np.where(volume.array == MARKS[letter], 1000, 0).astype(np.int16)
    view.show_volume(dataclasses.replace(volume, array=marked), plane)
    view.set_window(Window.between(0.0, 1000.0))
    screen = volume.geometry.view(plane)
    amount = [np.count_nonzero(screen.extract(marked, index)) for index in range(screen.slices)]
    view.set_index(int(np.argmax(amount)))
    view.set_words_visible(False)
    lit = np.argwhere(pixels_of(view).min(axis=2) > 150)
    assert len(lit) > 20
    row, column = lit.mean(axis=0)
    view.set_words_visible(True)
    left, right, top, bottom = view.letters
    return {right if column > view.width() / 2 else left, bottom if row > view.height() / 2 else top}


@pytest.fixture
def view(qtbot: QtBot) -> SliceView:
    made = SliceView()
    qtbot.addWidget(made)
    made.resize(260, 240)
    made.show()
    return made


@pytest.mark.parametrize("which", range(0, 48, 3))
def test_the_letter_beside_a_mark_is_the_side_it_lies_on(view: SliceView, which: int) -> None:
    affine = laid(*TURNS[which])
    volume = Volume(on_grid(affine, SHAPE), Geometry(SHAPE, affine), modality="MR")
    for plane, letters in SIDES.items():
        for letter in letters:
            assert letter in side_shown(view, volume, plane, letter), (plane, letter)


@pytest.mark.parametrize("codes", ["LPS", "RAS"])
def test_the_same_on_nifti_files(view: SliceView, tmp_path: Path, codes: str) -> None:
    affine = laid((0, 1, 2), (-1, -1, 1) if codes == "LPS" else (1, 1, 1))
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(on_grid(affine, SHAPE).T), affine), tmp_path / "s.nii.gz")
    (source,) = find_sources([tmp_path / "s.nii.gz"]).sources
    volume = read_source(source)
    assert volume.geometry.axis_codes == codes
    for plane, letters in SIDES.items():
        for letter in letters:
            assert letter in side_shown(view, volume, plane, letter)


@pytest.mark.parametrize(("turn", "table"), [((0, 0, 0), False), ((18.5, -12, 0), False), ((15, 0, 0), True)])
def test_the_same_on_dicom_straight_oblique_and_tilted(
    view: SliceView, tmp_path: Path, turn: tuple[float, float, float], table: bool
) -> None:
    rotation = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    step = np.array([0, 0, 3.6]) if table else rotation[:, 2] * 3.6
    write_series(tmp_path, rotation[:, 0], rotation[:, 1], step)
    (source,) = find_sources([tmp_path]).sources
    volume = read_source(source)
    for plane, letters in SIDES.items():
        for letter in letters:
            assert letter in side_shown(view, volume, plane, letter)


def test_uneven_slices_show_no_millilitres_until_the_mean_is_accepted(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    shape = (6, 24, 20)
    with Project.create(tmp_path / "p.meninx") as project:
        project.ensure_label("Brain")
        grid = Geometry(shape, np.diag([1.0, 1.0, 5.0, 1.0]), depth_known=False)
        array = np.random.default_rng(1).integers(0, 900, shape).astype(np.int16)
        facts = {"format": "dicom", "uneven_slices": 1}
        project.add_scan(Volume(array, grid, facts=facts), patient="x", source=["a"], identity={})
    told: list[Told] = []
    window.session.notifier.told.connect(told.append)
    with qtbot.waitSignal(window.session.scan_changed, timeout=10_000):
        assert window.intake.open_project(tmp_path / "p.meninx")
    wait_loaded(window, qtbot)
    volume = window.session.volume
    assert volume is not None
    assert not volume.even
    row = window.annotate.labels.rows[0]
    qtbot.waitUntil(lambda: row.amount.endswith("px"), timeout=5_000)
    (offer,) = [one for one in told if one.action is not None]
    assert "5 mm" in offer.words
    offer.action()
    qtbot.waitUntil(lambda: window.session.volume is not None and window.session.volume.even, timeout=10_000)
    wait_loaded(window, qtbot)
    row_now = window.annotate.labels.rows[0]
    qtbot.waitUntil(lambda: row_now.amount.endswith("mL"), timeout=5_000)
    # nothing is asked again
    assert len([one for one in told if one.action is not None]) == 1
