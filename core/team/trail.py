"""The audit as people read it: who did what, when, with which tool or run; of this copy and of those merged in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.io import atomic
from core.messages import text
from core.project import audit
from core.project.project import Project
from core.project.records import AuditRow

COLUMNS = ("at", "who", "action", "what", "tool", "run", "scan", "copy", "sequence", "facts", "previous", "hash")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LONG = 160


@dataclass(frozen=True, slots=True)
class Entry:
    """One line.

    Parameters
    ----------
    at, who
        When (UTC, by the clock of the machine that wrote it), and who.
    action
        The audit's word.
    what
        A sentence.
    tool, run
        Tools that were used, with how often each, or empty; run whose masks were taken, or empty.
    scan
        Id of the scan that it is about, or empty.
    own
        Written in this copy; else it came with a merge.
    sequence, hash
        Its place in its chain, and its hash.
    facts
        As they stand in the audit.
    """

    at: str
    who: str
    action: str
    what: str
    tool: str
    run: str
    scan: str
    own: bool
    sequence: int
    hash: str
    facts: Mapping[str, Any]


def trail(project: Project, scan: str = "", reader: str = "", after: int = 0, most: int = 0) -> list[Entry]:
    """Return the lines of the audit, oldest first: each after those of its own copy, the copies side by side by time.

    Parameters
    ----------
    scan
        Id: only what is about this scan.
    reader
        Only what this person did.
    after
        Only lines of this copy after this sequence number (and none of other copies).
    most
        At most so many of the last; 0 for all.

    Raises
    ------
    ProjectError
        ``audit-broken`` naming a line whose facts were damaged.
    """
    with project.store.using() as connection:
        own = [(row, True) for row in audit.rows(connection, after=after)]
        others = [] if after else [(row, False) for row, _ in audit.merged_rows(connection)]
    lines = _by_time(own, others)
    about = _scans_of(row for row, _ in lines)
    chosen = [
        (row, mine)
        for row, mine in lines
        if (not scan or about.get(row.hash) == scan) and (not reader or row.who == reader)
    ]
    names = {str(row[0]): str(row[1]) for row in project.store.rows("SELECT id, name FROM scan")}
    runs = {str(row[0]): str(row[1]) for row in project.store.rows("SELECT id, name FROM run")}
    return [_entry(row, mine, about.get(row.hash, ""), names, runs) for row, mine in chosen[-most if most else 0 :]]


def _by_time(
    own: Sequence[tuple[AuditRow, bool]], others: Sequence[tuple[AuditRow, bool]]
) -> list[tuple[AuditRow, bool]]:
    """Put chains side by side: a clock that went back does not put a line before the one that it follows."""
    latest: dict[bool, str] = {}
    keyed = []
    for row, mine in sorted(own, key=lambda one: one[0].sequence):
        latest[mine] = max(latest.get(mine, ""), row.at)
        keyed.append((latest[mine], row.sequence, row, mine))
    keyed += [(row.at, row.sequence, row, mine) for row, mine in others]
    keyed.sort(key=lambda one: (one[0], one[1], one[2].hash))
    return [(row, mine) for _, _, row, mine in keyed]


def _scans_of(rows: Iterable[AuditRow]) -> dict[str, str]:
    """Return by line the scan that it is about; lines that name only an annotation are about the scan of that."""
    owners: dict[str, str] = {}
    found: dict[str, str] = {}
    for row in rows:
        scan, annotation = row.facts.get("scan"), row.facts.get("annotation")
        if isinstance(scan, str) and isinstance(annotation, str):
            owners[annotation] = scan
        about = scan if isinstance(scan, str) else owners.get(str(annotation), "")
        if about:
            found[row.hash] = about
    return found


def _named(tool: str) -> str:
    """Return the name of a tool as the history has it; one that only another version knows keeps its own."""
    try:
        return text(f"annotate.steps.{tool}")
    except KeyError:
        return tool


def _entry(row: AuditRow, mine: bool, scan: str, names: Mapping[str, str], runs: Mapping[str, str]) -> Entry:
    tools = row.facts.get("tools")
    used = sorted(tools.items()) if isinstance(tools, dict) else []
    tool = ", ".join(f"{_named(name)} {count}" for name, count in used)
    told = row.facts.get("runs") or [row.facts.get("run")]
    run = ", ".join(runs.get(str(one), str(one)) for one in told if one)
    what = _words(row, names.get(scan, scan))
    return Entry(row.at, row.who, row.action, what, tool, run, scan, mine, row.sequence, row.hash, row.facts)


def _words(row: AuditRow, scan: str) -> str:
    """Word a line; what this version does not know is told by its own word."""
    facts: dict[str, Any] = {name: _short(value) for name, value in row.facts.items() if not isinstance(value, dict)}
    layers = row.facts.get("layers")
    finished = row.facts.get("finished")
    facts |= {
        "scan": scan,
        "action": row.action,
        "layers": ", ".join(layers) if isinstance(layers, dict) and layers else "-",
        "finished": sum(finished.values()) if isinstance(finished, dict) else "0",
    }
    for name in ("before", "after"):
        if row.action == "status":
            facts[name] = text(f"worklist.status_{row.facts[name]}")
    key = row.action.replace("-", "_")
    variant = {"reader": "active", "tag": "on", "reading-done": "done", "comment-settled": "settled"}.get(row.action)
    if variant is not None and not row.facts.get(variant, True):
        key += "_not"
    try:
        return text(f"trail.{key}", **facts)
    except KeyError:
        return text("trail.other", action=row.action)


def _short(value: Any) -> str:
    words = str(len(value)) if isinstance(value, list) else str("-" if value is None else value)
    words = " ".join(words.split())
    return words if len(words) <= _LONG else f"{words[:_LONG]}…"


def write_csv(project: Project, file: Path, *, scan: str = "", reader: str = "") -> int:
    """Write the audit as a table; return its lines.

    The columns ``sequence``, ``at``, ``who``, ``action``, ``facts`` and ``previous`` are those that each hash
    is of, so that anybody can check the chain without this program; ``what`` is for people.

    Raises
    ------
    StorageError
        As :func:`core.io.atomic.write_bytes`.
    """
    previous = {
        row[0]: (row[1], row[2])
        for row in project.store.rows(
            "SELECT hash, previous, facts FROM audit UNION ALL SELECT hash, previous, facts FROM audit_merged"
        )
    }
    names = {str(row[0]): str(row[1]) for row in project.store.rows("SELECT id, name FROM scan")}
    entries = trail(project, scan=scan, reader=reader)
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for one in entries:
        before, facts = previous[one.hash]
        shown = [one.at, one.who, one.action, _safe(one.what), _safe(one.tool), _safe(one.run)]
        copy = text("trail.own") if one.own else text("trail.merged")
        writer.writerow([*shown, names.get(one.scan, one.scan), copy, one.sequence, facts, before, one.hash])
    atomic.write_bytes(file, target.getvalue().encode("utf-8-sig"))
    return len(entries)


def _safe(words: str) -> str:
    """Keep a spreadsheet from taking words for a formula."""
    return f"'{words}" if words.startswith(_FORMULA) else words
