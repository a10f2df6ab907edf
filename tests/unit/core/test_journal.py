"""The journal: whatever a crash leaves of it gives a prefix of what was done, or nothing."""

from __future__ import annotations

import shutil
import struct
import time
import zlib
from dataclasses import replace

import numpy as np
import pytest
from editing_support import TUMOUR, Correct, Finish, Move, Stroke, operations, small_project, state_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.editing.opening import open_annotation
from core.editing.steps import Part, Step
from core.errors import ProjectError
from core.geometry import Box, Plane
from core.project.journal import Journal
from core.project.journal_file import (
    FRAME,
    HEADER_SIZE,
    Header,
    JournalFile,
    Record,
    base_hash,
    decode_record,
    encode_record,
)
from core.project.records import LayerVersion
from core.project.saver import Saver

SLOW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def stroke(row, column, *, index=0, label=1, plane=Plane.AXIAL, radius=1.2, erase=False) -> Stroke:
    return Stroke(plane, index, ((row, column), (row, column + 2)), radius, label, erase, False)


SOME = (
    stroke(3, 3),
    stroke(6, 5, index=2, label=2),
    Finish(("lesions", "brain"), (0, 2), True),
    Correct(5),
    stroke(4, 4, plane=Plane.SAGITTAL, radius=3.0, label=0),
    Move("undo"),
    Move("undo"),
    Move("redo"),
    stroke(3, 3, erase=True),
    Move("undo"),
)


def draw(opened, todo):
    """Do operations; return the state after each record, the one before them first."""
    seen = [state_of(opened.editor)]
    for op in todo:
        before = opened.editor.sequence
        op.apply(opened.editor)
        if opened.editor.sequence > before:
            seen.append(state_of(opened.editor))
    return seen


def drawn(project, scan):
    """Do some operations and close, unsaved; return the states as :func:`draw` does."""
    opened = open_annotation(project, scan, "anna")
    seen = draw(opened, SOME)
    opened.close()
    return seen


@pytest.fixture
def project(tmp_path):
    with small_project(tmp_path) as (project, scan):
        yield project, scan


def journal_of(project, scan):
    return project.journal_path(project.annotation(scan, "anna").id)


def ends_of(file):
    """Return the offset after each record."""
    known = JournalFile(file)
    return [offset + length for offset, length in known.places.values()]


# -- the bytes ---------------------------------------------------------------------------


@given(st.integers(1, 2**63), st.text(max_size=12), st.integers(0, 255), st.binary(max_size=40), st.binary(max_size=40))
def test_a_record_reads_back_as_written(sequence, action, label, payload, changes):
    layers, spans = ("lesions", "brain"), ((1, 3), (7, 8))
    parts = (Part("brain", Box((1, 2, 3), (4, 5, 6)), payload), Part("lesions", Box((0, 0, 0), (1, 1, 1)), b"x"))
    for record in (
        *(Record(sequence, "step", Step(sequence, action, layers, label, spans, parts[:n], changes)) for n in range(3)),
        Record(sequence, "undo", at=1_763_745_000),
        Record(sequence, "redo"),
        Record(sequence, "resume", undone=3),
    ):
        assert decode_record(encode_record(record)) == record


@given(st.binary(max_size=80))
def test_no_bytes_crash_the_reader(data):
    code = ""
    try:
        decode_record(data)
    except ProjectError as error:
        code = error.code
    assert code == "journal-damaged"


def test_a_header_reads_back_as_written():
    header = Header("0" * 26, b"b" * 32, 12)
    data = header.encode()
    assert len(data) == HEADER_SIZE
    assert Header.decode(data) == header
    for at in range(len(data)):
        broken = bytearray(data)
        broken[at] ^= 4
        with pytest.raises(ProjectError):
            Header.decode(bytes(broken))


def test_a_plain_stroke_costs_about_two_hundred_bytes(project):
    project, scan = project
    opened = open_annotation(project, scan, "anna")
    draw(opened, [stroke(3, 3)])
    opened.close()
    assert journal_of(project, scan).stat().st_size - HEADER_SIZE < 350


# -- after a crash -----------------------------------------------------------------------


def test_a_crash_at_any_byte_leaves_a_prefix_of_the_steps(project):
    project, scan = project
    seen = drawn(project, scan)
    file = journal_of(project, scan)
    whole = file.read_bytes()
    ends = ends_of(file)
    assert len(ends) == len(seen) - 1
    for size in range(HEADER_SIZE, len(whole) + 1):
        file.write_bytes(whole[:size])
        again = open_annotation(project, scan, "anna")
        done = sum(end <= size for end in ends)
        assert again.recovered_steps == done
        assert again.set_aside is None
        assert state_of(again.editor) == seen[done]
        assert file.read_bytes() == whole[:size]


