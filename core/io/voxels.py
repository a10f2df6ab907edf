"""The numbers of one volume as they lie in a file: plain or packed, slice by slice, never more than asked for.

Every volume format but DICOM and HDF5 comes down to this: a header, then numbers, x
fastest. Plain numbers are read slice by slice. Packed ones are unpacked forward only
and once: a slice further on is reached by unpacking up to it, and what was passed on
the way is kept, so that the middle slice can come first at no cost.
"""

from __future__ import annotations

import bz2
import contextlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from isal import isal_zlib

from core.errors import InputError
from core.geometry import Array, Geometry
from core.io.files import MAX_FILE, check_budget, opened
from core.io.source import OpenScan
from core.volume import Volume

# a class, whatever its stub says
_PACKING_FAULT = cast(type[Exception], isal_zlib.error)
_BLOCK = 1 << 16
_MOST = 1 << 17
"""Bytes read and unpacked at a time: larger pieces are asked of the system anew each time, which costs more."""
_MOST_RATIO = 1040
"""Deflate cannot pack better than about 1032 : 1; a header that claims more lies."""
_GZIP = b"\x1f\x8b"
_BZIP2 = b"BZh"


class Packing(StrEnum):
    """How a stream of numbers is packed."""

    NONE = ""
    GZIP = "gzip"
    ZLIB = "zlib"
    BZIP2 = "bzip2"


@dataclass(frozen=True)
class Layout:
    """Where the numbers of one volume lie.

    Parameters
    ----------
    path
        The file (of a pair: the one with the numbers).
    shape
        Voxels along (z, y, x).
    stored
        dtype of one number, with its byte order.
    start
        Byte of the file at which the numbers, or their packed stream, begin.
    packing
        How the stream is packed.
    skip
        Bytes of the (unpacked) stream before the first number.
    volume
        How many volumes lie before this one.
    parts
        Numbers of one voxel that lie side by side (colours, or volumes woven together).
    part
        Which of them is wanted; None for all that are kept.
    kept
        How many of the parts are kept as channels; 0: none, the volume is grey.
    """

    path: Path
    shape: tuple[int, int, int]
    stored: np.dtype[Any]
    start: int = 0
    packing: Packing = Packing.NONE
    skip: int = 0
    volume: int = 0
    parts: int = 1
    part: int | None = None
    kept: int = 0

    @property
    def slice_bytes(self) -> int:
        """Stored bytes of one slice."""
        return self.shape[1] * self.shape[2] * self.parts * self.stored.itemsize

    @property
    def begins(self) -> int:
        """Bytes of the stream before this volume's first slice."""
        return self.skip + self.volume * self.shape[0] * self.slice_bytes

    @property
    def dtype(self) -> np.dtype[Any]:
        """What the numbers are handed over as: native, of a kind that everything else can work with."""
        return native(self.stored)

    @property
    def out_shape(self) -> tuple[int, ...]:
        """``[z, y, x]`` or ``[z, y, x, c]``."""
        return self.shape + ((self.kept,) if self.kept else ())

    def plane(self, raw: bytes | bytearray | memoryview) -> Array:
        """Turn the stored bytes of one slice into ``[y, x]`` or ``[y, x, c]``."""
        numbers = np.frombuffer(raw, self.stored).reshape(*self.shape[1:], self.parts)
        wanted = numbers[..., : self.kept] if self.kept else numbers[..., self.part or 0]
        return wanted.astype(self.dtype, copy=False)


