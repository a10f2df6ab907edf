"""The file that one copy of a project hands to another: a zip that tells the hash of everything in it.

``bundle.json`` says what it is and what there is; ``tables/<name>.jsonl`` are rows of the index, one JSON list
a line; ``scans/`` and ``masks/`` are files as a project keeps them, not packed again. A bundle comes from
outside, so nothing in it is believed before it was checked: names, sizes, hashes, types.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from core.errors import InputError, StorageError
from core.io.zips import BROKEN, open_zip
from core.project import schema

ENDING = ".mnxbundle"
FORMAT = 1
MIN_READER = 1
HEAD = "bundle.json"
TABLES = (
    "patient",
    "scan",
    "label",
    "annotation",
    "layer_version",
    "slice_state",
    "class_value",
    "measurement",
    "reader",
    "assignment",
    "tag",
    "comment",
    "reading_time",
    "change",
    "conflict",
    "meta",
    "audit_merged",
)
"""In the order in which rows refer to each other. ``audit_merged`` holds all lines of the sender's audit."""
ID = re.compile(r"[0-9a-hj-km-np-tv-z]{26}")
_FILE = re.compile(
    r"scans/[0-9a-hj-km-np-tv-z]{26}\.h5"
    r"|masks/[0-9a-hj-km-np-tv-z]{26}/[0-9a-hj-km-np-tv-z]{26}/[a-z0-9][a-z0-9-]{0,23}-[0-9]{1,9}-[0-9a-f]{8}\.nii\.gz"
    r"|tables/[a-z_]{2,20}\.jsonl"
)
_MOST_HEAD = 256 << 20
_MOST_TABLES = 2 << 30
_MOST_LINE = 64 << 20
_MOST_PACKED = 400
"""So many times smaller than its rows is no packed table: rows hold hashes, which do not shrink."""
_PIECE = 1 << 20
_COMMENT = 64
_WHEN = (1980, 1, 1, 0, 0, 0)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """What a bundle says of itself.

    Parameters
    ----------
    project, name
        Id and name of the project.
    made, by
        When (UTC), and by whom.
    scans, annotations
        How many.
    with_scans
        The scans themselves are in it, not only what was said of them.
    reader
        Whom it is made for: it holds nobody else's masks; empty if it holds all.
    head
        Hash of the last line of the sender's audit.
    created
        When the project was made (UTC).
    """

    project: str
    name: str
    made: str
    by: str
    scans: int
    annotations: int
    with_scans: bool
    reader: str
    head: str
    created: str


class BundleWriter:
    """Writes a bundle into a path of :func:`core.io.atomic.path`."""

    def __init__(self, file: Path) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._files: dict[str, tuple[str, int]] = {}

    def add_rows(self, table: str, rows: Iterator[Row] | list[Row]) -> None:
        """Add the rows of a table, or nothing if there are none."""
        columns = columns_of(table)
        digest, size, name = hashlib.sha256(), 0, f"tables/{table}.jsonl"
        with self._open(name, zipfile.ZIP_DEFLATED) as target:
            for row in rows:
                line = json.dumps([row[column] for column in columns], ensure_ascii=False, separators=(",", ":"))
                data = line.encode() + b"\n"
                digest.update(data)
                size += len(data)
                target.write(data)
        self._files[name] = (digest.hexdigest(), size)

    def add_file(self, source: Path, name: str, sha256: str) -> bool:
        """Add a file; False, with the bundle of no more use, if it has not this hash."""
        digest, size = hashlib.sha256(), 0
        with source.open("rb") as opened, self._open(name, zipfile.ZIP_STORED) as target:
            while piece := opened.read(_PIECE):
                digest.update(piece)
                size += len(piece)
                target.write(piece)
        self._files[name] = (sha256, size)
        return digest.hexdigest() == sha256

    def finish(self, facts: BundleFacts) -> int:
        """Write what the bundle is; return the bytes of all files in it."""
        head = {"format": FORMAT, "min_reader": MIN_READER, "index": schema.VERSION} | asdict(facts)
        data = json.dumps(head | {"files": self._files}, ensure_ascii=False).encode()
        with self._open(HEAD, zipfile.ZIP_DEFLATED) as target:
            target.write(data)
        self._zip.comment = hashlib.sha256(data).hexdigest().encode()
        self._zip.close()
        return sum(size for _, size in self._files.values())

    def close(self) -> None:
        """Give up; may be called after :meth:`finish`."""
        self._zip.close()

    def _open(self, name: str, packing: int) -> IO[bytes]:
        # no times and no owners
        info = zipfile.ZipInfo(name, _WHEN)
        info.compress_type = packing
        return self._zip.open(info, "w", force_zip64=True)


