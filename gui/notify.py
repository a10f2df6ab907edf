"""The one place where the window speaks to the person: toasts, and errors as plain sentences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QEvent, QMetaMethod, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QFrame, QWidget

from core.errors import Cancelled, MeninxError
from core.messages import sentence, text
from gui import theme
from gui.log import log
from gui.marking import let_mark

Kind = Literal["info", "good", "warning", "danger"]


@dataclass(frozen=True)
class Told:
    """Something to tell.

    Parameters
    ----------
    words
        A plain sentence.
    kind
        How grave it is.
    seconds
        How long it stays; 0 until it is closed.
    action_words, action
        One thing the person may do about it.
    lasts
        Whether that can be done in another project too.
    """

    words: str
    kind: Kind = "info"
    seconds: float = 5.0
    action_words: str = ""
    action: Callable[[], None] | None = None
    lasts: bool = False


class Notifier(QObject):
    """Where every part of the window says what the person should know."""

    told = Signal(object)
    """A :class:`Told`."""
    withdrawn = Signal(str)
    """These words are out of date."""
    project_left = Signal()
    """What was offered in the project before is out of date."""
    faulted = Signal(str, str)
    """A fault of the program that a thread has caught: its kind, and its place in the program."""

    def tell(self, words: str, kind: Kind = "info", *, seconds: float = 5.0) -> None:
        """Tell something in passing."""
        self.told.emit(Told(words, kind, seconds))

    def offer(
        self,
        words: str,
        action_words: str,
        action: Callable[[], None],
        *,
        kind: Kind = "info",
        seconds: float = 12.0,
        lasts: bool = False,
    ) -> None:
        """Tell something together with one thing to do about it; unless it ``lasts``, it ends with the project."""
        self.told.emit(Told(words, kind, seconds, action_words, action, lasts))

    def withdraw(self, words: str) -> None:
        """Take an offer back that is out of date: what it offered was done."""
        self.withdrawn.emit(words)

    def attempt(self, work: Callable[[], object]) -> bool:
        """Do something, and word its error if it fails; return whether it was done."""
        try:
            work()
        except MeninxError as error:
            self.error(error)
            return False
        return True

    @Slot(object)
    def error(self, error: MeninxError) -> None:
        """Word an error. It stays until it is closed; what was asked for by the person stays silent."""
        if isinstance(error, Cancelled):
            return
        log.error("%s %s", error.logged, "\n".join(getattr(error, "__notes__", ())))
        if error.code == "unexpected" and self.isSignalConnected(QMetaMethod.fromSignal(self.faulted)):
            self.faulted.emit(str(error.fields.get("reason", "")), str(error.fields.get("place", "")))
            return
        self.told.emit(Told(sentence(error), "danger", 0.0))


class Toast(QFrame):
    """One message over the lower part of the window."""

    closed = Signal(object)

    def __init__(self, told: Told, parent: QWidget) -> None:
        super().__init__(parent)
        self.told = told
        self.setProperty("area", "toast")
        self.setProperty("kind", told.kind)
        lay = theme.row(self, margin=theme.space("m"), gap=theme.space("m"))
        words = theme.label(told.words, wrap=True)
        let_mark(words)
        lay.addWidget(words, 1)
        if told.action is not None:
            act = theme.button(told.action_words, "small")
            act.clicked.connect(self._act)
            lay.addWidget(act)
        away = theme.button("✕", "flat", tip=text("notify.close"))
        away.setFixedWidth(28)
        away.clicked.connect(self._close)
        lay.addWidget(away, 0, Qt.AlignmentFlag.AlignTop)
        self.setFixedWidth(420)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._close)
        if told.seconds > 0:
            self._timer.start(round(told.seconds * 1000))

    @Slot()
    def _act(self) -> None:
        if self.told.action is not None:
            self.told.action()
        self._close()

    @Slot()
    def _close(self) -> None:
        self._timer.stop()
        self.closed.emit(self)


class ToastArea(QObject):
    """Stacks toasts over the lower middle of a window, newest below, four at most: no button is ever covered."""

    MOST = 4

    def __init__(self, window: QWidget, notifier: Notifier, *, above: int) -> None:
        super().__init__(window)
        self._window = window
        self._above = above
        self.toasts: list[Toast] = []
        window.installEventFilter(self)
        notifier.told.connect(self.show)
        notifier.withdrawn.connect(self._withdraw)
        notifier.project_left.connect(self._leave_project)

    @Slot(object)
    def show(self, told: Told) -> None:
        if any(toast.told.words == told.words for toast in self.toasts):
            return
        toast = Toast(told, self._window)
        toast.closed.connect(self._remove)
        self.toasts.append(toast)
        while len(self.toasts) > self.MOST:
            self._remove(self.toasts[0])
        toast.show()
        self._place()

    @Slot()
    def _leave_project(self) -> None:
        for toast in [toast for toast in self.toasts if toast.told.action is not None and not toast.told.lasts]:
            self._remove(toast)

    @Slot(str)
    def _withdraw(self, words: str) -> None:
        for toast in [toast for toast in self.toasts if toast.told.words == words]:
            self._remove(toast)

    @Slot(object)
    def _remove(self, toast: Toast) -> None:
        if toast in self.toasts:
            self.toasts.remove(toast)
            toast.hide()
            toast.deleteLater()
            self._place()

    def _place(self) -> None:
        bottom = self._window.height() - self._above
        for toast in reversed(self.toasts):
            height = toast.heightForWidth(toast.width()) if toast.hasHeightForWidth() else toast.sizeHint().height()
            toast.resize(toast.width(), max(height, 46))
            bottom -= toast.height() + theme.space("s")
            toast.move((self._window.width() - toast.width()) // 2, bottom)
            toast.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)
