"""The index of a project: SQLite, opened so that a committed row is on the disk."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from core.errors import MeninxError, ProjectError, StorageError
from core.project import medium

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
        self._open: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._closed = False
        self._uri = _uri(file, "rwc" if create else "rw")
        try:
            if not changeable:
                self._uri = self._unwritable_uri()
            self.read()
        except sqlite3.Error as error:
            self.close()
            raise worded(error, file) from error
        except BaseException:
            self.close()
            raise

    def _unwritable_uri(self) -> str:
        wal = self.file.with_name(f"{self.file.name}-wal")
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
        """Return this thread's connection; outside :meth:`transaction` for reading only."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            self._local.connection = connection
        return connection

    def _connect(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise ProjectError("project-closed", file=self.file)
            # threads that ended cannot close their own
            for thread, old in self._open:
                if not thread.is_alive():
                    old.close()
            self._open = [pair for pair in self._open if pair[0].is_alive()]
            connection = sqlite3.connect(
                self._uri, uri=True, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._open.append((threading.current_thread(), connection))
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        if self.read_only:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            return connection
        connection.execute(f"PRAGMA journal_mode = {'DELETE' if self.on_network else 'WAL'}")
        connection.execute("PRAGMA synchronous = FULL")
        # macOS: a plain fsync leaves the data in the drive's cache
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA checkpoint_fullfsync = ON")
        return connection

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Return what a query finds.

        Raises
        ------
        ProjectError
            ``project-corrupt`` or ``project-busy``.
        """
        try:
            return self.read().execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise worded(error, self.file) from error

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row that a query finds, or None."""
        found = self.rows(sql, *values)
        return found[0] if found else None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a block of changes: all of them are on the disk when it ends, or none.

        One inside another joins the outer one.

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
        connection = self.read()
        if connection.in_transaction:
            yield connection
            return
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise
        except sqlite3.Error as error:
            raise worded(error, self.file) from error

    def close(self) -> None:
        """Close the connections of all threads; may be called twice."""
        with self._lock:
            self._closed = True
            connections, self._open = self._open, []
        for _, connection in connections:
            connection.close()
        self._local = threading.local()
        if self._copy is not None:
            self._copy.cleanup()
            self._copy = None


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
