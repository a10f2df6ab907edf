"""Check a project: every file against its hash, every row against its file, the audit against itself."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from core.errors import Cancelled, MeninxError, ProjectError
from core.events import Events, Finished, Progress, StopCheck, never_stop
from core.io import atomic
from core.messages import sentence
from core.project import audit, maskfile, row_sums, scanfile, state_sums, sums
from core.project.journal_file import JournalFile, base_hash
from core.project.records import LayerVersion
from core.project.thinning import thinned_files

if TYPE_CHECKING:
    from core.project.project import Project

PATH_MOST = 120
QUARANTINE = "quarantine"
_LEFT_BEHIND_SECONDS = 3600.0
_MOST_ROWS = 20
"""Rows that are named; who changed more of them changed the file."""
_MASKS, _ALL = 2, 3
"""Bits of what came along with a merged line of the audit."""
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
    """Check everything; return one plain sentence per problem (:func:`verify_job`).

    Parameters
    ----------
    project
        Open.
    on_progress
        Told (files done, files in all).
    """
    problems: list[str] = []
    for event in verify_job(project):
        if isinstance(event, Progress) and on_progress is not None:
            on_progress(event.done, event.total)
        elif isinstance(event, Finished):
            problems = event.result["problems"]
    return problems


def verify_job(project: Project, should_stop: StopCheck = never_stop) -> Events:
    """Check everything that a project holds.

    Unfinished and unnamed files that a crash left behind are no problem: in a
    project that can be written they are put aside once they are an hour old, masks
    and scans into ``quarantine``.

    Yields
    ------
    JobEvent
        Progress, at the end Finished with ``{"files": count, "problems": [sentences]}``.

    Raises
    ------
    Cancelled
        If asked to stop: half a check says nothing.
    """
    problems = [sentence(error) for error in _index_problems(project)]
    items = _items(project)
    started = time.monotonic()
    for done, item in enumerate(items):
        if should_stop():
            raise Cancelled
        rate = done / max(time.monotonic() - started, 1e-6)
        left = (len(items) - done) / rate if rate > 0 else -1.0
        yield Progress(done, len(items), "verify", rate, left)
        problems += [sentence(error) for error in _file_problems(project, item)]
    yield Progress(len(items), len(items), "verify")
    problems += [sentence(error) for error in _sealed_problems(project)]
    problems += [sentence(error) for error in _journal_problems(project)]
    if not problems and project.store.changed_outside:
        problems.append(sentence(ProjectError("index-changed", file=project.store.file.name)))
    if not project.read_only:
        tidy(project)
    yield Finished({"files": len(items), "problems": problems})


def _index_problems(project: Project) -> Iterator[MeninxError]:
    index = project.store.file.name
    try:
        with project.store.using() as connection, _one_moment(connection):
            if connection.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
                yield ProjectError("project-corrupt", file=index)
                return
            if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                yield ProjectError("project-corrupt", file=index)
            broken = audit.verify(connection)
            if broken is not None:
                yield ProjectError("audit-broken", row=broken)
            elif (line := audit.verify_merged(connection)) is not None:
                yield ProjectError("audit-merged-broken", line=line[:8])
            else:
                # only a whole audit can tell which files it does not know
                yield from _unaudited(connection)
                changed = state_sums.broken(connection)[:_MOST_ROWS]
                for kind, key in changed:
                    yield ProjectError("row-changed", what=kind, key=key)
                for table in row_sums.broken(connection) if not changed else ():
                    yield ProjectError("rows-changed", table=table)
            # a copy of it, so that a flipped bit in so small a file is seen
            words = connection.execute("SELECT value FROM meta WHERE key = 'manifest'").fetchone()
            if words is not None and (project.path / "meninx.json").read_bytes() != words[0].encode():
                yield ProjectError("project-corrupt", file="meninx.json")
    except OSError:
        yield ProjectError("project-corrupt", file="meninx.json")
    except (sqlite3.Error, UnicodeDecodeError):
        yield ProjectError("project-corrupt", file=index)


@contextlib.contextmanager
def _one_moment(connection: sqlite3.Connection) -> Iterator[None]:
    """Read all of the index as it is now, whoever saves meanwhile."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def _unaudited(connection: sqlite3.Connection) -> Iterator[MeninxError]:
    """Find saved files whose hash no audit row tells of, and saves whose row is gone."""
    told: set[str] = set()
    saved: dict[str, str] = {}
    both = [(row, _ALL) for row in audit.rows(connection)] + audit.merged_rows(connection)
    for row, taken in both:
        facts = row.facts
        told.add(str(facts.get("file", "")))
        for layer, fact in (facts["layers"] if isinstance(facts.get("layers"), dict) else {}).items():
            told.add(fact["sha256"])
            if not taken & _MASKS:
                # told of in another copy, of masks that did not come here
                continue
            name = f"{layer}-{fact['sequence']}-{fact['sha256'][:8]}.nii.gz"
            saved[fact["sha256"]] = f"masks/{facts['scan']}/{facts['annotation']}/{name}"
    for row, _ in both:
        for digest in row.facts.get("taken", ()):
            # a cancelled import took its own masks back
            saved.pop(digest, None)
    there: set[str] = set()
    for file, digest in connection.execute(
        "SELECT file, sha256 FROM layer_version UNION ALL SELECT file, file_sha256 FROM scan"
    ):
        there.add(digest)
        if digest not in told:
            yield ProjectError("audit-silent", file=file)
    for digest, file in saved.items():
        if digest not in there:
            yield ProjectError("row-missing", file=file)


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


