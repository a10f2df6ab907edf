"""Taking in what another tool exported: which file, a look at it, then the job."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QDialog, QFileDialog, QWidget

from core.errors import MeninxError
from core.messages import text
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
        self.dialog: ForeignDialog | None = None

    @Slot()
    def ask_file(self) -> None:
        """Ask for one file: JSON, a segmentation, an archive."""
        preferences = self._session.settings.preferences
        name, _ = QFileDialog.getOpenFileName(self._window, text("foreign.choose_file"), preferences.last_folder)
        self._chosen(name)

    @Slot()
    def ask_folder(self) -> None:
        """Ask for a folder: a data set, or masks beside pictures."""
        preferences = self._session.settings.preferences
        name = QFileDialog.getExistingDirectory(self._window, text("foreign.choose_folder"), preferences.last_folder)
        self._chosen(name)

    def _chosen(self, name: str) -> None:
        if name:
            self._session.settings.preferences.last_folder = str(Path(name).parent)
            self.look(Path(name))

    def look(self, path: Path) -> None:
        """Show what an export holds, and take it in if the person says so."""
        if self._session.project is None or self.dialog is not None:
            return
        self.dialog = ForeignDialog(path, self._session.labels, self._window)
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
