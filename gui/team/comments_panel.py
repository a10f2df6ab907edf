"""The section of Annotate that shows what was said of the scan; it opens by itself where something is open."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from core.messages import text
from core.project.records import ScanStatus
from gui import theme
from gui.annotate.fold import Fold
from gui.session import Session
from gui.team.comment_box import CommentBox


class CommentsPanel(QWidget):
    """Comments under a heading; the box is made when it is first opened.

    Parameters
    ----------
    session
        What is open.
    place
        Returns the native slice (from 0) that is looked at.
    """

    slice_asked = Signal(int)

    def __init__(self, session: Session, place: Callable[[], int], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._place = place
        self._placed = ""
        self.box: CommentBox | None = None
        self.returned = theme.label(text("team.returned_here"), "warning", wrap=True)
        self._inside = QVBoxLayout()
        self._inside.setSpacing(6)
        self._inside.addWidget(self.returned)
        self.fold = Fold(text("team.comments"), "comments", session.settings, self._inside, shut=True)
        self.fold.toggled.connect(self._make)
        theme.column(self, gap=0).addWidget(self.fold)
        session.comments_changed.connect(self._show)
        session.scan_changed.connect(self._show)
        session.scan_updated.connect(self._show)
        self._make()
        self._show()

    @Slot()
    def _make(self) -> None:
        if self.box is None and self.fold.is_open:
            self.box = CommentBox(self._session, self._place)
            self.box.slice_asked.connect(self.slice_asked)
            self._inside.addWidget(self.box)

    @Slot()
    def _show(self) -> None:
        scan = self._session.scan
        left = [one for one in self._session.team.comments if not one.settled]
        returned = scan is not None and scan.status is ScanStatus.RETURNED
        self.returned.setVisible(returned)
        self.fold.set_note(text("team.open_count", count=len(left)) if left else "")
        if left or returned:
            self.fold.suggest(True)

    def comes_first(self) -> bool | None:
        """Whether it stands above all else, as what is still open does; None where it is to stay where it is.

        Asked once for each scan: what somebody is writing must not jump out of sight.
        """
        team = self._session.team
        if not team.comments_of or team.comments_of == self._placed:
            return None
        self._placed = team.comments_of
        return any(not one.settled for one in team.comments)

    def ask(self) -> None:
        """Open it and put the cursor where a comment is written."""
        self.fold.open()
        if self.box is not None:
            self.box.words.setFocus()
