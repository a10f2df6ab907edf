"""What the drawing tools compute, against slow and independent ways to compute it."""

from __future__ import annotations

import itertools
import math
from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from core.editing.editor import Editor
from core.editing.tools import growing, interpolation, measures, morphology, placing, scissors, seeds, shapes
from core.errors import InputError
from core.geometry import Box, Geometry, Plane
from core.labels import LabelSet

CORNER = st.tuples(st.floats(-3, 19), st.floats(-3, 23))


def crossings(points: list[tuple[float, float]], row: float, column: float) -> bool:
    """Even-odd rule by walking along one ray, one edge after the other."""
    inside = False
    for (r0, c0), (r1, c1) in zip(points, [*points[1:], points[0]], strict=True):
        if (r0 <= row) != (r1 <= row) and c0 + (row - r0) * (c1 - c0) / (r1 - r0) <= column:
            inside = not inside
    return inside


@given(st.lists(CORNER, min_size=3, max_size=9))
@settings(max_examples=150, deadline=None)
def test_polygon_is_the_even_odd_rule(points: list[tuple[float, float]]) -> None:
    found = shapes.polygon(points, (16, 20))
    for row in range(16):
        for column in range(20):
            assert found[row, column] == crossings(points, row, column)


def test_polygons_that_share_an_edge_neither_overlap_nor_leave_a_gap() -> None:
    left = shapes.polygon([(2, 2), (2, 8), (12, 8), (12, 2)], (16, 20))
    right = shapes.polygon([(2, 8), (2, 15), (12, 15), (12, 8)], (16, 20))
    assert not (left & right).any()
    assert left.sum() == 10 * 6
    assert right.sum() == 10 * 7


def test_polygon_of_nothing_is_empty() -> None:
    assert not shapes.polygon([(1, 1), (5, 5)], (8, 8)).any()
    assert not shapes.polygon([(1, 1), (5, math.nan), (3, 3)], (8, 8)).any()
    assert shapes.thin_out([(0, 0), (0, 0.1), (0, 0.6), (3, 3)]) == [(0, 0), (0, 0.6), (3, 3)]


def flooded(allowed: np.ndarray, seed: tuple[int, ...]) -> np.ndarray:
    """Breadth first through faces."""
    found = np.zeros(allowed.shape, bool)
    if not allowed[seed]:
        return found
    found[seed] = True
    queue = deque([seed])
    while queue:
        place = queue.popleft()
        for axis in range(allowed.ndim):
            for step in (-1, 1):
                other = tuple(p + step * (axis == a) for a, p in enumerate(place))
                inside = all(0 <= p < n for p, n in zip(other, allowed.shape, strict=True))
                if inside and allowed[other] and not found[other]:
                    found[other] = True
                    queue.append(other)
    return found


@pytest.mark.parametrize("seed", range(8))
def test_wand_and_bucket_against_a_breadth_first_search(seed: int) -> None:
    chance = np.random.default_rng(seed)
    values = ndimage.gaussian_filter(chance.normal(size=(30, 36)), 2).astype(np.float32)
    start = (int(chance.integers(30)), int(chance.integers(36)))
    tolerance = 0.08
    allowed = np.abs(values - values[start]) <= np.float32(tolerance)
    assert np.array_equal(growing.wand(values, start, tolerance), flooded(allowed, start))
    labels = (values > 0).astype(np.uint8) + (values > 0.1)
    assert np.array_equal(shapes.bucket(labels, start), flooded(labels == labels[start], start))


@pytest.mark.parametrize("seed", range(6))
def test_wand_in_space_against_a_breadth_first_search(seed: int) -> None:
    chance = np.random.default_rng(seed)
    allowed = ndimage.gaussian_filter(chance.normal(size=(9, 20, 22)), 1.2) > 0.02
    start = tuple(int(chance.integers(size)) for size in allowed.shape)
    told: list[tuple[int, int]] = []
    found = growing.wand_in_space(allowed.__getitem__, allowed.shape, start, lambda *at: told.append(at) is None)
    assert np.array_equal(found, flooded(allowed, start))
    # a seed that is not allowed ends it half way
    assert told == [(number, 18) for number in range(18 if allowed[start] else 9)]


