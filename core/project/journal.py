"""The journal of an annotation: every step on the disk within moments.

One file holds, in order, each step as the XOR of its voxels and each undo and
redo as a marker. After a crash what the saved version lacks is done again from
it, and after any restart it gives the undo history back.

Layout, little-endian: a header (magic, version, annotation, base hash, base
sequence, CRC), then records of ``u32 length, u32 crc32`` and

    u64 sequence · u32 length, JSON operation · 6 x u32 bounding box (low z y x,
    high z y x) · u32 length, packed XOR · u32 length, packed slice-state changes

The base hash names the saved layer versions as they were at the base sequence;
a journal over other masks is never applied (XOR on the wrong mask would be
noise).
"""

from __future__ import annotations

import hashlib
import json
import struct
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from core.editing.steps import NOWHERE, Step
from core.errors import MeninxError, ProjectError, StorageError
from core.geometry import Box
from core.io import atomic
from core.project.records import LayerVersion

MAGIC = b"MNXJRNL\n"
VERSION = 1
DISK_LIMIT = 512 << 20
"""Bytes a journal may take before its oldest steps are dropped."""
SYNC_SECONDS = 0.25
"""At most so often is the disk asked to flush; well below the promised 2 s."""
_RETRY_SECONDS = 1.0
_MARGIN = 16

_HEADER = struct.Struct("<8sHxx26s32sQ")
_CRC = struct.Struct("<I")
HEADER_SIZE = _HEADER.size + _CRC.size
_FRAME = struct.Struct("<II")
_HEAD = struct.Struct("<QI")
_BOX = struct.Struct("<6I")
_LENGTH = struct.Struct("<I")

Kind = Literal["step", "undo", "redo", "resume"]


@dataclass(frozen=True, slots=True)
class Header:
    """What a journal belongs to.

    Parameters
    ----------
    annotation
        Its id, 26 characters.
    base
        :func:`base_hash` of the layer versions at ``start``.
    start
        Records up to this sequence are history only; the base holds them already.
    """

    annotation: str
    base: bytes
    start: int

    def encode(self) -> bytes:
        """Return the header's bytes."""
        body = _HEADER.pack(MAGIC, VERSION, self.annotation.encode("ascii"), self.base, self.start)
        return body + _CRC.pack(zlib.crc32(body))

    @classmethod
    def decode(cls, data: bytes) -> Header:
        """Read a header.

        Raises
        ------
        ProjectError
            ``journal-damaged``; ``journal-newer`` if a newer version wrote it.
        """
        if len(data) < HEADER_SIZE or not data.startswith(MAGIC):
            raise ProjectError("journal-damaged")
        body = data[: _HEADER.size]
        if zlib.crc32(body) != _CRC.unpack_from(data, _HEADER.size)[0]:
            raise ProjectError("journal-damaged")
        _, version, annotation, base, start = _HEADER.unpack(body)
        if version > VERSION:
            raise ProjectError("journal-newer")
        return cls(annotation.decode("ascii"), base, start)


@dataclass(frozen=True, slots=True)
class Record:
    """One entry. ``undone`` of a ``resume``: so many of the steps before it are taken back."""

    sequence: int
    kind: Kind
    step: Step | None = None
    undone: int = 0


def base_hash(versions: Mapping[str, Iterable[LayerVersion]], start: int) -> bytes:
    """Name the saved layers as they were at a journal sequence.

    Parameters
    ----------
    versions
        All saved versions by layer. One that was imported has the journal sequence
        0: it changes the name, whenever it came, so a journal over the mask that
        was there before no longer fits.
    start
        The sequence.
    """
    rows = []
    for layer, of_layer in sorted(versions.items()):
        at_start = [version for version in of_layer if version.journal_sequence <= start]
        if at_start:
            last = max(at_start, key=lambda version: version.sequence)
            rows.append([layer, last.sequence, last.sha256])
    return hashlib.sha256(json.dumps(rows).encode()).digest()


def encode_record(record: Record) -> bytes:
    """Return a record's payload (without length and CRC)."""
    step = record.step
    operation: dict[str, object] = {"op": record.kind}
    box, payload, changes = NOWHERE, b"", b""
    if step is not None:
        operation |= {"action": step.action, "layer": step.layer, "label": step.label_value}
        box, payload, changes = step.box, step.payload, step.changes
    if record.kind == "resume":
        operation["undone"] = record.undone
    words = json.dumps(operation, separators=(",", ":")).encode()
    parts = (
        _HEAD.pack(record.sequence, len(words)) + words,
        _BOX.pack(*box.low, *box.high),
        _LENGTH.pack(len(payload)) + payload,
        _LENGTH.pack(len(changes)) + changes,
    )
    return b"".join(parts)


