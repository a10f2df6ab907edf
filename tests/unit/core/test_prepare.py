import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import LearningError
from core.geometry import Geometry
from core.learning.config import TrainingConfig
from core.learning.prepare import CT_RANGE, Preparation, Preparer, denoised, intensity_of, neighbours
from core.learning.prepare_fit import UNKNOWN, Cut, Fit, resize
from core.learning.prepare_head import head_box
from core.learning.prepare_steps import (
    COLOUR,
    CT_WINDOWS,
    ORDER,
    canonical,
    check,
    check_channels,
    parse,
    parse_channels,
    words,
)
from core.messages import sentence
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


@pytest.mark.parametrize(
    ("before", "after"), [((30, 256), (84, 128)), ((84, 128), (30, 256)), ((512, 30), (64, 48)), ((64, 48), (512, 30))]
)
def test_an_axis_that_shrinks_beside_one_that_grows_is_averaged_in_its_place(before, after):
    (rows, columns), (height, width) = before, after
    y, x = (np.arange(height) + 0.5) * rows / height - 0.5, (np.arange(width) + 0.5) * columns / width - 0.5
    down, right = np.mgrid[:rows, :columns].astype(np.float32)
    for axis, (ramp, place, count) in enumerate(((down, y, rows), (right, x, columns))):
        # beyond the middles of the outermost pixels nothing is known
        wanted = np.expand_dims(place.clip(0, count - 1), 1 - axis)
        assert np.abs(resize(ramp, height, width) - wanted).max() < 0.1, axis
    checks = np.indices(before).sum(axis=0) % 2
    # finer than the new pixels: nothing but its mean is left
    np.testing.assert_allclose(resize(checks.astype(np.float32), height, width)[2:-2, 2:-2], 0.5, atol=0.2)


def test_a_ball_seen_from_the_side_of_thick_slices_comes_back_in_its_place():
    """30 slices of 5 mm, 512 columns of 0.45 mm: what is right at each prepared pixel is right at each voxel."""
    fit = Fit.of(geometry(30, 512, row_mm=5.0, column_mm=0.45), 256)
    row, column = np.mgrid[:30, :512]
    down, right = np.mgrid[: fit.size, : fit.size]
    for radius in range(12, 60, 3):
        middle = 75 + radius / 7, 115.0
        true = np.hypot((row + 0.5) * 5 - middle[0], (column + 0.5) * 0.45 - middle[1]) <= radius
        seen = np.hypot(
            (down - fit.top + 0.5) * 150 / fit.height - middle[0], (right + 0.5) * 230.4 / fit.width - middle[1]
        )
        back = fit.inverse((seen <= radius).astype(np.float32)) >= 0.5
        assert 2 * (back & true).sum() / (back.sum() + true.sum()) > 0.96


@given(st.integers(2, 90), st.integers(2, 90), st.integers(2, 90), st.integers(2, 90))
@settings(max_examples=60, deadline=None)
def test_where_both_axes_shrink_or_both_grow_it_is_one_step(rows, columns, height, width):
    plane = np.random.default_rng(rows * columns).random((rows, columns)).astype(np.float32)
    if height <= rows and width <= columns:
        how = cv2.INTER_AREA
    elif height >= rows and width >= columns:
        how = cv2.INTER_LINEAR
    else:
        return
    assert np.array_equal(resize(plane, height, width), cv2.resize(plane, (width, height), interpolation=how))


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
        prepared.append(Preparer(volume_of(scaled), Preparation(64)).slices(range(3)))
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
    prepared = Preparer(volume, Preparation(32)).slices([0])
    assert np.isfinite(prepared.astype(np.float32)).all()


def test_nan_is_air():
    array = np.random.default_rng(0).random((1, 16, 16)).astype(np.float32)
    array[0, :4] = np.nan
    volume = volume_of(array)
    prepared = Preparer(volume, Preparation(32)).slices([0])
    assert np.isfinite(prepared.astype(np.float32)).all()


