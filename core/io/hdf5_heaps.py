"""Whether the texts of an HDF5 file can be read: HDF5 goes round for ever in a damaged heap of them.

Attributes of varying length lie in "global heaps": a head, then objects one after another, each with its size. The
library adds the sizes up and stops at the heap's end; an object of no size at all (a free one that says 0, or one
whose size runs over) keeps it where it is. Such a heap is looked for before the first of these attributes is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from core.io.files import opened, split_member
from core.io.limits import little_memory

_SUPERBLOCK = b"\x89HDF\r\n\x1a\n"
_HEAP = b"GCOL\x01\0\0\0"
_BLOCK = 1 << 20
_MOST_STEPS = 1_000_000
"""Heaps and objects looked at (about a second): beyond them it is the patience with the child that bounds a file."""
_WRAP = 1 << 64
_LONGEST = 64 << 20
"""Bytes of an attribute's texts: the library makes room for a length of up to 4 GB before it looks for the text."""


def attribute(holder: Any, name: str, path: Path) -> Any:
    """Return the value of an attribute, once it is known that reading it comes to an end.

    Parameters
    ----------
    holder
        File, group or dataset of h5py.
    name
        Of the attribute.
    path
        The file that it is in.

    Raises
    ------
    OSError
        If it cannot be read, as h5py says it.
    MemoryError
        If it is absurdly long.
    KeyError
        If there is none.
    """
    if not holder.attrs.get_id(name).dtype.hasobject:
        return holder.attrs[name]
    refuse_endless(path)
    with little_memory(_LONGEST):
        return holder.attrs[name]


def refuse_endless(path: Path) -> None:
    """Refuse an HDF5 file with a heap in which the library would never come to an end.

    Raises
    ------
    OSError
        As h5py does for other damage.
    """
    inside = split_member(path)
    status = (inside[0] if inside is not None else path).stat()
    if _is_endless(path, status.st_mtime_ns, status.st_size):
        raise OSError("a heap of texts without an end")


@lru_cache(maxsize=8)
def _is_endless(path: Path, _changed: int, _size: int) -> bool:
    left = _MOST_STEPS
    with opened(path) as file:
        lengths = _length_size(file)
        for place in _heaps(file):
            end, left = _walk(file, place, lengths, left)
            if not end:
                return True
            if left <= 0:
                break
    return False


def _length_size(file: BinaryIO) -> int:
    """Return how many bytes the file writes a size with; 8 where that cannot be seen."""
    place = 0
    while head := _at(file, place, 16):
        if head[:8] == _SUPERBLOCK and len(head) == 16:
            return head[14] if head[8] < 2 else head[10]
        place = place * 2 or 512
    return 8


def _heaps(file: BinaryIO) -> Iterator[int]:
    """Yield the places of all heaps; what only looks like one does no harm."""
    start, kept = 0, b""
    while block := _at(file, start + len(kept), _BLOCK):
        block = kept + block
        at = block.find(_HEAP)
        while at >= 0:
            yield start + at
            at = block.find(_HEAP, at + 1)
        kept = block[1 - len(_HEAP) :]
        start += len(block) - len(kept)


def _walk(file: BinaryIO, place: int, lengths: int, left: int) -> tuple[bool, int]:
    """Return whether the objects of a heap come to an end, and how many more may be looked at."""
    # that of the heap and of each object in it
    head = _aligned(8 + lengths)
    size = int.from_bytes(_at(file, place, head)[8 : 8 + lengths], "little")
    at, end = place + head, place + size
    left -= 1
    while at + head <= end and left > 0:
        left -= 1
        read = _at(file, at, head)
        if len(read) < head:
            break
        number, held = int.from_bytes(read[:2], "little"), int.from_bytes(read[8 : 8 + lengths], "little")
        # a free object's size counts its head
        step = (held if number == 0 else head + _aligned(held)) % _WRAP
        if step == 0:
            return False, left
        at += step
    return True, left


def _aligned(count: int) -> int:
    return (count + 7) // 8 * 8


def _at(file: BinaryIO, place: int, count: int) -> bytes:
    file.seek(place)
    return file.read(count)
