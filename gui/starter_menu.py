"""The starters that come with the program, to be asked about the scan shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from core.errors import LearningError
from core.learning.starters import starters
from core.messages import text
from gui.icons import icon

if TYPE_CHECKING:
    from gui.session import Session


class StarterMenu(QMenu):
    """A starter is chosen, and predicts the scan shown.

    Parameters
    ----------
    session
        What is open; hears :attr:`~gui.session_signals.SessionSignals.starter_asked`.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(text("starter_menu.title"), parent)
        self._session = session
        self.setToolTipsVisible(True)
        self.setIcon(icon("suggestions"))
        self.menuAction().setToolTip(text("starter_menu.tip"))
        self.aboutToShow.connect(self.fill)
        session.scan_changed.connect(self._enable)
        session.project_changed.connect(self._enable)
        self._enable()

    @Slot()
    def _enable(self) -> None:
        self.setEnabled(self._session.scan is not None and not self._session.read_only)

    @Slot()
    def fill(self) -> None:
        """List what this copy of the program came with."""
        self.clear()
        try:
            found = starters()
        except LearningError as error:
            self._session.notifier.error(error)
            found = []
        for one in found:
            name, labels = one.name.capitalize(), ", ".join(one.labels)
            same = name.casefold() == labels.casefold()
            action = QAction(labels if same else text("starter_menu.entry", name=name, labels=labels), self)
            action.setToolTip(text("starter_menu.non_commercial") if one.non_commercial else "")
            action.setData(one.name)
            action.triggered.connect(self._chosen)
            self.addAction(action)
        if not found:
            self.addAction(text("starter_menu.none")).setEnabled(False)

    @Slot()
    def _chosen(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            self._session.starter_asked.emit(str(action.data()))