class BundleReader:
    """A bundle, its head checked; :meth:`check_one` goes through one of its files.

    Raises
    ------
    InputError
        ``bundle-not`` for a file of another kind, ``bundle-cut``, ``bundle-damaged``, ``bundle-newer``.
    StorageError
        ``read-failed``.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._zip = open_zip(file, foreign=InputError("bundle-not", file=file), cut=InputError("bundle-cut", file=file))
        try:
            self._infos = {info.filename: info for info in self._zip.infolist()}
            self.facts, self.files = self._head()
        except InputError:
            self.close()
            raise
        except (*BROKEN, OSError) as error:
            self.close()
            raise InputError("bundle-damaged", file=file) from error

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._zip.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _head(self) -> tuple[BundleFacts, dict[str, tuple[str, int]]]:
        info = self._infos.get(HEAD)
        if info is None:
            raise InputError("bundle-not", file=self.file)
        if len(self._zip.comment) < _COMMENT:
            # the very end of the file; the library passes over what is missing there
            raise InputError("bundle-cut", file=self.file)
        if info.file_size > _MOST_HEAD:
            raise ValueError("too large a head")
        with self._zip.open(info) as opened:
            data = opened.read(_MOST_HEAD + 1)
        if len(data) > _MOST_HEAD or hashlib.sha256(data).hexdigest().encode() != self._zip.comment:
            raise ValueError("another head")
        head = json.loads(data)
        if int(head["min_reader"]) > FORMAT or int(head["index"]) > schema.VERSION:
            raise InputError("bundle-newer", file=self.file)
        facts = BundleFacts(**{field.name: head[field.name] for field in fields(BundleFacts)})
        kinds = {"scans": int, "annotations": int, "with_scans": bool}
        if not all(type(getattr(facts, one.name)) is kinds.get(one.name, str) for one in fields(facts)):
            raise ValueError("another kind of value")
        if not ID.fullmatch(facts.project):
            raise ValueError("no id")
        files = {str(name): (str(digest), int(size)) for name, (digest, size) in head["files"].items()}
        self._check_names(files)
        return facts, files

    def _check_names(self, files: Mapping[str, tuple[str, int]]) -> None:
        """Refuse names that lead elsewhere, what is not told of, and what unpacks to more than it is."""
        if len(self._infos) != len(self._zip.infolist()) or {HEAD, *files} != set(self._infos):
            raise ValueError("other files than told of")
        tables = 0
        for name, (digest, size) in files.items():
            info = self._infos[name]
            if not _FILE.fullmatch(name) or len(digest) != 64 or info.file_size != size or size < 0:
                raise ValueError("another name or size")
            if name.startswith("tables/"):
                tables += size
                if tables > _MOST_TABLES or size > _MOST_PACKED * info.compress_size + _PIECE:
                    raise InputError("bundle-bomb", file=self.file)
            elif info.compress_type != zipfile.ZIP_STORED or info.compress_size != size:
                raise InputError("bundle-bomb", file=self.file)

    def check_one(self, name: str) -> None:
        """Compare one of :attr:`files` with its hash; ``InputError`` ``bundle-damaged``."""
        digest, size = self.files[name]
        self._copy(name, digest, size, None)

    def copy(self, name: str, target: Path) -> None:
        """Write a file of the bundle to a path; ``InputError`` ``bundle-damaged``."""
        digest, size = self.files[name]
        with target.open("wb") as opened:
            self._copy(name, digest, size, opened)

    def read(self, name: str, most: int) -> bytes:
        """Return a file of the bundle; ``InputError`` ``bundle-damaged``, also where it is larger."""
        digest, size = self.files[name]
        if size > most:
            raise InputError("bundle-damaged", file=self.file)
        with self._worded(), self._zip.open(self._infos[name]) as opened:
            data = opened.read(size + 1)
        if hashlib.sha256(data).hexdigest() != digest:
            raise InputError("bundle-damaged", file=self.file)
        return data

    def _copy(self, name: str, digest: str, size: int, target: IO[bytes] | None) -> None:
        hasher, left = hashlib.sha256(), size
        with self._worded(), self._zip.open(self._infos[name]) as opened:
            while piece := opened.read(min(_PIECE, left + 1)):
                left -= len(piece)
                if left < 0:
                    raise ValueError("more than told of")
                hasher.update(piece)
                if target is not None:
                    target.write(piece)
        if hasher.hexdigest() != digest:
            raise InputError("bundle-damaged", file=self.file)

    def rows(self, table: str) -> list[Row]:
        """Return the rows of a table by column, each value of its column's type; none where the table is not there.

        Raises
        ------
        InputError
            ``bundle-damaged``.
        """
        name = f"tables/{table}.jsonl"
        if name not in self.files:
            return []
        columns = columns_of(table)
        found = []
        with self._worded(), self._zip.open(self._infos[name]) as opened:
            while line := opened.readline(_MOST_LINE):
                values = json.loads(line)
                if len(values) != len(columns):
                    raise ValueError("another number of columns")
                for value, kinds in zip(values, columns.values(), strict=True):
                    if type(value) not in kinds:
                        raise ValueError("another kind of value")
                found.append(dict(zip(columns, values, strict=True)))
        return found

    def needed(self) -> int:
        """Return the bytes of the scans and masks in it."""
        return sum(size for name, (_, size) in self.files.items() if not name.startswith("tables/"))

    def _worded(self) -> _Worded:
        return _Worded(self.file)


class _Worded:
    """Turns what a broken zip raises into one sentence."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, BROKEN):
            raise InputError("bundle-damaged", file=self._file) from error


@cache
def columns_of(table: str) -> dict[str, tuple[type, ...]]:
    """Return the columns of a table of the index in their order, and the types that their values may have."""
    kinds: dict[str, tuple[type, ...]] = {"TEXT": (str,), "INTEGER": (int,), "REAL": (float, int)}
    with closing(sqlite3.connect(":memory:")) as index:
        schema.create(index)
        found = index.execute(f"PRAGMA table_info({table})").fetchall()
    nothing = type(None)
    return {row[1]: kinds[row[2]] if row[3] or row[5] else (*kinds[row[2]], nothing) for row in found}


def peek(file: Path) -> BundleFacts:
    """Return what a bundle says of itself; conditions as :class:`BundleReader`."""
    with BundleReader(file) as opened:
        return opened.facts


def check_room(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk cannot hold; ``StorageError`` ``disk-full``."""
    if shutil.disk_usage(folder).free < needed:
        raise StorageError("disk-full", file=folder)
