"""Runs in the window: cautions, curves as files, compare, export, take in, delete; expert settings."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
import small_project as small
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFileDialog
from train_support import opened_page, told

from core.errors import LearningError
from core.events import Failed, Finished
from core.learning.config import AUGMENTATIONS, LOSSES, NETWORKS, TrainingConfig
from core.learning.events import EpochEnded, Scores
from core.learning.run_files import ORIGIN_FILE
from core.learning.runs import EVENTS_FILE, RunState, create_run, list_runs, run_folder, write_evaluation, write_split
from core.messages import text
from core.project.project import Project
from core.review.evaluation import record_look
from gui.train.expert import ExpertDialog
from gui.train.expert_fields import PrepareFields
from gui.train.figures_page import rows_of
from gui.train.run_acts import delete_words
from gui.train.workspace import FIGURES, RUNS

__all__ = ["opened_page", "told"]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Two good runs (the second from the first), one that came to nothing, one that leaks."""
    path = tmp_path_factory.mktemp("runs") / "small.meninx"
    with small.make_project(path) as project:
        first = small.past_run(project, top=0.90)
        second = small.past_run(project, top=0.97, parent=first.id)
        small.past_run(project, top=0.5, state=RunState.FAILED, usable=False)
        leaky = small.past_run(project, top=0.8, network="attention_unet")
        for run in (first, second, leaky):
            reasons = ["patients-unknown"] if run is leaky else []
            patients = {"a": "validation"} if run is leaky else {"a": "validation", "b": "validation"}
            empty = {"train": [], "validation": [], "test": [], "slices": {}}
            write_split(project, run.id, empty | {"reasons": reasons, "patients": patients})
        measured(project, first, [0.8, 0.6])
        measured(project, second, [0.85, 0.65])
        record_look(project, second.id)
    return path


@pytest.fixture
def folder(template, tmp_path):
    return Path(shutil.copytree(template, tmp_path / "small.meninx"))


@pytest.fixture
def page_of(opened_page, qtbot):
    """The Train page once it shows the runs."""

    def make(path):
        session, page = opened_page(path)
        qtbot.waitUntil(lambda: page.shown is not None and bool(page.table.runs.rows), timeout=10000)
        return session, page

    return make


def measured(project, run, dices):
    rows = [{"scan": f"S{n}", "label": "Brain", "patient": f"P{n}", "dice": dice} for n, dice in enumerate(dices)]
    dice = {"mean": sum(dices) / len(dices), "median": dices[0], "ci95": [min(dices), max(dices)], "count": len(dices)}
    summary = {"dice": dice, "pooled_dice": 0.7, "pooled_dice_ci95": None, "missed_slices": 3, "scans": len(dices)}
    write_evaluation(project, run, "val", {"summary": summary, "scans": rows, "stamp": ""})


def choose(page, qtbot, name):
    """Choose a run in the table and wait for it."""
    number = next(n for n, row in enumerate(page.table.runs.rows) if row.run.name == name)
    page.table.setCurrentIndex(page.table.runs.index(number, 0))
    qtbot.waitUntil(lambda: page.header.title == name, timeout=10000)
    return page.table.runs.rows[number].run


def tick(page, *names):
    model = page.table.runs
    for number, row in enumerate(model.rows):
        if row.run.name in names:
            assert model.setData(model.index(number, 0), Qt.CheckState.Checked.value, Qt.ItemDataRole.CheckStateRole)


# ------------------------------------------------------------------- cautions


def test_why_the_curves_may_flatter_stands_above_them(folder, page_of, qtbot):
    _, page = page_of(folder)
    choose(page, qtbot, "Run 4")
    assert "Patients unknown" in page.curves.caution.words
    assert "one patient" in page.curves.caution.words
    assert page.curves.caution.isVisible()
    choose(page, qtbot, "Run 2")
    assert page.curves.caution.words == ""
    assert not page.curves.caution.isVisible()


def test_over_fitting_is_said_while_it_trains(folder, page_of, qtbot):
    session, page = page_of(folder)
    qtbot.waitUntil(lambda: page.panel.start.isEnabled(), timeout=10000)
    page.panel.start.click()
    qtbot.waitUntil(lambda: session.jobs.training is not None, timeout=5000)
    work = session.jobs.training
    run = create_run(session.project, work.thread.job.arguments["config"], scans=2, slices=24)
    work.thread.say(small.started(run.id, run.name, epochs=40))
    for number in range(1, 13):
        train, check = 0.1 + 0.06 * number, 0.6 - 0.03 * abs(number - 5)
        scores = (Scores(1 - train, train, train / 2, 0.9), Scores(1 - check, check, check / 2, 0.9))
        work.thread.say(EpochEnded(run.id, number, 40, *scores, 5, 0.6, 1.0, 1e-3))
        if number == 5:
            assert page.curves.caution.words == ""
    assert page.curves.caution.words.startswith("Over-fitting")


