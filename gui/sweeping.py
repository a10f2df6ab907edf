"""Memory of the scan before goes back to the system once the next one is there."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Slot

from core.heap import give_back
from gui.background import Tasks
from gui.session import Session

_LATER_MS = 3000
"""Whoever draws asks for memory as well, and must not wait for it: not while a scan comes in."""


class Sweeper(QObject):
    """Sweeps a while after another scan is shown.

    Parameters
    ----------
    session
        What is open.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._tasks = Tasks(self)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_LATER_MS)
        self._later.timeout.connect(self._sweep)
        session.scan_changed.connect(self._later.start)
        session.project_changed.connect(self._project_changed)

    @Slot()
    def _sweep(self) -> None:
        self._tasks.start(give_back, self._swept, self._session.notifier.error)

    @Slot(object)
    def _swept(self, _any: bool) -> None:
        """Nobody waits for it."""

    @Slot()
    def _project_changed(self) -> None:
        # the window may be closing: no thread outlives it
        if self._session.project is None:
            self._later.stop()
            self._tasks.wait()
