"""Distances between two surfaces, against measuring every pair of points."""

from __future__ import annotations

import numpy as np
import pytest

from core.geometry import Geometry
from core.review.metrics import measure, surface
from core.review.surface import body_of, look
from core.review.surface_distance import REACH, distances, shade


def ball(shape, centre, radius, spacing):
    steps = (np.indices(shape) - np.reshape(centre, (3, 1, 1, 1))) * np.reshape(spacing, (3, 1, 1, 1))
    return (steps**2).sum(axis=0) <= radius**2


SPACING = (2.0, 1.0, 1.0)
SHAPE = (16, 34, 34)
GRID = Geometry(SHAPE, np.diag([-1.0, -1.0, 2.0, 1.0]))


def test_each_point_is_as_far_as_the_nearest_point_of_the_other_surface():
    mask, other = ball(SHAPE, (7, 16, 16), 9, SPACING), ball(SHAPE, (7, 18, 15), 7, SPACING)
    found = distances(mask, other, GRID)
    mine, theirs = np.argwhere(surface(mask)), np.argwhere(surface(other))
    assert len(found.values) == len(mine)
    for place, value in zip(mine, found.values, strict=True):
        nearest = np.sqrt((((theirs - place) * SPACING) ** 2).sum(axis=1)).min()
        assert abs(value) == pytest.approx(nearest, rel=1e-5)
        if value:
            assert (value < 0) == bool(other[tuple(place)])
    assert found.unit == "mm"
    # the figures say the same: HD95 is the larger of the two directed percentiles
    back = distances(other, mask, GRID)
    both = max(float(np.percentile(np.abs(one.values), 95)) for one in (found, back))
    assert measure(other, mask, GRID).hd95 == pytest.approx(both, rel=1e-4)


def test_equal_masks_are_grey_and_a_bump_is_red_a_dent_blue():
    mask = ball(SHAPE, (7, 16, 16), 9, SPACING)
    assert not distances(mask, mask, GRID).values.any()
    bumped = mask | ball(SHAPE, (7, 6, 16), 6, SPACING)
    # a bump to anterior (row 6 lies in front), looked at from in front
    seen = look(body_of(bumped, GRID), GRID, 0.0, 0.0, 80)
    coloured = distances(bumped, mask, GRID).colours(seen).astype(int)
    shown = ~np.isnan(seen.voxels).any(axis=-1)
    assert not coloured[~shown].any()
    middle = coloured[40, 40]
    assert middle[0] > middle[2] + 30, "red, where it is beyond the other"
    dent = distances(mask, bumped, GRID).colours(look(body_of(mask, GRID), GRID, 0.0, 0.0, 80)).astype(int)[40, 40]
    assert dent[2] > dent[0] + 30, "blue, where it is short of the other"
    grey = distances(mask, mask, GRID).colours(look(body_of(mask, GRID), GRID, 0.0, 0.0, 80)).astype(int)[40, 40]
    assert grey.max() - grey.min() <= 1


def test_colours_are_full_from_the_reach_on_and_nothing_has_none():
    ends = shade(np.array([-2 * REACH, -REACH, 0, REACH, 3 * REACH], dtype=np.float32))
    assert np.array_equal(ends[0], ends[1])
    assert np.array_equal(ends[3], ends[4])
    assert np.ptp(ends[2]) == 0
    mask = ball(SHAPE, (7, 16, 16), 5, SPACING)
    assert distances(mask, np.zeros_like(mask), GRID) is None
    assert distances(np.zeros_like(mask), mask, GRID) is None


def test_a_tilted_gantry_is_measured_in_space():
    affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    affine[1, 2] = 1.5
    tilted = Geometry(SHAPE, affine)
    mask, other = ball(SHAPE, (7, 16, 16), 9, SPACING), ball(SHAPE, (9, 18, 15), 7, SPACING)
    mine, theirs = (tilted.to_world(np.argwhere(surface(one))[:, ::-1]) for one in (mask, other))
    found = distances(mask, other, tilted)
    nearest = np.linalg.norm(mine[:, None] - theirs[None], axis=2).min(axis=1)
    np.testing.assert_allclose(np.abs(found.values), nearest, rtol=1e-5)
    back = distances(other, mask, tilted)
    both = max(float(np.percentile(np.abs(one.values), 95)) for one in (found, back))
    assert measure(other, mask, tilted).hd95 == pytest.approx(both, rel=1e-4)
    assert found.colours(look(body_of(mask, tilted), tilted, 0.0, 0.0, 40)).any()
