"""Settings that concern the whole window: how it looks, what it speaks."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QWidget

from core.messages import LANGUAGES, text
from gui import theme
from gui.settings import LOOKS, Preferences


class GeneralPage(QWidget):
    """What concerns the whole window.

    Parameters
    ----------
    preferences
        What is chosen now.
    """

    def __init__(self, preferences: Preferences, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "clear")
        self.body = theme.column(self, margin=theme.space("l"), gap=theme.space("s"))
        self.looks = QComboBox()
        for name in LOOKS:
            self.looks.addItem(text(f"settings.looks_{name}"), name)
        self.looks.setCurrentIndex(LOOKS.index(preferences.looks) if preferences.looks in LOOKS else 0)
        self._stretch = False
        self.add_row(text("settings.looks"), self.looks, text("settings.looks_hint"))
        self.language = QComboBox()
        self.language.addItem(text("settings.language_system"), "")
        for name, own in LANGUAGES.items():
            self.language.addItem(own, name)
        self.language.setCurrentIndex(max(0, self.language.findData(preferences.language)))
        self.add_row(text("settings.language"), self.language, text("settings.language_hint"))

    def add_row(self, title: str, widget: QWidget, hint: str = "") -> None:
        """Add something to choose, with its name before it and a line of help below."""
        if self._stretch:
            self.body.takeAt(self.body.count() - 1)
        line = theme.row(gap=theme.space("m"))
        name = theme.label(title)
        name.setFixedWidth(150)
        name.setBuddy(widget)
        line.addWidget(name)
        widget.setMinimumWidth(240)
        line.addWidget(widget)
        line.addStretch()
        self.body.addLayout(line)
        if hint:
            self.body.addWidget(theme.label(hint, "muted", wrap=True))
        self.body.addSpacing(theme.space("s"))
        self.body.addStretch()
        self._stretch = True

    def keep(self, preferences: Preferences) -> None:
        """Write what is chosen into the preferences."""
        preferences.looks = str(self.looks.currentData())
        preferences.language = str(self.language.currentData())
