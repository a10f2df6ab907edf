"""Settings: one page for each kind of thing."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QTabWidget, QWidget

from core.messages import text
from gui.dialogs.base import Dialog
from gui.dialogs.settings_computing import ComputingPage
from gui.dialogs.settings_general import GeneralPage
from gui.dialogs.settings_keys import KeysPage
from gui.jobs.jobs import Jobs
from gui.settings import Preferences


class SettingsDialog(Dialog):
    """All that a person may set.

    Parameters
    ----------
    preferences
        What is chosen now; the pages hold what is chosen at the end.
    jobs
        Runs what the page of computing starts; without them there is no such page.
    """

    def __init__(self, preferences: Preferences, parent: QWidget | None = None, *, jobs: Jobs | None = None) -> None:
        super().__init__(text("settings.title"), text("settings.save"), parent, width=760)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(False)
        self.general = GeneralPage(preferences)
        self.keys = KeysPage(preferences)
        self.computing: ComputingPage | None = None
        self.tabs.addTab(self.general, text("settings.general"))
        self.tabs.addTab(self.keys, text("keys.settings_title"))
        self._usable = True
        if jobs is not None:
            self.computing = ComputingPage(jobs)
            self.computing.busy_changed.connect(self._show_usable)
            self.tabs.addTab(self.computing, text("gpu.tab"))
        self.body.addWidget(self.tabs, 1)
        self.keys.usable_changed.connect(self._keys_usable)
        self.keys.check()

    @Slot(bool)
    def _keys_usable(self, usable: bool) -> None:
        self._usable = usable
        self._show_usable()

    @Slot()
    def _show_usable(self) -> None:
        busy = self.computing is not None and self.computing.busy
        self.accept_button.setEnabled(self._usable and not busy)
        self.cancel_button.setEnabled(not busy)

    def reject(self) -> None:
        """Close, unless a pack is being taken: then Escape stops that, and the outcome can be read."""
        if self.computing is not None and self.computing.busy:
            self.computing.stop()
            return
        super().reject()

    def done(self, result: int) -> None:
        """Close, once what is being deleted is gone."""
        if self.computing is not None:
            self.computing.close_tasks()
        super().done(result)