def test_colour_is_seen_as_grey():
    grey = np.random.default_rng(0).integers(0, 255, (2, 16, 16)).astype(np.uint8)
    colour = Volume(np.repeat(grey[..., None], 3, axis=3), geometry(16, 16, slices=2), channels=("R", "G", "B"))
    first = Preparer(colour, Preparation(32)).slices([0, 1])
    second = Preparer(volume_of(grey), Preparation(32)).slices([0, 1])
    np.testing.assert_allclose(first.astype(float), second.astype(float), atol=0.03)


def test_a_preparation_survives_its_file():
    for preparation in (
        Preparation(128, 5),
        Preparation(64, 1, steps=canonical(["pad", "crop", "denoise=nlm"]), channels=CT_WINDOWS),
    ):
        assert Preparation.from_json(json.loads(json.dumps(preparation.to_json()))) == preparation


def test_a_model_of_before_there_were_steps_is_read():
    assert Preparation.from_json({"size": 64, "slices": 3, "low": 1, "high": 99}) == Preparation(64, 3, 1.0, 99.0)


def as_first_released(volume: Volume, size: int, slices: int, index: int) -> np.ndarray:
    """Prepare a slice as version 1 did, written out: models of then must see what they learnt from."""
    stored = volume.grey()
    values = stored.ravel().astype(np.float32) * np.float32(volume.slope) + np.float32(volume.intercept)
    if volume.modality == "CT":
        low, high = -100.0, 200.0
        tissue = values[values > low]
    else:
        darkest, brightest = float(values.min()), float(np.percentile(values, 99.5))
        tissue = values[values > darkest + 0.05 * (brightest - darkest)]
        low, high = (float(value) for value in np.percentile(tissue, (0.5, 99.5)))
    kept = np.clip(tissue, low, high).astype(np.float64)
    mean, deviation = float(kept.mean()), float(kept.std())
    scale = size / max(stored.shape[1:])
    height, width = round(stored.shape[1] * scale), round(stored.shape[2] * scale)
    top, left = (size - height) // 2, (size - width) // 2
    squares = []
    for near in neighbours(index, slices, len(stored)):
        plane = volume.values(stored[near])
        plane = (np.clip(plane, low, high) - np.float32(mean)) / np.float32(deviation)
        if plane.shape != (height, width):
            shrinks = height < plane.shape[0] or width < plane.shape[1]
            plane = cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        square = np.full((size, size), (low - mean) / deviation, dtype=np.float32)
        square[top : top + height, left : left + width] = plane
        squares.append(square.astype(np.float16))
    return np.stack(squares)


@pytest.mark.parametrize(("rows", "columns", "size"), [(64, 64, 64), (80, 50, 64), (30, 40, 96)])
@pytest.mark.parametrize("modality", ["MR", "CT"])
def test_the_default_is_what_it_always_was_bit_by_bit(rows, columns, size, modality):
    array = np.random.default_rng(rows).integers(-50, 300, (4, rows, columns)).astype(np.int16)
    volume = Volume(array, geometry(rows, columns, slices=4), modality=modality, slope=1.5, intercept=-3.0)
    preparer = Preparer(volume, Preparation.of(TrainingConfig(labels=("a",), size=size, slices=3)))
    needed, stacks = preparer.stacks([0, 2])
    prepared = preparer.slices(needed)[stacks]
    for row, index in enumerate((0, 2)):
        assert np.array_equal(prepared[row], as_first_released(volume, size, 3, index))


def head_volume(slices: int = 3, rows: int = 80, columns: int = 100, **facts) -> Volume:
    """A bright ellipse off the middle, with a thin bar beside it, on noise."""
    y, x = np.mgrid[:rows, :columns]
    random = np.random.default_rng(5)
    array = random.normal(10, 2, (slices, rows, columns))
    array[:, ((y - 30) / 20.0) ** 2 + ((x - 60) / 25.0) ** 2 <= 1] += 100
    array[:, 70:71, 5:50] += 100
    return volume_of(array.clip(0, 255).astype(np.uint8), **facts)


steps = st.lists(
    st.sampled_from(["clip", "zscore", "denoise", "crop", "pad", "resample=0.7", "resample=2"]), max_size=4, unique=True
).filter(lambda chosen: not ("pad" in chosen and any(step.startswith("res") for step in chosen)))


