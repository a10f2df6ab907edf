"""Autosave: SAVED is said only when it is true, and a failure loses nothing."""

from __future__ import annotations

import errno
import hashlib
import threading
import time

import numpy as np
import pytest
from editing_support import BRAIN, TUMOUR, small_project, state_of

from core.editing import unsaved as unsaved_module
from core.editing.changes import Flip
from core.editing.opening import open_annotation
from core.errors import MeninxError, StorageError
from core.geometry import Plane
from core.io import atomic
from core.project import journal as journal_module
from core.project import saver as saver_module
from core.project.project import Project
from core.project.records import Origin
from core.project.saver import Saver, SaveState


@pytest.fixture
def project(tmp_path):
    with small_project(tmp_path) as (project, scan):
        yield project, scan


class Heard:
    """What the saver said, with the thread it said it from."""

    def __init__(self) -> None:
        self.said: list[tuple[SaveState, MeninxError | None]] = []
        self.threads: set[str] = set()
        self._changed = threading.Condition()

    def __call__(self, state: SaveState, error: MeninxError | None) -> None:
        with self._changed:
            self.said.append((state, error))
            self.threads.add(threading.current_thread().name)
            self._changed.notify_all()

    @property
    def states(self) -> list[SaveState]:
        return [state for state, _ in self.said]

    def wait_for(self, state: SaveState, count: int = 1, timeout: float = 10.0) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.states.count(state) >= count, timeout), self.said


def paint(opened, row, column, *, index=0, label=TUMOUR, radius=1.2):
    opened.editor.begin("brush", label)
    opened.editor.dab(opened.editor.geometry.view(Plane.AXIAL), index, (row, column), (row, column), radius)
    return opened.editor.commit()


def on_disk(project, scan, layer="lesions"):
    """Read the saved mask as another process would, without the journal."""
    with Project.open(project.path, read_only=True) as fresh:
        annotation = fresh.annotation(scan, "anna")
        return None if annotation is None else fresh.read_layer(annotation.id, layer)


def test_it_saves_by_itself_and_says_so_in_order(project):
    project, scan = project
    heard = Heard()
    opened = open_annotation(project, scan, "anna")
    saver = Saver(project, opened, heard, delay=0.05)
    assert saver.state is SaveState.SAVED
    paint(opened, 4, 4)
    heard.wait_for(SaveState.SAVED)
    assert heard.states == [SaveState.UNSAVED, SaveState.SAVING, SaveState.SAVED]
    assert heard.threads == {"meninx-saver"}
    assert not opened.editor.dirty
    np.testing.assert_array_equal(on_disk(project, scan), opened.editor.mask("lesions"))
    assert on_disk(project, scan, "brain") is None
    saver.close()


def test_no_annotation_comes_into_being_before_something_is_drawn(project):
    project, scan = project
    opened = open_annotation(project, scan, "anna")
    saver = Saver(project, opened)
    opened.editor.mask("brain")
    saver.flush()
    saver.close()
    assert project.annotation(scan, "anna") is None
    assert not any((project.path / "journal").iterdir())


