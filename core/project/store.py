"""The index of a project: SQLite, opened so that a committed row is on the disk."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from core.errors import MeninxError, ProjectError, StorageError
from core.project import medium, sums
from core.project.row_sums import RowSums

_WAIT_SECONDS = 10.0
_FULL = {sqlite3.SQLITE_FULL}
_REFUSED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}


def worded(error: sqlite3.Error, file: Path) -> MeninxError:
    """Turn what SQLite said into an error that can be worded."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _CORRUPT:
        return ProjectError("project-corrupt", file=file)
    if code in _BUSY:
        return ProjectError("project-busy", file=file)
    if code in _FULL:
        return StorageError("disk-full", file=file)
    if code in _REFUSED:
        return StorageError("read-only", file=file)
    return StorageError("write-failed", file=file, reason=str(error))


class _Life:
    """Lives as long as a thread: nothing but the thread's own storage holds it.

    A thread that Python did not start (Qt's) is said to be alive for ever by :mod:`threading`.
    """


@dataclass(frozen=True, eq=False)
class _Handle:
    """A thread's connection; ``busy`` is held while the thread is inside SQLite.

    Closing a connection that another thread is using ends the process (SQLite frees
    what the other still reads), so :meth:`Store.close` waits for ``busy``.
    """

    life: weakref.ref[_Life]
    connection: sqlite3.Connection
    busy: threading.RLock = field(default_factory=threading.RLock)
    sums: RowSums = field(default_factory=RowSums)


