"""The worklist without a window: what is known of each scan, which rows pass, and in which order.

Everything here may run in any thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.messages import text
from core.project.project import Project
from core.project.records import Scan, ScanStatus
from core.team import worklist
from core.team.assignments import assignments
from core.team.curtain import classes_seen, curtain
from gui.worklist.names import Named

DONE = frozenset({ScanStatus.DONE, ScanStatus.IN_REVIEW, ScanStatus.APPROVED})
"""Statuses in which the reader has nothing left to do."""
ORDERS = ("project", "patient", "status", "readers", "seconds", "changed")
"""What the list can be sorted by."""
_STATUS_PLACE = {status: place for place, status in enumerate(ScanStatus)}
PARTLY = "\n"
"""Asked for instead of a value, which never has a line break: said of some slices only."""
Classes = Mapping[str, Mapping[str, tuple[str, ...]]]


@dataclass(slots=True)
class Row:
    """One scan of the list.

    Parameters
    ----------
    scan
        The scan.
    classes
        Values by class.
    partly
        Classes that were said of some slices only.
    searched
        All words that the filter looks at, folded.
    readers, tags
        Whose it is to read, how it is tagged.
    comments
        How many are open.
    seconds
        Time spent on it, by all readers.
    changed
        When masks of it were saved last; UTC, empty for never.
    finished
        Whether the reader who sits here has said that his reading is done.
    """

    scan: Scan
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    partly: frozenset[str] = frozenset()
    searched: str = ""
    readers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    comments: int = 0
    seconds: float = 0.0
    changed: str = ""
    finished: bool = False

    @property
    def left(self) -> bool:
        """Whether the reader who sits here has something left to do."""
        return not self.finished and self.scan.status not in DONE and self.scan.status is not ScanStatus.SKIPPED


@dataclass(frozen=True)
class Query:
    """What of the list is shown, and in which order; empty sets let everything pass.

    Parameters
    ----------
    words
        Every one of them must be in what is known of a scan.
    statuses, readers, tags
        One of these; ``""`` among ``readers`` means nobody.
    commented
        Only scans with open comments.
    value
        Class and value; an empty value means that nothing is said of this class, :data:`PARTLY` that it is said
        of some slices only. None for all.
    order, down
        One of :data:`ORDERS`; whether the largest stands first.
    """

    words: str = ""
    statuses: frozenset[ScanStatus] = frozenset()
    readers: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    commented: bool = False
    value: tuple[str, str] | None = None
    order: str = "project"
    down: bool = False

    @property
    def sifts(self) -> bool:
        """Whether it leaves anything out."""
        chosen = self.words.strip() or self.statuses or self.readers or self.tags
        return bool(chosen or self.commented or self.value is not None)


@dataclass(frozen=True, eq=False)
class Listing:
    """All rows, those shown in order (places in ``rows``), and where each scan stands; ``several``: classes."""

    rows: list[Row]
    place: Mapping[str, int]
    shown: list[int]
    shown_place: Mapping[str, int]
    done: int
    query: Query
    several: bool = False


def title(scan: Scan) -> str:
    """Return what a scan is called in lists: its patient's pseudonym, or its own name."""
    return scan.patient_name if scan.patient_known else scan.name


def status_words(status: ScanStatus) -> str:
    """Return a status in words."""
    return text(f"worklist.status_{status.value}")


def time_words(seconds: float) -> str:
    """Word a time spent: minutes, then hours.

    >>> time_words(59), time_words(754), time_words(7500)
    ('< 1 min', '13 min', '2 h 05 min')
    """
    minutes = round(seconds / 60)
    if seconds < 60:
        return text("worklist.time_short")
    if minutes < 60:
        return text("worklist.time_minutes", minutes=minutes)
    return text("worklist.time_hours", hours=minutes // 60, minutes=f"{minutes % 60:02d}")


def searched(row: Row, named: Named | None) -> str:
    """Return the words that the filter looks at; names only while they are shown."""
    scan = row.scan
    parts = [scan.name, scan.patient_name, scan.description, scan.modality, status_words(scan.status)]
    parts += [*row.readers, *(f"#{tag}" for tag in row.tags)]
    parts += [f"{name}={value}" for name, values in row.classes.items() for value in values]
    if named is not None:
        parts.append(named.words)
    return " ".join(parts).casefold()


def read_rows(project: Project, named: Mapping[str, Named], query: Query, reader: str) -> Listing:
    """Read all scans and list them, as ``reader`` sees them.

    Raises
    ------
    ProjectError
        If the index cannot be read.
    """
    said, partly = _classes(project, reader)
    finished = {one.scan for one in assignments(project, reader=reader) if one.done}
    rows = [
        Row(
            found.scan,
            said.get(found.scan.id, {}),
            partly.get(found.scan.id, frozenset()),
            readers=found.readers,
            tags=found.tags,
            comments=found.comments,
            seconds=found.seconds,
            changed=found.changed,
            finished=found.scan.id in finished,
        )
        for found in worklist.find(project, worklist.Query())
    ]
    for row in rows:
        row.searched = searched(row, named.get(row.scan.id))
    return listing(rows, query, several=len(project.classes.names()) > 1)


def _classes(project: Project, reader: str) -> tuple[Classes, Mapping[str, frozenset[str]]]:
    """Return what is said of the scans and what of some of their slices only; of a blind one what he may hear."""
    said = project.classes.by_scan()
    partly = project.classes.partly() if said else {}
    drawn = curtain(project, reader)
    for scan in drawn.blind.keys() & said.keys():
        seen = classes_seen(project, drawn, scan, project.scan(scan).shape[0])
        said[scan], partly[scan] = dict(seen.values), seen.partly
    return said, partly


def listing(rows: list[Row], query: Query, *, several: bool = False) -> Listing:
    """List rows that are there already; ``several`` where the project has more than one class."""
    shown = sift(rows, query)
    place = {row.scan.id: number for number, row in enumerate(rows)}
    shown_place = {rows[number].scan.id: row for row, number in enumerate(shown)}
    return Listing(rows, place, shown, shown_place, sum(row.scan.status in DONE for row in rows), query, several)


def sift(rows: Sequence[Row], query: Query) -> list[int]:
    """Return the places of the rows that pass, in the order asked for."""
    wanted = query.words.casefold().split()
    shown = (
        [place for place, row in enumerate(rows) if _passes(row, query, wanted)]
        if query.sifts
        else list(range(len(rows)))
    )
    if query.order != "project":
        shown.sort(key=lambda place: _key(rows[place], query.order), reverse=query.down)
    elif query.down:
        shown.reverse()
    return shown


def _passes(row: Row, query: Query, words: Sequence[str]) -> bool:
    if not all(word in row.searched for word in words):
        return False
    if query.statuses and row.scan.status not in query.statuses:
        return False
    if query.readers and not query.readers.intersection(row.readers or ("",)):
        return False
    if query.tags and not query.tags.intersection(row.tags):
        return False
    if query.commented and not row.comments:
        return False
    if query.value is None:
        return True
    name, value = query.value
    if value == PARTLY:
        return name in row.partly
    found = row.classes.get(name, ())
    return value in found if value else not found


def _key(row: Row, order: str) -> tuple[object, ...]:
    # what nobody has stands last, upwards
    if order == "patient":
        return (row.scan.patient_name,)
    if order == "status":
        return (_STATUS_PLACE[row.scan.status],)
    if order == "readers":
        return (not row.readers, [name.casefold() for name in row.readers])
    return (row.seconds,) if order == "seconds" else (row.changed,)