def _sealed_problems(project: Project) -> Iterator[MeninxError]:
    """Find files of runs and predictions that are not as they were written."""
    told = {item.file: item.sha256 for item in _items(project)}
    seals = [*project.runs_folder.glob(f"*/{sums.NAME}"), *project.predictions_folder.glob(f"*/*/{sums.NAME}")]
    found: set[Path] = set()
    for folder in sorted(seal.parent for seal in seals):
        for file in sums.broken(folder):
            found.add(file)
            relative = file.relative_to(project.path).as_posix()
            # a prediction's mask is in the index, and has been told of if it is the mask that is wrong
            if relative not in told or (file.is_file() and sums.file_sum(file) == told[relative]):
                yield ProjectError("file-changed", file=relative)
    wanted = {(project.path / item.file).parent for item in _items(project) if item.kind == "prediction-file"}
    wanted |= {
        file.parent for file in project.runs_folder.glob("*/model.safetensors") if file.parent.name in _ended(project)
    }
    for folder in sorted(wanted - {seal.parent for seal in seals}):
        if folder.is_dir():
            yield ProjectError("file-changed", file=(folder / sums.NAME).relative_to(project.path).as_posix())
    for events in sorted(set(project.runs_folder.glob("*/events.jsonl")) - found):
        try:
            for line in events.read_text("utf-8").splitlines():
                json.loads(line)
        except (OSError, ValueError):
            yield ProjectError("file-changed", file=events.relative_to(project.path).as_posix())


def _ended(project: Project) -> set[str]:
    """Return the runs that ended, and so were sealed."""
    try:
        return {str(row[0]) for row in project.store.rows("SELECT id FROM run WHERE state = 'done'")}
    except ProjectError:
        return set()


def _journal_problems(project: Project) -> Iterator[MeninxError]:
    """Find journals that an opening would set aside: undo would be lost, no mask."""
    try:
        rows = project.store.rows("SELECT id, journal_sequence FROM annotation")
    except ProjectError:
        return
    for annotation, saved in rows:
        file = project.journal_path(annotation)
        if not file.is_file():
            continue
        relative = file.relative_to(project.path).as_posix()
        try:
            known = JournalFile(file)
            for _ in known.records():
                pass
        except (MeninxError, OSError):
            yield ProjectError("journal-file-damaged", file=relative)
            continue
        header = known.header
        versions = {layer: project.layer_versions(annotation, layer) for layer in project.layers(annotation)}
        fits = header.annotation == annotation and header.base == base_hash(versions, header.start)
        if fits and not header.start <= saved <= max(known.last, header.start):
            yield ProjectError("journal-file-damaged", file=relative)
        elif fits and not _replays(project, annotation, known, versions, saved):
            yield ProjectError("journal-file-changed", file=relative)


def _replays(
    project: Project, annotation: str, known: JournalFile, versions: Mapping[str, Sequence[LayerVersion]], saved: int
) -> bool:
    """Whether the steps of a journal lead from the masks it began with to those that are saved.

    A step that was changed, its check sum with it, leads elsewhere. Where the masks that it began with are no
    longer kept nothing can be said.
    """
    row = project.store.row("SELECT scan FROM annotation WHERE id = ?", annotation)
    assert row is not None
    layers = {}
    try:
        for layer, of_layer in versions.items():
            first = [one for one in of_layer if one.journal_sequence <= known.header.start]
            if first and first[-1].removed:
                return True
            if first:
                layers[layer] = project.read_version(first[-1])
        # here: opening an annotation needs what verify checks
        from core.editing.opening import replayed

        made = replayed(known, project.geometry(row["scan"]), layers, known.header.start, saved)
        for layer, of_layer in versions.items():
            newest = of_layer[-1]
            if newest.journal_sequence and not np.array_equal(made.get(layer, 0), project.read_version(newest)):
                return False
    except ProjectError as error:
        # a mask that cannot be read was told of
        return error.code != "journal-damaged"
    return True


def _check_mask(project: Project, item: _Item) -> None:
    data = (project.path / item.file).read_bytes()
    if maskfile.file_hash(data) != item.sha256:
        raise ValueError("another hash")
    row = project.store.row("SELECT scan FROM annotation WHERE id = ?", item.key)
    if row is not None:
        mask = maskfile.decode(data, project.geometry(row["scan"]))
        told = project.store.row("SELECT counts, remap FROM layer_version WHERE file = ?", item.file)
        if told is not None:
            mask = maskfile.remapped(mask, told["remap"]) if told["remap"] else mask
            if {str(value): count for value, count in maskfile.counts_of(mask).items()} != json.loads(told["counts"]):
                raise ProjectError("row-changed", what="layer_version", key=item.file)


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
    thinned = thinned_files(project)
    gone = []
    before = time.time() - older_than
    for folder in ("scans", "masks", "predictions", "journal", "."):
        deep = (project.path / folder).iterdir() if folder == "." else (project.path / folder).rglob("*")
        for file in sorted(deep):
            if not file.is_file() or file.stat().st_mtime > before:
                continue
            relative = file.relative_to(project.path).as_posix()
            if atomic.is_temporary(file) or file in thinned:
                file.unlink(missing_ok=True)
            elif folder in {"scans", "masks"} and relative not in named:
                atomic.put_aside(file, project.path / QUARANTINE)
            else:
                continue
            gone.append(relative)
    return gone
