"""The study of two readers that docs/guide/teams.md describes, from the first step to the last, on real slices.

``MENINX_LOOK=FOLDER`` keeps a picture of the window at each step.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot
from shell_support import stroke, wait_loaded

from core.project.project import Project
from core.project.records import ScanStatus
from core.team import assignments
from core.team.readers import CONSENSUS_STAPLE, adjudication_reader
from gui.dialogs.import_dialog import ImportDialog
from gui.main_window import MainWindow
from gui.review.readers_page import ReadersPage
from gui.team.bundle_dialog import BundleDialog
from gui.team.merge_dialog import MergeDialog

PATIENTS = ("TCGA_CS_4943_20000902", "TCGA_CS_5395_19981004")
SLICES = (8, 9, 10)
LONG = 120_000


def look(widget: QWidget, name: str) -> None:
    """Keep a picture where somebody asked for it."""
    folder = os.environ.get("MENINX_LOOK")
    if folder:
        QApplication.processEvents()
        widget.grab().save(str(Path(folder) / f"{name}.png"))


def key(window: MainWindow, pressed: Qt.Key, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(window.annotate.views.main, pressed, keys)


def read(window: MainWindow, qtbot: QtBot, offset: int) -> None:
    """Draw a patch on three slices of each scan, mark them finished and press Done – next scan."""
    for number in range(2):
        scan = window.worklist.model.all_scans()[number]
        window.session.open_scan(scan.id)
        qtbot.waitUntil(
            lambda scan=scan: window.session.scan is not None and window.session.scan.id == scan.id, timeout=LONG
        )
        wait_loaded(window, qtbot)
        window.session.choose_label("Tumour")
        for z in SLICES:
            window.annotate.views.go_to((128, 128, z))
            for row in range(100, 130, 6):
                stroke(window, (90 + offset, row), (130 + offset, row))
            key(window, Qt.Key.Key_M)
        look(window, f"drawn-{window.session.reader}-{number}")
        window.annotate.views.main.setFocus()
        window.commands.done_next()
    window.session.save_now()
    qtbot.waitUntil(lambda: not window.session.team.busy, timeout=LONG)


def hand_over(window: MainWindow, qtbot: QtBot, file: Path, *, masks: bool = False, reader: str = "") -> None:
    window.team.show_bundle([])
    dialog = window.team.dialog
    assert isinstance(dialog, BundleDialog)
    if masks:
        dialog.masks.click()
    if reader:
        dialog.reader.setCurrentIndex(dialog.reader.findData(reader))
        assert dialog.reader.currentData() == reader
    dialog.file.setText(str(file))
    dialog.accept()
    qtbot.waitUntil(lambda: dialog._over, timeout=LONG)
    look(dialog, f"handed-{file.stem}")
    dialog.accept()
    assert file.is_file()


def take_in(window: MainWindow, qtbot: QtBot, file: Path) -> None:
    window.commands.take_dropped([file])
    dialog = window.team.dialog
    assert isinstance(dialog, MergeDialog)
    qtbot.waitUntil(dialog.accept_button.isEnabled, timeout=LONG)
    look(dialog, f"look-{file.stem}")
    qtbot.mouseClick(dialog.accept_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog._over, timeout=LONG)
    look(dialog, f"taken-{file.stem}")
    dialog.accept()
    wait_loaded(window, qtbot)


def begun(window: MainWindow, qtbot: QtBot, data_root: Path, tmp_path: Path) -> None:
    """Steps 1 and 2: two stacks, the label, both readers blind."""
    folders = []
    for name in PATIENTS:
        (tmp_path / "slices" / name).mkdir(parents=True)
        folders.append(tmp_path / "slices" / name)
        for file in (data_root / "lgg" / name).glob("*.webp"):
            shutil.copy(file, folders[-1] / file.name)
    assert window.intake.create_project(tmp_path / "annas.meninx")
    window.intake.bring(folders)
    page = lambda: window.commands.import_page  # noqa: E731 - made and closed by the window
    qtbot.waitUntil(lambda: isinstance(page(), ImportDialog) and page().accept_button.isEnabled(), timeout=LONG)
    look(page(), "import")
    qtbot.mouseClick(page().accept_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(window.worklist.model.all_scans()) == 2 and page() is None, timeout=LONG)
    wait_loaded(window, qtbot)
    window.session.change_labels(window.session.labels.with_label("Tumour"))
    both = [scan.id for scan in window.worklist.model.all_scans()]
    window.session.team.be("Anna")
    window.session.team.assign_two(both, "Anna", "Ben")
    project = window.session.project
    assert project is not None
    qtbot.waitUntil(lambda: len(assignments.assignments(project)) == 4, timeout=LONG)


def readers_page(window: MainWindow, qtbot: QtBot) -> ReadersPage:
    window.show_workspace("review")
    window.review._empty._other.click()
    page = window.review.readers.page
    assert page is not None
    qtbot.waitUntil(lambda: page.case is not None and not page.busy, timeout=LONG)
    return page


@pytest.mark.real
def test_the_study_of_the_guide(
    window: MainWindow, qtbot: QtBot, data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = window.session
    begun(window, qtbot, data_root, tmp_path)
    hand_over(window, qtbot, tmp_path / "for-ben.mnxbundle", reader="Ben")
    read(window, qtbot, 0)
    session.put_away()
    session.close_project()
    # Ben, at a computer of his own: he drops the file on an empty window
    monkeypatch.setattr(window.commands, "ask_place", lambda _title: tmp_path / "bens.meninx")
    window.commands.take_dropped([tmp_path / "for-ben.mnxbundle"])
    dialog = window.team.dialog
    assert isinstance(dialog, MergeDialog)
    qtbot.waitUntil(dialog.accept_button.isEnabled, timeout=LONG)
    dialog.accept()
    qtbot.waitUntil(lambda: dialog._over and session.project is not None, timeout=LONG)
    dialog.accept()
    wait_loaded(window, qtbot)
    session.team.be("Ben")
    read(window, qtbot, 6)
    hand_over(window, qtbot, tmp_path / "from-ben.mnxbundle", masks=True)
    session.put_away()
    session.close_project()
    # Anna again
    assert window.intake.open_project(tmp_path / "annas.meninx")
    wait_loaded(window, qtbot)
    session.team.be("Anna")
    take_in(window, qtbot, tmp_path / "from-ben.mnxbundle")
    project = session.project
    assert project is not None
    scan = project.scans()[0]
    qtbot.waitUntil(lambda: project.scan(scan.id).status is ScanStatus.DONE, timeout=LONG)
    session.open_scan(scan.id)
    qtbot.waitUntil(lambda: session.scan is not None and session.scan.id == scan.id, timeout=LONG)
    wait_loaded(window, qtbot)
    check_readers(window, qtbot, project, scan.id)
    decide(window, qtbot, project, scan.id)
    assert project.verify() == []


def masks_of(project: Project, scan: str) -> dict[str, np.ndarray]:
    label = project.labels().named("Tumour")
    found = {}
    for one in project.annotations(scan):
        layer = project.read_layer(one.id, label.layer)
        assert layer is not None
        found[one.reader] = layer == label.value
    return found


def check_readers(window: MainWindow, qtbot: QtBot, project: Project, scan: str) -> None:
    """Steps 7 and 8: beside each other, and as a table."""
    page = readers_page(window, qtbot)
    page.bar.label.setCurrentText("Tumour")
    page.refresh()
    qtbot.waitUntil(lambda: page.case is not None and page.case.label == "Tumour" and not page.busy, timeout=LONG)
    masks = masks_of(project, scan)
    first, second = (masks[name][list(SLICES)] for name in ("Anna", "Ben"))
    dice = 2 * (first & second).sum() / (first.sum() + second.sum())
    assert 0.5 < dice < 1
    assert page.side.values["dice"].text() == f"{dice:.3f}"
    both, seen = first == second, [(first.mean(), second.mean())]
    chance = seen[0][0] * seen[0][1] + (1 - seen[0][0]) * (1 - seen[0][1])
    assert page.side.values["kappa"].text() == f"{(both.mean() - chance) / (1 - chance):.3f}"
    QTest.keyClick(page.panes, Qt.Key.Key_N)
    assert page.panes.index in SLICES
    look(window, "readers")
    page.views.buttons["table"].click()
    qtbot.waitUntil(lambda: not page.busy and page.table.model.rowCount() >= 2, timeout=LONG)
    look(window, "table")
    page.views.buttons["figures"].click()
    qtbot.waitUntil(lambda: not page.busy and page.figures.model.rowCount() == 2, timeout=LONG)
    assert [one["done"] for one in page.figures.model.rows] == [2, 2]
    look(window, "figures")
    page.views.buttons["scan"].click()


def decide(window: MainWindow, qtbot: QtBot, project: Project, scan: str) -> None:
    """Steps 9 and 10: one mask of both, corrected by a third, approved."""
    session, page = window.session, window.review.readers.page
    assert page is not None
    page.bar.consensus_asked.emit("staple")
    qtbot.waitUntil(lambda: project.annotation(scan, CONSENSUS_STAPLE) is not None, timeout=LONG)
    qtbot.waitUntil(lambda: page.case is not None and CONSENSUS_STAPLE in page.case.readers, timeout=LONG)
    before = {name: mask.tobytes() for name, mask in masks_of(project, scan).items()}
    page.bar.adjudicate_asked.emit("staple")
    name = adjudication_reader("Anna")
    qtbot.waitUntil(lambda: session.loaded is not None and session.loaded.opened.reader == name, timeout=LONG)
    wait_loaded(window, qtbot)
    session.choose_label("Tumour")
    window.annotate.views.go_to((128, 128, SLICES[0]))
    stroke(window, (90, 140), (130, 140))
    key(window, Qt.Key.Key_M)
    look(window, "adjudicated")
    session.save_now()
    window.commands.done_next()
    wait_loaded(window, qtbot)
    after = masks_of(project, scan)
    assert {one: after[one].tobytes() for one in before} == before, "the readers' own masks stay as they are"
    assert after[name].any()
    session.open_scan(scan)
    qtbot.waitUntil(lambda: session.scan is not None and session.scan.id == scan and not session.loading, timeout=LONG)
    # the action is off until the window has read the scan's status of now: a person would wait for it too
    qtbot.waitUntil(window.actions_table["approve"].isEnabled, timeout=LONG)
    window.actions_table["approve"].trigger()
    qtbot.waitUntil(lambda: project.scan(scan).status is ScanStatus.APPROVED, timeout=LONG)
