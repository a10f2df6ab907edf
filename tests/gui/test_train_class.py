"""The Train page where yes or no of a class is learnt: choices, counts, curves, ROC and mistakes, the preparation."""

from __future__ import annotations

import numpy as np
import pytest
import small_project as small
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QDialog
from train_support import opened_page

from core.events import Notice
from core.learning.config import TrainingConfig
from core.learning.events import EpochEnded, Sample, Scores, TrainingStarted
from core.learning.runs import EventLog, RunState, create_run, find_run, run_folder, update_run, write_evaluation
from core.messages import text
from core.project.classes import ClassGiven
from core.project.project import Project
from core.review.class_pictures import activation_picture, encoded
from core.review.classification import measure_classes
from core.review.curves import RunCurves
from gui.train.expert import ExpertDialog
from gui.train.prepare_dialog import PrepareDialog
from gui.train.samples import Tile, sample_words
from gui.train.workspace import FIGURES, RUNS

__all__ = ["opened_page"]


def say(project: Project, *, values: tuple[str, str] = ("yes", "no"), name: str = "stroke") -> None:
    for scan in project.scans():
        given = [ClassGiven(scan.id, z, name, values[z % 2]) for z in range(6)]
        project.classes.set_many(given, reader=small.READER)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "small.meninx"
    with small.make_project(path) as project:
        say(project)
    return path


def started(run: str, name: str) -> TrainingStarted:
    return TrainingStarted(run, name, "vgg16", 14_700_000, "cpu", "float32", 6, 3, 18, 10, 4, 4, 0.75, False)


def epoch(run: str, number: int) -> EpochEnded:
    train, check = (Scores(1 / number, 0.5, 0.4, 0.6 + 0.05 * number, 0.7 + 0.04 * number, 0.8, 0.9) for _ in "ab")
    return EpochEnded(run, number, 6, train, check, number, 0.7 + 0.04 * number, 3.0, 1e-3)


def class_run(project: Project):
    """Store a run that classifies with its curves, measured on its validation slices."""
    run = create_run(project, TrainingConfig.for_class("stroke", network="vgg16"), scans=3, slices=18)
    log = EventLog(project, run.id)
    log.append(started(run.id, run.name))
    for number in (1, 2, 3):
        log.append(epoch(run.id, number))
    update_run(project, run.id, state=RunState.DONE, best_epoch=3, best_dice=0.82, seconds=9.0)
    for name in ("model.json", "model.onnx"):
        (run_folder(project, run.id) / name).write_bytes(b"{}")
    run = find_run(project, run.id)
    found, truth = np.array([0.9, 0.8, 0.3, 0.2, 0.7, 0.1]), np.array([1, 1, 1, 0, 0, 0], dtype=bool)
    measures = measure_classes(found, truth, ["a", "a", "b", "b", "c", "c"], 0.5)
    curves = {"roc": [list(point) for point in measures.roc], "reliability": [vars(one) for one in measures.bins]}
    (run_folder(project, run.id) / "most_wrong-val").mkdir()
    picture = encoded(activation_picture(np.eye(32, dtype=np.float32), np.ones((4, 4), np.float32)))
    (run_folder(project, run.id) / "most_wrong-val" / "01.png").write_bytes(picture)
    wrong = [
        {"scan": "S0002", "slice": 5, "truth": "no", "probability": 0.7, "picture": "most_wrong-val/01.png"},
        {"scan": "S0001", "slice": 3, "truth": "yes", "probability": 0.3},
    ]
    facts = {
        "task": "classify",
        "class": "stroke",
        "most_wrong": wrong,
        "stamp": "",
        "scans": [],
        "summary": measures.facts(),
        "scan_summary": measures.facts(),
        "curves": curves,
        "scan_curves": curves,
    }
    write_evaluation(project, run, "val", facts)
    return run


def test_a_class_is_chosen_with_what_goes_with_it(folder, opened_page, qtbot):
    session, page = opened_page(folder)
    panel = page.panel
    qtbot.waitUntil(lambda: panel.classes.known != {}, timeout=10000)
    panel.choose_task("classify")
    assert panel.classes.isVisible()
    assert not panel._label_part.isVisible()
    assert [panel.network.itemData(n) for n in range(panel.network.count())] == ["cnn_light", "vgg16", "vgg16_bn"]
    qtbot.waitUntil(panel.start.isEnabled, timeout=10000)
    assert "9 slices yes, 9 no" in panel.data.words
    panel.network.setCurrentIndex(panel.network.findData("vgg16_bn"))
    panel.loss.setCurrentIndex(panel.loss.findData("focal"))
    config = panel.config()
    config.validate()
    assert (config.task, config.class_name, config.class_yes, config.labels) == ("classify", "stroke", ("yes",), ())
    assert (config.network, config.loss, config.size, config.augment) == ("vgg16_bn", "focal", 224, "classify")
    panel.start.click()
    qtbot.waitUntil(lambda: session.jobs.training is not None, timeout=5000)
    assert session.jobs.training.thread.job.arguments["config"] == config
    # and back: what draws is as it was
    panel.choose_task("segment")
    assert panel.config().labels == ("Brain",)
    assert panel.config().network == "unet"
    assert not panel.classes.isVisible()


