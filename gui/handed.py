"""What was given to the program to open: by its arguments, or by the desktop while it runs (macOS)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QTimer, QUrl, Slot
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication

from core.errors import MeninxError
from gui.intake import project_of

if TYPE_CHECKING:
    from gui.main_window import MainWindow

_TOGETHER_MS = 150
"""Several files that are opened at once come one by one, each in a moment."""


def paths_of(arguments: Sequence[str]) -> list[Path]:
    """Return the files and folders that arguments name, as whole paths; addresses of files too.

    A path may hold any letter, ``%`` too: only what begins with ``file://`` is an address.
    """
    named = [word for word in arguments if word and not word.startswith("-psn_")]
    return [Path(QUrl(word).toLocalFile() if word.startswith("file://") else word).absolute() for word in named]


def open_given(window: MainWindow, paths: Sequence[Path]) -> None:
    """Open what the program was given: a project, and files and folders, into that project if there are both."""
    notifier = window.session.notifier
    there = [path for path in paths if path.exists()]
    for path in paths:
        if path not in there:
            notifier.error(MeninxError("file-missing", file=path))
    projects = [found for path in there if (found := project_of(path)) is not None]
    if projects and not window.intake.open_project(projects[0]):
        return
    rest = [path for path in there if project_of(path) is None]
    if rest:
        window.commands.take_dropped(rest)


class FileOpener(QObject):
    """Hears what the desktop asks the running program to open, also before its window is there.

    Parameters
    ----------
    app
        Gets the events.
    """

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._waiting: list[Path] = []
        self._take: Callable[[list[Path]], object] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_TOGETHER_MS)
        self._timer.timeout.connect(self._give)
        app.installEventFilter(self)

    def give_to(self, take: Callable[[list[Path]], object]) -> None:
        """Say who opens paths; what came before is given at once."""
        self._take = take
        self._give()

    @property
    def waiting(self) -> bool:
        """Whether something was asked for that nobody has taken yet."""
        return bool(self._waiting)

    @Slot()
    def _give(self) -> None:
        if self._take is not None and self._waiting:
            paths, self._waiting = self._waiting, []
            self._take(paths)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FileOpen and isinstance(event, QFileOpenEvent) and event.file():
            self._waiting.append(Path(event.file()))
            self._timer.start()
            return True
        return super().eventFilter(watched, event)
