"""The journal's file: what it looks like, and reading it back.

Layout, little-endian: a header (magic, version, annotation, base hash, base
sequence, CRC), then records of ``u32 length, u32 crc32`` and

    u64 sequence · u32 length, JSON operation · u32 length, packed slice-state
    changes · u32 count of parts · per part: u32 place of its layer in the
    operation's list · 6 x u32 bounding box (low z y x, high z y x) · u32 length,
    packed XOR

One step is one record, whatever number of layers it changes: a crash leaves all
of it or nothing.

The base hash names the saved layer versions as they were at the base sequence;
a journal over other masks is never applied (XOR on the wrong mask would be
noise).
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.editing.steps import Part, Step
from core.errors import ProjectError, StorageError
from core.geometry import Box
from core.project.records import LayerVersion

MAGIC = b"MNXJRNL\n"
VERSION = 2
"""1 was never released: it had one layer per step."""

_HEADER = struct.Struct("<8sHxx26s32sQ")
_CRC = struct.Struct("<I")
HEADER_SIZE = _HEADER.size + _CRC.size
FRAME = struct.Struct("<II")
_HEAD = struct.Struct("<QI")
_PART = struct.Struct("<7I")
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
        if version < VERSION:
            raise ProjectError("journal-damaged")
        return cls(annotation.decode("ascii"), base, start)


@dataclass(frozen=True, slots=True)
class Record:
    """One entry.

    ``undone`` of a ``resume``: so many of the steps before it are taken back. ``at``: when
    it was made, whole seconds since 1970 UTC, 0 if not known.
    """

    sequence: int
    kind: Kind
    step: Step | None = None
    undone: int = 0
    at: int = 0


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
    rows: list[list[object]] = []
    for layer, found in sorted(versions.items()):
        of_layer = list(found)
        at_start = [version for version in of_layer if version.journal_sequence <= start]
        if at_start:
            last = max(at_start, key=lambda version: version.sequence)
            # values that a merge changed: the steps are of the values before
            rows.append([layer, last.sequence, last.sha256, *([last.remap] if last.remap else [])])
        # the steps to versions saved since are of the values before, too
        later = [[one.sequence, one.remap] for one in of_layer if one.journal_sequence > start and one.remap]
        if later:
            rows.append([layer, later])
    return hashlib.sha256(json.dumps(rows).encode()).digest()


def encode_record(record: Record) -> bytes:
    """Return a record's payload (without length and CRC)."""
    step = record.step
    operation: dict[str, object] = {"op": record.kind}
    changes, parts = b"", b""
    count = 0
    if step is not None:
        operation |= {"action": step.action, "layers": step.layers, "label": step.label_value, "slices": step.spans}
        changes, count = step.changes, len(step.parts)
        parts = b"".join(
            _PART.pack(step.layers.index(part.layer), *part.box.low, *part.box.high)
            + _LENGTH.pack(len(part.payload))
            + part.payload
            for part in step.parts
        )
    if record.kind == "resume":
        operation["undone"] = record.undone
    if record.at:
        operation["at"] = record.at
    words = json.dumps(operation, separators=(",", ":")).encode()
    return b"".join(
        (
            _HEAD.pack(record.sequence, len(words)) + words,
            _LENGTH.pack(len(changes)) + changes,
            _LENGTH.pack(count) + parts,
        )
    )


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
        changes, at = _blob(data, at)
        kind = operation["op"]
        if kind not in ("step", "undo", "redo", "resume"):
            raise ProjectError("journal-damaged")
        layers = tuple(str(layer) for layer in operation["layers"]) if kind == "step" else ()
        parts, at = _parts(data, at, layers)
        if at != len(data):
            raise ProjectError("journal-damaged")
        made = int(operation.get("at", 0))
        if kind != "step":
            return Record(sequence, kind, None, int(operation.get("undone", 0)), made)
        spans = tuple((int(start), int(stop)) for start, stop in operation["slices"])
        label = int(operation["label"])
        if not layers:
            raise ProjectError("journal-damaged")
        step = Step(sequence, str(operation["action"]), layers, label, spans, parts, changes)
        return Record(sequence, "step", step, at=made)
    except (struct.error, ValueError, KeyError, TypeError, IndexError) as error:
        raise ProjectError("journal-damaged") from error


