"""The worklist of a project: found, filtered and sorted by the index, ten thousand scans at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, overload

from core.errors import InputError
from core.project.project import Project
from core.project.records import Scan, ScanStatus

_ORDER = (
    ScanStatus.RETURNED,
    ScanStatus.IN_PROGRESS,
    ScanStatus.TO_DO,
    ScanStatus.DONE,
    ScanStatus.IN_REVIEW,
    ScanStatus.APPROVED,
    ScanStatus.SKIPPED,
)
"""What is most urgent first."""
_RANK = " ".join(f"WHEN '{status.value}' THEN {place}" for place, status in enumerate(_ORDER))
_SORTS: Mapping[str, str] = {
    "number": "s.number",
    "patient": "p.number",
    "status": f"CASE s.status {_RANK} ELSE 9 END",
    "modality": "s.modality",
    "slices": "s.depth",
    "reader": "(SELECT min(a.reader) FROM assignment a WHERE a.scan = s.id)",
    "time": "(SELECT sum(t.seconds) FROM reading_time t WHERE t.scan = s.id)",
    "comments": "(SELECT count(*) FROM comment c WHERE c.scan = s.id AND c.settled = '')",
    "changed": "(SELECT max(n.updated) FROM annotation n WHERE n.scan = s.id)",
}
SORTS = tuple(_SORTS)
_FROM = " FROM scan s JOIN patient p ON p.key = s.patient"
_SCAN = (
    "s.id, s.name, s.patient, p.number, p.known, s.modality, s.depth, s.height, s.width, "
    "s.spacing_known, s.orientation_known, s.status, s.created, s.description, s.channels, s.sha256"
)
_WORDS = "lower(s.name || ' ' || printf('P%03d', p.number) || ' ' || s.modality || ' ' || s.description)"
_TAGGED = "EXISTS (SELECT 1 FROM tag g WHERE g.scan = s.id AND instr(lower(g.name), ?))"
_MOST_MARKS = 500
_PAGE = 256
"""Rows that are made at once."""


@dataclass(frozen=True, slots=True)
class Query:
    """Which scans, in which order; everything that is given must hold.

    Parameters
    ----------
    text
        Words that all occur in name, patient, modality, description or a tag.
    statuses
        One of these; empty for all.
    reader
        Given to this reader, or drawn on by him.
    unassigned
        Given to nobody.
    tags
        Has all of these.
    patient
        Display name, ``P001``.
    commented
        Has a comment that nobody settled.
    class_name, class_value
        Has this value of a class; without a value none of the class at all.
    sort, descending
        One of :data:`SORTS`; equal ones in the order of import.
    """

    text: str = ""
    statuses: tuple[ScanStatus, ...] = ()
    reader: str = ""
    unassigned: bool = False
    tags: tuple[str, ...] = ()
    patient: str = ""
    commented: bool = False
    class_name: str = ""
    class_value: str = ""
    sort: str = "number"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A scan in the worklist.

    Parameters
    ----------
    scan
        The scan.
    readers
        Whom it is given to.
    tags
        By name.
    comments
        Not settled.
    seconds
        Spent on it by everybody.
    changed
        When masks of it were saved last (UTC), or empty.
    """

    scan: Scan
    readers: tuple[str, ...]
    tags: tuple[str, ...]
    comments: int
    seconds: float
    changed: str


class Rows(Sequence[Row]):
    """The rows of a query: found at once, and made as they are looked at, a page at a time."""

    def __init__(self, project: Project, found: Sequence[Any]) -> None:
        self._project = project
        self._found = found
        self._pages: dict[int, list[Row]] = {}

    @property
    def ids(self) -> list[str]:
        """Ids of the scans, in order."""
        return [row[0] for row in self._found]

    def __len__(self) -> int:
        return len(self._found)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        place = place + len(self) if place < 0 else place
        if not 0 <= place < len(self):
            raise IndexError(place)
        number = place // _PAGE
        if number not in self._pages:
            some = self._found[number * _PAGE : (number + 1) * _PAGE]
            one = _One(self._project, [row[0] for row in some])
            self._pages[number] = [one.row(_scan(row)) for row in some]
        return self._pages[number][place % _PAGE]


def find(project: Project, query: Query) -> Rows:
    """Return the scans that a query asks for, in its order.

    Raises
    ------
    InputError
        ``sort-unknown``.
    """
    where, values = _where(query)
    return Rows(project, project.store.rows(f"SELECT {_SCAN}{_FROM}{where}{_order(query)}", *values))


def find_ids(project: Project, query: Query) -> list[str]:
    """Return the ids of the scans that a query asks for, in its order."""
    where, values = _where(query)
    return [row[0] for row in project.store.rows(f"SELECT s.id{_FROM}{where}{_order(query)}", *values)]


def counts(project: Project, query: Query) -> dict[ScanStatus, int]:
    """Return how many of the scans that a query asks for stand where, whichever statuses it names."""
    where, values = _where(replace(query, statuses=()))
    rows = project.store.rows(f"SELECT s.status, count(*){_FROM}{where} GROUP BY s.status", *values)
    found = {str(row[0]): int(row[1]) for row in rows}
    return {status: found.get(status.value, 0) for status in ScanStatus}


