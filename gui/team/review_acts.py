"""What a reviewer says of the scan shown: approved, or returned with a comment on the slice looked at."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from core.messages import text
from core.project.records import ScanStatus
from core.team.statuses import may_move
from gui import theme
from gui.session import Session
from gui.worklist.rows import status_words
from gui.worklist.scan_dialogs import WordsDialog


class ReviewActs(QWidget):
    """Status of the scan, and the two buttons.

    Parameters
    ----------
    session
        What is open.
    place
        Returns the native slice (from 0) that is looked at.
    """

    def __init__(self, session: Session, place: Callable[[], int], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "clear")
        self._session = session
        self._place = place
        self.words = theme.label("", "muted")
        self.give_back = theme.button(text("team.return"), tip=text("team.return_tip"))
        self.give_back.clicked.connect(self.ask_return)
        self.approve = theme.button(text("team.approve"), tip=text("team.approve_tip"))
        self.approve.clicked.connect(self.do_approve)
        line = theme.row(gap=theme.space("s"))
        line.addWidget(self.give_back, 1)
        line.addWidget(self.approve, 1)
        column = theme.column(self, gap=6)
        column.addWidget(self.words)
        column.addLayout(line)
        for signal in (session.scan_changed, session.scan_updated, session.work_changed):
            signal.connect(self.show_status)
        self.show_status()

    @Slot()
    def show_status(self) -> None:
        """Say where the scan stands, and what may be said of it."""
        scan = self._session.scan
        if scan is None:
            self.words.setText("")
        else:
            self.words.setText(text("team.stands", scan=scan.name, status=status_words(scan.status)))
        can = scan is not None and self._session.can_edit
        for button, status in ((self.approve, ScanStatus.APPROVED), (self.give_back, ScanStatus.RETURNED)):
            button.setEnabled(can and scan is not None and may_move(scan.status, status))

    @Slot()
    def do_approve(self) -> None:
        """Approve the scan."""
        if self._session.scan is not None:
            self._session.team.move([self._session.scan.id], ScanStatus.APPROVED)

    @Slot()
    def ask_return(self) -> None:
        """Ask what is to be changed, and return the scan with these words pinned to the slice shown."""
        scan, volume = self._session.scan, self._session.volume
        if scan is None or volume is None:
            return
        place = None if volume.is_picture else self._place()
        hint = "" if place is None else text("team.why_returned_slice", slice=place + 1)
        dialog = WordsDialog("why_returned", parent=self.window(), hint=hint)
        if dialog.exec():
            self._session.team.move([scan.id], ScanStatus.RETURNED, words=dialog.words, slice_=place)
        dialog.deleteLater()
