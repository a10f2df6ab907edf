"""The worklist: filter, counts, status, thumbnails, and ten thousand scans."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from PySide6.QtCore import QModelIndex, Qt
from pytestqt.qtbot import QtBot

from core.project.records import Scan, ScanStatus
from gui.main_window import MainWindow
from gui.session import Session
from gui.settings import Settings
from gui.worklist.model import Role, ScanModel
from gui.worklist.panel import Worklist


def test_lists_scans_with_status_in_words_and_pictures(opened: MainWindow, qtbot: QtBot) -> None:
    model = opened.worklist.model
    assert model.rowCount() == 3
    assert model.data(model.index(0)) == "P001  T1 head 0"
    tip = str(model.data(model.index(0), Qt.ItemDataRole.ToolTipRole))
    assert "to do" in tip
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


class _ManyScans:
    """A project of ten thousand scans as far as the list looks at it."""

    def __init__(self, template: Scan) -> None:
        self._scans = [
            replace(template, id=f"{number:026d}", name=f"S{number:05d}", patient_name=f"P{number // 3:04d}")
            for number in range(10_000)
        ]

        self.classes = self

    def scans(self) -> list[Scan]:
        return self._scans

    def by_scan(self) -> dict[str, dict[str, tuple[str, ...]]]:
        return {scan.id: {"stroke": ("no",)} for scan in self._scans[::2]}


@pytest.mark.timing
def test_ten_thousand_scans_filter_within_a_tenth_of_a_second(opened: MainWindow, qtbot: QtBot) -> None:
    template = opened.worklist.model.scan_at(0)
    session = Session(Settings())
    model = ScanModel(session)
    session.project = _ManyScans(template)  # type: ignore[assignment]  # only scans and classes are looked at
    before = time.perf_counter()
    model.reload()
    assert time.perf_counter() - before < 1.0
    before = time.perf_counter()
    model.set_filter("p0123 to")
    assert time.perf_counter() - before < 0.1
    assert model.rowCount() == 3
    before = time.perf_counter()
    model.set_class(("stroke", ""))
    assert time.perf_counter() - before < 0.1
    assert model.rowCount() in (1, 2)
    session.project = None
    session.close()


def test_the_panel_without_a_project_says_what_to_do(qtbot: QtBot) -> None:
    session = Session(Settings())
    panel = Worklist(session)
    qtbot.addWidget(panel)
    assert panel.nothing.text() == "No scans yet. Import some, or drop files here."
    assert panel.model.rowCount(QModelIndex()) == 0
    session.close()