@given(todo=st.lists(operations, min_size=1, max_size=8), part=st.floats(0, 1), more=st.lists(operations, max_size=4))
@SLOW
def test_drawing_goes_on_after_any_crash(tmp_path_factory, todo, part, more):
    with small_project(tmp_path_factory.mktemp("crash")) as (project, scan):
        opened = open_annotation(project, scan, "anna")
        seen = draw(opened, todo)
        opened.close()
        if len(seen) == 1:
            return
        file = journal_of(project, scan)
        size = HEADER_SIZE + int(part * (file.stat().st_size - HEADER_SIZE))
        done = sum(end <= size for end in ends_of(file))
        with file.open("r+b") as stream:
            stream.truncate(size)
        again = open_annotation(project, scan, "anna")
        assert state_of(again.editor) == seen[done]
        seen = draw(again, more)
        again.close()
        third = open_annotation(project, scan, "anna")
        assert state_of(third.editor) == seen[-1]
        assert third.editor.position == again.editor.position
        assert third.editor.steps() == again.editor.steps()
        while third.editor.undo() is not None:
            pass
        third.close()
        assert not third.editor.mask("lesions").any()
        assert not third.editor.mask("brain").any()


def test_a_step_of_several_layers_comes_back_whole_or_not_at_all(project):
    project, scan = project
    opened = open_annotation(project, scan, "anna")
    seen = draw(opened, [stroke(3, 3), Correct(1), Move("undo"), Move("redo")])
    opened.close()
    file = journal_of(project, scan)
    whole, ends = file.read_bytes(), ends_of(file)
    step = opened.editor.steps()[-1]
    assert {part.layer for part in step.parts} == {"brain", "lesions"}
    for size in range(ends[0], ends[1]):
        file.write_bytes(whole[:size])
        assert state_of(open_annotation(project, scan, "anna").editor) == seen[1]
    file.write_bytes(whole)
    again = open_annotation(project, scan, "anna")
    assert again.editor.steps()[-1] == step
    assert again.editor.undo() == step
    assert state_of(again.editor) == seen[1]
    again.close()


@pytest.mark.parametrize("wrong", ["payload", "box", "layer", "count"])
def test_a_step_with_one_bad_part_is_not_applied_in_part(project, wrong):
    project, scan = project
    opened = open_annotation(project, scan, "anna")
    draw(opened, [stroke(3, 3), Correct(1)])
    opened.close()
    file = journal_of(project, scan)
    known = JournalFile(file)
    first, last = known.records()
    good, bad = last.step.parts
    if wrong == "payload":
        bad = replace(bad, payload=bad.payload[:-3])
    elif wrong == "box":
        bad = replace(bad, box=Box((0, 0, 0), (6, 12, 11)))
    payload = encode_record(replace(last, step=replace(last.step, parts=(good, bad))))
    if wrong == "layer":
        place = payload.rindex(struct.pack("<7I", last.step.layers.index(bad.layer), *bad.box.low, *bad.box.high))
        payload = payload[:place] + struct.pack("<I", 7) + payload[place + 4 :]
    elif wrong == "count":
        count = payload.index(struct.pack("<8I", 2, 0, *good.box.low, *good.box.high))
        payload = payload[:count] + struct.pack("<I", 2**31) + payload[count + 4 :]
    records = [encode_record(first), payload]
    frames = b"".join(FRAME.pack(len(each), zlib.crc32(each)) + each for each in records)
    file.write_bytes(known.header.encode() + frames)
    again = open_annotation(project, scan, "anna")
    assert again.set_aside is not None
    assert again.recovered_steps == 0
    assert not again.editor.mask("brain").any()
    assert not again.editor.mask("lesions").any()


def test_a_header_that_was_cut_short_is_set_aside(project):
    project, scan = project
    drawn(project, scan)
    file = journal_of(project, scan)
    file.write_bytes(file.read_bytes()[: HEADER_SIZE - 1])
    again = open_annotation(project, scan, "anna")
    assert again.set_aside is not None
    assert not again.editor.undo_available


def test_a_damaged_byte_is_never_applied(project):
    project, scan = project
    seen = drawn(project, scan)
    file = journal_of(project, scan)
    whole = file.read_bytes()
    ends = ends_of(file)
    for at in range(0, len(whole), 7):
        broken = bytearray(whole)
        broken[at] ^= 0x10
        file.write_bytes(bytes(broken))
        again = open_annotation(project, scan, "anna")
        # nothing was saved: what a power cut leaves behind the header may have holes
        whole_before = sum(end <= at for end in ends)
        if at < HEADER_SIZE:
            assert again.set_aside is not None, at
            assert again.set_aside.read_bytes() == bytes(broken)
            assert again.recovered_steps == 0
            assert state_of(again.editor) == seen[0]
            assert not file.exists()
            again.set_aside.unlink()
        elif at < ends[-2]:
            assert again.cut_short, at
            assert again.set_aside.read_bytes() == bytes(broken)
            assert state_of(again.editor) == seen[whole_before]
            again.set_aside.unlink()
        else:
            # the last record alone: as if the crash had cut it short
            assert again.set_aside is None
            assert state_of(again.editor) == seen[-2]


