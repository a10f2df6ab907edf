"""A file is given up for the work it makes, not for the time in which a busy machine does other things."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import slow_children
from reader_support import noise, write_nifti

from core.errors import InputError
from core.io import processor, sandbox
from core.io.children import Child, GoneError
from core.io.processor import Patience, Spell, processor_seconds
from core.io.sandbox import PATIENCE, Decoder

NEVER = 600.0


@contextlib.contextmanager
def asked(entry: object) -> Iterator[Child]:
    """Start a child and ask it for something."""
    child = Child(0, entry)  # type: ignore[arg-type]
    try:
        while not child.connection.poll(1):
            pass
        assert child.connection.recv() == ("ready", None)
        child.ready = True
        child.say(("find",))
        yield child
    finally:
        child.end()


def test_a_child_that_spins_is_stopped_after_so_much_work() -> None:
    with asked(slow_children.spins) as child:
        before = processor_seconds(child.pid)
        with pytest.raises(GoneError) as gone:
            child.receive(Patience(1.5, NEVER))
        after = processor_seconds(child.pid)
    assert gone.value.code == "file-decoder-slow"
    assert before is not None
    assert after is not None
    assert 1.5 <= after - before < 3.5


@pytest.mark.skipif(sys.platform == "win32", reason="a process is held and let go by signals")
def test_a_child_that_is_starved_is_waited_for() -> None:
    over = threading.Event()

    def starve(pid: int) -> None:
        """Give it a fifth of a processor, as a busy machine does."""
        while not over.wait(0.05):
            os.kill(pid, signal.SIGSTOP)
            over.wait(0.2)
            os.kill(pid, signal.SIGCONT)

    with asked(slow_children.works) as child:
        thread = threading.Thread(target=starve, args=(child.pid,))
        thread.start()
        begun = time.monotonic()
        try:
            word = child.receive(Patience(1.0, NEVER))
        finally:
            over.set()
            thread.join()
    assert word == ("done", None)
    # the clock alone would have given it up
    assert time.monotonic() - begun > 1.5


def test_a_child_that_sleeps_for_ever_is_stopped_as_well() -> None:
    with asked(slow_children.sleeps) as child:
        begun = time.monotonic()
        with pytest.raises(GoneError) as gone:
            child.receive(Patience(0.5, 3.0))
        assert time.monotonic() - begun >= 3.0
    assert gone.value.code == "file-decoder-slow"


def test_a_slice_that_comes_to_no_end_is_one_refused_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_nifti(tmp_path / "a.nii.gz", noise((3, 4, 5)))
    monkeypatch.setattr(sandbox, "cores", lambda: 1)
    with Decoder(patience=Patience(1.0, NEVER)) as decoder:
        monkeypatch.setattr(sandbox, "Child", functools.partial(Child, entry=slow_children.spins_over_a_slice))
        (source,) = decoder.find([tmp_path / "a.nii.gz"]).sources
        with pytest.raises(InputError) as refused:
            decoder.read(source)
        assert (refused.value.code, refused.value.fields["file"]) == ("file-decoder-slow", "a.nii.gz")
        # the next request finds a fresh child
        monkeypatch.setattr(sandbox, "Child", Child)
        assert decoder.read(source).shape == (3, 4, 5)


def test_where_nobody_tells_of_processors_the_clock_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "processor_seconds", lambda _pid: None)
    spell = Spell(os.getpid())
    time.sleep(0.3)
    assert not spell.outlasts(Patience(0.1, NEVER))
    assert spell.outlasts(Patience(0.1, 0.2))


def test_this_process_is_told_of_as_it_counts_itself() -> None:
    told, counted = processor_seconds(os.getpid()), time.process_time()
    assert told is not None
    assert told == pytest.approx(counted, abs=0.1)
    # the number of no process
    assert processor_seconds(2**22 + 1) is None


def test_the_bounds() -> None:
    assert Patience(10.0, 120.0) == PATIENCE
    assert PATIENCE.more(5.0) == Patience(15.0, 180.0)