def decode_record(data: bytes) -> Record:
    """Read a record's payload.

    Raises
    ------
    ProjectError
        ``journal-damaged``.
    """
    try:
        sequence, length = _HEAD.unpack_from(data)
        at = _HEAD.size + length
        operation = json.loads(data[_HEAD.size : at])
        corners = _BOX.unpack_from(data, at)
        payload, at = _blob(data, at + _BOX.size)
        changes, at = _blob(data, at)
        kind = operation["op"]
        if at != len(data) or kind not in ("step", "undo", "redo", "resume"):
            raise ProjectError("journal-damaged")
        if kind != "step":
            return Record(sequence, kind, None, int(operation.get("undone", 0)))
        box = Box(corners[:3], corners[3:])
        action, layer, label = str(operation["action"]), str(operation["layer"]), int(operation["label"])
        return Record(sequence, "step", Step(sequence, action, layer, label, box, payload, changes))
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise ProjectError("journal-damaged") from error


def _blob(data: bytes, at: int) -> tuple[bytes, int]:
    (length,) = _LENGTH.unpack_from(data, at)
    start = at + _LENGTH.size
    if start + length > len(data):
        raise ProjectError("journal-damaged")
    return data[start : start + length], start + length


class JournalFile:
    """A journal read back: checked whole before any of it is used.

    Parameters
    ----------
    file
        The journal. A torn tail (a record the crash cut short) is passed over.

    Raises
    ------
    ProjectError
        ``journal-damaged`` if anything but the tail is wrong, ``journal-newer``.
    StorageError
        ``read-failed`` if the disk fails.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.places: dict[int, tuple[int, int]] = {}
        self.last = 0
        try:
            with file.open("rb") as stream:
                self.header = Header.decode(stream.read(HEADER_SIZE))
                size = file.stat().st_size
                at = HEADER_SIZE
                while (payload := _framed(stream.read(_FRAME.size), stream.read, size - at)) is not None:
                    sequence = _HEAD.unpack_from(payload)[0] if len(payload) >= _HEAD.size else 0
                    if sequence <= self.last:
                        raise ProjectError("journal-damaged")
                    self.last = sequence
                    self.places[sequence] = (at + _FRAME.size, len(payload))
                    at += _FRAME.size + len(payload)
                stream.seek(at)
                self._check_tail(stream.read())
        except OSError as error:
            raise StorageError("read-failed", file=file, reason=type(error).__name__) from error
        self.size = at

    def _check_tail(self, tail: bytes) -> None:
        """Refuse the file if whole records follow the one that is broken: then it is no torn tail."""
        at = -1
        wanted = struct.pack("<Q", self.last + 2)
        while (at := tail.find(wanted, at + 1)) >= 0:
            start = at - _FRAME.size
            if start >= 0:
                length, checksum = _FRAME.unpack_from(tail, start)
                payload = tail[at : at + length]
                if len(payload) == length and zlib.crc32(payload) == checksum:
                    raise ProjectError("journal-damaged")

    def records(self) -> Iterator[Record]:
        """Give all records in order."""
        with self.file.open("rb") as stream:
            for offset, length in self.places.values():
                stream.seek(offset)
                yield decode_record(stream.read(length))

    # the source of old steps for a history that is being read back

    floor = 0

    def load(self, sequence: int) -> Step | None:
        """Return one step, None if it is not here."""
        return _load(self.file, self.places.get(sequence))


def _framed(frame: bytes, read: Callable[[int], bytes], left: int) -> bytes | None:
    """Read one record's payload; None at the end or where the file is broken."""
    if len(frame) < _FRAME.size:
        return None
    length, checksum = _FRAME.unpack(frame)
    if length == 0 or length > left - _FRAME.size:
        return None
    payload = read(length)
    return payload if len(payload) == length and zlib.crc32(payload) == checksum else None