def test_wand_in_space_stops_when_told() -> None:
    allowed = np.ones((5, 4, 4), bool)
    with pytest.raises(growing.Stopped):
        growing.wand_in_space(allowed.__getitem__, (5, 4, 4), (0, 0, 0), lambda done, _total: done < 7)


def test_seeds_outside_are_refused() -> None:
    values = np.zeros((4, 5), np.float32)
    for call in (lambda: growing.wand(values, (4, 0), 1), lambda: shapes.bucket(values, (0, -1))):
        with pytest.raises(ValueError, match="outside"):
            call()


def test_in_range_and_its_inverse_leave_out_what_is_no_number() -> None:
    values = np.array([[1.0, 2.0, 3.0, np.nan]], np.float32)
    assert growing.in_range(values, 2, 3).tolist() == [[False, True, True, False]]
    assert growing.in_range(values, 2, 3, inverted=True).tolist() == [[True, False, False, False]]


def test_otsu_parts_two_heaps_between_them() -> None:
    chance = np.random.default_rng(3)
    values = np.concatenate((chance.normal(10, 1, 4000), chance.normal(30, 2, 2000))).astype(np.float32)
    assert 13 < growing.otsu(values) < 26
    assert growing.otsu(np.full(5, 7.0, np.float32)) == 7.0


def test_level_tracing_follows_the_line_of_a_cone() -> None:
    rows, columns = np.indices((60, 60))
    height = (30 - np.hypot(rows - 30, columns - 30)).astype(np.float32)
    height[30, 30] = 0  # a hole in the middle is enclosed
    found = growing.level(height, (30, 42))
    assert np.array_equal(found, np.hypot(rows - 30, columns - 30) <= 12)
    assert np.array_equal(growing.level(-height, (30, 42)), found)


@pytest.mark.parametrize("seed", range(5))
def test_holes_are_what_the_rim_cannot_reach(seed: int) -> None:
    chance = np.random.default_rng(seed)
    mask = ndimage.gaussian_filter(chance.normal(size=(24, 26)), 1.5) > -0.05
    outside = np.pad(~mask, 1, constant_values=True)
    reached = flooded(outside, (0, 0))[1:-1, 1:-1]
    assert np.array_equal(shapes.holes(mask), ~mask & ~reached)
    assert np.array_equal(shapes.slice_holes(np.stack((mask, mask)))[1], shapes.holes(mask))


# ------------------------------------------------------------------ morphology


@given(st.integers(0, 10_000), st.sampled_from([-3.0, -1.0, 1.0, 2.0, 4.5]))
@settings(max_examples=40, deadline=None)
def test_margin_is_a_distance_in_millimetres(seed: int, reach: float) -> None:
    chance = np.random.default_rng(seed)
    mask = ndimage.gaussian_filter(chance.normal(size=(5, 12, 11)), 1.0) > 0.1
    spacing = (3.0, 1.0, 0.5)
    found = morphology.margin(mask, reach, spacing)
    places = np.argwhere(np.ones(mask.shape, bool)) * spacing
    targets = np.argwhere(mask if reach > 0 else ~mask) * spacing
    if not mask.any() or not len(targets):
        assert np.array_equal(found, mask)
        return
    nearest = np.sqrt(((places[:, None] - targets[None]) ** 2).sum(axis=2)).min(axis=1).reshape(mask.shape)
    wanted = nearest <= reach * 1.0005 if reach > 0 else nearest > -reach * 1.0005
    assert np.array_equal(found, wanted)


