"""Agreement slice by slice, lesion by lesion and pooled: cases computed by hand, and laws."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.geometry import Geometry
from core.review.evaluation_files import summary_rows, table
from core.review.lesions import score_lesions, score_slices
from core.review.metrics import measure
from core.review.summary import summarise


def grid(shape):
    return Geometry(shape, np.diag([1.0, 1.0, 2.0, 1.0]))


def boxed(shape, *boxes):
    mask = np.zeros(shape, dtype=bool)
    for spans in boxes:
        mask[tuple(slice(*span) for span in spans)] = True
    return mask


def test_slices_by_hand():
    # slice 0: 4 against 4, 2 shared; 1: missed; 2: made up; 3: empty in both; 4: there, not known
    shape = (5, 4, 4)
    truth = boxed(shape, ((0, 1), (0, 2), (0, 2)), ((1, 2), (0, 2), (0, 2)), ((4, 5), (0, 2), (0, 2)))
    guess = boxed(shape, ((0, 1), (0, 2), (1, 3)), ((2, 3), (3, 4), (3, 4)))
    known = np.array([True, True, True, True, False])
    found = score_slices(truth, guess, known=known)
    assert found.dices == (0.5, 0.0)
    assert found.ious == pytest.approx((2 / 6, 0.0))
    assert (found.missed, found.empty, found.spurious) == (1, 2, 1)
    assert found.specificity == 0.5
    assert measure(truth, guess, grid(shape), known=known).by_slice == found


def test_something_drawn_beside_the_label_is_a_missed_slice():
    truth, guess = (boxed((1, 4, 4), ((0, 1), (0, 2), span)) for span in ((0, 2), (2, 4)))
    found = score_slices(truth, guess)
    assert found.dices == (0.0,)
    assert (found.missed, found.spurious, found.empty) == (1, 0, 0)
    assert found.specificity is None


def test_lesions_by_hand():
    # three true: one met by a single voxel, one missed, one met by two predicted pieces; one predicted beside
    shape = (3, 12, 12)
    truth = boxed(shape, ((0, 1), (0, 3), (0, 3)), ((0, 1), (8, 10), (0, 2)), ((1, 3), (0, 2), (6, 12)))
    guess = boxed(
        shape,
        ((0, 1), (2, 4), (2, 4)),
        ((1, 2), (0, 1), (6, 7)),
        ((1, 2), (0, 1), (11, 12)),
        ((2, 3), (10, 12), (10, 12)),
    )
    found = score_lesions(truth, guess)
    assert (found.there, found.found, found.false) == (3, 2, 1)
    assert found.sensitivity == pytest.approx(2 / 3)
    assert found.f1 == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))


def test_voxels_that_touch_by_a_corner_are_one_lesion():
    truth = boxed((2, 4, 4), ((0, 1), (0, 1), (0, 1)), ((1, 2), (1, 2), (1, 2)))
    assert score_lesions(truth, truth).there == 1
    apart = boxed((1, 4, 4), ((0, 1), (0, 1), (0, 1)), ((0, 1), (2, 3), (0, 1)))
    assert score_lesions(apart, apart).there == 2


def test_no_lesion_anywhere_has_no_f1_and_a_false_one_costs_all():
    nothing, something = np.zeros((1, 4, 4), bool), boxed((1, 4, 4), ((0, 1), (0, 1), (0, 1)))
    assert score_lesions(nothing, nothing).f1 is None
    assert score_lesions(nothing, something).f1 == 0.0
    assert score_lesions(something, nothing).f1 == 0.0
    assert score_lesions(nothing, something).sensitivity is None


def two_patients():
    shape = (2, 4, 4)
    whole, half = boxed(shape, ((0, 1), (0, 4), (0, 4))), boxed(shape, ((0, 1), (0, 4), (0, 2)))
    empty = np.zeros(shape, bool)
    pairs = [(whole, half), (half, half), (half, empty), (empty, empty)]
    return [measure(truth, guess, grid(shape)) for truth, guess in pairs], ["a", "a", "b", "b"]


def test_summary_by_hand():
    measures, patients = two_patients()
    found = summarise(measures, patients)
    # scans: 2*8/24, 1, 0, none. Voxels: truth 16+8+8, predicted 8+8, shared 8+8
    assert found.spreads["dice"].mean == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert found.spreads["dice"].count == 3
    assert found.pooled_dice == pytest.approx(2 * 16 / (32 + 16))
    assert found.pooled_iou == pytest.approx(16 / 32)
    # whole patients drawn: a a gives 32/40, a b gives 32/48, b b gives 0
    assert found.pooled_ci95["pooled_dice"] == pytest.approx((0.0, 2 * 16 / (24 + 16)))
    assert found.spreads["slice_dice"].mean == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert found.spreads["slice_dice"].count == 3
    assert found.slices == {"slices_with_label": 3, "missed_slices": 1, "empty_slices": 5, "spurious_slices": 0}
    assert found.lesions == {"lesions": 3, "lesions_found": 2, "lesions_false": 0}
    assert found.spreads["lesion_f1"].mean == pytest.approx(2 / 3)
    assert (found.empty, found.missed, found.spurious) == (1, 1, 0)


def test_a_patient_alone_has_no_interval_whatever_the_metric():
    measures, _ = two_patients()
    found = summarise(measures, ["a"] * 4)
    assert found.pooled_dice is not None
    assert found.pooled_ci95 == {"pooled_dice": None, "pooled_iou": None}
    assert {spread.ci95 for spread in found.spreads.values()} == {None}


def test_nothing_to_find_and_nothing_found_has_no_pooled_value():
    nothing = np.zeros((1, 4, 4), bool)
    found = summarise([measure(nothing, nothing, grid((1, 4, 4)))] * 2, ["a", "b"])
    assert (found.pooled_dice, found.pooled_iou) == (None, None)
    assert found.spreads["empty_slice_specificity"].mean == 1.0


def test_the_summary_as_a_table():
    rows = {row["metric"]: row for row in summary_rows(summarise(*two_patients()).facts())}
    assert rows["dice"]["value"] == pytest.approx(5 / 9)
    assert rows["pooled_dice"]["ci95_low"] == 0.0
    assert rows["missed_slices"]["value"] == 1
    assert not any(name.endswith("ci95") for name in rows)
    read = list(csv.DictReader(io.StringIO(table(list(rows.values())))))
    assert {row["metric"] for row in read} == set(rows)


pairs = st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: st.tuples(hnp.arrays(np.bool_, shape), hnp.arrays(np.bool_, shape))
)


@settings(max_examples=100, deadline=None)
@given(pairs)
def test_laws_of_slices_and_lesions(pair):
    truth, guess = pair
    slices, lesions, back = score_slices(truth, guess), score_lesions(truth, guess), score_lesions(guess, truth)
    assert len(slices.dices) + slices.empty == truth.shape[0]
    assert slices.missed == sum(dice == 0 for dice in slices.dices)
    assert all(0 <= dice <= 1 for dice in slices.dices)
    assert lesions.found <= lesions.there
    assert lesions.false == back.there - back.found
    if lesions.f1 is not None:
        assert 0 <= lesions.f1 <= 1
    if (truth == guess).all() and truth.any():
        assert lesions.f1 == 1.0
        assert set(slices.dices) == {1.0}
