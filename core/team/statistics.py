"""What each reader did, in figures."""

from __future__ import annotations

from dataclasses import dataclass

from core.project.project import Project
from core.team.readers import known_readers


@dataclass(frozen=True, slots=True)
class ReaderFigures:
    """The work of one reader.

    Parameters
    ----------
    reader
        Name.
    assigned, done
        Scans given to him, and those of them that he said he is done with.
    drawn
        Scans that he has masks on.
    finished_slices
        Slices on which he marked a layer finished.
    seconds
        Spent with scans open, pauses left out.
    approved, returned
        Scans he drew on that stand approved now, and how often one of them was returned.
    comments
        That he wrote.
    """

    reader: str
    assigned: int
    done: int
    drawn: int
    finished_slices: int
    seconds: float
    approved: int
    returned: int
    comments: int

    @property
    def seconds_per_slice(self) -> float | None:
        """Time per finished slice; None before the first."""
        return self.seconds / self.finished_slices if self.finished_slices else None


_DRAWN = "SELECT DISTINCT n.reader, n.scan FROM annotation n JOIN layer_version v ON v.annotation = n.id"


def reader_figures(project: Project) -> list[ReaderFigures]:
    """Return the figures of every reader, by name."""
    drawn = _by_reader(project, f"SELECT reader, count(*) FROM ({_DRAWN}) GROUP BY reader")
    approved = _by_reader(
        project,
        f"SELECT d.reader, count(*) FROM ({_DRAWN}) d JOIN scan s ON s.id = d.scan AND s.status = 'approved' "
        "GROUP BY d.reader",
    )
    told = (
        "SELECT json_extract(facts, '$.scan') AS scan FROM {} WHERE action = 'status' "
        "AND json_extract(facts, '$.after') = 'returned'"
    )
    returned = _by_reader(
        project,
        f"SELECT d.reader, count(*) FROM ({_DRAWN}) d JOIN "
        f"({told.format('audit')} UNION ALL {told.format('audit_merged')}) r ON r.scan = d.scan GROUP BY d.reader",
    )
    assigned = _by_reader(project, "SELECT reader, count(*) FROM assignment GROUP BY reader")
    done = _by_reader(project, "SELECT reader, count(*) FROM assignment WHERE done <> '' GROUP BY reader")
    slices = _by_reader(
        project,
        "SELECT n.reader, count(*) FROM annotation n JOIN (SELECT DISTINCT annotation, slice FROM slice_state "
        "WHERE finished = 1) t ON t.annotation = n.id GROUP BY n.reader",
    )
    seconds = _by_reader(project, "SELECT reader, sum(seconds) FROM reading_time GROUP BY reader")
    comments = _by_reader(project, "SELECT reader, count(*) FROM comment GROUP BY reader")
    return [
        ReaderFigures(
            one.name,
            int(assigned.get(one.name, 0)),
            int(done.get(one.name, 0)),
            int(drawn.get(one.name, 0)),
            int(slices.get(one.name, 0)),
            seconds.get(one.name, 0.0),
            int(approved.get(one.name, 0)),
            int(returned.get(one.name, 0)),
            int(comments.get(one.name, 0)),
        )
        for one in known_readers(project)
    ]


def _by_reader(project: Project, sql: str) -> dict[str, float]:
    return {str(row[0]): float(row[1]) for row in project.store.rows(sql)}