def test_without_a_class_or_with_one_value_it_is_said_what_is_missing(tmp_path, opened_page, qtbot):
    path = tmp_path / "p"
    small.make_project(path).close()
    session, page = opened_page(path)
    page.panel.choose_task("classify")
    assert page.panel._why.text() == text("train.no_class_chosen")
    assert not page.panel.start.isEnabled()
    with Project.open(path) as project:
        say(project, values=("left", "right"), name="side")
    session.classes_changed.emit("")
    qtbot.waitUntil(lambda: page.panel.classes.chosen == "side", timeout=10000)
    # neither is a word for no: a person says which is yes
    assert page.panel._why.text() == text("train.no_yes_chosen")
    page.panel.classes._checks["right"].setChecked(True)
    qtbot.waitUntil(page.panel.start.isEnabled, timeout=10000)
    page.panel.classes._checks["left"].setChecked(True)
    qtbot.waitUntil(lambda: not page.panel.start.isEnabled(), timeout=10000)
    assert "side" in page.panel.data.warning


def test_where_only_no_was_said_nobody_is_asked_which_values_are_yes(tmp_path, opened_page, qtbot):
    path = tmp_path / "p"
    small.make_project(path).close()
    session, page = opened_page(path)
    page.panel.choose_task("classify")
    with Project.open(path) as project:
        say(project, values=("no", "no"), name="stroke")
    session.classes_changed.emit("")
    qtbot.waitUntil(lambda: page.panel.classes.chosen == "stroke", timeout=10000)
    assert page.panel._why.text() == text("train.only_no_said")
    assert not page.panel.start.isEnabled()


def test_curves_cards_and_pictures_speak_of_auc_and_accuracy(folder, opened_page, qtbot):
    session, page = opened_page(folder)
    page.panel.choose_task("classify")
    qtbot.waitUntil(page.panel.start.isEnabled, timeout=10000)
    # wherever one was on the page
    page._show_page(FIGURES)
    page.tabs.button(1).click()
    page.panel.start.click()
    qtbot.waitUntil(lambda: session.jobs.training is not None, timeout=5000)
    assert page.tabs.checkedId() == 0
    assert page._stack.currentIndex() == RUNS
    work = session.jobs.training
    # from the first moment, long before it has read its slices
    assert page.curves.overlap.measure == "auc"
    assert page.samples._heading.text() == text("train.samples_class").upper()
    run = create_run(session.project, work.thread.job.arguments["config"], scans=3, slices=18)
    work.thread.say(Notice("training-letters", {"count": 2, "names": "S0001, S0002"}))
    work.thread.say(started(run.id, run.name), epoch(run.id, 1), epoch(run.id, 2))
    qtbot.waitUntil(lambda: len(page.curves.overlap.series("validation")[0]) == 2, timeout=5000)
    assert page.curves.overlap.measure == "auc"
    assert page.curves.overlap.series("validation")[1] == pytest.approx([0.74, 0.78])
    assert "no everywhere: 0.75" in page.curves.accuracy._title.toolTip()
    assert "AUC 0.7800" in page.header.line
    assert "Dice" not in page.header.line
    assert "Letters are burnt into 2 scans" in page.curves.caution.words
    assert sample_words(Sample("S0001", 3, -1.0, "a.png", truth=True, probability=0.834)) == "truly yes, says 83 % yes"
    # a run that draws shows Dice again
    page.curves.show_epochs(small.epochs_of("x", 3), 0.9)
    assert page.curves.overlap.measure == "dice"


def test_roc_confusion_and_the_most_wrong_slices_are_shown_and_opened(folder, opened_page, qtbot):
    with Project.open(folder) as project:
        run = class_run(project)
    session, page = opened_page(folder)
    qtbot.waitUntil(lambda: page.header.title == run.name, timeout=10000)
    assert page.header.review.text() == text("train.look_class")
    page.header.review.click()
    qtbot.waitUntil(lambda: page.figures.look is not None and len(page.figures.look.tiles) == 2, timeout=10000)
    look = page.figures.look
    assert page._stack.currentIndex() == FIGURES
    assert look.confusion.cells == (2, 1, 1, 2)
    assert "AUC 0.889" in look.roc.words
    assert look.roc.points()[0] == (0.0, 0.0)
    assert look.roc.points()[-1] == (1.0, 1.0)
    assert not look.tiles[0].picture.isNull()
    assert look.tiles[1].picture.isNull()
    asked, classes = [], []
    session.class_requested.connect(classes.append)
    session.position_requested.connect(lambda at: asked.append((session.scan and session.scan.name, at[2])))
    qtbot.mouseClick(look.tiles[0], Qt.MouseButton.LeftButton)
    # not before its scan is there: it would go to that slice of the scan before, and the new one to its own first
    qtbot.waitUntil(lambda: asked == [("S0002", 4)], timeout=10000)
    # of a scan that is there, at once
    qtbot.mouseClick(look.tiles[0], Qt.MouseButton.LeftButton)
    assert asked == [("S0002", 4)] * 2
    # Annotate shows what was said of this class, of which there may be more
    assert classes == [run.config.class_name] * 2
    assert isinstance(page._shown.curves, RunCurves)


