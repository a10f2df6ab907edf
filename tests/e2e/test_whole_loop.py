"""The whole loop in the real window: open, draw, train, predict, correct, save, reopen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shell_support
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot
from shell_support import stroke, wait_loaded

from core.labels import LabelSet
from core.learning.runs import list_runs
from core.messages import text
from core.phantom import make_head
from core.project.predictions import read_prediction
from core.project.project import Project
from core.project.records import Origin
from core.project.saver import SaveState
from gui.main_window import MainWindow

window = shell_support.window
HEADS = 3
SHAPE = (6, 64, 56)


def make_project(path: Path) -> Path:
    with Project.create(path) as project:
        project.set_labels(LabelSet().with_label("Brain"))
        for seed in range(HEADS):
            head = make_head(seed, shape=SHAPE)
            project.add_scan(head.volume, patient=f"person {seed}", description=f"T1 head {seed}")
    return path


def draw_brain(window: MainWindow, qtbot: QtBot) -> int:
    """Fill the middle of three slices with the brush and call them finished; return the voxels drawn."""
    view = window.annotate.views.main
    window.annotate.hand.set_size(22)
    for index in (2, 3, 4):
        view.set_index(index)
        for y in (24, 32, 40):
            stroke(window, (20, y), (36, y))
        qtbot.keyClick(view, Qt.Key.Key_M)
    editor = window.session.editor
    assert editor is not None
    assert editor.finished("brain").sum() == 3
    return int(np.count_nonzero(editor.mask("brain")))


def train(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_table["workspace_train"].trigger()
    panel = window.train.panel
    panel.network.setCurrentIndex(panel.network.findData("unet_light"))
    panel.slice_size.setCurrentIndex(panel.slice_size.findData("128"))
    panel.slices.setCurrentIndex(panel.slices.findData("1"))
    panel.budget_unit.setCurrentIndex(panel.budget_unit.findData("epochs"))
    panel.budget.setValue(2)
    qtbot.waitUntil(panel.start.isEnabled, timeout=10_000)
    qtbot.mouseClick(panel.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.jobs.training is not None, timeout=10_000)
    qtbot.waitUntil(lambda: window.session.jobs.training is None, timeout=180_000)


def press_in_question() -> None:
    """Press "Replace them too" in the question about finished slices."""
    box = QApplication.activeModalWidget()
    assert isinstance(box, QMessageBox)
    (button,) = [one for one in box.buttons() if one.text() == text("review.finished_replace")]
    button.click()


def predict_and_correct(window: MainWindow, qtbot: QtBot, run: str) -> np.ndarray:
    project = window.session.project
    assert project is not None
    assert window.session.scan is not None
    window.actions_table["workspace_review"].trigger()
    qtbot.waitUntil(lambda: window.review.run is not None, timeout=10_000)
    window.review.predicting.predict_scan()
    qtbot.waitUntil(lambda: window.review.case is not None and window.review.label_case is not None, timeout=120_000)
    predicted = read_prediction(project, run, window.session.scan.id)["Brain"]
    QTimer.singleShot(300, press_in_question)
    qtbot.mouseClick(window.review.bar.correct, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.workspaces.currentWidget() is window.annotate, timeout=10_000)
    editor = window.session.editor
    assert editor is not None
    assert editor.steps()[-1].action == "correct"
    assert np.array_equal(editor.mask("brain") > 0, predicted > 0)
    return np.array(editor.mask("brain"))


def whole_loop(window: MainWindow, qtbot: QtBot, path: Path) -> None:
    with qtbot.waitSignal(window.session.scan_changed, timeout=10_000):
        assert window.intake.open_project(path)
    project = window.session.project
    assert project is not None
    names = [scan.id for scan in project.scans()]
    drawn = {}
    for scan in names:
        window.session.open_scan(scan)
        qtbot.waitUntil(lambda scan=scan: window.session.scan is not None and window.session.scan.id == scan)
        wait_loaded(window, qtbot)
        drawn[scan] = draw_brain(window, qtbot)
    train(window, qtbot)
    (run,) = list_runs(project)
    assert run.best_epoch is not None
    before = np.array(window.session.editor.mask("brain"))
    corrected = predict_and_correct(window, qtbot, run.id)
    window.session.undo()
    assert np.array_equal(window.session.editor.mask("brain"), before), "Correct is one step"
    window.session.redo()
    window.session.save_now()
    qtbot.waitUntil(lambda: window.session.save_state == SaveState.SAVED, timeout=10_000)
    last = window.session.scan.id
    window.session.close_project()

    with qtbot.waitSignal(window.session.scan_changed, timeout=10_000):
        assert window.intake.open_project(path)
    wait_loaded(window, qtbot)
    window.session.open_scan(last)
    qtbot.waitUntil(lambda: window.session.scan is not None and window.session.scan.id == last, timeout=10_000)
    wait_loaded(window, qtbot)
    editor = window.session.editor
    assert np.array_equal(editor.mask("brain"), corrected)
    origins = {editor.state("brain", number).origin for number in np.flatnonzero(np.any(corrected != before, (1, 2)))}
    assert origins == {Origin.PREDICTED}
    assert editor.undo_available, "undo outlives the session"
    for scan in names:
        if scan != last:
            annotation = window.session.project.annotation(scan, window.session.reader)
            assert np.count_nonzero(window.session.project.read_layer(annotation.id, "brain")) == drawn[scan]
    assert window.session.project.verify() == []


def test_the_whole_loop_in_the_window(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    whole_loop(window, qtbot, make_project(tmp_path / "loop.meninx"))


@pytest.mark.xserver
def test_the_whole_loop_under_a_real_x_server(
    window: MainWindow,
    qtbot: QtBot,
    tmp_path: Path,
    qapp: QApplication,
) -> None:
    assert QGuiApplication.platformName() == "xcb"
    whole_loop(window, qtbot, make_project(tmp_path / "loop.meninx"))