# --------------------------------------------------------------------- curves


def test_curves_are_saved_as_pictures(folder, page_of, qtbot, told, tmp_path, monkeypatch):
    _, page = page_of(folder)
    choose(page, qtbot, "Run 2")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "out"))
    page.curves.save.click()
    qtbot.waitUntil(lambda: bool(told), timeout=10000)
    names = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert names == ["run_2_curves.csv", "run_2_curves.png", "run_2_curves.svg"]
    assert "run_2_curves.svg" in told[0]
    assert b"Run 2" in (tmp_path / "out" / "run_2_curves.svg").read_bytes()


# -------------------------------------------------------------------- figures


def test_ticked_runs_stand_beside_each_other(folder, page_of, qtbot, told, tmp_path, monkeypatch):
    _, page = page_of(folder)
    assert page.box.figures.text() == "Figures"
    tick(page, "Run 1", "Run 2")
    assert page.box.figures.text() == "Compare 2 runs"
    page.box.figures.click()
    qtbot.waitUntil(lambda: page._stack.currentIndex() == FIGURES, timeout=10000)
    rows = dict(page.figures.table.rows)
    assert rows[""] == ["Run 1", "Run 2"], "the oldest first"
    assert rows["Dice per scan"] == ["0.700  (0.600 – 0.800)", "0.750  (0.650 – 0.850)"]
    assert rows["Dice minus that of Run 1"] == ["—", "+0.050  (+0.050 – +0.050)"]
    assert rows["Looks at the test scans"] == ["0", "1"]
    assert rows["Slices missed"] == ["3", "3"]
    assert rows["Started from"] == ["—", "Run 1"]
    dice = page.figures.cards[1]
    assert len(dice.series(0)) == len(dice.series(1)) == 30
    assert dice.series(2) == []
    assert not page.figures.measure.isVisible(), "both are measured"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "out"))
    page.figures.save.click()
    qtbot.waitUntil(lambda: bool(told), timeout=10000)
    assert {file.suffix for file in (tmp_path / "out").iterdir()} == {".csv", ".svg", ".png"}
    page.figures.back.click()
    assert page._stack.currentIndex() == RUNS


def test_a_run_alone_has_its_figures_and_the_unmeasured_is_measured(folder, page_of, qtbot, told):
    session, page = page_of(folder)
    run = choose(page, qtbot, "Run 4")
    page.box.figures.click()
    qtbot.waitUntil(lambda: page._stack.currentIndex() == FIGURES, timeout=10000)
    assert page.figures.run_ids == [run.id]
    assert "Patients unknown" in page.figures.caution.words
    assert dict(rows_of(page.figures.shown))["Network"] == ["Attention U-Net"]
    page.figures.measure.click()
    work = session.jobs.of_kind("evaluate")[0]
    assert work.thread.job.arguments == {"project_path": session.project.path, "run": run.id, "on": "val"}
    assert not page.figures.measure.isEnabled()
    measured(session.project, run, [0.5, 0.7])
    work.thread.end(Finished({"run": run.name, "on": "val", "summary": {"dice": {"mean": 0.6}}}))
    assert any("validation scans" in words and "0.600" in words for words in told)
    qtbot.waitUntil(lambda: "Dice per scan" in dict(page.figures.table.rows), timeout=10000)


