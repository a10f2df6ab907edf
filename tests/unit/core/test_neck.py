"""A Brain ends where a neck begins; a head without a neck stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.geometry import Geometry
from core.phantom import make_head
from core.review.neck import without_neck
from core.review.tidy import masks_of

Bools = NDArray[np.bool_]


def upright(shape: tuple[int, int, int], spacing: tuple[float, float, float] = (2.0, 2.0, 2.0)) -> Geometry:
    """Return a grid ``[z, y, x]`` whose z grows towards the head."""
    z, y, x = spacing
    return Geometry(shape, np.diag([-x, -y, z, 1.0]))


def brain_on_neck() -> tuple[Bools, Bools]:
    """Return a brain that tapers to a cord above a neck as wide as a fist, and the brain alone (2 mm)."""
    z, y, x = np.mgrid[:90, :100, :90].astype(float)
    brain = ((z - 60) / 28) ** 2 + ((y - 50) / 40) ** 2 + ((x - 45) / 33) ** 2 <= 1
    cord = ((y - 50) ** 2 + (x - 45) ** 2 <= 3**2) & (z > 22) & (z < 60)
    neck = ((y - 50) ** 2 + (x - 45) ** 2 <= 30**2) & (z <= 22)
    return brain | cord | neck, brain | cord


def turned_to(mask: Bools, codes: str) -> tuple[Bools, Geometry]:
    """Lay a mask (z up, y to the back, x to the left) out so that its x, y, z axes grow as ``codes`` say."""
    world = {"R": (0, -1), "L": (0, 1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}
    array, affine = mask.transpose(2, 1, 0), np.zeros((4, 4))
    for place, (code, size) in enumerate(zip(codes, (2.0, 2.0, 2.0), strict=True)):
        axis, sign = world[code]
        # x to the left and y to the back grow against R and A, in which the affine counts
        affine[axis, place] = size * sign * (1 if axis == 2 else -1)
    order = [world[code][0] for code in codes]
    array = array.transpose(order)
    for place, code in enumerate(codes):
        if world[code][1] < 0:
            array = np.flip(array, axis=place)
    affine[3, 3] = 1
    found = np.ascontiguousarray(array.transpose(2, 1, 0))
    return found, Geometry(found.shape, affine)


def test_a_neck_is_cut_and_the_brain_stays() -> None:
    whole, brain = brain_on_neck()
    cut = without_neck(whole, upright(whole.shape))
    assert not (cut & ~whole).any()
    assert np.count_nonzero(cut & ~brain) <= 200
    # what is lost of the brain is its cord near the neck, if anything
    lost = brain & ~cut
    assert np.count_nonzero(lost) <= 100
    assert not lost[30:].any()


@pytest.mark.parametrize("codes", ["LPS", "RAI", "PSR", "SLA", "AIL", "IRP"])
def test_the_head_may_lie_any_way_round(codes: str) -> None:
    whole, _ = brain_on_neck()
    straight = without_neck(*turned_to(whole, "LPS"))
    laid, geometry = turned_to(whole, codes)
    assert geometry.axis_codes == codes
    assert np.array_equal(without_neck(laid, geometry), turned_to(straight, codes)[0])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", [(24, 192, 160), (80, 128, 112)])
def test_made_up_brains_are_left_as_they_are(seed: int, shape: tuple[int, int, int]) -> None:
    head = make_head(seed, shape=shape)
    brain = head.masks["Brain"]
    kept = without_neck(brain, head.volume.geometry)
    assert np.count_nonzero(brain & ~kept) <= 0.002 * np.count_nonzero(brain)


def test_what_cannot_be_measured_or_has_one_section_is_left_alone() -> None:
    whole, _ = brain_on_neck()
    grid = upright(whole.shape)
    for geometry in (
        Geometry(whole.shape, grid.affine, spacing_known=False),
        Geometry(whole.shape, grid.affine, depth_known=False),
    ):
        assert without_neck(whole, geometry) is whole
    one = whole[60:61]
    assert without_neck(one, upright(one.shape)) is one
    nothing = np.zeros_like(whole)
    assert without_neck(nothing, grid) is nothing


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_nothing_is_ever_added_nor_touched_above_the_narrow_part(seed: int) -> None:
    random = np.random.default_rng(seed)
    mask = random.random((12, 14, 13)) < random.uniform(0.05, 0.6)
    mask &= random.random((12, 1, 1)) < 0.9
    before = mask.copy()
    cut = without_neck(mask, upright(mask.shape, (4.0, 3.0, 3.0)))
    assert np.array_equal(mask, before)
    assert not (cut & ~mask).any()
    areas = mask.sum(axis=(1, 2))
    widest = int(areas.argmax())
    assert np.array_equal(cut[widest:], mask[widest:])


def test_what_is_predicted_as_brain_loses_its_neck_and_other_labels_keep_theirs() -> None:
    whole, brain = brain_on_neck()
    sure = whole.astype(np.uint8) * np.uint8(255)
    found = masks_of({"Brain": sure, "Head": sure}, upright(whole.shape))
    assert np.count_nonzero((found["Brain"] > 0) & ~brain) <= 200
    assert np.array_equal(found["Head"] > 0, whole)
