"""Masks between drawn slices: their voxels against computations of another kind, and what values may and may not do."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from core.editing.tools.interpolation import between, fill_between, signed_distance

SIDE = 48


def blob(seed: int, side: int = SIDE, *, share: float = 0.4, at: tuple[int, int] = (0, 0)) -> np.ndarray:
    """A smooth region of one or more parts, away from the rim."""
    rough = np.random.default_rng(seed).normal(size=(side, side))
    soft = ndimage.gaussian_filter(rough, side / 10, mode="constant")
    rows, columns = np.indices((side, side)) - (side - 1) / 2
    soft /= np.abs(soft).max()
    found = np.hypot(rows - at[0], columns - at[1]) / (side / 2) + 0.5 * soft < share * 1.3
    found[:3], found[-3:], found[:, :3], found[:, -3:] = False, False, False, False
    return found


def disc(radius: float, centre: tuple[float, float], side: int = SIDE) -> np.ndarray:
    rows, columns = np.indices((side, side))
    return np.hypot(rows - centre[0], columns - centre[1]) <= radius


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def nearest_of_the_other_kind(mask: np.ndarray, sizes: tuple[float, float]) -> np.ndarray:
    """Distance of every pixel to the nearest one of the other kind, one after the other."""
    places = np.argwhere(np.ones_like(mask)) * sizes
    found = np.empty(mask.size)
    for kind in (False, True):
        others = np.argwhere(mask != kind) * sizes
        own = mask.ravel() == kind
        found[own] = [np.sqrt(((others - place) ** 2).sum(axis=1).min()) for place in places[own]]
    return found.reshape(mask.shape)


# ------------------------------------------------------------------------ distance


@given(st.integers(0, 10_000), st.sampled_from([(1.0, 1.0), (0.7, 0.7), (0.5, 2.0)]))
@settings(max_examples=12, deadline=None)
def test_distances_are_those_to_the_nearest_pixel_of_the_other_kind(seed: int, sizes: tuple[float, float]) -> None:
    mask = blob(seed, 24)
    half = min(sizes) / 2
    wanted = np.where(mask, 1.0, -1.0) * (nearest_of_the_other_kind(mask, sizes) - half)
    np.testing.assert_allclose(signed_distance(mask, sizes), wanted, atol=1e-4)


def test_distances_agree_with_simpleitk() -> None:
    mask = blob(4)
    picture = sitk.GetImageFromArray(mask.astype(np.uint8))
    picture.SetSpacing((0.8, 0.6))
    # from the pixels of the region that lie at its rim: ours run from the outline between, half a pixel further out
    theirs = sitk.GetArrayFromImage(
        sitk.SignedMaurerDistanceMap(picture, insideIsPositive=True, squaredDistance=False, useImageSpacing=True)
    )
    ours = signed_distance(mask, (0.6, 0.8))
    outside = ~mask
    np.testing.assert_allclose(ours[outside], theirs[outside] + 0.3, atol=1e-3)


# --------------------------------------------------------------------------- shape


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from([0.2, 0.25, 0.5, 0.8]))
@settings(max_examples=15, deadline=None)
def test_shape_is_the_zero_of_distances_laid_over_one_another(seed: int, other: int, share: float) -> None:
    # the same rule with scipy's shift in place of OpenCV's; pixels whose distance is all but zero may fall either way
    one, two = blob(seed, share=0.3, at=(-4, 3)), blob(other, share=0.45, at=(5, -2))
    centres = [np.array(ndimage.center_of_mass(mask)) for mask in (one, two)]
    middle = centres[0] + share * (centres[1] - centres[0])
    laid = []
    for mask, centre in zip((one, two), centres, strict=True):
        distance = np.where(mask, 1.0, -1.0) * (nearest_of_the_other_kind(mask, (1.0, 1.0)) - 0.5)
        laid.append(ndimage.shift(distance, middle - centre, order=1, mode="constant", cval=distance.min()))
    wanted = (1 - share) * laid[0] + share * laid[1]
    found = between(one, two, share, (1.0, 1.0))
    # OpenCV moves by 32nds of a pixel
    sure = np.abs(wanted) > 0.1
    np.testing.assert_array_equal(found[sure], (wanted > 0)[sure])


def test_a_region_that_only_moves_is_halfway_in_the_middle() -> None:
    one = np.zeros((SIDE, SIDE), bool)
    one[8:20, 6:16] = True
    two = np.roll(one, (12, 20), axis=(0, 1))
    np.testing.assert_array_equal(between(one, two, 0.5, (1.0, 1.0)), np.roll(one, (6, 10), axis=(0, 1)))


def test_slices_between_are_the_same_from_either_side() -> None:
    one, two = blob(1, share=0.3), blob(2, share=0.45)
    values = np.random.default_rng(0).normal(size=(6, SIDE, SIDE)).astype(np.float32)
    for by_values in (False, True):
        up = fill_between(one, two, values, (1.0, 1.0), by_values=by_values)
        down = fill_between(two, one, values[::-1], (1.0, 1.0), by_values=by_values)
        # numbers that are rounded otherwise may change a pixel on the outline
        assert np.count_nonzero(up ^ down[::-1]) <= 4


# -------------------------------------------------------------------------- values


def picture_of(masks: list[np.ndarray], noise: float, contrast: float = 100.0, seed: int = 0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return np.stack([mask * contrast + chance.normal(0, noise, mask.shape) for mask in masks]).astype(np.float32)


def test_values_find_a_change_that_comes_late() -> None:
    # 9 wide until just before the last slice: shape alone widens it from the first one on
    masks = [disc(radius, (24, 24)) for radius in (9, 9, 9.5, 10.5, 18)]
    values = picture_of(masks, 10.0)
    shape = fill_between(masks[0], masks[-1], values, (1.0, 1.0), by_values=False)
    moved = fill_between(masks[0], masks[-1], values, (1.0, 1.0))
    for place in (1, 2):
        wrong, left = (1 - dice(found[place], masks[place + 1]) for found in (shape, moved))
        assert left < 0.5 * wrong


def test_values_that_mislead_on_the_drawn_slices_are_hardly_followed() -> None:
    # what is drawn has nothing to do with what is bright: a stripe runs through the outline
    masks = [disc(radius, (24, 24)) for radius in (12, 13, 14, 15, 16)]
    values = np.zeros((5, SIDE, SIDE), np.float32)
    values[:, :, 14:30] = 100.0
    values += np.random.default_rng(1).normal(0, 5, values.shape).astype(np.float32)
    moved = fill_between(masks[0], masks[-1], values, (1.0, 1.0))
    for place in range(3):
        assert dice(moved[place], masks[place + 1]) > 0.95


@pytest.mark.parametrize("scale", [0.001, 1.0, 1e5])
def test_the_unit_of_the_values_makes_no_difference(scale: float) -> None:
    masks = [disc(radius, (24, 24)) for radius in (9, 11, 12, 15, 17)]
    values = picture_of(masks, 12.0)
    wanted = fill_between(masks[0], masks[-1], values, (1.0, 1.0))
    found = fill_between(masks[0], masks[-1], values * np.float32(scale) - np.float32(3.0), (1.0, 1.0))
    assert np.count_nonzero(wanted ^ found) <= 0.01 * wanted.sum()


@pytest.mark.parametrize("size", [0.2, 1.0, 3.0])
def test_the_unit_of_length_makes_no_difference(size: float) -> None:
    masks = [disc(radius, (24, 24)) for radius in (9, 11, 12, 15, 17)]
    values = picture_of(masks, 12.0)
    wanted = fill_between(masks[0], masks[-1], values, (1.0, 1.0), step=2.0)
    found = fill_between(masks[0], masks[-1], values, (size, size), step=2.0 * size)
    assert np.count_nonzero(wanted ^ found) <= 4


def test_values_make_no_islands_and_no_holes() -> None:
    masks = [disc(radius, (24, 24)) for radius in (8, 8, 8, 8, 18)]
    values = picture_of(masks, 4.0)
    # bright specks outside and a dark one inside, where shape has doubts
    values[2, 24, 38:40] = values[2, 36:38, 24] = 100.0
    values[2, 24, 20:22] = 0.0
    found = fill_between(masks[0], masks[-1], values, (1.0, 1.0))
    for mask in found:
        assert ndimage.label(mask)[1] == 1
        np.testing.assert_array_equal(ndimage.binary_fill_holes(mask), mask)


def test_two_lesions_stay_two() -> None:
    pairs = [disc(radius, (14, 14)) | disc(radius, (34, 34)) for radius in (5, 6, 7, 8, 9)]
    found = fill_between(pairs[0], pairs[-1], picture_of(pairs, 10.0), (1.0, 1.0))
    for place, mask in enumerate(found):
        assert ndimage.label(mask)[1] == 2
        assert dice(mask, pairs[place + 1]) > 0.95


def test_values_stay_within_reach_however_large_the_gap() -> None:
    # everything is as bright as the region: nothing may run away from a small region over a gap of 100 mm
    small = disc(3, (24, 24))
    values = np.full((6, SIDE, SIDE), 100.0, np.float32)
    values[0] = values[-1] = small * 100.0
    found = fill_between(small, small, values, (1.0, 1.0), step=20.0)
    # as round as it is, so twice as wide, and two deviations of that
    assert not (found & ~disc(3 + 2 * 3.1, (24, 24))).any()
