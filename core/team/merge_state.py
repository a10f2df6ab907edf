"""What a merge knows: the rows of the other copy, and which lines of the audit either copy has seen.

A line of the audit that a copy holds tells that it knows the change: then its own later value is an answer to
it, and counts. Where each copy changed a thing without knowing of the other's change, that is a conflict; which
value counts then follows from the lines alone, so that both copies come to the same. Clocks decide nothing but that.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.errors import InputError, ProjectError
from core.geometry import Geometry
from core.project import audit
from core.project.annotations import check_layer_name
from core.project.project import Project
from core.project.records import Origin, ScanStatus
from core.team.bundle_file import ID, BundleReader, Row
from core.team.merge_labels import Side

SCANS, MASKS, ALL = 1, 2, 3
_OF_MASKS = frozenset({"layer", "annotation", "class", "measurement", "comment"})
"""Kinds of things that a bundle for one reader may leave out though it tells that they changed."""


@dataclass
class Merge:
    """One merge under way, inside one transaction.

    Parameters
    ----------
    project, connection
        Ours, in the transaction.
    bundle
        Theirs.
    reader
        Who merges.
    tables
        Rows of theirs, by table.
    skipped
        Ids of scans of theirs that we have not and that did not come along.
    made
        Kinds and keys of things that are now what neither copy had.
    redrawn
        Ids of annotations whose masks are others now.
    """

    project: Project
    connection: sqlite3.Connection
    bundle: BundleReader
    reader: str
    tables: dict[str, list[Row]]
    skipped: set[str] = field(default_factory=set)
    ours_changed: dict[tuple[str, str], str] = field(default_factory=dict)
    theirs_changed: dict[tuple[str, str], str] = field(default_factory=dict)
    ours_lines: dict[str, tuple[str, int]] = field(default_factory=dict)
    theirs_lines: dict[str, tuple[str, int]] = field(default_factory=dict)
    made: set[tuple[str, str]] = field(default_factory=set)
    redrawn: set[str] = field(default_factory=set)
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    updated: int = 0

    @classmethod
    def of(
        cls, project: Project, connection: sqlite3.Connection, bundle: BundleReader, reader: str, tables: Any
    ) -> Merge:
        """Read what both copies know."""
        merge = cls(project, connection, bundle, reader, tables)
        merge.ours_changed = {
            (row[0], row[1]): row[2] for row in connection.execute("SELECT kind, key, hash FROM change")
        }
        merge.theirs_changed = {(row["kind"], row["key"]): row["hash"] for row in tables["change"]}
        merge.ours_lines = {row[0]: (row[1], ALL) for row in connection.execute("SELECT hash, at FROM audit")}
        merged = connection.execute("SELECT hash, at, taken FROM audit_merged")
        merge.ours_lines |= {row[0]: (row[1], row[2]) for row in merged}
        merge.theirs_lines = {row["hash"]: (row["at"], row["taken"]) for row in tables["audit_merged"]}
        return merge

    def hashes(self, kind: str, key: str) -> tuple[str, str]:
        """Return the lines that tell last of a thing, ours and theirs; empty where none does."""
        return self.ours_changed.get((kind, key), ""), self.theirs_changed.get((kind, key), "")

    def decide(self, kind: str, key: str, their_key: str = "") -> Side:
        """Say whose change of a thing is the later one."""
        ours = self.ours_changed.get((kind, key), "")
        theirs = self.theirs_changed.get((kind, their_key or key), "")
        if ours == theirs:
            return "same"
        bit = MASKS if kind in _OF_MASKS else SCANS
        known_here = _knows(self.ours_lines, theirs, bit)
        known_there = _knows(self.theirs_lines, ours, bit)
        if known_here and not known_there:
            return "ours"
        if known_there and not known_here:
            return "theirs"
        return "both-ours" if self.weight(ours) >= self.weight(theirs) else "both-theirs"

    def weight(self, change: str) -> tuple[tuple[str, str], str]:
        """Return what decides between two changes that know nothing of each other."""
        found = []
        for line in lines_of(change):
            known = self.ours_lines.get(line) or self.theirs_lines.get(line)
            found.append((known[0] if known else "", line))
        return max(found, default=("", "")), change

    def told(self, kind: str, key: str, line: str) -> None:
        """Note which change counts last of a thing now."""
        if line and self.ours_changed.get((kind, key)) != line:
            self.connection.execute(
                "INSERT OR REPLACE INTO change (kind, key, hash) VALUES (?, ?, ?)", (kind, key, line)
            )
            self.updated += 1

    def composed(self, kind: str, key: str, changes: Iterable[str]) -> None:
        """Note that a thing is what follows from several changes: whoever knows all of them came to the same."""
        self.made.add((kind, key))
        self.told(kind, key, "+".join(sorted({line for change in changes for line in lines_of(change)})))

    def who(self, change: str) -> tuple[str, str]:
        """Return who made a change, and when."""
        (_, line), _ = self.weight(change)
        found = self.connection.execute(
            "SELECT who, at FROM audit WHERE hash = ? UNION ALL SELECT who, at FROM audit_merged WHERE hash = ?",
            (line, line),
        ).fetchone()
        if found is None:
            found = next(
                ((row["who"], row["at"]) for row in self.tables["audit_merged"] if row["hash"] == line), ("", "")
            )
        return str(found[0]), str(found[1])


def lines_of(change: str) -> list[str]:
    """Return the lines of the audit that a change stands for: one, or those of which a merge made something else."""
    return change.split("+") if change else []


def _knows(lines: Mapping[str, tuple[str, int]], change: str, bit: int) -> bool:
    return all(lines.get(line, ("", 0))[1] & bit for line in lines_of(change))


def check_tables(bundle: BundleReader, tables: Mapping[str, list[Row]]) -> None:
    """Refuse rows that no program of ours wrote.

    Raises
    ------
    InputError
        ``bundle-damaged``.
    """
    try:
        _check_lines(bundle, tables)
        _check_rows(tables)
        _check_files(bundle, tables)
    except (InputError, ProjectError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError("bundle-damaged", file=bundle.file) from error


def _check_lines(bundle: BundleReader, tables: Mapping[str, list[Row]]) -> None:
    """Check the other copy's audit: every line is what its hash says, and follows one that is there."""
    lines = {row["hash"]: row for row in tables["audit_merged"]}
    for digest, row in lines.items():
        values = (row["sequence"], row["at"], row["who"], row["action"], row["facts"], row["previous"])
        if audit.digest_of(*values) != digest or row["taken"] not in (0, 1, 2, 3):
            raise ValueError("another line")
        if row["previous"] != audit.START and row["previous"] not in lines:
            raise ValueError("a line is missing")
        if not isinstance(json.loads(row["facts"]), dict):
            raise ValueError("no facts")
    if bundle.facts.head not in lines or any(
        line not in lines for row in tables["change"] for line in lines_of(row["hash"])
    ):
        raise ValueError("a line is missing")


