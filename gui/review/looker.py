"""Looks through all scans in a thread for what a list shows, and says on its page how far it is."""

from __future__ import annotations

import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from core.errors import MeninxError
from core.messages import sentence, text
from gui.jobs.asking import Asker
from gui.review.look_page import LookPage

_TELL_MS = 200


class Look:
    """One look through the scans: how far it is, and whether it still matters."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.done, self.total, self.name = 0, 0, ""

    def told(self, done: int, total: int, name: str) -> None:
        """Say how far it is."""
        self.done, self.total, self.name = done, total, name

    def goes_on(self) -> bool:
        """Whether anybody still waits for it."""
        return not self._stop.is_set()

    def stop(self) -> None:
        """Nobody waits for it any more."""
        self._stop.set()


class Looker(QObject):
    """What the desks behind a :class:`LookPage` have in common."""

    found = Signal(object)
    """The answer."""
    failed = Signal(object)
    """The MeninxError that it ended with; the page says it already."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._page: LookPage | None = None
        self._look: Look | None = None
        self._asker = Asker(self)
        self._asker.answered.connect(self._answered)
        self._asker.refused.connect(self._refused)
        self._telling = QTimer(self)
        self._telling.setInterval(_TELL_MS)
        self._telling.timeout.connect(self._tell)

    @property
    def busy(self) -> bool:
        """Whether it is looked for still."""
        return self._asker.busy

    def ask(self, page: LookPage, question: Callable[[Look], object]) -> None:
        """Empty the page, and call the question in the thread."""
        self.stop()
        self._page = page
        page.fill(())
        self._look = look = Look()
        self._telling.start()
        self._tell()
        # last: a quick answer is there before this returns
        self._asker.ask(question, look)

    def stop(self) -> None:
        """Look no further."""
        if self._look is not None:
            self._look.stop()
        self._telling.stop()

    def forget(self) -> None:
        """Look no further, and list nothing any more."""
        self.stop()
        self._asker.forget()
        if self._page is not None:
            self._page.fill(())
            self._page.say("")

    @Slot()
    def _tell(self) -> None:
        look, page = self._look, self._page
        if look is not None and page is not None:
            total = look.total or "…"
            page.say(text("review.looking", done=min(look.done + 1, look.total or 1), total=total, scan=look.name))

    @Slot(object)
    def _answered(self, found: object) -> None:
        self._telling.stop()
        self.found.emit(found)

    @Slot(object)
    def _refused(self, error: MeninxError) -> None:
        self._telling.stop()
        if self._page is not None:
            self._page.say(sentence(error))
        self.failed.emit(error)

    def close(self) -> None:
        """End the thread."""
        self.stop()
        self._asker.close()
