"""The Review page over a real small project with stored predictions."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import nibabel as nib
import numpy as np
import pytest
import small_project as small
from page_support import page_on
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest

from core.errors import LearningError
from core.events import Failed, Finished, Progress, ScanReady
from core.geometry import Geometry
from core.learning.runs import ensure_imported, list_runs
from core.project.predictions import prediction_folder, read_prediction
from core.project.project import Project
from core.project.records import Origin
from core.review.compare import compare_label
from core.review.metrics import dice_per_slice, measure
from core.volume import Volume
from gui.review import correct_desk as correct_module
from gui.review import saving as saving_module
from gui.review import workspace as workspace_module
from gui.review.case import ONLY_PREDICTION, ONLY_REFERENCE
from gui.review.contents import prediction_color
from gui.review.dice_strip import DiceStrip
from gui.review.numbers import DASH, difference_words, figures
from gui.review.saving import with_ending, write
from gui.review.workspace import ReviewWorkspace


@pytest.fixture
def folder(tmp_path):
    """Three scans, the last not drawn; run 1 predicted nothing, run 2 predicted the first and the last."""
    path = tmp_path / "small.meninx"
    with small.make_project(path) as project:
        small.past_run(project, top=0.90)
        better = small.past_run(project, top=0.97, labels=("Brain", "Tumour"))
        for number, scan in enumerate(project.scans()):
            if number != 1:
                head = small.head_of(number + 1, small.SHAPE, True)
                small.predict(project, better.id, scan.id, dict(head.masks))
    return path


@pytest.fixture
def page_of(qtbot):
    with ExitStack() as pages:
        yield lambda path: pages.enter_context(page_on(qtbot, path, ReviewWorkspace))


@pytest.fixture
def shown(folder, page_of, qtbot):
    """The page with the first scan compared."""
    session, page = page_of(folder)
    open_scan(session, page, qtbot, 0)
    return session, page


def open_scan(session, page, qtbot, number: int, *, predicted: bool = True):
    scan = session.project.scans()[number]
    session.open_scan(scan.id)
    qtbot.waitUntil(
        lambda: page.case is not None and page.case.scan == scan.id and page.case.predicted == predicted, timeout=15000
    )
    return scan


def test_the_page_begins_at_the_slice_with_most_of_the_label(shown, qtbot):
    session, page = shown
    amounts = np.count_nonzero(session.editor.mask("brain"), axis=(1, 2))
    assert amounts.any()
    assert page.panes.index == page.side.difference.view.index == int(amounts.argmax())


def test_the_figures_are_those_of_the_metrics(shown):
    session, page = shown
    scan = session.scan
    predicted = read_prediction(session.project, page.run.id, scan.id)["Brain"]
    label = session.labels.named("Brain")
    truth = session.editor.mask(label.layer) == label.value
    wanted = measure(truth, predicted, session.volume.geometry)
    numbers = page.side.numbers
    assert numbers.value("dice") == f"{wanted.dice:.3f}"
    assert numbers.value("iou") == f"{wanted.iou:.3f}"
    assert numbers.value("hd95") == f"{wanted.hd95:.1f} mm"
    assert numbers.value("assd") == f"{wanted.assd:.1f} mm"
    assert numbers.value("sensitivity") == f"{wanted.sensitivity:.3f}"
    assert numbers.value("specificity") == f"{wanted.specificity:.3f}"
    assert numbers.value("volume_difference") == difference_words(wanted, session.volume.geometry)
    np.testing.assert_allclose(page.side.strip.values, dice_per_slice(truth, predicted))


def test_the_best_run_is_chosen_by_itself(shown):
    _, page = shown
    assert page.run.name == "Run 2"
    assert "★" in page.bar.run.currentText()
    assert page.bar.chosen_reference.kind == "reader"


def test_the_difference_holds_both_kinds_of_error(shown):
    session, page = shown
    case = page.label_case
    label = session.labels.named("Brain")
    truth = session.editor.mask(label.layer) == label.value
    guess = case.predicted != 0
    assert ((case.difference == ONLY_PREDICTION) == (guess & ~truth)).all()
    assert ((case.difference == ONLY_REFERENCE) == (truth & ~guess)).all()
    assert not page.side.difference.isHidden()


def test_the_stripped_pane_shows_the_prediction_applied(shown):
    session, page = shown
    volume, source = page.case.stripped
    assert source == "prediction"
    inside = page.case.labels["Brain"].predicted != 0
    assert (volume.array[inside] == session.volume.array[inside]).all()
    assert (volume.array[~inside] == session.volume.array.min()).all()
    assert page.panes.pane(3).volume is volume
    assert page.panes.pane(3).words[1] == "prediction applied"


def test_another_label_has_its_own_figures(shown):
    _, page = shown
    brain = page.side.numbers.value("dice")
    page.side.label.setCurrentIndex(page.side.label.findData("Tumour"))
    assert page.label_case.name == "Tumour"
    assert page.side.numbers.value("dice") != brain


def test_panes_strip_and_difference_move_together(shown, qtbot):
    _, page = shown
    page.panes.set_index(3)
    assert page.side.difference.view.index == 3
    assert page.side.strip._here.value() == 4
    assert page.panes.pane(0).words[1] == "4 / 12"
    page.side.strip.slice_chosen.emit(7)
    assert {view.index for view in page.panes.views} == {7}
    page.side.difference.view.set_index(5)
    assert page.panes.index == 5


def test_a_click_on_the_curve_goes_to_that_slice(shown, qtbot):
    _, page = shown
    strip = page.side.strip
    item = strip.getPlotItem()
    place = strip.mapFromScene(item.vb.mapViewToScene(QPointF(9.0, 0.5)))
    QTest.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert page.panes.index == 8


def test_worst_slice_goes_from_the_worst_on(shown):
    _, page = shown
    ranked = [one.slice for one in page.label_case.ranked]
    assert len(ranked) > 2
    seen = []
    for _ in range(3):
        page.bar.worst.click()
        seen.append(page.panes.index)
    assert seen == ranked[:3]
    assert len(page.side.next.lines) == 3
    assert f"slice {ranked[0] + 1}" in page.side.next.lines[0]


def test_an_undrawn_scan_says_what_there_is_and_is_not(folder, page_of, qtbot):
    session, page = page_of(folder)
    open_scan(session, page, qtbot, 2)
    assert page.side.numbers.value("dice") == DASH
    assert page.side.numbers.value("volume_predicted") != DASH
    assert "nothing to measure against" in page.side.numbers.note
    assert page.side.difference.isHidden()
    assert page.panes.pane(1).words[1] == "not drawn"
    assert page.side.numbers.value("volume_reference") == DASH


def test_what_is_drawn_and_not_finished_has_the_volume_that_its_pane_tells(folder, page_of, qtbot):
    with Project.open(folder) as project:
        small.draw(project, project.scans()[2].id, small.head_of(3, small.SHAPE, True).masks, finished=False)
    session, page = page_of(folder)
    open_scan(session, page, qtbot, 2)
    numbers, panes = page.side.numbers, page.panes
    assert numbers.value("dice") == DASH
    for row, pane in (("volume_reference", 1), ("volume_predicted", 2)):
        assert numbers.value(row) == panes.pane(pane).words[1].split("   ")[0]
        assert numbers.value(row).endswith(" mL")


def test_a_volume_without_spacing_is_told_in_pixels_where_nothing_is_finished():
    geometry = Geometry((2, 8, 8), np.eye(4), spacing_known=False)
    mask = np.ones((2, 8, 8), np.uint8)
    compared = compare_label("Brain", mask, mask, geometry, np.zeros(2, bool))
    assert figures(compared, geometry, "").values["volume_predicted"] == "128 px"
    assert figures(compared, geometry, "").values["volume_reference"] == "128 px"


def test_a_scan_without_an_imported_mask_is_not_said_to_wait_for_a_prediction(folder, page_of, qtbot):
    with Project.open(folder) as project:
        run = ensure_imported(project, ["Brain"])
        small.predict(project, run, project.scans()[0].id, dict(small.head_of(1, small.SHAPE, True).masks))
    session, page = page_of(folder)
    qtbot.waitUntil(lambda: page.bar.choose_run(run), timeout=10000)
    open_scan(session, page, qtbot, 1, predicted=False)
    said = page.side.nothing
    assert said._title.text() == "No mask of this scan"
    assert "Predicting" not in said._words.text()
    assert said._button.isHidden()


def test_an_unpredicted_scan_offers_to_predict_it(folder, page_of, qtbot):
    session, page = page_of(folder)
    scan = open_scan(session, page, qtbot, 1, predicted=False)
    assert not page.bar.correct.isEnabled()
    assert page.panes.pane(2).words[1] == "not predicted yet"
    assert page.case.stripped[1] == "reference"
    page.side.nothing.asked.emit()
    work = session.jobs.of_kind("predict")[0]
    assert work.thread.job.arguments["scans"] == [scan.id]
    assert work.thread.job.arguments["run"] == page.run.id
    assert not page.line.isHidden()
    work.thread.say(Progress(4, 12, "predicting", seconds_left=22, detail=scan.name))
    assert scan.name in page.line.words
    assert "about 20 s left" in page.line.words
    assert not page.bar.predict.isEnabled()
    head = small.head_of(2, small.SHAPE, True)
    small.predict(session.project, page.run.id, scan.id, dict(head.masks))
    work.thread.say(ScanReady(scan.id))
    qtbot.waitUntil(lambda: page.case is not None and page.case.predicted, timeout=15000)
    work.thread.end(Finished({"scans": [scan.name], "name": "Run 2"}))
    assert page.line.isHidden()
    assert page.bar.predict.isEnabled()


def test_stop_ends_the_prediction_after_its_scan(folder, page_of, qtbot):
    session, page = page_of(folder)
    open_scan(session, page, qtbot, 1, predicted=False)
    page.predicting.predict_missing()
    work = session.jobs.of_kind("predict")[0]
    assert work.thread.job.arguments["missing_only"] is True
    page.line._stop.click()
    assert work.thread.orders == ["start", "stop"]
    assert "Stopping" in page.line.words
    with pytest.raises(LearningError):
        session.jobs.start_prediction(page.run.id)
    work.thread.end(Failed(LearningError("job-died", reason="x")))
    assert page.line.isHidden()


def test_predictions_run_beside_a_training(folder, page_of, qtbot):
    from core.learning.config import TrainingConfig

    session, page = page_of(folder)
    open_scan(session, page, qtbot, 0)
    session.jobs.start_training(TrainingConfig(("Brain",)))
    page.predicting.predict_scan()
    assert {work.kind for work in session.jobs.running} == {"train", "predict"}
    assert "Training" in session.jobs.summary()
    assert "Predicting" in session.jobs.summary()


def test_another_run_as_reference(folder, page_of, qtbot):
    with Project.open(folder) as project:
        runs = [run.id for run in list_runs(project)]
        head = small.head_of(1, small.SHAPE, True)
        small.predict(project, runs[0], project.scans()[0].id, {"Brain": head.masks["Brain"]}, shift=2)
    session, page = page_of(folder)
    open_scan(session, page, qtbot, 0)
    places = [page.bar.reference.itemData(n).kind for n in range(page.bar.reference.count())]
    page.bar.reference.setCurrentIndex(places.index("run"))
    qtbot.waitUntil(lambda: page.side.numbers.value("dice") == "1.000", timeout=15000)
    assert page.side.numbers.note == ""


def test_drawing_makes_the_figures_new(shown, qtbot):
    session, page = shown
    before = page.side.numbers.value("dice")
    label = session.labels.named("Brain")
    new = session.editor.mask(label.layer).copy()
    new[:] = 0
    new[page.case.labels["Brain"].predicted != 0] = label.value
    session.editor.replace(label.layer, new, action="brush", label=label, origin=Origin.DRAWN, run=None)
    qtbot.waitUntil(lambda: page.side.numbers.value("dice") != before, timeout=15000)


def test_nothing_is_read_while_the_page_is_hidden(shown, qtbot, monkeypatch):
    session, page = shown
    asked = []
    monkeypatch.setattr(workspace_module, "answer", lambda question: asked.append(question))
    page.hide()
    session.predictions_changed.emit(session.scan.id)
    qtbot.wait(50)
    assert asked == []


def test_the_work_is_done_off_the_windows_thread(folder, page_of, qtbot, monkeypatch):
    threads = []
    real = workspace_module.answer

    def watched(question):
        threads.append(threading.current_thread())
        return real(question)

    monkeypatch.setattr(workspace_module, "answer", watched)
    session, page = page_of(folder)
    open_scan(session, page, qtbot, 0)
    assert threads
    assert threading.main_thread() not in threads


def test_correct_of_an_undrawn_scan_is_one_undoable_step(folder, page_of, qtbot, monkeypatch):
    monkeypatch.setattr(correct_module, "ask_keep_finished", lambda *_: pytest.fail("nothing is finished here"))
    session, page = page_of(folder)
    open_scan(session, page, qtbot, 2)
    went, places = [], []
    session.workspace_requested.connect(went.append)
    session.position_requested.connect(places.append)
    page.panes.set_index(5)
    page.bar.correct.click()
    qtbot.waitUntil(lambda: went == ["annotate"], timeout=15000)
    label = session.labels.named("Brain")
    editor = session.editor
    predicted = page.case.labels["Brain"].predicted
    assert ((editor.mask(label.layer) == label.value) == (predicted != 0)).all()
    assert places[0][2] == 5
    touched = int(np.flatnonzero(predicted.any(axis=(1, 2)))[0])
    state = editor.state(label.layer, touched)
    assert state.origin == Origin.PREDICTED
    assert state.run == page.run.id
    assert not state.finished
    editor.undo()
    assert not editor.undo_available
    assert not editor.mask(label.layer).any()


@pytest.mark.parametrize(("answer", "kept"), [(True, True), (False, False), (None, True)])
def test_finished_slices_are_only_replaced_when_asked(shown, qtbot, monkeypatch, answer, kept):
    session, page = shown
    counts = []

    def asked(_, count, slices):
        counts.append((count, slices))
        return answer

    monkeypatch.setattr(correct_module, "ask_keep_finished", asked)
    label = session.labels.named("Brain")
    before = session.editor.mask(label.layer).copy()
    went = []
    session.workspace_requested.connect(went.append)
    page.bar.correct.click()
    if answer is None:
        qtbot.wait(50)
        assert went == []
    else:
        qtbot.waitUntil(lambda: went == ["annotate"], timeout=15000)
    assert counts == [(small.SHAPE[0], small.SHAPE[0])]
    assert (session.editor.mask(label.layer) == before).all() == kept


def test_a_damaged_prediction_is_one_message(folder, page_of, qtbot, monkeypatch):
    from gui.notify import Notifier

    told = []
    monkeypatch.setattr(Notifier, "error", lambda self, error: told.append(error.code))
    with Project.open(folder) as project:
        run = project.store.read().execute("SELECT run FROM prediction").fetchone()[0]
        scan = project.scans()[0].id
        file = prediction_folder(project, run, scan) / "mask.nii.gz"
        file.write_bytes(file.read_bytes()[:-9])
    session, page = page_of(folder)
    session.open_scan(scan)
    qtbot.waitUntil(lambda: told == ["prediction-damaged"], timeout=15000)
    assert page.case is None
    assert not page.bar.correct.isEnabled()


def test_mask_and_brain_are_saved_in_the_scans_own_geometry(shown, qtbot, tmp_path, monkeypatch):
    session, page = shown
    for what, name in (("mask", "m"), ("brain", "b.nii.gz")):
        target = tmp_path / name
        monkeypatch.setattr(
            saving_module.QFileDialog, "getSaveFileName", staticmethod(lambda *_, chosen=target: (str(chosen), ""))
        )
        page.side.save_asked.emit(what, "prediction")
    page.saving.wait()
    predicted = page.case.labels["Brain"].predicted
    mask = nib.load(tmp_path / "m.nii.gz")
    assert (np.asarray(mask.dataobj).transpose(2, 1, 0) == predicted).all()
    np.testing.assert_allclose(mask.affine, session.volume.geometry.affine, atol=1e-4)
    brain = nib.load(tmp_path / "b.nii.gz")
    inside = predicted != 0
    assert (np.asarray(brain.dataobj).transpose(2, 1, 0)[inside] == session.volume.array[inside]).all()


def test_a_cancelled_dialog_writes_nothing(shown, tmp_path, monkeypatch):
    _, page = shown
    monkeypatch.setattr(saving_module.QFileDialog, "getSaveFileName", staticmethod(lambda *_: ("", "")))
    monkeypatch.chdir(tmp_path)
    page.side.save_asked.emit("mask", "reference")
    page.saving.wait()
    assert list(tmp_path.glob("*.gz")) == []


def test_a_stack_of_pictures_is_saved_as_pictures(tmp_path):
    array = np.random.default_rng(1).integers(0, 255, (3, 8, 9, 3), dtype=np.uint8)
    volume = Volume(array, Geometry.of_picture(8, 9, 3), channels=("R", "G", "B"))
    mask = np.zeros((3, 8, 9), np.uint8)
    mask[:, 2:5, 3:6] = 4
    files = write(tmp_path / "out", "mask", volume, (mask, 4), "P001_S0001")
    assert [file.suffix for file in files] == [".png"] * 3
    one = Volume(array[:1], Geometry.of_picture(8, 9), channels=("R", "G", "B"))
    assert write(tmp_path / "one.png", "brain", one, (mask[:1], 4), "x") == [tmp_path / "one.png"]
    assert (tmp_path / "one.png").read_bytes()[1:4] == b"PNG"


def test_without_runs_the_page_points_to_train(tmp_path, page_of, qtbot):
    path = tmp_path / "new.meninx"
    small.make_project(path, scans=1).close()
    session, page = page_of(path)
    qtbot.waitUntil(lambda: not page._runs.busy, timeout=10000)
    went = []
    session.workspace_requested.connect(went.append)
    page._empty.asked.emit()
    assert went == ["train"]


def test_review_requested_chooses_the_run(shown, qtbot):
    session, page = shown
    first = next(row.run.id for row in page._rows if row.run.name == "Run 1")
    session.review_requested.emit(first)
    assert page.run.name == "Run 1"
    qtbot.waitUntil(lambda: page.case is not None and page.case.run == first, timeout=15000)
    assert not page.case.predicted


@pytest.mark.timing
def test_taking_an_answer_in_never_blocks_the_window(shown):
    _, page = shown
    case = page.case
    begun = time.thread_time()
    page._take_case(case)
    assert time.thread_time() - begun < 0.05


def test_figures_of_the_odd_cases():
    geometry = Geometry((2, 4, 4), np.diag([1.0, 1.0, 1.0, 1.0]))
    empty = np.zeros((2, 4, 4), np.uint8)
    some = empty.copy()
    some[0, 1:3, 1:3] = 1
    both = figures(compare_label("Brain", empty != 0, empty, geometry), geometry, "test")
    assert both.values["dice"] == DASH
    assert "they agree" in both.note
    missed = figures(compare_label("Brain", some != 0, empty, geometry), geometry, "train")
    assert missed.values["dice"] == "0.000"
    assert "missed" in missed.note
    assert "flatter" in missed.warning
    extra = figures(compare_label("Brain", empty != 0, some, geometry), geometry, "validation")
    assert "nothing is drawn" in extra.note
    half = figures(compare_label("Brain", some != 0, some, geometry, np.array([True, False])), geometry, "")
    assert "finished slices only: 1 of 2" in half.note
    pixels = Geometry.of_picture(4, 4, 2)
    words = difference_words(measure(some, empty, pixels), pixels)
    assert words == "−4 px (−100 %)"


def test_small_words():
    from pathlib import Path

    assert with_ending(Path("a/b"), ".nii.gz") == Path("a/b.nii.gz")
    assert with_ending(Path("a/b.NII.GZ"), ".nii.gz") == Path("a/b.NII.GZ")
    assert prediction_color("#2ec4b6") != prediction_color("#ffb000")


def test_a_lone_finished_slice_of_a_long_scan_has_a_dot(qtbot):
    strip = DiceStrip()
    qtbot.addWidget(strip)
    values = np.full(120, np.nan)
    values[[20, 40, 60]] = 0.9
    strip.show_values(values)
    assert strip._curve.opts["symbol"] == "o"
    strip.show_values(np.full(120, 0.9))
    assert strip._curve.opts["symbol"] is None, "a line says it all"


def test_another_run_is_not_called_an_annotation(shown, qtbot):
    _, page = shown
    numbers = page.side.numbers
    assert numbers.name("volume_reference") == "Volume, annotation"
    other = next(n for n in range(page.bar.reference.count()) if "Prediction of" in page.bar.reference.itemText(n))
    page.bar.reference.setCurrentIndex(other)
    page.bar.reference.activated.emit(other)
    qtbot.waitUntil(lambda: numbers.name("volume_reference") == "Volume, other run", timeout=15000)
    page.bar.reference.setCurrentIndex(0)
    page.bar.reference.activated.emit(0)
    qtbot.waitUntil(lambda: numbers.name("volume_reference") == "Volume, annotation", timeout=15000)
