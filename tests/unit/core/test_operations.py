"""Operations on a mask against computations of another kind: loops, SimpleITK, hand-made cases."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import SimpleITK as sitk

from core.editing.operations import Base, Operation, Order, Where, carry_out, clip_of
from core.editing.tools.growing import Stopped
from core.errors import InputError
from core.geometry import Geometry, Plane
from core.labels import LabelSet
from core.project.records import Origin
from core.volume import Volume

SHAPE = (9, 40, 36)
LABELS = LabelSet().with_label("Brain").with_label("Tumour").with_label("Bleed")
BRAIN, TUMOUR, BLEED = (LABELS.named(name) for name in ("Brain", "Tumour", "Bleed"))
SPACING = (2.0, 0.5, 0.8)
"""z, y, x in mm."""


def volume(array: np.ndarray | None = None, **facts: bool) -> Volume:
    affine = np.diag([-SPACING[2], -SPACING[1], SPACING[0], 1.0])
    picture = np.zeros(SHAPE, np.float32) if array is None else array
    return Volume(picture, Geometry(picture.shape, affine, **facts))


def base(labels: LabelSet = LABELS, scan: Volume | None = None, **layers: np.ndarray) -> Base:
    scan = scan or volume()
    masks = {layer: layers.get(layer, np.zeros(scan.shape, np.uint8)) for layer in labels.layers}
    return Base(labels, scan, masks)


def order(operation: Operation, there: Base, label=TUMOUR, plane: Plane = Plane.AXIAL, index: int = 4, **more) -> Order:
    return Order(operation, label, there.geometry.view(plane), index, **more)


def ball(middle: tuple[int, int, int], radius: float, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    z, y, x = np.indices(shape)
    away = [(one - at) * size for one, at, size in zip((z, y, x), middle, SPACING, strict=True)]
    return sum(part**2 for part in away) <= radius**2


def code(work: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        work()
    return caught.value.code


@pytest.mark.parametrize("operation", [Operation.GROW, Operation.SHRINK])
def test_grow_and_shrink_reach_so_many_mm(operation: Operation) -> None:
    mask = ball((4, 20, 18), 6.0)
    there = base(lesions=mask.astype(np.uint8))
    found = carry_out(order(operation, there, where=Where.SPACE, amount=2.0), there).layers["lesions"]
    # each voxel by itself: is the nearest of the other kind within 2 mm?
    other = np.argwhere(mask if operation is Operation.GROW else ~mask) * SPACING
    expected = mask.copy()
    for voxel in np.argwhere(~mask if operation is Operation.GROW else mask):
        if np.linalg.norm(other - voxel * SPACING, axis=1).min() <= 2.0 + 1e-3:
            expected[tuple(voxel)] = operation is Operation.GROW
    np.testing.assert_array_equal(found, expected)


TILTED = np.array([[-0.8, 0.1, 0.0, 5.0], [0.0, -0.6, 0.9, 7.0], [0.0, 0.0, 2.2, 9.0], [0.0, 0.0, 0.0, 1.0]])
"""A tilted gantry, with rows and columns that are not perpendicular either."""


def within(mask: np.ndarray, operation: Operation, amount: float, places: np.ndarray) -> np.ndarray:
    """The mask grown or shrunk: each voxel against all of the other kind, by places in space."""
    growing = operation is Operation.GROW
    other, asked = (places[mask == kind] for kind in (growing, not growing))
    near = np.array([np.linalg.norm(other - place, axis=1).min() <= amount * 1.0005 for place in asked])
    expected = mask.copy()
    expected[mask != growing] = near if growing else ~near
    return expected


@pytest.mark.parametrize("operation", [Operation.GROW, Operation.SHRINK])
@pytest.mark.parametrize("amount", [0.3, 3.3, 8.0])
def test_grow_and_shrink_reach_so_many_mm_on_a_tilted_gantry(operation: Operation, amount: float) -> None:
    mask = np.zeros((7, 22, 24), bool)
    mask[1:6, 5:15, 7:20], mask[2, 8:12, 9:12], mask[6, 20, 1] = True, False, True
    scan = Volume(np.zeros(mask.shape, np.float32), Geometry(mask.shape, TILTED))
    places = scan.geometry.to_world(np.moveaxis(np.indices(mask.shape)[::-1], 0, -1))
    there = base(scan=scan, lesions=mask * np.uint8(TUMOUR.value))
    found = carry_out(order(operation, there, where=Where.SPACE, amount=amount), there).layers["lesions"]
    np.testing.assert_array_equal(found == TUMOUR.value, within(mask, operation, amount, places))
    for plane, axis, index in ((Plane.AXIAL, 0, 2), (Plane.CORONAL, 1, 9), (Plane.SAGITTAL, 2, 10)):
        asked = order(operation, there, plane=plane, index=index, amount=amount)
        found = carry_out(asked, there).layers["lesions"]
        flat, flat_places = mask.take(index, axis=axis), places.take(index, axis=axis)
        expected = within(flat, operation, amount, flat_places)
        np.testing.assert_array_equal(found.take(index, axis=axis) == TUMOUR.value, expected, err_msg=plane)


def test_this_slice_leaves_all_others_and_works_in_any_plane() -> None:
    mask = ball((4, 20, 18), 6.0).astype(np.uint8)
    there = base(lesions=mask)
    for plane, axis, index in ((Plane.AXIAL, 0, 4), (Plane.CORONAL, 1, 20), (Plane.SAGITTAL, 2, 18)):
        asked = order(Operation.GROW, there, plane=plane, index=index, amount=2.0)
        found = carry_out(asked, there).layers["lesions"]
        differs = np.flatnonzero((found != mask).any(axis=tuple(other for other in range(3) if other != axis)))
        assert differs.tolist() == [index]
        # a slice by itself, with its own pixel sizes
        flat = np.take(mask, index, axis=axis)
        sizes = [size for other, size in enumerate(SPACING) if other != axis]
        inside = np.argwhere(flat) * sizes
        expected = [
            [np.linalg.norm(inside - (row * sizes[0], column * sizes[1]), axis=1).min() <= 2.001 for column in range(w)]
            for w in [flat.shape[1]]
            for row in range(flat.shape[0])
        ]
        np.testing.assert_array_equal(np.take(found, index, axis=axis), np.array(expected))


def test_other_labels_stay_and_locked_ones_too() -> None:
    mask = ball((4, 20, 18), 4.0).astype(np.uint8) * TUMOUR.value
    mask[:, 20, 26:30] = BLEED.value
    there = base(lesions=mask)
    found = carry_out(order(Operation.GROW, there, where=Where.SPACE, amount=5.0), there).layers["lesions"]
    np.testing.assert_array_equal(found[mask == BLEED.value], BLEED.value)
    assert np.count_nonzero(found == TUMOUR.value) > np.count_nonzero(mask == TUMOUR.value)
    locked = base(LABELS.with_changed("Tumour", locked=True), lesions=mask)
    assert code(lambda: carry_out(order(Operation.GROW, locked, amount=1.0), locked)) == "label-locked"
    kept = base(LABELS.with_changed("Bleed", locked=True), lesions=mask)
    united = carry_out(order(Operation.UNITE, kept, where=Where.SPACE, other=BLEED), kept).layers["lesions"]
    np.testing.assert_array_equal(united, mask)


def test_what_was_given_is_never_written() -> None:
    mask = ball((4, 20, 18), 5.0).astype(np.uint8)
    mask.setflags(write=False)
    there = base(lesions=mask, brain=mask)
    refused = []
    for operation in Operation:
        more = {"amount": 1.0, "at": (4, 20, 18), "other": BRAIN, "clip": np.ones((40, 36), bool), "shift": (1, 1)}
        try:
            carry_out(order(operation, there, **more), there)
        except InputError as error:
            refused.append(error.code)
    # all others went through with a mask that nobody may write
    assert set(refused) <= {
        "interpolate-nothing", "seeds-one-kind", "suggest-none", "suggest-nothing", "split-one-piece", "scribbles-none",
    }  # fmt: skip


def test_islands_agree_with_simpleitk() -> None:
    random = np.random.default_rng(3)
    mask = random.random(SHAPE) > 0.75
    there = base(lesions=mask.astype(np.uint8))
    parts = sitk.RelabelComponent(sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)), False))
    numbered = sitk.GetArrayFromImage(parts)
    sizes = np.bincount(numbered.ravel())[1:]
    found = carry_out(order(Operation.LARGEST, there, where=Where.SPACE), there).layers["lesions"]
    np.testing.assert_array_equal(found, numbered == 1)
    least = int(np.median(sizes)) + 2
    small = order(Operation.SMALL, there, where=Where.SPACE, amount=least, unit="voxels")
    np.testing.assert_array_equal(
        carry_out(small, there).layers["lesions"], np.isin(numbered, np.flatnonzero(sizes >= least) + 1)
    )
    ml = order(Operation.SMALL, there, where=Where.SPACE, amount=least * np.prod(SPACING) / 1000, unit="ml")
    np.testing.assert_array_equal(carry_out(ml, there).layers["lesions"], carry_out(small, there).layers["lesions"])
    at = tuple(int(place) for place in np.argwhere(numbered == 2)[0])
    kept = carry_out(order(Operation.ISLAND_KEEP, there, where=Where.SPACE, at=at), there).layers["lesions"]
    gone = carry_out(order(Operation.ISLAND_DELETE, there, where=Where.SPACE, at=at), there).layers["lesions"]
    np.testing.assert_array_equal(kept, numbered == 2)
    np.testing.assert_array_equal(gone, mask & (numbered != 2))
    nothing = tuple(int(place) for place in np.argwhere(~mask)[0])
    missed = order(Operation.ISLAND_DELETE, there, where=Where.SPACE, at=nothing)
    assert code(lambda: carry_out(missed, there)) == "operation-no-island"


def test_the_island_of_a_slice_is_found_in_every_plane() -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[2:7, 5:10, 5:9] = mask[2:7, 20:30, 20:24] = 1
    there = base(lesions=mask)
    for plane, axis, index in ((Plane.AXIAL, 0, 3), (Plane.CORONAL, 1, 7), (Plane.SAGITTAL, 2, 6)):
        asked = order(Operation.ISLAND_DELETE, there, plane=plane, index=index, at=(3, 7, 6))
        expected = mask.copy()
        part = [slice(0, 7), slice(0, 10), slice(0, 9)]
        part[axis] = slice(index, index + 1)
        expected[tuple(part)] = 0
        np.testing.assert_array_equal(carry_out(asked, there).layers["lesions"], expected)


def test_holes_in_the_slice_and_in_space() -> None:
    mask = ball((4, 20, 18), 7.0)
    tunnel, bubble = mask.copy(), mask.copy()
    tunnel[:, 20, 18] = False
    bubble[4, 20, 18] = False
    there = base(lesions=tunnel.astype(np.uint8))
    # a tunnel is a hole of each slice but no hole in space
    one = carry_out(order(Operation.HOLES, there), there).layers["lesions"]
    assert one[4, 20, 18]
    assert not one[3, 20, 18]
    each = carry_out(order(Operation.HOLES, there, where=Where.EACH), there).layers["lesions"]
    np.testing.assert_array_equal(each, mask)
    space = carry_out(order(Operation.HOLES, there, where=Where.SPACE), there).layers["lesions"]
    np.testing.assert_array_equal(space, tunnel)
    closed = base(lesions=bubble.astype(np.uint8))
    np.testing.assert_array_equal(
        carry_out(order(Operation.HOLES, closed, where=Where.SPACE), closed).layers["lesions"], mask
    )


def test_smooth_keeps_the_size_and_takes_a_spike_away() -> None:
    shape = (9, 80, 72)
    mask = ball((4, 40, 36), 12.0, shape)
    spiked = mask.copy()
    spiked[4, 40, 50:60] = True
    scan = volume(np.zeros(shape, np.float32))
    there = base(scan=scan, lesions=spiked.astype(np.uint8))
    found = carry_out(order(Operation.SMOOTH, there, where=Where.EACH, amount=1.5), there).layers["lesions"]
    assert not found[4, 40, 54:].any()
    assert abs(int(found.sum()) - int(mask.sum())) < 0.03 * mask.sum()


def test_interpolation_gives_a_cone_between_its_circles_and_leaves_what_was_said() -> None:
    _z, y, x = np.indices(SHAPE)
    truth = ((y - 20.0) * SPACING[1]) ** 2 + ((x - 18.0) * SPACING[2]) ** 2 <= (8.0 - 0.5 * _z) ** 2
    mask = np.zeros(SHAPE, np.uint8)
    mask[1], mask[7] = truth[1], truth[7]
    mask[4, 20, 18] = BLEED.value
    there = base(lesions=mask)
    finished = np.zeros(len(mask), bool)
    finished[3] = True
    there.finished["lesions"] = finished  # type: ignore[index] # a dict here
    outcome = carry_out(order(Operation.INTERPOLATE, there, by_values=False), there)
    found = outcome.layers["lesions"]
    assert outcome.origin is Origin.INTERPOLATED
    assert not found[[0, 3, 8]].any()
    np.testing.assert_array_equal(found[[1, 7]], mask[[1, 7]])
    assert found[4, 20, 18] == BLEED.value
    for place in (2, 4, 5, 6):
        shared = np.count_nonzero(found[place].astype(bool) & truth[place])
        assert 2 * shared / (np.count_nonzero(found[place]) + truth[place].sum()) > 0.97, place


def test_interpolating_again_follows_a_slice_that_was_corrected() -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[0, 10:30, 10:30] = mask[8, 10:30, 10:30] = 1
    first = base(lesions=mask)
    once = carry_out(order(Operation.INTERPOLATE, first, by_values=False), first).layers["lesions"]
    assert once[4, 12, 12] == 1
    corrected = once.copy()
    corrected[4] = 0
    corrected[4, 15:25, 15:25] = 1
    then = base(lesions=corrected)
    machine = np.ones(len(mask), bool)
    machine[[0, 4, 8]] = False
    then.interpolated["lesions"] = machine  # type: ignore[index] # a dict here
    again = carry_out(order(Operation.INTERPOLATE, then, by_values=False), then).layers["lesions"]
    np.testing.assert_array_equal(again[[0, 4, 8]], corrected[[0, 4, 8]])
    assert once[2].sum() > again[2].sum() > again[4].sum()


def test_interpolation_by_values_survives_padding() -> None:
    picture = np.where(ball((4, 20, 18), 9.0), 100.0, 10.0).astype(np.float32)
    picture[:, :3] = np.nan
    mask = np.zeros(SHAPE, np.uint8)
    mask[2], mask[6] = picture[2] > 50, picture[6] > 50
    there = base(scan=volume(picture), lesions=mask)
    found = carry_out(order(Operation.INTERPOLATE, there), there).layers["lesions"]
    shape = carry_out(order(Operation.INTERPOLATE, there, by_values=False), there).layers["lesions"]
    truth = picture[4] > 50
    wrong = [np.count_nonzero(one[4].astype(bool) ^ truth) for one in (found, shape)]
    assert wrong[0] < wrong[1] < 0.2 * truth.sum()
    dark = base(scan=volume(np.nan_to_num(picture, nan=10.0)), lesions=mask)
    np.testing.assert_array_equal(carry_out(order(Operation.INTERPOLATE, dark), dark).layers["lesions"], found)


def test_interpolation_is_refused_where_there_is_no_gap_and_can_be_stopped() -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[3:5, 10:20, 10:20] = 1
    there = base(lesions=mask)
    assert code(lambda: carry_out(order(Operation.INTERPOLATE, there), there)) == "interpolate-nothing"
    mask[7, 10:20, 10:20] = 1
    with pytest.raises(Stopped):
        carry_out(order(Operation.INTERPOLATE, there), there, lambda _done, _total: False)


@pytest.mark.parametrize("where", [Where.SLICE, Where.SPACE])
def test_seeds_part_what_a_step_of_values_parts(where: Where) -> None:
    inside = ball((4, 20, 18), 7.0)
    random = np.random.default_rng(1)
    picture = np.where(inside, 100.0, 20.0).astype(np.float32) + random.normal(0, 3, SHAPE).astype(np.float32)
    mask = np.zeros(SHAPE, np.uint8)
    mask[3:6, 19:22, 17:20] = TUMOUR.value
    mask[:, :2], mask[:, -2:], mask[:, :, :2], mask[:, :, -2:] = 255, 255, 255, 255
    mask[0], mask[8] = 255, 255
    there = base(scan=volume(picture), lesions=mask)
    found = carry_out(order(Operation.SEEDS, there, where=where), there).layers["lesions"]
    part = slice(4, 5) if where is Where.SLICE else slice(None)
    # what was scribbled as background stays, and nothing else becomes it
    np.testing.assert_array_equal(found == 255, mask == 255)
    shared = 2 * np.count_nonzero((found[part] == TUMOUR.value) & inside[part])
    assert shared / (np.count_nonzero(found[part] == TUMOUR.value) + np.count_nonzero(inside[part])) > 0.95
    if where is Where.SLICE:
        np.testing.assert_array_equal(found[3], mask[3])
    # the same with a label that stands for what is outside
    named = base(scan=volume(picture), lesions=np.where(mask == 255, BLEED.value, mask).astype(np.uint8))
    as_label = carry_out(order(Operation.SEEDS, named, where=where, other=BLEED), named).layers["lesions"]
    np.testing.assert_array_equal(as_label[part] == TUMOUR.value, found[part] == TUMOUR.value)
    assert BLEED.value not in as_label[part]


def test_seeds_of_one_kind_or_none_are_refused() -> None:
    mask = np.zeros(SHAPE, np.uint8)
    for where in (Where.SLICE, Where.SPACE):
        there = base(lesions=mask)
        assert code(lambda there=there, where=where: carry_out(order(Operation.SEEDS, there, where=where), there)) == (
            "seeds-none"
        )
    mask[4, 5, 5] = 1
    assert code(lambda: carry_out(order(Operation.SEEDS, there), there)) == "seeds-one-kind"


def test_two_labels_across_layers_and_within_one() -> None:
    brain, tumour = ball((4, 20, 14), 6.0), ball((4, 20, 22), 6.0)
    there = base(brain=brain.astype(np.uint8), lesions=tumour.astype(np.uint8))
    expected = {
        Operation.UNITE: brain | tumour,
        Operation.SUBTRACT: tumour & ~brain,
        Operation.INTERSECT: brain & tumour,
    }
    for operation, region in expected.items():
        found = carry_out(order(operation, there, where=Where.SPACE, other=BRAIN), there).layers
        assert list(found) == ["lesions"]
        np.testing.assert_array_equal(found["lesions"], region)
        one = carry_out(order(operation, there, other=BRAIN), there).layers["lesions"]
        np.testing.assert_array_equal(one[4], region[4])
        np.testing.assert_array_equal(np.delete(one, 4, 0), np.delete(tumour, 4, 0))
    both = np.where(tumour, TUMOUR.value, np.where(brain, BLEED.value, 0)).astype(np.uint8)
    there = base(lesions=both)
    united = carry_out(order(Operation.UNITE, there, where=Where.SPACE, other=BLEED), there).layers["lesions"]
    np.testing.assert_array_equal(united, (both > 0) * TUMOUR.value)
    for operation in (Operation.SUBTRACT, Operation.INTERSECT):
        asked = order(operation, there, other=BLEED)
        assert code(lambda asked=asked: carry_out(asked, there)) == "operation-one-layer"
    assert code(lambda: carry_out(order(Operation.UNITE, there), there)) == "operation-other"


def test_copies_to_the_neighbours_and_by_the_clipboard() -> None:
    mask = ball((4, 20, 18), 6.0).astype(np.uint8)
    mask[5, 2, 2] = TUMOUR.value
    mask[5, 20, 18] = BLEED.value
    there = base(lesions=mask)
    up = carry_out(order(Operation.COPY_NEXT, there), there).layers["lesions"]
    expected = mask.copy()
    expected[5] = mask[4]
    expected[5, 20, 18] = BLEED.value
    np.testing.assert_array_equal(up, expected)
    down = carry_out(order(Operation.COPY_PREVIOUS, there, plane=Plane.CORONAL, index=20), there).layers["lesions"]
    np.testing.assert_array_equal(down[:, 19] == TUMOUR.value, mask[:, 20] == TUMOUR.value)
    clip = clip_of(order(Operation.PASTE, there), there)
    pasted = carry_out(order(Operation.PASTE, there, label=BRAIN, index=0, clip=clip), there).layers["brain"]
    np.testing.assert_array_equal(pasted[0], mask[4])
    assert not pasted[1:].any()
    refused = {
        "operation-edge": order(Operation.COPY_PREVIOUS, base(lesions=np.ones(SHAPE, np.uint8)), index=0),
        "paste-empty": order(Operation.PASTE, there),
        "paste-size": order(Operation.PASTE, there, plane=Plane.CORONAL, clip=clip),
        "operation-empty-slice": order(Operation.COPY_NEXT, there, label=BRAIN),
    }
    full = base(lesions=np.ones(SHAPE, np.uint8))
    for expected_code, asked in refused.items():
        on = full if expected_code == "operation-edge" else there
        assert code(lambda asked=asked, on=on: carry_out(asked, on)) == expected_code


def test_moving_follows_the_screen_and_never_cuts() -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[2:6, 10:14, 20:23] = 1
    there = base(lesions=mask)
    for plane, index in ((Plane.AXIAL, 4), (Plane.CORONAL, 12), (Plane.SAGITTAL, 21)):
        view = there.geometry.view(plane)
        for where in (Where.SLICE, Where.SPACE):
            asked = order(Operation.MOVE, there, plane=plane, index=index, where=where, shift=(1, -2))
            found = carry_out(asked, there).layers["lesions"]
            before, after = view.extract(mask, index), view.extract(found, index)
            np.testing.assert_array_equal(after[1:, :-2], before[:-1, 2:])
            assert found.sum() == mask.sum()
    far = order(Operation.MOVE, there, shift=(0, 30))
    assert code(lambda: carry_out(far, there)) == "operation-outside"


def test_lengths_that_are_not_known_are_refused_and_pixels_are_taken() -> None:
    mask = ball((4, 20, 18), 4.0).astype(np.uint8)
    picture = base(scan=volume(spacing_known=False, orientation_known=False), lesions=mask)
    assert code(lambda: carry_out(order(Operation.GROW, picture, amount=1.0), picture)) == "operation-mm"
    found = carry_out(order(Operation.GROW, picture, amount=1.0, unit="px"), picture).layers["lesions"]
    flat = mask[4].astype(bool)
    cross = flat.copy()
    for axis in (0, 1):
        cross |= np.roll(flat, 1, axis) | np.roll(flat, -1, axis)
    np.testing.assert_array_equal(found[4], cross)
    small = order(Operation.SMALL, picture, amount=1.0, unit="ml")
    assert code(lambda: carry_out(small, picture)) == "operation-ml"
    uneven = base(scan=volume(depth_known=False), lesions=mask)
    space = order(Operation.SHRINK, uneven, where=Where.SPACE, amount=1.0)
    assert code(lambda: carry_out(space, uneven)) == "operation-depth"
    across = order(Operation.SHRINK, uneven, plane=Plane.CORONAL, index=20, amount=1.0)
    assert code(lambda: carry_out(across, uneven)) == "operation-depth"
    each = order(Operation.SHRINK, uneven, where=Where.EACH, amount=1.0)
    assert carry_out(each, uneven).layers["lesions"].sum() < mask.sum()


def test_nothing_drawn_is_said_and_a_slice_outside_too() -> None:
    there = base()
    for where, expected in ((Where.SLICE, "operation-empty-slice"), (Where.SPACE, "operation-empty")):
        for operation in (Operation.SMOOTH, Operation.GROW, Operation.HOLES, Operation.LARGEST, Operation.MOVE):
            asked = order(operation, there, where=where, amount=1.0)
            assert code(lambda asked=asked: carry_out(asked, there)) == expected
    assert code(lambda: carry_out(order(Operation.HOLES, there, index=99), there)) == "operation-edge"


def test_a_suggestion_is_taken_for_a_slice_or_a_region() -> None:
    one, other = ball((4, 12, 10), 3.0), ball((4, 28, 26), 3.0)
    drawn = np.zeros(SHAPE, np.uint8)
    drawn[4, 2:5, 2:5] = TUMOUR.value
    drawn[4, 28, 26] = BLEED.value
    suggested = (one | other).astype(np.uint8)
    there = Base(LABELS, volume(), {"brain": drawn * 0, "lesions": drawn}, predicted=lambda _name: ("run", suggested))
    outcome = carry_out(order(Operation.SUGGEST, there), there)
    found = outcome.layers["lesions"]
    assert (outcome.origin, outcome.run) == (Origin.PREDICTED, "run")
    expected = np.where(drawn == BLEED.value, BLEED.value, 0)
    expected[4] = np.where((one | other)[4] & (expected[4] == 0), TUMOUR.value, expected[4])
    np.testing.assert_array_equal(found, expected)
    region = order(Operation.SUGGEST_REGION, there, where=Where.SPACE, at=(5, 12, 10))
    outcome = carry_out(region, there)
    assert outcome.origin is Origin.CORRECTED
    np.testing.assert_array_equal(outcome.layers["lesions"], np.where(one, TUMOUR.value, drawn))
    flat = carry_out(order(Operation.SUGGEST_REGION, there, at=(4, 12, 10)), there).layers["lesions"]
    np.testing.assert_array_equal(flat[4], np.where(one[4], TUMOUR.value, drawn[4]))
    np.testing.assert_array_equal(np.delete(flat, 4, 0), np.delete(drawn, 4, 0))
    missed = order(Operation.SUGGEST_REGION, there, at=(4, 20, 18))
    assert code(lambda: carry_out(missed, there)) == "suggest-nothing"
    nobody = Base(LABELS, volume(), there.layers, predicted=lambda _name: None)
    assert code(lambda: carry_out(order(Operation.SUGGEST, nobody), nobody)) == "suggest-none"
