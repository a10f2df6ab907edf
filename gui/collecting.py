"""Garbage of Python is collected by a timer of the window, and at no other moment.

Python collects wherever somebody asks for memory. What it finds may be what is left of a closed window. In another
thread its Qt objects wait for locks of Qt's while that thread holds Python's, and the window's thread, which waits the
other way round, stands still for ever. In the window's own thread as well: a Qt object that is being destroyed holds
a lock and asks Python whether a method was overridden, and a second one destroyed just then wants the same lock. Both
were met. So automatic collection is off while the window runs. It also keeps out of a stroke.
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
    """Collects in the thread it lives in: each second what is new, each half minute all.

    Nothing turns automatic collection on again: there are Qt objects to the end of the process.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._new = 0
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self.look)

    def begin(self) -> None:
        """Collect from now on, and only here."""
        gc.disable()
        self._timer.start()

    def keep(self) -> None:
        """Never again look through what there is now: the modules and the window stay as long as the program."""
        gc.collect()
        gc.freeze()

    def end(self) -> None:
        """Collect no more."""
        self._timer.stop()

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
