"""The menu of the project's name stands in one column, on a low screen too."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize

from gui.main_window import MainWindow


class Low:
    """A screen of some height."""

    def __init__(self, height: int) -> None:
        self._size = QSize(1280, height)

    def availableSize(self) -> QSize:
        return self._size


@pytest.mark.parametrize("height", [1080, 720, 600, 540])
def test_all_rows_have_room(window: MainWindow, monkeypatch: pytest.MonkeyPatch, height: int) -> None:
    monkeypatch.setattr(window.top, "screen", lambda: Low(height))
    menu = window.top.project.menu()
    menu.aboutToShow.emit()
    menu.ensurePolished()
    rows = [menu.actionGeometry(action).height() for action in menu.actions() if action.isVisible()]
    assert min(rows) > 0
    assert sum(rows) + 12 <= height
    # where there is room the rows are as far apart as in any menu
    assert bool(menu.styleSheet()) == (height < 1000)
