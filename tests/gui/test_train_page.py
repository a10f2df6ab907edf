"""The Train page, fed with events by hand over a real small project."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import small_project as small
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QDialog
from train_support import opened_page, told

from core.errors import LearningError
from core.events import Failed, Finished, Progress, WasCancelled
from core.labels import LabelSet
from core.learning.config import TrainingConfig
from core.learning.events import RunEnded
from core.learning.runs import RunState, create_run, update_run, write_evaluation
from core.project.project import Project
from core.review.evaluation import record_look
from gui.jobs.jobs import time_left
from gui.train.data_box import advice
from gui.train.expert import ExpertDialog
from gui.train.run_table import COLUMNS, RunModel, read_rows
from gui.train.watch import clock, grouped

__all__ = ["opened_page", "told"]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "small.meninx"
    small.make_project(path).close()
    return path


@pytest.fixture
def with_runs(folder):
    with Project.open(folder) as project:
        first = small.past_run(project, top=0.90)
        small.past_run(project, top=0.97, parent=first.id)
        small.past_run(project, top=0.5, state=RunState.FAILED, usable=False)
    return folder


def start(session, page, qtbot, *, epochs: int = 50):
    """Press Start and let the child say that it runs."""
    qtbot.waitUntil(lambda: page.panel.start.isEnabled(), timeout=10000)
    page.panel.budget_unit.setCurrentIndex(page.panel.budget_unit.findData("epochs"))
    page.panel.budget.setValue(epochs)
    page.panel.start.click()
    qtbot.waitUntil(lambda: session.jobs.training is not None, timeout=5000)
    work = session.jobs.training
    run = create_run(session.project, work.thread.job.arguments["config"], scans=2, slices=24)
    work.thread.say(small.started(run.id, run.name, epochs=epochs))
    return work, run


def test_the_first_label_of_a_project_is_ticked_when_it_comes(folder, opened_page):
    # Strip now, or an import, brings a label into a project that had none
    session, page = opened_page(folder)
    labels = session.labels
    page.panel.set_project(session.project, LabelSet(), read_only=False)
    assert page.panel.chosen_labels() == []
    page.panel.set_project(session.project, labels, read_only=False)
    assert [label.name for label in page.panel.chosen_labels()] == ["Brain"]


def test_what_was_set_for_one_project_stays_with_it(folder, tmp_path, opened_page):
    session, page = opened_page(folder)
    panel = page.panel
    was = {box: box.currentText() for box in (panel.task, panel.network, panel.slice_size, panel.slices)}
    panel.slice_size.setCurrentIndex(0)
    panel.budget.setValue(77)
    panel.approved.setChecked(True)
    panel.network.setCurrentIndex(panel.network.count() - 1)
    panel._experts["segment"] = TrainingConfig(labels=("-",), reader="somebody", epochs=3)
    panel.set_project(session.project, session.labels, read_only=False)
    assert panel.budget.value() == 77
    with Project.create(tmp_path / "other.meninx") as other:
        panel.set_project(other, other.labels(), read_only=False)
        assert {box: box.currentText() for box in was} == was
        assert panel.budget.value() != 77
        assert not panel.approved.isChecked()
        assert panel._experts["segment"].reader == ""


def test_counts_are_those_of_the_project(folder, opened_page, qtbot):
    session, page = opened_page(folder)
    qtbot.waitUntil(lambda: page.panel.data.survey is not None, timeout=10000)
    survey = page.panel.data.survey
    label = session.labels.named("Brain")
    masks = [
        session.project.read_layer(session.project.annotation(scan.id, small.READER).id, "brain")
        for scan in session.project.scans()[:2]
    ]
    assert (survey.scans, survey.patients, survey.slices) == (2, 2, 24)
    assert survey.with_label == sum(int((mask == label.value).any(axis=(1, 2)).sum()) for mask in masks)
    areas = np.concatenate([(mask == label.value).mean(axis=(1, 2)) for mask in masks])
    assert survey.median_area == pytest.approx(np.median(areas[areas > 0]))
    assert "24" in page.panel.data.words
    assert "3 patients" in page.panel.data.warning


def test_with_no_finished_slice_the_page_says_what_to_do(tmp_path, opened_page, qtbot):
    path = tmp_path / "new.meninx"
    with Project.create(path) as project:
        project.ensure_label("Brain")
    session, page = opened_page(path)
    qtbot.waitUntil(lambda: page.panel.data.survey is not None, timeout=10000)
    assert not page.panel.start.isEnabled()
    assert "Annotate" in page.panel.data.warning
    asked = []
    session.workspace_requested.connect(asked.append)
    page._empty.asked.emit()
    assert asked == ["annotate"]


@pytest.mark.parametrize(
    ("facts", "part"),
    [
        ({}, "No slice is finished"),
        ({"unfinished": 7}, "7 slices are drawn"),
        ({"slices": 30, "patients": 5}, "nothing to learn"),
        ({"slices": 30, "patients": 1, "with_label": 9}, "at least 3 patients"),
        ({"slices": 6, "patients": 4, "with_label": 5}, "Only 6 finished"),
        ({"slices": 90, "patients": 4, "with_label": 50, "patients_unknown": 2}, "unknown"),
        ({"slices": 90, "patients": 4, "with_label": 50, "unfinished": 2}, "left out"),
        ({"slices": 90, "patients": 4, "with_label": 50}, ""),
    ],
)
def test_one_piece_of_advice_at_a_time(facts, part):
    from core.learning.survey import Survey

    words = advice(Survey(**facts), ["Brain"])
    assert part in words
    assert bool(words) == bool(part)


def test_no_label_ticked_no_training(folder, opened_page, qtbot):
    _, page = opened_page(folder)
    qtbot.waitUntil(lambda: page.panel.start.isEnabled(), timeout=10000)
    assert page._empty._title.text() == "Ready to train"
    page.panel._checks["Brain"].setChecked(False)
    assert not page.panel.start.isEnabled()
    # what is drawn and finished is still there: nobody is sent to draw it
    assert page._empty._title.text() == "No label is ticked"
    assert "Tick" in page._empty._words.text()
    page.panel._checks["Tumour"].setChecked(True)
    qtbot.waitUntil(lambda: page.panel.start.isEnabled(), timeout=10000)
    assert page.panel.config().labels == ("Tumour",)
    assert page._empty._title.text() == "Ready to train"


def test_who_knows_nothing_of_epochs_trains_for_ten_minutes(folder, opened_page, qtbot):
    _, page = opened_page(folder)
    qtbot.waitUntil(lambda: page.panel.start.isEnabled(), timeout=10000)
    assert page.panel.config() == TrainingConfig(("Brain",), minutes=10.0)
    page.panel.budget_unit.setCurrentIndex(page.panel.budget_unit.findData("epochs"))
    assert page.panel.config() == TrainingConfig(("Brain",))


def test_the_choices_become_a_valid_config(with_runs, opened_page, qtbot):
    _session, page = opened_page(with_runs)
    panel = page.panel
    # starters stand there from the start
    qtbot.waitUntil(lambda: len(page.table.runs.rows) >= 2, timeout=10000)
    panel.network.setCurrentIndex(panel.network.findData("attention_unet"))
    panel.slice_size.setCurrentIndex(panel.slice_size.findData("128"))
    panel.slices.setCurrentIndex(panel.slices.findData("5"))
    panel.loss.setCurrentIndex(panel.loss.findData("bce"))
    panel.budget_unit.setCurrentIndex(panel.budget_unit.findData("minutes"))
    panel.budget.setValue(3)
    config = panel.config()
    config.validate()
    assert config == TrainingConfig(
        ("Brain",), network="attention_unet", size=128, slices=5, loss="bce", minutes=3.0, parent=None
    )
    run = page.table.runs.rows[1].run
    panel.start_from(run.id)
    assert panel.config().parent == run.id
    assert panel.config().network == "unet"
    assert not panel.network.isEnabled()


def test_expert_settings_are_kept_and_refused_in_words(qtbot):
    dialog = ExpertDialog(TrainingConfig(("Brain",)))
    qtbot.addWidget(dialog)
    assert dialog.config == TrainingConfig(("Brain",), foreground=pytest.approx(1 / 3, abs=0.01))
    dialog.editors["batch"].setValue(4)
    dialog.editors["validation_fraction"].setValue(0.6)
    dialog.editors["test_fraction"].setValue(0.6)
    dialog._keep()
    assert dialog.result() != QDialog.DialogCode.Accepted
    assert not dialog._warning.isHidden()
    dialog._defaults()
    dialog.editors["seed"].setValue(9)
    dialog._keep()
    assert dialog.result() == QDialog.DialogCode.Accepted
    assert dialog.config.seed == 9
    assert dialog.config.batch == 0


def test_start_saves_first_and_the_curves_grow(folder, opened_page, qtbot):
    session, page = opened_page(folder)
    work, run = start(session, page, qtbot)
    assert work.thread.job.kind == "train"
    assert work.thread.job.arguments["project_path"] == session.project.path
    assert page.header.title == run.name
    epochs = small.epochs_of(run.id, 12, planned=50)
    work.thread.say(*epochs)
    xs, ys = page.curves.overlap.series("validation")
    assert xs == list(range(1, 13))
    assert ys == pytest.approx([event.validation.dice for event in epochs])
    page.curves.overlap._switch.buttons()[1].click()
    assert page.curves.overlap.measure == "iou"
    assert page.curves.overlap.series("train")[1] == pytest.approx([event.train.iou for event in epochs])
    assert page.curves.loss.series("train")[1] == pytest.approx([event.train.loss for event in epochs])
    assert page.curves.accuracy._floor.value() == pytest.approx(0.81)
    assert page.curves.loss._best.value() == epochs[-1].best_epoch
    work.thread.say(Progress(300, 1200, "training", rate=412, seconds_left=110))
    for part in ("epoch 13 of 50", "412 slices/s", "processor", "1 min 50 s left", "best so far"):
        assert part in page.header.line
    assert page.curves.kept.text() == "best epoch"
    work.thread.say(Progress(29, 29, "validating"))
    assert "validation slices" in page.header.line
    assert page.header._bar.value() == 250
    assert not page.panel.start.isEnabled()


def test_where_few_slices_check_the_page_says_that_the_newest_is_kept(folder, opened_page, qtbot):
    session, page = opened_page(folder)
    work, run = start(session, page, qtbot)
    begun = replace(small.started(run.id, run.name), label_slices=2)
    newest = [replace(event, best_epoch=event.epoch) for event in small.epochs_of(run.id, 4)]
    work.thread.say(begun, *newest)
    assert "kept: epoch 4, the newest" in page.header.line
    assert "best" not in page.header.line
    assert page.curves.kept.text() == "newest epoch, kept"
    assert page.curves.loss._best.value() == 4
    assert "Only 2 slices that show a label check this run." in page.curves.caution.words


def test_samples_show_the_newest_pictures(folder, opened_page, qtbot):
    session, page = opened_page(folder)
    work, run = start(session, page, qtbot)
    assert page.samples.tiles[0].picture.isNull()
    work.thread.say(small.sample_pictures(session.project, run.id, 1))
    qtbot.waitUntil(lambda: not page.samples.tiles[3].picture.isNull(), timeout=10000)
    title, words = page.samples.tiles[1].words
    assert title == "P002 · slice 12", "as the worklist calls it"
    assert words == "Dice 0.960"


def test_the_three_buttons_reach_the_child(folder, opened_page, qtbot):
    session, page = opened_page(folder)
    work, run = start(session, page, qtbot)
    header = page.header
    assert not header.stop.isEnabled()  # nothing to keep before the first epoch
    work.thread.say(*small.epochs_of(run.id, 2, planned=50))
    assert header.stop.isEnabled()
    header.pause.click()
    assert work.thread.orders == ["start", "pause"]
    assert not header.stop.isEnabled()
    assert "Pausing" in header.line
    header.cancel.click()
    assert work.thread.orders[-1] == "cancel"
    assert "Cancelling" in header.line


def test_the_end_is_told_and_the_next_run_may_start(folder, opened_page, qtbot, told):
    session, page = opened_page(folder)
    work, run = start(session, page, qtbot)
    epochs = small.epochs_of(run.id, 3, planned=3)
    work.thread.say(*epochs, RunEnded(run.id, "done", epochs[-1].best_epoch, epochs[-1].best_dice))
    update_run(session.project, run.id, state=RunState.DONE, best_epoch=3, best_dice=epochs[-1].best_dice)
    work.thread.end(Finished())
    assert session.jobs.training is None
    assert any(run.name in words and "Dice" in words for words in told)
    qtbot.waitUntil(lambda: page.panel.start.isEnabled(), timeout=10000)
    assert page.shown.run == run.id


def test_a_failure_is_one_message_and_stays_readable(folder, opened_page, qtbot, told):
    session, page = opened_page(folder)
    work, run = start(session, page, qtbot)
    work.thread.say(*small.epochs_of(run.id, 1, planned=50))
    work.thread.end(Failed(LearningError("job-died", reason="out of memory")))
    assert told == ["job-died"]
    assert "out of memory" in page.header.words
    assert session.jobs.summary() == ""


def test_cancelled_before_it_became_a_run_leaves_no_trace(folder, opened_page, qtbot, told):
    session, page = opened_page(folder)
    qtbot.waitUntil(lambda: page.panel.start.isEnabled(), timeout=10000)
    page.panel.start.click()
    work = session.jobs.training
    work.thread.end(WasCancelled())
    assert page.shown is None
    assert told == []


def test_events_of_a_forgotten_job_are_dropped(folder, opened_page, qtbot):
    session, page = opened_page(folder)
    work, run = start(session, page, qtbot)
    thread = work.thread
    session.jobs.close(0.1)
    assert session.jobs.running == []
    before = len(page.shown.epochs) if page.shown is not None else 0
    session.jobs._hear(thread.job_id, small.epochs_of(run.id, 1)[0])
    assert (len(page.shown.epochs) if page.shown is not None else 0) == before


def test_only_one_training_at_a_time(folder, opened_page, qtbot):
    session, page = opened_page(folder)
    start(session, page, qtbot)
    with pytest.raises(LearningError) as caught:
        session.jobs.start_training(TrainingConfig(("Brain",)))
    assert caught.value.code == "training-runs-already"


def test_the_table_marks_best_failed_and_running(with_runs, opened_page, qtbot):
    session, page = opened_page(with_runs)
    model = page.table.runs
    qtbot.waitUntil(lambda: len(model.rows) == 3, timeout=10000)

    def cell(row: int, column: int) -> str:
        return model.data(model.index(row, column))

    assert cell(0, 0).startswith("Run 3  ·  failed")
    assert cell(1, 0) == "★  Run 2"
    assert cell(1, 3) == "Run 1"
    assert cell(2, 0) == "Run 1"
    assert cell(2, 3) == "—"
    assert cell(2, COLUMNS.index("time")) == "3:06"
    work, run = start(session, page, qtbot)
    qtbot.waitUntil(lambda: len(model.rows) == 4, timeout=10000)
    epochs = small.epochs_of(run.id, 4, planned=50)
    work.thread.say(*epochs)
    assert cell(0, 0).startswith("●  Run 4")
    assert cell(0, 5) == f"{epochs[-1].best_dice:.4f}"


def test_the_last_look_at_the_test_scans_stands_in_the_table(with_runs):
    with Project.open(with_runs) as project:
        run = next(row.run for row in read_rows(project) if row.run.usable)
        record_look(project, run.id)
        summary = {"dice": {"mean": 0.8642, "median": 0.87, "ci95": [0.8049, 0.912], "count": 5}}
        write_evaluation(project, run, "test", {"summary": summary, "stamp": "Few patients."})
        rows = {row.run.id: row for row in read_rows(project)}
    model = RunModel()
    model.set_rows(list(rows.values()))
    column = COLUMNS.index("test_dice")
    said = [model.index(number, column).data() for number in range(len(rows))]
    assert said == ["0.864 (0.80–0.91)" if run.id == one else "—" for one in rows]
    tip = model.index(list(rows).index(run.id), column).data(Qt.ItemDataRole.ToolTipRole)
    assert "once" in tip
    assert "Few patients." in tip


def test_a_past_run_is_shown_from_its_folder(with_runs, opened_page, qtbot):
    _, page = opened_page(with_runs)
    qtbot.waitUntil(lambda: page.shown is not None, timeout=10000)
    page.table.setCurrentIndex(page.table.runs.index(2, 0))
    qtbot.waitUntil(lambda: page.header.title == "Run 1", timeout=10000)
    assert len(page.curves.loss.series("train")[0]) == 30
    qtbot.waitUntil(lambda: not page.samples.tiles[0].picture.isNull(), timeout=10000)
    assert not page.header.review.isHidden()
    assert page.header.pause.isHidden()


def test_review_this_run_goes_there(with_runs, opened_page, qtbot):
    session, page = opened_page(with_runs)
    qtbot.waitUntil(lambda: page.shown is not None, timeout=10000)
    page.table.choose("")
    asked, went = [], []
    session.review_requested.connect(asked.append)
    session.workspace_requested.connect(went.append)
    run = page.table.runs.rows[1].run.id
    page.table.opened.emit(run)
    assert asked == [run]
    assert went == ["review"]


def test_a_paused_run_goes_on(folder, opened_page, qtbot):
    from core.io import atomic
    from core.learning.runs import run_folder

    with Project.open(folder) as project:
        run = small.past_run(project, state=RunState.PAUSED, usable=False)
        atomic.write_bytes(run_folder(project, run.id) / "resume.pt", b"x")
    session, page = opened_page(folder)
    qtbot.waitUntil(lambda: page.header.title == "Run 1", timeout=10000)
    assert not page.header.resume.isHidden()
    before = len(page.curves.loss.series("train")[0])
    assert before > 2
    page.header.resume.click()
    assert session.jobs.training.thread.job.arguments == {"project_path": session.project.path, "resume": run.id}
    # what it had learnt before stays on the curves; an epoch that is learnt again is there once
    assert len(page.curves.loss.series("train")[0]) == before
    for epoch in small.epochs_of(run.id, before + 1, planned=before + 1)[-2:]:
        session.jobs.training.thread.say(epoch)
    assert list(page.curves.loss.series("train")[0]) == list(range(1, before + 2))


def test_entering_the_table_chooses_nothing(with_runs, opened_page, qtbot):
    session, page = opened_page(with_runs)
    _work, run = start(session, page, qtbot)
    chosen = []
    page.table.chosen.connect(chosen.append)
    page.table.setFocus()
    qtbot.wait(20)
    assert chosen == []
    assert page.shown.run == run.id


@pytest.mark.timing
def test_a_flood_of_events_never_blocks_the_window(folder, opened_page, qtbot):
    session, page = opened_page(folder)
    work, run = start(session, page, qtbot, epochs=300)
    epochs = small.epochs_of(run.id, 300, planned=300)
    work.thread.say(*epochs[:299])
    longest = 0.0
    for event in (epochs[299], Progress(1, 2, "training", rate=3), small.sample_pictures(session.project, run.id, 2)):
        begun = time.thread_time()
        work.thread.say(event)
        longest = max(longest, time.thread_time() - begun)
    assert longest < 0.05


def test_words_of_numbers():
    assert grouped(1180) == "1\u202f180"
    assert grouped(3.4) == "3.4"
    assert clock(3725) == "1:02:05"
    assert time_left(110) == "about 1 min 50 s left"
    assert time_left(2) == "a moment left"
    assert time_left(7200) == "about 2.0 h left"


def turned(field):
    """Turn the wheel over a field, and return whether the field took it."""
    field.clearFocus()
    spot = QPointF(field.rect().center())
    down, still = QPoint(0, -120), Qt.ScrollPhase.NoScrollPhase
    keys = (Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier)
    turn = QWheelEvent(spot, field.mapToGlobal(spot), QPoint(), down, *keys, still, False)
    QApplication.sendEvent(field, turn)
    return turn.isAccepted()


def fields_of(widget):
    return [one for kind in (QComboBox, QAbstractSpinBox) for one in widget.findChildren(kind) if one.isVisible()]


def test_the_wheel_over_a_setting_leaves_its_value(folder, opened_page, qtbot):
    dialog = ExpertDialog(TrainingConfig(("Brain",)))
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitExposed(dialog)
    _, page = opened_page(folder)
    before = dialog.config, page.panel.config()
    fields = [*fields_of(dialog), *fields_of(page.panel)]
    assert {dialog.prepare.fit, page.panel.slice_size, dialog.editors["augment"]} <= set(fields)
    for field in fields:
        # the focus that the wheel itself would give comes before the wheel: that is the policy
        assert field.focusPolicy() != Qt.FocusPolicy.WheelFocus
        assert not turned(field)
    assert (dialog.config, page.panel.config()) == before


@pytest.mark.parametrize("size", [(960, 640), (1280, 800)])
def test_what_speaks_against_a_training_is_seen_whole(folder, opened_page, qtbot, size):
    _session, page = opened_page(folder)
    page.resize(*size)
    advice = page.panel.data.advice
    qtbot.waitUntil(lambda: "3 patients" in page.panel.data.warning, timeout=10000)
    qtbot.waitUntil(lambda: advice.visibleRegion().boundingRect().height() == advice.height() > 0, timeout=3000)
    assert advice.height() >= advice.heightForWidth(advice.width())
