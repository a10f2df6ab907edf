"""Opening files from outside within a budget; a zip is treated as a folder.

Sizes are checked before anything is read or inflated: a file of a megabyte must
not be able to ask for gigabytes.
"""

from __future__ import annotations

import contextlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PureWindowsPath
from typing import Any, BinaryIO, cast

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
_LONGEST_NAME = 255
_LONGEST_PATH = 2000
_HEAD = 1 << 14
"""Bytes of a zip's member that are inflated to see what it is."""
_MOST_RATIO = 1040
"""Deflate cannot pack better than about 1032 : 1."""


def split_member(path: Path) -> tuple[Path, str] | None:
    """Split ``archive.zip/member`` into the archive and the member, or None for a plain file."""
    with contextlib.suppress(OSError):
        for parent in path.parents:
            if parent.is_dir():
                return None
            if parent.is_file():
                return parent, path.relative_to(parent).as_posix()
    return None


def there(path: Path) -> bool:
    """Whether a file or folder is there; a name that no disk can hold is not."""
    with contextlib.suppress(OSError):
        return path.exists()
    return False


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
        with io.BufferedReader(_Member(path, *inside), _HEAD) as member:
            yield cast(BinaryIO, member)
        return
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise InputError("file-missing", file=path.name) from error
    except (PermissionError, IsADirectoryError) as error:
        raise InputError("file-no-permission", file=path.name) from error
    with file:
        yield file


class _Member(io.RawIOBase):
    """A member of a zip: its first bytes at once, the rest only if more is asked for."""

    def __init__(self, path: Path, archive: Path, name: str) -> None:
        super().__init__()
        self.name = path.as_posix()
        self._where = (path, archive, name)
        self._data = _inflated(*self._where, _HEAD)
        self._whole = len(self._data) < _HEAD
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_END:
            self._all()
        self._at = max(0, offset + {io.SEEK_CUR: self._at, io.SEEK_END: len(self._data)}.get(whence, 0))
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        if self._at + len(view) > len(self._data):
            self._all()
        part = self._data[self._at : self._at + len(view)]
        view[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _all(self) -> None:
        if not self._whole:
            self._data = _inflated(*self._where, MAX_INFLATED)
            self._whole = True


def _inflated(path: Path, archive: Path, name: str, most: int) -> memoryview:
    """Return the first bytes of a member; the whole of it must be within the budget."""
    data = bytearray()
    try:
        status = archive.stat()
        bundle, infos = _bundle(archive, (status.st_mtime_ns, status.st_size))
        info = infos[name]
        if info.file_size > MAX_INFLATED:
            raise InputError("file-too-large", file=path.name)
        with bundle.open(info) as member:
            # in blocks: asked for all at once, zipfile inflates past what the directory says
            while len(data) < most and (block := member.read(min(1 << 20, most - len(data)))):
                data += block
    except (zipfile.BadZipFile, zlib.error, KeyError, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        raise InputError("zip-unreadable", file=archive.name) from error
    return memoryview(data)


@lru_cache(maxsize=1)
def _bundle(archive: Path, _stamp: tuple[int, int]) -> tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]:
    """Open a zip and list its members by their paths: once, for a directory of thousands takes its time."""
    bundle = zipfile.ZipFile(archive)
    inside = ((_inside(info.filename), info) for info in reversed(bundle.infolist()) if not _is_folder(info))
    return bundle, {name: info for name, info in inside if name is not None}


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return info.filename.endswith(("/", "\\"))


def _inside(name: str) -> str | None:
    """Return a member's path below its archive, or None if it leads out of it or no disk could hold it."""
    path = PureWindowsPath(name)
    if path.drive or path.root or not path.parts or ".." in path.parts or "\0" in name or len(name) > _LONGEST_PATH:
        return None
    longest = max(len(part.encode("utf-8", "surrogatepass")) for part in path.parts)
    return path.as_posix() if longest <= _LONGEST_NAME else None


def members(archive: Path) -> tuple[list[Path], int]:
    """List the files of a zip as paths below it, and count those whose names are no such paths.

    Raises
    ------
    InputError
        ``zip-unreadable`` or ``zip-too-many``.
    """
    try:
        with zipfile.ZipFile(archive) as bundle:
            names = [info.filename for info in bundle.infolist() if not _is_folder(info)]
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        raise InputError("zip-unreadable", file=archive.name) from error
    if len(names) > MAX_MEMBERS:
        raise InputError("zip-too-many", file=archive.name, most=MAX_MEMBERS)
    inside = [_inside(name) for name in names]
    return [archive / name for name in dict.fromkeys(inside) if name is not None], inside.count(None)


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
        if len(data) * _MOST_RATIO > limit:
            _count(data, limit, path)
        result = inflater.decompress(data, limit + 1)
    except zlib.error as error:
        raise InputError("file-truncated", file=path.name) from error
    if len(result) > limit:
        raise InputError("file-too-large", file=path.name)
    if not inflater.eof:
        raise InputError("file-truncated", file=path.name)
    return result


def _count(data: bytes, limit: int, path: Path) -> None:
    """Refuse a gzip that inflates past a limit, before any of it is kept."""
    inflater, total = zlib.decompressobj(wbits=31), 0
    while data and not inflater.eof:
        total += len(inflater.decompress(data, 1 << 20))
        if total > limit:
            raise InputError("file-too-large", file=path.name)
        data = inflater.unconsumed_tail


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
