"""Classes in tables: taken from a CSV file that a person has, and written as one.

A table names the scan by ``scan`` (S0001), by ``file`` (what it was imported from, as far as
this workstation knows) or by ``patient``, and if it likes the ``slice`` (from 1). Every other
column is a class; with the columns ``class`` and ``value``, each line says one.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PureWindowsPath

from core.errors import InputError
from core.io import atomic
from core.io.files import read_bytes
from core.io.sniff import stem
from core.project.classes import USUAL, ClassGiven
from core.project.project import Project
from core.project.records import Scan

_MOST_BYTES = 64 << 20
_MOST_NAMED = 5
_SCAN = ("scan", "scan_id")
_FILE = ("file", "filename", "image", "path")
_PATIENT = ("patient", "patient_id", "patientid", "subject", "subject_id", "participant_id")
_SLICE = ("slice", "slice_number", "slicenumber")
_ASIDE = ("reader", "updated")
COLUMNS = ("scan", "patient", "slice", "class", "value", "reader", "updated")


@dataclass
class Taken:
    """What came of a table.

    Parameters
    ----------
    values
        How many values were taken.
    scans
        Ids of the scans they are of.
    lines
        Lines of the table (without its titles).
    missing
        What the table names and the project does not hold: the first few, and how many in all.
    outside
        The same for slices that a scan does not have.
    twice
        Lines that say of one slice something else than a line before; the first counts.
    numbers
        Classes whose 0 and 1 were taken for no and yes.
    """

    values: int = 0
    scans: set[str] = field(default_factory=set)
    lines: int = 0
    missing: list[str] = field(default_factory=list)
    missing_count: int = 0
    outside: list[str] = field(default_factory=list)
    outside_count: int = 0
    twice: int = 0
    numbers: tuple[str, ...] = ()

    def miss(self, what: str) -> None:
        """Note something the project does not hold."""
        self.missing_count += 1
        if len(self.missing) < _MOST_NAMED and what not in self.missing:
            self.missing.append(what)

    def go_outside(self, what: str) -> None:
        """Note a slice that its scan does not have."""
        self.outside_count += 1
        if len(self.outside) < _MOST_NAMED and what not in self.outside:
            self.outside.append(what)


@dataclass(frozen=True)
class _Table:
    titles: Sequence[str]
    lines: Sequence[Mapping[str, str]]
    scan: str
    file: str
    patient: str
    slice: str
    names: tuple[str, ...]
    """Columns that are classes; empty where each line names its own."""


def take_table(project: Project, table: Path, *, reader: str, scans: Iterable[str] | None = None) -> Taken:
    """Take classes from a CSV file: all of them or nothing.

    Parameters
    ----------
    project
        An open project.
    table
        UTF-8, separated by commas, semicolons or tabs, with titles in its first line.
    reader
        Who says so.
    scans
        Ids; only these scans. None for all of the project.

    Raises
    ------
    InputError
        ``class-table`` if it is no such table, ``class-table-none`` if no line fits a scan,
        ``class-name`` for values that are too long.
    ProjectError, StorageError
        As :meth:`core.project.classes.Classes.set_many`.
    """
    read = _read(table)
    taken = Taken(lines=len(read.lines))
    wanted = None if scans is None else set(scans)
    known = [scan for scan in project.scans() if wanted is None or scan.id in wanted]
    places = _Places(project, known, by_file=bool(read.file), by_patient=bool(read.patient))
    yes_no = _numbers(read)
    said: dict[tuple[str, int | None, str], str] = {}
    for line in read.lines:
        for scan, place in places.of(read, line, taken):
            for name, value in _values(read, line):
                if said.setdefault((scan, place, name), yes_no.get((name, value), value)) != yes_no.get(
                    (name, value), value
                ):
                    taken.twice += 1
    if not said:
        raise InputError("class-table-none", file=table.name, names=", ".join(taken.missing) or "-")
    given = [ClassGiven(scan, place, name, value) for (scan, place, name), value in said.items()]
    project.classes.set_many(given, reader=reader, action="class-table")
    taken.values = len(given)
    taken.scans = {one.scan for one in given}
    taken.numbers = tuple(sorted({name for name, _ in yes_no}))
    return taken


def take_folders(project: Project, name: str, *, reader: str, scans: Iterable[str]) -> Taken:
    """Give each scan the name of the folder its files lie in as its value of a class.

    Raises
    ------
    InputError
        ``class-folders`` where this workstation knows of no scan where its files were; ``class-name``.
    ProjectError, StorageError
        As :meth:`core.project.classes.Classes.set_many`.
    """
    given = []
    for scan in scans:
        link = project.links.scan(scan)
        folders = Counter(_plain(source).parent.name for source in link.source) if link is not None else Counter()
        folder = folders.most_common(1)[0][0] if folders else ""
        if folder:
            given.append(ClassGiven(scan, None, name, folder[:60]))
    if not given:
        raise InputError("class-folders")
    project.classes.set_many(given, reader=reader, action="class-table")
    return Taken(len(given), {one.scan for one in given}, len(given))


def write_table(project: Project, target: Path, *, scans: Iterable[str] | None = None) -> int:
    """Write the classes of a project (or of some scans, by id) as CSV; return how many values it holds.

    Raises
    ------
    StorageError
        As :func:`core.io.atomic.write_bytes`.
    """
    wanted = None if scans is None else set(scans)
    known = {scan.id: scan for scan in project.scans()}
    rows = [one for one in project.classes.all() if wanted is None or one.scan in wanted]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in rows:
        scan = known[one.scan]
        place = "" if one.slice is None else one.slice + 1
        writer.writerow((scan.name, scan.patient_name, place, one.name, one.value, one.reader, one.updated))
    atomic.write_bytes(target, out.getvalue().encode("utf-8"))
    return len(rows)


class _Places:
    """Finds the scan, and the slice where it is one, that a line of a table is about."""

    def __init__(self, project: Project, scans: Sequence[Scan], *, by_file: bool, by_patient: bool) -> None:
        self._scans = {scan.id: scan for scan in scans}
        self._by_name = {name.casefold(): scan.id for scan in scans for name in (scan.name, scan.id)}
        self._by_file: dict[str, list[tuple[str, int | None]]] = {}
        self._by_patient: dict[str, list[str]] = {}
        if by_file:
            links = project.links.scans()
            for scan in scans:
                self._take_files(scan, links[scan.id].source if scan.id in links else ())
        if by_patient:
            who = project.links.patients()
            for scan in scans:
                for name in {scan.patient_name.casefold(), _normal(who.get(scan.patient, ""))} - {""}:
                    self._by_patient.setdefault(name, []).append(scan.id)

    def _take_files(self, scan: Scan, sources: Sequence[str]) -> None:
        paths = [_plain(source) for source in sources]
        # one file per slice, in the order of the slices; else the file is the whole scan
        own = len(paths) == scan.shape[0] > 1
        for number, path in enumerate(paths):
            place = (scan.id, number if own else None)
            for key in {path.name.casefold(), stem(Path(path.name)).casefold()}:
                self._by_file.setdefault(key, []).append(place)

    def of(self, table: _Table, line: Mapping[str, str], taken: Taken) -> list[tuple[str, int | None]]:
        """Return where a line belongs; empty, and noted, if nowhere."""
        number = _number(line.get(table.slice, "")) if table.slice else None
        what = line.get(table.scan) or line.get(table.file) or line.get(table.patient) or ""
        found = self._named(table, line)
        if not found:
            taken.miss(what or "?")
            return []
        places = []
        for scan, place in found:
            depth = self._scans[scan].shape[0]
            if place is not None or number is None or depth == 1:
                # its file says which slice it is; a picture is one slice, whatever number it had
                places.append((scan, place))
            elif 0 < number <= depth:
                places.append((scan, number - 1))
            else:
                taken.go_outside(f"{what}:{number}")
        return places

    def _named(self, table: _Table, line: Mapping[str, str]) -> list[tuple[str, int | None]]:
        if table.scan and line.get(table.scan):
            scan = self._by_name.get(line[table.scan].casefold())
            return [] if scan is None else [(scan, None)]
        patients = self._by_patient.get(_normal(line.get(table.patient, "")), []) if table.patient else []
        if table.file and line.get(table.file):
            name = _plain(line[table.file]).name
            found = self._by_file.get(name.casefold()) or self._by_file.get(stem(Path(name)).casefold(), [])
            if len(found) > 1 and patients:
                # files of one name in several folders: the patient tells them apart
                found = [place for place in found if place[0] in patients] or found
            return found if len(found) == 1 else []
        return [(scan, None) for scan in patients]


def _plain(source: str) -> PurePath:
    """Return a path of either system."""
    return PureWindowsPath(source) if "\\" in source else PurePath(source)


def _normal(words: str) -> str:
    return " ".join(words.casefold().split())


def _number(words: str) -> int | None:
    words = words.strip()
    try:
        return int(float(words)) if words else None
    except (ValueError, OverflowError):
        return 0


def _read(file: Path) -> _Table:
    try:
        words = read_bytes(file, _MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("class-table", file=file.name) from error
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(words[:4096], delimiters=",;\t")
    except csv.Error:
        dialect = csv.excel
    try:
        rows = [row for row in csv.reader(io.StringIO(words), dialect) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise InputError("class-table", file=file.name) from error
    titles = [title.strip() for title in rows[0]] if rows else []
    lower = [title.casefold() for title in titles]
    if len(set(lower)) < len(lower) or len(rows) < 2:
        raise InputError("class-table", file=file.name)
    places = [_column(lower, names) for names in (_SCAN, _FILE, _PATIENT, _SLICE)]
    single = "class" in lower and "value" in lower
    aside = {*(lower[place] for place in places if place is not None), *_ASIDE}
    names = () if single else tuple(title for title in titles if title and title.casefold() not in aside)
    if not any(place is not None for place in places[:3]) or not (single or names):
        raise InputError("class-table", file=file.name)
    if single:
        titles = [title.casefold() if title.casefold() in ("class", "value") else title for title in titles]
    lines = [dict(zip(titles, (cell.strip() for cell in row), strict=False)) for row in rows[1:]]
    scan, path, patient, number = ("" if place is None else titles[place] for place in places)
    return _Table(titles, lines, scan, path, patient, number, names)


def _column(titles: Sequence[str], names: Sequence[str]) -> int | None:
    return next((titles.index(name) for name in names if name in titles), None)


def _values(table: _Table, line: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the classes of a line with their values; an empty cell says nothing."""
    if not table.names:
        name, value = line.get("class", ""), line.get("value", "")
        return [(name, value)] if name and value else []
    return [(name, line[name]) for name in table.names if line.get(name)]


def _numbers(table: _Table) -> dict[tuple[str, str], str]:
    """Return what 0 and 1 are where a class has no other values: no and yes."""
    found: dict[str, set[str]] = {}
    for line in table.lines:
        for name, value in _values(table, line):
            found.setdefault(name, set()).add(value)
    yes, no = USUAL
    return {
        (name, value): yes if value == "1" else no
        for name, values in found.items()
        if values <= {"0", "1"}
        for value in values
    }
