"""The way from the runs to the readers and back; the readers' page is made when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QStackedWidget

from gui.review.panes import ReviewPanes
from gui.review.readers_page import ReadersPage
from gui.review.view_bar import ViewBar
from gui.viewer.compare_panes import ComparePanes

if TYPE_CHECKING:
    from gui.session import Session


class ReadersDoor(QObject):
    """Shows the readers' page in place of the runs.

    Parameters
    ----------
    session
        What is open.
    stack
        Where the page goes.
    panes, views
        Of the runs: both show the same slice.
    """

    made = Signal()
    """The page is there now."""
    left = Signal()
    """The runs are to be shown again."""

    def __init__(self, session: Session, stack: QStackedWidget, panes: ReviewPanes, views: ViewBar) -> None:
        super().__init__(stack)
        self._session = session
        self._stack = stack
        self._panes = panes
        self._views = views
        self.page: ReadersPage | None = None
        self.is_open = False
        session.project_changed.connect(self._project_changed)

    @Slot()
    def open(self) -> None:
        """Show the readers."""
        if self._session.project is None:
            return
        if self.page is None:
            self.page = ReadersPage(self._session)
            self.page.back_asked.connect(self.leave)
            self._stack.addWidget(self.page)
            self.page.panes.index_changed.connect(self._panes.set_index)
            self._panes.index_changed.connect(self.page.panes.set_index)
            self.made.emit()
        self.is_open = True
        self.page.panes.set_index(self._panes.index)
        self._stack.setCurrentWidget(self.page)
        self.page.refresh()

    def go_to_next(self) -> bool:
        """Show where the readers differ most, if it is them that are shown; return whether it is."""
        if self.is_open and self.page is not None:
            self.page.go_to_next()
        return self.is_open

    @Slot()
    def leave(self) -> None:
        """Show the runs."""
        if self.is_open:
            self.is_open = False
            self._views.view_chosen.emit(self._panes.view_name)
            self.left.emit()

    @Slot()
    def _project_changed(self) -> None:
        if self._session.project is None:
            self.leave()

    @property
    def panes(self) -> tuple[ComparePanes, ...]:
        """The panes, once they are there."""
        return () if self.page is None else (self.page.panes,)

    def close(self) -> None:
        """End the threads."""
        if self.page is not None:
            self.page.close_page()
