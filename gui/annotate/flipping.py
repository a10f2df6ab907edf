"""A key that shows something while it is held, and leaves it shown where it is only tapped."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QElapsedTimer, QEvent, QObject, Slot
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QApplication

_TAP_MS = 300


class HeldKey(QObject):
    """Makes an action of one that is held.

    A shortcut tells when its key goes down; when it comes up is heard from the
    application while it is down. Chosen from a menu or by its name the action is a
    switch: no key that comes up then has anything to do with it.

    Parameters
    ----------
    action
        Its key may be any that the keymap gives it.
    show
        Called with True and False.
    shown
        Says whether it is shown now.
    """

    def __init__(
        self, action: QAction, show: Callable[[bool], None], shown: Callable[[], bool], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._show = show
        self._shown = shown
        self._since = QElapsedTimer()
        self._was = self._held = self._by_key = False
        # before it is triggered: an action is told which shortcut it was
        action.installEventFilter(self)
        action.triggered.connect(self._pressed)

    @Slot()
    def _pressed(self) -> None:
        by_key, self._by_key = self._by_key, False
        self._was, self._held = self._shown(), False
        self._show(not self._was)
        if not by_key:
            return
        self._since.start()
        app = QApplication.instance()
        if app is not None:
            app.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Shortcut:
            self._by_key = True
            return False
        if isinstance(event, QKeyEvent) and event.isAutoRepeat():
            # a busy window hears the key late: that it repeats says better than the clock that it is held
            self._held = True
        released = isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyRelease and not event.isAutoRepeat()
        if released or event.type() == QEvent.Type.ApplicationDeactivate:
            app = QApplication.instance()
            if app is not None:
                app.removeEventFilter(self)
            if self._held or self._since.elapsed() >= _TAP_MS:
                self._show(self._was)
        return False