def _check_rows(tables: Mapping[str, list[Row]]) -> None:
    depths = {}
    for row in tables["scan"]:
        _ids(row["id"])
        ScanStatus(row["status"])
        Geometry((row["depth"], row["height"], row["width"]), json.loads(row["affine"]), True, True)
        depths[row["id"]] = int(row["depth"])
        _must(row["file"] == f"scans/{row['id']}.h5" and min(row["depth"], row["height"], row["width"]) > 0)
    patients = {row["key"] for row in tables["patient"]}
    _must(all(row["patient"] in patients for row in tables["scan"]))
    owners = {}
    for row in tables["annotation"]:
        _ids(row["id"])
        owners[row["id"]] = depths[row["scan"]]
    for row in tables["layer_version"]:
        _must(row["annotation"] in owners and row["sequence"] > 0)
        check_layer_name(row["layer"])
        for words in (row["counts"], row["remap"] or "{}"):
            _must(all(0 <= int(value) <= 255 for value in json.loads(words)))
        _must(all(0 <= int(value) <= 255 for value in json.loads(row["remap"] or "{}").values()))
    for row in tables["slice_state"]:
        Origin(row["origin"])
        check_layer_name(row["layer"])
        _must(0 <= row["slice"] < owners[row["annotation"]])
    for table in ("class_value", "comment"):
        _must(all(-1 <= row["slice"] < depths[row["scan"]] for row in tables[table]))
    for table in ("measurement", "assignment", "tag", "reading_time"):
        _must(all(row["scan"] in depths for row in tables[table]))
    for row in tables["label"]:
        check_layer_name(row["layer"])
        _must(1 <= row["value"] <= 250 and row["name"].strip() != "" and row["origins"] != "")
        if row["removed"] is not None:
            layer, value = json.loads(row["removed"])["to"] or ("", 0)
            _must(isinstance(layer, str) and isinstance(value, int))
    for row in tables["measurement"]:
        _must(isinstance(json.loads(row["points"]), list) and isinstance(json.loads(row["figures"]), dict))


def _check_files(bundle: BundleReader, tables: Mapping[str, list[Row]]) -> None:
    """Check that every mask that a row names came along, and nothing under its name but that."""
    wanted = {row["file"]: row["sha256"] for row in tables["layer_version"] if row["removed"] is None}
    if bundle.facts.with_scans:
        wanted |= {row["file"]: row["file_sha256"] for row in tables["scan"]}
    came = {name: digest for name, (digest, _) in bundle.files.items() if not name.startswith("tables/")}
    _must(came == wanted)


def _ids(id: str) -> None:
    _must(ID.fullmatch(id) is not None)


def _must(good: bool) -> None:
    if not good:
        raise ValueError("no such row")
