"""Opens the surface of what Review compares, and keeps it up to date while it is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from gui.review.case import LabelCase, Reference
from gui.review.panes import ReviewPanes

if TYPE_CHECKING:
    from gui.review.surface_window import Pair, SurfaceWindow
    from gui.session import Session


class SpaceDesk(QObject):
    """Behind the button *3-D*.

    Parameters
    ----------
    session, panes
        What is open; a click on the surface goes to that slice.
    shown
        Gives the label and what it is compared with.
    parent
        Of the window.
    """

    def __init__(
        self,
        session: Session,
        panes: ReviewPanes,
        shown: Callable[[], tuple[LabelCase | None, Reference | None]],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._session, self._panes, self._shown, self._parent = session, panes, shown, parent
        self.window: SurfaceWindow | None = None
        session.scan_changed.connect(self.follow)

    @Slot()
    def open(self) -> None:
        """Show what is compared in space."""
        from gui.review.surface_window import SurfaceWindow  # rarely asked for

        if self.window is None:
            self.window = SurfaceWindow(self._session.notifier, self._parent.window())
            self.window.picked.connect(self._go)
        self.window.show_pair(self._pair())
        self.window.open_beside()

    @Slot()
    def follow(self) -> None:
        """Something else is compared: show that, if the window is open."""
        if self.window is not None and self.window.isVisible():
            self.window.show_pair(self._pair())

    def _pair(self) -> Pair | None:
        from gui.review.surface_window import Pair

        label, reference = self._shown()
        volume = self._session.volume
        if label is None or label.label is None or reference is None or volume is None:
            return None
        truth = None if label.truth is None else label.truth[0] == label.truth[1]
        return Pair(label.label, volume.geometry, label.predicted != 0, truth, reference.words)

    @Slot(object)
    def _go(self, xyz: tuple[int, int, int]) -> None:
        self._panes.set_index(xyz[2])

    def close(self) -> None:
        """Close the window and end its threads."""
        if self.window is not None:
            self.window.close()
            self.window.wait()
