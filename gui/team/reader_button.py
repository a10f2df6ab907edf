"""Who reads here: the name at the top of the window, and how it becomes another one."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import QToolButton, QWidget

from core.messages import text
from core.team.readers import kind_of
from gui import theme
from gui.actions import Actions
from gui.icons import icon
from gui.session import Session

_WIDEST = 190


class ReaderButton(QToolButton):
    """The name in which is drawn; warm while somebody adjudicates.

    Parameters
    ----------
    session
        Tells the name.
    actions
        ``reader`` asks for another one.
    """

    def __init__(self, session: Session, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setIconSize(QSize(16, 16))
        self.setMaximumWidth(_WIDEST)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.clicked.connect(actions["reader"].trigger)
        session.reader_changed.connect(self.show_name)
        session.project_changed.connect(self.show_name)
        self.show_name()

    @Slot()
    def show_name(self) -> None:
        """Show in whose name is drawn."""
        name = self._session.reader
        decides = kind_of(name) == "adjudication"
        self.setIcon(icon("person", "warning" if decides else "muted"))
        self.setText(self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, _WIDEST - 40).replace("&", "&&"))
        theme.style(self, "QToolButton { color: $warning; }" if decides else "")
        words = text("team.adjudicating" if decides else "team.reading_as", reader=name)
        self.setToolTip(words)
        self.setAccessibleName(words)
