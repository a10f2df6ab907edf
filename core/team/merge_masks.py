"""The annotations of two copies of a project put together: nothing of either is lost or written over."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.io import atomic
from core.project import maskfile
from core.team.bundle_file import Row
from core.team.conflicts import derived_id, note
from core.team.merge_labels import Remap
from core.team.merge_state import Merge

_STATE = ("slice", "origin", "run", "finished", "reader", "seconds")
Source = Callable[[Row], bytes]


class MaskMerge:
    """Puts annotations together, inside the transaction of a merge.

    Parameters
    ----------
    merge
        Under way; scans and labels are there.
    remap
        Values that change in their masks.
    written
        Files that were written, for the caller to take away if the transaction fails.
    """

    def __init__(self, merge: Merge, remap: Remap, written: list[Path]) -> None:
        self._merge = merge
        self._remap = remap
        self._written = written
        self._rows = merge.connection
        self._versions: dict[str, dict[str, list[Row]]] = {}
        for row in sorted(merge.tables["layer_version"], key=lambda row: int(row["sequence"])):
            self._versions.setdefault(row["annotation"], {}).setdefault(row["layer"], []).append(self._meant(row))
        self._states: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
        for row in sorted(merge.tables["slice_state"], key=lambda row: int(row["slice"])):
            state = tuple(row[name] for name in _STATE)
            self._states.setdefault(row["annotation"], {}).setdefault(row["layer"], []).append(state)

    def run(self) -> None:
        """Put all annotations together."""
        theirs = [row for row in self._merge.tables["annotation"] if row["scan"] not in self._merge.skipped]
        theirs.sort(key=lambda row: str(row["id"]))
        known = {row["id"]: dict(row) for row in self._rows.execute("SELECT * FROM annotation")}
        for row in theirs:
            if row["id"] in known:
                self._rename(row, known[row["id"]])
        for row in theirs:
            if row["id"] in known:
                self._join(row)
            else:
                self._take(row)

    # annotations that only they have

    def _take(self, row: Row) -> None:
        """Take in an annotation that is not there; where its reader's name is taken, one of the two gets another."""
        clash = self._rows.execute(
            "SELECT * FROM annotation WHERE scan = ? AND reader = ? AND round = ?",
            (row["scan"], row["reader"], row["round"]),
        ).fetchone()
        reader, renamed = row["reader"], False
        if clash is not None:
            beside = self._free(row["scan"], reader)
            earlier = (clash["created"], clash["id"]) < (row["created"], row["id"])
            kept, other = (clash["id"], row["id"]) if earlier else (row["id"], clash["id"])
            if earlier:
                reader = beside
            else:
                self._rows.execute("UPDATE annotation SET reader = ? WHERE id = ?", (beside, clash["id"]))
            both = [line for one in (kept, other) for line in self._merge.hashes("annotation", one)]
            self._merge.composed("annotation", other, both)
            renamed = other == row["id"]
            self._note("reading", row["scan"], [kept, other], {"reader": row["reader"], "beside": beside})
        values = (row["id"], row["scan"], reader, row["round"], row["created"], row["updated"])
        self._rows.execute(
            "INSERT INTO annotation (id, scan, reader, round, created, updated, journal_sequence) "
            "VALUES (?, ?, ?, ?, ?, ?, 0)",
            values,
        )
        for layer in sorted({*self._versions.get(row["id"], {}), *self._states.get(row["id"], {})}):
            self._append(row["id"], row["scan"], layer, self._theirs(row["id"], layer), self._from_bundle)
            self._set_states(row["id"], layer, self._states.get(row["id"], {}).get(layer, []))
            self._merge.told("layer", f"{row['id']}/{layer}", self._merge.hashes("layer", f"{row['id']}/{layer}")[1])
        if not renamed:
            self._merge.told("annotation", row["id"], self._merge.hashes("annotation", row["id"])[1])
        self._merge.updated += 1

    def _rename(self, row: Row, mine: Row) -> None:
        """Follow a merge elsewhere that gave a reading another reader's name."""
        side = self._merge.decide("annotation", row["id"])
        if side not in {"theirs", "both-theirs"} or row["reader"] == mine["reader"]:
            return
        clash = self._rows.execute(
            "SELECT id FROM annotation WHERE scan = ? AND reader = ? AND round = ?",
            (row["scan"], row["reader"], row["round"]),
        ).fetchone()
        if clash is None:
            self._rows.execute("UPDATE annotation SET reader = ? WHERE id = ?", (row["reader"], row["id"]))
            self._merge.told("annotation", row["id"], self._merge.hashes("annotation", row["id"])[1])

    # annotations that both have

    def _join(self, row: Row) -> None:
        """Put two states of one annotation together, layer by layer; masks changed in both are kept side by side."""
        id, scan = row["id"], row["scan"]
        layers = sorted({*self._versions.get(id, {}), *self._states.get(id, {})})
        both: list[str] = []
        for layer in layers:
            side = self._merge.decide("layer", f"{id}/{layer}")
            if side in {"same", "ours"}:
                continue
            if self._is_same(id, layer):
                self._add_history(id, scan, layer)
                if side in {"theirs", "both-theirs"}:
                    self._merge.told("layer", f"{id}/{layer}", self._merge.hashes("layer", f"{id}/{layer}")[1])
                    self._sign(id, layer)
            elif side == "theirs":
                self._follow(id, scan, layer)
            else:
                both.append(layer)
        if both:
            self._keep_both(row, both)
        self._rows.execute("UPDATE annotation SET updated = max(updated, ?) WHERE id = ?", (row["updated"], id))

    def _keep_both(self, row: Row, layers: Sequence[str]) -> None:
        """Let one copy's masks count, and keep the other's beside them as a reading of its own."""
        id, scan = row["id"], row["scan"]
        lines = [self._merge.hashes("layer", f"{id}/{layer}") for layer in layers]
        ours = max((pair[0] for pair in lines), key=self._merge.weight)
        theirs = max((pair[1] for pair in lines), key=self._merge.weight)
        ours_count = self._merge.weight(ours) >= self._merge.weight(theirs)
        beside = sorted({pair[1] if ours_count else pair[0] for pair in lines})
        copy = derived_id("copy", id, *beside)
        there = self._rows.execute("SELECT reader FROM annotation WHERE id = ?", (copy,)).fetchone()
        mine = self._rows.execute("SELECT reader FROM annotation WHERE id = ?", (id,)).fetchone()
        name = there[0] if there is not None else self._free(scan, mine[0])
        if there is None:
            self._rows.execute(
                "INSERT INTO annotation (id, scan, reader, round, created, updated, journal_sequence) "
                "VALUES (?, ?, ?, 1, ?, ?, 0)",
                (copy, scan, name, row["created"], row["updated"]),
            )
        for layer in layers:
            here, other = self._ours(id, layer), self._theirs(id, layer)
            kept, aside = (here, other) if ours_count else (other, here)
            states = self._states.get(id, {}).get(layer, []) if ours_count else self._states_here(id, layer)
            if there is None:
                hashes = {version["sha256"] for version in kept}
                # what the other copy does not have, and in any case what was drawn last
                own = [version for version in aside[:-1] if version["sha256"] not in hashes] + aside[-1:]
                self._append(copy, scan, layer, own, self._from_bundle if ours_count else self._from_here)
                self._set_states(copy, layer, states)
                self._merge.made |= {("annotation", copy), ("layer", f"{copy}/{layer}")}
                line = self._merge.hashes("layer", f"{id}/{layer}")[1 if ours_count else 0]
                self._merge.told("layer", f"{copy}/{layer}", line)
            if not ours_count:
                self._follow(id, scan, layer)
        who, at = self._merge.who(ours if ours_count else theirs)
        facts = {
            "reader": mine[0],
            "beside": name,
            "layers": ", ".join(layers),
            "who": who,
            "at": at[:16].replace("T", " "),
        }
        self._note("masks", scan, [id, *beside], facts)

    def _follow(self, id: str, scan: str, layer: str) -> None:
        """Let their masks and slice states count; the versions that are here stay in the history."""
        theirs = self._theirs(id, layer)
        here = self._ours(id, layer)
        hashes = {version["sha256"] for version in here}
        new = [version for version in theirs if version["sha256"] not in hashes]
        last = (new or here)[-1:]
        if theirs and [(row["sha256"], row["remap"]) for row in last] != [(theirs[-1]["sha256"], theirs[-1]["remap"])]:
            # they went back to masks that are in the history already: those count again
            new.append(theirs[-1])
        self._append(id, scan, layer, new, self._from_bundle)
        self._set_states(id, layer, self._states.get(id, {}).get(layer, []))
        self._sign(id, layer)
        self._merge.told("layer", f"{id}/{layer}", self._merge.hashes("layer", f"{id}/{layer}")[1])

    def _add_history(self, id: str, scan: str, layer: str) -> None:
        """Both came to the same masks on different ways: keep the versions of the other way too, before the newest."""
        here = self._ours(id, layer)
        hashes = {version["sha256"] for version in here}
        new = [version for version in self._theirs(id, layer) if version["sha256"] not in hashes]
        if new and here:
            self._append(id, scan, layer, new, self._from_bundle)
            self._append(id, scan, layer, here[-1:], self._from_here)

    def _sign(self, id: str, layer: str) -> None:
        """Let the newest version tell of who made it as the line that counts does."""
        for newest in self._theirs(id, layer)[-1:]:
            self._rows.execute(
                "UPDATE layer_version SET created = ?, who = ?, action = ? WHERE annotation = ? AND layer = ? "
                "AND sequence = (SELECT max(sequence) FROM layer_version WHERE annotation = ? AND layer = ?)",
                (newest["created"], newest["who"], newest["action"], id, layer, id, layer),
            )

    def _is_same(self, id: str, layer: str) -> bool:
        here, theirs = self._ours(id, layer)[-1:], self._theirs(id, layer)[-1:]
        content = [[(row["sha256"], row["remap"]) for row in rows] for rows in (here, theirs)]
        return content[0] == content[1] and self._states_here(id, layer) == self._states.get(id, {}).get(layer, [])

    # rows and files

    def _ours(self, id: str, layer: str) -> list[Row]:
        rows = self._rows.execute(
            "SELECT * FROM layer_version WHERE annotation = ? AND layer = ? ORDER BY sequence", (id, layer)
        )
        return [dict(row) for row in rows]

    def _theirs(self, id: str, layer: str) -> list[Row]:
        return self._versions.get(id, {}).get(layer, [])

    def _states_here(self, id: str, layer: str) -> list[tuple[Any, ...]]:
        rows = self._rows.execute(
            f"SELECT {', '.join(_STATE)} FROM slice_state WHERE annotation = ? AND layer = ? ORDER BY slice",
            (id, layer),
        )
        return [tuple(row) for row in rows]

    def _append(self, id: str, scan: str, layer: str, versions: Sequence[Row], source: Source) -> None:
        """Add versions after those that are there, each with a file of its own."""
        found = self._rows.execute(
            "SELECT coalesce(max(sequence), 0) FROM layer_version WHERE annotation = ? AND layer = ?", (id, layer)
        ).fetchone()
        folder = f"masks/{scan}/{id}"
        for sequence, version in enumerate(versions, int(found[0]) + 1):
            file = f"{folder}/{layer}-{sequence}-{version['sha256'][:8]}.nii.gz"
            if version["removed"] is None:
                data = source(version)
                atomic.make_folder(self._merge.project.path / folder)
                self._written.append(self._merge.project.path / file)
                atomic.write_bytes(self._merge.project.path / file, data)
            # 0: a journal over what was there before fits no more
            new = version | {
                "annotation": id,
                "layer": layer,
                "sequence": sequence,
                "file": file,
                "journal_sequence": 0,
            }
            names = ", ".join(new)
            self._rows.execute(
                f"INSERT INTO layer_version ({names}) VALUES ({', '.join('?' * len(new))})", tuple(new.values())
            )
            self._merge.updated += 1
            self._merge.redrawn.add(id)

    def _set_states(self, id: str, layer: str, states: Sequence[tuple[Any, ...]]) -> None:
        self._rows.execute("DELETE FROM slice_state WHERE annotation = ? AND layer = ?", (id, layer))
        self._rows.executemany(
            f"INSERT INTO slice_state (annotation, layer, {', '.join(_STATE)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(id, layer, *state) for state in states],
        )

    def _from_bundle(self, version: Row) -> bytes:
        """Return the file of a version of theirs, after it was looked at."""
        owner = self._rows.execute("SELECT scan FROM annotation WHERE id = ?", (version["annotation"],)).fetchone()
        geometry = self._merge.project.geometry(owner[0])
        depth, height, width = geometry.shape
        try:
            data = self._merge.bundle.read(version["file"], depth * height * width + (1 << 20))
            if maskfile.file_hash(data) != version["sha256"]:
                raise ValueError("another hash")
            maskfile.decode(data, geometry)
        except (ValueError, KeyError) as error:
            raise InputError("bundle-damaged", file=self._merge.bundle.file) from error
        return data

    def _from_here(self, version: Row) -> bytes:
        file: Path = self._merge.project.path / str(version["file"])
        return file.read_bytes()

    def _meant(self, row: Row) -> Row:
        """Return a version of theirs with the values that its labels have from now on."""
        return meant(row, self._remap.get(row["layer"], {}))

    def _free(self, scan: str, reader: str) -> str:
        """Return the first name for a reading beside another that is free in both copies."""
        taken = {row[0] for row in self._rows.execute("SELECT reader FROM annotation WHERE scan = ?", (scan,))}
        taken |= {row["reader"] for row in self._merge.tables["annotation"] if row["scan"] == scan}
        number = 2
        while f"{reader} ({number})" in taken:
            number += 1
        return f"{reader} ({number})"

    def _note(self, kind: str, scan: str, parts: Sequence[str], facts: dict[str, Any]) -> None:
        name = self._rows.execute("SELECT name FROM scan WHERE id = ?", (scan,)).fetchone()[0]
        found = note(self._rows, kind, scan, parts, facts | {"scan": name})
        if found is not None:
            self._merge.conflicts.append(found)


def meant(row: Row, values: dict[int, int]) -> Row:
    """Return a version's row with the values that its labels have from now on."""
    counts = {int(value): int(count) for value, count in json.loads(row["counts"]).items()}
    before = {int(value): int(now) for value, now in json.loads(row["remap"] or "{}").items()}
    if not values or not any(value in values for value in counts):
        return row
    # a value in the file that stands for itself so far may change as well as one that was changed before
    after = {value: values.get(before.get(value, value), before.get(value, value)) for value in {*before, *values}}
    remap = {str(value): now for value, now in sorted(after.items()) if value != now}
    moved: dict[int, int] = {}
    for value, count in counts.items():
        now = values.get(value, value)
        moved[now] = moved.get(now, 0) + count
    return row | {
        "remap": json.dumps(remap) if remap else "",
        "counts": json.dumps({str(value): count for value, count in moved.items()}),
        # not known without reading it; that of the file would take a change for none
        "content_sha256": "",
    }
