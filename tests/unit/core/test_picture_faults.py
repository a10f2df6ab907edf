"""Letters burnt into a picture, and a wrong window, are noticed; scans as they should be are not."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.geometry import Geometry
from core.learning.grey_look import GreyLook, look_at, other_windows, usual_of
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


def shown(low: float, high: float, seed: int = 0) -> np.ndarray:
    """A head in Hounsfield units as pictures in a window: brain 35, bone 1,000 and spongy bone 400."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    away = np.hypot((y - 120) / 1.15, x - 128)
    values = np.full((3, SIDE, SIDE), -1000.0)
    values[:, away < 90] = 20
    values[:, away < 86] = 1000
    values[:, away < 82] = 400
    values[:, away < 76] = 35
    values += random.normal(0, 6, values.shape) * (values > -500)
    return ((values - low) / (high - low) * 255).clip(0, 255).round().astype(np.uint8)


BRAIN, SUBDURAL, WIDE_BONE, BONE = (0, 80), (-32, 182), (-770, 1730), (-500, 1500)


def looks(*windows: tuple[int, int]) -> dict[str, GreyLook]:
    found = {f"{number}": look_at(volume(shown(*window, number))) for number, window in enumerate(windows)}
    return {name: look for name, look in found.items() if look is not None}


@pytest.mark.parametrize("bone", [WIDE_BONE, BONE])
def test_bone_windows_among_brain_windows_are_named_and_brain_windows_among_bone_windows(bone):
    assert other_windows(looks(BRAIN, BRAIN, bone, BRAIN, BRAIN)) == ("2",)
    assert other_windows(looks(bone, bone, BRAIN, bone)) == ("2",)
    # of two and two it is the bone windows that are told
    assert other_windows(looks(BRAIN, bone, BRAIN, bone)) == ("1", "3")


def test_windows_in_which_the_brain_can_be_seen_are_told_of_no_other():
    assert other_windows(looks(BRAIN, SUBDURAL, BRAIN, SUBDURAL)) == ()
    assert other_windows(looks(BONE, WIDE_BONE, BONE)) == ()
    assert other_windows({}) == ()


def test_a_bone_window_is_no_other_window_where_all_are_and_hounsfield_values_have_their_own():
    usual = usual_of(list(looks(BRAIN, BRAIN).values()))
    values = np.where(shown(*BRAIN) > 0, 35, -1000).astype(np.int16)
    values[:, 60:180, 60:190] = np.random.default_rng(0).normal(35, 6, (3, 120, 130))
    assert look_at(volume(values)) is None
    assert look_at(volume(values, "CT"), ("W80/L40",)) is None
    found = look_at(volume(values, "CT"))
    assert usual is not None
    assert found is not None
    # from -100 to 200 HU
    assert found.levels == pytest.approx(6 * 2 * 0.6745 * 255 / 300, abs=2)
    assert usual.to_json() == GreyLook(round(usual.white, 4), usual.levels).to_json()
    assert GreyLook.from_json(usual.to_json()) == GreyLook(round(usual.white, 4), usual.levels)
    assert GreyLook.from_json({"white": "much"}) is None


def test_hounsfield_values_went_through_no_window_however_unlike_their_heads_are():
    whole, crown = (volume(np.full((3, SIDE, SIDE), -1000, np.int16), "CT") for _ in range(2))
    random = np.random.default_rng(3)
    y, x = np.mgrid[:SIDE, :SIDE]
    away = np.hypot(y - 120, x - 128)
    # a head with a thin skull, and a crown that is nearly all bone
    for made, inside in ((whole, 84), (crown, 20)):
        made.array[:, away < 90] = 1000
        values = random.normal(35, 5 if made is whole else 60, (3, SIDE, SIDE)).astype(np.int16)
        made.array[:, away < inside] = values[:, away < inside]
    first, second = look_at(whole), look_at(crown)
    assert first is not None
    assert second is not None
    assert second.white > 4 * first.white
    assert not first.other_window(second)
    assert not second.other_window(first)
    # a bone window is another one than that of the values
    (bone,) = looks(WIDE_BONE).values()
    (brain,) = looks(BRAIN).values()
    assert bone.other_window(first)
    assert not brain.other_window(first)
    assert not first.other_window(brain)


def test_a_turned_picture_is_looked_at_as_it_is_shown():
    plain, turned = volume(shown(*BRAIN)), volume(255 - shown(*BRAIN))
    first, second = look_at(plain), look_at(replace(turned, inverted=True))
    assert first is not None
    assert second is not None
    assert second.white == pytest.approx(first.white, abs=0.02)
