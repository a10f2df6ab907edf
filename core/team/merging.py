"""Merging a bundle into a copy of the same project: all of it or nothing, and nothing of either copy lost."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.editing.opening import begin_journal_anew
from core.errors import Cancelled, InputError, ProjectError, StorageError
from core.events import Events, Finished, Progress, StopCheck, never_stop
from core.io import atomic
from core.labels import SCRIBBLED_BACKGROUND
from core.project import audit
from core.project.journal_file import JournalFile
from core.project.label_table import key_of
from core.project.lock import AnnotationLock
from core.project.project import Project
from core.project.records import current_reader
from core.project.relabel import renumber_notes
from core.team.bundle_file import TABLES, BundleReader, Row, check_room
from core.team.conflicts import note
from core.team.merge_labels import Joined, Remap, join, renumbered
from core.team.merge_masks import MaskMerge, meant
from core.team.merge_rows import merge_rows
from core.team.merge_state import Merge, check_tables
from core.team.unsaved import save_unsaved


@dataclass(frozen=True)
class _Outcome:
    new_scans: int
    skipped: int
    updated: int
    conflicts: list[dict[str, Any]]
    lines: int


class _Undo(Exception):
    """Takes a transaction back that was only to see what would come of it."""


def merge_job(
    project_path: Path,
    file: Path,
    should_stop: StopCheck = never_stop,
    *,
    dry: bool = False,
    locked: bool = False,
    reader: str = "",
) -> Events:
    """Merge a bundle into a project, or make a copy of the project out of it.

    No annotation may be open. Where there is no project at the path one is made, if the bundle
    holds the scans.

    Parameters
    ----------
    project_path
        A copy of the project that the bundle was made of, or a folder that is not there.
    file
        The bundle.
    dry
        Only say what would come of it.
    locked
        The caller holds the lock already.
    reader
        Who merges; the person logged in if empty.

    Yields
    ------
    JobEvent
        Progress, at the end Finished with ``{"new_scans", "skipped_scans", "updated", "conflicts", "lines",
        "already", "made"}``: ``already`` if all of it was known, ``made`` if the project is new.

    Raises
    ------
    InputError
        ``bundle-not``, ``bundle-cut``, ``bundle-damaged``, ``bundle-bomb``, ``bundle-newer``,
        ``bundle-other-project``, ``bundle-no-scans``.
    LockedError, ProjectError, StorageError
        The project cannot be changed now; it is as it was.
    Cancelled
        If asked to stop; nothing has changed.
    """
    with BundleReader(file) as bundle:
        for done, _ in enumerate(_checked(bundle)):
            if should_stop():
                raise Cancelled
            yield Progress(done + 1, len(bundle.files), "bundle-check")
        tables = {table: bundle.rows(table) for table in TABLES}
        check_tables(bundle, tables)
        there = project_path.exists() and (not project_path.is_dir() or any(project_path.iterdir()))
        if not there and not bundle.facts.with_scans:
            raise InputError("bundle-no-scans", file=file)
        outcome: _Outcome
        with _opened(project_path, bundle, there=there) as project:
            lock = AnnotationLock(project.path, current_reader())
            with contextlib.nullcontext() if locked or dry else lock:
                outcome = yield from _merge(project, bundle, tables, should_stop, reader or current_reader(), dry=dry)
    yield Finished(
        {
            "new_scans": outcome.new_scans,
            "skipped_scans": outcome.skipped,
            "updated": outcome.updated,
            "conflicts": outcome.conflicts,
            "lines": outcome.lines,
            "already": not (outcome.new_scans or outcome.updated or outcome.conflicts or outcome.lines),
            "made": not there,
        }
    )


def _checked(bundle: BundleReader) -> Iterator[str]:
    """Compare each file of a bundle with its hash."""
    for name in bundle.files:
        bundle.check_one(name)
        yield name


@contextlib.contextmanager
def _opened(path: Path, bundle: BundleReader, *, there: bool) -> Iterator[Project]:
    """Open the project, or make one that is taken away again if the merge fails."""
    if there:
        with Project.open(path) as project:
            if project.id != bundle.facts.project:
                raise InputError("bundle-other-project", file=bundle.file, name=bundle.facts.name)
            yield project
        return
    check_room(path.absolute().parent, bundle.needed())
    try:
        with Project.create(path, name=bundle.facts.name, id=bundle.facts.project) as project:
            yield project
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def _merge(
    project: Project,
    bundle: BundleReader,
    tables: dict[str, list[Row]],
    should_stop: StopCheck,
    reader: str,
    *,
    dry: bool,
) -> Any:
    if project.read_only:
        raise StorageError("read-only", file=project.path)
    _check_lineage(project, bundle, tables)
    if not dry:
        save_unsaved(project)
    check_room(project.path, bundle.needed())
    written: list[Path] = []
    outcome: _Outcome | None = None
    try:
        if not dry:
            yield from _copy_scans(project, bundle, tables, should_stop, written)
        with project.store.transaction() as connection:
            merge = Merge.of(project, connection, bundle, reader, tables)
            outcome = _all(merge, written)
            if dry:
                raise _Undo
    except _Undo:
        _take_away(written)
    except BaseException:
        # an interrupt may come after the rows are on the disk: then the files belong to them
        known = {row[0] for row in project.store.rows("SELECT file FROM scan UNION ALL SELECT file FROM layer_version")}
        _take_away([one for one in written if one.relative_to(project.path).as_posix() not in known])
        raise
    assert outcome is not None
    if not dry:
        for annotation in merge.redrawn:
            # where the disk refuses, opening sets it aside, with a warning
            with contextlib.suppress(StorageError):
                begin_journal_anew(project, annotation)
    return outcome


def _take_away(written: list[Path]) -> None:
    for file in written:
        file.unlink(missing_ok=True)
        # the folder of an annotation that did not come
        with contextlib.suppress(OSError):
            file.parent.rmdir()


def _check_lineage(project: Project, bundle: BundleReader, tables: dict[str, list[Row]]) -> None:
    """Refuse a bundle that has the project's id and nothing of its history."""
    if not project.store.rows("SELECT 1 FROM scan LIMIT 1"):
        return
    lines = {row["hash"] for row in tables["audit_merged"]}
    known = project.store.rows("SELECT hash FROM audit UNION ALL SELECT hash FROM audit_merged")
    if lines.isdisjoint(row[0] for row in known):
        raise InputError("bundle-other-project", file=bundle.file, name=bundle.facts.name)


