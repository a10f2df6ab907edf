"""Who the patients are: outside the project, in the user's own folder, for the owner's eyes only.

A project knows patients by a hash with a salt. The salt, names, IDs, UIDs and
source paths are kept here and nowhere else. Without this file a project stays
fully usable; only the way back to the people is gone.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import places
from core.project.store import worded

_TABLES = (
    "CREATE TABLE IF NOT EXISTS project (id TEXT PRIMARY KEY, salt BLOB NOT NULL, path TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS patient (project TEXT NOT NULL, key TEXT NOT NULL, identity TEXT NOT NULL, "
    "PRIMARY KEY (project, key)) STRICT",
    "CREATE TABLE IF NOT EXISTS scan (project TEXT NOT NULL, scan TEXT NOT NULL, source TEXT NOT NULL, "
    "identity TEXT NOT NULL, PRIMARY KEY (project, scan)) STRICT",
)


@dataclass(frozen=True, slots=True)
class Link:
    """Where a scan came from: source paths, and identity by DICOM keyword or the like."""

    source: tuple[str, ...]
    identity: Mapping[str, str]


def home() -> Path:
    """Return the user's data folder (``MENINX_HOME`` overrides)."""
    return places.data()


def normal(identity: str) -> str:
    """Return identity text in the form that is hashed: case and blanks do not tell people apart."""
    return " ".join(unicodedata.normalize("NFKC", identity).casefold().split())


def _key(salt: bytes, patient: str) -> str:
    return hmac.new(salt, normal(patient).encode(), hashlib.sha256).hexdigest()[:32]


class Links:
    """The links of one project on this workstation.

    Parameters
    ----------
    project
        The project's id.
    path
        Where the project lies now; remembered for the person.
    file
        The database; ``links.sqlite`` in :func:`home` if None. Created, with its
        salt, on the first write only.

    Raises
    ------
    StorageError, ProjectError
        As worded by :func:`core.project.store.worded`.
    """

    def __init__(self, project: str, path: Path, *, file: Path | None = None) -> None:
        self.project = project
        self.file = file or home() / "links.sqlite"
        self._path = path

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Open for writing, in one transaction."""
        try:
            if not self.file.exists():
                self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                # created by us, so that it is nobody else's for not even a moment
                os.close(os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600))
            with contextlib.closing(sqlite3.connect(self.file, timeout=10.0, isolation_level=None)) as connection:
                # DELETE: this is rarely written, and homes often lie on a network
                connection.execute("PRAGMA journal_mode = DELETE")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                for statement in _TABLES:
                    connection.execute(statement)
                yield connection
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise worded(error, self.file) from error

    def _row(self, sql: str, *values: str) -> tuple[Any, ...] | None:
        """Return the first row of a query; None also where there are no links yet."""
        return next(iter(self._rows(sql, *values)), None)

    def _rows(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query; none also where there are no links yet."""
        if not self.file.exists():
            return []
        try:
            # not for writing: reading works where the home folder cannot be written
            uri = f"{self.file.absolute().as_uri()}?mode=ro"
            with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10.0)) as connection:
                rows: list[tuple[Any, ...]] = connection.execute(sql, values).fetchall()
                return rows
        except sqlite3.Error as error:
            raise worded(error, self.file) from error

    def _salt(self, connection: sqlite3.Connection) -> bytes:
        row = connection.execute("SELECT salt FROM project WHERE id = ?", (self.project,)).fetchone()
        if row is not None:
            return bytes(row[0])
        salt = secrets.token_bytes(32)
        connection.execute(
            "INSERT INTO project (id, salt, path) VALUES (?, ?, ?)", (self.project, salt, str(self._path))
        )
        return salt

    def remember(
        self, scan: str, patient: str | None, source: Sequence[str], identity: Mapping[str, str]
    ) -> str | None:
        """Remember where a scan came from and whose it is.

        Parameters
        ----------
        scan
            The scan's id.
        patient
            Identity text, or None if unknown.
        source, identity
            Paths of the originals, and what they say of the person.

        Returns
        -------
        str or None
            The patient's key, None if unknown. The same identity gives the same key in
            one project on one workstation, and a different one everywhere else.
        """
        with self._connected() as connection:
            salt = self._salt(connection)
            connection.execute(
                "INSERT OR REPLACE INTO scan (project, scan, source, identity) VALUES (?, ?, ?, ?)",
                (self.project, scan, json.dumps(list(source)), json.dumps(dict(identity))),
            )
            if patient is None:
                return None
            key = _key(salt, patient)
            connection.execute(
                "INSERT INTO patient (project, key, identity) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (self.project, key, patient),
            )
        return key

    def token(self, kind: str, text: str) -> str:
        """Return a hash that stands for identity text (a UID) in this project, and says nothing of it elsewhere."""
        with self._connected() as connection:
            salt = self._salt(connection)
        return hmac.new(salt, f"{kind}:{text.strip()}".encode(), hashlib.sha256).hexdigest()[:16]

    def forget(self, scans: Sequence[str], patients: Sequence[str]) -> None:
        """Forget scans and patients that are not in the project any more."""
        if not self.file.exists():
            return
        with self._connected() as connection:
            connection.executemany(
                "DELETE FROM scan WHERE project = ? AND scan = ?", [(self.project, scan) for scan in scans]
            )
            connection.executemany(
                "DELETE FROM patient WHERE project = ? AND key = ?", [(self.project, key) for key in patients]
            )

    def patient(self, key: str) -> str | None:
        """Return the identity behind a patient key, or None where this workstation does not know it."""
        row = self._row("SELECT identity FROM patient WHERE project = ? AND key = ?", self.project, key)
        return None if row is None else str(row[0])

    def key(self, patient: str) -> str | None:
        """Return the key a patient has in this project, or None where this workstation has no salt for it."""
        row = self._row("SELECT salt FROM project WHERE id = ?", self.project)
        return None if row is None else _key(bytes(row[0]), patient)

    def scans(self) -> dict[str, Link]:
        """Return where the scans of this project came from, by their ids; empty without links."""
        rows = self._rows("SELECT scan, source, identity FROM scan WHERE project = ?", self.project)
        return {str(row[0]): Link(tuple(json.loads(row[1])), json.loads(row[2])) for row in rows}

    def patients(self) -> dict[str, str]:
        """Return the identities behind the patient keys of this project; empty without links."""
        rows = self._rows("SELECT key, identity FROM patient WHERE project = ?", self.project)
        return {str(row[0]): str(row[1]) for row in rows}

    def scan(self, scan: str) -> Link | None:
        """Return where a scan came from, or None where this workstation does not know it."""
        row = self._row("SELECT source, identity FROM scan WHERE project = ? AND scan = ?", self.project, scan)
        return None if row is None else Link(tuple(json.loads(row[0])), json.loads(row[1]))
