"""Masks put on scans, and the rough brain mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import distance_transform_edt

from core.geometry import Geometry
from core.phantom import make_head
from core.review.metrics import measure
from core.review.rough import classical_brain, otsu
from core.review.strip import apply_mask, grown
from core.volume import Volume


def grid(shape, spacing=(1.0, 1.0, 1.0)):
    return Geometry(shape, np.diag([spacing[2], spacing[1], spacing[0], 1.0]))


def test_outside_becomes_the_darkest_value_and_inside_is_untouched():
    array = np.arange(10, 10 + 2 * 3 * 4, dtype=np.int16).reshape(2, 3, 4)
    volume = Volume(array, grid((2, 3, 4)), slope=2.0, intercept=-5.0)
    mask = np.zeros((2, 3, 4), dtype=np.uint8)
    mask[1, 1, 1:3] = 7
    made = apply_mask(volume, mask)
    assert made.array.dtype == np.int16
    assert (made.slope, made.intercept) == (2.0, -5.0)
    assert np.array_equal(made.array[mask > 0], array[mask > 0])
    assert set(made.array[mask == 0]) == {10}
    assert array[0, 0, 1] == 11, "the scan itself is left alone"


def test_padding_is_the_background_where_there_is_one():
    volume = Volume(np.full((1, 4, 4), 50, dtype=np.int16), grid((1, 4, 4)), padding=-2000.0)
    assert set(apply_mask(volume, np.zeros((1, 4, 4))).array.ravel()) == {-2000}


def test_inverted_pictures_get_their_own_black():
    volume = Volume(np.array([[[3, 250]]], dtype=np.uint8), grid((1, 1, 2)), inverted=True)
    assert apply_mask(volume, np.array([[[1, 0]]])).array.tolist() == [[[3, 250]]]


def test_colour_scans_are_stripped_in_all_channels():
    volume = Volume(np.full((1, 2, 2, 3), 9, np.uint8), Geometry.of_picture(2, 2), channels=("R", "G", "B"))
    volume.array[0, 0, 0] = 1
    made = apply_mask(volume, np.array([[[0, 1], [1, 0]]]))
    assert made.array[0, 1, 1].tolist() == [1, 1, 1]
    assert made.array[0, 0, 1].tolist() == [9, 9, 9]


def test_floats_with_nothing_in_them_survive():
    array = np.array([[[np.nan, 2.0, -3.0]]], dtype=np.float32)
    made = apply_mask(Volume(array, grid((1, 1, 3))), np.array([[[0, 1, 1]]]))
    assert made.array.tolist() == [[[-3.0, 2.0, -3.0]]]


def test_margin_is_millimetres_by_hand():
    mask = np.zeros((9, 9, 9), dtype=bool)
    mask[4, 4, 4] = True
    wide = grown(mask, grid((9, 9, 9), (3.0, 1.0, 1.0)), 2.0)
    assert wide[4, 4, 2:7].all()
    assert not wide[4, 4, 1]
    assert not wide[3, 4, 4], "the next slice is 3 mm away"
    assert wide[4, 3, 3]
    assert not wide[4, 2, 3], "2.24 mm"


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.bool_, st.tuples(st.integers(2, 5), st.integers(2, 7), st.integers(2, 7))),
    st.floats(-3, 3),
    st.sampled_from([(1.0, 1.0, 1.0), (4.0, 1.0, 0.5)]),
)
def test_margin_agrees_with_the_whole_distance_map(mask, margin, spacing):
    geometry = grid(mask.shape, spacing)
    made = grown(mask, geometry, margin)
    if margin == 0 or not mask.any():
        assert np.array_equal(made, mask)
        return
    if margin > 0:
        assert np.array_equal(made, distance_transform_edt(~mask, sampling=spacing) <= margin)
        assert not (mask & ~made).any()
    elif (~mask).any():
        assert np.array_equal(made, distance_transform_edt(mask, sampling=spacing) > -margin)
        assert not (made & ~mask).any()


def test_a_flat_picture_grows_in_its_plane():
    mask = np.zeros((1, 5, 5), dtype=bool)
    mask[0, 2, 2] = True
    made = grown(mask, Geometry.of_picture(5, 5), 1.0)
    assert made.shape == (1, 5, 5)
    assert made.sum() == 5


def test_otsu_parts_two_heaps():
    values = np.concatenate([np.full(300, 10.0), np.full(100, 90.0)]).astype(np.float32)
    assert 10 < otsu(values) < 90
    assert otsu(np.full(5, 3.0, dtype=np.float32)) == 3.0


@pytest.mark.parametrize("contrast", ["T1", "FLAIR", "CT"])
def test_rough_mask_finds_most_of_a_made_brain(contrast):
    head = make_head(11, shape=(34, 128, 106), contrast=contrast)
    found = measure(head.masks["Brain"], classical_brain(head.volume), head.volume.geometry)
    # it is called rough: this only says that it found the brain and not the scalp
    assert found.dice > 0.6


@pytest.mark.parametrize("array", [
    np.zeros((3, 20, 20), np.uint8),
    np.full((3, 20, 20), 77, np.int16),
    np.full((3, 20, 20), np.nan, np.float32),
    np.eye(20, dtype=np.uint8)[None],
    np.ones((1, 1, 1), np.uint16),
    np.random.default_rng(1).integers(0, 9, (5, 6, 7)).astype(np.uint8),
])  # fmt: skip
def test_nothing_to_find_is_no_reason_to_fail(array):
    mask = classical_brain(Volume(array, grid(array.shape)))
    assert mask.shape == array.shape
    assert mask.dtype == bool


def test_constant_ct_has_no_brain():
    volume = Volume(np.full((4, 30, 30), 30, np.int16), grid((4, 30, 30)), modality="CT")
    assert not classical_brain(volume).any()


@pytest.mark.real
def test_rough_mask_on_a_real_head(data_root):
    from core.io.sandbox import Decoder
    from core.io.source import FindOptions

    folder = data_root / "strip"
    with Decoder() as decoder:
        scan, mask = (
            decoder.read(decoder.find([folder / name], FindOptions(pair_masks=False)).sources[0])
            for name in ("oms011_t1w.nii.gz", "oms011_t1w_mask.nii.gz")
        )
    found = measure(mask.array, classical_brain(scan), scan.geometry)
    # 0.937 when written; a rough method must not silently become useless
    assert found.dice > 0.85


@pytest.mark.parametrize("margin", [3.0, -3.0, 7.5])
def test_a_margin_on_a_tilted_gantry_is_as_wide_in_space(margin):
    affine = np.diag([-0.8, -0.6, 2.2, 1.0])
    affine[1, 2] = 0.9
    mask = np.zeros((7, 22, 24), dtype=bool)
    mask[1:6, 5:17, 7:20], mask[2, 8:12, 9:12] = True, False
    geometry = Geometry(mask.shape, affine)
    places = geometry.to_world(np.moveaxis(np.indices(mask.shape)[::-1], 0, -1))
    source = mask if margin > 0 else ~mask
    near = np.linalg.norm(places[..., None, :] - places[source], axis=-1).min(axis=-1) <= abs(margin) * 1.0005
    assert np.array_equal(grown(mask, geometry, margin), near if margin > 0 else ~near)