def test_smooth_takes_spikes_away_and_keeps_straight_edges() -> None:
    mask = np.zeros((1, 40, 40), bool)
    mask[0, 10:30, :20] = True
    mask[0, 20, 20:30] = True
    found = morphology.smooth(mask, 2.0, (3.0, 1.0, 1.0))
    assert not found[0, :, 25:].any()
    assert np.array_equal(found[0, 16:24, 5], mask[0, 16:24, 5])
    assert abs(int(found.sum()) - 400) < 30
    assert not morphology.smooth(np.zeros_like(mask), 2.0, (1, 1, 1)).any()


@pytest.mark.parametrize("seed", range(4))
def test_islands_are_numbered_by_size(seed: int) -> None:
    mask = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(6, 18, 18)), 1.0) > 0.12
    numbered, sizes = morphology.islands(mask)
    assert np.array_equal(numbered > 0, mask)
    assert list(sizes) == sorted(sizes, reverse=True)
    for number, size in enumerate(sizes, 1):
        one = numbered == number
        assert one.sum() == size
        assert np.array_equal(flooded(mask, tuple(np.argwhere(one)[0])), one)
    assert np.array_equal(morphology.keep_largest(mask), numbered == 1)
    least = int(sizes[len(sizes) // 2])
    assert morphology.without_small(mask, least).sum() == sizes[sizes >= least].sum()
    inside = tuple(int(place) for place in np.argwhere(mask)[0])
    assert np.array_equal(morphology.island_at(mask, inside), flooded(mask, inside))
    outside = tuple(int(place) for place in np.argwhere(~mask)[0])
    assert not morphology.island_at(mask, outside).any()


def test_boolean_ways() -> None:
    one, other = np.array([1, 1, 0, 0], bool), np.array([1, 0, 1, 0], bool)
    ways = {way: morphology.combine(one, other, way).astype(int).tolist() for way in morphology.Boolean}
    assert ways == {"unite": [1, 1, 1, 0], "subtract": [0, 1, 0, 0], "intersect": [1, 0, 0, 0], "either": [0, 1, 1, 0]}


# ---------------------------------------------------------------- interpolation


def disc(radius: float, centre: tuple[float, float] = (40, 40), side: int = 80) -> np.ndarray:
    rows, columns = np.indices((side, side))
    return np.hypot(rows - centre[0], columns - centre[1]) <= radius


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_between_a_small_and_a_large_disc_lies_the_middle_one() -> None:
    found = interpolation.between(disc(10), disc(20), 0.5, (1.0, 1.0))
    assert dice(found, disc(15)) > 0.99


def test_a_moving_disc_keeps_its_size_on_the_way() -> None:
    found = interpolation.between(disc(10, (20, 20)), disc(10, (60, 52)), 0.25, (1.0, 1.0))
    assert dice(found, disc(10, (30, 28))) > 0.97


def test_ends_of_the_way_are_the_drawn_slices() -> None:
    one, other = disc(9, (30, 30)), disc(17, (45, 41))
    assert dice(interpolation.between(one, other, 0.0, (1.0, 1.0)), one) > 0.99
    assert dice(interpolation.between(one, other, 1.0, (1.0, 1.0)), other) > 0.99
    assert not interpolation.between(one, np.zeros_like(one), 0.5, (1.0, 1.0)).any()


def test_values_move_the_outline_to_the_edge_that_is_there() -> None:
    # slices of a ball, 8 apart: the drawn ones are alike, so shape alone cannot know of the wider ones between
    radii = [float(np.sqrt(24.0**2 - (8.0 * place) ** 2)) for place in (-2, -1, 0, 1, 2)]
    chance = np.random.default_rng(0)
    values = np.stack([disc(radius) * 100.0 + chance.normal(0, 8, (80, 80)) for radius in radii]).astype(np.float32)
    one, other = disc(radii[0]), disc(radii[-1])
    by_shape = interpolation.fill_between(one, other, values, (1.0, 1.0), by_values=False)
    by_values = interpolation.fill_between(one, other, values, (1.0, 1.0), step=8.0)
    assert by_shape.shape == (3, 80, 80)
    for place, radius in enumerate(radii[1:-1]):
        # at least half of what shape alone gets wrong is put right
        missed = 1 - dice(by_shape[place], disc(radius))
        assert 1 - dice(by_values[place], disc(radius)) < 0.5 * missed


def test_values_that_tell_nothing_leave_the_shape() -> None:
    values = np.zeros((5, 80, 80), np.float32)
    shape = interpolation.fill_between(disc(15), disc(21), values, (1.0, 1.0), by_values=False)
    assert np.array_equal(interpolation.fill_between(disc(15), disc(21), values, (1.0, 1.0)), shape)


def test_drawn_pairs_are_neighbours_with_room_between() -> None:
    assert interpolation.drawn_pairs([7, 3, 4, 11, 3]) == [(4, 7), (7, 11)]
    assert interpolation.drawn_pairs([5]) == []


# ------------------------------------------------------------------------ seeds


def two_tissues() -> tuple[np.ndarray, np.ndarray]:
    truth = disc(18)
    values = truth * 80.0 + np.random.default_rng(1).normal(0, 6, truth.shape)
    return values.astype(np.float32), truth


def test_seeds_grow_to_the_edge_in_a_slice() -> None:
    values, truth = two_tissues()
    given_seeds = np.zeros(truth.shape, np.uint8)
    given_seeds[40, 36:44] = 3
    given_seeds[5, 5:70] = given_seeds[75, 5:70] = 9
    found = seeds.grow_in_slice(values, given_seeds)
    assert set(np.unique(found)) == {3, 9}
    assert dice(found == 3, truth) > 0.98
    assert (found[given_seeds > 0] == given_seeds[given_seeds > 0]).all()


def test_seeds_grow_to_the_edge_in_space_and_stay_in_their_box() -> None:
    zs, rows, columns = np.indices((20, 50, 50))
    truth = np.hypot(np.hypot(2 * (zs - 10), rows - 25), columns - 25) <= 14
    values = (truth * 80.0 + np.random.default_rng(2).normal(0, 6, truth.shape)).astype(np.float32)
    given_seeds = np.zeros(truth.shape, np.uint8)
    given_seeds[10, 22:28, 22:28] = 1
    given_seeds[2, 5:45, 5:45] = given_seeds[18, 5:45, 5:45] = 2
    given_seeds[10, 5, 5:45] = given_seeds[10, 44, 5:45] = given_seeds[10, 5:45, 5] = given_seeds[10, 5:45, 44] = 2
    found = seeds.grow_in_space(values, given_seeds, (2.0, 1.0, 1.0))
    assert dice(found == 1, truth) > 0.95
    assert not found[:2].any()
    assert not found[:, :, 45:].any()


def test_seeds_of_one_kind_are_refused_in_words() -> None:
    values = np.zeros((6, 6), np.float32)
    nothing = np.zeros((6, 6), np.uint8)
    one = nothing.copy()
    one[2, 2] = 4
    for given_seeds, code in ((nothing, "seeds-none"), (one, "seeds-one-kind")):
        with pytest.raises(InputError) as refused:
            seeds.grow_in_slice(values, given_seeds)
        assert refused.value.code == code


# --------------------------------------------------------------------- scissors


def test_scissors_walk_along_the_edge_of_a_disc() -> None:
    values = (disc(20) * 100.0).astype(np.float32)
    tool = scissors.Scissors(values)
    tool.anchor((40, 60))
    path = tool.path((20, 40))
    assert path[0] == (40, 60)
    assert path[-1] == (20, 40)
    radii = [math.hypot(row - 40, column - 40) for row, column in path]
    assert max(abs(radius - 20) for radius in radii) <= 1.6
    steps = [max(abs(a - c), abs(b - d)) for (a, b), (c, d) in itertools.pairwise(path)]
    assert set(steps) == {1}


def test_scissors_go_straight_where_there_is_no_edge() -> None:
    tool = scissors.Scissors(np.full((30, 40), 5.0, np.float32))
    tool.anchor((3, 3))
    assert len(tool.path((3, 33))) == 31
    with pytest.raises(ValueError, match="outside"):
        tool.path((30, 0))
    with pytest.raises(RuntimeError):
        scissors.Scissors(np.zeros((4, 4), np.float32)).path((0, 0))


# --------------------------------------------------------------------- measures


def test_ruler_and_angle_are_in_the_world() -> None:
    affine = np.array([[-0.5, 0, 0, 10], [0, 0, 3.0, -4], [0, 0.75, 0, 7], [0, 0, 0, 1.0]])
    geometry = Geometry((8, 9, 10), affine)
    assert measures.distance(geometry, (0, 0, 0), (4, 0, 0)) == pytest.approx(2.0)
    assert measures.distance(geometry, (1, 2, 3), (1, 2, 5)) == pytest.approx(6.0)
    assert measures.distance(geometry, (0, 0, 0), (4, 4, 2)) == pytest.approx(math.sqrt(4 + 9 + 36))
    assert measures.angle(geometry, (5, 0, 0), (0, 0, 0), (0, 5, 0)) == pytest.approx(90.0)
    assert measures.angle(geometry, (3, 0, 0), (0, 0, 0), (3, 2, 0)) == pytest.approx(45.0)
    assert math.isnan(measures.angle(geometry, (1, 1, 1), (1, 1, 1), (0, 0, 0)))


def test_area_of_a_triangle_in_square_millimetres() -> None:
    assert measures.area([(0, 0), (0, 8), (6, 0)], (0.5, 2.0)) == pytest.approx(24.0)


def test_statistics_by_hand() -> None:
    values = np.array([1, 2, 4, 9, np.nan, 100], np.float32)
    inside = np.array([1, 1, 1, 1, 1, 0], bool)
    found = measures.statistics(values, inside)
    assert (found.voxels, found.mean, found.median, found.least, found.most) == (4, 4.0, 3.0, 1.0, 9.0)
    assert found.deviation == pytest.approx(math.sqrt((9 + 4 + 0 + 25) / 3))
    assert measures.statistics(values, np.zeros(6, bool)).voxels == 0


# ---------------------------------------------------------------------- placing


@pytest.mark.parametrize("plane", list(Plane))
@pytest.mark.parametrize("codes", [(-1, -1, 1), (1, 1, 1), (1, -1, -1)])
def test_a_region_of_a_slice_lands_where_it_was_seen(plane: Plane, codes: tuple[int, int, int]) -> None:
    geometry = Geometry((6, 9, 11), np.diag([*codes, 1.0]))
    view = geometry.view(plane)
    chance = np.random.default_rng(4)
    for index in (0, view.slices - 1):
        region = chance.random((view.rows, view.columns)) > 0.7
        placed = placing.place(view, index, region)
        assert placed is not None
        box, hit = placed
        whole = np.zeros(geometry.shape, bool)
        whole[box.slices] = hit
        assert np.array_equal(placing.slice_of(view, whole, index), region)
        assert whole.sum() == region.sum()
    assert placing.place(view, 0, np.zeros_like(region)) is None
    assert placing.place(view, view.slices, region) is None


def test_a_stroke_paints_regions_within_its_limit_as_one_step() -> None:
    geometry = Geometry((4, 8, 8), np.diag([-1.0, -1.0, 3.0, 1.0]))
    labels = LabelSet().with_label("Brain")
    brain = labels.named("Brain")
    editor = Editor(geometry, labels, {}, {}, reader="anna")
    box, hit = Box((1, 2, 2), (2, 6, 6)), np.ones((1, 4, 4), bool)
    with pytest.raises(RuntimeError):
        editor.paint(box, hit)
    values = np.zeros((4, 8, 8), np.float32)
    values[:, :, 4:] = 9
    editor.limit = lambda part: growing.in_range(values[part.slices], 5, 10)
    editor.begin("polygon", brain)
    editor.paint(box, hit)
    step = editor.commit()
    assert step is not None
    assert editor.mask("brain").sum() == 8
    assert not editor.mask("brain")[:, :, :4].any()
    editor.undo()
    assert not editor.mask("brain").any()
