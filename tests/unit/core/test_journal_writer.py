"""The thread that writes the journal: soon on the disk, through a full disk, trimmed while it goes on."""

from __future__ import annotations

import errno
import threading
import time

import numpy as np
import pytest

from core.editing.steps import Part, Step
from core.errors import MeninxError, StorageError
from core.geometry import Box
from core.io import atomic
from core.project import journal as journal_module
from core.project.journal import Journal
from core.project.journal_file import (
    FRAME,
    HEADER_SIZE,
    Header,
    JournalFile,
    decode_record,
)


def a_part(payload):
    return Part("brain", Box((2, 0, 0), (5, 1, 1)), payload)


def a_step(number, size=100):
    return Step(number, "brush", ("brain",), 1, ((2, 5),), (a_part(bytes(size)),), b"")


@pytest.fixture
def journal(tmp_path):
    made = Journal(lambda: (tmp_path / "j.log", Header("0" * 26, bytes(32), 0)))
    yield made, tmp_path / "j.log"
    made.close()


def test_writing_happens_in_another_thread_and_is_flushed_within_two_seconds(journal, monkeypatch):
    journal, file = journal
    synced: list[tuple[float, str]] = []
    real = atomic.AppendFile.sync

    def sync(self):
        real(self)
        synced.append((time.monotonic(), threading.current_thread().name))

    monkeypatch.setattr(atomic.AppendFile, "sync", sync)
    written = []
    for number in range(1, 31):
        begun = time.monotonic()
        journal.record_step(a_step(number))
        written.append(begun)
        time.sleep(0.02)
    journal.sync()
    assert {name for _, name in synced} == {"meninx-journal"}
    for moment in written:
        assert min(at for at, _ in synced if at >= moment) - moment <= 2.0
    assert len(synced) < 30
    assert [record.sequence for record in JournalFile(file).records()] == list(range(1, 31))


def test_a_full_disk_keeps_the_records_and_tries_again(journal, monkeypatch):
    journal, file = journal
    journal.record_step(a_step(1))
    journal.sync()
    real = atomic._write_all

    def full(descriptor, data):
        real(descriptor, bytes(data)[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journal_module, "_RETRY_SECONDS", 0.02)
    monkeypatch.setattr(atomic, "_write_all", full)
    for number in (2, 3):
        journal.record_step(a_step(number))
    with pytest.raises(StorageError) as caught:
        journal.sync()
    assert caught.value.code == "disk-full"
    assert journal.load(2) == a_step(2)
    monkeypatch.setattr(atomic, "_write_all", real)
    deadline = time.monotonic() + 5
    while journal.error is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    journal.sync()
    assert [record.step for record in JournalFile(file).records()] == [a_step(number) for number in (1, 2, 3)]
    assert journal.load(3) == a_step(3)


def test_closing_on_a_full_disk_says_so_and_ends(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    made = Journal(lambda: (tmp_path / "j.log", Header("0" * 26, bytes(32), 0)))
    monkeypatch.setattr(atomic, "_write_all", refuse)
    made.record_step(a_step(1))
    with pytest.raises(StorageError):
        made.close()


def test_trimming_drops_the_oldest_and_keeps_order_position_and_what_is_unsaved(journal):
    journal, file = journal
    rng = np.random.default_rng(1)
    number = 0
    for _ in range(100):
        number += 1
        journal.record_step(Step(number, "brush", ("brain",), 1, (), (a_part(rng.bytes(1000)),), b""))
    for kind in ("undo", "undo", "undo", "redo"):
        number += 1
        journal.record_move(number, kind)
    saved = number
    number += 1
    journal.record_move(number, "undo")
    journal.sync()
    before = file.stat().st_size
    assert journal.trim(saved, lambda _: bytes(32), limit=2 * before) == 0
    dropped = journal.trim(saved, lambda start: bytes([start]) * 32, limit=before // 2)
    assert 0 < dropped < 100
    assert file.stat().st_size <= before // 2
    known = JournalFile(file)
    assert known.header == Header("0" * 26, bytes([saved]) * 32, saved)
    records = list(known.records())
    assert [record.sequence for record in records if record.kind == "step"] == list(range(dropped + 1, 101))
    assert [(record.sequence, record.kind, record.undone) for record in records[-2:]] == [
        (saved, "resume", 2),
        (number, "undo", 0),
    ]
    assert journal.floor == dropped + 1
    assert journal.load(dropped) is None
    loaded = journal.load(dropped + 1)
    assert loaded is not None
    assert loaded.sequence == dropped + 1
    # writing goes on behind it
    journal.record_step(a_step(number + 1))
    journal.sync()
    assert list(JournalFile(file).records())[-1].step == a_step(number + 1)


def test_trimming_while_writing_goes_on(journal):
    journal, file = journal
    rng = np.random.default_rng(1)
    total = 1500
    trimmers = []
    for number in range(1, total + 1):
        journal.record_step(Step(number, "brush", ("brain",), 1, (), (a_part(rng.bytes(300)),), b""))
        if number % 300 == 0:
            journal.sync()
            values = (number, lambda _: bytes(32))
            trimmers.append(threading.Thread(target=journal.trim, args=values, kwargs={"limit": 60_000}))
            trimmers[-1].start()
    for trimmer in trimmers:
        trimmer.join()
    journal.sync()
    records = [record.sequence for record in JournalFile(file).records()]
    dropped = records[0] - 1
    assert dropped > 0
    assert records == list(range(records[0], total + 1))
    assert journal.floor == records[0]
    for number in records:
        loaded = journal.load(number)
        assert loaded is not None
        assert loaded.sequence == number


def test_a_step_that_comes_after_closing_is_written_all_the_same(journal):
    journal, file = journal
    journal.record_step(a_step(1))
    journal.close()
    journal.record_step(a_step(2))
    journal.close()
    journal.record_step(a_step(3))
    deadline = time.monotonic() + 5
    while len(JournalFile(file).places) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [record.sequence for record in JournalFile(file).records()] == [1, 2, 3]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("pause", [0.0, 0.3], ids=["at once", "after the writer has ended"])
def test_a_fault_of_the_program_is_told_and_the_next_step_tries_again(tmp_path, pause):
    faults = [ZeroDivisionError()]

    def prepare():
        if faults:
            raise faults.pop()
        return tmp_path / "j.log", Header("0" * 26, bytes(32), 0)

    made = Journal(prepare)
    made.record_step(a_step(1))
    time.sleep(pause)
    begun = time.monotonic()
    with pytest.raises(MeninxError) as caught:
        made.sync()
    assert time.monotonic() - begun < 5
    assert caught.value.code == "save-stopped"
    made.record_step(a_step(2))
    made.sync()
    made.close()
    assert [record.sequence for record in JournalFile(tmp_path / "j.log").records()] == [1, 2]


def test_frames_are_what_the_append_file_writes(journal):
    journal, file = journal
    journal.record_step(a_step(1))
    journal.sync()
    header, records, torn = atomic.read_records(file, HEADER_SIZE)
    assert Header.decode(header).annotation == "0" * 26
    assert [decode_record(record).step for record in records] == [a_step(1)]
    assert not torn
    assert file.stat().st_size == HEADER_SIZE + FRAME.size + len(records[0])