def test_at_most_four_are_ticked_and_a_deleted_one_is_not(folder, page_of, qtbot):
    _, page = page_of(folder)
    model = page.table.runs
    rows = model.rows
    model.set_rows([*rows, replace(rows[0], run=replace(rows[0].run, id="other"))])
    for row in model.rows:
        model.tick(row.run.id, True)
    assert model.ticked == [row.run.id for row in model.rows][1:]
    model.set_rows(rows)
    assert "other" not in model.ticked
    assert model.data(model.index(1, 0), Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Checked
    assert model.data(model.index(0, 0), Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Unchecked


# -------------------------------------------------------------- giving, taking


def test_a_run_is_exported_and_one_taken_in(folder, page_of, qtbot, told, tmp_path, monkeypatch):
    session, page = page_of(folder)
    choose(page, qtbot, "Run 2")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "mine"), ""))
    page.box.export.click()
    qtbot.waitUntil(lambda: bool(told), timeout=10000)
    assert (tmp_path / "mine.zip").stat().st_size > 1000
    (tmp_path / "given").mkdir()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "given" / "model.json"), ""))
    page.box.take.click()
    work = session.jobs.of_kind("take_run")[0]
    assert work.thread.job.arguments == {"project_path": session.project.path, "source": tmp_path / "given"}
    # what came in has the lines of its curves from where it was made, with the name that it had there
    assert page.shown.started is not None
    made = list_runs(session.project)[0]
    assert made.name == "Run 1"
    log = run_folder(session.project, made.id) / EVENTS_FILE
    log.write_text(log.read_text("utf-8").replace(made.id, "elsewhere").replace("Run 1", "Their run"), "utf-8")
    result = {"run": made.id, "name": "Run 1", "origin": "Their run", "labels": ["Brain"], "learnt_here": 2}
    with qtbot.waitSignal(session.runs_changed):
        work.thread.end(Finished(result))
    assert "as Run 1" in told[-1]
    assert "2 scans" in told[-1]
    # and is the one that is looked at, by the name that it has here
    qtbot.waitUntil(lambda: page.shown.run == made.id, timeout=10000)
    assert page.shown.started.name == "Run 1"
    assert page.header._title.text() == "Run 1"
    index = page.table.selectionModel().selectedRows()[0]
    assert page.table.runs.rows[index.row()].run.id == made.id
    page.box.take.click()
    session.jobs.of_kind("take_run")[0].thread.end(Failed(LearningError("foreign-pickle", file="a.pth")))
    assert told[-1] == "foreign-pickle"


def test_a_run_from_elsewhere_says_so(folder, page_of, qtbot):
    with Project.open(folder) as project:
        run = list_runs(project)[0]
        (run_folder(project, run.id) / ORIGIN_FILE).write_text('{"name": "Their run"}')
    _, page = page_of(folder)
    row = next(row for row in page.table.runs.rows if row.run.id == run.id)
    assert row.from_words == "elsewhere: Their run"


def test_a_run_that_went_on_from_a_starter_says_which(folder, page_of, qtbot):
    with Project.open(folder) as project:
        first, second = list_runs(project)[:2]
        assert second.parent == first.id
        facts = '{\n "name": "brain",\n "run": "starter-brain-0123456789ab"\n}'
        (run_folder(project, first.id) / ORIGIN_FILE).write_text(facts)
    _, page = page_of(folder)
    rows = {row.run.id: row for row in page.table.runs.rows}
    assert rows[first.id].from_words == "Starter: brain"
    assert rows[second.id].from_words == f"{first.name} · brain"


# ------------------------------------------------------------------- deletion


def test_deleting_asks_and_says_what_goes(folder, page_of, qtbot, told, monkeypatch):
    session, page = page_of(folder)
    run = choose(page, qtbot, "Run 2")
    asked = []
    monkeypatch.setattr(page.acts, "confirm", lambda words: asked.append(words) or False)
    page.box.delete.click()
    qtbot.waitUntil(lambda: bool(asked), timeout=10000)
    assert "Run 2 goes for good" in asked[0]
    assert "looked at once" in asked[0]
    assert run_folder(session.project, run.id).is_dir()
    monkeypatch.setattr(page.acts, "confirm", lambda words: True)
    page.box.delete.click()
    qtbot.waitUntil(lambda: len(page.table.runs.rows) == 3, timeout=10000)
    assert not run_folder(session.project, run.id).exists()
    assert any("deleted" in words for words in told)
    qtbot.waitUntil(lambda: page.shown is not None and page.shown.run != run.id, timeout=10000)


def test_a_parent_is_not_deleted_and_nobody_is_asked(folder, page_of, qtbot, told, monkeypatch):
    session, page = page_of(folder)
    run = choose(page, qtbot, "Run 1")
    monkeypatch.setattr(page.acts, "confirm", lambda words: pytest.fail("asked"))
    page.box.delete.click()
    qtbot.waitUntil(lambda: bool(told), timeout=10000)
    assert "Run 2" in told[0]
    assert run_folder(session.project, run.id).is_dir()


def test_words_of_a_deletion_name_only_what_is_there(folder):
    from core.learning.run_removal import Ties, ties_of

    with Project.open(folder) as project:
        run = list_runs(project)[2]
        assert "predictions" not in delete_words(run, ties_of(project, run)).partition("its model")[2]
    assert "1 prediction." in delete_words(run, Ties((), 1, 0, 10))