@given(steps, st.sampled_from([32, 64, 128]), st.sampled_from([1, 3, 5]), st.floats(0.5, 2), st.floats(0.5, 2))
@settings(max_examples=60, deadline=None)
def test_training_and_prediction_prepare_the_same(chosen, size, slices, row_mm, column_mm):
    array = head_volume().array
    volume = Volume(array, geometry(80, 100, row_mm, column_mm, slices=3))
    preparation = Preparation(size, slices, steps=canonical(chosen))
    # a training prepares the slices that count, all at once; a prediction those of a few, after the way through a file
    training = Preparer(volume, preparation)
    needed, stacks = training.stacks([0, 1, 2])
    learnt = training.slices(needed)[stacks]
    stored = Preparation.from_json(json.loads(json.dumps(preparation.to_json())))
    for index in (2, 0):
        prediction = Preparer(Volume(array.copy(), volume.geometry), stored)
        needed, stacks = prediction.stacks([index])
        assert np.array_equal(prediction.slices(needed)[stacks][0], learnt[index])


@given(steps, st.sampled_from([64, 128, 256]), st.floats(0.5, 2), st.floats(0.5, 2))
@settings(max_examples=100, deadline=None)
def test_the_way_back_through_any_steps_keeps_shape_and_place(chosen, size, row_mm, column_mm):
    volume = Volume(head_volume().array, geometry(80, 100, row_mm, column_mm, slices=3))
    fit = Preparer(volume, Preparation(size, steps=canonical(chosen))).fit(1)
    y, x = np.mgrid[:80, :100]
    # a hill in the middle of the head, small enough to lie inside of every crop
    hill = np.exp(-(((y - 30) / 5) ** 2) - ((x - 60) / 5) ** 2).astype(np.float32)
    down, right = fit.to_square(30, 60)
    if not (14 < down < size - 14 and 14 < right < size - 14):
        return  # resampled so finely that the square shows another part
    square = fit.forward(hill, 0.0)
    back = fit.inverse(square)
    assert square.shape == (size, size)
    assert back.shape == (80, 100)
    scale = (fit.width / (fit.cut.right - fit.cut.left)) if fit.cut else fit.width / 100
    for axis, weights, place in ((0, y, 30), (1, x, 60)):
        # half a pixel: of the coarser of both grids
        assert abs(float((back * weights).sum() / back.sum()) - place) <= 0.5 * max(1.0, 1 / scale), axis
    where = np.unravel_index(int(square.argmax()), square.shape)
    # rows and columns are scaled apart where their pixels are not square
    tall = (fit.height / (fit.cut.bottom - fit.cut.top)) if fit.cut else fit.height / 80
    assert abs(where[0] - down) <= 0.5 * max(1.0, tall) + 0.5
    assert abs(where[1] - right) <= 0.5 * max(1.0, scale) + 0.5


