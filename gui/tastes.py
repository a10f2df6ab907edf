"""Who sits here and how they like to see scans: what the session takes from this person's settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject

from core.project.records import current_reader
from gui.session_signals import OverlayStyle, SessionSignals
from gui.settings import Settings


class Tastes(SessionSignals):
    """The part of :class:`gui.session.Session` that belongs to the person and not to a project.

    Parameters
    ----------
    settings
        Preferences of this person.

    Attributes
    ----------
    reader
        In whose name is drawn.
    overlay
        How masks are drawn (:class:`OverlayStyle`).
    """

    def __init__(self, settings: Settings | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings = settings or Settings()
        preferences = self.settings.preferences
        self.reader = preferences.reader or current_reader()
        self.overlay = OverlayStyle(preferences.opacity, preferences.fill, preferences.outline)

    def show_names(self, shown: bool) -> None:
        """Show patient names and IDs on this screen, or only pseudonyms; remembered for this workstation."""
        preferences = self.settings.preferences
        if preferences.show_names != shown:
            preferences.show_names = shown
            self.settings.save()
            self.names_changed.emit()

    def set_overlay(self, **changes: Any) -> None:
        """Draw masks another way (fields of :class:`OverlayStyle`); remembered but for ``visible``."""
        self.overlay = replace(self.overlay, **changes)
        preferences = self.settings.preferences
        preferences.opacity = self.overlay.opacity
        preferences.fill, preferences.outline = self.overlay.fill, self.overlay.outline
        self.overlay_changed.emit()
