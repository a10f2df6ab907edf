"""The journal of an annotation: every step on the disk within moments.

One file holds, in order, each step as the XOR of its voxels and each undo and
redo as a marker. After a crash what the saved version lacks is done again from
it, and after any restart it gives the undo history back.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Literal

from core.editing.steps import Step
from core.errors import MeninxError, StorageError
from core.io import atomic
from core.project.journal_file import FRAME, HEADER_SIZE, Header, JournalFile, Record, encode_record, load_step

DISK_LIMIT = 512 << 20
"""Bytes a journal may take before its oldest steps are dropped."""
SYNC_SECONDS = 0.25
"""At most so often is the disk asked to flush; well below the promised 2 s."""
_RETRY_SECONDS = 1.0
_MARGIN = 16

Prepare = Callable[[], tuple[Path, Header]]
"""Says where the journal lies and what a new one belongs to. Runs in the journal's own thread."""


class Journal:
    """Writes steps down from a thread of its own, so that no stroke waits for the disk.

    Parameters
    ----------
    prepare
        Asked once, at the first record: an annotation comes into being only when
        something was drawn.
    known
        The file as it was read back, if there is one.

    Notes
    -----
    :meth:`record_step`, :meth:`record_move`, :meth:`load` and :attr:`floor` belong to the
    editor's thread; the saver calls :meth:`sync` and :meth:`trim`.
    """

    def __init__(self, prepare: Prepare, known: JournalFile | None = None) -> None:
        self._prepare = prepare
        self._places: dict[int, tuple[int, int]] = dict(known.places) if known is not None else {}
        self._path: Path | None = known.file if known is not None else None
        self._queue: deque[Record] = deque()
        self._changed = threading.Condition()
        self._file_lock = threading.Lock()
        self._trim_lock = threading.Lock()
        self._file: atomic.AppendFile | None = None
        self._last = known.last if known is not None else 0
        self._enqueued = 0
        self._written = 0
        self._on_disk = 0
        self._asked = 0
        self._attempts = 0
        self._last_sync = 0.0
        self._closing = False
        self._thread: threading.Thread | None = None
        self.error: MeninxError | None = None
        self.floor = 0

    # -- the editor's side ----------------------------------------------------------------

    def record_step(self, step: Step) -> None:
        """Write down a step; returns at once."""
        self._enqueue(Record(step.sequence, "step", step, at=int(time.time())))

    def record_move(self, sequence: int, kind: Literal["undo", "redo"]) -> None:
        """Write down that the last step was taken back or done again; returns at once."""
        self._enqueue(Record(sequence, kind, at=int(time.time())))

    def load(self, sequence: int) -> Step | None:
        """Return a step written before, None if it was dropped for room."""
        with self._changed:
            for record in self._queue:
                if record.sequence == sequence:
                    return record.step
        with self._file_lock:
            return load_step(self._path, self._places.get(sequence)) if self._path is not None else None

    def _enqueue(self, record: Record) -> None:
        with self._changed:
            self._queue.append(record)
            self._enqueued += 1
            self._last = record.sequence
            self._start()
            self._changed.notify_all()

    def _start(self) -> None:
        """Start the writer if none runs; under ``_changed``."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="meninx-journal", daemon=True)
            self._thread.start()

    # -- the saver's side -----------------------------------------------------------------

    def sync(self, timeout: float = 10.0) -> None:
        """Wait until all records so far are on the disk.

        Raises
        ------
        MeninxError
            What the disk said, or ``journal-slow`` after the timeout. The records are
            kept and tried again.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            wanted = self._enqueued
            attempts = self._attempts
            self._asked = max(self._asked, wanted)
            self._changed.notify_all()
            while self._on_disk < wanted:
                if self.error is not None and self._thread is None and not self._closing:
                    # the writer met a fault before this wait began: say so now, and let another try
                    error = self.error
                    self._start()
                    raise error
                if self.error is not None and self._attempts > attempts:
                    raise self.error
                if not self._changed.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                    raise StorageError("journal-slow", file=self._path or "")

    def close(self) -> None:
        """Write what is left and stop. A step that comes later nevertheless is still written.

        Raises
        ------
        MeninxError
            If what is left cannot be written; the thread has ended nevertheless.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()
        with self._file_lock:
            file, self._file = self._file, None
            if file is not None:
                # what counts was flushed by the thread; closing flushes once more
                with contextlib.suppress(MeninxError):
                    file.close()
        if self._on_disk < self._enqueued and self.error is not None:
            raise self.error

    def trim(self, saved: int, base: Callable[[int], bytes], *, limit: int = DISK_LIMIT) -> int:
        """Drop the oldest steps if the file has grown past a limit.

        Parameters
        ----------
        saved
            Sequence that the saved version holds; what comes after it stays.
        base
            Gives :func:`base_hash` at that sequence.

        Returns
        -------
        int
            Steps dropped.

        Raises
        ------
        StorageError
            The old file is intact.
        """
        with self._trim_lock:
            return self._trim(saved, base, limit)

    def _trim(self, saved: int, base: Callable[[int], bytes], limit: int) -> int:
        with self._file_lock:
            if self._file is None or self._path is None or self._file.size <= limit:
                return 0
            path, size = self._path, self._file.size
        old = JournalFile(path, size)
        stack, position, later = _stack_at(old, saved)
        with self._changed:
            # every undo since has a number of its own, so there are at most so many
            dropped = _drop_count(old, stack, position, limit, self._last - saved)
            if dropped == 0:
                return 0
            # from here on the editor undoes no step that is about to go
            self.floor = stack[dropped]
        kept = stack[dropped:]
        resume = Record(saved, "resume", None, len(stack) - position) if kept[-1] < saved else None
        header = replace(old.header, base=base(saved), start=saved)
        self._rewrite(old, size, header, kept, resume, later)
        return dropped

    def _rewrite(
        self, old: JournalFile, size: int, header: Header, kept: list[int], resume: Record | None, later: list[int]
    ) -> None:
        """Write the shorter file beside the old one, and hold up the writer only for the last bytes."""
        places: dict[int, tuple[int, int]] = {}
        locked = False
        try:
            with atomic.path(old.file) as temporary, old.file.open("rb") as source:
                with temporary.open("wb") as target:
                    target.write(header.encode())

                    def put(sequence: int, payload: bytes) -> None:
                        target.write(FRAME.pack(len(payload), zlib.crc32(payload)))
                        places[sequence] = (target.tell(), len(payload))
                        target.write(payload)

                    for sequence in kept:
                        put(sequence, _raw(source, old.places[sequence]))
                    if resume is not None:
                        put(resume.sequence, encode_record(resume))
                    for sequence in later:
                        put(sequence, _raw(source, old.places[sequence]))
                    target.flush()
                    os.fsync(target.fileno())
                    self._file_lock.acquire()
                    locked = True
                    shift = target.tell() - size
                    source.seek(size)
                    target.write(source.read())
                file, self._file = self._file, None
                if file is not None:
                    file.close()
            for sequence, (offset, length) in self._places.items():
                if offset >= size:
                    places[sequence] = (offset + shift, length)
            self._places = places
        finally:
            if locked:
                self._file_lock.release()

    # -- the journal's own thread -----------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._wait():
                try:
                    self._write_and_sync()
                except MeninxError as error:
                    if self._failed(error):
                        return
        except BaseException:
            # a fault of the program: the next step starts another thread
            with self._changed:
                self.error = MeninxError("save-stopped", file=self._path or "")
                self._attempts += 1
                self._thread = None
                self._changed.notify_all()
            raise

    def _wait(self) -> bool:
        """Wait until there is something to write or to flush; False when it is time to end."""
        with self._changed:
            while not (self._queue or self._written > self._on_disk):
                if self._closing:
                    self._thread = None
                    return False
                self._changed.wait()
            return True

    def _write_and_sync(self) -> None:
        with self._changed:
            batch = list(self._queue)
            hurry = self._closing or self._asked > self._on_disk
        for record in batch:
            payload = encode_record(record)
            with self._file_lock:
                file = self._opened()
                file.append(payload)
                self._places[record.sequence] = (file.size - len(payload), len(payload))
            with self._changed:
                self._queue.popleft()
                self._written += 1
        pause = self._last_sync + SYNC_SECONDS - time.monotonic()
        if pause > 0 and not hurry:
            with self._changed:
                self._changed.wait(pause)
            return
        with self._file_lock:
            if self._file is not None:
                self._file.sync()
        self._last_sync = time.monotonic()
        with self._changed:
            self._on_disk = self._written
            self.error = None
            self._changed.notify_all()

    def _failed(self, error: MeninxError) -> bool:
        """Tell those who wait, then pause; say whether to give up (closing)."""
        with self._changed:
            self.error = error
            self._attempts += 1
            self._changed.notify_all()
            if self._closing:
                self._thread = None
                return True
            self._changed.wait(_RETRY_SECONDS)
            return False

    def _opened(self) -> atomic.AppendFile:
        if self._file is None:
            path, header = self._prepare()
            atomic.make_folder(path.parent)
            self._file = atomic.AppendFile(path, header.encode(), header_size=HEADER_SIZE)
            self._path = path
        return self._file


def _stack_at(file: JournalFile, saved: int) -> tuple[list[int], int, list[int]]:
    """Return the steps' sequences and the position at ``saved``, and the numbers of the records after it."""
    stack: list[int] = []
    position = 0
    later = []
    for record in file.records():
        if record.sequence > saved:
            later.append(record.sequence)
        elif record.kind == "step":
            del stack[position:]
            stack.append(record.sequence)
            position += 1
        elif record.kind == "resume":
            position = len(stack) - record.undone
        else:
            position += 1 if record.kind == "redo" else -1
    return stack, position, later


def _drop_count(file: JournalFile, stack: list[int], position: int, limit: int, later: int) -> int:
    """Say how many of the oldest steps go, so that three quarters of the limit are left."""
    size = file.size
    count = 0
    most = min(position - later - _MARGIN, len(stack) - 1)
    while count < most and size > limit * 3 // 4:
        size -= FRAME.size + file.places[stack[count]][1]
        count += 1
    return max(0, count)


def _raw(source: BinaryIO, place: tuple[int, int]) -> bytes:
    source.seek(place[0])
    return source.read(place[1])
