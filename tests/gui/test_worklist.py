"""The worklist: filter, counts, status, thumbnails, and ten thousand scans."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from core.project.records import ScanStatus
from gui import theme
from gui.main_window import MainWindow
from gui.session import Session
from gui.settings import Settings
from gui.worklist.delegate import fitting
from gui.worklist.model import Role
from gui.worklist.panel import Worklist


def test_lists_scans_with_status_in_words_and_pictures(opened: MainWindow, qtbot: QtBot) -> None:
    model = opened.worklist.model
    assert model.rowCount() == 3
    assert model.data(model.index(0)) == "P001  T1 head 0"
    tip = str(model.data(model.index(0), Qt.ItemDataRole.ToolTipRole))
    assert "to do" in tip
    assert "S0001" in tip
    assert "56 × 64 × 8" in tip
    assert opened.worklist.count.text() == "0 / 3 done"
    qtbot.waitUntil(lambda: model.data(model.index(0), Role.THUMBNAIL) is not None, timeout=5000)


def test_filter_finds_every_word_anywhere(opened: MainWindow) -> None:
    worklist = opened.worklist
    worklist.filter.setText("p002")
    assert [worklist.model.scan_at(row).description for row in range(worklist.model.rowCount())] == ["T1 head 1"]
    worklist.filter.setText("TO DO head p003")
    assert [worklist.model.scan_at(row).patient_name for row in range(worklist.model.rowCount())] == ["P003"]
    worklist.filter.setText("nobody")
    assert worklist.model.rowCount() == 0
    assert worklist.nothing.text() == "No scan matches the filter."
    worklist.filter.clear()
    assert worklist.model.rowCount() == 3


def test_a_click_opens_the_scan(opened: MainWindow, qtbot: QtBot) -> None:
    view, model = opened.worklist.list, opened.worklist.model
    wanted = model.scan_at(2)
    place = view.visualRect(model.index(2)).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: opened.session.scan is not None and opened.session.scan.id == wanted.id, timeout=10_000)
    assert model.data(model.index(2), Role.CURRENT)
    assert not model.data(model.index(0), Role.CURRENT)


def test_a_scan_opened_while_ctrl_is_down_is_the_only_one_chosen(opened: MainWindow, qtbot: QtBot) -> None:
    # Ctrl+B opens a scan, and the hand is still on Ctrl when it is there
    worklist, session = opened.worklist, opened.session
    wanted = worklist.model.scan_at(1)
    worklist.choose([worklist.model.scan_at(0).id])
    QTest.keyPress(opened, Qt.Key.Key_Control, Qt.KeyboardModifier.ControlModifier)
    try:
        assert QApplication.keyboardModifiers() == Qt.KeyboardModifier.ControlModifier
        session.open_scan(wanted.id)
        qtbot.waitUntil(lambda: session.scan is not None and session.scan.id == wanted.id, timeout=10_000)
        assert worklist.chosen() == [wanted.id]
    finally:
        QTest.keyRelease(opened, Qt.Key.Key_Control)


def test_status_of_one_scan_is_read_again(opened: MainWindow) -> None:
    session = opened.session
    assert session.project is not None
    scan = opened.worklist.model.scan_at(1)
    session.project.set_status(scan.id, ScanStatus.DONE)
    session.scan_updated.emit(scan.id)
    assert opened.worklist.model.scan_at(1).status is ScanStatus.DONE
    assert opened.worklist.count.text() == "1 / 3 done"
    assert opened.worklist.progress.value() == 1
    following = opened.worklist.model.next_open(opened.worklist.model.scan_at(0).id)
    assert following == opened.worklist.model.scan_at(2).id


def test_the_panel_without_a_project_says_what_to_do(qtbot: QtBot) -> None:
    session = Session(Settings())
    panel = Worklist(session)
    qtbot.addWidget(panel)
    assert panel.nothing.text() == "No scans yet. Import some, or drop files here."
    assert panel.model.rowCount(QModelIndex()) == 0
    session.close()


def test_in_a_narrow_list_status_and_tags_come_before_the_name_of_the_scan(qapp: QApplication) -> None:
    metrics = QFontMetrics(theme.font("small"))
    line = "in progress · AL BM · #pilot"
    wide = metrics.horizontalAdvance(line) + metrics.horizontalAdvance("S0002") + 6
    assert fitting(line, "S0002", wide, metrics) == (line, "S0002")
    assert fitting(line, "S0002", wide - 1, metrics) == (line, "")
    short, name = fitting(line, "S0002", metrics.horizontalAdvance("in progress · AL BM"), metrics)
    assert short.startswith("in progress · ")
    assert short.endswith("…")
    assert name == ""
