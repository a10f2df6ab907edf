"""Settings: one page for each kind of thing."""

from __future__ import annotations

from PySide6.QtWidgets import QTabWidget, QWidget

from core.messages import text
from gui.dialogs.base import Dialog
from gui.dialogs.settings_general import GeneralPage
from gui.dialogs.settings_keys import KeysPage
from gui.settings import Preferences


class SettingsDialog(Dialog):
    """All that a person may set.

    Parameters
    ----------
    preferences
        What is chosen now; the pages hold what is chosen at the end.
    """

    def __init__(self, preferences: Preferences, parent: QWidget | None = None) -> None:
        super().__init__(text("settings.title"), text("settings.save"), parent, width=760)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(False)
        self.general = GeneralPage(preferences)
        self.keys = KeysPage(preferences)
        self.tabs.addTab(self.general, text("settings.general"))
        self.tabs.addTab(self.keys, text("keys.settings_title"))
        self.body.addWidget(self.tabs, 1)
        self.keys.usable_changed.connect(self.accept_button.setEnabled)
        self.keys.check()
