"""Check a project: every file against its hash, every row against its file, the audit against itself."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from core.errors import MeninxError, ProjectError
from core.io import atomic
from core.messages import sentence
from core.project import audit, maskfile, scanfile

if TYPE_CHECKING:
    from core.project.project import Project

PATH_MOST = 120
QUARANTINE = "quarantine"
_LEFT_BEHIND_SECONDS = 3600.0
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_FOREIGN = re.compile(r'[<>:"|?*\\\x00-\x1f]|[. ]$')


@dataclass(frozen=True, slots=True)
class _Item:
    """A file that a row names."""

    kind: str
    file: str
    sha256: str
    key: str


def path_is_portable(relative: str) -> bool:
    """Whether a stored path works on every system: relative, ``/``, short, no reserved names."""
    parts = PurePosixPath(relative).parts
    if not parts or len(relative) > PATH_MOST or relative.startswith("/") or ".." in parts:
        return False
    return not any(_RESERVED.fullmatch(part) or _FOREIGN.search(part) for part in parts)


def verify(project: Project, on_progress: Callable[[int, int], None] | None = None) -> list[str]:
    """Check everything; return one plain sentence per problem.

    Unfinished and unnamed files that a crash left behind are no problem: in a
    project that can be written they are put aside once they are an hour old, masks
    and scans into ``quarantine``.

    Parameters
    ----------
    project
        Open.
    on_progress
        Told (files done, files in all).
    """
    problems = [sentence(error) for error in _index_problems(project)]
    items = _items(project)
    for done, item in enumerate(items):
        if on_progress is not None:
            on_progress(done, len(items))
        problems += [sentence(error) for error in _file_problems(project, item)]
    if on_progress is not None:
        on_progress(len(items), len(items))
    if not project.read_only:
        tidy(project)
    return problems


def _index_problems(project: Project) -> Iterator[MeninxError]:
    index = project.store.file.name
    try:
        connection = project.store.read()
        if connection.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
            yield ProjectError("project-corrupt", file=index)
            return
        if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
            yield ProjectError("project-corrupt", file=index)
        broken = audit.verify(connection)
        if broken is not None:
            yield ProjectError("audit-broken", row=broken)
        yield from _unaudited(connection)
    except sqlite3.Error:
        yield ProjectError("project-corrupt", file=index)


def _unaudited(connection: sqlite3.Connection) -> Iterator[MeninxError]:
    """Find saved masks and scans whose hash no audit row tells of."""
    told: set[str] = set()
    for row in connection.execute("SELECT facts FROM audit"):
        told.update(re.findall(r'"(?:sha256|file)":"([0-9a-f]{64})"', row[0]))
    for row in connection.execute(
        "SELECT file, sha256 FROM layer_version UNION ALL SELECT file, file_sha256 FROM scan"
    ):
        if row[1] not in told:
            yield ProjectError("audit-silent", file=row[0])


def _items(project: Project) -> list[_Item]:
    try:
        rows = project.store.rows(
            "SELECT 'scan', file, file_sha256, id FROM scan "
            "UNION ALL SELECT 'mask', file, sha256, annotation FROM layer_version WHERE removed IS NULL "
            "UNION ALL SELECT 'prediction-file', file, sha256, scan FROM prediction"
        )
    except ProjectError:
        return []
    return [_Item(*row) for row in rows]


def _file_problems(project: Project, item: _Item) -> Iterator[MeninxError]:
    if not path_is_portable(item.file):
        yield ProjectError("path-not-portable", file=item.file)
    try:
        if item.kind == "mask":
            _check_mask(project, item)
        elif item.kind == "scan":
            _check_scan(project, item)
        elif scanfile.file_hash(project.path / item.file) != item.sha256:
            yield ProjectError("prediction-file-corrupt", file=item.file)
    except FileNotFoundError:
        yield ProjectError(f"{item.kind}-missing", file=item.file)
    except (OSError, ValueError):
        yield ProjectError(f"{item.kind}-corrupt", file=item.file)
    except MeninxError as error:
        yield error


def _check_mask(project: Project, item: _Item) -> None:
    data = (project.path / item.file).read_bytes()
    if maskfile.file_hash(data) != item.sha256:
        raise ValueError("another hash")
    row = project.store.row("SELECT scan FROM annotation WHERE id = ?", item.key)
    if row is not None:
        maskfile.decode(data, project.geometry(row["scan"]))


def _check_scan(project: Project, item: _Item) -> None:
    file = project.path / item.file
    if scanfile.file_hash(file) != item.sha256:
        raise ValueError("another hash")
    header, digest = scanfile.read_header(file)
    row = project.store.row("SELECT sha256, affine FROM scan WHERE id = ?", item.key)
    told = None if row is None else (row["sha256"], json.loads(row["affine"]))
    if told != (digest, header.affine.tolist()) or header.shape != project.geometry(item.key).shape:
        raise ProjectError("scan-corrupt", file=item.file)


def tidy(project: Project, *, older_than: float = _LEFT_BEHIND_SECONDS) -> list[str]:
    """Put aside what a crash left behind and no row names; return what was moved or removed.

    Parameters
    ----------
    older_than
        Seconds; what is younger may belong to a save that is under way.
    """
    named = {item.file for item in _items(project)}
    gone = []
    before = time.time() - older_than
    for folder in ("scans", "masks", "predictions", "journal", "."):
        deep = (project.path / folder).iterdir() if folder == "." else (project.path / folder).rglob("*")
        for file in sorted(deep):
            if not file.is_file() or file.stat().st_mtime > before:
                continue
            relative = file.relative_to(project.path).as_posix()
            if atomic.is_temporary(file):
                file.unlink(missing_ok=True)
            elif folder in {"scans", "masks"} and relative not in named:
                _quarantine(project.path, file)
            else:
                continue
            gone.append(relative)
    return gone


def _quarantine(root: Path, file: Path) -> None:
    folder = root / QUARANTINE
    atomic.make_folder(folder)
    # never over something that is there
    target = folder / file.name
    number = 1
    while target.exists():
        target = folder / f"{number}-{file.name}"
        number += 1
    file.rename(target)
    atomic.sync_folder(folder)
    atomic.sync_folder(file.parent)
