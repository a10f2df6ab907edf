"""Asks what a person wants to set, and uses it: at once where that can be, else from the next start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QDialog

from core.messages import text
from gui import theme
from gui.dialogs.settings_dialog import SettingsDialog

if TYPE_CHECKING:
    from gui.actions import Actions
    from gui.main_window import MainWindow
    from gui.session import Session


class SettingUp(QObject):
    """The settings of the window.

    Attributes
    ----------
    again
        Whether the program is to start anew once the window is closed.
    """

    def __init__(self, window: MainWindow, session: Session, actions: Actions) -> None:
        super().__init__(window)
        self._window = window
        self._session = session
        self._actions = actions
        self.again = False

    @Slot()
    def ask(self) -> None:
        """Ask for looks, language, keys and mouse, and use them."""
        preferences = self._session.settings.preferences
        spoken = preferences.language
        dialog = SettingsDialog(preferences, self._window, jobs=self._session.jobs)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            dialog.general.keep(preferences)
            preferences.keymap, preferences.keys = dialog.keys.keymap.preset, dialog.keys.changes
            error = self._session.settings.save()
            if error is not None:
                self._session.notifier.error(error)
            self._actions.use(dialog.keys.keymap)
            theme.wear(preferences.looks)
            if preferences.language != spoken:
                words, again = text("settings.language_later"), text("settings.start_again")
                self._session.notifier.offer(words, again, self.start_again, seconds=60.0, lasts=True)
        dialog.deleteLater()

    @Slot()
    def start_again(self) -> None:
        """Close the window, to be opened anew: what it says changes with its start only."""
        self.again = True
        self.again = self._window.close()
