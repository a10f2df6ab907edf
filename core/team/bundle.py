"""Making a bundle of a project: all of it, some of its scans, or what one reader is to read."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import Cancelled, InputError, ProjectError
from core.events import Events, Finished, Progress, StopCheck, never_stop
from core.io import atomic
from core.project.project import Project
from core.project.records import current_reader, utc_now
from core.team.bundle_file import ENDING, TABLES, BundleFacts, BundleWriter, Row
from core.team.comments import every
from core.team.curtain import comments_seen
from core.team.readers import person
from core.team.unsaved import save_unsaved

ALL, SCANS = 3, 1
"""``taken`` of a line of the audit: what it tells of scans (1) and of masks and what was said (2) came with it."""
_META = ("frozen_test", "class_values")
_MEASURED = frozenset({"measure", "measure-remove"})


@dataclass(frozen=True)
class _Choice:
    """What goes into a bundle: ids of scans and annotations, None for all; ``reader``: whose masks alone.

    ``unheard`` are the ids of comments that this reader must not read yet.
    """

    scans: frozenset[str] | None
    annotations: frozenset[str] | None
    reader: str
    unheard: frozenset[str] = frozenset()

    def takes(self, table: str, row: Row) -> bool:
        if table == "meta":
            depth = str(row["key"]).removeprefix("depth/")
            return row["key"] in _META or (depth != row["key"] and self.has(depth))
        if table in {"class_value", "measurement"} and self.reader and row["reader"] != self.reader:
            return False
        if table == "comment" and row["id"] in self.unheard:
            return False
        if table == "annotation":
            return self.annotations is None or row["id"] in self.annotations
        if table in {"layer_version", "slice_state"}:
            return self.annotations is None or row["annotation"] in self.annotations
        if table == "scan":
            return self.has(row["id"])
        # a conflict may be about no scan
        return "scan" not in row or not row["scan"] or self.has(row["scan"])

    def has(self, scan: str) -> bool:
        return self.scans is None or scan in self.scans

    def has_change(self, row: Row, measured: frozenset[str], commented: frozenset[str]) -> bool:
        """Whether the thing that a line of the audit told of last goes along."""
        kind, key = row["kind"], str(row["key"])
        if kind == "layer":
            return self.annotations is None or key.partition("/")[0] in self.annotations
        if kind == "annotation":
            return self.annotations is None or key in self.annotations
        if kind == "measurement":
            return self.scans is None or key in measured
        if kind == "comment":
            return key not in self.unheard and (self.scans is None or key in commented)
        if kind == "class":
            scan, _, _, reader = json.loads(key)
            return self.has(scan) and self.reader in ("", reader)
        if kind in {"status", "depth", "tag", "assignment", "scan"}:
            return self.has(key.partition("/")[0])
        return True

    def taken(self, row: Row) -> int:
        """Return how much of what a line of the audit tells goes along."""
        facts = json.loads(row["facts"])
        scan, annotation = facts.get("scan"), facts.get("annotation")
        if isinstance(scan, str) and not self.has(scan):
            return 0
        out = isinstance(annotation, str) and self.annotations is not None and annotation not in self.annotations
        said = row["action"] in _MEASURED or {"class", "slices"} <= facts.keys()
        out |= bool(self.reader) and said and row["who"] != self.reader
        # by who wrote the comment, not by who settled it
        out |= facts.get("comment") in self.unheard
        return SCANS if out else ALL


def bundle_job(
    project_path: Path,
    file: Path,
    should_stop: StopCheck = never_stop,
    *,
    scans: Sequence[str] = (),
    with_scans: bool = True,
    reader: str = "",
    by: str = "",
) -> Events:
    """Write a bundle.

    Strokes that a crash left unsaved are saved first, if the project can be written.

    Parameters
    ----------
    project_path
        The project.
    file
        The bundle, ending :data:`core.team.bundle_file.ENDING`; one that is there is replaced at the end.
    scans
        Ids or display names; empty for all.
    with_scans
        Whether the scans themselves go along: a copy that has them needs only what was said of them.
    reader
        Makes it for one reader to read blind: the scans that were given to him (of those named), with
        nobody's masks and words but his own.
    by
        Who hands it over; empty for who is logged in.

    Yields
    ------
    JobEvent
        Progress, at the end Finished with ``{"file", "scans", "annotations", "bytes"}``.

    Raises
    ------
    InputError
        ``bundle-ending``, ``scan-unknown``, ``bundle-nothing`` if no scan is left.
    ProjectError
        ``scan-corrupt``, ``mask-corrupt`` and the like: a bundle is whole or not made.
    Cancelled
        If asked to stop; nothing is left behind.
    """
    if file.suffix != ENDING:
        raise InputError("bundle-ending", file=file, ending=ENDING)
    with Project.open(project_path) as project:
        if not project.read_only:
            save_unsaved(project)
        choice = _chosen(project, scans, reader)
        tables = _read(project, choice)
        wanted = _files(tables, with_scans=with_scans)
        with atomic.path(file) as temporary:
            writer = BundleWriter(temporary)
            try:
                for table in TABLES:
                    writer.add_rows(table, tables[table])
                yield from _add_files(project, writer, wanted, should_stop)
                size = writer.finish(
                    _facts(project, tables, with_scans=with_scans, reader=reader, by=by or current_reader())
                )
            finally:
                writer.close()
    yield Finished(
        {"file": str(file), "scans": len(tables["scan"]), "annotations": len(tables["annotation"]), "bytes": size}
    )


def _chosen(project: Project, scans: Sequence[str], reader: str) -> _Choice:
    ids = frozenset(project.scan(ref).id for ref in scans) if scans else None
    if not reader:
        return _Choice(ids, None if ids is None else _annotations(project, ids), "")
    rows = project.store.rows("SELECT scan FROM assignment WHERE reader = ?", reader)
    given = frozenset(str(row[0]) for row in rows)
    ids = given if ids is None else ids & given
    if not ids:
        raise InputError("bundle-nothing", reader=reader)
    seen, _ = comments_seen(project, reader)
    unheard = frozenset(one.id for one in every(project)) - {one.id for one in seen}
    return _Choice(ids, _annotations(project, ids, reader), reader, unheard)


def _annotations(project: Project, scans: frozenset[str], reader: str = "") -> frozenset[str]:
    rows = project.store.rows("SELECT id, scan, reader FROM annotation")
    return frozenset(
        str(row["id"]) for row in rows if row["scan"] in scans and (not reader or person(row["reader"]) == reader)
    )


def _read(project: Project, choice: _Choice) -> dict[str, list[Row]]:
    """Return the rows that go along, all of one moment."""
    tables: dict[str, list[Row]] = {}
    with project.store.using() as connection:
        connection.execute("BEGIN")
        try:
            for table in TABLES:
                if table not in {"audit_merged", "change", "patient"}:
                    rows = (dict(row) for row in connection.execute(f"SELECT * FROM {table}"))
                    tables[table] = [row for row in rows if choice.takes(table, row)]
            measured = frozenset(row["id"] for row in tables["measurement"])
            commented = frozenset(row["id"] for row in tables["comment"])
            changes = (dict(row) for row in connection.execute("SELECT * FROM change"))
            tables["change"] = [row for row in changes if choice.has_change(row, measured, commented)]
            patients = {row["patient"] for row in tables["scan"]}
            known = (dict(row) for row in connection.execute("SELECT * FROM patient"))
            tables["patient"] = [row for row in known if row["key"] in patients]
            tables["audit_merged"] = _lines(connection, choice)
        finally:
            connection.execute("ROLLBACK")
    return tables


def _lines(connection: Any, choice: _Choice) -> list[Row]:
    columns = "hash, sequence, at, who, action, facts, previous"
    rows = connection.execute(
        f"SELECT {columns}, {ALL} AS taken FROM audit UNION ALL SELECT {columns}, taken FROM audit_merged"
    )
    lines = []
    for found in rows:
        row = dict(found)
        row["taken"] &= choice.taken(row)
        lines.append(row)
    return lines


def _files(tables: dict[str, list[Row]], *, with_scans: bool) -> list[tuple[str, str, str]]:
    """Return (kind, name, hash) of the files that go along."""
    found = [("scan", row["file"], row["file_sha256"]) for row in tables["scan"]] if with_scans else []
    masks = [("mask", row["file"], row["sha256"]) for row in tables["layer_version"] if row["removed"] is None]
    return found + masks


def _add_files(
    project: Project, writer: BundleWriter, wanted: list[tuple[str, str, str]], should_stop: StopCheck
) -> Events:
    began = time.monotonic()
    for done, (kind, name, digest) in enumerate(wanted):
        if should_stop():
            raise Cancelled
        rate = done / max(time.monotonic() - began, 1e-6)
        yield Progress(done, len(wanted), "bundle", rate, (len(wanted) - done) / rate if rate > 0 else -1.0)
        try:
            whole = writer.add_file(project.path / name, name, digest)
        except FileNotFoundError as error:
            raise ProjectError(f"{kind}-missing", file=name) from error
        if not whole:
            raise ProjectError(f"{kind}-corrupt", file=name)
    yield Progress(len(wanted), len(wanted), "bundle")


def _facts(project: Project, tables: dict[str, list[Row]], *, with_scans: bool, reader: str, by: str) -> BundleFacts:
    meta = {row["key"]: row["value"] for row in project.store.rows("SELECT key, value FROM meta")}
    return BundleFacts(
        project.id,
        project.name,
        utc_now(),
        by,
        len(tables["scan"]),
        len(tables["annotation"]),
        with_scans,
        reader,
        str(meta["audit_head"]).partition(" ")[2],
        str(meta["created"]),
    )
