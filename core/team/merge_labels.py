"""The labels of two copies of a project as one list: worked out so that it is the same whichever copy asks.

Labels are known again by their origins, wherever they are by now. Two that were made apart under one
name on one layer are one label. Where two labels have the same value on a layer, one of them gets
another; the masks' files stay as they are, and the values in them are read as what they mean now.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from core.errors import InputError
from core.labels import MAX_VALUE
from core.project.label_table import key_of

Row = dict[str, Any]
Place = tuple[str, int]
Side = Literal["same", "ours", "theirs", "both-ours", "both-theirs"]
"""Whose change is the later one; where both changed, whose counts."""
Remap = dict[str, dict[int, int]]
"""By layer: value to value."""
_CONTENT = ("name", "color", "key", "source_value", "locked", "removed")


@dataclass
class Joined:
    """What came of it.

    Parameters
    ----------
    rows
        Of the table of labels, in the order shown.
    ours, theirs
        Values that change in the masks of either copy.
    changed
        Keys of labels that are now as neither copy told: the merge tells of them.
    told
        Keys to the side whose last change counts.
    former
        Keys that labels went by before they were found to be one.
    conflicts
        Key, what counts, what the other copy had.
    back
        Labels that one copy took away and the other drew with.
    """

    rows: list[Row] = field(default_factory=list)
    ours: Remap = field(default_factory=dict)
    theirs: Remap = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    told: dict[str, Literal["ours", "theirs"]] = field(default_factory=dict)
    former: set[str] = field(default_factory=set)
    conflicts: list[tuple[str, Row, Row]] = field(default_factory=list)
    back: list[Row] = field(default_factory=list)


@dataclass
class _Entry:
    row: Row
    place: Place
    ours: Row | None
    theirs: Row | None
    side: Literal["ours", "theirs"]
    back: bool = False


def join(
    ours: Sequence[Row],
    theirs: Sequence[Row],
    decide: Callable[[str, str], Side],
    used: Callable[[Row, Literal["ours", "theirs"]], bool],
) -> Joined:
    """Make one list of labels out of two.

    Parameters
    ----------
    ours, theirs
        Rows of the table ``label``, in the order shown.
    decide
        Whose change of a label is the later one, by its key here and there.
    used
        Whether any mask of a copy holds a label.

    Raises
    ------
    InputError
        ``layer-full``.
    """
    joined = Joined()
    entries = _matched(ours, theirs, decide, used, joined)
    _settle_places(entries)
    _settle_names(entries)
    for entry in entries:
        _note_values(entry, joined)
    for entry in entries:
        _finish(entry, joined)
    joined.rows = [entry.row | {"position": place} for place, entry in enumerate(entries)]
    return joined


def _matched(
    ours: Sequence[Row],
    theirs: Sequence[Row],
    decide: Callable[[str, str], Side],
    used: Callable[[Row, Literal["ours", "theirs"]], bool],
    joined: Joined,
) -> list[_Entry]:
    pairs = _pairs(ours, theirs)
    entries = []
    for mine in ours:
        other = pairs.get(_place(mine))
        if other is not None:
            entries.append(_pair(mine, other, decide, joined))
            continue
        key = key_of(mine["origins"])
        gone = decide(key, key) in {"theirs", "both-theirs"}
        if gone and not used(mine, "ours"):
            joined.told[key] = "theirs"
            continue
        entries.append(_Entry(dict(mine), _place(mine), mine, None, "ours", back=gone))
    paired = {_place(other) for other in pairs.values()}
    for other in theirs:
        key = key_of(other["origins"])
        gone = decide(key, key) in {"ours", "both-ours"}
        if _place(other) not in paired and (not gone or used(other, "theirs")):
            entries.append(_Entry(dict(other), _place(other), None, other, "theirs", back=gone))
    return entries


def _pairs(ours: Sequence[Row], theirs: Sequence[Row]) -> dict[Place, Row]:
    """Return the label of theirs that each of ours is, by our place."""
    by_origin = {line: row for row in theirs for line in row["origins"].splitlines()}
    pairs: dict[Place, Row] = {}
    taken: set[Place] = set()
    for mine in ours:
        found = next((by_origin[line] for line in mine["origins"].splitlines() if line in by_origin), None)
        if found is not None and _place(found) not in taken:
            pairs[_place(mine)] = found
            taken.add(_place(found))
    by_name = {(row["layer"], row["name"].casefold()): row for row in theirs if row["removed"] is None}
    for mine in ours:
        found = by_name.get((mine["layer"], mine["name"].casefold()))
        if _place(mine) not in pairs and mine["removed"] is None and found is not None and _place(found) not in taken:
            pairs[_place(mine)] = found
            taken.add(_place(found))
    return pairs


def _pair(mine: Row, other: Row, decide: Callable[[str, str], Side], joined: Joined) -> _Entry:
    lines = {*mine["origins"].splitlines(), *other["origins"].splitlines()}
    alike = {*mine["origins"].splitlines()} & {*other["origins"].splitlines()}
    side = decide(key_of(mine["origins"]), key_of(other["origins"]))
    places = sorted({_place(mine), _place(other)})
    if not alike:
        # made apart: nobody's is the later one
        chosen: Literal["ours", "theirs"] = "ours" if mine["origins"] <= other["origins"] else "theirs"
        place = places[0]
    else:
        chosen = "theirs" if side in {"theirs", "both-theirs"} else "ours"
        place = places[0] if side.startswith("both") else _place(other if chosen == "theirs" else mine)
    row = dict(other if chosen == "theirs" else mine) | {"origins": "\n".join(sorted(lines))}
    beside = mine if chosen == "theirs" else other
    if side.startswith("both") and alike and any(row[name] != beside[name] for name in ("name", "removed", "color")):
        joined.conflicts.append((key_of(row["origins"]), row, beside))
    return _Entry(row, place, mine, other, chosen)


def _settle_places(entries: list[_Entry]) -> None:
    """Give each label a value of its own on its layer: those that both copies know stay."""
    every = {_place(row) for entry in entries for row in (entry.ours, entry.theirs) if row is not None}
    taken: set[Place] = set()
    order = sorted(entries, key=lambda one: (one.ours is None or one.theirs is None, one.row["origins"]))
    late = []
    for entry in order:
        if entry.place in taken:
            late.append(entry)
        taken.add(entry.place)
    for entry in late:
        layer = entry.place[0]
        free = (number for number in range(1, MAX_VALUE + 1) if (layer, number) not in every | taken)
        value = next(free, None)
        if value is None:
            raise InputError("layer-full", layer=layer)
        entry.place = (layer, value)
        taken.add(entry.place)


def _settle_names(entries: list[_Entry]) -> None:
    names: set[str] = set()
    keys: set[str] = set()
    for entry in sorted(entries, key=lambda one: (one.ours is None or one.theirs is None, one.row["origins"])):
        row = entry.row
        if row["removed"] is not None:
            continue
        name, number = row["name"], 2
        while name.casefold() in names:
            name, number = f"{row['name']} ({number})", number + 1
        names.add(name.casefold())
        key = "" if row["key"] in keys else row["key"]
        keys.add(key or "-")
        entry.row |= {"name": name, "key": key}


def _note_values(entry: _Entry, joined: Joined) -> None:
    """Note which value of either copy becomes which."""
    layer, value = entry.place
    for side, remap in ((entry.ours, joined.ours), (entry.theirs, joined.theirs)):
        # another layer is another file: only a label that somebody moved has one, and its masks moved with it
        if side is not None and side["layer"] == layer and side["value"] != value:
            remap.setdefault(layer, {})[int(side["value"])] = value


def _finish(entry: _Entry, joined: Joined) -> None:
    row, key = entry.row, key_of(entry.row["origins"])
    layer, value = entry.place
    row |= {"layer": layer, "value": value}
    if row["removed"] is not None:
        told = json.loads(row["removed"])
        # where its voxels went is said in the values of the copy that took it away
        to = renumbered(told["to"], joined.ours if entry.side == "ours" else joined.theirs) if told["to"] else None
        row["removed"] = json.dumps(told | {"to": to}) if to != told["to"] else row["removed"]
    source = entry.ours if entry.side == "ours" else entry.theirs
    assert source is not None
    joined.told[key] = entry.side
    joined.former |= {key_of(side["origins"]) for side in (entry.ours, entry.theirs) if side is not None} - {key}
    if entry.back:
        # one copy's last word was that it is gone: that it is here follows from both
        joined.back.append(row)
    if entry.back or any(row[name] != source[name] for name in (*_CONTENT, "layer", "value", "origins")):
        joined.changed.add(key)


def renumbered(place: Sequence[Any], remap: Remap) -> list[Any]:
    """Return a layer and a value (and what is told beside them) with the value that it has from now on."""
    layer, value, *rest = place
    return [layer, remap.get(str(layer), {}).get(int(value), value), *rest]


def _place(row: Mapping[str, Any]) -> Place:
    return str(row["layer"]), int(row["value"])
