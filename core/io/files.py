"""Opening files from outside within a budget; a zip is treated as a folder.

Sizes are checked before anything is read or inflated: a file of a megabyte must
not be able to ask for gigabytes.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from core.errors import InputError

MAX_FILE = 4 << 30
"""Largest file that is read at all, in bytes."""
MAX_VOLUME = 2 << 30
"""Largest decoded scan, in bytes (a 512 x 512 CT of 4,000 slices)."""
MAX_PIXELS = 100_000_000
"""Largest single picture, in pixels."""
MAX_FRAMES = 50_000
"""Most frames of one file: their headers alone take seconds beyond that."""
MAX_INFLATED = 256 << 20
"""Largest result of inflating one file in memory (deflated DICOM, zip member, .dcm.gz)."""
MAX_MEMBERS = 20_000
"""Most files looked at in one zip."""


def split_member(path: Path) -> tuple[Path, str] | None:
    """Split ``archive.zip/member`` into the archive and the member, or None for a plain file."""
    if path.exists():
        return None
    for parent in path.parents:
        if parent.suffix.casefold() == ".zip" and parent.is_file():
            return parent, path.relative_to(parent).as_posix()
    return None


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a plain file or a member of a zip for reading.

    Raises
    ------
    InputError
        ``file-missing``, ``file-no-permission``, ``file-too-large``.
    """
    inside = split_member(path)
    if inside is not None:
        yield io.BytesIO(_member(path, *inside))
        return
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise InputError("file-missing", file=path.name) from error
    except (PermissionError, IsADirectoryError) as error:
        raise InputError("file-no-permission", file=path.name) from error
    with file:
        yield file


def _member(path: Path, archive: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(archive) as bundle:
            info = bundle.getinfo(name)
            if info.file_size > MAX_INFLATED:
                raise InputError("file-too-large", file=path.name)
            with bundle.open(info) as member:
                data = member.read(MAX_INFLATED + 1)
    except (zipfile.BadZipFile, zlib.error, KeyError, RuntimeError, NotImplementedError, EOFError) as error:
        raise InputError("zip-unreadable", file=archive.name) from error
    if len(data) > MAX_INFLATED:
        raise InputError("file-too-large", file=path.name)
    return data


def members(archive: Path) -> list[Path]:
    """List the files of a zip as paths below it.

    Raises
    ------
    InputError
        ``zip-unreadable`` or ``zip-too-many``.
    """
    try:
        with zipfile.ZipFile(archive) as bundle:
            names = [info.filename for info in bundle.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        raise InputError("zip-unreadable", file=archive.name) from error
    if len(names) > MAX_MEMBERS:
        raise InputError("zip-too-many", file=archive.name, most=MAX_MEMBERS)
    # names that climb out of the archive are only ever names of members; they are never written
    return [archive / name for name in names if "\\" not in name and ".." not in Path(name).parts]


def read_bytes(path: Path, limit: int = MAX_FILE) -> bytes:
    """Read a whole file of at most ``limit`` bytes; gzip is undone within the same limit.

    Raises
    ------
    InputError
        ``file-too-large``, ``file-truncated`` (broken gzip) or ``file-missing``.
    """
    with opened(path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise InputError("file-too-large", file=path.name)
    return gunzip(data, path, min(limit, MAX_INFLATED)) if data[:2] == b"\x1f\x8b" else data


def gunzip(data: bytes, path: Path, limit: int) -> bytes:
    """Inflate a gzip of at most ``limit`` bytes of content."""
    inflater = zlib.decompressobj(wbits=31)
    try:
        result = inflater.decompress(data, limit + 1)
    except zlib.error as error:
        raise InputError("file-truncated", file=path.name) from error
    if len(result) > limit:
        raise InputError("file-too-large", file=path.name)
    if not inflater.eof:
        raise InputError("file-truncated", file=path.name)
    return result


def inflated_size(path: Path, start: int, limit: int) -> int:
    """Count what a raw deflate stream from byte ``start`` on inflates to, without keeping it.

    Stops counting past ``limit``.
    """
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    total = 0
    with opened(path) as file:
        file.seek(start)
        while block := file.read(1 << 16):
            while block and total <= limit:
                try:
                    total += len(inflater.decompress(block, 1 << 20))
                except zlib.error as error:
                    raise InputError("file-truncated", file=path.name) from error
                block = inflater.unconsumed_tail
            if total > limit or inflater.eof:
                break
    return total


def check_budget(path: Path, bytes_needed: int) -> None:
    """Refuse a scan larger than :data:`MAX_VOLUME` before any of it is read."""
    if bytes_needed <= 0:
        raise InputError("file-empty", file=path.name)
    if bytes_needed > MAX_VOLUME:
        raise InputError("file-too-large", file=path.name)


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that counts: ``slice_2`` before ``slice_10``."""
    parts = re.split(r"(\d+)", text.casefold())
    return tuple((0, int(part), "") if part.isdigit() and part.isascii() else (1, 0, part) for part in parts if part)
