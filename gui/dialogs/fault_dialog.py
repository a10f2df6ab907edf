"""One calm dialog for a fault of the program: what happened, whether the drawing is safe, what can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from core.messages import text
from core.project.saver import SaveState
from gui import theme
from gui.dialogs.base import Dialog

if TYPE_CHECKING:
    from gui.session import Session


class FaultDialog(Dialog):
    """Tells of a fault; holds no name of a person, a file or a folder.

    Parameters
    ----------
    what
        What happened, in a sentence.
    session
        Whose drawing is asked after, and saved if it can be.
    goes_on
        Whether there is a window to go back to.
    """

    log_asked = Signal()

    def __init__(
        self, what: str, session: Session | None, parent: QWidget | None = None, *, goes_on: bool = True
    ) -> None:
        super().__init__(text("faults.title"), text("faults.go_on" if goes_on else "faults.close"), parent, width=520)
        if parent is None:
            theme.dress(self)
        self._session = session
        self.leaves = False
        """Whether the person would rather close the window."""
        self.what = theme.label(what, wrap=True)
        self.saved = theme.label("", wrap=True)
        self.next = theme.label(text("faults.safe" if goes_on else "faults.ends"), "muted", wrap=True)
        self.often = theme.label("", "muted")
        for words in (self.what, self.saved, self.next, self.often):
            self.body.addWidget(words)
        self.often.hide()
        self.look_button = theme.button(text("faults.look"))
        self.look_button.clicked.connect(self.log_asked)
        line = theme.row()
        line.addWidget(self.look_button)
        line.addStretch()
        self.body.addSpacing(theme.space("xs"))
        self.body.addLayout(line)
        self.cancel_button.setText(text("faults.leave"))
        self.cancel_button.setVisible(goes_on)
        self.cancel_button.clicked.disconnect(self.reject)
        self.cancel_button.clicked.connect(self._leave)
        self._watch()

    def _watch(self) -> None:
        session = self._session
        if session is None:
            self.saved.hide()
            return
        session.save_state_changed.connect(self._word_saved)
        self._word_saved()
        editor = session.editor
        if editor is not None and editor.dirty and not session.read_only:
            session.save_now()

    @Slot()
    def _word_saved(self) -> None:
        """Say that the drawing is saved only where it is."""
        session = self._session
        editor = session.editor if session is not None else None
        there = session is not None and editor is not None and not session.read_only
        self.saved.setVisible(there)
        if session is None or editor is None or not there:
            return
        whole = session.save_state is SaveState.SAVED and not editor.dirty and not editor.stroking
        failed = session.save_state is SaveState.FAILED
        key = "saved" if whole else "not_saved" if failed else "saving"
        self.saved.setText(text(f"faults.{key}"))
        theme.set_role(self.saved, "good" if whole else "danger" if failed else "")

    def count(self, times: int) -> None:
        """Say how often it has happened by now."""
        self.often.setText(text("faults.times", count=times))
        self.often.show()

    @Slot()
    def _leave(self) -> None:
        # before it ends: whoever hears of the end asks
        self.leaves = True
        self.reject()