class Store:
    """Connections to one ``project.sqlite``, one per thread.

    Parameters
    ----------
    file
        The index; it must exist unless ``create``.
    read_only
        Refuse every change, wherever the file lies.
    create
        Make an empty file.

    Attributes
    ----------
    read_only
        Also true where the medium or its rights leave no choice.
    on_network
        The folder lies on a network share: no WAL, and a warning is due.
    changed_outside
        The file is not what it was when it was last closed: a bit flipped, or another
        program wrote to it.

    Raises
    ------
    ProjectError
        ``project-corrupt``, ``project-busy``.
    StorageError
        ``disk-full``, ``read-only``, ``write-failed``.
    """

    def __init__(self, file: Path, *, read_only: bool = False, create: bool = False) -> None:
        self.file = file
        changeable = medium.writable(file.parent) and (create or os.access(file, os.W_OK))
        self.read_only = read_only or not changeable
        self.on_network = medium.on_network(file.parent)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: list[_Handle] = []
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._closed = False
        self._uri = _uri(file, "rwc" if create else "rw")
        # with a log beside it somebody has it open, or a crash left it: then there is nothing to compare
        self._to_seal = create or _size_of(_wal_of(file)) > 0
        self.changed_outside = not self._to_seal and not is_held(file) and not _as_sealed(file)
        self._holding = _hold(file)
        try:
            if not changeable:
                self._uri = self._unwritable_uri()
            self.read()
        except sqlite3.Error as error:
            self.close()
            raise worded(error, file) from error
        except UnicodeDecodeError as error:
            # a flipped bit in the schema: the driver stumbles over SQLite's own message
            self.close()
            raise ProjectError("project-corrupt", file=file) from error
        except BaseException:
            self.close()
            raise

    def _unwritable_uri(self) -> str:
        wal = _wal_of(self.file)
        has_wal = wal.exists() and wal.stat().st_size > 0
        if not has_wal:
            return _uri(self.file, "ro", immutable=True)
        # Somebody writes, or stopped without closing. SQLite can follow a living writer...
        if not medium.read_only_medium(self.file.parent):
            uri = _uri(self.file, "ro")
            with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(uri, uri=True)) as probe:
                probe.execute("SELECT count(*) FROM sqlite_schema").fetchone()
                return uri
        # ... else immutable=1 would pass over what is only in the WAL: read a copy of both.
        self._copy = tempfile.TemporaryDirectory(prefix="meninx-")
        for part in (self.file, wal):
            shutil.copyfile(part, Path(self._copy.name) / part.name)
        return _uri(Path(self._copy.name) / self.file.name, "rw")

    def read(self) -> sqlite3.Connection:
        """Return this thread's connection, for a thread that alone decides when the store is closed."""
        return self._handle().connection

    @contextlib.contextmanager
    def using(self) -> Iterator[sqlite3.Connection]:
        """Hold this thread's connection: a close by another thread waits for the end of the block.

        Raises
        ------
        ProjectError
            ``project-closed``.
        """
        handle = self._handle()
        with handle.busy:
            if self._closed:
                raise ProjectError("project-closed", file=self.file)
            yield handle.connection

    def _handle(self) -> _Handle:
        handle: _Handle | None = getattr(self._local, "handle", None)
        if handle is None:
            handle = self._connect()
            self._local.handle = handle
        return handle

    def _connect(self) -> _Handle:
        with self._lock:
            if self._closed:
                raise ProjectError("project-closed", file=self.file)
            # threads that ended cannot close their own
            ended = [old for old in self._open if old.life() is None]
            for old in ended:
                old.connection.close()
            self._open = [old for old in self._open if old not in ended]
            connection = sqlite3.connect(
                self._uri, uri=True, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._local.life = life = _Life()
            handle = _Handle(weakref.ref(life), connection)
            self._open.append(handle)
        with handle.busy:
            self._set_up(connection)
        return handle

    def _set_up(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        if self.read_only:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            return
        connection.execute(f"PRAGMA journal_mode = {'DELETE' if self.on_network else 'WAL'}")
        connection.execute("PRAGMA synchronous = FULL")
        # macOS: a plain fsync leaves the data in the drive's cache
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA checkpoint_fullfsync = ON")

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Return what a query finds.

        Raises
        ------
        ProjectError
            ``project-corrupt`` or ``project-busy``.
        """
        try:
            with self.using() as connection:
                return connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise worded(error, self.file) from error
        except UnicodeDecodeError as error:
            # a flipped bit in a name: the driver lets it through
            raise ProjectError("project-corrupt", file=self.file) from error

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row that a query finds, or None."""
        found = self.rows(sql, *values)
        return found[0] if found else None

    @contextlib.contextmanager
    def transaction(self, *, summed: bool = True) -> Iterator[sqlite3.Connection]:
        """Run a block of changes: all of them are on the disk when it ends, or none.

        One inside another joins the outer one.

        Parameters
        ----------
        summed
            The sums of the tables follow what is changed; the block that changes the tables themselves
            takes them anew (:mod:`core.project.row_sums`).

        Raises
        ------
        StorageError
            ``disk-full``, ``read-only``, ``write-failed``; nothing was changed.
        ProjectError
            ``project-busy`` if another process kept the index for ten seconds,
            ``project-corrupt``.
        """
        if self.read_only:
            raise StorageError("read-only", file=self.file)
        with self.using() as connection:
            if connection.in_transaction:
                yield connection
                return
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    # inside: no other process can seal what is about to change
                    self._to_seal = True
                    sums.unseal(sums.seal_of(self.file))
                    row_sums = self._handle().sums
                    if summed:
                        row_sums.begin(connection)
                    yield connection
                    if summed:
                        row_sums.end(connection)
                    connection.execute("COMMIT")
                except BaseException:
                    _roll_back(connection)
                    raise
            except sqlite3.Error as error:
                raise worded(error, self.file) from error

    def close(self) -> None:
        """Close the connections of all threads; may be called twice.

        A query or transaction that another thread is in the middle of is waited for;
        one that does not end within ten seconds keeps its connection until its thread ends.
        """
        with self._lock:
            self._closed = True
            handles, self._open = self._open, []
        for handle in handles:
            if handle.busy.acquire(timeout=_WAIT_SECONDS):
                try:
                    handle.connection.close()
                finally:
                    handle.busy.release()
        self._local = threading.local()
        if self._copy is not None:
            self._copy.cleanup()
            self._copy = None
        if self._holding:
            self._holding = _let_go(self.file)
        if (
            self._to_seal
            and not self.read_only
            and handles
            and not _wal_of(self.file).exists()
            and not is_held(self.file)
        ):
            self._to_seal = False
            sums.seal_file(self.file)


_held: dict[str, int] = {}
_holding = threading.Lock()


def is_held(file: Path) -> bool:
    """Whether this process has an index open: then nothing else in it may open that file, not even to read.

    POSIX takes all of a process's locks on a file away when any of its descriptors of the file is closed.
    SQLite, unlocked, would let another process throw away the log under it, and the index is damaged.
    """
    with _holding:
        return _held.get(_key(file), 0) > 0


def _hold(file: Path) -> bool:
    with _holding:
        _held[_key(file)] = _held.get(_key(file), 0) + 1
    return True


def _let_go(file: Path) -> bool:
    with _holding:
        _held[_key(file)] -= 1
    return False


def _key(file: Path) -> str:
    return os.path.normcase(os.path.realpath(file))


def _wal_of(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")


def _size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _as_sealed(file: Path) -> bool:
    try:
        return sums.is_as_sealed(file)
    except OSError:
        # opening it will say what is wrong
        return True


def _roll_back(connection: sqlite3.Connection) -> None:
    # SQLite rolls back by itself on a full disk; and a failed disk may fail this as well,
    # in which case the next opening undoes it
    if connection.in_transaction:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def _uri(file: Path, mode: str, *, immutable: bool = False) -> str:
    path = file.absolute().as_posix()
    # file:///C:/..., file:///home/..., file:////host/share/...
    root = "file://" if path.startswith("/") else "file:///"
    return f"{root}{quote(path)}?mode={mode}{'&immutable=1' if immutable else ''}"
