"""Slices from a decoding child to its caller through a small ring of shared memory.

The caller owns the memory, so a child that is killed leaks nothing. The ring
holds a few slices, not the scan: a scan of gigabytes costs no second copy, and a
container with little shared memory is no obstacle. The caller asks for slices by
number and says into which slot; so two children can share one scan, each as fast
as it is.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np

from core.errors import InputError
from core.geometry import Array

RING = 16 << 20
"""Bytes of the ring, unless a single slice is larger."""


def decode_order(slices: int) -> list[int]:
    """Return the middle slice, then the rest from the first."""
    middle = slices // 2
    return [middle, *(index for index in range(slices) if index != middle)]


class Ring:
    """Slots of one slice each in shared memory.

    No view of it is ever kept, or it could not be closed when an error passes.
    """

    def __init__(self, memory: SharedMemory, slots: int, shape: tuple[int, ...], dtype: str) -> None:
        self._memory = memory
        self.slots = slots
        self._shape = shape
        self._dtype = dtype

    def slot(self, number: int) -> Array:
        """Return one slot as an array, to be used within one statement."""
        ring: Array = np.ndarray((self.slots, *self._shape), self._dtype, buffer=self._memory.buf)
        picked: Array = ring[number]
        return picked


def offer(connection: Connection[Any, Any], memories: contextlib.ExitStack, shape: tuple[int, ...], dtype: str) -> Ring:
    """Make a ring for an array of the given shape and tell the child; it is gone when ``memories`` closes.

    Raises
    ------
    InputError
        ``memory-short`` if not even one slice fits.
    """
    one = max(1, int(np.prod(shape[1:], dtype=np.int64)) * np.dtype(dtype).itemsize)
    slots = max(1, min(shape[0], RING // one))
    try:
        memory = SharedMemory(create=True, size=slots * one)
        memories.callback(_unlink, memory)
        memories.callback(memory.close)
        _reserve(memory)
    except OSError as error:
        raise InputError("memory-short") from error
    with contextlib.suppress(OSError):
        # if the child is gone the next word from it says so
        connection.send((memory.name, slots))
    return Ring(memory, slots, shape[1:], dtype)


def _reserve(memory: SharedMemory) -> None:
    """Claim the pages now: on a full shared-memory disk writing to them later would kill the child."""
    if hasattr(os, "posix_fallocate"):
        handle = os.open(f"/dev/shm/{memory.name}", os.O_RDWR) if os.path.isdir("/dev/shm") else -1  # noqa: PTH112
        if handle >= 0:
            try:
                os.posix_fallocate(handle, 0, memory.size)
            finally:
                os.close(handle)


def _unlink(memory: SharedMemory) -> None:
    # a child that could not map it has removed it already: the library's way of attaching
    with contextlib.suppress(FileNotFoundError):
        memory.unlink()


def hand_over(
    connection: Connection[Any, Any], shape: tuple[int, ...], dtype: str, slice_of: Callable[[int], Array]
) -> None:
    """Send the slices that the caller asks for, after the message that made it offer a ring.

    Ends when the caller asks for None. A fault is told as ``stopped``, and passes on
    once the caller has answered it: then no request is left on the line.

    Raises
    ------
    MemoryError
        If there is no room to map the ring.
    """
    offered = connection.recv()
    with contextlib.ExitStack() as held:
        with _told(connection):
            ring = held.enter_context(_attached(offered, shape, dtype))
        while (asked := connection.recv()) is not None:
            index, slot = asked
            with _told(connection):
                ring.slot(slot)[...] = slice_of(index)
            connection.send(("slice", (index, slot)))


@contextlib.contextmanager
def _told(connection: Connection[Any, Any]) -> Iterator[None]:
    """Tell the caller of a fault, and let it pass on when no request is left on the line."""
    try:
        yield
    except BaseException:
        connection.send(("stopped", None))
        while connection.recv() is not None:
            pass
        raise


@contextlib.contextmanager
def _attached(offered: tuple[str, int], shape: tuple[int, ...], dtype: str) -> Iterator[Ring]:
    name, slots = offered
    try:
        memory = SharedMemory(name)
    except OSError as error:
        # the ceiling: there is no room to map it
        raise MemoryError from error
    try:
        yield Ring(memory, slots, shape[1:], dtype)
    finally:
        memory.close()
