"""Below the list while several scans are chosen: how many, and what can be done with all of them."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QFrame, QMenu, QWidget

from core.messages import text
from gui import theme
from gui.worklist.scan_menu import ScanMenu


class ChosenBar(QFrame):
    """Hidden while one scan, or none, is chosen.

    Parameters
    ----------
    menu
        What can be done with them.
    """

    def __init__(self, menu: ScanMenu, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "options")
        self._menu = menu
        self.count = theme.label("", "strong")
        self.change = theme.button(text("worklist.change"), tip=text("worklist.change_tip"))
        self._list = QMenu(self.change)
        self._list.aboutToShow.connect(self._fill)
        self.change.setMenu(self._list)
        self._line = line = theme.row(self)
        self.set_slim(False)
        line.addWidget(self.count, 1)
        line.addWidget(self.change)
        self.hide()

    def show_count(self, count: int) -> None:
        """Say how many scans are chosen."""
        self.count.setText(text("worklist.chosen", count=count))
        self.setVisible(count > 1)

    def set_slim(self, slim: bool) -> None:
        """Leave the button alone, where the list is narrow."""
        self._line.setContentsMargins(*((6, 6, 6, 6) if slim else (12, 6, 10, 6)))
        self.count.setVisible(not slim)
        self.change.setText("…" if slim else text("worklist.change"))

    @Slot()
    def _fill(self) -> None:
        self._menu.fill(self._list)