def test_zeros_after_a_power_cut_are_a_torn_tail(project):
    project, scan = project
    seen = drawn(project, scan)
    with journal_of(project, scan).open("ab") as stream:
        stream.write(bytes(5000))
    again = open_annotation(project, scan, "anna")
    assert again.set_aside is None
    assert state_of(again.editor) == seen[-1]
    more = draw(again, [stroke(8, 2)])
    again.close()
    assert state_of(open_annotation(project, scan, "anna").editor) == more[-1]


# -- over saved versions -----------------------------------------------------------------


def save(opened, project):
    saver = Saver(project, opened, delay=60.0)
    saver.flush()
    return saver


@given(first=st.lists(operations, min_size=1, max_size=6), second=st.lists(operations, max_size=6))
@SLOW
def test_saving_and_reopening_changes_nothing(tmp_path_factory, first, second):
    with small_project(tmp_path_factory.mktemp("reopen")) as (project, scan):
        opened = open_annotation(project, scan, "anna")
        saver = Saver(project, opened, delay=60.0)
        seen = draw(opened, first)
        saver.flush()
        saved = opened.editor.sequence
        seen += draw(opened, second)[1:]
        # as a crash: the saver is not asked to save again
        opened.journal.close() if opened.journal else None
        again = open_annotation(project, scan, "anna")
        assert again.set_aside is None
        assert state_of(again.editor) == seen[-1]
        assert again.editor.steps() == opened.editor.steps()
        assert again.editor.position == opened.editor.position
        assert again.recovered_steps == opened.editor.sequence - saved
        assert again.editor.dirty == (again.recovered_steps > 0)
        saver.close(discard=True)


def test_recovered_strokes_are_saved_without_a_new_one(project):
    project, scan = project
    seen = drawn(project, scan)
    again = open_annotation(project, scan, "anna")
    saver = Saver(project, again, delay=0.01)
    deadline = time.monotonic() + 10
    while again.editor.dirty and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not again.editor.dirty
    saver.close()
    third = open_annotation(project, scan, "anna")
    assert third.recovered_steps == 0
    assert state_of(third.editor) == seen[-1]


def test_undo_goes_back_beyond_the_save_and_the_restart(project):
    project, scan = project
    opened = open_annotation(project, scan, "anna")
    seen = draw(opened, SOME[:4])
    save(opened, project).close()
    again = open_annotation(project, scan, "anna")
    saver = Saver(project, again, delay=60.0)
    for wanted in reversed(seen[:-1]):
        assert again.editor.undo() is not None
        assert state_of(again.editor) == wanted
    saver.close()
    third = open_annotation(project, scan, "anna")
    for wanted in seen[1:]:
        assert third.editor.redo() is not None
        assert state_of(third.editor) == wanted
    third.close()


def test_a_mask_that_changed_behind_its_back_sets_the_journal_aside(project):
    project, scan = project
    opened = open_annotation(project, scan, "anna")
    saver = save(opened, project)
    draw(opened, SOME)
    saver.close()
    annotation = project.annotation(scan, "anna")
    foreign = np.zeros((6, 12, 10), np.uint8)
    foreign[3, 4:7, 4:7] = TUMOUR.value
    project.save_layers(annotation.id, {"lesions": foreign}, {"lesions": []}, journal_sequence=0, action="import")
    before = journal_of(project, scan).read_bytes()
    again = open_annotation(project, scan, "anna")
    assert again.set_aside is not None
    assert again.set_aside.read_bytes() == before
    np.testing.assert_array_equal(again.editor.mask("lesions"), foreign)
    assert not again.editor.undo_available
    # and a new one begins, which is good from then on
    seen = draw(again, [stroke(3, 3), stroke(5, 5)])
    again.close()
    third = open_annotation(project, scan, "anna")
    assert third.set_aside is None
    assert third.recovered_steps == 2
    assert state_of(third.editor) == seen[-1]


def test_a_journal_of_another_annotation_is_set_aside(project):
    project, scan = project
    for reader in ("anna", "berta"):
        opened = open_annotation(project, scan, reader)
        opened.editor.begin("brush", TUMOUR)
        opened.editor.dab(opened.editor.geometry.view(Plane.AXIAL), 0, (3, 3), (3, 3), 2.0)
        opened.editor.commit()
        opened.close()
    theirs = project.journal_path(project.annotation(scan, "berta").id)
    shutil.copyfile(theirs, journal_of(project, scan))
    again = open_annotation(project, scan, "anna")
    assert again.set_aside is not None
    assert again.recovered_steps == 0
    assert theirs.exists()