def _copy_scans(
    project: Project, bundle: BundleReader, tables: dict[str, list[Row]], should_stop: StopCheck, written: list[Path]
) -> Events:
    """Copy the scans that are not here, before the index is held."""
    known = {row[0] for row in project.store.rows("SELECT id FROM scan")}
    new = [row for row in tables["scan"] if row["id"] not in known and row["file"] in bundle.files]
    for done, row in enumerate(new):
        if should_stop():
            raise Cancelled
        yield Progress(done, len(new), "bundle-scans")
        if bundle.files[row["file"]][0] != row["file_sha256"]:
            raise InputError("bundle-damaged", file=bundle.file)
        target = project.path / row["file"]
        written.append(target)
        with atomic.path(target) as temporary:
            bundle.copy(row["file"], temporary)
    yield Progress(len(new), len(new), "bundle-scans")


def _all(merge: Merge, written: list[Path]) -> _Outcome:
    """Put everything together, and tell it in the audit."""
    new = _merge_scans(merge)
    remap = _merge_labels(merge)
    MaskMerge(merge, remap.theirs, written).run()
    _bring_back(merge)
    merge_rows(merge)
    for row in merge.tables["conflict"]:
        _merge_conflict(merge, row)
    lines = _merge_lines(merge)
    if new or lines or merge.updated or merge.conflicts:
        facts = {
            "heads": [merge.bundle.facts.head],
            "from": merge.bundle.facts.by,
            "made": merge.bundle.facts.made,
            "scans": new,
            "lines": lines,
            "conflicts": [one["id"] for one in merge.conflicts],
        }
        audit.append(merge.connection, merge.reader, "merge", facts, standing=sorted(merge.made))
    return _Outcome(new, len(merge.skipped), merge.updated, merge.conflicts, lines)


def _merge_scans(merge: Merge) -> int:
    """Take in the scans that are not here, under numbers and names that are free here."""
    rows = merge.connection
    known = {row[0] for row in rows.execute("SELECT id FROM scan")}
    numbers = {table: {row[0] for row in rows.execute(f"SELECT number FROM {table}")} for table in ("scan", "patient")}
    patients = {row["key"]: row for row in merge.tables["patient"]}
    new = 0
    for row in sorted(merge.tables["scan"], key=lambda row: (int(row["number"]), str(row["id"]))):
        if row["id"] in known:
            continue
        if row["file"] not in merge.bundle.files:
            merge.skipped.add(row["id"])
            continue
        patient = patients[row["patient"]]
        if rows.execute("SELECT 1 FROM patient WHERE key = ?", (patient["key"],)).fetchone() is None:
            number = _free(numbers["patient"], int(patient["number"]))
            rows.execute("INSERT INTO patient VALUES (?, ?, ?)", (patient["key"], number, patient["known"]))
        twin = rows.execute("SELECT id, name FROM scan WHERE sha256 = ? ORDER BY number", (row["sha256"],)).fetchone()
        number = _free(numbers["scan"], int(row["number"]))
        taken = row | {"number": number, "name": f"S{number:04d}"}
        rows.execute(
            f"INSERT INTO scan ({', '.join(taken)}) VALUES ({', '.join('?' * len(taken))})", tuple(taken.values())
        )
        new += 1
        for kind, key in (("status", row["id"]), ("scan", row["id"]), ("depth", row["id"])):
            merge.told(kind, key, merge.hashes(kind, key)[1])
        if twin is not None:
            facts = {"scan": taken["name"], "beside": twin["name"]}
            found = note(rows, "same-scan", row["id"], sorted((row["id"], twin["id"])), facts)
            merge.conflicts += [] if found is None else [found]
    for row in merge.tables["meta"]:
        if row["key"].startswith("depth/") and row["key"].removeprefix("depth/") not in {*known, *merge.skipped}:
            rows.execute("INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)", (row["key"], row["value"]))
    return new


