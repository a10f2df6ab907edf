"""The door to the window."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from core.messages import speak, text
from gui import language, theme
from gui.main_window import MainWindow
from gui.notify import Unexpected, start_log
from gui.session import Session
from gui.settings import Settings


def make_application(looks: str = "dark") -> QApplication:
    """Return the application in the theme of Meninx (the one there is, if there is one)."""
    found = QApplication.instance()
    app = found if isinstance(found, QApplication) else QApplication(sys.argv[:1])
    app.setApplicationName(text("app.name"))
    app.setApplicationDisplayName(text("app.name"))
    theme.apply(app, looks)
    language.dress(app)
    return app


def open_window(arguments: Sequence[str]) -> int:
    """Open the window on a path (or on the project of last time) and run until it is closed.

    Parameters
    ----------
    arguments
        At most one path: a project, a file or a folder.

    Returns
    -------
    int
        Exit status.
    """
    settings = Settings()
    speak(language.wanted(settings.preferences.language))
    app = make_application(settings.preferences.looks)
    start_log()
    session = Session(settings)
    Unexpected(session.notifier).install()
    window = MainWindow(session)
    window.show()
    window.commands.tour_when_ready()
    window.warm()
    path = Path(arguments[0]).absolute() if arguments else None
    recent = session.settings.recent_projects()
    if path is not None:
        window.intake.open(path)
    elif recent:
        window.intake.open_project(recent[0])
    # the start page says it by itself
    if (path is not None or recent) and not session.settings.preferences.research_notice_seen:
        session.notifier.tell(text("app.research_only"), seconds=8)
        session.settings.preferences.research_notice_seen = True
        session.settings.save()
    # Python sees Ctrl+C in the terminal only while it runs: let it, five times a second
    signal.signal(signal.SIGINT, lambda *_: window.close())
    breath = QTimer()
    breath.timeout.connect(_breathe)
    breath.start(200)
    status = app.exec()
    breath.stop()
    if window.commands.setting_up.again:
        language.start_again()
    return status


def _breathe() -> None:
    """Run a moment of Python, so that signals are heard."""
