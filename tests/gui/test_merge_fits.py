"""What was handed over: said in words that read well, none of them cut off; signed by who reads here."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QScrollArea, QWidget
from pytestqt.qtbot import QtBot
from shell_support import wait_loaded
from test_team_window import draw

from core.project.project import Project
from core.project.records import ScanStatus
from core.team import statuses
from core.team.bundle import bundle_job
from core.team.bundle_file import peek
from gui.main_window import MainWindow
from gui.team.bundle_dialog import BundleDialog
from gui.team.merge_dialog import MergeDialog, _sum


def cut_off(page: QWidget) -> list[str]:
    """Return the words that have less height than they need, and what is only seen by scrolling."""
    short = [
        label.text()
        for label in page.findChildren(QLabel)
        if label.isVisible() and label.wordWrap() and label.height() < label.heightForWidth(label.width())
    ]
    areas = [area for area in page.findChildren(QScrollArea) if area.verticalScrollBar().maximum() > 0]
    return short + [f"{type(area).__name__} by {area.verticalScrollBar().maximum()}" for area in areas]


def taken_in(dialog: MergeDialog, qtbot: QtBot) -> None:
    """Take in what the dialog is about; nothing of it is cut off before or after."""
    for ready in (dialog.accept_button.isEnabled, lambda: dialog._over):
        qtbot.waitUntil(ready, timeout=60_000)
        qtbot.wait(50)
        assert cut_off(dialog) == []
        dialog.accept()


@pytest.fixture
def annas(window: MainWindow, project_path: Path, qtbot: QtBot) -> MainWindow:
    """Anna's window on a project of which ``other.meninx`` beside it is a copy."""
    with Project.open(project_path) as project:
        draw(project, 0, "Anna")
    shutil.copytree(project_path, project_path.with_name("other.meninx"))
    window.session.reader = "Anna"
    assert window.intake.open_project(project_path)
    wait_loaded(window, qtbot)
    return window


def test_nothing_is_cut_off_where_two_copies_differ(annas: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    project = annas.session.project
    assert project is not None
    second = project.scans()[1].id
    with Project.open(tmp_path / "other.meninx") as other:
        draw(other, 0, "Anna", shift=5)
        statuses.move(other, [second], ScanStatus.DONE, reader="Ben")
    file = tmp_path / "back.mnxbundle"
    for _ in bundle_job(tmp_path / "other.meninx", file, with_scans=False, by="Ben"):
        pass
    assert peek(file).by == "Ben"
    draw(project, 0, "Anna", shift=2)
    annas.session.team.move([second], ScanStatus.SKIPPED, words="too dark")
    qtbot.waitUntil(lambda: project.scan(second).status is ScanStatus.SKIPPED, timeout=5000)
    annas.commands.take_dropped([file])
    dialog = annas.team.dialog
    assert isinstance(dialog, MergeDialog)
    qtbot.waitUntil(dialog.accept_button.isEnabled, timeout=60_000)
    assert dialog.conflicts.count() > 1
    taken_in(dialog, qtbot)
    wait_loaded(annas, qtbot)


@pytest.mark.parametrize(
    ("scans", "updated", "words"),
    [
        (0, 3, "No new scans; 3 things that are here would be brought up to date."),
        (1, 0, "1 new scan would come in."),
        (2, 1, "2 new scans would come in, and 1 thing that is here would be brought up to date."),
        (0, 0, "No new scans, and nothing that is here would change."),
    ],
)
def test_what_would_come_in_reads_well(scans: int, updated: int, words: str) -> None:
    assert _sum({"new_scans": scans, "updated": updated}, "would") == words


def test_what_is_handed_over_is_signed_by_who_reads_here(annas: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    file = tmp_path / "mine.mnxbundle"
    dialog = BundleDialog(annas.session, [], [], annas)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.file.setText(str(file))
    dialog.masks.setChecked(True)
    dialog.accept()
    qtbot.waitUntil(lambda: file.exists() and not dialog.job.running, timeout=60_000)
    assert peek(file).by == "Anna"


def test_nothing_is_cut_off_where_a_copy_is_made(annas: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    file = tmp_path / "a-long-name-of-what-was-handed-over-for-the-second-reading-of-november.mnxbundle"
    for _ in bundle_job(tmp_path / "other.meninx", file, by="Ben"):
        pass
    target = tmp_path / "a folder with a long name" / "another one below it" / "copy.meninx"
    target.parent.mkdir(parents=True)
    dialog = MergeDialog(annas.session, file, annas, target=target)
    dialog.open()
    taken_in(dialog, qtbot)


def test_nothing_is_cut_off_where_masks_alone_make_no_copy(annas: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    file = tmp_path / "masks.mnxbundle"
    for _ in bundle_job(tmp_path / "other.meninx", file, with_scans=False, by="Ben"):
        pass
    dialog = MergeDialog(annas.session, file, annas, target=tmp_path / "copy.meninx")
    dialog.open()
    qtbot.waitUntil(lambda: "holds no scans" in dialog.said.text(), timeout=60_000)
    qtbot.wait(50)
    assert cut_off(dialog) == []
    dialog.reject()
