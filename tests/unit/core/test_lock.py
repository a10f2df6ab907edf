"""One process draws; the others see who, and take over from the dead at once."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from core.errors import LockedError, StorageError
from core.project import lock as locks
from core.project.lock import AnnotationLock
from core.project.records import utc_now

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="start times are read from /proc")


def hold(project: Path, owner: str, pipe: Connection) -> None:
    """Child: hold the lock until told or killed."""
    lock = AnnotationLock(project, owner)
    lock.acquire()
    pipe.send("held")
    pipe.recv()
    lock.release()
    pipe.send("released")


class Child:
    def __init__(self, project: Path, owner: str = "anna") -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=hold, args=(project, owner, theirs))
        self.process.start()
        assert self.pipe.recv() == "held"

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.process.close()
        self.pipe.close()


def forged(project: Path, **changes: object) -> None:
    """Write a lock file as another process would have left it."""
    record = {
        "owner": "ben",
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": locks.started_at(os.getpid()),
        "since": utc_now(),
        "token": "t",
        "beat": 3,
    }
    (project / locks.NAME).write_text(json.dumps(record | changes))


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_it_is_held_and_let_go_and_leaves_no_file(tmp_path: Path) -> None:
    lock = AnnotationLock(tmp_path, "anna")
    with lock:
        assert lock.held
        holder = AnnotationLock(tmp_path, "ben").holder()
        assert holder is not None
        assert (holder.owner, holder.pid, holder.host) == ("anna", os.getpid(), socket.gethostname())
        lock.acquire()  # again is nothing new
    assert not lock.held
    assert list(tmp_path.iterdir()) == []
    lock.release()
    with lock:
        assert lock.held


def test_a_second_opener_of_the_same_process_is_refused(tmp_path: Path) -> None:
    with AnnotationLock(tmp_path, "anna"):
        with pytest.raises(LockedError, match="project-locked") as caught:
            AnnotationLock(tmp_path, "ben").acquire()
        assert caught.value.fields["holder"] == f"anna@{socket.gethostname()}"
        assert str(caught.value.fields["since"]).endswith("Z")
    with AnnotationLock(tmp_path, "ben") as lock:
        assert lock.held


def test_of_two_processes_one_holds_it_until_it_lets_go(tmp_path: Path) -> None:
    child = Child(tmp_path)
    try:
        lock = AnnotationLock(tmp_path, "ben")
        for take_over in (False, True):
            with pytest.raises(LockedError) as caught:
                lock.acquire(take_over=take_over)
            assert str(caught.value.fields["holder"]).startswith("anna@")
        child.pipe.send("go")
        assert child.pipe.recv() == "released"
        with lock:
            assert lock.held
    finally:
        child.end()


def test_a_killed_owners_lock_is_free_within_seconds(tmp_path: Path) -> None:
    child = Child(tmp_path)
    os.kill(child.process.pid, signal.SIGKILL)
    killed = time.monotonic()
    child.process.join()
    assert (tmp_path / locks.NAME).exists()
    with AnnotationLock(tmp_path, "ben") as lock:
        assert lock.held
        assert lock.holder().owner == "ben"
    assert time.monotonic() - killed < 5.0
    child.end()


def test_a_stopped_owner_still_holds_it(tmp_path: Path) -> None:
    # a laptop that sleeps, a debugger: no beat, but alive
    child = Child(tmp_path)
    try:
        os.kill(child.process.pid, signal.SIGSTOP)
        with pytest.raises(LockedError):
            AnnotationLock(tmp_path, "ben").acquire(take_over=True)
    finally:
        os.kill(child.process.pid, signal.SIGCONT)
        child.end()


def test_of_many_who_find_a_dead_owner_exactly_one_takes_it(tmp_path: Path) -> None:
    forged(tmp_path, pid=dead_pid())
    code = (
        "import sys, time; from pathlib import Path; from core.project.lock import AnnotationLock\n"
        "from core.errors import LockedError\n"
        "lock = AnnotationLock(Path(sys.argv[1]), sys.argv[2])\n"
        "try:\n    lock.acquire()\nexcept LockedError:\n    print('no')\n"
        "else:\n    print('yes', flush=True); sys.stdin.read()\n"
    )
    many = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        for number in range(4)
    ]
    said = [process.stdout.readline().strip() for process in many]
    assert sorted(said) == ["no", "no", "no", "yes"]
    for process in many:
        process.communicate("")


def test_a_dead_owner_of_this_machine_is_taken_over_from_at_once(tmp_path: Path) -> None:
    forged(tmp_path, pid=dead_pid())
    started = time.monotonic()
    with AnnotationLock(tmp_path, "anna") as lock:
        assert lock.holder().owner == "anna"
    assert time.monotonic() - started < 1.0


@needs_proc
def test_a_number_that_was_given_to_another_process_does_not_protect(tmp_path: Path) -> None:
    forged(tmp_path, started="1")
    started = time.monotonic()
    with AnnotationLock(tmp_path, "anna"):
        assert time.monotonic() - started < 1.0


def test_another_machines_lock_is_never_taken_unasked(tmp_path: Path) -> None:
    forged(tmp_path, host="reading-room-2", pid=dead_pid())
    with pytest.raises(LockedError) as caught:
        AnnotationLock(tmp_path, "anna").acquire()
    assert caught.value.fields["holder"] == "ben@reading-room-2"
    assert AnnotationLock(tmp_path, "anna").holder().owner == "ben"


def test_another_machines_lock_can_be_taken_when_its_beat_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "WATCH_SECONDS", 0.5)
    forged(tmp_path, host="reading-room-2")
    lock = AnnotationLock(tmp_path, "anna")
    lock.acquire(take_over=True)
    assert lock.holder().owner == "anna"
    lock.release()


def test_another_machines_lock_that_beats_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forged(tmp_path, host="reading-room-2")
    sleep = time.sleep
    beats = iter(range(100, 200))

    def beaten(seconds: float) -> None:
        forged(tmp_path, host="reading-room-2", beat=next(beats))
        sleep(0.01)

    monkeypatch.setattr(time, "sleep", beaten)
    with pytest.raises(LockedError):
        AnnotationLock(tmp_path, "anna").acquire(take_over=True)


def test_it_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "BEAT_SECONDS", 0.05)
    with AnnotationLock(tmp_path, "anna") as lock:
        first = lock.holder()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and (lock.holder() or first).beat < 3:
            time.sleep(0.02)
        now = lock.holder()
        assert now is not None
        assert now.beat >= 3
        assert now.token == first.token


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"owner": "x"}', b"\xff\xfe" * 600])
def test_a_lock_file_that_says_nothing_stops_nobody(tmp_path: Path, content: bytes) -> None:
    (tmp_path / locks.NAME).write_bytes(content)
    with AnnotationLock(tmp_path, "anna") as lock:
        assert lock.holder().owner == "anna"


def test_where_no_lock_file_can_be_written_it_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        AnnotationLock(tmp_path / "gone", "anna").acquire()


def test_without_locks_of_the_system_the_record_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_lock", lambda descriptor: True)
    monkeypatch.setattr(locks, "BEAT_SECONDS", 0.05)
    with AnnotationLock(tmp_path, "anna"), pytest.raises(LockedError):
        AnnotationLock(tmp_path, "ben").acquire()
    forged(tmp_path, pid=dead_pid())
    with AnnotationLock(tmp_path, "ben") as lock:
        assert lock.held
