"""How long a reader sits at a scan: counted while hands move, written down every half minute and at leaving."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication

from core.errors import MeninxError
from core.ids import new_id
from core.project.project import Project
from core.team.reading_time import ReadingClock, keep
from gui.background import Tasks

if TYPE_CHECKING:
    from gui.session import Session

_EVERY_MS = 30_000


class Sitting(QObject):
    """Counts the time spent on the scan shown.

    Parameters
    ----------
    session
        Tells which scan is shown, who reads, and that something is done.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._tasks = Tasks(self)
        self._clock = ReadingClock()
        self._of: tuple[Project, str, str, str] | None = None
        self._kept = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self.write)
        session.scan_changed.connect(self._another)
        for signal in (session.pointer_changed, session.mask_changed, session.window_changed):
            signal.connect(self.act)
        app = QGuiApplication.instance()
        if isinstance(app, QGuiApplication):
            app.applicationStateChanged.connect(self._turned)

    @property
    def seconds(self) -> float:
        """Of this sitting so far."""
        return self._clock.seconds

    @Slot(object)
    def act(self, _what: object = None) -> None:
        """Hear that the reader did something."""
        if self._of is not None:
            self._clock.act()

    @Slot(Qt.ApplicationState)
    def _turned(self, state: Qt.ApplicationState) -> None:
        if state != Qt.ApplicationState.ApplicationActive:
            self._clock.pause()

    @Slot()
    def _another(self) -> None:
        """Write down what was spent on the scan before, and begin anew."""
        self.write()
        session = self._session
        self._clock, self._kept, self._of = ReadingClock(), 0.0, None
        if session.project is None or session.scan is None or session.read_only:
            self._timer.stop()
            return
        self._of = (session.project, new_id(), session.scan.id, session.reader)
        self._clock.act()
        self._timer.start()

    @Slot()
    def write(self) -> None:
        """Write the time down, in a thread."""
        if self._of is None or self._clock.seconds - self._kept < 1.0:
            return
        self._kept = self._clock.seconds
        self._tasks.start(functools.partial(keep, *self._of, self._kept), self._written, self._refused)

    @Slot(object)
    def _written(self, _nothing: object) -> None:
        """Nobody waits for it."""

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        if error.code not in ("project-closed", "project-busy"):
            self._session.notifier.error(error)

    def close(self) -> None:
        """Write down what is left and wait for it."""
        self.write()
        self._timer.stop()
        self._of = None
        self._tasks.wait()
