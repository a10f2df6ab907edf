"""Made heads: the same from the same seed, different otherwise, and anatomically plausible."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.ndimage import label

from core.phantom import make_head

SMALL = (16, 96, 80)


def test_same_seed_same_head_voxel_for_voxel():
    one, two = make_head(3, shape=SMALL, lesion="tumour"), make_head(3, shape=SMALL, lesion="tumour")
    assert np.array_equal(one.volume.array, two.volume.array)
    assert all(np.array_equal(one.masks[name], two.masks[name]) for name in one.masks)


def test_another_seed_is_another_person():
    one, two = make_head(3, shape=SMALL), make_head(4, shape=SMALL)
    first, second = one.masks["Brain"], two.masks["Brain"]
    overlap = 2 * (first & second).sum() / (first.sum() + second.sum())
    assert 0.6 < overlap < 0.985, "heads must be alike but not the same"
    assert not np.array_equal(one.volume.array, two.volume.array)


@pytest.mark.parametrize("seed", range(6))
def test_brain_is_one_body_of_human_size(seed):
    head = make_head(seed, shape=(40, 96, 80))
    brain = head.masks["Brain"]
    millilitres = brain.sum() * head.volume.geometry.voxel_ml
    assert 1050 < millilitres < 1900
    parts, count = label(brain)
    biggest = np.bincount(parts.ravel())[1:].max() if count else 0
    assert biggest > 0.97 * brain.sum()
    edges = [brain[-1], brain[:, 0], brain[:, -1], brain[:, :, 0], brain[:, :, -1]]
    assert not any(edge.any() for edge in edges), "the whole brain lies in the default field of view"


@pytest.mark.parametrize("orientation", ["LPS", "RAS"])
def test_orientation_is_what_the_affine_says(orientation):
    head = make_head(5, shape=SMALL, orientation=orientation)
    assert head.volume.geometry.axis_codes == orientation


def test_the_same_person_whatever_the_storage_order():
    """The anatomy is fixed to the patient, not to the array."""
    lps, ras = make_head(5, shape=SMALL), make_head(5, shape=SMALL, orientation="RAS")
    assert np.array_equal(lps.masks["Brain"], ras.masks["Brain"][:, ::-1, ::-1])


def test_vertex_is_up_and_eyes_are_in_front():
    head = make_head(8, shape=(48, 120, 100), contrast="T2")  # eyes are bright on T2
    brain = head.masks["Brain"]
    areas = brain.sum(axis=(1, 2))
    assert areas[-8:].sum() < areas[20:28].sum()
    rows = np.flatnonzero(brain.any(axis=(0, 2)))
    values = head.volume.array.astype(float)
    front = values[8:20, : rows[0] + 12]  # LPS: low rows are anterior
    assert (front > 0.8 * values.max()).sum() > 50


@pytest.mark.parametrize("contrast", ["T1", "T2", "FLAIR", "CT"])
def test_tissues_look_as_they_should(contrast):
    head = make_head(2, shape=(24, 160, 132), contrast=contrast, noise=0.0)
    values = head.volume.values(head.volume.array)
    brain = head.masks["Brain"]
    inside = np.median(values[brain])
    if contrast == "CT":
        assert head.volume.modality == "CT"
        assert head.volume.array.dtype == np.int16
        assert 20 < inside < 45
        assert values.min() < -900
        assert values.max() > 900
        return
    assert head.volume.modality == "MR"
    assert head.volume.array.dtype == np.uint16
    assert np.median(values[0, :5, :5]) < 0.1 * inside, "air is dark"
    fluid = np.percentile(values[brain], 1 if contrast != "T2" else 99)
    assert fluid > 1.3 * inside if contrast == "T2" else fluid < 0.6 * inside


@pytest.mark.parametrize(
    ("lesion", "contrast", "name"), [("tumour", "FLAIR", "Tumour"), ("haemorrhage", "CT", "Haemorrhage")]
)
@pytest.mark.parametrize("seed", range(4))
def test_lesion_lies_in_the_brain_and_is_bright(lesion, contrast, name, seed):
    head = make_head(seed, shape=(32, 120, 100), contrast=contrast, lesion=lesion)
    brain, sick = head.masks["Brain"], head.masks[name]
    values = head.volume.values(head.volume.array)
    millilitres = sick.sum() * head.volume.geometry.voxel_ml
    assert 2 < millilitres < 90
    assert not (sick & ~brain).any()
    assert np.median(values[sick]) > np.percentile(values[brain & ~sick], 90)


def test_healthy_heads_have_no_lesion():
    assert set(make_head(1, shape=SMALL).masks) == {"Brain"}


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 20, 20), (8, 64, 48)])
def test_any_size_works(shape):
    head = make_head(1, shape=shape)
    assert head.volume.array.shape == head.masks["Brain"].shape == shape


def test_spacing_is_kept():
    assert make_head(1, shape=(6, 40, 30), spacing=(4.0, 2.0, 1.5)).volume.geometry.spacing == pytest.approx(
        (4, 2, 1.5)
    )


@pytest.mark.timing
def test_it_is_fast():
    start = time.process_time()
    make_head(1, shape=(24, 192, 160), lesion="tumour")
    # a bound against something gone badly wrong (about 0.8 s when written), not a benchmark
    assert time.process_time() - start < 8
