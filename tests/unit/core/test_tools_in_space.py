"""What works slab by slab against computations of the whole; stopped in the middle; split islands; suggestions."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from core.editing.operations import Base, Operation, Order, Where, carry_out
from core.editing.suggesting import MOST, find_regions
from core.editing.tools import flooding, islands, seeds
from core.editing.tools.morphology import margin, smooth
from core.editing.tools.shapes import holes
from core.editing.tools.stopping import Stopped, share_of
from core.errors import InputError, StorageError
from core.geometry import Geometry, Plane
from core.labels import PALETTE, LabelSet
from core.project.project import Project
from core.project.records import Origin
from core.project.rejections import read_rejected, write_rejected
from core.volume import Volume

SHAPE = (14, 40, 36)
LABELS = LabelSet().with_label("Tumour").with_label("Tumour 2").with_label("Bleed")
TUMOUR = LABELS.named("Tumour")


def specks(seed: int, share: float = 0.35, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < share


def blobs(seed: int, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    return ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.0) > 0.02


def base(mask: np.ndarray, values: np.ndarray | None = None, labels: LabelSet = LABELS) -> Base:
    picture = np.zeros(mask.shape, np.float32) if values is None else values
    geometry = Geometry(mask.shape, np.diag([-0.8, -0.5, 2.0, 1.0]))
    return Base(labels, Volume(picture, geometry), {"lesions": mask})


def order(operation: Operation, there: Base, index: int = 5, plane: Plane = Plane.AXIAL, **more) -> Order:
    return Order(operation, TUMOUR, there.geometry.view(plane), index, **more)


# ------------------------------------------------------------------ the whole at once


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.7, 0.5), (0.4, 1.1, 1.1), (1e9, 0.5, 0.8)])
@pytest.mark.parametrize("reach", [0.9, 2.0, 5.3])
def test_margin_is_the_distance_transform_cut_off(spacing: tuple[float, float, float], reach: float) -> None:
    mask = blobs(3)
    away = ndimage.distance_transform_edt(~mask, sampling=spacing)
    np.testing.assert_array_equal(margin(mask, reach, spacing), away <= reach * 1.0005)
    deep = ndimage.distance_transform_edt(mask, sampling=spacing)
    np.testing.assert_array_equal(margin(mask, -reach, spacing), deep > reach * 1.0005)


@pytest.mark.parametrize(("seed", "radius"), [(1, 0.8), (2, 2.5), (3, 6.0)])
def test_smooth_is_the_gaussian_cut_at_one_half(seed: int, radius: float) -> None:
    mask, spacing = blobs(seed), (2.0, 0.5, 0.8)
    soft = ndimage.gaussian_filter(
        mask.astype(np.float64), [radius / size for size in spacing], mode="nearest", truncate=3.0
    )
    # where it comes out at one half exactly either is right
    sure = np.abs(soft - 0.5) > 1e-5
    np.testing.assert_array_equal(smooth(mask, radius, spacing)[sure], (soft >= 0.5)[sure])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("slab", [1, 2000, 1 << 22])
def test_parts_of_slabs_are_the_parts_of_the_whole(seed: int, slab: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(islands, "_SLAB", slab)
    mask = specks(seed)
    found, sizes = islands.islands(mask)
    wanted, count = ndimage.label(mask)
    assert len(sizes) == count
    assert sorted(sizes, reverse=True) == list(sizes)
    # the same parts under other numbers
    pairs = np.unique(np.stack((found[mask], wanted[mask])), axis=1)
    assert pairs.shape[1] == count
    assert (found > 0).tolist() == mask.tolist()
    assert np.bincount(found.ravel())[1:].tolist() == list(sizes)
    np.testing.assert_array_equal(islands.without_small(mask, 5), np.isin(found, np.flatnonzero(sizes >= 5) + 1))
    at = tuple(int(one) for one in np.argwhere(mask)[7])
    np.testing.assert_array_equal(islands.island_at(mask, at), wanted == wanted[at])
    np.testing.assert_array_equal(holes(~mask), ndimage.binary_fill_holes(~mask) & mask)


def test_parts_of_nothing_and_of_all() -> None:
    nothing, full = np.zeros(SHAPE, bool), np.ones(SHAPE, bool)
    assert not islands.keep_largest(nothing).any()
    assert islands.keep_largest(full).all()
    assert not holes(nothing).any()
    assert not holes(full).any()
    assert len(islands.parts_of(nothing).sizes) == 0


# ------------------------------------------------------------------ seeds


def test_in_a_slice_each_pixel_has_a_seed_of_the_least_cost() -> None:
    """Against Dijkstra's own algorithm, one kind at a time."""
    random = np.random.default_rng(5)
    values = ndimage.gaussian_filter(random.normal(0, 1, (28, 32)), 1.5).astype(np.float32)
    given = np.zeros(values.shape, np.uint8)
    for kind in (3, 7, 255):
        given[tuple(random.integers(0, 28, (2, 5)))] = kind
    cost = seeds.slice_cost(values).astype(np.float64)
    least = {kind: dijkstra(cost, given == kind) for kind in (3, 7, 255)}
    found = seeds.grow_in_slice(values, given)
    best = np.minimum.reduce(list(least.values()))
    own = np.choose(np.searchsorted([3, 7, 255], found), [least[3], least[7], least[255]])
    np.testing.assert_allclose(own, best, rtol=1e-6)
    assert set(np.unique(found)) == {3, 7, 255}
    np.testing.assert_array_equal(found[given > 0], given[given > 0])


