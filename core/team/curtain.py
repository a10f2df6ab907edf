"""What a reader must not learn yet of a scan that is read blind: whose answers, comments and work are kept from him."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.project.classes import ClassValue
from core.project.project import Project
from core.team.assignments import blind_scans
from core.team.comments import Comment, every, of_scan
from core.team.readers import person
from core.team.trail import Entry

_TELLING_NOTHING = frozenset(
    {
        "accept-depth",
        "add-scan",
        "assign",
        "begin",
        "reading-done",
        "status",
        "tag",
        "take-back-scan",
        "thin",
        "unassign",
        "upgrade",
    }
)
"""Lines about a scan that say nothing of what a reader found on it."""


@dataclass(frozen=True)
class Curtain:
    """Keeps from somebody what :func:`core.team.assignments.hidden_readers` keeps of masks.

    Parameters
    ----------
    viewer
        Who looks.
    blind
        By id of a scan that somebody still reads blind: the persons who read it blind, done or not.
    """

    viewer: str
    blind: Mapping[str, frozenset[str]]

    def hides(self, scan: str, reader: str) -> bool:
        """Whether what a reader says of a scan (id) is not to be seen yet."""
        readers = self.blind.get(scan)
        if readers is None:
            return False
        mine, other = person(self.viewer), person(reader)
        # to a blind reader nobody's answer is shown: a third reader's would tell as much
        return other != mine and (mine in readers or other in readers)

    def hides_line(self, line: Entry) -> bool:
        """Whether a line of the audit would tell what is not to be seen yet."""
        return line.action not in _TELLING_NOTHING and self.hides(line.scan, line.who)


def curtain(project: Project, viewer: str) -> Curtain:
    """Return what somebody must not see yet."""
    readers: dict[str, set[str]] = {scan: set() for scan in blind_scans(project)}
    for scan, reader in project.store.rows("SELECT scan, reader FROM assignment WHERE blind = 1"):
        if scan in readers:
            readers[scan].add(person(reader))
    return Curtain(viewer, {scan: frozenset(found) for scan, found in readers.items()})


def comments_seen(project: Project, viewer: str, scan: str = "") -> tuple[list[Comment], int]:
    """Return the comments on a scan (id), or on all of them, that somebody may see; and how many he may not yet."""
    drawn = curtain(project, viewer)
    there = of_scan(project, scan) if scan else every(project)
    seen = [one for one in there if not drawn.hides(one.scan, one.reader)]
    return seen, len(there) - len(seen)


@dataclass(frozen=True)
class ClassesSaid:
    """What is said of a scan: sorted values by class; the classes said of some of its slices only."""

    values: Mapping[str, tuple[str, ...]]
    partly: frozenset[str]


def classes_said(said: Iterable[ClassValue], depth: int) -> ClassesSaid:
    """Sum up the values of one scan of so many slices."""
    found: dict[str, set[str]] = {}
    slices: dict[str, set[int | None]] = {}
    for one in said:
        found.setdefault(one.name, set()).add(one.value)
        slices.setdefault(one.name, set()).add(one.slice)
    partly = frozenset(name for name, some in slices.items() if None not in some and len(some) < depth)
    return ClassesSaid({name: tuple(sorted(found[name])) for name in sorted(found)}, partly)


def classes_seen(project: Project, drawn: Curtain, scan: str, depth: int) -> ClassesSaid:
    """Return what is said of a scan (id) of so many slices by those whom the viewer may hear already."""
    said = project.classes.of_scan(scan)
    return classes_said([one for one in said if not drawn.hides(scan, one.reader)], depth)
