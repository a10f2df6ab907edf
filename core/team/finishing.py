"""When a scan is done: each reader says so of his reading, and the last one's word is the scan's."""

from __future__ import annotations

from core.project.project import Project
from core.project.records import ScanStatus
from core.team.assignments import assignments, finish_reading
from core.team.readers import kind_of

_BEGUN = (ScanStatus.TO_DO, ScanStatus.RETURNED, ScanStatus.SKIPPED)


def finish(project: Project, scan: str, reader: str) -> bool:
    """Say for a reader that he is done with a scan; return whether the scan itself is done now.

    A scan that several people were given is done when all of them are. Who was given nothing
    decides alone, unless others read the scan blind: their work is not cut short.

    Raises
    ------
    ProjectError, StorageError
        As :meth:`core.project.store.Store.transaction`.
    """
    with project.store.transaction():
        given = [one for one in assignments(project, scan) if one.role != "adjudicator"]
        mine = next((one for one in given if one.reader == reader), None)
        if mine is not None and not mine.done:
            finish_reading(project, scan, reader)
        left = [one for one in given if not one.done and one is not mine]
        waits = mine is not None or any(one.blind for one in left)
        if left and waits and kind_of(reader) == "reading":
            if project.scan(scan).status in _BEGUN:
                project.set_status(scan, ScanStatus.IN_PROGRESS, reader=reader)
            return False
        project.set_status(scan, ScanStatus.DONE, reader=reader)
    return True


def close_finished(project: Project, *, by: str) -> list[str]:
    """Mark the scans done that all of their readers are done with; return their ids.

    Two readers who finish on copies of their own each leave a scan in progress: this is asked after a merge.
    """
    with project.store.transaction() as connection:
        rows = connection.execute(
            "SELECT s.id FROM scan s JOIN assignment a ON a.scan = s.id AND a.role <> 'adjudicator' "
            "WHERE s.status = ? GROUP BY s.id HAVING min(a.done) <> '' ORDER BY s.number",
            (ScanStatus.IN_PROGRESS.value,),
        ).fetchall()
        found = [str(row[0]) for row in rows]
        for scan in found:
            project.set_status(scan, ScanStatus.DONE, reader=by)
    return found
