import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.geometry import Geometry
from core.learning.prepare import CT_RANGE, Fit, Preparation, intensity_of, neighbours, prepare_slices
from core.volume import Volume

sides = st.integers(8, 200)


def geometry(rows: int, columns: int, row_mm: float = 1.0, column_mm: float = 1.0, slices: int = 1) -> Geometry:
    return Geometry((slices, rows, columns), np.diag([column_mm, row_mm, 3.0, 1.0]))


@given(sides, sides, st.floats(0.3, 3), st.floats(0.3, 3), st.sampled_from([32, 64, 96, 256]))
@settings(max_examples=150, deadline=None)
def test_the_way_back_has_the_native_shape_and_place(rows, columns, row_mm, column_mm, size):
    fit = Fit.of(geometry(rows, columns, row_mm, column_mm), size)
    # a smooth hill whose place can be measured to a part of a pixel
    y0, x0 = 0.35 * (rows - 1), 0.6 * (columns - 1)
    y, x = np.mgrid[:rows, :columns]
    hill = np.exp(-(((y - y0) / (0.3 * rows)) ** 2) - ((x - x0) / (0.3 * columns)) ** 2).astype(np.float32)
    square = fit.forward(hill, 0.0)
    back = fit.inverse(square)
    assert square.shape == (size, size)
    assert back.shape == (rows, columns)
    # no shift: half a prepared pixel (measured in native ones) is the most that resampling may do
    step_y, step_x = max(1.0, rows / fit.height), max(1.0, columns / fit.width)
    for axis, weights, step in ((0, y, step_y), (1, x, step_x)):
        before = float((hill * weights).sum() / hill.sum())
        after = float((back * weights).sum() / back.sum())
        assert abs(before - after) <= 0.5 * step, axis


@given(st.sampled_from([32, 64, 256]), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_nothing_is_resampled_where_it_fits(size, seed):
    plane = np.random.default_rng(seed).random((size, size)).astype(np.float32)
    fit = Fit.of(geometry(size, size), size)
    assert fit.exact
    assert np.array_equal(fit.inverse(fit.forward(plane, 0.0)), plane)
    mask = (plane > 0.5).astype(np.uint8)
    assert np.array_equal(fit.forward_mask(mask * 3), mask)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(2, 8))
@settings(max_examples=40, deadline=None)
def test_a_mask_enlarged_and_shrunk_again_is_the_same(tall, wide, factor):
    rows, columns = tall * 8, wide * 8
    size = max(rows, columns) * factor
    random = np.random.default_rng(rows * 100 + columns)
    coarse = random.random((tall * 2, wide * 2)) > 0.5
    mask = np.kron(coarse, np.ones((4, 4))).astype(np.uint8)
    fit = Fit.of(geometry(rows, columns), size)
    back = fit.inverse(fit.forward_mask(mask).astype(np.float32)) >= 0.5
    wrong = np.count_nonzero(back != mask)
    # only corner pixels of the coarse blocks may change: linear enlargement rounds them
    assert wrong <= 4 * coarse.size


def test_the_aspect_is_true():
    fit = Fit.of(geometry(100, 100, row_mm=2.0, column_mm=1.0), 64)
    assert (fit.height, fit.width) == (64, 32)
    assert (fit.top, fit.left) == (0, 16)


def test_a_landmark_keeps_its_place_under_anisotropy():
    fit = Fit.of(geometry(40, 120, row_mm=3.0, column_mm=1.0), 96)
    plane = np.zeros((40, 120), dtype=np.float32)
    plane[10:14, 60:72] = 1
    back = fit.inverse(fit.forward(plane, 0.0)) >= 0.5
    overlap = np.count_nonzero(back & (plane > 0)) * 2 / (np.count_nonzero(back) + np.count_nonzero(plane))
    assert overlap > 0.9


def test_neighbours_repeat_the_ends():
    assert neighbours(0, 5, 4) == (0, 0, 0, 1, 2)
    assert neighbours(3, 3, 4) == (2, 3, 3)
    assert neighbours(0, 3, 1) == (0, 0, 0)
    assert neighbours(2, 1, 4) == (2,)


def volume_of(array, **facts) -> Volume:
    return Volume(array, geometry(array.shape[1], array.shape[2], slices=array.shape[0]), **facts)


def test_scaling_a_scan_changes_nothing():
    array = np.random.default_rng(0).integers(0, 200, (3, 40, 40)).astype(np.uint16)
    prepared = []
    for scaled in (array, array * 7 + 100):
        volume = volume_of(scaled)
        intensity = intensity_of(volume, Preparation(64))
        prepared.append(prepare_slices(volume, intensity, Fit.of(volume.geometry, 64), range(3)))
    assert prepared[0].dtype == np.float16
    np.testing.assert_allclose(prepared[0].astype(float), prepared[1].astype(float), atol=5e-3)


def test_slope_and_inversion_are_honoured():
    array = np.random.default_rng(0).integers(0, 200, (2, 32, 32)).astype(np.int16)
    plain = volume_of(array)
    inverted = volume_of((199 - array).astype(np.int16), inverted=True)
    for other in (volume_of((array // 2) * 2, slope=2.0, intercept=-5.0), inverted):
        a, b = intensity_of(plain, Preparation(32)), intensity_of(other, Preparation(32))
        first = a.apply(plain.values(plain.array[0]))
        second = b.apply(other.values(other.array[0]))
        np.testing.assert_allclose(first, second, atol=0.02)


def test_ct_is_cut_at_hounsfield_units():
    array = np.full((1, 32, 32), -1000, dtype=np.int16)
    array[0, 8:24, 8:24] = 40
    array[0, 8:24, 8] = 1500
    intensity = intensity_of(volume_of(array, modality="CT"), Preparation(32))
    assert (intensity.low, intensity.high) == CT_RANGE
    values = intensity.apply(array[0].astype(np.float32))
    assert values[0, 0] == pytest.approx(intensity.background)


@pytest.mark.parametrize("value", [0, 7, -300])
def test_a_scan_of_one_value_is_finite(value):
    volume = volume_of(np.full((1, 16, 16), value, dtype=np.int16))
    intensity = intensity_of(volume, Preparation(32))
    prepared = prepare_slices(volume, intensity, Fit.of(volume.geometry, 32), [0])
    assert np.isfinite(prepared.astype(np.float32)).all()


def test_nan_is_air():
    array = np.random.default_rng(0).random((1, 16, 16)).astype(np.float32)
    array[0, :4] = np.nan
    volume = volume_of(array)
    prepared = prepare_slices(volume, intensity_of(volume, Preparation(32)), Fit.of(volume.geometry, 32), [0])
    assert np.isfinite(prepared.astype(np.float32)).all()


def test_colour_is_seen_as_grey():
    grey = np.random.default_rng(0).integers(0, 255, (2, 16, 16)).astype(np.uint8)
    colour = Volume(np.repeat(grey[..., None], 3, axis=3), geometry(16, 16, slices=2), channels=("R", "G", "B"))
    fit = Fit.of(colour.geometry, 32)
    first = prepare_slices(colour, intensity_of(colour, Preparation(32)), fit, [0, 1])
    plain = volume_of(grey)
    second = prepare_slices(plain, intensity_of(plain, Preparation(32)), fit, [0, 1])
    np.testing.assert_allclose(first.astype(float), second.astype(float), atol=0.03)


def test_a_preparation_survives_its_file():
    preparation = Preparation(128, 5)
    assert Preparation.from_json(preparation.to_json()) == preparation
