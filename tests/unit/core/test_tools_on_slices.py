"""Scissors on large slices, holes, and the values that tools look at, against independent computations."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.graph import route_through_array

from core.editing.tools import growing, placing, scissors, shapes
from core.geometry import Geometry, Plane
from core.volume import Volume


def price(cost: np.ndarray, path: list[tuple[int, int]]) -> float:
    return sum(
        float(cost[a] + cost[b]) / 2 * float(np.hypot(a[0] - b[0], a[1] - b[1])) for a, b in itertools.pairwise(path)
    )


@pytest.mark.parametrize("size", [(150, 210), (400, 300)])
def test_scissors_on_a_large_slice_are_nearly_the_cheapest_path(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(4)
    rows, columns = np.indices(size)
    disc = np.hypot(rows - size[0] / 2, columns - size[1] / 2) < min(size) / 3
    values = (100 * disc + rng.normal(0, 12, size)).astype(np.float32)
    tool = scissors.Scissors(values)
    cost = scissors.edge_cost(values)
    start = (size[0] // 2, size[1] // 2 - min(size) // 3)
    tool.anchor(start)
    dearer = []
    for end in (
        (size[0] // 2, size[1] // 2 + min(size) // 3),
        (3, 5),
        (size[0] - 1, size[1] - 1),
        (start[0] + 4, start[1]),
    ):
        path = tool.path(end)
        assert path[0] == start
        assert path[-1] == end
        assert {max(abs(a - c), abs(b - d)) for (a, b), (c, d) in itertools.pairwise(path)} == {1}
        _best, least = route_through_array(cost, start, end, fully_connected=True, geometric=True)
        dearer.append(price(cost, path) / least)
    # of one in thousands of nearly equal ways another may be taken, never a much dearer one
    assert max(dearer) <= 1.1
    assert np.mean(dearer) <= 1.02


@given(st.integers(0, 2**32 - 1), st.integers(1, 24), st.integers(1, 24), st.floats(0.2, 0.8))
@settings(max_examples=120, deadline=None)
def test_holes_of_a_slice_are_what_scipy_fills(seed: int, rows: int, columns: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((rows, columns)) < share
    np.testing.assert_array_equal(shapes.holes(mask), ndimage.binary_fill_holes(mask) & ~mask)


def test_values_are_real_and_padding_is_none() -> None:
    rng = np.random.default_rng(1)
    stored = rng.integers(-5, 90, (4, 6, 7)).astype(np.int16)
    stored[1, 2, 3] = -2000
    geometry = Geometry(stored.shape, np.diag([-1.0, -1.0, 1.0, 1.0]))
    volume = Volume(stored, geometry, slope=2.0, intercept=-7.0, padding=-2000)
    for plane in Plane:
        view = geometry.view(plane)
        for index in range(view.slices):
            found = placing.values_on(volume, view, index)
            wanted = view.extract(np.where(stored == -2000, np.nan, stored * 2.0 - 7.0), index)
            np.testing.assert_array_equal(found, wanted.astype(np.float32))
    assert stored[1, 2, 3] == -2000


def test_values_of_colour_are_its_luminance() -> None:
    rng = np.random.default_rng(2)
    stored = rng.integers(0, 256, (3, 5, 6, 3)).astype(np.uint8)
    volume = Volume(stored, Geometry.of_picture(5, 6, 3), channels=("R", "G", "B"))
    view = volume.geometry.view(volume.geometry.native_plane)
    for index in range(3):
        wanted = volume.values(view.extract(volume.grey(), index))
        np.testing.assert_array_equal(placing.values_on(volume, view, index), wanted)


def hear(told: list[int], done: int, total: int) -> bool:
    told.append(done)
    return done < total


@pytest.mark.parametrize(("shape", "share"), [((5, 9, 11), 0.5), ((12, 30, 30), 0.35), ((3, 180, 180), 0.45)])
def test_wand_in_space_is_one_part_through_faces(shape: tuple[int, int, int], share: float) -> None:
    # the last one has more parts in a slice than are told apart by a table
    allowed = np.random.default_rng(7).random(shape) < share
    parts, _count = ndimage.label(allowed)
    largest = int(np.bincount(parts.ravel())[1:].argmax()) + 1
    for wanted in (largest, 1, int(parts.max())):
        seed = tuple(int(at) for at in np.argwhere(parts == wanted)[0])
        told: list[int] = []
        heard = functools.partial(hear, told)
        found = growing.wand_in_space(lambda z: allowed[z], shape, (seed[0], seed[1], seed[2]), heard)
        np.testing.assert_array_equal(found, parts == wanted)
        assert told == [*range(2 * shape[0])]
    empty = tuple(int(at) for at in np.argwhere(~allowed)[0])
    assert not growing.wand_in_space(lambda z: allowed[z], shape, (empty[0], empty[1], empty[2]), lambda *_: True).any()
    with pytest.raises(growing.Stopped):
        growing.wand_in_space(
            lambda z: allowed[z], shape, (empty[0], empty[1], empty[2]), lambda done, _total: done < 2
        )
