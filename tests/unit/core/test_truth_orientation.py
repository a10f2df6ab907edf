"""The side that a letter names is the side on which the mark lies, in every orientation there is."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from phantom_support import MARKS, on_grid
from scipy.spatial.transform import Rotation

from core.geometry import Geometry, Plane
from core.io.preview import SIDE
from core.io.reading import find_sources, preview_source, read_source

SHAPE = (25, 30, 22)
SIZES = (3.4, 3.0, 3.8)
ALL = [(axes, signs) for axes in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)]
SIDES = {Plane.AXIAL: "LA", Plane.CORONAL: "LS", Plane.SAGITTAL: "AS"}
OPPOSITE = dict(zip("LRAPSI", "RLPAIS", strict=True))


def laid(axes: tuple[int, ...], signs: tuple[int, ...], turn: Rotation | None = None) -> NDArray[np.float64]:
    """Return an affine (x, y, z) to RAS whose voxel axes run along ``axes``, the head in the middle."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for column, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
        affine[axis, column] = sign * SIZES[column]
    if turn is not None:
        affine[:3, :3] = turn.as_matrix() @ affine[:3, :3]
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(SHAPE[::-1]) - 1) / 2) + [0.3, -0.2, 0.4]
    return affine


def assert_letters_true(geometry: Geometry, array: NDArray[np.int16], *, radiological: bool = True) -> None:
    for plane, letters in SIDES.items():
        view = geometry.view(plane, radiological=radiological)
        for letter in letters:
            marked = [np.count_nonzero(view.extract(array, index) == MARKS[letter]) for index in range(view.slices)]
            shown = view.extract(array, int(np.argmax(marked)))
            row, column = np.argwhere(shown == MARKS[letter]).mean(axis=0)
            left, right, top, bottom = view.letters
            if {left, right} == {letter, OPPOSITE[letter]}:
                side = right if column > (view.columns - 1) / 2 else left
            else:
                assert {top, bottom} == {letter, OPPOSITE[letter]}
                side = bottom if row > (view.rows - 1) / 2 else top
            assert side == letter, (plane, letter, view.letters)
    axial, sagittal = geometry.view(Plane.AXIAL, radiological=radiological), geometry.view(Plane.SAGITTAL)
    assert axial.letters == (("R", "L") if radiological else ("L", "R")) + ("A", "P")
    assert sagittal.letters == ("A", "P", "S", "I")


@pytest.mark.parametrize(("axes", "signs"), ALL)
def test_letters_are_true_in_all_48_orientations(axes: tuple[int, ...], signs: tuple[int, ...]) -> None:
    affine = laid(axes, signs)
    array = on_grid(affine, SHAPE)
    geometry = Geometry(SHAPE, affine)
    for radiological in (True, False):
        assert_letters_true(geometry, array, radiological=radiological)
    assert geometry.oblique_degrees == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("turn", [(18.5, 0, 0), (0, -12, 0), (0, 0, 30), (18.5, -12, 0), (-20, 15, 25), (30, 30, -20)])
def test_letters_name_the_nearest_axis_of_an_oblique_scan(turn: tuple[float, float, float]) -> None:
    rotation = Rotation.from_euler("xyz", turn, degrees=True)
    for axes, signs in ALL[::5]:
        affine = laid(axes, signs, rotation)
        geometry = Geometry(SHAPE, affine)
        assert_letters_true(geometry, on_grid(affine, SHAPE))
        alone = [angle for angle in turn if angle]
        if len(alone) == 1:
            assert geometry.oblique_degrees == pytest.approx(abs(alone[0]), abs=1e-6)
        assert geometry.oblique_degrees > 10


@pytest.mark.parametrize("codes", ["LPS", "RAS", "LAS", "PIR", "AIL", "SRP"])
@pytest.mark.parametrize("form", ["sform", "qform"])
def test_letters_are_true_on_a_nifti_file_of_any_order(tmp_path: Path, codes: str, form: str) -> None:
    towards = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
    axes, signs = zip(*(towards[letter] for letter in codes), strict=True)
    affine = laid(axes, signs)
    picture = nibabel.Nifti1Image(np.ascontiguousarray(on_grid(affine, SHAPE).T), None)
    getattr(picture, f"set_{form}")(affine, 1)
    nibabel.save(picture, tmp_path / "scan.nii.gz")
    (source,) = find_sources([tmp_path / "scan.nii.gz"]).sources
    volume = read_source(source)
    assert volume.geometry.axis_codes == codes
    assert volume.geometry.orientation_known
    assert_letters_true(volume.geometry, volume.array)


def test_a_nifti_without_place_shows_no_letters(tmp_path: Path) -> None:
    picture = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.int16), None)
    picture.header.set_zooms((1.0, 2.0, 3.0))
    picture.header["sform_code"] = picture.header["qform_code"] = 0
    nibabel.save(picture, tmp_path / "scan.nii")
    (source,) = find_sources([tmp_path / "scan.nii"]).sources
    geometry = read_source(source).geometry
    assert not geometry.orientation_known
    assert all(geometry.view(plane).letters == ("", "", "", "") for plane in Plane)


@pytest.mark.parametrize("which", range(0, 48, 5))
def test_the_thumbnail_before_an_import_is_turned_as_the_window_shows_the_scan(tmp_path: Path, which: int) -> None:
    affine = laid(*ALL[which])
    array = on_grid(affine, SHAPE)
    picture = nibabel.Nifti1Image(np.ascontiguousarray(array.T), affine)
    nibabel.save(picture, tmp_path / "scan.nii.gz")
    (source,) = find_sources([tmp_path / "scan.nii.gz"]).sources
    shown = preview_source(source)
    view = shown.volume.geometry.view(shown.volume.geometry.native_plane)
    slice_ = np.ascontiguousarray(view.extract(array, SHAPE[0] // 2), np.float32)
    high, wide = view.rows * view.row_size, view.columns * view.column_size
    size = (round(SIDE * wide / max(high, wide)), round(SIDE * high / max(high, wide)))
    top, left = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
    inside = shown.thumbnail[top : top + size[1], left : left + size[0]]
    expected = cv2.resize(slice_, size, interpolation=cv2.INTER_AREA)
    assert np.corrcoef(inside.ravel(), expected.ravel())[0, 1] > 0.9