def _load(file: Path, place: tuple[int, int] | None) -> Step | None:
    if place is None:
        return None
    try:
        with file.open("rb") as stream:
            stream.seek(place[0])
            return decode_record(stream.read(place[1])).step
    except OSError as error:
        raise StorageError("read-failed", file=file, reason=type(error).__name__) from error


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
        self._file: atomic.AppendFile | None = None
        self._enqueued = 0
        self._written = 0
        self._on_disk = 0
        self._asked = 0
        self._attempts = 0
        self._closing = False
        self._thread: threading.Thread | None = None
        self.error: MeninxError | None = None
        self.floor = 0

    # -- the editor's side ----------------------------------------------------------------

    def record_step(self, step: Step) -> None:
        """Write down a step; returns at once."""
        self._enqueue(Record(step.sequence, "step", step))

    def record_move(self, sequence: int, kind: Literal["undo", "redo"]) -> None:
        """Write down that the last step was taken back or done again; returns at once."""
        self._enqueue(Record(sequence, kind))

    def load(self, sequence: int) -> Step | None:
        """Return a step written before, None if it was dropped for room."""
        with self._changed:
            for record in self._queue:
                if record.sequence == sequence:
                    return record.step
        with self._file_lock:
            return _load(self._path, self._places.get(sequence)) if self._path is not None else None

    def _enqueue(self, record: Record) -> None:
        with self._changed:
            self._queue.append(record)
            self._enqueued += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="meninx-journal", daemon=True)
                self._thread.start()
            self._changed.notify_all()

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
                if self.error is not None and self._attempts > attempts:
                    raise self.error
                if not self._changed.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                    raise StorageError("journal-slow", file=self._path or "")

    def close(self) -> None:
        """Write what is left and stop.

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
            if self._file is not None:
                self._file.close()
                self._file = None
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
        with self._file_lock:
            if self._file is None or self._path is None or self._file.size <= limit:
                return 0
            old = JournalFile(self._path)
            stack, position, later = _stack_at(old, saved)
            with self._changed:
                later_undos = sum(record.kind == "undo" for record in (*later, *self._queue))
                dropped = _drop_count(old, stack, position, limit, later_undos)
                if dropped == 0:
                    return 0
                # from here on the editor undoes no step that is about to go
                self.floor = stack[dropped]
            kept = stack[dropped:]
            undone = len(stack) - position
            pieces = [_raw(old, sequence) for sequence in kept]
            if kept[-1] < saved:
                pieces.append(encode_record(Record(saved, "resume", None, undone)))
            pieces.extend(_raw(old, record.sequence) for record in later)
            header = replace(old.header, base=base(saved), start=saved).encode()
            framed = (_FRAME.pack(len(piece), zlib.crc32(piece)) + piece for piece in pieces)
            self._file.close()
            self._file = None
            atomic.write_bytes(self._path, header + b"".join(framed))
            self._places = JournalFile(self._path).places
            return dropped

    # -- the journal's own thread -----------------------------------------------------------

    def _run(self) -> None:
        last_sync = 0.0
        while True:
            with self._changed:
                while not (self._queue or self._closing or self._written > self._on_disk):
                    self._changed.wait()
                batch = list(self._queue)
                if not batch and self._written == self._on_disk:
                    return
                hurry = self._closing or self._asked > self._on_disk
            try:
                self._write(batch)
                pause = last_sync + SYNC_SECONDS - time.monotonic()
                if pause > 0 and not hurry:
                    with self._changed:
                        self._changed.wait(pause)
                    continue
                with self._file_lock:
                    if self._file is not None:
                        self._file.sync()
                last_sync = time.monotonic()
            except MeninxError as error:
                if self._failed(error):
                    return
                continue
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
                return True
            self._changed.wait(_RETRY_SECONDS)
            return False

    def _write(self, batch: list[Record]) -> None:
        """Append records and take them off the queue one by one."""
        for record in batch:
            payload = encode_record(record)
            with self._file_lock:
                file = self._opened()
                file.append(payload)
                self._places[record.sequence] = (file.size - len(payload), len(payload))
            with self._changed:
                self._queue.popleft()
                self._written += 1

    def _opened(self) -> atomic.AppendFile:
        if self._file is None:
            path, header = self._prepare()
            atomic.make_folder(path.parent)
            self._file = atomic.AppendFile(path, header.encode(), header_size=HEADER_SIZE)
            self._path = path
        return self._file


def _stack_at(file: JournalFile, saved: int) -> tuple[list[int], int, list[Record]]:
    """Return the steps' sequences and the position at ``saved``, and the records after it."""
    stack: list[int] = []
    position = 0
    later = []
    for record in file.records():
        if record.sequence > saved:
            later.append(replace(record, step=None))
        elif record.kind == "step":
            del stack[position:]
            stack.append(record.sequence)
            position += 1
        elif record.kind == "resume":
            position = len(stack) - record.undone
        else:
            position += 1 if record.kind == "redo" else -1
    return stack, position, later


def _drop_count(file: JournalFile, stack: list[int], position: int, limit: int, later_undos: int) -> int:
    """Say how many of the oldest steps go, so that three quarters of the limit are left."""
    size = file.size
    count = 0
    most = min(position - later_undos - _MARGIN, len(stack) - 1)
    while count < most and size > limit * 3 // 4:
        size -= _FRAME.size + file.places[stack[count]][1]
        count += 1
    return max(0, count)


def _raw(file: JournalFile, sequence: int) -> bytes:
    offset, length = file.places[sequence]
    with file.file.open("rb") as stream:
        stream.seek(offset)
        return stream.read(length)
