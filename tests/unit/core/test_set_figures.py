"""Entropy of stored probabilities, Bland-Altman and box plots: figures worked out by hand."""

from __future__ import annotations

import io
import itertools
import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from core.review.entropy import LEVELS, entropy, entropy_color, entropy_levels
from core.review.set_figures import PRINT, SCREEN, SCREEN_LIGHT, bland_altman, boxes, figures


def test_entropy_is_that_of_the_probability():
    found = entropy(np.array([0, 51, 255], np.uint8))
    share = 51 / 255
    assert found[0] == found[2] == 0
    assert found[1] == pytest.approx(-(share * math.log2(share) + (1 - share) * math.log2(1 - share)), abs=1e-6)


def test_levels_grow_towards_a_coin_toss_and_are_alike_on_both_sides():
    values = np.arange(256, dtype=np.uint8)
    levels = entropy_levels(values)
    assert levels[0] == levels[255] == 0
    assert levels[127] == levels[128] == LEVELS - 1
    assert (np.diff(levels[:128].astype(int)) >= 0).all()
    np.testing.assert_array_equal(levels, levels[::-1])


def test_colours_grow_lighter_with_every_level():
    # Rec. 709 luma: the order is seen by the colour-blind and in grey print
    luma = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in map(entropy_color, range(1, LEVELS))]
    assert all(later > before for before, later in itertools.pairwise(luma))


def rows(*pairs):
    return [{"truth_ml": truth, "predicted_ml": predicted} for truth, predicted in pairs]


def test_bland_altman_by_hand():
    found = bland_altman([*rows((100, 102), (200, 204), (300, 306)), {"truth_ml": None, "predicted_ml": 5}])
    assert found is not None
    assert found.means == (101, 202, 303)
    assert found.differences == (2, 4, 6)
    assert found.bias == pytest.approx(4)
    # standard deviation of 2, 4, 6 is 2
    assert found.limits == pytest.approx((4 - 1.96 * 2, 4 + 1.96 * 2))


def test_two_scans_have_no_limits_and_none_have_no_picture():
    found = bland_altman(rows((1, 2), (3, 4)))
    assert found is not None
    assert found.limits is None
    assert bland_altman([{"truth_ml": None, "predicted_ml": None}]) is None
    assert figures([]) == {}


def test_whiskers_end_at_the_last_value_within_reach():
    values = [0.80, 0.82, 0.84, 0.86, 0.88, 0.10]
    (box,) = boxes([{"dice": value} for value in values] + [{"dice": None}], ("dice", "iou"))
    assert box.quartiles == pytest.approx(tuple(np.percentile(values, (25, 50, 75))))
    assert box.whiskers == (0.80, 0.88)
    assert len(box.values) == 6


@pytest.mark.parametrize("inks", [PRINT, SCREEN, SCREEN_LIGHT])
def test_pictures_are_of_the_size_and_the_ground_of_where_they_are_shown(inks):
    facts = [{"dice": 0.9, "iou": 0.8, "truth_ml": 10.0, "predicted_ml": 11.0}] * 2
    drawn = figures(facts, inks=inks)
    assert set(drawn) == {"bland_altman", "boxes"}
    for content in drawn.values():
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.size == (2 * inks.size[0], 2 * inks.size[1])
            assert picture.convert("RGB").getpixel((2, 2)) == tuple(
                int(inks.paper[place : place + 2], 16) for place in (1, 3, 5)
            )


def test_a_drawing_holds_each_scan_once_and_stays_on_its_sheet():
    facts = [{"dice": value, "truth_ml": 10.0 + value, "predicted_ml": 10.5} for value in (0.0, 0.5, 1.0)]
    for content in figures(facts, svg=True).values():
        root = ElementTree.fromstring(content)
        dots = [one for one in root.iter("{http://www.w3.org/2000/svg}polyline") if one.get("stroke") == PRINT.dot]
        assert len(dots) == 3
        places = [tuple(map(float, pair.split(","))) for one in dots for pair in one.get("points", "").split()]
        assert all(0 < x < PRINT.size[0] and 0 < y < PRINT.size[1] for x, y in places)