def test_expert_settings_of_a_class(qtbot):
    dialog = ExpertDialog(TrainingConfig.for_class("stroke", network="vgg16"))
    qtbot.addWidget(dialog)
    assert "smoothing" in dialog.editors
    assert "scribbles" not in dialog.editors
    assert dialog.editors["encoder_weights"].isEnabled()
    assert dialog.prepare.centre.isEnabled()
    dialog.prepare.centre.setChecked(True)
    dialog.editors["smoothing"].setValue(0.1)
    config = dialog.config
    config.validate()
    assert "centre" in config.prepare
    assert config.smoothing == pytest.approx(0.1)
    dialog._defaults()
    assert dialog.config == TrainingConfig.for_class("stroke", network="vgg16")


def test_the_preparation_is_looked_at_and_what_is_ticked_is_used(folder, opened_page, qtbot, monkeypatch):
    _, page = opened_page(folder)
    page.panel.choose_task("classify")
    seen = []

    def agreed(dialog):
        qtbot.waitUntil(lambda: not dialog.busy, timeout=20000)
        for step in ("table", "centre"):
            dialog.cards[step].use.click()
        qtbot.waitUntil(lambda: not dialog.busy, timeout=20000)
        seen.extend(dialog.cards)
        assert not dialog.cards["table"].tiles[1].picture.isNull()
        # a phantom of MR has no bone to be told by its Hounsfield value
        assert "CT" in dialog.cards["bone"].words.text()
        assert dialog.cards["bone"].tiles[0].isHidden()
        dialog.accept()
        return QDialog.DialogCode.Accepted

    monkeypatch.setattr(PrepareDialog, "exec", agreed)
    page.panel.pictures.click()
    assert "windows" in seen
    assert page.panel.config().prepare == ("clip", "zscore", "table", "centre")
    # a mask cannot be centred
    page.panel.choose_task("segment")
    assert page.panel.config().prepare == ("clip", "zscore")


def test_what_a_gate_cost_stands_among_the_figures(folder):
    from core.review.run_compare import compare_runs
    from gui.train.figures_page import rows_of

    with Project.open(folder) as project:
        run = small.past_run(project)
        figures = {"mean": 0.8, "median": 0.8, "ci95": None, "count": 2}
        gate = {"name": "Run 9", "clean": 14, "emptied": 3, "with_label": 1, "scans": []}
        write_evaluation(project, run, "val", {"summary": {"dice": figures}, "scans": [], "stamp": "", "gate": gate})
        rows = dict(rows_of(compare_runs(project, [run.id], least=1)))
    assert [rows[text(f"train.gate_{name}")] for name in ("clean", "emptied", "with_label")] == [["14"], ["3"], ["1"]]


def test_words_on_a_bright_picture_stand_on_a_dark_ground(qtbot):
    tile = Tile()
    qtbot.addWidget(tile)
    tile.resize(240, 220)
    white = QImage(240, 220, QImage.Format.Format_RGB32)
    white.fill(Qt.GlobalColor.white)
    tile.show_picture(white, "P002 · slice 11", "truly yes, says 53 % yes")
    seen = tile.grab().toImage()
    # beside the first letter of either line
    for line in (15, 34):
        assert seen.pixelColor(8, line).lightness() < 90
    assert seen.pixelColor(200, 150).lightness() == 255


def test_where_there_is_no_run_one_from_elsewhere_can_be_taken_in(tmp_path, opened_page, qtbot, monkeypatch):
    path = tmp_path / "p"
    small.make_project(path).close()
    _, page = opened_page(path)
    asked = []
    monkeypatch.setattr("gui.train.run_acts.QFileDialog.getOpenFileName", lambda *_: (asked.append(1), "")[::-1])
    qtbot.waitUntil(page._empty._other.isVisible, timeout=10000)
    assert page._empty._other.text() == text("train.take_run_here")
    qtbot.mouseClick(page._empty._other, Qt.MouseButton.LeftButton)
    assert asked
