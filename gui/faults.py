"""Faults of the program itself: caught wherever they happen, told once and calmly, and logged without names."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QApplication, QWidget

from core.errors import MeninxError
from core.messages import sentence, text
from core.traces import kind_of, place_of, trace_of
from gui.dialogs.fault_dialog import FaultDialog
from gui.dialogs.log_dialog import LogDialog
from gui.log import log
from gui.notify import Told

if TYPE_CHECKING:
    from gui.session import Session

_AREAS = (
    ("gui/annotate/operations", "operation"),
    ("gui/annotate", "annotate"),
    ("core/editing", "annotate"),
    ("gui/viewer", "viewer"),
    ("gui/train", "train"),
    ("gui/review", "review"),
    ("core/review", "review"),
    ("gui/worklist", "worklist"),
    ("gui/dialogs/importing", "import"),
    ("gui/intake", "import"),
    ("core/io", "import"),
    ("core/project", "project"),
    ("gui/team", "team"),
    ("core/team", "team"),
)
"""Where in the program a fault is, and what the person was doing then."""
MOST = 3
"""Faults told by a dialog of their own in one session; a program that fails at every turn is told of by a toast."""


@dataclass(frozen=True)
class Fault:
    """A fault as it is told: no words of the exception, which may name a file or a person.

    Parameters
    ----------
    kind
        Name of the exception's class, with its number.
    place
        Innermost place in the program, ``file:line``.
    """

    kind: str
    place: str

    @classmethod
    def of(cls, error: BaseException) -> Fault:
        """Return what may be said of an exception."""
        return cls(kind_of(error), place_of(error))

    @property
    def words(self) -> str:
        """What happened, in a plain sentence."""
        if self.kind == "MemoryError":
            return text("faults.memory")
        area = next((name for start, name in _AREAS if self.place.startswith(start)), "somewhere")
        return text(f"faults.in_{area}")


class Unexpected(QObject):
    """Turns exceptions that nobody caught, in any thread, into one dialog and a line in the log.

    Parameters
    ----------
    session
        Whose drawing is asked after; None while there is no window yet.
    """

    _happened = Signal(object)
    _worded = Signal(str)

    def __init__(self, session: Session | None = None, window: QWidget | None = None) -> None:
        super().__init__(window)
        self._session, self._window = session, window
        self._known: dict[Fault, int] = {}
        self.dialog: FaultDialog | None = None
        self._shown: Fault | None = None
        # never in the middle of what failed: that may be the painting of the window
        self._happened.connect(self._tell, Qt.ConnectionType.QueuedConnection)
        self._worded.connect(self._say, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        """Take over the hooks for exceptions that nobody caught."""
        sys.excepthook = self._hook
        threading.excepthook = self._thread_hook
        sys.unraisablehook = self._unraisable_hook

    def attend(self, session: Session, window: QWidget) -> None:
        """Tell faults over this window from now on, and ask after what is drawn in it."""
        self._session, self._window = session, window
        session.notifier.faulted.connect(self._noted)

    def _hook(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        if isinstance(error, MeninxError):
            log.error("%s", error.logged)
            self._worded.emit(sentence(error))
            return
        self._note(error.with_traceback(trace))
        if self._window is None:
            # the window is not there yet and will not be: nothing is left to go back to
            self._tell_the_end(Fault.of(error))
        else:
            self._happened.emit(Fault.of(error))

    @staticmethod
    def _note(error: BaseException) -> None:
        log.critical("%s", trace_of(error))
        if sys.stderr is None:
            return
        if sys.stderr.isatty():
            sys.__excepthook__(type(error), error, error.__traceback__)
        else:
            # the desktop keeps what its programs say
            sys.stderr.write(f"{trace_of(error)}\n")

    def _thread_hook(self, facts: threading.ExceptHookArgs) -> None:
        if facts.exc_value is not None and not isinstance(facts.exc_value, SystemExit):
            self._hook(facts.exc_type, facts.exc_value, facts.exc_traceback)

    def _unraisable_hook(self, facts: Any) -> None:
        """Note what failed while something was cleared away; nobody waits for it."""
        if facts.exc_value is not None:
            self._note(facts.exc_value)

    @Slot(str)
    def _say(self, words: str) -> None:
        if self._session is not None:
            self._session.notifier.told.emit(Told(words, "danger", 0.0))

    @Slot(str, str)
    def _noted(self, kind: str, place: str) -> None:
        """Tell of what a thread has caught and logged."""
        self._tell(Fault(kind, place))

    @Slot(object)
    def _tell(self, fault: Fault) -> None:
        self._known[fault] = self._known.get(fault, 0) + 1
        self._steady()
        if self.dialog is not None:
            if fault == self._shown:
                self.dialog.count(self._known[fault])
        elif self._known[fault] > 1 or len(self._known) > MOST:
            self._remind()
        else:
            self._show(fault)

    def _steady(self) -> None:
        """Take back a stroke that the fault has left open, so that it does not go on by itself."""
        editor = self._session.editor if self._session is not None else None
        if editor is not None and editor.stroking and QApplication.mouseButtons() == Qt.MouseButton.NoButton:
            editor.cancel()

    def _remind(self) -> None:
        if self._session is not None:
            self._session.notifier.offer(
                text("faults.again"), text("faults.look"), self.show_log, kind="warning", seconds=20.0, lasts=True
            )

    def _show(self, fault: Fault) -> None:
        # over whatever dialog is open, else nobody could reach it
        parent = QApplication.activeModalWidget() or self._window
        self._shown = fault
        self.dialog = FaultDialog(fault.words, self._session, parent)
        self.dialog.log_asked.connect(self.show_log)
        self.dialog.finished.connect(self._closed)
        self.dialog.open()

    @Slot(int)
    def _closed(self, _result: int) -> None:
        dialog, self.dialog = self.dialog, None
        if dialog is None:
            return
        leave = dialog.leaves
        dialog.deleteLater()
        if leave and self._window is not None:
            self._window.close()

    @Slot()
    def show_log(self) -> None:
        """Show the log."""
        dialog = LogDialog(self.dialog or self._window)
        # it goes with the one it lies on, too, should that be closed first
        dialog.finished.connect(dialog.deleteLater)
        dialog.exec()

    def _tell_the_end(self, fault: Fault) -> None:
        if not isinstance(QApplication.instance(), QApplication) or self.dialog is not None:
            return
        self.dialog = FaultDialog(fault.words, None, None, goes_on=False)
        self.dialog.log_asked.connect(self.show_log)
        self.dialog.exec()
        self.dialog = None
