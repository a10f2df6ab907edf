"""What is marked in a label is copied, whatever else the key does on the scan."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QMainWindow
from pytestqt.qtbot import QtBot

from gui.marking import let_mark


@pytest.mark.parametrize("marked", [True, False])
def test_the_key_copies_what_is_marked_and_else_does_what_it_does(qtbot: QtBot, marked: bool) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    words = QLabel("113.0 mm²")
    window.setCentralWidget(words)
    let_mark(words)
    done: list[bool] = []
    action = QAction(window)
    action.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
    action.triggered.connect(lambda: done.append(True))
    window.addAction(action)
    window.show()
    window.activateWindow()
    words.setFocus()
    qtbot.waitUntil(words.hasFocus)
    QGuiApplication.clipboard().setText("before")
    if marked:
        words.setSelection(0, 5)
    QTest.keyClick(words, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert (QGuiApplication.clipboard().text(), done) == (("113.0", []) if marked else ("before", [True]))
