"""What was measured on the scan shown: kept in the project, shown again, and taken back."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from PySide6.QtCore import QObject, Signal, Slot

from core.errors import MeninxError
from core.ids import new_id
from core.messages import text
from core.project.measurements import Measurement, Measurements
from gui.annotate.measuring import figure_words
from gui.asides import Aside
from gui.background import Tasks
from gui.session import Session


class Measured(QObject):
    """The measurements of this reader on the scan shown.

    Each is shown at once and written by a thread, in the order in which they were made.

    Parameters
    ----------
    session
        What is open.
    """

    changed = Signal()
    """Others are there."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._tasks = Tasks(self)
        self._waiting: deque[Callable[[], object]] = deque()
        self._writing = False
        self._scan = ""
        self.all: list[Measurement] = []
        session.scan_changed.connect(self._scan_changed)
        session.project_changed.connect(self._project_changed)

    def on(self, axis: int, index: int) -> Sequence[Measurement]:
        """Return those on a slice of the planes along an axis, newest first."""
        return [one for one in reversed(self.all) if (one.plane, one.slice) == (axis, index) and one.points]

    def add(self, new: Measurement) -> None:
        """Keep one; it can be taken back."""
        if self._session.read_only:
            # it is told, and gone with the next one
            return
        kept = replace(new, id=new_id())
        self._put(kept)
        self._can_undo(kept, functools.partial(self._take, kept), functools.partial(self._put, kept))

    def remove(self, gone: Measurement) -> None:
        """Remove one; it can be taken back."""
        if self._session.read_only or gone not in self.all:
            return
        self._take(gone)
        self._can_undo(gone, functools.partial(self._put, gone), functools.partial(self._take, gone))

    def _can_undo(self, one: Measurement, undo: Callable[[], None], redo: Callable[[], None]) -> None:
        words = text("measure.aside", words=figure_words(one.kind, one.figures, one.label, short=True))
        self._session.walker.asides.did(Aside(words, undo, redo))

    # ----------------------------------------------------------------- writing

    def _put(self, one: Measurement) -> None:
        self.all = sorted([*(other for other in self.all if other.id != one.id), one], key=lambda other: other.id)
        self._write(lambda store: store.add(one))

    def _take(self, one: Measurement) -> None:
        self.all = [other for other in self.all if other.id != one.id]
        reader = self._session.reader
        self._write(lambda store: store.remove([one], reader=reader))

    def _write(self, work: Callable[[Measurements], object]) -> None:
        project = self._session.project
        if project is not None:
            self._waiting.append(functools.partial(work, project.measurements))
            self._next()
        self.changed.emit()

    def _next(self) -> None:
        if not self._writing and self._waiting:
            self._writing = True
            self._tasks.start(self._waiting.popleft(), self._written, self._failed)

    @Slot(object)
    def _written(self, _nothing: object) -> None:
        self._writing = False
        self._next()

    @Slot(object)
    def _failed(self, error: MeninxError) -> None:
        self._session.notifier.error(error)
        self._writing = False
        self._next()
        # what is shown is what is kept
        self._read()

    def _write_all(self) -> None:
        """Write what waits before the project may be closed."""
        self._tasks.join()
        while self._waiting:
            try:
                self._waiting.popleft()()
            except MeninxError as error:
                self._session.notifier.error(error)

    # ----------------------------------------------------------------- reading

    @Slot()
    def _project_changed(self) -> None:
        if self._session.project is None:
            self._tasks.wait()
            self._waiting.clear()
            self._writing = False
        self._scan_changed()

    @Slot()
    def _scan_changed(self) -> None:
        scan = self._session.scan
        if scan is None:
            self._write_all()
        if scan is None or scan.id != self._scan:
            self._scan = scan.id if scan is not None else ""
            self.all = []
            self.changed.emit()
        self._read()

    def _read(self) -> None:
        session = self._session
        if session.project is not None and session.scan is not None:
            work = functools.partial(_read, session.project.measurements, session.scan.id, session.reader)
            self._tasks.start(work, self._there, self._unread)

    @Slot(object)
    def _there(self, found: tuple[str, list[Measurement]]) -> None:
        scan, measured = found
        if scan == self._scan and not self._writing and not self._waiting:
            self.all = measured
            self.changed.emit()

    @Slot(object)
    def _unread(self, error: MeninxError) -> None:
        if error.code != "project-closed":
            self._session.notifier.error(error)


def _read(store: Measurements, scan: str, reader: str) -> tuple[str, list[Measurement]]:
    return scan, store.of_scan(scan, reader=reader)
