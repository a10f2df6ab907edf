"""The Review page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from core.messages import text
from gui import theme
from gui.empty import EmptyPage

if TYPE_CHECKING:
    from gui.session import Session


class ReviewWorkspace(QWidget):
    """A prediction beside the reader's annotation: look, measure, correct, save."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._empty = EmptyPage(text("review.empty_title"), text("review.empty_words"))
        theme.row(self, gap=0).addWidget(self._empty)
