"""What is said of scans, put together from two copies: status, tags, assignments, comments, classes, measurements."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.messages import text
from core.team.bundle_file import Row
from core.team.conflicts import note
from core.team.merge_state import Merge


@dataclass(frozen=True)
class _Kind:
    """A table of which each row is one thing that may be there or not, known by some of its columns."""

    table: str
    columns: tuple[str, ...]
    parse: Callable[[str], tuple[Any, ...]]
    shown: tuple[str, ...] = ()
    """Columns in which the two copies must differ for it to be a conflict; none tells of no conflict."""


def _two(key: str) -> tuple[str, str]:
    first, _, second = key.partition("/")
    return first, second


KINDS: Mapping[str, _Kind] = {
    "reader": _Kind("reader", ("name",), lambda key: (key,)),
    "tag": _Kind("tag", ("scan", "name"), _two),
    "assignment": _Kind("assignment", ("scan", "reader"), _two, ("role", "blind")),
    "comment": _Kind("comment", ("id",), lambda key: (key,)),
    "class": _Kind("class_value", ("scan", "slice", "name", "reader"), lambda key: tuple(json.loads(key)), ("value",)),
    "measurement": _Kind("measurement", ("id",), lambda key: (key,)),
}


def merge_rows(merge: Merge) -> None:
    """Put together what each of :data:`KINDS` is, then statuses, time spent and settings."""
    for name, kind in KINDS.items():
        _merge_kind(merge, name, kind)
    _merge_statuses(merge)
    _merge_times(merge)
    _merge_settings(merge)


def _merge_kind(merge: Merge, name: str, kind: _Kind) -> None:
    theirs = {tuple(row[column] for column in kind.columns): row for row in merge.tables[kind.table]}
    told: set[tuple[Any, ...]] = set()
    for (other, key), line in merge.theirs_changed.items():
        if other != name:
            continue
        place = kind.parse(key)
        told.add(place)
        side = merge.decide(name, key)
        here, there = _here(merge, kind, place), theirs.get(place)
        left_out = there is not None and there.get("scan") in merge.skipped
        if side in {"same", "ours"} or left_out or not _is_ours_to_say(merge, kind, place):
            continue
        if here != there and side.startswith("both") and _differ(kind, here, there):
            _conflict(merge, name, key, place, here, there, side)
        if side in {"theirs", "both-theirs"}:
            _put(merge, kind, place, there)
            merge.told(name, key, line)
    for place, row in theirs.items():
        # rows from before there were lines for them
        known = place in told or (name, _key(name, place)) in merge.ours_changed
        if not known and _is_ours_to_say(merge, kind, place) and _here(merge, kind, place) is None:
            _put(merge, kind, place, row)
            merge.updated += 1


def _is_ours_to_say(merge: Merge, kind: _Kind, place: tuple[Any, ...]) -> bool:
    """Whether the scan that it is about is here."""
    if kind.columns[0] != "scan":
        return True
    return merge.connection.execute("SELECT 1 FROM scan WHERE id = ?", (place[0],)).fetchone() is not None


def _key(name: str, place: tuple[Any, ...]) -> str:
    return json.dumps(list(place), ensure_ascii=False) if name == "class" else "/".join(map(str, place))


def _here(merge: Merge, kind: _Kind, place: tuple[Any, ...]) -> Row | None:
    where = " AND ".join(f"{column} = ?" for column in kind.columns)
    row = merge.connection.execute(f"SELECT * FROM {kind.table} WHERE {where}", place).fetchone()
    return None if row is None else dict(row)


def _put(merge: Merge, kind: _Kind, place: tuple[Any, ...], row: Row | None) -> None:
    if row is None:
        where = " AND ".join(f"{column} = ?" for column in kind.columns)
        merge.connection.execute(f"DELETE FROM {kind.table} WHERE {where}", place)
    elif "scan" not in row or row["scan"] not in merge.skipped:
        marks = ", ".join("?" * len(row))
        sql = f"INSERT OR REPLACE INTO {kind.table} ({', '.join(row)}) VALUES ({marks})"
        merge.connection.execute(sql, tuple(row.values()))


def _differ(kind: _Kind, here: Row | None, there: Row | None) -> bool:
    if not kind.shown:
        return False
    if here is None or there is None:
        return True
    return any(here[column] != there[column] for column in kind.shown)


def _conflict(
    merge: Merge, name: str, key: str, place: tuple[Any, ...], here: Row | None, there: Row | None, side: str
) -> None:
    kind = KINDS[name]
    kept, beside = (here, there) if side == "both-ours" else (there, here)

    def words(row: Row | None) -> str:
        return text("team.nothing") if row is None else ", ".join(str(row[column]) for column in kind.shown)

    what = ", ".join(str(one) for one in place[1:] if one != -1)
    scan = str(place[0])
    _note(merge, "said", scan, [name, key], {"what": what, "kept": words(kept), "beside": words(beside)}, (name, key))


def _merge_statuses(merge: Merge) -> None:
    for row in merge.tables["scan"]:
        scan = row["id"]
        side = merge.decide("status", scan)
        if scan in merge.skipped or side in {"same", "ours"}:
            continue
        found = merge.connection.execute("SELECT status, reason FROM scan WHERE id = ?", (scan,)).fetchone()
        here, there = found[0], row["status"]
        if side.startswith("both") and here != there:
            kept, beside = (here, there) if side == "both-ours" else (there, here)
            shown = [text(f"worklist.status_{status}") for status in (kept, beside)]
            _note(merge, "status", scan, [], {"kept": shown[0], "beside": shown[1]}, ("status", scan))
        if side in {"theirs", "both-theirs"}:
            merge.connection.execute(
                "UPDATE scan SET status = ?, reason = ? WHERE id = ?", (there, row["reason"], scan)
            )
            merge.told("status", scan, merge.theirs_changed[("status", scan)])


def _merge_times(merge: Merge) -> None:
    """Sittings are known by their ids: each is as long as the longer of the two copies says."""
    for row in merge.tables["reading_time"]:
        if row["scan"] not in merge.skipped:
            done = merge.connection.execute(
                "INSERT INTO reading_time (id, scan, reader, began, seconds) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET seconds = excluded.seconds WHERE excluded.seconds > seconds",
                (row["id"], row["scan"], row["reader"], row["began"], row["seconds"]),
            )
            merge.updated += done.rowcount


def _merge_settings(merge: Merge) -> None:
    """Put together the frozen test set, the values laid down of classes, and the distances accepted."""
    theirs = {row["key"]: row["value"] for row in merge.tables["meta"]}
    for key, value in theirs.items():
        if key.startswith("depth/") and key.removeprefix("depth/") not in merge.skipped and value == "accepted":
            # accepting it is never taken back
            sql = "UPDATE meta SET value = ? WHERE key = ? AND value <> ?"
            if merge.connection.execute(sql, (value, key, value)).rowcount:
                scan = key.removeprefix("depth/")
                merge.told("depth", scan, merge.hashes("depth", scan)[1])
    for (kind, key), line in merge.theirs_changed.items():
        if kind not in {"meta", "class-values"}:
            continue
        side = merge.decide(kind, key)
        if side in {"same", "ours"}:
            continue
        here, there = _setting(merge, kind, key, None), _setting(merge, kind, key, theirs)
        if side.startswith("both") and here != there and kind == "meta":
            names = [text("team.frozen_of", line=one[:8]) for one in merge.hashes(kind, key)]
            kept, beside = names if side == "both-ours" else names[::-1]
            _note(
                merge,
                "said",
                "",
                [kind, key],
                {"what": text("team.frozen"), "kept": kept, "beside": beside},
                (kind, key),
            )
        if side in {"theirs", "both-theirs"}:
            _set(merge, kind, key, there)
            merge.told(kind, key, line)


def _setting(merge: Merge, kind: str, key: str, theirs: Mapping[str, str] | None) -> Any:
    name = key if kind == "meta" else "class_values"
    if theirs is None:
        row = merge.connection.execute("SELECT value FROM meta WHERE key = ?", (name,)).fetchone()
        value = None if row is None else row[0]
    else:
        value = theirs.get(name)
    if kind == "meta":
        return value
    return json.loads(value or "{}").get(key)


def _set(merge: Merge, kind: str, key: str, value: Any) -> None:
    name = key if kind == "meta" else "class_values"
    if kind != "meta":
        defined = json.loads(_setting(merge, "meta", name, None) or "{}")
        defined.pop(key, None)
        if value is not None:
            defined[key] = value
        value = json.dumps(defined, ensure_ascii=False)
    if value is None:
        merge.connection.execute("DELETE FROM meta WHERE key = ?", (name,))
    else:
        merge.connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (name, value))


def _note(
    merge: Merge, kind: str, scan: str, parts: Sequence[str], facts: dict[str, Any], thing: tuple[str, str]
) -> None:
    lines = sorted(merge.hashes(*thing))
    row = merge.connection.execute("SELECT name FROM scan WHERE id = ?", (scan,)).fetchone()
    found = note(merge.connection, kind, scan, [*parts, *lines], facts | {"scan": row[0] if row else ""})
    if found is not None:
        merge.conflicts.append(found)