# ------------------------------------------------------------ expert settings


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_loss_and_augmentation_has_its_words(network):
    assert text(f"train.network_{network}")
    assert text(f"train.network_{network}_long")
    assert all(text(f"train.loss_{loss}") for loss in LOSSES)
    assert all(text(f"train.choice_{name}") for name in AUGMENTATIONS)


def test_the_preparation_is_shown_and_taken(qtbot):
    fields = PrepareFields()
    qtbot.addWidget(fields)
    given = (("clip", "denoise=nlm", "crop", "resample=0.5"), ("W80/L40", "W215/L75", "W2800/L600"))
    fields.fill(*given)
    assert (fields.steps, fields.channels) == given
    assert not fields.millimetres.isHidden()
    fields.fit.setCurrentIndex(fields.fit.findData("pad"))
    assert fields.steps == ("clip", "denoise=nlm", "crop", "pad")
    assert fields.millimetres.isHidden()
    own = ("W100/L50",)
    fields.fill(("zscore",), own)
    assert (fields.steps, fields.channels) == (("zscore",), own)
    fields.fill(("zscore",), ("grey",))
    assert fields.channel.count() == 3
    assert not fields.centre.isEnabled()
    assert fields.centre.toolTip()


def test_a_split_by_slice_is_warned_of_and_folds_open_their_field(qtbot):
    dialog = ExpertDialog(TrainingConfig(("Brain",), network="resnet18_unet"))
    qtbot.addWidget(dialog)
    dialog.show()
    assert dialog._leaky.isHidden()
    dialog.editors["split"].setCurrentIndex(dialog.editors["split"].findData("slice"))
    assert not dialog._leaky.isHidden()
    assert dialog.config.split == "slice"
    assert not dialog.editors["fold"].isEnabled()
    dialog.editors["folds"].setValue(5)
    dialog.editors["fold"].setValue(9)
    assert (dialog.config.folds, dialog.config.fold) == (5, 4)
    dialog.editors["encoder_weights"].set_path("/some/where/weights.pth")
    dialog.editors["freeze"].setCurrentIndex(1)
    dialog.editors["patience"].setValue(12)
    dialog.editors["scribbles"].setChecked(False)
    config = dialog.config
    assert (config.encoder_weights, config.freeze) == ("/some/where/weights.pth", "encoder")
    assert (config.patience, config.scribbles) == (12, False)
    dialog._defaults()
    assert dialog.config == replace(TrainingConfig(("Brain",), network="resnet18_unet"), foreground=0.33)
    dialog._keep()
    assert dialog.result() == QDialog.DialogCode.Accepted


def test_weights_of_an_encoder_only_for_a_network_that_has_one(folder, page_of, qtbot):
    dialog = ExpertDialog(TrainingConfig(("Brain",)))
    qtbot.addWidget(dialog)
    assert not dialog.editors["encoder_weights"].isEnabled()
    assert "ResNet" in dialog.editors["encoder_weights"].toolTip()
    _, page = page_of(folder)
    panel = page.panel
    panel._experts["segment"] = replace(panel._experts["segment"], encoder_weights="w.pth")
    panel.network.setCurrentIndex(panel.network.findData("vgg16_unet"))
    assert panel.config().encoder_weights == "w.pth"
    panel.network.setCurrentIndex(panel.network.findData("unet"))
    assert panel.config().encoder_weights == ""
    panel.config().validate()


def test_a_child_is_shown_what_its_parent_was_shown(folder, page_of, qtbot):
    from core.learning.runs import update_run

    with Project.open(folder) as project:
        run = list_runs(project)[0]
        own = replace(run.config, size=160, slices=1, prepare=("clip", "zscore", "crop"), channels=("W80/L40",))
        update_run(project, run.id, config=own)
    _, page = page_of(folder)
    page.panel.start_from(run.id)
    config = page.panel.config()
    assert (config.parent, config.size, config.slices) == (run.id, 160, 1)
    assert (config.prepare, config.channels) == (own.prepare, own.channels)
    assert not page.panel.slices.isEnabled()


@pytest.mark.timing
def test_figures_of_four_runs_never_block_the_window(folder, page_of, qtbot):
    _, page = page_of(folder)
    tick(page, "Run 1", "Run 2", "Run 3", "Run 4")
    page.box.figures.click()
    qtbot.waitUntil(lambda: page._stack.currentIndex() == FIGURES, timeout=10000)
    found = page.figures.shown
    assert "\n" in dict(page.figures.table.rows)["Dice per scan"][0]
    begun = time.thread_time()
    page.figures.show_figures(found, measurable=True)
    assert time.thread_time() - begun < 0.05
