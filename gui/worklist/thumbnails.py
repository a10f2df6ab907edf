"""Small pictures of scans, read in a thread, newest wish first."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QMutex, QMutexLocker, QObject, QThread, QWaitCondition, Signal, Slot
from PySide6.QtGui import QImage, QPixmap

from core.errors import MeninxError
from core.project.project import Project
from gui.session import Session

KEPT = 600
"""Pictures kept in memory (64 x 64 grey: some 10 MB)."""
WAITING = 64
"""Wishes kept; older ones were scrolled past."""


class _Reader(QThread):
    """Reads one thumbnail after another; sleeps while there is none to read."""

    read = Signal(object, str, object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._mutex = QMutex()
        self._wake = QWaitCondition()
        self._wishes: OrderedDict[str, Project] = OrderedDict()
        self._over = False

    def ask(self, project: Project, scan_id: str) -> None:
        with QMutexLocker(self._mutex):
            self._wishes[scan_id] = project
            self._wishes.move_to_end(scan_id)
            while len(self._wishes) > WAITING:
                self._wishes.popitem(last=False)
            self._wake.wakeOne()
        if not self.isRunning():
            self.start()

    def forget(self) -> None:
        with QMutexLocker(self._mutex):
            self._wishes.clear()

    def end(self) -> None:
        with QMutexLocker(self._mutex):
            self._over = True
            self._wishes.clear()
            self._wake.wakeAll()
        self.wait()
        self._over = False

    def run(self) -> None:
        while True:
            with QMutexLocker(self._mutex):
                while not self._wishes and not self._over:
                    self._wake.wait(self._mutex)
                if self._over:
                    return
                scan_id, project = self._wishes.popitem(last=True)
            picture: NDArray[np.uint8] | None = None
            try:
                picture = np.ascontiguousarray(project.thumbnail(scan_id))
            except MeninxError:
                # a scan without a picture is still listed; opening it says what is wrong
                picture = None
            self.read.emit(project, scan_id, picture)


class Thumbnails(QObject):
    """Thumbnails by scan id, there at once or a moment later."""

    there = Signal(str)
    """The picture of this scan id came."""

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._pixmaps: OrderedDict[str, QPixmap | None] = OrderedDict()
        self._reader = _Reader(self)
        self._reader.read.connect(self._take)

    def get(self, scan_id: str) -> QPixmap | None:
        """Return the picture, or None and ask for it."""
        if scan_id in self._pixmaps:
            self._pixmaps.move_to_end(scan_id)
            return self._pixmaps[scan_id]
        if self._session.project is not None:
            self._reader.ask(self._session.project, scan_id)
        return None

    def clear(self) -> None:
        """Forget all pictures and end the thread (the project closes)."""
        self._reader.forget()
        if self._reader.isRunning():
            self._reader.end()
        self._pixmaps.clear()

    @Slot(object, str, object)
    def _take(self, project: Project, scan_id: str, picture: NDArray[np.uint8] | None) -> None:
        if project is not self._session.project:
            return
        made: QPixmap | None = None
        if picture is not None:
            rows, columns = picture.shape
            grey = QImage(picture.data, columns, rows, columns, QImage.Format.Format_Grayscale8)
            made = QPixmap.fromImage(grey.copy())
        self._pixmaps[scan_id] = made
        while len(self._pixmaps) > KEPT:
            self._pixmaps.popitem(last=False)
        self.there.emit(scan_id)