def _free(numbers: set[int], wanted: int) -> int:
    number = wanted if wanted > 0 and wanted not in numbers else max(numbers, default=0) + 1
    numbers.add(number)
    return number


def _merge_labels(merge: Merge) -> Joined:
    """Make one list of labels, and let the masks here be read by it."""
    rows = merge.connection
    ours = [dict(row) for row in rows.execute("SELECT * FROM label ORDER BY position")]
    theirs = sorted(merge.tables["label"], key=lambda row: int(row["position"]))

    def used(row: Row, side: Literal["ours", "theirs"]) -> bool:
        found = rows.execute("SELECT layer, counts FROM layer_version").fetchall() if side == "ours" else ()
        versions = [dict(one) for one in found] if side == "ours" else merge.tables["layer_version"]
        return any(one["layer"] == row["layer"] and str(row["value"]) in json.loads(one["counts"]) for one in versions)

    def decide(key: str, their_key: str) -> Any:
        return merge.decide("label", key, their_key)

    joined = join(ours, theirs, decide, used)
    columns = list(ours[0] if ours else theirs[0]) if ours or theirs else []
    if [{name: row[name] for name in columns} for row in joined.rows] != ours:
        rows.execute("DELETE FROM label")
        for row in joined.rows:
            rows.execute(
                f"INSERT INTO label ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
                tuple(row[name] for name in columns),
            )
        merge.updated += 1
    known = (merge.ours_changed, merge.theirs_changed)
    lines = [line for one in known for (kind, _), line in one.items() if kind == "label"]
    for key, side in joined.told.items():
        if key in joined.changed:
            # what became of it follows from what all labels were in both copies
            merge.composed("label", key, lines)
        elif side == "theirs":
            merge.told("label", key, merge.hashes("label", key)[1])
    for key in joined.former - joined.told.keys():
        merge.composed("label", key, lines)
    for (kind, key), line in merge.theirs_changed.items():
        # labels that are in neither copy any more
        gone = kind == "label" and key not in joined.told and key not in joined.former
        if gone and merge.decide("label", key) in {"theirs", "both-theirs"}:
            merge.told("label", key, line)
    _read_anew(merge, joined.ours)
    renumber_notes(rows, lambda place: renumbered(place, joined.ours))
    _note_labels(merge, joined)
    return joined


def _read_anew(merge: Merge, remap: Remap) -> None:
    """Let the masks here be read by values that changed; an undo history that holds the old ones goes with it."""
    rows = merge.connection
    anew: set[str] = set()
    for layer, values in remap.items():
        for found in rows.execute("SELECT * FROM layer_version WHERE layer = ?", (layer,)).fetchall():
            before = dict(found)
            after = meant(before, values)
            if after != before:
                rows.execute(
                    "UPDATE layer_version SET remap = ?, counts = ?, content_sha256 = ? "
                    "WHERE annotation = ? AND layer = ? AND sequence = ?",
                    (
                        after["remap"],
                        after["counts"],
                        after["content_sha256"],
                        before["annotation"],
                        layer,
                        before["sequence"],
                    ),
                )
                anew.add(before["annotation"])
                merge.updated += 1
    for row in rows.execute("SELECT id, journal_sequence FROM annotation").fetchall() if remap else ():
        if row["id"] not in anew and _drew_with(merge.project, row["id"], row["journal_sequence"], remap):
            anew.add(row["id"])
    for annotation in anew:
        if not merge.project.journal_path(annotation).is_file():
            continue
        # one ahead of its journal, which so fits no more even if it cannot be set aside
        rows.execute("UPDATE annotation SET journal_sequence = journal_sequence + 1 WHERE id = ?", (annotation,))
    merge.redrawn |= anew