def neighbour(project: Project, query: Query, scan: str, step: int = 1) -> str | None:
    """Return the id of the scan so many places further on in a query, None past its ends.

    From a scan that the query does not ask for it goes on at the first, or with a negative step at the last.
    """
    ids = find_ids(project, query)
    if not ids:
        return None
    if scan not in ids:
        return ids[0] if step > 0 else ids[-1]
    place = ids.index(scan) + step
    return ids[place] if 0 <= place < len(ids) else None


def progress(project: Project, scans: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return by scan id and reader on how many slices a layer is finished, for the scans that are looked at."""
    found: dict[str, dict[str, int]] = {}
    for start in range(0, len(scans), _MOST_MARKS):
        some = scans[start : start + _MOST_MARKS]
        rows = project.store.rows(
            "SELECT a.scan, a.reader, count(DISTINCT t.slice) FROM annotation a LEFT JOIN slice_state t "
            f"ON t.annotation = a.id AND t.finished = 1 WHERE a.scan IN ({_marks(some)}) GROUP BY a.scan, a.reader",
            *some,
        )
        for scan, reader, count in rows:
            found.setdefault(str(scan), {})[str(reader)] = int(count)
    return found


def _where(query: Query) -> tuple[str, list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []

    def also(condition: str, *given: Any) -> None:
        conditions.append(condition)
        values.extend(given)

    for word in query.text.split():
        ways = _ways(word)
        also(
            "(" + " OR ".join([f"instr({_WORDS}, ?) OR {_TAGGED}"] * len(ways)) + ")",
            *(way for way in ways for _ in "12"),
        )
    if query.statuses:
        also(f"s.status IN ({_marks(query.statuses)})", *(status.value for status in query.statuses))
    if query.reader:
        also(
            "(s.id IN (SELECT scan FROM assignment WHERE reader = ?) "
            "OR s.id IN (SELECT scan FROM annotation WHERE reader = ?))",
            query.reader,
            query.reader,
        )
    if query.unassigned:
        also("s.id NOT IN (SELECT scan FROM assignment)")
    for tag in query.tags:
        also("s.id IN (SELECT scan FROM tag WHERE name = ? COLLATE NOCASE)", tag)
    if query.patient:
        also("printf('P%03d', p.number) = ?", query.patient.strip().upper())
    if query.commented:
        also("s.id IN (SELECT scan FROM comment WHERE settled = '')")
    if query.class_name and query.class_value:
        also("s.id IN (SELECT scan FROM class_value WHERE name = ? AND value = ?)", query.class_name, query.class_value)
    elif query.class_name:
        also("s.id NOT IN (SELECT scan FROM class_value WHERE name = ?)", query.class_name)
    return (f" WHERE {' AND '.join(conditions)}" if conditions else ""), values


def _ways(word: str) -> list[str]:
    """Return how a word may be written: SQLite's lower() knows plain letters only."""
    written = (word, word.lower(), word.upper(), word.capitalize())
    return list(dict.fromkeys("".join(c.lower() if c.isascii() else c for c in one) for one in written))


def _order(query: Query) -> str:
    if query.sort not in _SORTS:
        raise InputError("sort-unknown", sort=query.sort, known=", ".join(SORTS))
    way = " DESC" if query.descending else ""
    first = _SORTS[query.sort]
    # scans without any come last, whichever way
    none_last = "" if query.sort in {"number", "patient", "status", "slices"} else f"{first} IS NULL, "
    return f" ORDER BY {none_last}{first}{way}, s.number{way if query.sort == 'number' else ''}"


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def _scan(row: Any) -> Scan:
    id, name, patient, number, known, modality, z, y, x, spacing, orientation, status, *rest = row
    shape = (z, y, x)
    return Scan(
        id,
        name,
        patient,
        f"P{number:03d}",
        bool(known),
        modality,
        shape,
        bool(spacing),
        bool(orientation),
        ScanStatus(status),
        *rest,
    )


class _One:
    """What belongs to each of some scans, read for all of them at once."""

    def __init__(self, project: Project, scans: Sequence[str]) -> None:
        where = f" WHERE scan IN ({_marks(scans)})"
        values = tuple(scans)
        rows = project.store.rows
        self._readers = _grouped(rows(f"SELECT scan, reader FROM assignment{where} ORDER BY scan, role, at", *values))
        self._tags = _grouped(rows(f"SELECT scan, name FROM tag{where} ORDER BY scan, name", *values))
        open_ = rows(f"SELECT scan, count(*) FROM comment{where} AND settled = '' GROUP BY scan", *values)
        self._comments = defaultdict(int, ((row[0], row[1]) for row in open_))
        spent = rows(f"SELECT scan, sum(seconds) FROM reading_time{where} GROUP BY scan", *values)
        self._seconds = defaultdict(float, ((row[0], row[1]) for row in spent))
        changed = rows(f"SELECT scan, max(updated) FROM annotation{where} GROUP BY scan", *values)
        self._changed = defaultdict(str, ((row[0], row[1]) for row in changed))

    def row(self, scan: Scan) -> Row:
        id = scan.id
        return Row(
            scan,
            self._readers.get(id, ()),
            self._tags.get(id, ()),
            self._comments[id],
            self._seconds[id],
            self._changed[id],
        )


def _grouped(rows: Sequence[Any]) -> dict[str, tuple[str, ...]]:
    return {scan: tuple(row[1] for row in some) for scan, some in groupby(rows, key=lambda row: row[0])}
