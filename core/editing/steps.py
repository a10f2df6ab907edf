"""One undoable step: which voxels changed (as XOR) and which slices' states.

A step is its own inverse for the voxels: applying the XOR again takes it back.
The states of slices carry their value before and after. A step may change several
layers, and is done, undone, written down and read back as a whole.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from core.errors import ProjectError
from core.geometry import Box
from core.late import cv2
from core.project.records import Origin, SliceState

NOWHERE = Box((0, 0, 0), (0, 0, 0))
"""Box of a step that changes no voxel."""

Layers = dict[str, NDArray[np.uint8]]
States = dict[str, dict[int, SliceState]]
"""Layer name to slice (native axis 0) to its state; a slice that is absent is untouched."""

_PLANES, _RAW = 1, 2
_MAX_PLANES = 16
_BIG = 1 << 20


@dataclass(frozen=True, slots=True)
class StateChange:
    """What became of one slice of one layer; None = no state (untouched)."""

    layer: str
    slice: int
    before: SliceState | None
    after: SliceState | None


@dataclass(frozen=True, slots=True)
class Part:
    """Changed voxels of one layer inside one box.

    Parameters
    ----------
    layer
        The layer.
    box
        Tightest box around the voxels, never empty.
    payload
        Packed XOR of the box, see :func:`pack`; empty in a step that the history
        holds by name only.
    """

    layer: str
    box: Box
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the history.

    Parameters
    ----------
    sequence
        Its number in the journal; grows by one with every record.
    action
        Key of its name (``"brush"``, ``"correct"``, ``"finish"``).
    layers
        Every layer it touches, by its voxels or by its slices' states.
    label_value
        The label drawn or erased, 0 if it concerns none or several.
    spans
        The native slices (array axis 0) it touches, as half-open runs, ascending.
    parts
        The changed voxels. A layer may have several parts: a large change is cut into
        runs of slices, so that each stays small. The parts of a layer don't overlap.
    changes
        Packed state changes, see :func:`pack_changes`.
    """

    sequence: int
    action: str
    layers: tuple[str, ...]
    label_value: int
    spans: tuple[tuple[int, int], ...]
    parts: tuple[Part, ...]
    changes: bytes = field(repr=False)

    @property
    def layer(self) -> str:
        """The layer it is about first of all."""
        return self.layers[0]

    @property
    def box(self) -> Box:
        """Tightest box around all changed voxels, :data:`NOWHERE` if none changed."""
        return union_box(part.box for part in self.parts)

    def box_of(self, layer: str) -> Box:
        """Return the tightest box around the changed voxels of one layer, :data:`NOWHERE` if none changed."""
        return union_box(part.box for part in self.parts if part.layer == layer)

    @property
    def slices(self) -> tuple[int, ...]:
        """The native slices that it touches, ascending."""
        return tuple(number for start, stop in self.spans for number in range(start, stop))

    @property
    def state_changes(self) -> tuple[StateChange, ...]:
        """The slices' states before and after, unpacked anew each time."""
        return unpack_changes(self.changes)

    @property
    def cost(self) -> int:
        """Bytes it takes in memory, about."""
        payloads = sum(len(part.payload) + 250 for part in self.parts)
        return payloads + len(self.changes) + 300 + 120 * len(self.spans)

    def without_content(self) -> Step:
        """Return the step by its name and place only."""
        return replace(self, parts=tuple(replace(part, payload=b"") for part in self.parts), changes=b"")


def union_box(boxes: Iterable[Box]) -> Box:
    """Return the smallest box around all, :data:`NOWHERE` for none."""
    whole: Box | None = None
    for box in boxes:
        whole = box if whole is None else whole.union(box)
    return NOWHERE if whole is None else whole


def voxels_of(step: Step) -> int:
    """Return how many voxels the boxes of a step hold."""
    return sum(int(np.prod(part.box.shape, dtype=np.int64)) for part in step.parts)


