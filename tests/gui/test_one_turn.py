"""Opening a project is one turn of the window: nothing is made twice in it, and what nobody sees is left for later."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from shell_support import wait_loaded

from gui.annotate import labels_panel
from gui.annotate.label_row import LabelRow
from gui.main_window import MainWindow
from gui.worklist import rows


def test_rows_of_labels_and_scans_are_made_once(
    window: MainWindow, project_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    read: list[int] = []

    class Counted(LabelRow):
        def __init__(self, label, **kwargs) -> None:
            made.append(label.name)
            super().__init__(label, **kwargs)

    real = rows.read_rows

    def counted(*facts, **kwargs):
        listing = real(*facts, **kwargs)
        read.append(len(listing.rows))
        return listing

    monkeypatch.setattr(labels_panel, "LabelRow", Counted)
    monkeypatch.setattr(rows, "read_rows", counted)
    window.session.open_project(project_path)
    assert made == ["Brain", "Tumour", "Haemorrhage"]
    assert read == [3]
    assert [row.label.name for row in window.annotate.labels.rows] == made
    assert window.worklist.model.total == 3
    # another label in the hand is another row that is lit
    window.session.choose_label("Tumour")
    assert [row.current for row in window.annotate.labels.rows] == [False, True, False]
    window.session.show_label("Brain", False)
    assert [row.visible_mask for row in window.annotate.labels.rows] == [False, True, True]
    window.session.close_project()
    assert window.annotate.labels.rows == []
    assert window.worklist.model.total == 0
    assert window.pages.currentIndex() == 0


def test_with_nothing_open_nothing_is_told_but_the_project(
    window: MainWindow, project_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = window.session
    told: list[str] = []
    for name in ("scan_changed", "labels_changed", "label_changed", "project_changed", "scans_changed", "runs_changed"):
        getattr(session, name).connect(lambda name=name: told.append(name))
    session.open_project(project_path)
    assert told == ["labels_changed", "label_changed", "project_changed", "scans_changed", "runs_changed"]
    told.clear()
    # the one that is open is let go of first
    session.open_project(project_path)
    assert told.count("labels_changed") == 2
    assert told[0] == "scan_changed"
    assert session.labels.find("Tumour") is not None


def test_review_shows_the_scan_when_it_is_looked_at_and_keeps_none_meanwhile(opened: MainWindow, qtbot: QtBot) -> None:
    session, review = opened.session, opened.review
    assert session.volume is not None
    assert review.panes.slices == 0
    opened.annotate.views.go_to((20, 30, 5))
    opened.show_workspace("review")
    assert review.panes.views[0].volume is session.volume
    assert review.side.difference.view.volume is session.volume
    assert review.panes.index == 5
    opened.show_workspace("annotate")
    before = session.scan
    assert before is not None
    other = next(scan.id for scan in opened.worklist.model.all_scans() if scan.id != before.id)
    with qtbot.waitSignal(session.scan_changed, timeout=10_000):
        session.open_scan(other)
    wait_loaded(opened, qtbot)
    assert review.panes.views[0].volume is None, "the scan before is not kept in memory"
    opened.annotate.views.go_to((20, 30, 3))
    opened.show_workspace("review")
    assert review.panes.views[0].volume is session.volume
    assert review.panes.index == 3