@given(st.integers(20, 90), st.integers(20, 90), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_padding_and_cropping_change_no_pixel(rows, columns, seed):
    random = np.random.default_rng(seed)
    plane = random.random((rows, columns)).astype(np.float32)
    top, left = (int(random.integers(0, n // 2)) for n in (rows, columns))
    cut = Cut(top, rows - int(random.integers(0, rows // 3)), left, columns - int(random.integers(0, columns // 3)))
    fit = Fit.of(geometry(rows, columns, 0.7, 1.3), 64, cut=cut, natural=True)
    back = fit.inverse(fit.forward(plane, 0.0))
    assert back.shape == plane.shape
    inside = back != 0
    assert np.array_equal(back[inside], plane[inside])
    seen = min(64, cut.bottom - cut.top) * min(64, cut.right - cut.left)
    assert np.count_nonzero(inside) == seen == fit.kept(np.ones_like(plane))
    assert fit.whole == (fit.cut == Cut(0, rows, 0, columns) and seen == rows * columns) or fit.cut is not None


def test_the_crop_is_the_head_and_not_its_holder():
    cut = head_box(head_volume())
    # ellipse: rows 10-50, columns 35-85; the bar at row 70 is too thin to be a head
    assert 7 <= cut.top <= 10
    assert 51 <= cut.bottom <= 54
    assert 32 <= cut.left <= 35
    assert 86 <= cut.right <= 89


def test_a_crop_where_there_is_no_head_keeps_everything():
    assert head_box(volume_of(np.zeros((2, 20, 20), np.uint8))) is None


def test_one_box_serves_all_slices():
    array = head_volume().array.copy()
    array[2] = 10
    array[2, 20:30, 50:60] = 110
    volume = volume_of(array)
    preparer = Preparer(volume, Preparation(64, steps=("crop",)))
    assert preparer.fit(0) == preparer.fit(2)


@pytest.mark.parametrize("steps", [("centre",), ("crop", "centre"), ("pad", "centre")])
def test_centring_moves_the_head_to_the_middle(steps):
    preparer = Preparer(head_volume(), Preparation(128, 1, steps=canonical([*steps, "clip", "zscore"])))
    square = preparer.slices([1])[0].astype(np.float32)
    y, x = np.nonzero(square > (square.min() + square.max()) / 2)
    assert abs(y.mean() - 63.5) <= 2.5  # the thin bar draws a little
    assert abs(x.mean() - 63.5) <= 2.5


def test_noise_goes_and_edges_stay():
    random = np.random.default_rng(2)
    clean = np.zeros((64, 64), np.float32)
    clean[:, 32:] = 1
    noisy = (clean + random.normal(0, 0.1, clean.shape)).astype(np.float32)
    for how in ("median", "nlm"):
        found = denoised(noisy, how)
        assert np.abs(found - clean).mean() < 0.6 * np.abs(noisy - clean).mean()
        assert (found[:, 34:].mean() - found[:, :30].mean()) > 0.95
    flat = np.full((16, 16), 3.0, np.float32)
    assert np.array_equal(denoised(flat, "nlm"), flat)


def test_noise_goes_where_most_of_a_slice_is_bone_that_is_cut_off():
    random = np.random.default_rng(3)
    clean = np.full((64, 64), 0.4, np.float32)
    clean[:, 20:] = 2  # far beyond what is cut off: no noise is left there
    noisy = np.clip(clean + random.normal(0, 0.05, clean.shape), 0, 1).astype(np.float32)
    rest = np.abs(denoised(noisy, "nlm") - noisy)[2:-2, 2:17]
    assert rest.mean() > 0.02


def test_without_normalisation_the_scale_is_from_0_to_1():
    volume = head_volume()
    prepared = Preparer(volume, Preparation(128, 1, steps=("pad",))).slices(range(3)).astype(np.float32)
    assert prepared.min() == 0
    assert prepared.max() == 1


def test_ct_windows_are_channels_on_a_scale_of_their_own():
    array = np.full((2, 32, 32), -1000, dtype=np.int16)
    array[0, 8:16] = 40
    array[0, 16:24] = 80
    array[0, 24:] = 1400
    preparer = Preparer(volume_of(array, modality="CT"), Preparation(32, 3, channels=CT_WINDOWS))
    needed, stacks = preparer.stacks([0])
    assert stacks.shape == (1, 9)
    first = preparer.slices(needed)[stacks][0].astype(np.float32)
    # neighbours below each other: slice 0 twice (the end repeated), then slice 1
    assert np.array_equal(first[:3], first[3:6])
    brain, blood, bone = first[3:6]
    assert [float(brain[row, 0]) for row in (0, 10, 20, 30)] == [-1, 0, 1, 1]
    assert [float(bone[row, 0]) for row in (0, 30)] == pytest.approx([-1, (1400 - 600) / 1400], abs=1e-3)
    assert float(blood[10, 0]) == pytest.approx((40 - 75) / 107.5, abs=1e-3)


def test_colours_are_channels_and_grey_is_shown_three_times():
    random = np.random.default_rng(0)
    array = random.integers(0, 255, (2, 16, 16, 3)).astype(np.uint8)
    colour = Volume(array, geometry(16, 16, slices=2), channels=("R", "G", "B"))
    prepared = Preparer(colour, Preparation(16, 1, steps=(), channels=COLOUR))
    needed, stacks = prepared.stacks([1])
    red, green, blue = prepared.slices(needed)[stacks][0].astype(np.float32)
    back = prepared.fit(1).inverse(green)
    assert np.corrcoef(back.ravel(), array[1, :, :, 1].ravel())[0, 1] > 0.95
    assert not np.array_equal(red, blue)
    grey = Preparer(volume_of(array[..., 0]), Preparation(32, 1, channels=COLOUR)).slices([0])
    assert np.array_equal(grey[0], grey[2])


def test_strokes_are_known_and_all_else_is_not():
    label, other = np.zeros((64, 64), bool), np.zeros((64, 64), bool)
    label[10:13, 5:40] = True
    other[40:43, 5:40] = True
    for size in (64, 32):
        square = Fit.of(geometry(64, 64), size).forward_strokes(label, other)
        step = 64 // size
        assert set(np.unique(square)) == {0, 1, UNKNOWN}
        assert square[11 // step, 20 // step] == 1
        assert square[41 // step, 20 // step] == 0
        assert (square[50 // step :] == UNKNOWN).all()
    # beside a small picture nobody said anything
    assert (Fit.of(geometry(32, 64), 64).forward_strokes(label[:32], other[:32])[:10] == UNKNOWN).all()


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        (("blur",), "prepare-unknown"),
        (("resample",), "prepare-value"),
        (("resample=0.01",), "prepare-value"),
        (("resample=x",), "prepare-value"),
        (("denoise=magic",), "prepare-value"),
        (("crop=3",), "prepare-value"),
        (("pad", "resample=1"), "prepare-both"),
        (("centre",), "prepare-centre"),
    ],
)
def test_steps_that_cannot_be_are_refused_in_words(steps, code):
    with pytest.raises(LearningError) as caught:
        TrainingConfig(labels=("a",), prepare=steps).validate()
    assert caught.value.code == code
    assert sentence(caught.value).endswith(".")


def test_centring_is_for_classification():
    check(("centre",), segment=False)


@pytest.mark.parametrize("channels", [(), ("grey", "W80/L40"), ("red",), ("W80",), ("W0/L1",), ("W80/L40", "W80/L40")])
def test_channels_that_cannot_be_are_refused(channels):
    with pytest.raises(LearningError, match="channels-bad"):
        check_channels(channels)


def test_the_line_switches_steps_on_and_off():
    assert parse("crop, Denoise,no-zscore") == ("clip", "denoise=median", "crop")
    assert parse("none") == ()
    assert parse("default") == parse("") == ("clip", "zscore")
    assert parse("no-resample,no-denoise", ("clip", "denoise=nlm", "resample=1")) == ("clip",)
    assert parse("resample=0.50") == ("clip", "zscore", "resample=0.5")
    assert parse_channels("ct") == CT_WINDOWS
    assert parse_channels("w80/l40, W400/L-20") == ("W80/L40", "W400/L-20")
    assert parse_channels("colour") == COLOUR
    assert len(words(canonical(["clip", "denoise", "resample=2", "crop"]), CT_WINDOWS)) == 5
    assert len(words([step for step in ORDER if step != "resample"])) == len(ORDER)


def test_a_step_that_a_scan_cannot_take_names_the_scan():
    picture = Volume(np.zeros((1, 16, 16), np.uint8), Geometry.of_picture(16, 16))
    for preparation, code in (
        (Preparation(32, steps=("resample=1",)), "prepare-no-spacing"),
        (Preparation(32, channels=CT_WINDOWS), "prepare-not-ct"),
    ):
        with pytest.raises(LearningError) as caught:
            Preparer(picture, preparation, name="S0003")
        assert caught.value.code == code
        assert "S0003" in sentence(caught.value)


def test_settings_of_before_there_were_steps_are_read():
    old = {name: value for name, value in TrainingConfig(labels=("a",)).to_json().items() if name != "prepare"}
    assert TrainingConfig.from_json(old).prepare == ("clip", "zscore")
    assert TrainingConfig.from_json({"labels": ["a"], "prepare": ["crop", "clip"]}).prepare == ("clip", "crop")