def spans_of(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Turn slice numbers into half-open runs, ascending."""
    runs: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if runs and runs[-1][1] == number:
            runs[-1] = (runs[-1][0], number + 1)
        else:
            runs.append((number, number + 1))
    return tuple(runs)


def apply_states(changes: Iterable[StateChange], states: States, *, forward: bool) -> None:
    """Set the slices' states to what they were after (or before) a step."""
    for change in changes:
        state = change.after if forward else change.before
        of_layer = states.setdefault(change.layer, {})
        if state is None:
            of_layer.pop(change.slice, None)
        else:
            of_layer[change.slice] = state


def pack(xor: NDArray[np.uint8]) -> bytes:
    """Compress the XOR of a box, uint8 ``[z, y, x]``.

    A stroke flips few distinct values, mostly one, so each value's voxels become
    one bit each before compression; beyond 16 values the bytes are compressed as
    they are.
    """
    # several times as fast as numpy's ways, and no copy; only whether a bin is empty matters
    histogram = cv2.calcHist([xor.reshape(-1, xor.shape[2])], [0], None, [256], [0, 256])
    values = np.flatnonzero(histogram[1:]) + 1
    level = 1 if xor.size > _BIG else 6
    if len(values) > _MAX_PLANES:
        return bytes((_RAW,)) + zlib.compress(xor.tobytes(), level)
    bits = b"".join(np.packbits(xor == value).tobytes() for value in values)
    return bytes((_PLANES, len(values), *(int(value) for value in values))) + zlib.compress(bits, level)


def unpack(payload: bytes, box: Box) -> NDArray[np.uint8]:
    """Return the XOR of a box, uint8 ``[z, y, x]``.

    Raises
    ------
    ProjectError
        ``journal-damaged`` if the bytes are not a packed XOR of this box.
    """
    size = int(np.prod(box.shape, dtype=np.int64))
    if payload[:1] == bytes((_RAW,)):
        return np.frombuffer(_inflate(payload[1:], size), dtype=np.uint8).reshape(box.shape)
    if payload[:1] != bytes((_PLANES,)) or len(payload) < 2 or len(payload) < 2 + payload[1]:
        raise ProjectError("journal-damaged")
    values = payload[2 : 2 + payload[1]]
    width = (size + 7) // 8
    bits = _inflate(payload[2 + payload[1] :], width * len(values))
    xor = np.zeros(0 if values else size, dtype=np.uint8)
    for place, value in enumerate(values):
        plane = np.unpackbits(np.frombuffer(bits, dtype=np.uint8, count=width, offset=place * width), count=size)
        if value != 1:
            plane *= np.uint8(value)
        xor = plane if place == 0 else np.bitwise_or(xor, plane, out=xor)
    return xor.reshape(box.shape)


def flipped(part: Part) -> tuple[int, ...]:
    """Return the values other than 0 that occur in the XOR of a part, ascending.

    Raises
    ------
    ProjectError
        As :func:`unpack`.
    """
    payload = part.payload
    if payload[:1] == bytes((_PLANES,)) and len(payload) > 1:
        # a plane each
        return tuple(payload[2 : 2 + payload[1]])
    return tuple(int(value) for value in np.unique(unpack(payload, part.box)) if value)


def _inflate(data: bytes, size: int) -> bytes:
    """Decompress to exactly ``size`` bytes and never to more."""
    inflater = zlib.decompressobj()
    try:
        raw = inflater.decompress(data, size + 1)
    except zlib.error as error:
        raise ProjectError("journal-damaged") from error
    # at its end zlib has compared its own checksum
    if len(raw) != size or not inflater.eof:
        raise ProjectError("journal-damaged")
    return raw


def pack_changes(changes: Iterable[StateChange]) -> bytes:
    """Compress state changes; empty bytes for none."""
    rows = [[change.layer, change.slice, _plain(change.before), _plain(change.after)] for change in changes]
    return zlib.compress(json.dumps(rows, separators=(",", ":")).encode()) if rows else b""


def unpack_changes(data: bytes) -> tuple[StateChange, ...]:
    """Return packed state changes.

    Raises
    ------
    ProjectError
        ``journal-damaged`` if the bytes are not packed state changes.
    """
    if not data:
        return ()
    try:
        rows = json.loads(zlib.decompress(data))
        return tuple(
            StateChange(str(row[0]), int(row[1]), _state(row[1], row[2]), _state(row[1], row[3])) for row in rows
        )
    except (zlib.error, ValueError, TypeError, IndexError, KeyError) as error:
        raise ProjectError("journal-damaged") from error


def _plain(state: SliceState | None) -> list[object] | None:
    if state is None:
        return None
    return [str(state.origin), state.run, state.finished, state.reader, state.seconds]


def _state(number: int, row: list[object] | None) -> SliceState | None:
    if row is None:
        return None
    origin, run, finished, reader, seconds = row
    run_name = None if run is None else str(run)
    return SliceState(int(number), Origin(str(origin)), run_name, bool(finished), str(reader), float(str(seconds)))


def state_rows(states: Mapping[int, SliceState]) -> list[SliceState]:
    """Return the states of a layer in slice order."""
    return [states[number] for number in sorted(states)]
