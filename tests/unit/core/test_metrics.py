"""Agreement of masks: cases computed by hand, and laws that must always hold."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import binary_erosion, distance_transform_edt

from core.errors import InputError
from core.geometry import Geometry
from core.review.metrics import diagonal, dice_per_slice, measure, surface
from core.review.summary import spread, summarise


def grid(shape=(4, 6, 8), spacing=(3.0, 1.0, 0.5), known=True):
    return Geometry(shape, np.diag([spacing[2], spacing[1], spacing[0], 1.0]), spacing_known=known)


def boxed(shape, *spans):
    mask = np.zeros(shape, dtype=np.uint8)
    mask[tuple(slice(*span) for span in spans)] = 1
    return mask


def test_overlap_of_two_boxes_by_hand():
    # 2x4x4 = 32 voxels against the same box moved by one along y: 24 shared
    truth = boxed((4, 6, 8), (1, 3), (0, 4), (2, 6))
    guess = boxed((4, 6, 8), (1, 3), (1, 5), (2, 6))
    found = measure(truth, guess, grid())
    assert (found.truth_voxels, found.predicted_voxels, found.shared_voxels, found.voxels) == (32, 32, 24, 192)
    assert found.dice == pytest.approx(48 / 64)
    assert found.iou == pytest.approx(24 / 40)
    assert found.sensitivity == pytest.approx(24 / 32)
    assert found.precision == pytest.approx(24 / 32)
    assert found.specificity == pytest.approx((160 - 8) / 160)
    assert found.accuracy == pytest.approx((192 - 16) / 192)
    assert found.baseline_accuracy == pytest.approx(160 / 192)
    assert found.truth_ml == pytest.approx(32 * 1.5 / 1000)
    assert found.difference_ml == pytest.approx(0)
    assert found.difference_percent == pytest.approx(0)


def test_distance_between_two_points_honours_spacing():
    truth, guess = boxed((4, 6, 8), (0, 1), (0, 1), (0, 1)), boxed((4, 6, 8), (2, 3), (0, 1), (0, 1))
    found = measure(truth, guess, grid())
    assert found.hd95 == pytest.approx(6.0)  # two slices of 3 mm
    assert found.assd == pytest.approx(6.0)
    assert found.unit == "mm"
    assert found.missed
    assert found.dice == 0


def test_hd95_is_the_larger_direction_and_a_percentile():
    # a line of 20 and the same line with one voxel far away: the outlier is 1 of 21 points
    shape = (1, 40, 40)
    truth = boxed(shape, (0, 1), (5, 6), (0, 20))
    guess = truth.copy()
    guess[0, 35, 0] = 1
    found = measure(truth, guess, grid(shape, (1.0, 1.0, 1.0)))
    # directed distances: truth -> guess all 0; guess -> truth twenty 0 and one 30; the 95th percentile
    # of 21 numbers is number 20 of 0..20 at position 19.0, still 0
    assert found.hd95 == pytest.approx(0.0)
    assert found.assd == pytest.approx(30 / 41)


def test_pixels_where_spacing_is_unknown():
    geometry = Geometry.of_picture(6, 8, 4)
    found = measure(boxed((4, 6, 8), (0, 1), (0, 1), (0, 1)), boxed((4, 6, 8), (0, 1), (3, 4), (0, 1)), geometry)
    assert found.unit == "px"
    assert found.hd95 == pytest.approx(3.0)
    assert found.truth_ml is None
    assert found.difference_ml is None
    assert "hd95_px" in found.facts()
    assert "hd95_mm" not in found.facts()


def test_both_empty_has_no_value_and_is_counted():
    nothing = np.zeros((4, 6, 8), dtype=bool)
    found = measure(nothing, nothing, grid())
    assert found.dice is None
    assert found.iou is None
    assert found.hd95 is None
    assert found.sensitivity is None
    assert found.specificity == 1.0
    assert found.accuracy == found.baseline_accuracy == 1.0
    assert found.empty
    assert not found.missed


@pytest.mark.parametrize("missed", [True, False])
def test_a_miss_costs_the_diagonal(missed):
    something, nothing = boxed((4, 6, 8), (0, 2), (0, 2), (0, 2)), np.zeros((4, 6, 8), dtype=np.uint8)
    pair = (something, nothing) if missed else (nothing, something)
    found = measure(*pair, grid())
    assert found.dice == 0.0
    assert found.iou == 0.0
    assert found.hd95 == found.assd == pytest.approx(np.sqrt(12.0**2 + 6.0**2 + 4.0**2))
    assert found.missed is missed
    assert found.spurious is not missed
    assert diagonal(grid()) == pytest.approx(found.hd95)


def test_a_miss_makes_the_mean_worse():
    good = measure(boxed((4, 6, 8), (0, 2), (0, 3), (0, 3)), boxed((4, 6, 8), (0, 2), (0, 3), (0, 4)), grid())
    miss = measure(boxed((4, 6, 8), (0, 2), (0, 3), (0, 3)), np.zeros((4, 6, 8)), grid())
    alone, both = summarise([good], ["a"]), summarise([good, miss], ["a", "b"])
    assert both.spreads["hd95_mm"].mean > alone.spreads["hd95_mm"].mean
    assert both.spreads["dice"].mean < alone.spreads["dice"].mean
    assert both.missed == 1


def test_surface_of_a_cube_by_hand():
    cube = boxed((7, 7, 7), (1, 6), (1, 6), (1, 6)).astype(bool)
    assert surface(cube).sum() == 125 - 27
    full = np.ones((1, 5, 5), dtype=bool)
    assert surface(full).sum() == 16  # the image's edge is a border, the flat axis none


def test_unknown_slices_count_neither_as_error_nor_as_surface():
    shape = (6, 8, 8)
    truth = boxed(shape, (1, 3), (2, 6), (2, 6))  # only slices 1, 2 are finished
    guess = boxed(shape, (1, 6), (2, 6), (2, 6))
    known = np.array([True, True, True, False, False, False])
    found = measure(truth, guess, grid(shape, (1.0, 1.0, 1.0)), known=known)
    assert found.dice == 1.0
    assert found.hd95 == 0.0
    assert found.specificity == 1.0
    assert found.voxels == 3 * 64
    assert guess[4, 3, 3] == 1, "the caller's array is left alone"
    cut = boxed(shape, (0, 3), (2, 6), (2, 6)).astype(bool)
    assert not surface(cut, known=known)[2, 3, 3]
    assert surface(cut)[2, 3, 3]


def test_another_size_is_refused():
    with pytest.raises(InputError) as caught:
        measure(np.zeros((4, 6, 7)), np.zeros((4, 6, 8)), grid())
    assert caught.value.code == "mask-size-differs"


def test_dice_per_slice_by_hand():
    truth = boxed((4, 6, 8), (1, 3), (0, 4), (0, 4))
    guess = boxed((4, 6, 8), (2, 4), (0, 4), (2, 6))
    scores = dice_per_slice(truth, guess)
    assert np.isnan(scores[0])
    assert scores[1] == 0.0
    assert scores[2] == pytest.approx(2 * 8 / 32)
    assert scores[3] == 0.0
    assert np.isnan(dice_per_slice(truth, guess, known=np.array([True, True, False, True]))[2])
    assert dice_per_slice(truth, guess, axis=2)[3] == pytest.approx(2 * 4 / 16)


masks = hnp.arrays(np.bool_, st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)))
pairs = st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape))
)
sizes = st.tuples(*(st.sampled_from([0.5, 1.0, 3.3]) for _ in range(3)))


@settings(max_examples=150, deadline=None)
@given(pairs, sizes)
def test_laws_of_agreement(pair, size):
    truth, guess = pair
    geometry = grid(truth.shape, size)
    one, other = measure(truth, guess, geometry), measure(guess, truth, geometry)
    assert one.dice == other.dice
    assert one.hd95 == pytest.approx(other.hd95) if one.hd95 is not None else other.hd95 is None
    assert one.sensitivity == other.precision
    if one.empty:
        assert one.dice is None
        return
    assert 0 <= one.dice <= 1
    assert one.iou == pytest.approx(one.dice / (2 - one.dice))
    assert 0 <= one.assd <= diagonal(geometry) + 1e-9
    assert 0 <= one.hd95 <= diagonal(geometry) + 1e-9
    assert one.accuracy >= 0
    if (truth == guess).all():
        assert one.dice == 1.0
        assert one.hd95 == one.assd == 0.0
        assert one.accuracy == 1.0


@settings(max_examples=100, deadline=None)
@given(pairs, sizes)
def test_distances_agree_with_a_distance_map(pair, size):
    """The same definition, computed another way: erosion and a Euclidean distance map."""
    truth, guess = pair
    if not (truth.any() and guess.any()) or truth.size == 1:
        return
    ball = np.zeros((3, 3, 3), dtype=bool)
    ball[1, 1, 1] = True
    for axis in range(3):
        if truth.shape[axis] > 1:
            ball[tuple(slice(None) if other == axis else 1 for other in range(3))] = True
    borders = [mask & ~binary_erosion(mask, ball) for mask in (truth, guess)]
    maps = [distance_transform_edt(~border, sampling=size) for border in borders]
    there, back = maps[1][borders[0]], maps[0][borders[1]]
    found = measure(truth, guess, grid(truth.shape, size))
    assert found.hd95 == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
    assert found.assd == pytest.approx((there.sum() + back.sum()) / (there.size + back.size))


def test_spread_of_patients():
    values = [0.9, 0.8, None, 0.7]
    found = spread(values, ["a", "a", "b", "c"])
    assert found.mean == pytest.approx(0.8)
    assert found.median == pytest.approx(0.8)
    assert found.count == 3
    low, high = found.ci95
    # two patients: means possible are 0.85 (a a), 0.8 (a c), 0.7 (c c)
    assert low == pytest.approx(0.7)
    assert high == pytest.approx(0.85)
    assert spread(values, ["a", "a", "b", "c"]) == found
    assert spread([0.5, 0.6], ["a", "a"]).ci95 is None
    assert spread([None], ["a"]).mean is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from("abcdef")), min_size=1, max_size=20))
def test_interval_lies_within_the_values(rows):
    values, patients = [row[0] for row in rows], [row[1] for row in rows]
    found = spread(values, patients)
    if found.ci95 is not None:
        assert min(values) - 1e-9 <= found.ci95[0] <= found.ci95[1] <= max(values) + 1e-9


def test_summary_counts_and_units():
    metric = measure(boxed((4, 6, 8), (0, 2), (0, 2), (0, 2)), boxed((4, 6, 8), (0, 2), (0, 2), (0, 2)), grid())
    empty = measure(np.zeros((4, 6, 8)), np.zeros((4, 6, 8)), grid())
    pixels = Geometry.of_picture(6, 8, 4)
    spurious = measure(np.zeros((4, 6, 8)), boxed((4, 6, 8), (0, 1), (0, 2), (0, 2)), pixels)
    found = summarise([metric, empty, spurious], ["a", "b", "c"])
    assert (found.scans, found.patients, found.empty, found.missed, found.spurious) == (3, 3, 1, 0, 1)
    assert found.spreads["dice"].count == 2
    assert found.spreads["hd95_mm"].count == 1
    assert found.spreads["hd95_px"].count == 1
    assert found.pooled_dice == pytest.approx(16 / 20)
    assert set(found.facts()["dice"]) == {"mean", "median", "ci95", "count"}


@pytest.mark.timing
def test_a_whole_head_is_measured_while_a_person_waits():
    z, y, x = np.ogrid[:200, :256, :256]
    truth = ((z - 100) / 70) ** 2 + ((y - 128) / 90) ** 2 + ((x - 128) / 70) ** 2 < 1
    guess = ((z - 102) / 69) ** 2 + ((y - 129) / 91) ** 2 + ((x - 128) / 71) ** 2 < 1
    start = time.process_time()
    found = measure(truth, guess, grid((200, 256, 256), (1.0, 1.0, 1.0)))
    assert 0.95 < found.dice < 1
    assert 1 < found.hd95 < 4
    # a bound against something gone badly wrong, not a benchmark
    assert time.process_time() - start < 6


def tilted(shape=(7, 20, 18), degrees=20.0):
    """A grid of a tilted gantry: the slices are shifted against each other along y."""
    affine = np.eye(4)
    angle = np.deg2rad(degrees)
    affine[:3, :3] = np.array([[-0.5, 0, 0], [0, -0.5, 5 * np.sin(angle)], [0, 0, 5 * np.cos(angle)]])
    return Geometry(shape, affine)


@pytest.mark.parametrize("degrees", [20.0, -20.0])
def test_distances_on_a_sheared_grid_are_straight_lines_in_space(degrees):
    geometry = tilted(degrees=degrees)
    random = np.random.default_rng(3)
    for shift in ((3, 12, 0), (3, -8, 2), (0, 4, 4)):
        truth = random.random(geometry.shape) < 0.02
        guess = np.roll(truth, shift, axis=(0, 1, 2)) & (random.random(geometry.shape) < 0.4)
        points = [geometry.to_world(np.argwhere(surface(mask))[:, ::-1]) for mask in (truth, guess)]
        apart = np.linalg.norm(points[0][:, None] - points[1][None], axis=2)
        one, other = apart.min(axis=1), apart.min(axis=0)
        found = measure(truth, guess, geometry)
        assert found.hd95 == pytest.approx(max(np.percentile(one, 95), np.percentile(other, 95)))
        assert found.assd == pytest.approx(np.concatenate([one, other]).mean())
        assert found.truth_ml == pytest.approx(truth.sum() * 0.25 * 5 * np.cos(np.deg2rad(degrees)) / 1000)


def test_two_points_of_a_tilted_gantry_by_hand():
    geometry = tilted((9, 64, 64))
    truth, guess = boxed(geometry.shape, (2, 3), (20, 21), (30, 31)), boxed(geometry.shape, (5, 6), (46, 47), (30, 31))
    height, along = 15 * np.cos(np.deg2rad(20)), 15 * np.sin(np.deg2rad(20)) - 13
    assert measure(truth, guess, geometry).hd95 == pytest.approx(np.hypot(height, along))
    # nothing lies farther apart than what a miss costs
    ends = geometry.to_world([(x, y, z) for x in (0, 63) for y in (0, 63) for z in (0, 8)])
    farthest = np.linalg.norm(ends[:, None] - ends[None], axis=2).max()
    assert measure(truth, truth & guess, geometry).hd95 == diagonal(geometry) >= farthest


def test_rounding_in_a_header_is_no_shear():
    affine = tilted(degrees=0.02).affine
    geometry = Geometry((4, 6, 8), affine)
    assert not geometry.sheared
    assert diagonal(geometry) == np.linalg.norm(np.multiply(geometry.shape, geometry.spacing))
    assert tilted(degrees=0.2).sheared
