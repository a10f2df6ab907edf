"""The scan after this one, and the one before, read before anybody asks for them."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QMutex, QMutexLocker, QObject, QTimer, Slot

from core.errors import MeninxError
from core.project.project import Project
from core.volume import Volume
from gui.jobs.asking import Asker

if TYPE_CHECKING:
    from gui.session import Session

KEPT = 2
"""Scans kept: the next and the one before."""
LARGEST = 96 * 2**20
"""Bytes of a scan that is read ahead; larger ones would take the room that drawing needs."""
_WAIT_MS = 600
"""The scan that was asked for comes first."""


class Ahead(QObject):
    """Holds a few scans that are likely to be opened next.

    Parameters
    ----------
    session
        Whose project they are of; tells which scan is shown.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._mutex = QMutex()
        self._volumes: OrderedDict[str, Volume] = OrderedDict()
        self._wanted: list[str] = []
        self._project: Project | None = None
        self._asker = Asker(self)
        self._asker.answered.connect(self._there)
        self._asker.refused.connect(self._next)
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(_WAIT_MS)
        self._wait.timeout.connect(self._next)
        session.scan_loading.connect(self._hold)

    def want(self, scans: Sequence[str]) -> None:
        """Read these scans (ids) when there is time, the first one first; what else is kept is given up."""
        project = self._session.project
        if project is not self._project:
            self.forget()
            self._project = project
        keep = list(scans)[:KEPT]
        with QMutexLocker(self._mutex):
            for scan in [scan for scan in self._volumes if scan not in keep]:
                del self._volumes[scan]
            self._wanted = [scan for scan in keep if scan not in self._volumes]
        if self._wanted and project is not None:
            self._wait.start()

    def take(self, project: Project, scan: str) -> Volume | None:
        """Return a scan that was read ahead and let go of it, None if it was not; any thread."""
        with QMutexLocker(self._mutex):
            return self._volumes.pop(scan, None) if project is self._project else None

    @property
    def kept(self) -> tuple[str, ...]:
        """Ids of the scans that are there."""
        with QMutexLocker(self._mutex):
            return tuple(self._volumes)

    @property
    def busy(self) -> bool:
        """Whether a scan is being read, or about to be."""
        return self._asker.busy or self._wait.isActive()

    @Slot(str)
    def _hold(self, _scan_id: str) -> None:
        # the scan that a person waits for is read alone
        self._wait.stop()

    @Slot()
    def _next(self, _error: MeninxError | None = None) -> None:
        # one that cannot be read says so when it is opened
        project = self._session.project
        if self._wanted and project is not None and project is self._project and not self._session.loading:
            self._asker.ask(_read, project, self._wanted.pop(0))

    @Slot(object)
    def _there(self, found: tuple[Project, str, Volume | None]) -> None:
        project, scan, volume = found
        if volume is not None and project is self._project and project is self._session.project:
            with QMutexLocker(self._mutex):
                self._volumes[scan] = volume
                while len(self._volumes) > KEPT:
                    self._volumes.popitem(last=False)
        self._next()

    def forget(self) -> None:
        """Give all of them up."""
        self._wait.stop()
        self._asker.forget()
        self._project, self._wanted = None, []
        with QMutexLocker(self._mutex):
            self._volumes.clear()


def _read(project: Project, scan: str) -> tuple[Project, str, Volume | None]:
    row = project.scan(scan)
    # two bytes a voxel are usual
    if 2 * math.prod(row.shape) * row.channels > LARGEST:
        return project, scan, None
    return project, scan, project.read_volume(scan)
