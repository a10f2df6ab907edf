"""The only way in which Meninx writes files: whole, or as checked records at the end of one.

A file is written under another name in the same folder, read back, pushed to the
disk, put in place with one rename, and the folder is pushed too. Whatever happens
in between, the old version is whole. "Saved" may be said once these return.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from core.errors import StorageError

if sys.platform == "darwin":
    import fcntl

TEMPORARY = ".tmp-"
"""How the names of unfinished files begin; they are never read."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_ON_WINDOWS = os.name == "nt"
_RETRIES = 10
_RETRY_SECONDS = 0.25
_PIECE = 1 << 24
_FRAME = struct.Struct("<II")
_HDF5_ERRNO = re.compile(r"errno\s*=\s*(\d+)")


def storage_error(error: BaseException, file: Path) -> StorageError:
    """Word what the operating system (or HDF5) said about a write.

    Parameters
    ----------
    error
        An ``OSError``; HDF5 hides the number in its message.
    file
        The file that was to be written.
    """
    number = error.errno if isinstance(error, OSError) else None
    if number is None:
        hidden = _HDF5_ERRNO.search(str(error))
        number = int(hidden.group(1)) if hidden else None
    if number in _FULL:
        return StorageError("disk-full", file=file)
    if number in _REFUSED:
        return StorageError("read-only", file=file)
    reason = os.strerror(number) if number else type(error).__name__
    return StorageError("write-failed", file=file, reason=reason)


