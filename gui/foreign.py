"""Taking in what another tool exported: which file, a look at it, then the job."""

from __future__ import annotations

import functools
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QDialog, QFileDialog, QWidget

from core.errors import MeninxError
from core.exchange.landing import with_config
from core.io.sandbox import Decoder
from core.messages import text
from gui.background import Tasks
from gui.dialogs.foreign_dialog import ForeignDialog
from gui.session import Session


class Foreign(QObject):
    """Asks for an export of another tool, shows what it holds, and takes it in.

    Parameters
    ----------
    window
        Parent of the dialogs.
    session
        Whose project gets it.
    """

    def __init__(self, window: QWidget, session: Session) -> None:
        super().__init__(window)
        self._window = window
        self._session = session
        self._tasks = Tasks(self)
        self.dialog: ForeignDialog | None = None

    @Slot()
    def ask_labels(self) -> None:
        """Ask for the XML of a labelling interface, and add the labels that are not there."""
        preferences = self._session.settings.preferences
        kinds = text("foreign.xml_files")
        name, _ = QFileDialog.getOpenFileName(
            self._window, text("foreign.choose_xml"), preferences.dialog_folder, kinds
        )
        if name:
            preferences.last_folder = str(Path(name).parent)
            self.take_labels(Path(name))

    def take_labels(self, path: Path) -> None:
        """Add the labels of a labelling interface of Label Studio."""
        self._tasks.start(functools.partial(_config_labels, path), self._add_labels, self._session.notifier.error)

    @Slot(object)
    def _add_labels(self, found: tuple[tuple[str, str], ...]) -> None:
        session = self._session
        if session.project is None:
            return
        before = len(session.labels)
        if session.notifier.attempt(lambda: session.change_labels(with_config(session.labels, found))):
            count = len(session.labels) - before
            told = text("foreign.labels_added", count=count, there=len(found) - count)
            session.notifier.tell(told, "good" if count else "info")

    def close(self) -> None:
        """Wait for what is under way."""
        self._tasks.wait()

    @Slot()
    def ask_file(self) -> None:
        """Ask for one file: JSON, a segmentation, an archive."""
        preferences = self._session.settings.preferences
        name, _ = QFileDialog.getOpenFileName(self._window, text("foreign.choose_file"), preferences.dialog_folder)
        self._chosen(name)

    @Slot()
    def ask_folder(self) -> None:
        """Ask for a folder: a data set, or masks beside pictures."""
        preferences = self._session.settings.preferences
        name = QFileDialog.getExistingDirectory(self._window, text("foreign.choose_folder"), preferences.dialog_folder)
        self._chosen(name)

    def _chosen(self, name: str) -> None:
        if name:
            self._session.settings.preferences.last_folder = str(Path(name).parent)
            self.look(Path(name))

    def look(self, path: Path) -> None:
        """Show what an export holds, and take it in if the person says so."""
        if self._session.project is None or self.dialog is not None:
            return
        folder = self._session.settings.preferences.last_folder
        self.dialog = ForeignDialog(path, self._session.labels, self._window, folder=folder)
        self.dialog.finished.connect(self._closed)
        self.dialog.open()

    @Slot(int)
    def _closed(self, result: int) -> None:
        dialog, self.dialog = self.dialog, None
        if dialog is None:
            return
        if result == QDialog.DialogCode.Accepted:
            # what is on the screen is saved before anything lands beside it
            self._session.save_now()
            try:
                self._session.jobs.start_taking(dialog.path, dialog.options())
            except MeninxError as error:
                self._session.notifier.error(error)
        dialog.deleteLater()


def _config_labels(path: Path) -> tuple[tuple[str, str], ...]:
    with Decoder() as decoder:
        return decoder.config_labels(path)