def test_a_journal_older_than_the_saved_masks_is_set_aside(project):
    project, scan = project
    opened = open_annotation(project, scan, "anna")
    saver = save(opened, project)
    draw(opened, SOME[:2])
    saver.flush()
    file = journal_of(project, scan)
    old = file.read_bytes()
    seen = draw(opened, SOME[3:4])
    saver.close()
    file.write_bytes(old)
    again = open_annotation(project, scan, "anna")
    assert again.set_aside is not None
    assert state_of(again.editor) == seen[-1]


def test_read_only_reads_the_journal_and_changes_nothing(project):
    project, scan = project
    seen = drawn(project, scan)
    file = journal_of(project, scan)
    before = file.read_bytes()
    with type(project).open(project.path, read_only=True) as looking:
        again = open_annotation(looking, scan, "anna")
        assert again.journal is None
        assert state_of(again.editor) == seen[-1]
        file.write_bytes(b"nonsense")
        assert not open_annotation(looking, scan, "anna").editor.mask("lesions").any()
    assert file.read_bytes() == b"nonsense"
    file.write_bytes(before)


def test_without_a_journal_nothing_is_written_down(project):
    project, scan = project
    opened = open_annotation(project, scan, "anna", journal=False)
    saver = save(opened, project)
    draw(opened, SOME)
    saver.close()
    assert not journal_of(project, scan).exists()
    assert state_of(open_annotation(project, scan, "anna").editor) == state_of(opened.editor)


def test_the_base_names_versions_up_to_its_sequence():
    def version(sequence, journal_sequence, sha="a"):
        return LayerVersion("x", "brain", sequence, sha, "f", journal_sequence, "")

    old = [version(1, 3, "a"), version(2, 7, "b")]
    assert base_hash({"brain": old}, 3) == base_hash({"brain": old[:1]}, 3)
    assert base_hash({"brain": old}, 7) != base_hash({"brain": old}, 3)
    imported = [*old, version(3, 0, "c")]
    assert base_hash({"brain": imported}, 7) != base_hash({"brain": old}, 7)
    assert base_hash({}, 0) == base_hash({"brain": []}, 0)


def test_a_journal_fits_no_more_once_values_of_a_version_since_mean_something_else():
    def version(sequence, journal_sequence, remap=""):
        return LayerVersion("x", "brain", sequence, "a", "f", journal_sequence, "", remap=remap)

    changed = '{"1": 2}'
    for start in (0, 3):
        before, after = ([version(1, 3), version(2, 7, remap)] for remap in ("", changed))
        assert base_hash({"brain": before}, start) != base_hash({"brain": after}, start)
    # of steps that come after it the change tells nothing new
    later = [version(1, 3, changed), version(2, 7)]
    assert base_hash({"brain": later}, 7) == base_hash({"brain": [version(1, 3), version(2, 7)]}, 7)


def test_a_trimmed_journal_opens_with_the_history_that_is_left(project, monkeypatch):
    project, scan = project
    monkeypatch.setattr(Journal.trim, "__kwdefaults__", {"limit": 12_000})
    opened = open_annotation(project, scan, "anna")
    saver = Saver(project, opened, delay=60.0)
    for number in range(120):
        stroke(number % 11, number % 7, index=number % 6, label=number % 3).apply(opened.editor)
    for _ in range(3):
        opened.editor.undo()
    saver.flush()
    seen = draw(opened, [stroke(8, 8, index=1)])
    before = opened.editor.position
    saver._opened.journal.sync()
    again = open_annotation(project, scan, "anna")
    assert again.set_aside is None
    assert again.recovered_steps == 1
    assert state_of(again.editor) == seen[-1]
    assert 16 <= again.editor.position < before
    # the session that trimmed forgets the same steps
    back = 0
    while opened.editor.undo() is not None:
        back += 1
    assert back == again.editor.position
    assert opened.editor.forgotten == before - back
    saver.close()
    third = open_annotation(project, scan, "anna")
    assert third.editor.position == 0
    assert state_of(third.editor) == state_of(opened.editor)


def test_recovery_knows_until_when(project):
    project, scan = project
    opened = open_annotation(project, scan, "anna")
    begun = int(time.time())
    draw(opened, SOME[:3])
    opened.close()
    again = open_annotation(project, scan, "anna")
    assert again.recovered_steps == 3
    assert again.recovered_until is not None
    assert begun <= again.recovered_until.timestamp() <= time.time()
    saver = Saver(project, again)
    saver.close()
    third = open_annotation(project, scan, "anna")
    assert (third.recovered_steps, third.recovered_until) == (0, None)
    third.close()