@contextlib.contextmanager
def _worded(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_error(error, file) from error
    except RuntimeError as error:
        # HDF5 reports a failed flush on closing as RuntimeError; others are faults of the program
        if _HDF5_ERRNO.search(str(error)) is None:
            raise
        raise storage_error(error, file) from error


def _beside(target: Path) -> Path:
    # the end of the name stays, because nibabel chooses the compression by it
    return target.with_name(f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}-{target.name}")


def is_temporary(file: Path) -> bool:
    """Whether this is an unfinished file that a crash left behind."""
    return file.name.startswith(TEMPORARY)


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while len(view):
        written = os.write(descriptor, view[:_PIECE])
        if written <= 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        view = view[written:]


def _sync(descriptor: int) -> None:
    if sys.platform == "darwin":
        # plain fsync leaves the data in the drive's own cache there
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
        except OSError:  # not offered by network and foreign file systems
            pass
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Push the names in a folder to the disk (nothing to do on Windows).

    Raises
    ------
    StorageError
        ``write-failed`` and the like.
    """
    with _worded(folder):
        _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    if _ON_WINDOWS:
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # some network file systems know no fsync of a folder
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


def _replace(source: Path, target: Path) -> None:
    for attempt in range(_RETRIES):
        try:
            source.replace(target)
            return
        except PermissionError:
            # virus scanners and sync programs hold files for moments, on Windows only
            if not _ON_WINDOWS or attempt == _RETRIES - 1:
                raise
            time.sleep(_RETRY_SECONDS)


def make_folder(folder: Path) -> None:
    """Create a folder with its parents, each of them pushed to the disk.

    Raises
    ------
    StorageError
        ``disk-full``, ``read-only`` or ``write-failed``.
    """
    with _worded(folder):
        missing = []
        here = folder
        while not here.is_dir():
            missing.append(here)
            here = here.parent
        for path_ in reversed(missing):
            path_.mkdir(exist_ok=True)
            _sync_folder(path_.parent)


def put_aside(file: Path, folder: Path) -> Path:
    """Move a file to a folder that is made if it is not there, never over another; return where it is now.

    Raises
    ------
    StorageError
        ``disk-full``, ``read-only`` or ``write-failed``.
    """
    make_folder(folder)
    target = folder / file.name
    number = 1
    while target.exists():
        target = folder / f"{number}-{file.name}"
        number += 1
    with _worded(file):
        file.rename(target)
        _sync_folder(folder)
        _sync_folder(file.parent)
    return target


def move(source: Path, target: Path) -> None:
    """Give a file or folder another name on the same disk, where none is yet.

    Raises
    ------
    StorageError
        ``disk-full``, ``read-only`` or ``write-failed``; also where the name is taken.
    """
    with _worded(target):
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        _replace(source, target)
        _sync_folder(target.parent)


def _discard(file: Path) -> None:
    # a disk that refused the write may refuse this too; the name says it is unfinished
    with contextlib.suppress(OSError):
        file.unlink(missing_ok=True)


def write_bytes(target: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Parameters
    ----------
    target
        The file; its folder must exist.
    data
        All of its content.

    Raises
    ------
    StorageError
        ``disk-full``, ``read-only`` or ``write-failed``; the old version is intact.
    """
    with _worded(target):
        temporary = _beside(target)
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            descriptor = os.open(temporary, flags, 0o666)
            try:
                _write_all(descriptor, data)
                _sync(descriptor)
                _read_back(descriptor, data)
            finally:
                os.close(descriptor)
            _replace(temporary, target)
            _sync_folder(target.parent)
        except BaseException:
            _discard(temporary)
            raise


@contextlib.contextmanager
def new_file(target: Path, *, executable: bool = False) -> Iterator[Callable[[bytes], None]]:
    """Write a file piece by piece where none is, in a folder that counts only once it is whole.

    Parameters
    ----------
    target
        The file; its folder must exist and belong to an unfinished work.
    executable
        Whether it is a program.

    Yields
    ------
    callable
        Takes the next piece. When the block ends the file is on the disk; after an error it is gone.

    Raises
    ------
    StorageError
        ``disk-full``, ``read-only`` or ``write-failed``; also where the name is taken.
    """
    with _worded(target):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        descriptor = os.open(target, flags, 0o777 if executable else 0o666)
        try:
            try:
                yield lambda piece: _write_all(descriptor, piece)
                _sync(descriptor)
            finally:
                os.close(descriptor)
        except BaseException:
            _discard(target)
            raise


def _read_back(descriptor: int, data: bytes) -> None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    at = 0
    while piece := os.read(descriptor, _PIECE):
        if data[at : at + len(piece)] != piece:
            break
        at += len(piece)
    if at != len(data):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@contextlib.contextmanager
def path(target: Path, *, verify: Callable[[Path], None] | None = None) -> Iterator[Path]:
    """Give a writer that wants a path one, and put its file in place at the end.

    Not for HDF5, which hides failures: see :mod:`core.io.hdf5`.

    Parameters
    ----------
    target
        The file; its folder must exist.
    verify
        Reads the finished file before it counts, and raises if it is not right.

    Yields
    ------
    Path
        A name in the same folder with the same ending. The writer must have closed
        it when the block ends.

    Raises
    ------
    StorageError
        ``disk-full``, ``read-only`` or ``write-failed``; the old version is intact.
    """
    temporary = _beside(target)
    try:
        with _worded(target):
            yield temporary
            if verify is not None:
                verify(temporary)
            # not read-only: Windows flushes only what was opened for writing
            descriptor = os.open(temporary, os.O_RDWR | getattr(os, "O_BINARY", 0))
            try:
                _sync(descriptor)
            finally:
                os.close(descriptor)
            _replace(temporary, target)
            _sync_folder(target.parent)
    except BaseException:
        _discard(temporary)
        raise


class AppendFile:
    """A file that only grows, by records of ``u32 length, u32 crc32, payload`` (little-endian).

    Opening drops a torn tail. A failed append is taken back, so the records before
    it stay readable. ``append`` and ``sync`` may run in different threads.

    Parameters
    ----------
    file
        Created with ``header`` if it is not there; its folder must exist.
    header
        The first bytes of a new file.
    header_size
        Where records begin in a file that is there; the length of ``header`` if None.

    Raises
    ------
    StorageError
        ``disk-full``, ``read-only`` or ``write-failed``.
    """

    def __init__(self, file: Path, header: bytes = b"", *, header_size: int | None = None) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._descriptor = -1
        if not file.exists():
            write_bytes(file, header)
        start = len(header) if header_size is None else header_size
        with _worded(file):
            size, self._end = _good_end(file, start)
            self._descriptor = os.open(file, os.O_RDWR | getattr(os, "O_BINARY", 0))
            try:
                if self._end < size:
                    os.ftruncate(self._descriptor, self._end)
                    _sync(self._descriptor)
                os.lseek(self._descriptor, self._end, os.SEEK_SET)
            except BaseException:
                os.close(self._descriptor)
                raise
        self._torn = False

    @property
    def size(self) -> int:
        """Bytes in the file, header and frames included."""
        return self._end

    def append(self, payload: bytes) -> None:
        """Add a record; it is safe against a crash of the program now, of the machine after :meth:`sync`.

        Raises
        ------
        StorageError
            The record is not in the file; those before it are.
        ValueError
            For an empty record, which a tail of zeros would look like.
        """
        if not payload:
            raise ValueError("an empty record")
        record = _FRAME.pack(len(payload), zlib.crc32(payload)) + payload
        with self._lock, _worded(self.file):
            if self._torn:
                self._take_back()
            try:
                _write_all(self._descriptor, record)
            except OSError:
                self._torn = True
                # tried again before the next append if the disk refuses this too
                with contextlib.suppress(OSError):
                    self._take_back()
                raise
            self._end += len(record)

    def _take_back(self) -> None:
        os.ftruncate(self._descriptor, self._end)
        os.lseek(self._descriptor, self._end, os.SEEK_SET)
        self._torn = False

    def sync(self) -> None:
        """Push all appended records to the disk.

        Appending goes on meanwhile. After a failure the records since the last
        success count as lost: the kernel may have dropped them.
        """
        with _worded(self.file):
            with self._lock:
                if self._descriptor < 0:
                    return
                # a copy, so that a slow disk does not hold up the next stroke
                descriptor = os.dup(self._descriptor)
            try:
                _sync(descriptor)
            finally:
                os.close(descriptor)

    def close(self) -> None:
        """Sync and close; may be called twice."""
        try:
            self.sync()
        finally:
            with self._lock, _worded(self.file):
                # gone whatever closing says, so never closed twice
                descriptor, self._descriptor = self._descriptor, -1
                if descriptor >= 0:
                    os.close(descriptor)


def _good_end(file: Path, start: int) -> tuple[int, int]:
    """Return the file's size and where its last whole record ends, holding one record at a time."""
    size = file.stat().st_size
    end = min(start, size)
    with file.open("rb") as opened:
        opened.seek(end)
        while len(frame := opened.read(_FRAME.size)) == _FRAME.size:
            length, checksum = _FRAME.unpack(frame)
            # a torn length may be anything: nothing is read that cannot be there
            if not 0 < length <= size - end - _FRAME.size or zlib.crc32(opened.read(length)) != checksum:
                break
            end += _FRAME.size + length
    return size, end


def _scan_records(content: bytes, start: int) -> tuple[list[bytes], int]:
    records = []
    at = min(start, len(content))
    while at + _FRAME.size <= len(content):
        length, checksum = _FRAME.unpack_from(content, at)
        payload = content[at + _FRAME.size : at + _FRAME.size + length]
        if len(payload) < length or zlib.crc32(payload) != checksum or length == 0:
            break
        records.append(payload)
        at += _FRAME.size + length
    return records, at


def read_records(file: Path, header_size: int) -> tuple[bytes, list[bytes], bool]:
    """Read what :class:`AppendFile` wrote.

    Returns
    -------
    header
        The first ``header_size`` bytes.
    records
        The payloads up to the first that is torn.
    torn
        Whether something after them was dropped.
    """
    content = file.read_bytes()
    records, end = _scan_records(content, header_size)
    return content[:header_size], records, end < len(content)