def test_saved_is_said_only_when_it_is_on_the_disk(project):
    project, scan = project
    opened = open_annotation(project, scan, "anna")
    seen = []

    def look(state, _):
        if state is SaveState.SAVED:
            mask = on_disk(project, scan)
            seen.append(None if mask is None else mask.copy())

    saver = Saver(project, opened, look, delay=0.0)
    wanted = []
    for number in range(6):
        paint(opened, 2 + number, 5)
        wanted.append(opened.editor.mask("lesions").copy())
        saver.flush()
    saver.close()
    assert len(seen) == 6
    for got, expected in zip(seen, wanted, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_every_saved_version_is_a_moment_of_the_drawing(project):
    """No data race: while the thread saves as fast as it can, drawing goes on."""
    project, scan = project
    opened = open_annotation(project, scan, "anna")
    saver = Saver(project, opened, delay=0.0, longest=0.0)
    moments = {}
    rng = np.random.default_rng(3)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        if rng.random() < 0.25:
            opened.editor.undo()
        else:
            paint(opened, *rng.uniform(0, 10, 2), index=int(rng.integers(6)), radius=rng.uniform(0.5, 4))
        moments[opened.editor.sequence] = hashlib.sha256(opened.editor.mask("lesions").tobytes()).hexdigest()
    saver.close()
    annotation = project.annotation(scan, "anna")
    versions = project.layer_versions(annotation.id, "lesions")
    assert len(versions) > 10
    for version in versions:
        mask = project.read_version(version)
        assert hashlib.sha256(mask.tobytes()).hexdigest() == moments[version.journal_sequence]
    np.testing.assert_array_equal(on_disk(project, scan), opened.editor.mask("lesions"))


def test_continuous_drawing_is_saved_all_the_same(project):
    project, scan = project
    heard = Heard()
    opened = open_annotation(project, scan, "anna")
    saver = Saver(project, opened, heard, delay=0.5, longest=1.0)
    begun = time.monotonic()
    number = 0
    while SaveState.SAVING not in heard.states:
        assert time.monotonic() - begun < 5
        number += 1
        opened.editor.set_finished(["lesions"], [0], bool(number % 2))
        time.sleep(0.02)
    assert time.monotonic() - begun >= 0.9
    saver.close()


def test_a_full_disk_says_failed_keeps_the_old_version_and_tries_again(project, monkeypatch):
    project, scan = project
    heard = Heard()
    opened = open_annotation(project, scan, "anna")
    saver = Saver(project, opened, heard, delay=60.0)
    paint(opened, 4, 4)
    saver.flush()
    old = on_disk(project, scan)
    real = atomic._write_all

    def full(descriptor, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(saver_module, "_RETRY", (0.05,))
    monkeypatch.setattr(atomic, "_write_all", full)
    paint(opened, 8, 8)
    with pytest.raises(StorageError) as caught:
        saver.flush()
    assert caught.value.code == "disk-full"
    assert saver.state is SaveState.FAILED
    assert opened.editor.dirty
    with pytest.raises(StorageError):
        saver.close()
    np.testing.assert_array_equal(on_disk(project, scan), old)
    assert SaveState.SAVED not in heard.states[heard.states.index(SaveState.FAILED) :]
    monkeypatch.setattr(atomic, "_write_all", real)
    heard.wait_for(SaveState.SAVED, 2)
    np.testing.assert_array_equal(on_disk(project, scan), opened.editor.mask("lesions"))
    assert not opened.editor.dirty
    saver.close()
    # nothing of it was lost to the history either
    again = open_annotation(project, scan, "anna")
    assert again.set_aside is None
    assert again.recovered_steps == 0
    assert again.editor.position == 2


def test_masks_are_saved_even_if_the_journal_cannot_be_written(project, monkeypatch):
    project, scan = project
    heard = Heard()
    opened = open_annotation(project, scan, "anna")
    saver = Saver(project, opened, heard, delay=60.0)

    def refuse(self, payload):
        raise StorageError("write-failed", file=self.file, reason="no")

    with monkeypatch.context() as patched:
        patched.setattr(atomic.AppendFile, "append", refuse)
        paint(opened, 4, 4)
        saver.flush()
        state, warning = heard.said[-1]
        assert state is SaveState.SAVED
        assert warning is not None
        assert warning.code == "write-failed"
        np.testing.assert_array_equal(on_disk(project, scan), opened.editor.mask("lesions"))
    saver.close()


def test_what_would_be_saved_wrong_is_not_saved(project):
    """A fault in the saver's own picture of the layers is caught by the editor's counts, and healed."""
    project, scan = project
    heard = Heard()
    opened = open_annotation(project, scan, "anna")
    saver = Saver(project, opened, heard, delay=60.0)
    paint(opened, 4, 4)
    saver.flush()
    saver._layers["lesions"][5, 1, 1] = 7
    paint(opened, 8, 8)
    with pytest.raises(StorageError) as caught:
        saver.flush()
    assert caught.value.code == "save-differs"
    assert on_disk(project, scan)[5, 1, 1] == 0
    paint(opened, 3, 7, label=BRAIN)
    saver.flush()
    np.testing.assert_array_equal(on_disk(project, scan), opened.editor.mask("lesions"))
    np.testing.assert_array_equal(on_disk(project, scan, "brain"), opened.editor.mask("brain"))
    saver.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_the_program_says_failed_and_the_next_save_works(project, monkeypatch):
    project, scan = project
    heard = Heard()
    opened = open_annotation(project, scan, "anna")
    saver = Saver(project, opened, heard, delay=60.0)

    def fault(*_, **__):
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(Project, "save_layers", fault)
        paint(opened, 4, 4)
        with pytest.raises(MeninxError) as caught:
            saver.flush()
        assert caught.value.code == "save-stopped"
        assert heard.states[-1] is SaveState.FAILED
    saver.flush()
    assert heard.states[-1] is SaveState.SAVED
    np.testing.assert_array_equal(on_disk(project, scan), opened.editor.mask("lesions"))
    saver.close()


def test_only_changed_layers_are_copied_and_written(project):
    project, scan = project
    opened = open_annotation(project, scan, "anna")
    saver = Saver(project, opened, delay=60.0)
    paint(opened, 4, 4)
    paint(opened, 4, 4, label=BRAIN, radius=3)
    saver.flush()
    for column in (2, 7):
        paint(opened, 4, column)
        saver.flush()
    annotation = project.annotation(scan, "anna")
    assert len(project.layer_versions(annotation.id, "lesions")) == 3
    assert len(project.layer_versions(annotation.id, "brain")) == 1
    saver.close()


def test_states_are_saved_with_the_masks_and_an_empty_finished_layer_is_begun(project):
    project, scan = project
    opened = open_annotation(project, scan, "anna")
    saver = Saver(project, opened, delay=60.0)
    paint(opened, 4, 4, index=2)
    opened.editor.set_finished(["brain", "lesions"], [2, 3], True)
    saver.close()
    with Project.open(project.path, read_only=True) as fresh:
        annotation = fresh.annotation(scan, "anna")
        brain = fresh.read_layer(annotation.id, "brain")
        assert brain is not None
        assert not brain.any()
        for layer in ("brain", "lesions"):
            states = fresh.slice_states(annotation.id, layer)
            assert [(state.slice, state.origin, state.finished) for state in states] == [
                (2, Origin.DRAWN, True),
                (3, Origin.DRAWN, True),
            ]


def test_flush_from_another_thread_while_drawing_goes_on(project):
    project, scan = project
    opened = open_annotation(project, scan, "anna")
    saver = Saver(project, opened, delay=60.0)
    errors = []
    enough = threading.Event()

    def flush():
        while not enough.is_set():
            try:
                saver.flush()
            except MeninxError as error:
                errors.append(error)

    thread = threading.Thread(target=flush)
    thread.start()
    for number in range(300):
        paint(opened, number % 11, number % 7, index=number % 6)
        time.sleep(0.002)
    enough.set()
    thread.join()
    assert not errors
    saver.close()
    np.testing.assert_array_equal(on_disk(project, scan), opened.editor.mask("lesions"))


def test_an_open_annotation_has_one_saver(project):
    project, scan = project
    opened = open_annotation(project, scan, "anna")
    saver = Saver(project, opened)
    with pytest.raises(RuntimeError, match="one saver"):
        Saver(project, opened)
    saver.close()
    saver.close()


def test_reopening_after_closing_gives_everything_back(project):
    project, scan = project
    opened = open_annotation(project, scan, "anna")
    saver = Saver(project, opened)
    for number in range(8):
        paint(opened, number, number % 5 + 2, index=number % 3)
    opened.editor.undo()
    saver.close()
    again = open_annotation(project, scan, "anna")
    assert state_of(again.editor) == state_of(opened.editor)
    assert again.editor.steps() == opened.editor.steps()
    assert again.editor.redo_available
    assert again.recovered_steps == 0
    again.close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EINTR])
