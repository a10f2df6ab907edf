"""The door to the window."""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Sequence

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from core import heap, places
from core.messages import speak, text
from gui import language, theme
from gui.background import take_short_turns
from gui.collecting import Collector
from gui.faults import Unexpected
from gui.handed import FileOpener, open_given, paths_of
from gui.log import LogStart, start_log
from gui.main_window import MainWindow
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
    """Open the window on paths (or on the project of last time) and run until it is closed.

    Parameters
    ----------
    arguments
        Paths: a project, files, folders (what "Open with" gives).

    Returns
    -------
    int
        Exit status.
    """
    heap.keep_small()
    take_short_turns()
    places.settle()
    settings = Settings()
    speak(language.wanted(settings.preferences.language))
    began = start_log()
    app = make_application(settings.preferences.looks)
    opener = FileOpener(app)
    unexpected = Unexpected()
    unexpected.install()
    session = Session(settings)
    window = MainWindow(session)
    unexpected.attend(session, window)
    window.show()
    window.commands.tour_when_ready()
    window.warm()
    given = paths_of(arguments)
    recent = session.settings.recent_projects()
    asked = bool(given) or opener.waiting
    opener.give_to(functools.partial(open_given, window))
    if given:
        open_given(window, given)
    elif recent and not asked:
        window.intake.open_project(recent[0])
    _tell_start(session, began, unexpected)
    # the start page says it by itself
    if (asked or recent) and not session.settings.preferences.research_notice_seen:
        session.notifier.tell(text("app.research_only"), seconds=8)
        session.settings.preferences.research_notice_seen = True
        session.settings.save()
    # Python sees Ctrl+C in the terminal only while it runs: let it, five times a second
    signal.signal(signal.SIGINT, lambda *_: window.close())
    breath = QTimer()
    breath.timeout.connect(_breathe)
    breath.start(200)
    collector = Collector()
    collector.begin()
    collector.keep()
    status = app.exec()
    breath.stop()
    if window.commands.setting_up.again:
        language.start_again()
    return status


def _tell_start(session: Session, began: LogStart, unexpected: Unexpected) -> None:
    """Say that the program crashed the last time, or that no log can be kept."""
    if began.crashed:
        words, look = text("faults.crashed"), text("faults.look")
        session.notifier.offer(words, look, unexpected.show_log, kind="warning", seconds=60.0, lasts=True)
    elif not began.works:
        session.notifier.tell(text("faults.no_log"), "warning", seconds=20)


def _breathe() -> None:
    """Run a moment of Python, so that signals are heard."""
