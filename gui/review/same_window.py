"""One window of grey values in all panes: what is set anywhere is set on the session, and from there everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QObject, Slot

from core.volume import Window
from gui.viewer.compare_panes import ComparePanes

if TYPE_CHECKING:
    from gui.session import Session


class _Pane(Protocol):
    def set_window(self, window: Window) -> None: ...


class SameWindow(QObject):
    """Keeps the panes of a page and the session at one window.

    Parameters
    ----------
    session
        Whose window it is.
    panes
        In which a person may drag it.
    others
        That follow.
    """

    def __init__(self, session: Session, panes: ComparePanes, *others: _Pane) -> None:
        super().__init__(panes)
        self._session = session
        self._panes: tuple[_Pane, ...] = (panes, *others)
        session.window_changed.connect(self._take)
        panes.window_changed.connect(self._dragged)

    @Slot(object)
    def _take(self, window: Window | None) -> None:
        if window is not None:
            for pane in self._panes:
                pane.set_window(window)

    @Slot(object)
    def _dragged(self, window: Window) -> None:
        if window != self._session.window:
            self._session.set_window(window)
