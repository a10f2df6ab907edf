"""A scan whose newest mask is damaged: what can be done is offered, and nothing is written over."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QApplication, QWidget

from core.errors import MeninxError
from core.messages import sentence, text
from core.project.mending import Damage, find_damage, mend
from core.project.project import Project
from gui.background import Tasks
from gui.dialogs.mend_dialog import MendDialog
from gui.when import when_words

if TYPE_CHECKING:
    from gui.session import Session

CODES = ("mask-corrupt", "mask-missing")


class Mender(QObject):
    """Asks what is to be done where a scan does not open for a damaged mask."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._tasks = Tasks(self)
        self._scan = ""
        self.dialog: MendDialog | None = None

    def refused(self, error: MeninxError, scan: str) -> None:
        """Hear why a scan (id) could not be opened; other reasons are told as they are."""
        session = self._session
        project = session.project
        if error.code not in CODES or project is None or session.read_only or self._scan:
            session.notifier.error(error)
            return
        self._scan = scan
        self._tasks.start(functools.partial(_look, project, scan, session.reader, error), self._found, self._failed)

    @Slot(object)
    def _found(self, found: tuple[str, list[Damage], MeninxError]) -> None:
        name, damages, error = found
        if not damages or any(one.whole is None and one.again is None for one in damages):
            # nothing to offer: the sentence says what is left
            self._failed(error)
            return
        lines = [sentence(MeninxError(one.code, file=one.newest.file)) for one in damages]
        words = "\n".join(line.partition(";")[0] + "." for line in lines)
        whole = [one.whole for one in damages if one.again is None and one.whole is not None]
        when = min((when_words(one.created, datetime.now(UTC)) for one in whole), default="")
        self.dialog = MendDialog(name, words, when, [PurePosixPath(one.newest.file).name for one in damages], _window())
        self.dialog.accepted.connect(functools.partial(self._mend, damages))
        self.dialog.finished.connect(self._closed)
        self.dialog.open()

    @Slot()
    def _closed(self) -> None:
        dialog, self.dialog = self.dialog, None
        if dialog is not None:
            if not dialog.result():
                self._scan = ""
            dialog.deleteLater()

    def _mend(self, damages: list[Damage]) -> None:
        project = self._session.project
        if project is not None:
            self._tasks.start(functools.partial(_mended, project, damages), self._done, self._failed)

    @Slot(object)
    def _done(self, again: bool) -> None:
        scan, self._scan = self._scan, ""
        key = "session.mended_again" if again else "session.mended"
        self._session.notifier.tell(text(key), "good", seconds=15)
        self._session.open_scan(scan)

    @Slot(object)
    def _failed(self, error: MeninxError) -> None:
        self._scan = ""
        self._session.notifier.error(error)

    def close(self) -> None:
        """Wait for what is being done."""
        self._tasks.wait()
        self._scan = ""


def _window() -> QWidget | None:
    return QApplication.activeWindow()


def _look(project: Project, scan: str, reader: str, error: MeninxError) -> tuple[str, list[Damage], MeninxError]:
    return project.scan(scan).name, find_damage(project, scan, reader), error


def _mended(project: Project, damages: list[Damage]) -> bool:
    mend(project, damages)
    return all(one.again is not None for one in damages)
