"""Undo and redo: whatever was done can be taken back and done again, in bounded memory."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from editing_support import LABELS, TUMOUR, Correct, editor, grid, operations, state_of, steps
from hypothesis import given, settings
from hypothesis import strategies as st

from core.editing.editor import Editor
from core.editing.history import History
from core.editing.steps import (
    Part,
    StateChange,
    Step,
    pack,
    pack_changes,
    unpack,
    unpack_changes,
)
from core.errors import ProjectError
from core.geometry import Box, Geometry, Plane
from core.project.records import Origin, SliceState


@given(st.lists(steps, max_size=10), st.integers(0, 1))
@settings(max_examples=60, deadline=None)
def test_all_undone_is_the_original_and_all_redone_the_end(todo, which):
    target = editor(grid(which=which))
    original = state_of(target)
    seen = [original]
    for step in todo:
        if step.apply(target) is not None:
            seen.append(state_of(target))
    assert len(target.steps()) == target.position == len(seen) - 1
    for wanted in reversed(seen[:-1]):
        assert target.undo_available
        assert target.undo() is not None
        assert state_of(target) == wanted
    assert state_of(target) == original
    assert not target.undo_available
    assert target.undo() is None
    for wanted in seen[1:]:
        assert target.redo_available
        assert target.redo() is not None
        assert state_of(target) == wanted
    assert not target.redo_available
    assert target.redo() is None


@given(st.lists(operations, max_size=20))
@settings(max_examples=60, deadline=None)
def test_undo_and_redo_in_any_order_agree_with_a_stack_of_copies(todo):
    target = editor()
    copies, at = [state_of(target)], 0
    for op in todo:
        before = target.sequence
        step = op.apply(target)
        kind = getattr(op, "kind", "step")
        if kind == "step" and step is not None:
            at += 1
            copies[at:] = [state_of(target)]
        elif kind == "undo":
            assert (step is None) == (at == 0)
            at = max(0, at - 1)
        elif kind == "redo":
            assert (step is None) == (at == len(copies) - 1)
            at = min(at + 1, len(copies) - 1)
        assert state_of(target) == copies[at]
        assert target.position == at
        assert target.sequence == before + (step is not None)


@given(st.integers(0, 30), st.tuples(*[st.integers(1, 9)] * 3), st.integers(0, 2**32 - 1))
def test_packing_gives_the_same_voxels_back(values, shape, seed):
    xor = np.random.default_rng(seed).integers(0, values + 1, shape, dtype=np.uint8) * 7
    box = Box((2, 3, 4), (2 + shape[0], 3 + shape[1], 4 + shape[2]))
    np.testing.assert_array_equal(unpack(pack(xor), box), xor)


def refusal(read, *values) -> str:
    """Return the code of the refusal, or nothing where the bytes happened to be right."""
    try:
        read(*values)
    except ProjectError as error:
        return error.code
    return ""


@given(st.binary(max_size=60))
def test_unpacking_refuses_in_one_way_only(data):
    assert refusal(unpack, data, Box((0, 0, 0), (3, 4, 5))) in ("", "journal-damaged")
    assert refusal(unpack_changes, b"x" + data) == "journal-damaged"


def test_unpacking_never_inflates_past_the_box():
    bomb = pack(np.zeros((200, 200, 200), np.uint8) + np.arange(200, dtype=np.uint8))
    with pytest.raises(ProjectError, match="journal-damaged"):
        unpack(bomb, Box((0, 0, 0), (1, 1, 1)))


def test_state_changes_survive_packing():
    changes = (
        StateChange("brain", 3, None, SliceState(3, Origin.DRAWN, None, False, "Jürgen", 0.125)),
        StateChange("brain", 4, SliceState(4, Origin.PREDICTED, "r1", True, "b", 1.5), None),
    )
    assert unpack_changes(pack_changes(changes)) == changes
    assert unpack_changes(b"") == ()


def a_step(sequence: int, size: int) -> Step:
    return Step(sequence, "brush", ("brain",), 1, (), (Part("brain", Box((0, 0, 0), (1, 1, 1)), bytes(size)),), b"")


class Shelf:
    """A journal in memory."""

    def __init__(self) -> None:
        self.steps: dict[int, Step] = {}
        self.floor = 0

    def load(self, sequence: int) -> Step | None:
        return self.steps.get(sequence)


def test_without_a_journal_the_oldest_are_forgotten():
    history = History(limit=15_000)
    for number in range(1, 41):
        history.push(a_step(number, 1000))
    assert history.bytes_held <= 15_000
    assert len(history) == history.position < 40
    assert history.forgotten == 40 - len(history)
    assert history.next_undo() == a_step(40, 1000)


def test_with_a_journal_old_steps_come_back_whole():
    shelf = Shelf()
    history = History(shelf, limit=20_000)
    for number in range(1, 31):
        shelf.steps[number] = a_step(number, 2000)
        history.push(shelf.steps[number])
    assert history.bytes_held <= 20_000
    assert len(history) == 30
    for number in range(30, 0, -1):
        assert history.next_undo() == shelf.steps[number]
        history.moved(-1)
    assert history.next_undo() is None
    for number in range(1, 31):
        assert history.next_redo() == shelf.steps[number]
        history.moved(1)
    assert history.next_redo() is None


def test_what_the_journal_dropped_is_not_undone():
    shelf = Shelf()
    history = History(shelf)
    for number in range(1, 11):
        history.push(a_step(number, 10))
    shelf.floor = 6
    undone = 0
    while history.next_undo() is not None:
        history.moved(-1)
        undone += 1
    assert undone == 5
    assert history.forgotten == 5
    assert [step.sequence for step in history.steps()] == [6, 7, 8, 9, 10]


def test_a_step_gone_from_the_shelf_ends_the_undo():
    shelf = Shelf()
    history = History(shelf, limit=3_000)
    for number in range(1, 6):
        history.push(a_step(number, 1000))
    while history.next_undo() is not None:
        history.moved(-1)
    assert len(history) > 0
    assert history.position == 0


def test_a_new_step_ends_what_could_be_redone():
    target = editor()
    view = target.geometry.view(Plane.AXIAL)
    for column in (2, 4, 6):
        target.begin("brush", TUMOUR)
        target.dab(view, 0, (3, column), (3, column), 0.6)
        target.commit()
    target.undo()
    target.undo()
    target.begin("brush", TUMOUR)
    target.dab(view, 1, (3, 3), (3, 3), 0.6)
    target.commit()
    assert not target.redo_available
    assert [step.slices for step in target.steps()] == [(0,), (1,)]


@pytest.mark.timing
def test_a_thousand_strokes_at_full_size_stay_small_and_undo_at_once():
    geometry = Geometry((300, 512, 512), np.diag([-0.5, -0.5, 1.0, 1.0]))
    target = Editor(geometry, LABELS, {}, {}, reader="anna")
    rng = np.random.default_rng(4)
    number = 0
    while target.position < 1000:
        number += 1
        view = geometry.view(list(Plane)[number % 3])
        at = rng.uniform(60, min(view.rows, view.columns) - 60, 2)
        index = int(rng.integers(view.slices))
        target.begin("brush", LABELS.labels[number % 3], erase=number % 7 == 6)
        for _ in range(6):
            to = at + rng.normal(0, 12, 2)
            target.dab(view, index, tuple(at), tuple(to), rng.uniform(3, 30))
            at = to
        target.commit()
    assert target._history.bytes_held <= 64 << 20
    slow = []
    while target.undo_available:
        # time of this thread: other programs run beside it (tests/bench has the wall clock)
        begun = time.thread_time()
        target.undo()
        slow.append(time.thread_time() - begun)
    assert not target.mask("brain").any()
    assert not target.mask("lesions").any()
    assert all(target.state("lesions", number) is None for number in range(300))
    assert len(slow) == 1000
    assert max(slow) <= 0.050


def test_one_undo_takes_all_layers_back():
    target = editor()
    target.set_finished(["brain", "lesions"], [0, 1], True)
    before = state_of(target)
    heard = []
    target.listen(heard.append)
    step = Correct(3).apply(target)
    assert step.layers == ("lesions", "brain")
    assert step.label_value == 0
    assert [(change.layer, change.box) for change in heard] == [(name, step.box_of(name)) for name in step.layers]
    assert len(target.steps()) == 2
    assert not target.finished("brain")[list(step.slices)].any()
    after = state_of(target)
    assert target.undo() == step
    assert state_of(target) == before
    assert [change.kind for change in heard] == ["commit", "commit", "undo", "undo"]
    assert target.redo() == step
    assert state_of(target) == after


def test_a_step_that_cannot_be_unpacked_whole_is_not_undone_in_part():
    target = editor()
    shelf = Shelf()
    history = History(shelf)
    target._history = history
    step = Correct(3).apply(target)
    broken = replace(step.parts[1], payload=step.parts[1].payload[:-2])
    history._steps[0] = replace(step, parts=(step.parts[0], broken))
    before, counted = state_of(target), [target.label_voxels(label) for label in LABELS]
    with pytest.raises(ProjectError, match="journal-damaged"):
        target.undo()
    assert state_of(target) == before
    assert [target.label_voxels(label) for label in LABELS] == counted
    assert target.position == 1


def test_steps_compare_by_what_they_hold():
    assert a_step(1, 5) == a_step(1, 5)
    assert replace(a_step(1, 5), action="eraser") != a_step(1, 5)
