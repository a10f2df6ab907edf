"""Garbage of Python is collected in the window's thread alone.

Python collects in whichever thread asks for memory at the wrong moment. What it finds may be what is left of a closed
window or a finished task: destroyed in another thread, Qt objects wait there for locks of Qt's while that thread holds
Python's, and the window's thread, which waits the other way round, stands still for ever. So automatic collection is
off while the window runs, and a timer of the window does it instead, which also keeps it out of a stroke.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication

_EVERY_MS = 1000
_ALL_MS = 30_000
_NEW, _ALL = 1, 2
"""Python's generations of objects: all up to one. What survived once is looked through with all only."""


class Collector(QObject):
    """Collects in the thread it lives in: each second what is new, each half minute all."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._new = 0
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self.look)

    def begin(self) -> None:
        """Collect from now on."""
        gc.disable()
        self._timer.start()

    def keep(self) -> None:
        """Never again look through what there is now: the modules and the window stay as long as the program."""
        gc.collect()
        gc.freeze()

    def end(self) -> None:
        """Leave it to Python again."""
        self._timer.stop()
        gc.enable()

    @Slot()
    def look(self) -> None:
        """Collect what is new; all, once it is time for it and no mouse button is held."""
        self._new += 1
        drawing = QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton
        if drawing or self._new * _EVERY_MS < _ALL_MS:
            gc.collect(_NEW)
            return
        self._new = 0
        gc.collect(_ALL)