def native(stored: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that stored numbers become: no truth values, no half or quadruple floats."""
    if stored.kind == "b":
        return np.dtype("uint8")
    if stored.kind == "f" and stored.itemsize not in (4, 8):
        return np.dtype("float32" if stored.itemsize == 2 else "float64")
    return stored.newbyteorder("=")


def choose(path: Path, wanted: int | None, volumes: int) -> int:
    """Return which of several volumes is meant.

    Raises
    ------
    InputError
        ``volume-needed`` if there are several and none was chosen, ``volume-unknown``.
    """
    if wanted is None and volumes == 1:
        return 0
    if wanted is None:
        raise InputError("volume-needed", file=path.name, volumes=volumes, last=volumes - 1)
    if volumes == 1:
        # the choice was made for other files of the same import
        return 0
    if not 0 <= wanted < volumes:
        raise InputError("volume-unknown", file=path.name, volume=wanted, last=volumes - 1)
    return wanted


def scan_of(
    layout: Layout,
    geometry: Geometry,
    facts: Mapping[str, str | int | float],
    *,
    slope: float = 1.0,
    intercept: float = 0.0,
) -> OpenScan:
    """Return the open scan of a volume that lies in a file as ``layout`` says.

    Raises
    ------
    InputError
        As :func:`slices_of`.
    """
    read = slices_of(layout)
    colour = ("R", "G", "B") if layout.kept == 3 else ()
    packed = {"packing": str(layout.packing)} if layout.packing else {}
    volume = Volume(
        array=np.empty(0, layout.dtype),
        geometry=geometry,
        # a colour has no scale
        slope=1.0 if colour else slope,
        intercept=0.0 if colour else intercept,
        channels=colour,
        facts={**facts, **packed},
    )
    return OpenScan(volume, layout.out_shape, layout.dtype, read)


def slices_of(layout: Layout) -> Callable[[int], Array]:
    """Check that a volume can be there, and return what reads one slice of it.

    Raises
    ------
    InputError
        ``file-too-large``, ``file-empty``, ``file-truncated`` (less in the file than
        could hold it), ``volume-truncated`` (says how many slices are there); the
        returned function raises the same.
    """
    wanted = layout.shape[0] * layout.slice_bytes
    if min(layout.shape) < 1 or min(layout.start, layout.skip) < 0:
        raise InputError("file-empty", file=layout.path.name)
    check_budget(layout.path, int(np.prod(layout.out_shape, dtype=object)) * layout.dtype.itemsize)
    check_budget(layout.path, layout.slice_bytes)
    with opened(layout.path) as file:
        size = file.seek(0, io.SEEK_END)
    promised = layout.begins + wanted
    if promised > MAX_FILE and (layout.packing or promised > size):
        raise InputError("file-too-large", file=layout.path.name)
    if not layout.packing:
        there = (size - layout.start - layout.begins) // layout.slice_bytes
        if there < layout.shape[0]:
            raise _short(layout, there)
        return _Plain(layout).slice
    if layout.packing is not Packing.BZIP2 and promised > size * _MOST_RATIO:
        raise InputError("file-truncated", file=layout.path.name)
    return _Packed(layout).slice


def _short(layout: Layout, there: int) -> InputError:
    if there < 1:
        return InputError("file-truncated", file=layout.path.name)
    return InputError("volume-truncated", file=layout.path.name, there=there, slices=layout.shape[0])


class _Held:
    """A file that stays open while its slices are read, and closes with its last one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack: contextlib.ExitStack | None = None
        self._file: BinaryIO | None = None

    def get(self) -> BinaryIO:
        if self._file is None:
            self._stack = contextlib.ExitStack()
            self._file = self._stack.enter_context(opened(self._path))
        return self._file

    def close(self) -> None:
        if self._stack is not None:
            self._stack.close()
        self._stack = self._file = None

    def __del__(self) -> None:
        self.close()


class _Plain:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._held = _Held(layout.path)

    def slice(self, index: int) -> Array:
        layout = self._layout
        raw = bytearray(layout.slice_bytes)
        try:
            file = self._held.get()
            file.seek(layout.start + layout.begins + index * layout.slice_bytes)
            count = file.readinto(raw)  # type: ignore[attr-defined]  # BinaryIO lacks it, files and BytesIO have it
        except OSError as error:
            raise InputError("file-unreadable", file=layout.path.name) from error
        if count < len(raw):
            raise InputError("file-truncated", file=layout.path.name)
        return layout.plane(raw)


class _Packed:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._stream: Unpacking | None = None
        self._array: Array = np.empty(0, layout.dtype)
        self._buffer = bytearray()
        self._filled = 0

    def slice(self, index: int) -> Array:
        while self._filled <= index:
            self._next()
        return np.asarray(self._array[index])

    def _next(self) -> None:
        layout = self._layout
        if self._stream is None:
            self._stream = Unpacking(layout.path, layout.start, layout.packing)
            self._array = np.empty(layout.out_shape, layout.dtype)
            self._buffer = bytearray(layout.slice_bytes)
            self._stream.skip(layout.begins)
        # numbers that need no turning are unpacked to where they stay
        straight = layout.parts == 1 and layout.dtype == layout.stored
        raw = memoryview(self._array[self._filled]).cast("B") if straight else memoryview(self._buffer)
        if self._stream.fill(raw) < layout.slice_bytes:
            raise _short(layout, self._filled)
        if not straight:
            self._array[self._filled] = layout.plane(raw)
        self._filled += 1
        if self._filled == layout.shape[0]:
            self._stream.finish()


class Unpacking:
    """A packed stream in a file, unpacked forwards, at most as much as asked for.

    Parameters
    ----------
    path
        The file.
    start
        Byte at which the stream begins.
    packing
        How it is packed; a gzip may have several members.
    """

    def __init__(self, path: Path, start: int, packing: Packing) -> None:
        self._path = path
        self._held = _Held(path)
        self._packing = packing
        self._unpacker = self._fresh()
        self._left = b""
        self._over = False
        self._held.get().seek(start)

    def _fresh(self) -> Any:
        # 47: zlib and gzip alike, for writers of MetaImage that use either
        return bz2.BZ2Decompressor() if self._packing is Packing.BZIP2 else isal_zlib.decompressobj(wbits=47)

    def read(self, count: int) -> bytes:
        """Return the next ``count`` bytes, or fewer where the stream ends.

        Raises
        ------
        InputError
            ``file-truncated`` if the stream is damaged.
        """
        result = bytearray(count)
        return bytes(result[: self.fill(memoryview(result))])

    def fill(self, view: memoryview) -> int:
        """Fill a piece of memory with the next bytes and say how many there were; raises as :meth:`read`."""
        filled = 0
        while filled < len(view):
            block = self._more(len(view) - filled)
            if not block:
                break
            view[filled : filled + len(block)] = block
            filled += len(block)
        return filled

    def skip(self, count: int) -> None:
        """Pass over ``count`` bytes without keeping them."""
        while count > 0:
            block = self._more(min(count, 1 << 22))
            if not block:
                return
            count -= len(block)

    def finish(self) -> None:
        """Close the file; if the stream ends here, its check sum is compared first."""
        self._more(1)
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._held.close()

    def _more(self, most: int) -> bytes:
        try:
            while not self._over:
                if self._unpacker.eof and not self._next_member():
                    break
                data = b"" if self._waits() else self._left or self._held.get().read(_BLOCK)
                block: bytes = self._unpacker.decompress(data, min(most, _MOST))
                self._left = b"" if self._packing is Packing.BZIP2 else self._unpacker.unconsumed_tail
                if block:
                    return block
                # without new bytes it may still have had some to give
                if not data and not self._waits():
                    break
        except (_PACKING_FAULT, OSError, EOFError, ValueError) as error:
            raise InputError("file-truncated", file=self._path.name) from error
        self._over = True
        return b""

    def _waits(self) -> bool:
        """Whether the unpacker holds input of its own (only that of bzip2 does)."""
        return self._packing is Packing.BZIP2 and not self._unpacker.needs_input and not self._unpacker.eof

    def _next_member(self) -> bool:
        rest = self._unpacker.unused_data or self._held.get().read(_BLOCK)
        if not rest.startswith(_BZIP2 if self._packing is Packing.BZIP2 else _GZIP):
            return False
        self._unpacker = self._fresh()
        self._left = rest
        return True


def packing_of(path: Path, start: int = 0) -> Packing:
    """Say by its first bytes how a stream is packed (plain, gzip or bzip2)."""
    with opened(path) as file:
        file.seek(start)
        head = file.read(3)
    if head[:2] == _GZIP:
        return Packing.GZIP
    return Packing.BZIP2 if head == _BZIP2 else Packing.NONE


def head_of(path: Path, count: int) -> bytes:
    """Return the first bytes of a file, unpacked where it is packed; fewer where it ends."""
    packing = packing_of(path)
    if packing:
        stream = Unpacking(path, 0, packing)
        head = stream.read(count)
        stream.close()
        return head
    with opened(path) as file:
        return file.read(count)
