"""The window tested by itself, as ``selftest --gui`` asks: a made-up head is opened, drawn on, and saved.

What runs here is what a person uses: the real window with the decoding child behind it, mouse events on the pane,
the saver, and the project read back from the disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer, Slot
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget

from core.errors import MeninxError
from core.labels import BRAIN
from core.project.project import Project
from core.project.saver import SaveState
from gui.app import make_application
from gui.main_window import MainWindow
from gui.notify import Told
from gui.session import Session
from gui.settings import Settings

PATIENCE = 90.0
"""Seconds for one step, on a busy machine too."""
SIZE = (1280, 800)
_LOOK_EVERY_MS = 20
_STEPS = 12
Script = Generator[Callable[[], bool], None, None]
"""Yields what it waits for."""


def drive(scan: Path, folder: Path) -> None:
    """Open a scan in the real window, draw on it, save, close, and compare with what is stored.

    Parameters
    ----------
    scan
        A file with a made-up head.
    folder
        Where the project is kept, and ``window.png``: the window as it was at the end.

    Raises
    ------
    MeninxError
        ``selftest-failed`` with the step that came to nothing.
    """
    app = make_application()
    settings = Settings()
    settings.preferences.tour_seen = True
    settings.preferences.research_notice_seen = True
    window = MainWindow(Session(settings))
    window.resize(*SIZE)
    window.show()
    runner = _Runner(app, window, _script(window, scan, folder / "selftest.meninx", folder / "window.png"))
    app.exec()
    window.session.put_away()
    window.close()
    if runner.fault is not None:
        raise runner.fault


class _Runner(QTimer):
    """Goes through a script, a step whenever what it waits for is so; then ends the application."""

    def __init__(self, app: QApplication, window: MainWindow, script: Script) -> None:
        super().__init__(window)
        self._app, self._script = app, script
        self._met = next(script)
        self._since = time.monotonic()
        self.fault: Exception | None = None
        self.timeout.connect(self._look)
        window.session.notifier.told.connect(self._told)
        self.start(_LOOK_EVERY_MS)

    @property
    def _step(self) -> str:
        return self._met.__name__.replace("_", " ")

    @Slot(object)
    def _told(self, told: Told) -> None:
        # what the window words as an error will not come right by waiting
        if told.kind == "danger" and self.isActive():
            self._end(MeninxError("selftest-failed", step=f"{self._step} ({told.words})"))

    @Slot()
    def _look(self) -> None:
        try:
            if self._met():
                self._met = next(self._script)
                self._since = time.monotonic()
            elif time.monotonic() - self._since > PATIENCE:
                raise MeninxError("selftest-failed", step=self._step)
        except StopIteration:
            self._end(None)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with this copy is the finding
            self._end(error)

    def _end(self, fault: Exception | None) -> None:
        self.stop()
        self.fault = fault
        self._app.quit()


def _script(window: MainWindow, scan: Path, project: Path, picture: Path) -> Script:
    """Open, label, draw, save, keep, and read back."""
    session = window.session

    def window_shown() -> bool:
        return window.isVisible() and window.windowHandle().isExposed()

    def scan_opened() -> bool:
        return session.scan is not None and not session.loading and session.can_edit

    def saved() -> bool:
        return session.save_state == SaveState.SAVED

    def kept_as_a_project() -> bool:
        return session.project is not None and session.project.path == project and scan_opened()

    yield window_shown
    window.intake.open(scan)
    yield scan_opened
    if not any(label.name == BRAIN for label in session.labels.labels):
        session.change_labels(session.labels.with_label(BRAIN))
    session.choose_label(BRAIN)
    drawn = _draw(window)
    session.save_now()
    yield saved
    window.intake.keep_as(project)
    yield kept_as_a_project
    window.grab().save(str(picture))
    session.close_project()
    with Project.open(project, read_only=True) as stored:
        (only,) = stored.scans()
        (annotation,) = stored.annotations(only.id)
        label = stored.labels().named(BRAIN)
        if np.count_nonzero(stored.read_layer(annotation.id, label.layer) == label.value) != drawn:
            raise MeninxError("selftest-failed", step="stored as drawn")


def _draw(window: MainWindow) -> int:
    """Draw one stroke through the middle of the pane; return how many voxels it made."""
    window.actions_table["brush"].trigger()
    view = window.annotate.views.main
    middle = QPointF(view.rect().center())
    places = [middle + QPointF(4 * step, 2 * step) for step in range(_STEPS)]
    _send(view, QEvent.Type.MouseButtonPress, places[0])
    for place in places[1:]:
        _send(view, QEvent.Type.MouseMove, place)
    _send(view, QEvent.Type.MouseButtonRelease, places[-1])
    editor = window.session.editor
    label = window.session.labels.named(BRAIN)
    drawn = 0 if editor is None else int(np.count_nonzero(editor.mask(label.layer) == label.value))
    if not drawn:
        raise MeninxError("selftest-failed", step="a stroke drawn")
    return drawn


def _send(view: QWidget, kind: QEvent.Type, place: QPointF) -> None:
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    button = none if kind == QEvent.Type.MouseMove else left
    held = none if kind == QEvent.Type.MouseButtonRelease else left
    plain = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(view, QMouseEvent(kind, place, view.mapToGlobal(place), button, held, plain))
