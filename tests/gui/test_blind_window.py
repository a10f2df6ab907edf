"""What the window keeps from a blind reader: the class in the worklist, comments, lines of the timeline."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shell_support import wait_loaded

from core.project.project import Project
from core.team import assignments, comments
from gui import theme
from gui.main_window import MainWindow
from gui.worklist.delegate import fitting_classes
from gui.worklist.model import Role


@pytest.fixture
def blind(window: MainWindow, project_path: Path, qtbot: QtBot) -> MainWindow:
    """Anna's window on a scan that Ben reads blind too; he has said yes, and something of it."""
    with Project.open(project_path) as project:
        scan = project.scans()[0].id
        assignments.two_readers(project, [scan], "Anna", "Ben", by="Chief")
        project.classes.set(scan, "stroke", "yes", reader="Ben")
        comments.add(project, scan, "clearly here", reader="Ben")
    window.session.reader = "Anna"
    assert window.intake.open_project(project_path)
    wait_loaded(window, qtbot)
    return window


def classes_shown(window: MainWindow) -> str:
    return str(window.worklist.model.data(window.worklist.model.index(0), Role.CLASSES))


def test_a_blind_reader_sees_no_answer_of_the_other(blind: MainWindow, qtbot: QtBot) -> None:
    session, project = blind.session, blind.session.project
    assert project is not None
    assert session.scan is not None
    scan = session.scan.id
    assert classes_shown(blind) == ""
    project.classes.set(scan, "stroke", "no", reader="Anna")
    session.classes_changed.emit(scan)
    assert classes_shown(blind) == "no"
    qtbot.waitUntil(lambda: not session.team.busy, timeout=5000)
    assert session.team.comments == ()
    assert session.team.hidden_comments == 1
    blind.annotate.comments.fold.open()
    box = blind.annotate.comments.box
    assert box is not None
    assert box.cards == []
    assert not box.hidden.isHidden()
    blind.actions_table["timeline"].trigger()
    dialog = blind.team.timeline
    assert dialog is not None
    qtbot.waitUntil(lambda: bool(dialog.model.rows) and not dialog.busy, timeout=5000)
    assert not dialog.hidden.isHidden()
    assert {row["who"] for row in dialog.model.rows if "stroke" in row["what"]} == {"Anna"}
    assert not any("clearly here" in row["searched"] for row in dialog.model.rows)
    for reader in ("Anna", "Ben"):
        assignments.finish_reading(project, scan, reader)
    session.scan_updated.emit(scan)
    assert classes_shown(blind) == "no, yes"
    qtbot.waitUntil(lambda: [one.words for one in session.team.comments] == ["clearly here"], timeout=5000)
    assert box.hidden.isHidden()
    qtbot.waitUntil(lambda: any("clearly here" in row["searched"] for row in dialog.model.rows), timeout=5000)
    qtbot.waitUntil(lambda: not dialog.busy, timeout=5000)
    assert dialog.hidden.isHidden()


def test_the_worklist_names_the_class_where_there_are_several(opened: MainWindow) -> None:
    session, project = opened.session, opened.session.project
    assert project is not None
    scan = project.scans()[0].id
    project.classes.set(scan, "stroke", "yes", reader=session.reader)
    session.classes_changed.emit(scan)
    assert classes_shown(opened) == "yes"
    project.classes.set(scan, "tumour", "no", reader=session.reader)
    session.classes_changed.emit(scan)
    assert classes_shown(opened) == "stroke: yes, tumour: no"
    opened.worklist.filter.setText("head")
    assert classes_shown(opened) == "stroke: yes, tumour: no", "also after another sifting"


def test_long_classes_leave_room_for_the_name_of_the_scan(qapp: QApplication) -> None:
    metrics = QFontMetrics(theme.font("small"))
    parts = ["in progress", "stroke: yes, tumour: no, haemorrhage: no", "R A"]
    room = metrics.horizontalAdvance("in progress · stroke: yes, t · R A") + metrics.horizontalAdvance("S0007") + 6
    short = fitting_classes(parts, "S0007", room, metrics)
    assert short.startswith("stroke")
    assert short.endswith("…")
    line = " · ".join([parts[0], short, parts[2]])
    assert metrics.horizontalAdvance(line) <= room - metrics.horizontalAdvance("S0007") - 6
    assert fitting_classes(parts, "S0007", 1000, metrics) == parts[1]