def test_every_write_may_fail_once_and_nothing_is_lost(tmp_path, monkeypatch, number):
    """SQLite's method: refuse the first call to the disk, then the second, until a run needs no more."""
    monkeypatch.setattr(saver_module, "_RETRY", (0.01,))
    monkeypatch.setattr(journal_module, "_RETRY_SECONDS", 0.01)
    calls, refused_at = 0, 0

    def guard(real):
        def call(*values):
            nonlocal calls
            calls += 1
            if calls == refused_at:
                raise OSError(number, "refused")
            return real(*values)

        return call

    runs = 0
    while refused_at <= calls:
        runs += 1
        with small_project(tmp_path / f"run{runs}") as (project, scan), monkeypatch.context() as patched:
            for name in ("_write_all", "_sync", "_replace"):
                patched.setattr(atomic, name, guard(getattr(atomic, name)))
            calls, refused_at = 0, runs
            opened = open_annotation(project, scan, "anna")
            truths, said = [], []

            def heard(state, _, project=project, scan=scan, opened=opened, truths=truths, said=said):
                said.append(state)
                if state is SaveState.SAVED:
                    truths.append(np.array_equal(on_disk(project, scan), opened.editor.mask("lesions")))

            saver = Saver(project, opened, heard, delay=60.0)
            for column in (3, 6):
                paint(opened, 4, column)
                try:
                    saver.flush()
                except MeninxError:
                    assert SaveState.FAILED in said  # and it tries again by itself
            saver.flush()
            saver.close()
            assert all(truths)
            assert truths
            again = open_annotation(project, scan, "anna")
            assert state_of(again.editor) == state_of(opened.editor)
            assert again.set_aside is None
            assert again.recovered_steps == 0
            assert again.editor.position == 2
    assert runs > 10


def test_a_large_undo_is_handed_over_as_what_it_flips(project, monkeypatch):
    project, scan = project
    monkeypatch.setattr(unsaved_module, "FLIP_VOXELS", 1)
    opened = open_annotation(project, scan, "anna")
    saver = Saver(project, opened, delay=60.0)
    taken = []
    heard = saver._merge
    monkeypatch.setattr(saver, "_merge", lambda snapshot: (taken.append(snapshot), heard(snapshot)))
    for column in (3, 6, 9):
        paint(opened, 4, column)
    opened.editor.replace(
        "lesions", np.full(opened.editor.geometry.shape, 2, np.uint8), action="correct", origin=Origin.PREDICTED
    )
    saver.flush()
    for move in ("undo", "undo", "redo", "redo", "undo", "undo", "undo"):
        getattr(opened.editor, move)()
        if move == "redo":
            saver.flush()
            np.testing.assert_array_equal(on_disk(project, scan), opened.editor.mask("lesions"))
    saver.flush()
    flips = [patch for snapshot in taken for patch in snapshot.patches.values() if isinstance(patch, Flip)]
    assert len(flips) == 7
    np.testing.assert_array_equal(on_disk(project, scan), opened.editor.mask("lesions"))
    saver.close()
    again = open_annotation(project, scan, "anna")
    assert state_of(again.editor) == state_of(opened.editor)
    again.close()
