"""Narrow windows, low screens, another font: the list gives way first, bars fold, words keep their room."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QLabel, QPushButton, QToolButton, QWidget
from pytestqt.qtbot import QtBot
from shell_support import wait_loaded

from core.messages import text
from gui import roomy, theme
from gui.annotate.rail import ToolRail
from gui.dialogs.base import Dialog
from gui.main_window import MainWindow
from gui.roomy import FoldingBar

FULL_HD_175 = (1097, 540)


def test_the_window_may_be_as_small_as_full_hd_at_200_percent(opened: MainWindow):
    opened.resize(100, 100)
    assert (opened.width(), opened.height()) == (920, 440)


def test_the_list_shows_pictures_alone_in_a_narrow_window(opened: MainWindow, qtbot: QtBot):
    worklist = opened.worklist
    opened.resize(1280, 800)
    assert not worklist.slim
    assert not worklist.wide_button.isVisible()
    opened.resize(*FULL_HD_175)
    assert worklist.slim
    assert worklist.width() == theme.space("worklist_slim")
    assert not worklist.filter.isVisible()
    assert worklist.wide_button.toolTip() == text("worklist.wider")
    worklist.wide_button.click()
    assert worklist.width() == theme.space("worklist_small")
    assert worklist.filter.isVisible()
    worklist.wide_button.click()
    assert worklist.slim
    # a scan is opened by its picture as well
    other = worklist.model.scan_at(1).id
    place = worklist.list.visualRect(worklist.model.index(1)).center()
    with qtbot.waitSignal(opened.session.scan_changed, timeout=20_000):
        qtbot.mouseClick(worklist.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    wait_loaded(opened, qtbot)
    assert opened.session.scan is not None
    assert opened.session.scan.id == other


def test_what_is_looked_for_keeps_the_words_in_the_list(opened: MainWindow):
    worklist = opened.worklist
    opened.resize(*FULL_HD_175)
    opened.actions_table["find_scan"].trigger()
    assert not worklist.slim
    worklist.filter.setText("nobody is called so")
    opened.resize(1100, 600)
    assert not worklist.slim
    # shutting the list lists all scans again: nothing is left out unseen
    worklist.wide_button.click()
    assert worklist.slim
    assert worklist.model.rowCount() == worklist.model.total


def test_a_bar_folds_and_unfolds(qtbot: QtBot):
    window = QWidget()
    qtbot.addWidget(window)
    bar = FoldingBar(40, 30, 8, window)
    for half in bar.lines:
        half.addWidget(QPushButton("as long as this"))
    wide = sum(half.minimumSizeHint().width() for half in bar.halves) + 60
    bar.resize(wide, 40)
    window.show()
    qtbot.waitUntil(lambda: not bar.folded)
    assert bar.height() == 40
    bar.resize(wide - 80, 40)
    qtbot.waitUntil(lambda: bar.folded)
    assert bar.height() == 70
    upper, lower = bar.halves
    qtbot.waitUntil(lambda: lower.y() > upper.y())
    bar.resize(wide, 70)
    qtbot.waitUntil(lambda: not bar.folded)
    qtbot.waitUntil(lambda: lower.y() == upper.y())


@pytest.mark.parametrize("room", [QSize(900, 300), QSize(900, 1000)])
def test_a_dialog_higher_than_the_screen_scrolls_above_its_buttons(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, room: QSize
):
    monkeypatch.setattr(roomy, "room_of", lambda _: room)
    dialog = Dialog("Many lines", "Go on")
    qtbot.addWidget(dialog)
    for number in range(20):
        dialog.body.addWidget(QLabel(f"line {number}"))
    dialog.show()
    qtbot.wait(50)
    assert dialog.height() <= room.height()
    area = dialog.findChild(roomy.Roomy)
    assert area is not None
    assert (area.verticalScrollBar().maximum() > 0) == (room.height() == 300)
    assert dialog.accept_button.geometry().bottom() < dialog.height()


def test_a_dialog_grows_with_what_comes_into_it(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(roomy, "room_of", lambda _: QSize(900, 600))
    dialog = Dialog("Few lines", "Go on")
    qtbot.addWidget(dialog)
    dialog.show()
    before = dialog.height()
    later = [QLabel(f"line {number}") for number in range(8)]
    for label in later:
        dialog.body.addWidget(label)
    qtbot.waitUntil(lambda: dialog.height() > before)
    area = dialog.findChild(roomy.Roomy)
    assert area is not None
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() == 0)
    # many more than there is room for
    for number in range(40):
        dialog.body.addWidget(QLabel(f"more {number}"))
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 0)
    assert dialog.height() <= 600


def test_a_bar_goes_where_the_words_fit_without_it(qtbot: QtBot):
    dialog = Dialog("Words", "Go on", width=440)
    qtbot.addWidget(dialog)
    area = dialog.findChild(roomy.Roomy)
    assert area is not None
    words = theme.label("word " * 150, wrap=True)
    dialog.body.addWidget(words)
    dialog.show()
    qtbot.wait(20)
    wide, bar = area.viewport().width(), area.verticalScrollBar().sizeHint().width()
    # words that take a line more beside a bar
    while words.heightForWidth(wide - bar) == words.heightForWidth(wide):
        words.setText(f"{words.text()} word")
        assert len(words.text()) < 4000
    qtbot.wait(20)
    dialog.resize(440, dialog.minimumSizeHint().height())
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 0)
    dialog.body.addWidget(theme.label("what came later"))
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() == 0)


def test_the_tools_are_read_whole_in_the_font_of_a_bare_debian(
    opened: MainWindow, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
):
    monkeypatch.setitem(theme._tokens()["fonts"], "families", ["DejaVu Sans"])
    rail = ToolRail(opened.actions_table)
    qtbot.addWidget(rail)
    theme.dress(rail)
    rail.setFont(theme.font())
    rail.resize(rail.width(), 900)
    rail.show()
    qtbot.wait(20)
    for button in rail.findChildren(QToolButton):
        assert button.fontMetrics().horizontalAdvance(button.text()) <= button.width(), button.text()
