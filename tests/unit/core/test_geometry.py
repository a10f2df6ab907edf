from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.geometry import Box, Geometry, Plane, bounding_box

SIGNED_PERMUTATIONS = [
    (axes, signs) for axes in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)
]


def geometry(axes: tuple[int, ...], signs: tuple[int, ...], shape: tuple[int, int, int] = (4, 5, 6)) -> Geometry:
    affine = np.eye(4)
    affine[:3, :3] = 0
    for column, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
        affine[axis, column] = sign * (1.0 + column)
    affine[:3, 3] = (-20, 7, 3)
    return Geometry(shape, affine)


@pytest.mark.parametrize(("axes", "signs"), SIGNED_PERMUTATIONS)
@pytest.mark.parametrize("plane", list(Plane))
def test_screen_directions_match_the_letters_in_every_orientation(axes, signs, plane):
    grid = geometry(axes, signs)
    view = grid.view(plane)
    letters = dict(zip("LRTB", view.letters, strict=True))
    towards = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
    here = grid.to_world(view.to_voxel(1, 1, 1))
    right = grid.to_world(view.to_voxel(1, 2, 1)) - here
    down = grid.to_world(view.to_voxel(2, 1, 1)) - here
    for step, letter in ((right, letters["R"]), (down, letters["B"]), (-right, letters["L"]), (-down, letters["T"])):
        axis, sign = towards[letter]
        assert np.sign(step[axis]) == sign
        assert np.abs(step).argmax() == axis
    if plane is not Plane.SAGITTAL:
        assert letters["L"] == "R", "radiological: the patient's right is on screen left"
    assert letters["T"] == ("A" if plane is Plane.AXIAL else "S")


@pytest.mark.parametrize(("axes", "signs"), SIGNED_PERMUTATIONS)
@pytest.mark.parametrize("plane", list(Plane))
def test_extract_shows_the_voxel_that_to_voxel_names(axes, signs, plane):
    grid = geometry(axes, signs)
    array = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    view = grid.view(plane)
    for row, column, index in itertools.product(range(view.rows), range(view.columns), range(view.slices)):
        x, y, z = (int(value) for value in view.to_voxel(row, column, index))
        assert view.extract(array, index)[row, column] == array[z, y, x]
        assert view.to_screen((x, y, z)) == (row, column, index)


def test_neurological_swaps_left_and_right_of_axial_and_coronal_only():
    grid = geometry((0, 1, 2), (1, 1, 1))
    for plane in (Plane.AXIAL, Plane.CORONAL):
        assert grid.view(plane, radiological=False).letters[:2] == ("L", "R")
    assert grid.view(Plane.SAGITTAL, radiological=False) == grid.view(Plane.SAGITTAL)


@pytest.mark.parametrize("radiological", [True, False])
def test_a_picture_is_shown_as_stored_without_letters(radiological):
    view = Geometry.of_picture(3, 5).view(Plane.AXIAL, radiological=radiological)
    picture = np.arange(15).reshape(1, 3, 5)
    assert np.array_equal(view.extract(picture, 0), picture[0])
    assert view.letters == ("", "", "", "")


@given(
    low=st.tuples(*[st.integers(0, 3)] * 3),
    size=st.tuples(*[st.integers(1, 3)] * 3),
    which=st.integers(0, len(SIGNED_PERMUTATIONS) - 1),
    plane=st.sampled_from(list(Plane)),
)
def test_screen_box_covers_exactly_the_touched_pixels(low, size, which, plane):
    grid = geometry(*SIGNED_PERMUTATIONS[which], shape=(6, 6, 6))
    box = Box(low, tuple(start + extent for start, extent in zip(low, size, strict=True)))
    array = np.zeros((6, 6, 6), dtype=np.uint8)
    array[box.slices] = 1
    assert bounding_box(array) == box
    view = grid.view(plane)
    rows, columns, indices = view.screen_box(box)
    for index in range(6):
        expected = np.zeros((6, 6), dtype=np.uint8)
        if index in indices:
            expected[rows, columns] = 1
        assert np.array_equal(view.extract(array, index), expected)


def test_world_round_trip_and_oblique_axes():
    angle = np.deg2rad(18.5)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-0.5, 0.7, 3.0])
    affine[:3, 3] = (10, -20, 30)
    grid = Geometry((9, 8, 7), affine)
    points = np.random.default_rng(1).uniform(-50, 50, (20, 3))
    assert np.allclose(grid.to_voxel(grid.to_world(points)), points)
    assert grid.axis_codes == "LAS"
    assert grid.spacing == pytest.approx((3.0, 0.7, 0.5))
    assert grid.voxel_ml == pytest.approx(3.0 * 0.7 * 0.5 / 1000)
    assert grid.native_plane is Plane.AXIAL


def test_a_singular_affine_is_refused():
    with pytest.raises(InputError) as caught:
        Geometry((1, 1, 1), np.zeros((4, 4)))
    assert caught.value.code == "affine-bad"


def test_grids_match_within_a_thousandth_of_a_millimetre():
    grid = geometry((0, 1, 2), (1, 1, 1))
    nudged = np.array(grid.affine)
    nudged[0, 3] += 5e-4
    assert grid.matches(Geometry(grid.shape, nudged))
    nudged[0, 3] += 1e-2
    assert not grid.matches(Geometry(grid.shape, nudged))
    assert not grid.matches(Geometry((4, 5, 7), grid.affine))
