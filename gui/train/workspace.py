"""The Train page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from core.messages import text
from gui import theme
from gui.empty import EmptyPage

if TYPE_CHECKING:
    from gui.session import Session


class TrainWorkspace(QWidget):
    """Runs of the open project: start one, watch it, compare them."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._empty = EmptyPage(text("train.empty_title"), text("train.empty_words"))
        theme.row(self, gap=0).addWidget(self._empty)
