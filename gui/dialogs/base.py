"""What all dialogs share: title, contents, two buttons."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QPushButton, QStyle, QWidget

from core.messages import text
from gui import roomy, theme
from gui.roomy import Roomy, keep_on_screen


class Dialog(QDialog):
    """A dialog with a title, a body to fill and buttons at the lower right.

    Parameters
    ----------
    title
        Shown as the heading and in the frame.
    accept_words
        Words of the main button; empty for a dialog that is only read.
    """

    def __init__(self, title: str, accept_words: str, parent: QWidget | None = None, *, width: int = 440) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setModal(True)
        self.setMinimumWidth(width)
        outer = theme.column(self, margin=theme.space("xl") - 4, gap=theme.space("m"))
        outer.addWidget(theme.label(title, "title"))
        inside = self._inside = QWidget()
        self.body = theme.column(inside, gap=theme.space("s"))
        # on a low screen the body scrolls, and the buttons stay where they are
        outer.addWidget(Roomy(inside), 1)
        outer.addSpacing(theme.space("s"))
        line = theme.row()
        line.addStretch()
        self.cancel_button = theme.button(text("dialogs.cancel" if accept_words else "dialogs.close"))
        self.cancel_button.clicked.connect(self.reject)
        line.addWidget(self.cancel_button)
        self.accept_button = theme.primary_button(accept_words)
        self.accept_button.clicked.connect(self.accept)
        self.accept_button.setVisible(bool(accept_words))
        if accept_words:
            self.accept_button.setDefault(True)
        line.addWidget(self.accept_button)
        outer.addLayout(line)

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest and self.isVisible():
            # what came into it meanwhile is seen at once
            self._make_room()
        return done

    def setVisible(self, visible: bool) -> None:
        if visible and not self.isVisible() and self.focusWidget() is None:
            # the buttons were there before what they are about: left to itself the keyboard would begin at Cancel
            first = self._first_field()
            if first is not None and not isinstance(first, QPushButton):
                first.setFocus()
        super().setVisible(visible)

    def _first_field(self) -> QWidget | None:
        """What in the body hears the keyboard first; Tab goes on from there, and last to the buttons."""
        one = self.nextInFocusChain()
        while one is not None and one is not self:
            hears = one.focusPolicy() & Qt.FocusPolicy.TabFocus and one.isEnabled() and not one.isHidden()
            if hears and self._inside.isAncestorOf(one):
                return one
            one = one.nextInFocusChain()
        return None

    def showEvent(self, event: QShowEvent) -> None:
        self._make_room()
        super().showEvent(event)

    def _make_room(self) -> None:
        """Be as large as what is in it likes, as far as the screen has room."""
        # wrapped words need more height the narrower they are, which the first size does not know
        wide, high = max(self.width(), self.minimumWidth(), self.minimumSizeHint().width()), self.sizeHint().height()
        whole = self.layout()
        if whole is not None and whole.hasHeightForWidth():
            high = whole.totalHeightForWidth(wide)
        high = max(self.height(), high)
        if high > roomy.room_of(self).height() and not self.isVisible():
            # a bar to scroll by
            wide += self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        self.resize(wide, high)
        keep_on_screen(self)

    def field(self, words: str, widget: QWidget, hint: str = "") -> None:
        """Add a named field, with a line of help below it."""
        name = theme.label(words)
        name.setBuddy(widget)
        self.body.addWidget(name)
        self.body.addWidget(widget)
        if hint:
            self.body.addWidget(theme.label(hint, "muted", wrap=True))
        self.body.addSpacing(4)
