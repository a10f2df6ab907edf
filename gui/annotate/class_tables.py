"""Classes from a table and into one, by the window."""

from __future__ import annotations

import functools
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from core.messages import text
from core.project.class_files import Taken, take_table, write_table
from core.project.project import Project
from gui.background import Tasks
from gui.session import Session

_KIND = "CSV (*.csv *.tsv *.txt)"


class ClassTables(QObject):
    """Takes and writes tables of classes in a thread, and says what came of it.

    Parameters
    ----------
    session
        What is open.
    """

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self._window = parent
        self._tasks = Tasks(self)
        session.project_changed.connect(self._project_changed)

    def fill(self, menu: QMenu) -> None:
        """Add what can be done to a menu."""
        there, free = self._session.project is not None, not self._session.read_only
        for key, slot, possible in (("take", self._ask_take, there and free), ("write", self._ask_write, there)):
            action = menu.addAction(text(f"classes.table_{key}"))
            action.setEnabled(possible)
            action.triggered.connect(slot)

    @Slot()
    def _project_changed(self) -> None:
        if self._session.project is None:
            self._tasks.wait()

    @Slot()
    def _ask_take(self) -> None:
        preferences = self._session.settings.preferences
        title = text("classes.table_take")
        start = preferences.dialog_folder
        name, _ = QFileDialog.getOpenFileName(self._window.window(), title, start, _KIND)
        if name:
            preferences.last_folder = str(Path(name).parent)
            self.take(Path(name))

    def take(self, table: Path) -> None:
        """Take the classes of a table."""
        session = self._session
        if session.project is not None and not session.read_only:
            work = functools.partial(take_table, session.project, table, reader=session.reader)
            self._tasks.start(work, self._taken, session.notifier.error)

    @Slot(object)
    def _taken(self, taken: Taken) -> None:
        words = [text("project.classes_taken", values=taken.values, scans=len(taken.scans))]
        if taken.numbers:
            words.append(text("project.classes_numbers", names=", ".join(taken.numbers)))
        if taken.missing_count:
            words.append(text("project.classes_missing", count=taken.missing_count, names=", ".join(taken.missing)))
        if taken.outside_count:
            words.append(text("project.classes_outside", count=taken.outside_count, names=", ".join(taken.outside)))
        if taken.twice:
            words.append(text("project.classes_twice", count=taken.twice))
        whole = not (taken.missing_count or taken.outside_count or taken.twice)
        self._session.notifier.tell(" ".join(words), "good" if whole else "warning", seconds=12 if whole else 0)
        self._session.classes_changed.emit("")

    @Slot()
    def _ask_write(self) -> None:
        project = self._session.project
        if project is None:
            return
        suggested = str(project.exports_folder / "classes.csv")
        name, _ = QFileDialog.getSaveFileName(self._window.window(), text("classes.table_write"), suggested, _KIND)
        if name:
            self.write(Path(name))

    def write(self, target: Path) -> None:
        """Write the classes of all scans."""
        project = self._session.project
        if project is not None:
            self._tasks.start(functools.partial(_write, project, target), self._written, self._session.notifier.error)

    @Slot(object)
    def _written(self, told: tuple[int, str]) -> None:
        self._session.notifier.tell(text("project.classes_written", count=told[0], file=told[1]), "good")


def _write(project: Project, target: Path) -> tuple[int, str]:
    return write_table(project, target), target.name