def _drew_with(project: Project, annotation: str, saved: int, remap: Remap) -> bool:
    """Whether an undo history holds values that change. What was taken back before it was saved is in no version."""
    file = project.journal_path(annotation)
    if not file.is_file():
        return False
    try:
        steps = (record.step for record in JournalFile(file, synced=saved).records() if record.step is not None)
        # 0: of several labels
        return any(
            part.layer in remap and step.label_value in {0, *remap[part.layer]} for step in steps for part in step.parts
        )
    except ProjectError:
        # opening sets it aside
        return False


def _note_labels(merge: Merge, joined: Joined) -> None:
    """Tell of labels that both copies changed, and of those that one took away and the other drew with."""
    told: list[tuple[str, list[Any], dict[str, str]]] = []
    for key, kept, beside in joined.conflicts:
        words = _label_words(kept), _label_words(beside)
        told.append(("label", [key, *sorted(words)], {"kept": words[0], "beside": words[1]}))
    told += [("label-back", [row["origins"], "gone"], {"label": row["name"]}) for row in joined.back]
    for kind, sides, facts in told:
        noted = note(merge.connection, kind, "", sides, facts | {"scan": ""})
        merge.conflicts += [] if noted is None else [noted]


def _label_words(row: Row) -> str:
    return f"{row['name']} {row['color']}" + (" (-)" if row["removed"] is not None else "")


def _bring_back(merge: Merge) -> None:
    """Bring labels back that one copy removed and the other still drew with."""
    rows = merge.connection
    removed = {
        (row["layer"], row["value"]): dict(row) for row in rows.execute("SELECT * FROM label WHERE removed IS NOT NULL")
    }
    if not removed:
        return
    newest = rows.execute(
        "SELECT v.annotation, v.layer, v.counts FROM layer_version v "
        "WHERE v.sequence = (SELECT max(sequence) FROM layer_version w "
        "WHERE w.annotation = v.annotation AND w.layer = v.layer)"
    ).fetchall()
    seen = {(layer, int(value)) for _, layer, counts in newest for value in json.loads(counts)}
    now = {row[0]: row[1] for row in rows.execute("SELECT key, hash FROM change WHERE kind = 'layer'")}
    names = {row[0].casefold() for row in rows.execute("SELECT name FROM label WHERE removed IS NULL")}
    for place in sorted(seen & removed.keys()):
        row = removed[place]
        if place[1] == SCRIBBLED_BACKGROUND:
            continue
        name, number = row["name"], 2
        while name.casefold() in names:
            name, number = f"{row['name']} ({number})", number + 1
        names.add(name.casefold())
        rows.execute(
            "UPDATE label SET removed = NULL, key = '', name = ? WHERE layer = ? AND value = ?", (name, *place)
        )
        drawn = [
            now[f"{annotation}/{layer}"]
            for annotation, layer, counts in newest
            if layer == place[0] and str(place[1]) in json.loads(counts) and f"{annotation}/{layer}" in now
        ]
        key = key_of(row["origins"])
        before = rows.execute("SELECT hash FROM change WHERE kind = 'label' AND key = ?", (key,)).fetchone()
        merge.composed("label", key, [*drawn, *([before[0]] if before is not None else [])])
        found = note(rows, "label-back", "", [row["origins"], row["removed"]], {"label": name, "scan": ""})
        merge.conflicts += [] if found is None else [found]


def _merge_conflict(merge: Merge, row: Row) -> None:
    """Take over a conflict that another merge found; settled in one copy is settled."""
    done = merge.connection.execute(
        "INSERT INTO conflict (id, at, kind, scan, facts, settled) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET settled = excluded.settled WHERE settled = '' AND excluded.settled <> ''",
        (row["id"], row["at"], row["kind"], row["scan"], row["facts"], row["settled"]),
    )
    merge.updated += done.rowcount


def _merge_lines(merge: Merge) -> int:
    """Take over the other copy's audit: its lines stand beside ours, each after the one that it followed."""
    own = {row[0] for row in merge.connection.execute("SELECT hash FROM audit")}
    changed = 0
    for row in merge.tables["audit_merged"]:
        facts = json.loads(row["facts"])
        taken = 0 if facts.get("scan") in merge.skipped else row["taken"]
        known = merge.ours_lines.get(row["hash"])
        if row["hash"] in own or (known is not None and known[1] | taken == known[1]):
            continue
        columns = ", ".join(row)
        merge.connection.execute(
            f"INSERT INTO audit_merged ({columns}) VALUES ({', '.join('?' * len(row))}) "
            "ON CONFLICT (hash) DO UPDATE SET taken = taken | excluded.taken",
            tuple((row | {"taken": taken}).values()),
        )
        changed += 1
    return changed
