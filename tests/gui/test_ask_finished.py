"""What is asked before a prediction goes over slices that somebody has finished."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from core.messages import text
from gui.review.ask_finished import ask_keep_finished


@pytest.mark.parametrize(
    ("count", "offered"),
    [(3, ["finished_keep", "finished_replace", "finished_cancel"]), (8, ["finished_replace", "finished_cancel"])],
)
def test_leaving_finished_slices_alone_is_offered_where_others_are_left(
    qtbot: QtBot, count: int, offered: list[str]
) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    seen: list[str] = []
    default: list[str] = []

    def look() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        seen.extend(button.text() for button in box.buttons())
        chosen = box.defaultButton()
        assert chosen is not None
        default.append(chosen.text())
        chosen.click()

    QTimer.singleShot(50, look)
    answer = ask_keep_finished(parent, count, 8)
    assert sorted(seen) == sorted(text(f"review.{key}") for key in offered)
    assert (default, answer) == (
        ([text("review.finished_keep")], True) if count < 8 else ([text("review.finished_cancel")], None)
    )
