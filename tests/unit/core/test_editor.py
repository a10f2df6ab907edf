"""Drawing: what a brush covers, what a stroke changes, and what it must leave alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from editing_support import BRAIN, OEDEMA, TUMOUR, editor, grid, operations, state_of, strokes
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from core.editing.editor import Change, Editor
from core.editing.replacing import prepare
from core.editing.steps import NOWHERE
from core.editing.stroke import footprint
from core.errors import InputError
from core.geometry import Box, Geometry, Plane
from core.labels import LabelSet
from core.project.records import Origin, SliceState


def paint(target, label, row, column, radius=1.2, *, plane=Plane.AXIAL, index=0, erase=False, sphere=False):
    target.begin("eraser" if erase else "brush", label, erase=erase)
    target.dab(target.geometry.view(plane), index, (row, column), (row, column), radius, sphere=sphere)
    return target.commit()


def far_from_segment(geometry, view, index, start, end):
    """Distance in mm of every voxel to the drawn segment, by world coordinates alone."""
    z, y, x = np.indices(geometry.shape)
    world = geometry.to_world(np.stack([x, y, z], axis=-1))
    a = geometry.to_world(view.to_voxel(*start, index))
    b = geometry.to_world(view.to_voxel(*end, index))
    length = float(((b - a) ** 2).sum())
    part = np.clip(((world - a) @ (b - a)) / length, 0, 1) if length else np.zeros(geometry.shape)
    return np.linalg.norm(world - (a + part[..., None] * (b - a)), axis=-1)


point = st.tuples(st.floats(-3, 14), st.floats(-3, 14))


@settings(deadline=None)
@given(
    which=st.integers(0, 1),
    plane=st.sampled_from(Plane),
    index=st.integers(0, 5),
    start=point,
    end=point,
    radius=st.floats(2.26, 5.0),
    sphere=st.booleans(),
)
def test_a_brush_covers_what_is_within_its_radius_in_mm(which, plane, index, start, end, radius, sphere):
    geometry = grid(which=which)
    view = geometry.view(plane)
    distance = far_from_segment(geometry, view, index, start, end)
    wanted = distance <= radius
    if not sphere:
        on_slice = np.zeros(geometry.shape, dtype=bool)
        np.moveaxis(on_slice, view.slice_axis, 0)[index] = True
        wanted &= on_slice
    got = np.zeros(geometry.shape, dtype=bool)
    covered = footprint(view, index, start, end, radius, sphere=sphere)
    if covered is not None:
        box, hit = covered
        assert hit.shape == box.shape
        got[box.slices] = hit
    # (thinner brushes, below 0.75 of the largest pixel, also cover what lies under the line)
    clear = np.abs(distance - radius) > 1e-4  # exactly on the rim either answer is right
    np.testing.assert_array_equal(got[clear], wanted[clear])


@settings(deadline=None)
@given(start=st.tuples(st.floats(0, 11), st.floats(0, 9)), end=st.tuples(st.floats(0, 11), st.floats(0, 9)))
def test_the_thinnest_brush_draws_an_unbroken_line_under_the_cursor(start, end):
    view = grid().view(Plane.AXIAL)
    box, hit = footprint(view, 2, start, end, 0.01)
    flat = np.zeros((12, 10), dtype=bool)
    flat[box.slices[1:]] = hit[0]
    for row, column in (start, end):
        x, y, _ = view.to_voxel(row, column, 2)
        assert flat[int(np.floor(y + 0.5)), int(np.floor(x + 0.5))]
    assert ndimage.label(flat, np.ones((3, 3)))[1] == 1
    assert flat.sum() <= 2 * (abs(start[0] - end[0]) + abs(start[1] - end[1])) + 4


def test_a_brush_beside_the_scan_covers_nothing():
    view = grid().view(Plane.CORONAL)
    assert footprint(view, 0, (500, 500), (600, 500), 2.0) is None
    assert footprint(view, -1, (1, 1), (1, 1), 2.0) is None
    assert footprint(view, view.slices, (1, 1), (1, 1), 2.0) is None


def test_pixels_where_the_spacing_is_unknown():
    view = Geometry.of_picture(40, 30).view(Plane.AXIAL)
    box, hit = footprint(view, 0, (20, 15), (20, 15), 5.0)
    assert box == Box((0, 15, 10), (1, 26, 21))
    assert int(hit.sum()) == sum(1 for r, c in itertools.product(range(-5, 6), repeat=2) if r * r + c * c <= 25)


def test_painting_replaces_labels_of_the_same_layer_only():
    target = editor()
    paint(target, BRAIN, 5, 5, 4.0)
    brain = target.mask("brain").copy()
    paint(target, TUMOUR, 5, 5, 1.5)
    paint(target, OEDEMA, 5, 6, 1.5)
    lesions = target.mask("lesions")
    assert set(np.unique(lesions)) == {0, TUMOUR.value, OEDEMA.value}
    np.testing.assert_array_equal(target.mask("brain"), brain)
    before = target.label_voxels(TUMOUR)
    paint(target, OEDEMA, 5, 5, 1.5)
    assert target.label_voxels(TUMOUR) < before
    np.testing.assert_array_equal(target.mask("brain"), brain)


def test_erasing_clears_the_chosen_label_only():
    target = editor()
    paint(target, TUMOUR, 3, 3, 1.6)
    paint(target, OEDEMA, 8, 6, 1.6)
    oedema = target.label_voxels(OEDEMA)
    step = paint(target, TUMOUR, 5, 5, 60.0, erase=True)
    assert step is not None
    assert target.label_voxels(TUMOUR) == 0
    assert target.label_voxels(OEDEMA) == oedema
    assert paint(target, TUMOUR, 5, 5, 60.0, erase=True) is None


@given(before=st.lists(strokes, max_size=4), stroke=strokes)
@settings(max_examples=60, deadline=None)
def test_a_stroke_touches_nothing_but_its_layer_and_its_label(before, stroke):
    target = editor()
    for earlier in before:
        earlier.apply(target)
    old = {name: target.mask(name).copy() for name in ("brain", "lesions")}
    step = stroke.apply(target)
    label = (BRAIN, TUMOUR, OEDEMA)[stroke.label]
    other = "lesions" if label.layer == "brain" else "brain"
    np.testing.assert_array_equal(target.mask(other), old[other])
    changed = target.mask(label.layer) != old[label.layer]
    assert (step is not None) == bool(changed.any())
    now, was = target.mask(label.layer)[changed], old[label.layer][changed]
    if stroke.erase:
        assert (now == 0).all()
        assert (was == label.value).all()
    else:
        assert (now == label.value).all()
    if step is not None:
        outside = changed.copy()
        outside[step.box.slices] = False
        assert not outside.any()
        assert step.slices == tuple(int(z) for z in np.flatnonzero(changed.any(axis=(1, 2))))


def test_no_entry_for_what_changes_nothing():
    target = editor()
    heard = []
    paint(target, TUMOUR, 5, 5)
    sequence = target.sequence
    target.listen(heard.append)
    assert paint(target, TUMOUR, 5, 5) is None
    assert paint(target, OEDEMA, 5, 5, erase=True) is None
    target.begin("brush", TUMOUR)
    assert target.commit() is None
    assert target.commit() is None
    assert target.replace("lesions", target.mask("lesions").copy(), action="correct", origin=Origin.PREDICTED) is None
    assert target.set_finished(["lesions"], [3], False) is None
    assert target.sequence == sequence
    assert len(target.steps()) == 1
    assert heard == []


def test_a_stroke_that_ends_where_it_began_is_no_step():
    target = editor()
    paint(target, TUMOUR, 5, 5)
    target.begin("brush", OEDEMA)
    target.dab(target.geometry.view(Plane.AXIAL), 0, (5, 5), (5, 5), 1.2)
    target.cancel()
    assert target.label_voxels(OEDEMA) == 0
    assert not (target.mask("lesions") == OEDEMA.value).any()
    assert len(target.steps()) == 1


@given(st.lists(operations, max_size=14))
@settings(max_examples=60, deadline=None)
def test_voxel_counts_follow_every_step(ops):
    target = editor()
    for op in ops:
        op.apply(target)
        for label in (BRAIN, TUMOUR, OEDEMA):
            assert target.label_voxels(label) == int((target.mask(label.layer) == label.value).sum())
        for layer in ("brain", "lesions"):
            np.testing.assert_array_equal(target.drawn(layer), target.mask(layer).any(axis=(1, 2)))


@pytest.mark.parametrize("plane", list(Plane))
def test_an_edit_from_any_plane_marks_every_native_slice_it_touches(plane):
    target = editor()
    step = paint(target, TUMOUR, 3, 4, 4.0, plane=plane, index=2)
    touched = {int(z) for z in np.flatnonzero(target.mask("lesions").any(axis=(1, 2)))}
    assert set(step.slices) == touched
    assert len(touched) == 1 if plane is Plane.AXIAL else len(touched) > 1
    for number in range(6):
        state = target.state("lesions", number)
        if number in touched:
            assert state is not None
            assert state.origin is Origin.DRAWN
            assert state.reader == "anna"
            assert not state.finished
            assert state.seconds >= 0
        else:
            assert state is None


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (Origin.PREDICTED, Origin.CORRECTED),
        (Origin.IMPORTED, Origin.CORRECTED),
        (Origin.INTERPOLATED, Origin.CORRECTED),
        (Origin.CORRECTED, Origin.CORRECTED),
        (Origin.DRAWN, Origin.DRAWN),
    ],
)
def test_a_drawn_on_slice_is_corrected_and_stays_finished(was, becomes):
    state = SliceState(0, was, "run7", True, "berta", 5.0)
    target = Editor(grid(), LabelSet((BRAIN, TUMOUR)), {}, {"lesions": [state]}, reader="anna")
    paint(target, TUMOUR, 5, 5)
    now = target.state("lesions", 0)
    assert now is not None
    assert (now.origin, now.run, now.finished, now.reader) == (becomes, "run7", True, "anna")
    assert now.seconds >= 5.0
    target.undo()
    assert target.state("lesions", 0) == state


@pytest.mark.parametrize(
    ("origin", "run", "stays"),
    [
        (Origin.PREDICTED, "r1", False),
        (Origin.CORRECTED, "r1", False),
        (Origin.INTERPOLATED, None, False),
        (Origin.IMPORTED, None, True),
        (Origin.DRAWN, None, True),
    ],
)
def test_what_a_machine_made_is_not_finished(origin, run, stays):
    target = editor()
    target.set_finished(["lesions"], [0, 1], True)
    new = np.zeros(target.geometry.shape, np.uint8)
    new[0, 3, 3] = TUMOUR.value
    target.replace("lesions", new, action="correct", origin=origin, run=run)
    assert list(target.finished("lesions")[:2]) == [stays, True]


def test_replacing_is_one_step_with_its_origin():
    target = editor()
    paint(target, TUMOUR, 5, 5, index=0)
    target.set_finished(["lesions"], [0, 1, 5], True)
    old = state_of(target)
    new = target.mask("lesions").copy()
    new[1, 2:6, 3:7] = TUMOUR.value
    new[2, 4, 4] = OEDEMA.value
    step = target.replace("lesions", new, action="correct", label=TUMOUR, origin=Origin.PREDICTED, run="r1")
    assert step is not None
    assert (step.action, step.label_value, step.slices) == ("correct", TUMOUR.value, (1, 2))
    np.testing.assert_array_equal(target.mask("lesions"), new)
    predicted = target.state("lesions", 1)
    assert predicted is not None
    assert (predicted.origin, predicted.run, predicted.finished) == (Origin.PREDICTED, "r1", False)
    assert list(target.finished("lesions")) == [True, False, False, False, False, True]
    target.undo()
    assert state_of(target) == old
    assert list(target.finished("lesions")) == [True, True, False, False, False, True]
    with pytest.raises(ValueError, match="uint8"):
        target.replace("lesions", new[:3], action="correct", origin=Origin.PREDICTED)


@pytest.mark.parametrize("meanwhile", ["dab", "cancel", "commit", "undo", "finish"])
def test_a_replacement_for_another_state_is_refused(meanwhile):
    target = editor()
    paint(target, BRAIN, 3, 3)
    revision = target.revision
    if meanwhile in ("dab", "cancel"):
        target.begin("brush", TUMOUR)
        target.dab(target.geometry.view(Plane.AXIAL), 0, (5, 5), (5, 5), 2.0)
    if meanwhile == "cancel":
        # the voxels are what they were, but who read them in between saw others
        target.cancel()
    elif meanwhile == "commit":
        paint(target, TUMOUR, 5, 5)
    elif meanwhile == "undo":
        target.undo()
    elif meanwhile == "finish":
        target.set_finished(["brain"], [0], True)
    new = np.ones(target.geometry.shape, np.uint8)
    ready = prepare(revision, {"lesions": target.mask("lesions")}, {"lesions": new})
    before = state_of(target)
    with pytest.raises(RuntimeError, match="another state"):
        target.put(ready, action="correct", origin=Origin.PREDICTED, run="r1")
    assert state_of(target) == before


def test_warming_changes_nothing_and_needs_no_new_preparation():
    target = editor()
    paint(target, BRAIN, 3, 3)
    new = np.full(target.geometry.shape, 2, np.uint8)
    ready = prepare(target.revision, {"lesions": target.mask("lesions")}, {"lesions": new})
    before = state_of(target)
    for part in ready.parts:
        target.warm(part)
    assert state_of(target) == before
    assert target.put(ready, action="correct", origin=Origin.PREDICTED, run="r1") is not None
    np.testing.assert_array_equal(target.mask("lesions"), new)


def test_a_large_change_is_cut_into_runs_of_slices():
    target = editor(Geometry((40, 6, 5), np.eye(4)))
    old = target.mask("brain")
    new = old.copy()
    new[[0, 3, 20, 39], 2:4, 1:3] = BRAIN.value
    new[20, 5, 4] = BRAIN.value
    ready = prepare(target.revision, {"brain": old}, {"brain": new})
    assert [part.box for part in ready.parts] == [
        Box((0, 2, 1), (4, 4, 3)),
        Box((20, 2, 1), (21, 6, 5)),
        Box((39, 2, 1), (40, 4, 3)),
    ]
    step = target.put(ready, action="correct", origin=Origin.PREDICTED, run="r1")
    assert step.slices == (0, 3, 20, 39)
    assert step.box == Box((0, 2, 1), (40, 6, 5))
    with pytest.raises(ValueError, match="uint8"):
        prepare(target.revision, {"brain": old}, {"brain": new.astype(np.uint16)})


def test_a_prediction_that_is_drawn_on_is_corrected_and_keeps_its_run():
    target = editor()
    new = {name: np.ones(target.geometry.shape, np.uint8) for name in ("brain", "lesions")}
    ready = prepare(target.revision, {name: target.mask(name) for name in new}, new)
    step = target.put(ready, action="correct", origin=Origin.PREDICTED, run="r1")
    assert step is not None
    assert step.slices == tuple(range(6))
    paint(target, BRAIN, 5, 5, 3.0, erase=True)
    first, second = target.state("brain", 0), target.state("brain", 1)
    assert (first.origin, first.run) == (Origin.CORRECTED, "r1")
    assert (second.origin, second.run) == (Origin.PREDICTED, "r1")
    assert target.state("lesions", 0).origin is Origin.PREDICTED


def test_the_saver_is_lent_what_was_put_in_and_copies_what_was_replaced():
    target = editor()
    patches = []
    target.listen(lambda change: change.kind != "live" and patches.append(target.snapshot().patches))
    new = np.ones(target.geometry.shape, np.uint8)
    target.put(
        prepare(target.revision, {"brain": target.mask("brain")}, {"brain": new}), action="correct", origin=Origin.DRAWN
    )
    assert np.shares_memory(patches[0]["brain"].voxels, new)
    assert not np.shares_memory(target.mask("brain"), new)
    other = np.zeros(target.geometry.shape, np.uint8)
    target.replace("brain", other, action="import", origin=Origin.IMPORTED)
    assert not np.shares_memory(patches[1]["brain"].voxels, other)
    np.testing.assert_array_equal(patches[1]["brain"].voxels, other)
    paint(target, BRAIN, 5, 5)
    assert not np.shares_memory(patches[-1]["brain"].voxels, target.mask("brain"))


def test_finished_is_undoable_and_begins_a_layer():
    target = editor()
    step = target.set_finished(["brain", "lesions"], [2, 4], True)
    assert step is not None
    assert step.box == NOWHERE
    assert step.layers == ("brain", "lesions")
    assert list(np.flatnonzero(target.finished("brain"))) == [2, 4]
    assert list(np.flatnonzero(target.finished("lesions"))) == [2, 4]
    assert set(target.snapshot().patches) == {"brain", "lesions"}
    target.set_finished(["brain"], [2], False)
    assert list(np.flatnonzero(target.finished("brain"))) == [4]
    target.undo()
    target.undo()
    assert not target.finished("brain").any()
    assert target.state("lesions", 2) is None
    target.redo()
    assert list(np.flatnonzero(target.finished("lesions"))) == [2, 4]


def test_listeners_hear_boxes_and_kinds():
    target = editor()
    heard: list[Change] = []
    target.listen(heard.append)
    step = paint(target, TUMOUR, 5, 5)
    target.undo()
    target.redo()
    target.set_finished(["lesions"], [0], True)
    assert [change.kind for change in heard] == ["live", "commit", "undo", "redo", "state"]
    assert [change.step is None for change in heard] == [True, False, False, False, False]
    assert heard[1].box == step.box == heard[2].box == heard[3].box
    live = heard[0].box
    assert live.union(step.box) == live
    target.begin("brush", OEDEMA)
    target.dab(target.geometry.view(Plane.AXIAL), 1, (5, 5), (5, 5), 2.0)
    target.cancel()
    assert [change.kind for change in heard[-2:]] == ["live", "live"]
    target.unlisten(heard.append)


def test_undo_within_a_stroke_takes_the_stroke_back():
    target = editor()
    target.begin("brush", TUMOUR)
    target.dab(target.geometry.view(Plane.AXIAL), 0, (5, 5), (5, 5), 2.0)
    assert target.undo_available
    step = target.undo()
    assert step is not None
    assert not target.mask("lesions").any()
    assert target.redo_available
    target.redo()
    assert target.mask("lesions").any()


def test_dab_and_snapshot_need_their_moment():
    target = editor()
    with pytest.raises(RuntimeError, match="begin"):
        target.dab(target.geometry.view(Plane.AXIAL), 0, (5, 5), (5, 5), 2.0)
    target.begin("brush", TUMOUR)
    with pytest.raises(RuntimeError, match="stroke"):
        target.snapshot()


def test_a_snapshot_holds_the_changed_boxes_only_and_copies():
    target = editor()
    step = paint(target, TUMOUR, 5, 5)
    snapshot = target.snapshot()
    assert set(snapshot.patches) == {"lesions"}
    patch = snapshot.patches["lesions"]
    assert patch.box == step.box
    assert snapshot.sequence == target.sequence == 1
    assert snapshot.voxels["lesions"].sum() == target.label_voxels(TUMOUR)
    kept = patch.voxels.copy()
    target.undo()
    np.testing.assert_array_equal(patch.voxels, kept)
    assert set(target.snapshot().patches) == {"lesions"}
    assert target.snapshot().patches == {}
    assert target.dirty
    target.mark_saved(target.sequence)
    assert not target.dirty


def test_layers_of_another_size_are_refused():
    with pytest.raises(ValueError, match="shape"):
        Editor(grid(), LabelSet((BRAIN,)), {"brain": np.zeros((2, 2, 2), np.uint8)}, {}, reader="anna")


# -- locked labels ------------------------------------------------------------------------


def locked_editor(*names: str) -> Editor:
    labels = LabelSet().with_label("Tumour").with_label("Oedema").with_label("Brain")
    for name in names:
        labels = labels.with_changed(name, locked=True)
    mask = np.zeros((3, 12, 12), np.uint8)
    mask[1, 2:6, 2:10] = 2
    return Editor(Geometry((3, 12, 12), np.eye(4)), labels, {"lesions": mask}, {}, reader="anna")


def test_a_locked_label_is_not_drawn_over():
    editor = locked_editor("Oedema")
    before = editor.mask("lesions").copy()
    view = editor.geometry.view(Plane.AXIAL)
    editor.begin("brush", editor.labels.named("Tumour"))
    editor.dab(view, 1, (5, 5), (5, 5), 4.0)
    editor.commit()
    after = editor.mask("lesions")
    np.testing.assert_array_equal(after == 2, before == 2)
    assert np.count_nonzero(after == 1) > 10
    # where all is locked nothing changes, so there is no step
    editor.mask("lesions")[2] = 2
    steps = len(editor.steps())
    editor.begin("brush", editor.labels.named("Tumour"))
    editor.dab(view, 2, (5, 5), (7, 7), 4.0)
    assert editor.commit() is None
    assert len(editor.steps()) == steps


@pytest.mark.parametrize("erase", [False, True])
def test_a_locked_label_is_neither_drawn_nor_erased(erase):
    editor = locked_editor("Oedema")
    with pytest.raises(InputError, match="label-locked"):
        editor.begin("brush", editor.labels.named("Oedema"), erase=erase)
    assert not editor.stroking
    assert not editor.undo_available


def test_a_replacement_leaves_locked_labels_alone():
    editor = locked_editor("Oedema")
    old = editor.mask("lesions").copy()
    new = np.ones_like(old)
    new[2] = 2
    step = editor.replace("lesions", new, action="correct", origin=Origin.PREDICTED, run="r")
    assert step is not None
    after = editor.mask("lesions")
    np.testing.assert_array_equal(after == 2, old == 2)
    assert (after[0] == 1).all()
    assert step.slices == (0, 1)
    # undo goes by what was, whatever is locked
    editor.set_labels(editor.labels.with_changed("Tumour", locked=True))
    editor.undo()
    np.testing.assert_array_equal(editor.mask("lesions"), old)
