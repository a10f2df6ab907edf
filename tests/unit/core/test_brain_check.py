"""What is told of a predicted Brain: doubt where there is reason to, silence where there is none."""

import json

import numpy as np
import pytest

from core.geometry import Geometry
from core.review.brain_check import BrainCheck, brain_notices, check_brain, unlearnt

SHAPE = (60, 70, 66)
MM = 2.5


def head(radius_mm=68.0, centre=(30, 35, 33), mm=MM):
    z, y, x = np.mgrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    far = np.sqrt((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2) * mm
    return far <= radius_mm


def grid(mm=MM, axes=(1, 1, 1), known=True):
    return Geometry(SHAPE, np.diag([*(mm * one for one in axes), 1.0]), spacing_known=known)


def sure(mask):
    return np.where(mask, 250, 2).astype(np.uint8)


def test_a_brain_is_a_brain():
    mask = head()
    found = check_brain(sure(mask), mask, grid(), mask)
    assert found.reasons == ()
    assert not found.doubtful
    assert found.confidence > 0.95
    assert found.volume_ml == pytest.approx(4 / 3 * np.pi * 6.8**3, rel=0.02)
    assert list(brain_notices("S0001", found)) == []


def test_air_is_nothing_and_doubtful():
    empty = np.zeros(SHAPE, dtype=np.uint8)
    found = check_brain(empty, empty, grid(), empty > 0)
    assert found.reasons == ("nothing",)
    assert found.doubtful
    (told,) = brain_notices("S0001", found)
    assert told.key == "brain-doubtful"
    assert "no brain was found" in told.fields["reasons"]


def test_an_unsure_network_and_two_answers_are_doubtful():
    mask = head()
    unsure = np.where(mask, 150, 90).astype(np.uint8)
    assert "unsure" in check_brain(unsure, mask, grid(), mask).reasons
    other = np.roll(mask, 20, axis=2)
    found = check_brain(sure(mask), mask, grid(), other)
    assert "disagree" in found.reasons
    assert found.doubtful
    assert found.confidence < 0.9


def test_volume_is_told_where_it_can_be_measured():
    small, large = head(50.0), head(84.0)
    assert check_brain(sure(small), small, grid()).reasons == ("small",)
    assert "large" in check_brain(sure(large), large, grid()).reasons
    assert not check_brain(sure(small), small, grid()).doubtful
    unknown = check_brain(sure(small), small, grid(known=False))
    assert unknown.volume_ml is None
    assert unknown.reasons == ()
    picture = head()[30:31]
    flat = Geometry(picture.shape, np.diag([1.0, 1, 1, 1]))
    assert check_brain(sure(picture), picture, flat).reasons == ()


def test_several_pieces_are_told_of():
    mask = head()
    raw = mask.copy()
    raw[:8, :12, :12] = True
    assert check_brain(sure(raw), mask, grid()).reasons == ()
    raw[:16, :17, :17] = True
    assert "pieces" in check_brain(sure(raw), mask, grid()).reasons


@pytest.mark.parametrize(("shift", "axes", "told"), [
    ((-20, 0, 0), (1, 1, 1), False),
    ((20, 0, 0), (1, 1, 1), True),
    ((20, 0, 0), (1, 1, -1), False),
    ((-20, 0, 0), (1, 1, -1), True),
    ((0, 25, 0), (1, 1, 1), True),
    ((0, 0, -20), (1, 1, 1), True),
])  # fmt: skip
def test_a_brain_may_end_below_and_nowhere_else(shift, axes, told):
    mask = head(centre=tuple(np.add((30, 35, 33), shift)))
    found = check_brain(sure(mask), mask, grid(axes=axes))
    assert ("border" in found.reasons) is told


@pytest.mark.parametrize(
    ("lowest", "axes", "tall"), [(19, (1, 1, 1), False), (0, (1, 1, 1), True), (0, (1, 1, -1), True)]
)
def test_a_neck_below_the_brain_is_told(lowest, axes, tall):
    mask = head(60.0, (39, 35, 33), mm=3.0)
    mask[lowest:39, 32:38, 30:36] = True
    found = check_brain(sure(mask), mask, grid(3.0, axes), mask)
    assert ("tall" in found.reasons) is tall
    assert not found.doubtful
    there = np.flatnonzero(mask.any(axis=(1, 2)))
    assert found.height_mm == (there[-1] - there[0] + 1) * 3.0


def test_where_up_is_unknown_nothing_is_said_of_height():
    mask = head(60.0, (39, 35, 33), mm=3.0)
    mask[:39, 32:38, 30:36] = True
    assert check_brain(sure(mask), mask, grid(3.0, known=False), mask).height_mm is None


def test_another_modality_than_was_learnt_is_doubtful():
    mask = head()
    found = check_brain(sure(mask), mask, grid(), mask)
    assert unlearnt(found, "") is found
    strange = unlearnt(found, "CT")
    assert strange.doubtful
    (told,) = brain_notices("S0001", strange)
    assert told.key == "brain-doubtful"
    assert "this is a CT scan" in told.fields["reasons"]


@pytest.mark.parametrize(
    "check",
    [
        BrainCheck(0.95, ("tall", "pieces"), 1400.0, 190.0),
        BrainCheck(0.4, ("modality", "unsure", "small"), 300.0, None, "CT"),
        BrainCheck(0.99, ()),
    ],
)
def test_what_was_told_of_a_brain_is_told_again_from_its_file(check):
    again = BrainCheck.from_json(json.loads(json.dumps(check.to_json())))
    assert again is not None
    assert (again.words, again.doubtful, again.reasons) == (check.words, check.doubtful, check.reasons)


def test_a_reason_without_its_figure_is_left_out():
    told = BrainCheck.from_json({"confidence": 0.9, "reasons": ["tall", "border", "strange"], "volume_ml": None})
    assert told is not None
    assert told.reasons == ("border",)
    assert [BrainCheck.from_json(data) for data in (None, [], {}, {"reasons": "tall"})] == [None] * 4
