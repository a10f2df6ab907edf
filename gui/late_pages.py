"""Train and Review: made when they are asked for, or once the window has been seen and nothing else is to do.

Their plots take a third of the time that a start takes; the start page and Annotate need none of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from core import late
from core.errors import MeninxError
from gui.background import Tasks
from gui.session import Session
from gui.top_bar import WORKSPACES

if TYPE_CHECKING:
    from gui.review.workspace import ReviewWorkspace
    from gui.train.workspace import TrainWorkspace

_BETWEEN = 100
"""Milliseconds left to everything else between two turns of it."""
_MODULES = ("gui.train.workspace", "gui.review.workspace")


def _load() -> None:
    # what the first scan needs comes before what the pages need
    late.load()
    for name in _MODULES:
        importlib.import_module(name)


class LatePages(QObject):
    """Makes the two pages behind Annotate, in this order and once.

    Parameters
    ----------
    session
        What is open; a page that is made takes its state from there.
    stack
        Where the pages go.
    """

    loaded = Signal()
    """What they, and the first scan, need is loaded."""
    made = Signal(str)
    """The one of this name is there now."""

    def __init__(self, session: Session, stack: QStackedWidget) -> None:
        super().__init__(stack)
        self._session = session
        self._stack = stack
        self._train: TrainWorkspace | None = None
        self._review: ReviewWorkspace | None = None
        self._closed = False
        self._tasks = Tasks(self)
        self._next = QTimer(self)
        self._next.setSingleShot(True)
        self._next.setInterval(_BETWEEN)
        self._next.timeout.connect(self._make_next)
        session.review_requested.connect(self._run_asked)

    @property
    def train(self) -> TrainWorkspace:
        """The page where networks learn."""
        page = self._make_train()
        self._place(page, "train")
        return page

    @property
    def review(self) -> ReviewWorkspace:
        """The page where predictions are looked at."""
        page = self._make_review()
        self._place(page, "review")
        return page

    def _make_train(self) -> TrainWorkspace:
        if self._train is None:
            from gui.train.workspace import TrainWorkspace  # loads the plots

            self._train = TrainWorkspace(self._session)
        return self._train

    def _make_review(self) -> ReviewWorkspace:
        if self._review is None:
            from gui.review.workspace import ReviewWorkspace  # loads the plots

            self._review = ReviewWorkspace(self._session)
        return self._review

    def _place(self, page: QWidget, name: str) -> None:
        # Review may be asked for before there is a Train
        if self._stack.indexOf(page) < 0:
            self._stack.insertWidget(WORKSPACES.index(name), page)
            self.made.emit(name)

    @property
    def review_if_made(self) -> ReviewWorkspace | None:
        """Review, None as long as nobody could have looked at it."""
        return self._review

    @Slot()
    def make_ready(self) -> None:
        """Make what is not there yet, in turns of their own; the modules are loaded in a thread."""
        if self._review is None and not self._closed:
            self._tasks.start(_load, self._loaded, self._refused)

    @Slot(object)
    def _loaded(self, _nothing: object) -> None:
        self.loaded.emit()
        self._next.start()

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        self._session.notifier.error(error)

    @Slot()
    def _make_next(self) -> None:
        # to make a page and to dress it, as the stack does when it gets it, are turns of their own
        if self._session.jobs.running:
            pass  # nobody waits for a page as they wait for what comes in
        elif self._train is None:
            self._make_train()
        elif self._stack.indexOf(self._train) < 0:
            self._place(self._train, "train")
        elif self._review is None:
            self._make_review()
        else:
            self._place(self._review, "review")
            return
        self._next.start()

    @Slot(str)
    def _run_asked(self, run: str) -> None:
        if self._review is None:
            # it could not hear it itself
            self.review.show_run(run)

    def close(self) -> None:
        """Make nothing more, and wait for what is still loaded."""
        self._closed = True
        self._next.stop()
        self._tasks.wait()
