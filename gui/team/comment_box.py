"""What is said of the scan shown: a list of comments, and a field to add one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QFrame, QLabel, QLineEdit, QToolButton, QVBoxLayout, QWidget

from core.messages import text
from core.team.comments import LONGEST, Comment
from gui import theme
from gui.icons import icon
from gui.marking import let_mark
from gui.session import Session
from gui.when import when_words


class CommentBox(QWidget):
    """Comments on the scan shown, oldest first; those that are settled are quiet.

    Parameters
    ----------
    session
        What is open.
    place
        Returns the native slice (from 0) that is looked at.
    """

    slice_asked = Signal(int)
    """Go to the slice that a comment is pinned to."""

    def __init__(self, session: Session, place: Callable[[], int], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "clear")
        self._session = session
        self._place = place
        self._cards: list[CommentCard] = []
        self._lines = QVBoxLayout()
        self._lines.setSpacing(6)
        self.hidden = theme.label(text("team.comments_hidden"), "muted", wrap=True)
        self.words = QLineEdit()
        self.words.setMaxLength(LONGEST)
        self.words.setPlaceholderText(text("team.say"))
        self.words.setAccessibleName(text("team.say"))
        self.words.returnPressed.connect(self.send)
        self.pinned = QCheckBox(text("team.pin"))
        self.pinned.setChecked(True)
        self.pinned.setToolTip(text("team.pin_tip"))
        self.add = theme.button(text("team.send"), "small")
        self.add.clicked.connect(self.send)
        below = theme.row(gap=6)
        below.addWidget(self.pinned, 1)
        below.addWidget(self.add)
        column = theme.column(self, gap=6)
        column.addLayout(self._lines)
        column.addWidget(self.hidden)
        column.addWidget(self.words)
        column.addLayout(below)
        session.comments_changed.connect(self.show_comments)
        session.scan_changed.connect(self.show_comments)
        self.show_comments()

    @property
    def cards(self) -> list[CommentCard]:
        """What is shown of each comment."""
        return list(self._cards)

    @Slot()
    def show_comments(self) -> None:
        """Show the comments anew."""
        session = self._session
        for card in self._cards:
            card.hide()
            card.deleteLater()
        self._cards = []
        now = datetime.now().astimezone()
        picture = session.volume is None or session.volume.is_picture
        for comment in session.team.comments if session.scan is not None else ():
            card = CommentCard(comment, now, can_settle=not session.read_only)
            card.slice_asked.connect(self.slice_asked)
            card.settle_asked.connect(functools.partial(self._settle, comment))
            self._cards.append(card)
            self._lines.addWidget(card)
        self.hidden.setVisible(session.scan is not None and session.team.hidden_comments > 0)
        self.pinned.setVisible(not picture)
        for widget in (self.words, self.pinned, self.add):
            widget.setEnabled(session.scan is not None and not session.read_only)

    @Slot()
    def send(self) -> None:
        """Add what is written."""
        words, scan, volume = self.words.text().strip(), self._session.scan, self._session.volume
        if not words or scan is None or volume is None:
            return
        pinned = self.pinned.isChecked() and not volume.is_picture
        self._session.team.comment(scan.id, words, slice_=self._place() if pinned else None)
        self.words.clear()

    def _settle(self, comment: Comment, settled: bool) -> None:
        self._session.team.settle(comment.scan, comment.id, settled=settled)


class CommentCard(QFrame):
    """One comment: who, where, when; the words; a tick that settles it."""

    slice_asked = Signal(int)
    settle_asked = Signal(bool)

    def __init__(self, comment: Comment, now: datetime, *, can_settle: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.comment = comment
        self.setProperty("area", "card")
        settled = bool(comment.settled)
        head = theme.row(gap=4)
        head.addWidget(theme.label(comment.reader, "muted" if settled else "strong"))
        if comment.slice is not None:
            self.place = theme.button(text("team.at_slice", slice=comment.slice + 1), "flat")
            self.place.setStyleSheet("QPushButton { padding: 0 2px; min-height: 18px; font-size: 12px; }")
            self.place.clicked.connect(self._go)
            head.addWidget(self.place)
        head.addStretch(1)
        head.addWidget(theme.label(when_words(comment.at, now), "muted"))
        self.tick = QToolButton()
        self.tick.setCheckable(True)
        self.tick.setChecked(settled)
        self.tick.setEnabled(can_settle)
        self.tick.setIcon(icon("check", "muted", checked="good"))
        self.tick.setIconSize(QSize(14, 14))
        self.tick.setFixedSize(24, 22)
        self.tick.setToolTip(text("team.settled" if settled else "team.settle"))
        self.tick.setAccessibleName(text("team.settle"))
        self.tick.clicked.connect(self.settle_asked)
        head.addWidget(self.tick)
        said = QLabel(comment.words)
        said.setTextFormat(Qt.TextFormat.PlainText)
        said.setWordWrap(True)
        let_mark(said)
        theme.set_role(said, "muted" if settled else "")
        column = theme.column(self, gap=2)
        column.setContentsMargins(10, 5, 6, 7)
        column.addLayout(head)
        column.addWidget(said)

    @Slot()
    def _go(self) -> None:
        if self.comment.slice is not None:
            self.slice_asked.emit(self.comment.slice)