def dijkstra(cost: np.ndarray, start: np.ndarray) -> np.ndarray:
    away = np.where(start, 0.0, np.inf)
    waiting = [(0.0, int(row), int(column)) for row, column in np.argwhere(start)]
    heapq.heapify(waiting)
    while waiting:
        now, row, column = heapq.heappop(waiting)
        if now > away[row, column]:
            continue
        for down, right in itertools.product((-1, 0, 1), repeat=2):
            to = row + down, column + right
            if not (down or right) or not (0 <= to[0] < cost.shape[0] and 0 <= to[1] < cost.shape[1]):
                continue
            # a step costs its length times the mean of its ends
            more = now + float(np.hypot(down, right)) * (cost[row, column] + cost[to]) / 2
            if more < away[to]:
                away[to] = more
                heapq.heappush(waiting, (more, *to))
    return away


def head(shape: tuple[int, int, int] = (36, 48, 44)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A ball in noise, seeds of it, of a small ball within it and of what is outside; and the truth."""
    z, y, x = np.indices(shape)
    away = np.sqrt(((z - 18) / 13) ** 2 + ((y - 24) / 18) ** 2 + ((x - 22) / 16) ** 2)
    truth = np.where(away <= 1, 1, 255).astype(np.uint8)
    truth[(z - 18) ** 2 + (y - 24) ** 2 + (x - 28) ** 2 <= 25] = 2
    levels = np.choose(np.searchsorted([1, 2, 255], truth), [100.0, 180.0, 20.0])
    values = (levels + np.random.default_rng(4).normal(0, 6, shape)).astype(np.float32)
    given = np.zeros(shape, np.uint8)
    given[18, 20:29, 10:14] = given[8, 22:26, 20:24] = 1
    given[18, 23:26, 27:30] = 2
    for rim in (given[:2], given[-2:], given[:, :2], given[:, -2:], given[:, :, :2], given[:, :, -2:]):
        rim[...] = 255
    return values, given, truth


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 1.0, 0.8)])
def test_flooding_in_levels_is_flooding_at_once(
    spacing: tuple[float, float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    values, given, truth = head()
    at_once = seeds.grow_in_space(values, given, spacing)
    monkeypatch.setattr(flooding, "_DIRECT", 3000)
    monkeypatch.setattr(flooding, "_STAGE", 3000)
    monkeypatch.setattr(flooding, "_SLAB", 7)
    assert flooding._factors(given.shape, spacing) == (2 if spacing[0] == 1.0 else 1, 2, 2)
    told: list[tuple[int, int]] = []
    by_levels = seeds.grow_in_space(values, given, spacing, lambda done, of: not told.append((done, of)))
    np.testing.assert_array_equal(by_levels[given > 0], given[given > 0])
    for kind in (1, 2, 255):
        for found, least in ((at_once, 0.93), (by_levels, 0.93)):
            shared = 2 * np.count_nonzero((found == kind) & (truth == kind))
            assert shared / (np.count_nonzero(found == kind) + np.count_nonzero(truth == kind)) > least
    assert np.mean(by_levels == at_once) > 0.995
    assert told == sorted(told)
    assert len(told) > 5
    assert all(0 <= done < of for done, of in told)


def test_a_thin_stroke_within_a_coarse_block_keeps_its_own_and_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.zeros((24, 32, 32), np.float32)
    values[:, 14:17, :] = 100.0
    given = np.zeros(values.shape, np.uint8)
    given[12, 15, 4:28] = 9
    given[0], given[-1], given[:, 0], given[:, -1], given[:, :, 0], given[:, :, -1] = (4,) * 6
    at_once = seeds.grow_in_space(values, given, (1.0, 1.0, 1.0))
    monkeypatch.setattr(flooding, "_DIRECT", 500)
    monkeypatch.setattr(flooding, "_STAGE", 500)
    found = seeds.grow_in_space(values, given, (1.0, 1.0, 1.0))
    assert (found[given > 0] == given[given > 0]).all()
    shared = 2 * np.count_nonzero((found == 9) & (at_once == 9))
    assert shared / (np.count_nonzero(found == 9) + np.count_nonzero(at_once == 9)) > 0.9
    # it never leaves the plate it was drawn in
    assert not (found[:, :13] == 9).any()
    assert not (found[:, 18:] == 9).any()
    assert np.count_nonzero(found == 9) > 10 * np.count_nonzero(given == 9)


def test_seeds_of_several_labels_and_the_background_at_once_with_a_locked_one() -> None:
    values, given, truth = head()
    there = base(given, values)
    after = carry_out(order(Operation.SEEDS, there, where=Where.SPACE), there).layers["lesions"]
    for kind in (1, 2):
        shared = 2 * np.count_nonzero((after == kind) & (truth == kind))
        assert shared / (np.count_nonzero(after == kind) + np.count_nonzero(truth == kind)) > 0.93
    np.testing.assert_array_equal(after == 255, given == 255)
    locked = base(given, values, LABELS.with_changed("Tumour 2", locked=True))
    kept = carry_out(order(Operation.SEEDS, locked, where=Where.SPACE), locked).layers["lesions"]
    np.testing.assert_array_equal(kept == 2, given == 2)
    # what would have gone to the locked one stays what it was
    assert not kept[(after == 2) & (given == 0)].any()
    np.testing.assert_array_equal(kept == 1, after == 1)


# ------------------------------------------------------------------ stopped in the middle


@pytest.mark.parametrize(
    "operation",
    [
        Operation.GROW, Operation.SHRINK, Operation.SMOOTH, Operation.HOLES, Operation.LARGEST, Operation.SMALL,
        Operation.ISLAND_KEEP, Operation.ISLAND_DELETE, Operation.SPLIT, Operation.SEEDS,
    ],
)  # fmt: skip
def test_work_through_the_scan_tells_how_far_it_is_and_stops_when_told(
    operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(islands, "_SLAB", 3000)
    monkeypatch.setattr(flooding, "_DIRECT", 3000)
    monkeypatch.setattr(flooding, "_STAGE", 3000)
    monkeypatch.setattr(flooding, "_SLAB", 7)
    values, given, _truth = head()
    mask = given if operation is Operation.SEEDS else specks(2, 0.6, given.shape).astype(np.uint8)
    there = base(mask, values)
    at = tuple(int(one) for one in np.argwhere(mask == 1)[0])
    wanted = order(operation, there, where=Where.SPACE, amount=2.0, unit="px", at=at)
    told: list[tuple[int, int]] = []
    carry_out(wanted, there, lambda done, of: not told.append((done, of)))
    shares = [done / of for done, of in told]
    assert shares == sorted(shares)
    assert len(set(shares)) > 3
    assert 0 <= shares[0] <= 0.1
    assert 0.5 < shares[-1] < 1
    half = len(told) // 2
    heard: list[int] = []

    def stop(done: int, _of: int) -> bool:
        heard.append(done)
        return len(heard) <= half

    with pytest.raises(Stopped):
        carry_out(wanted, there, stop)
    # nothing more was asked for after it was stopped
    assert len(heard) == half + 1


def test_a_part_of_some_work_tells_its_share_of_the_whole() -> None:
    told: list[tuple[int, int]] = []
    part = share_of(lambda done, of: not told.append((done, of)), 0.25, 0.75)
    assert part(0, 10)
    assert part(5, 10)
    assert part(10, 10)
    assert told == [(250, 1000), (500, 1000), (750, 1000)]


# ------------------------------------------------------------------ islands into labels


def pieces() -> np.ndarray:
    """Four pieces of 60, 40, 24 and 9 voxels, and another label."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[4:7, 2:6, 2:7] = 1
    mask[2:4, 20:24, 10:15] = 1
    mask[5:6, 30:34, 20:26] = 1
    mask[11:12, 5:8, 30:33] = 1
    mask[5, 10:14, 2:8] = LABELS.named("Bleed").value
    return mask


def test_islands_become_labels_the_largest_stays() -> None:
    mask = pieces()
    there = base(mask)
    found = carry_out(order(Operation.SPLIT, there, where=Where.SPACE), there)
    after, labels = found.layers["lesions"], found.labels
    assert labels is not None
    new = [label for label in labels if label not in tuple(LABELS)]
    # "Tumour 2" is somebody else's already
    assert [label.name for label in new] == ["Tumour 3", "Tumour 4", "Tumour 5"]
    assert {label.layer for label in new} == {"lesions"}
    colors = [label.color for label in labels]
    assert len(set(colors)) == len(colors)
    assert set(colors) <= set(PALETTE)
    expected = mask.copy()
    for value, box in zip(
        (label.value for label in new),
        (np.s_[2:4, 20:24, 10:15], np.s_[5:6, 30:34, 20:26], np.s_[11:12, 5:8, 30:33]),
        strict=True,
    ):
        expected[box] = value
    np.testing.assert_array_equal(after, expected)
    assert found.note is not None
    assert (found.note.key, found.note.fields["pieces"], found.note.fields["own"]) == ("split", 4, 3)
    assert found.origin is None
    np.testing.assert_array_equal(mask, pieces())


def test_more_islands_than_wanted_keeps_to_the_largest_and_says_so() -> None:
    there = base(pieces())
    found = carry_out(order(Operation.SPLIT, there, where=Where.SPACE, most=3), there)
    assert found.labels is not None
    values = [found.labels.named(f"Tumour {number}").value for number in (3, 4)]
    after = found.layers["lesions"]
    assert [int(np.count_nonzero(after == value)) for value in (1, *values)] == [60 + 9, 40, 24]
    assert found.note is not None
    assert found.note.key == "split_many"
    assert (found.note.fields["own"], found.note.fields["rest"]) == (2, 1)


def test_islands_of_the_slice_alone() -> None:
    mask = pieces()
    there = base(mask)
    found = carry_out(order(Operation.SPLIT, there, index=5), there)
    after = found.layers["lesions"]
    np.testing.assert_array_equal(np.delete(after, 5, 0), np.delete(mask, 5, 0))
    assert found.labels is not None
    value = found.labels.named("Tumour 3").value
    np.testing.assert_array_equal(np.argwhere(after[5] == value), np.argwhere(mask[5] == 1)[:20])
    assert found.note is not None
    assert found.note.key == "split_one"


def test_one_island_or_none_is_said() -> None:
    mask = np.zeros(SHAPE, np.uint8)
    for code in ("operation-empty", "split-one-piece"):
        there = base(mask)
        with pytest.raises(InputError, match=code):
            carry_out(order(Operation.SPLIT, there, where=Where.SPACE), there)
        mask = mask.copy()
        mask[3:5, 4:8, 4:8] = 1


def test_small_islands_go_by_mm3_or_by_voxels() -> None:
    # a voxel is 0.8 mm3: 60, 40, 24 and 9 voxels are 48, 32, 19.2 and 7.2 mm3
    mask = pieces()
    for amount, unit, left in ((19.2, "mm3", 124), (19.3, "mm3", 100), (0.0192, "ml", 124), (25, "voxels", 100)):
        there = base(mask)
        wanted = order(Operation.SMALL, there, where=Where.SPACE, amount=amount, unit=unit)
        assert np.count_nonzero(carry_out(wanted, there).layers["lesions"] == 1) == left


# ------------------------------------------------------------------ suggestions


def test_regions_are_the_parts_of_what_is_predicted() -> None:
    voxels = specks(3, 0.12).astype(np.uint8)
    found = find_regions("run", "Tumour", "digest", voxels)
    wanted, count = ndimage.label(voxels)
    assert count > MOST + 1
    own, rest = found.regions[:MOST], found.regions[MOST]
    assert [region.number for region in found.regions] == list(range(1, MOST + 2))
    assert sum(region.voxels for region in found.regions) == voxels.sum()
    for region in (*own[:20], own[-1]):
        assert region.pieces == 1
        part = wanted == wanted[region.at]
        np.testing.assert_array_equal(found.numbers == region.number, part)
        assert (region.voxels, tuple(np.argwhere(part)[0])) == (np.count_nonzero(part), region.at)
        assert part[region.middle]
        there = np.flatnonzero(part.any(axis=(1, 2)))
        assert region.slices == (there[0], there[-1])
    assert rest.pieces == count - MOST
    # the small ones are taken together
    assert rest.voxels == np.count_nonzero(found.numbers == MOST + 1)
    assert min(region.voxels for region in own) >= 1


def test_a_region_is_open_while_something_of_it_can_be_taken() -> None:
    voxels = pieces() == 1
    found = find_regions("run", "Tumour", "digest", voxels.astype(np.uint8))
    mask = np.zeros(SHAPE, np.uint8)
    assert found.open_numbers(mask) == {1, 2, 3, 4}
    mask[found.numbers == 2] = 1
    mask[found.numbers == 3] = 255
    mask[found.numbers == 4] = 3
    mask[found.regions[3].at] = 0
    assert found.open_numbers(mask) == {1, 4}
    np.testing.assert_array_equal(found.voxels_of({2, 4}), (found.numbers == 2) | (found.numbers == 4))


@pytest.mark.parametrize("where", [Where.SLICE, Where.SPACE])
def test_accepted_regions_are_added_to_what_nothing_is_said_of(where: Where) -> None:
    voxels = (pieces() == 1).astype(np.uint8)
    found = find_regions("run-7", "Tumour", "digest", voxels)
    mask = np.zeros(SHAPE, np.uint8)
    mask[5, 0:4, :] = 3
    mask[5, 32, 22] = 255
    mask[8, 20:22, 20:22] = 1
    there = base(mask, labels=LABELS.with_changed("Bleed", locked=True))
    wanted = order(Operation.SUGGEST_REGIONS, there, index=5, where=where, suggestion=found, numbers=(1, 3))
    outcome = carry_out(wanted, there)
    taken = (found.numbers == 1) | (found.numbers == 3)
    if where is Where.SLICE:
        taken[np.arange(SHAPE[0]) != 5] = False
    expected = np.where(taken & (mask == 0), np.uint8(1), mask)
    np.testing.assert_array_equal(outcome.layers["lesions"], expected)
    assert (outcome.origin, outcome.run) == (Origin.CORRECTED, "run-7")
    with pytest.raises(InputError, match="suggest-nothing"):
        carry_out(order(Operation.SUGGEST_REGIONS, there, suggestion=found), there)
    locked = base(mask, labels=LABELS.with_changed("Tumour", locked=True))
    with pytest.raises(InputError, match="label-locked"):
        carry_out(order(Operation.SUGGEST_REGION, locked, suggestion=found, numbers=(1,)), locked)


def test_what_was_rejected_is_remembered_for_the_one_prediction(tmp_path: Path) -> None:
    path = tmp_path / "small.meninx"
    with Project.create(path) as project:
        write_rejected(project, "run1", "scan1", "sum1", "Tumour", [(3, 4, 5), (0, 1, 2)])
        write_rejected(project, "run1", "scan1", "sum1", "Brain", [(1, 1, 1)])
        write_rejected(project, "run2", "scan1", "sum2", "Tumour", [(7, 7, 7)])
    with Project.open(path, read_only=True) as project:
        ask: Callable[..., frozenset] = lambda *facts: read_rejected(project, *facts)  # noqa: E731 - short
        assert ask("run1", "scan1", "sum1", "tumour") == {(3, 4, 5), (0, 1, 2)}
        assert ask("run1", "scan1", "sum1", "Brain") == {(1, 1, 1)}
        assert ask("run2", "scan1", "sum2", "Tumour") == {(7, 7, 7)}
        # predicted anew: other regions
        assert ask("run1", "scan1", "sum9", "Tumour") == frozenset()
        assert ask("run1", "scan2", "sum1", "Tumour") == frozenset()
        with pytest.raises(StorageError, match="read-only"):
            write_rejected(project, "run1", "scan1", "sum1", "Tumour", [])
    with Project.open(path) as project:
        write_rejected(project, "run1", "scan1", "sum1", "Tumour", [])
        assert read_rejected(project, "run1", "scan1", "sum1", "Tumour") == frozenset()
        assert read_rejected(project, "run1", "scan1", "sum1", "Brain") == {(1, 1, 1)}
