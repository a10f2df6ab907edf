"""A key that shows something while it is held, and leaves it shown where it is only tapped."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QElapsedTimer, QEvent, QObject, QTimer, Slot
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QApplication

_TAP_MS = 300
_SURE_MS = 40
"""X tells a key that repeats as let go and pressed again, and Qt does not always know it for a repeat: a key that comes
down again so soon was never let go."""


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
        self._sure = QTimer(self)
        self._sure.setSingleShot(True)
        self._sure.setInterval(_SURE_MS)
        self._sure.timeout.connect(self._let_go)
        # before it is triggered: an action is told which shortcut it was
        action.installEventFilter(self)
        action.triggered.connect(self._pressed)

    @Slot()
    def _pressed(self) -> None:
        by_key, self._by_key = self._by_key, False
        if by_key and self._sure.isActive():
            self._sure.stop()
            return
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
        if event.type() == QEvent.Type.ApplicationDeactivate:
            self._let_go()
        elif isinstance(event, QKeyEvent) and event.isAutoRepeat():
            # a busy window hears the key late: that it repeats says better than the clock that it is held
            self._held = True
            self._sure.stop()
        elif event.type() == QEvent.Type.KeyRelease:
            if self._held or self._since.elapsed() >= _TAP_MS:
                self._held = True
                self._sure.start()
            else:
                self._let_go()
        return False

    @Slot()
    def _let_go(self) -> None:
        self._sure.stop()
        app = QApplication.instance()
        if app is not None:
            app.removeEventFilter(self)
        if self._held or self._since.elapsed() >= _TAP_MS:
            self._show(self._was)