def _parts(data: bytes, at: int, layers: tuple[str, ...]) -> tuple[tuple[Part, ...], int]:
    """Read the parts that start at an offset; return where they end too."""
    (count,) = _LENGTH.unpack_from(data, at)
    at += _LENGTH.size
    parts = []
    for _ in range(count):
        place, *corners = _PART.unpack_from(data, at)
        payload, at = _blob(data, at + _PART.size)
        low, high = (corners[0], corners[1], corners[2]), (corners[3], corners[4], corners[5])
        parts.append(Part(layers[place], Box(low, high), payload))
    return tuple(parts), at


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
    size
        Look at so many bytes only, while a writer goes on behind them.
    synced
        Records up to this one are known to have been on the disk. What a power cut leaves behind them may
        have holes: then the tail begins at the first. None: nothing but the last record may be torn.

    Raises
    ------
    ProjectError
        ``journal-damaged`` if anything but the tail is wrong, ``journal-newer``.
    StorageError
        ``read-failed`` if the disk fails.

    Attributes
    ----------
    holes
        Whether whole records follow the first that is broken.
    """

    def __init__(self, file: Path, size: int | None = None, *, synced: int | None = None) -> None:
        self.file = file
        self.holes = False
        self._synced = synced
        self.places: dict[int, tuple[int, int]] = {}
        self.last = 0
        try:
            with file.open("rb") as stream:
                self.header = Header.decode(stream.read(HEADER_SIZE))
                size = file.stat().st_size if size is None else size
                at = HEADER_SIZE
                while (payload := _framed(stream.read(FRAME.size), stream.read, size - at)) is not None:
                    sequence = _HEAD.unpack_from(payload)[0] if len(payload) >= _HEAD.size else 0
                    if sequence <= self.last:
                        raise ProjectError("journal-damaged")
                    self.last = sequence
                    self.places[sequence] = (at + FRAME.size, len(payload))
                    at += FRAME.size + len(payload)
                stream.seek(at)
                self._check_tail(stream.read(size - at))
        except OSError as error:
            raise StorageError("read-failed", file=file, reason=type(error).__name__) from error
        self.size = at

    def _check_tail(self, tail: bytes) -> None:
        """Refuse the file if whole records follow the one that is broken: then it is no torn tail."""
        at = -1
        wanted = struct.pack("<Q", self.last + 2)
        while (at := tail.find(wanted, at + 1)) >= 0:
            start = at - FRAME.size
            if start >= 0:
                length, checksum = FRAME.unpack_from(tail, start)
                payload = tail[at : at + length]
                if len(payload) == length and zlib.crc32(payload) == checksum:
                    if self._synced is None or self.last < self._synced:
                        raise ProjectError("journal-damaged")
                    self.holes = True

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
        return load_step(self.file, self.places.get(sequence))


def _framed(frame: bytes, read: Callable[[int], bytes], left: int) -> bytes | None:
    """Read one record's payload; None at the end or where the file is broken."""
    if len(frame) < FRAME.size:
        return None
    length, checksum = FRAME.unpack(frame)
    if length == 0 or length > left - FRAME.size:
        return None
    payload = read(length)
    return payload if len(payload) == length and zlib.crc32(payload) == checksum else None


def load_step(file: Path, place: tuple[int, int] | None) -> Step | None:
    """Read the step of the record at (offset, length); None for no place or another record."""
    if place is None:
        return None
    try:
        with file.open("rb") as stream:
            stream.seek(place[0])
            return decode_record(stream.read(place[1])).step
    except OSError as error:
        raise StorageError("read-failed", file=file, reason=type(error).__name__) from error
