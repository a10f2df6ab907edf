"""What this program is, and what it is not for."""

from __future__ import annotations

import platform

from PySide6 import __version__ as pyside_version
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QLabel, QWidget

from core.messages import text
from core.version import VERSION
from gui import theme
from gui.dialogs.base import Dialog
from gui.dialogs.licences_dialog import LicencesDialog
from gui.icons import pixmap


class AboutDialog(Dialog):
    """Name, version, purpose, licence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(text("app.name"), "", parent)
        sign = QLabel()
        drawn = pixmap("meninx", size=128)
        drawn.setDevicePixelRatio(2.0)
        sign.setPixmap(drawn)
        self.body.addWidget(sign)
        self.body.addWidget(theme.label(text("app.tagline")))
        warning = theme.label(text("app.research_only"), "warning")
        self.body.addWidget(warning)
        import pyqtgraph as pg  # a third of a second that the start does not wait for

        facts = text(
            "dialogs.about_facts",
            version=VERSION,
            python=platform.python_version(),
            pyside=pyside_version,
            pyqtgraph=pg.__version__,
        )
        self.body.addWidget(theme.label(facts, "muted", wrap=True))
        self.body.addWidget(theme.label(text("dialogs.about_offline"), "muted", wrap=True))
        self.body.addWidget(theme.label(text("dialogs.about_licence"), "muted", wrap=True))
        line = theme.row()
        self.licences_button = theme.button(text("dialogs.licences_button"), "small")
        self.licences_button.clicked.connect(self.show_licences)
        line.addWidget(self.licences_button)
        line.addStretch()
        self.body.addLayout(line)

    @Slot()
    def show_licences(self) -> None:
        """Show what this copy is made of."""
        dialog = LicencesDialog(self)
        # it goes with the one it lies on, too, should that be closed first
        dialog.finished.connect(dialog.deleteLater)
        dialog.exec()
