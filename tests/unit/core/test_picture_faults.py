"""Letters burnt into a picture, and a wrong window, are noticed; scans as they should be are not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.geometry import Geometry
from core.learning.picture_faults import LETTERS, WINDOW, faults
from core.learning.prepare_steps import CT_WINDOWS
from core.volume import Volume

SIDE = 256


def head(seed: int = 0, *, count: int = 3) -> np.ndarray:
    """Pictures of a CT in the brain window on a head-holder, uint8 ``[z, y, x]``."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    away = np.hypot((y - 120) / 1.15, x - 128)
    array = np.zeros((count, SIDE, SIDE))
    ring = np.hypot(y - 110, x - 128)
    array[:, (ring > 124) & (ring < 128) & (y > 170)] = 230
    array[:, away < 90] = 20
    array[:, away < 84] = 255
    array[:, away < 76] = 110
    array += random.normal(0, 6, array.shape) * (array > 0)
    return array.clip(0, 255).round().astype(np.uint8)


def volume(array: np.ndarray, modality: str = "") -> Volume:
    return Volume(array, Geometry.of_picture(SIDE, SIDE, len(array)), modality=modality)


@pytest.mark.parametrize("seed", range(6))
def test_a_head_on_its_holder_has_neither(seed):
    array = head(seed)
    # a wire, an ear-ring and three specks that are not on one line
    array[:, 40:44, 20:80] = 200
    for row, column in ((60, 12), (75, 20), (110, 15)):
        array[:, row : row + 6, column : column + 5] = 220
    assert faults(volume(array)) == frozenset()


@pytest.mark.parametrize("words", ["HOSPITAL", "12:45", "R 120 kV"])
@pytest.mark.parametrize("place", [(4, 18), (150, 250)])
@pytest.mark.parametrize("size", [0.4, 0.6])
def test_letters_beside_the_head_are_seen_wherever_they_stand(words, place, size):
    array = head()
    for plane in array:
        cv2.putText(plane, words, place, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 1, cv2.LINE_AA)
    assert LETTERS in faults(volume(array))


def test_letters_on_one_slice_of_many_are_no_pattern_to_learn():
    array = head(count=9)
    cv2.putText(array[4], "SCOUT", (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1)
    assert LETTERS not in faults(volume(array))


def test_a_bone_window_that_leaves_the_brain_black_and_a_narrow_one_that_leaves_it_white_are_wrong():
    stored = head().astype(float)
    for low, high in ((0.5, 20), (250, 600)):
        shown = ((stored - low) / (high - low) * 255).clip(0, 255).round().astype(np.uint8)
        assert WINDOW in faults(volume(shown)), (low, high)


def test_hounsfield_windows_are_wrong_where_none_shows_the_head():
    # a CT whose rescaling was lost: 1024 too high
    array = np.where(head() > 0, head().astype(np.int16) - 70, -1000).astype(np.int16)
    assert faults(volume(array, "CT"), CT_WINDOWS) == frozenset()
    assert faults(volume(array + 3000, "CT"), CT_WINDOWS) == {WINDOW}
    # of the values themselves nothing is lost
    assert faults(volume(array + 3000, "CT")) == frozenset()


def test_where_there_is_no_head_nothing_is_said():
    for array in (np.zeros((2, SIDE, SIDE), np.uint8), np.full((1, SIDE, SIDE), 255, np.uint8)):
        assert LETTERS not in faults(volume(array))
