"""Panes that show what is chosen, all figures of a run, its report."""

from __future__ import annotations

import csv
import re
import threading
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import small_project as small
from page_support import page_on
from PIL import Image
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest

from core.commands.line import run as run_command
from core.errors import InputError
from core.learning.runs import find_run
from core.project.predictions import read_prediction, read_probability
from core.project.project import Project
from core.review.entropy import entropy_levels
from core.review.evaluation import count_looks
from core.review.fitness import Learnt, misfits
from core.review.metrics import measure
from core.review.report import _learnt, gather
from core.review.report_html import html
from core.review.set_numbers import Against, means, scan_numbers
from core.review.strip import apply_mask
from gui.jobs.asking import Asker
from gui.report.command import write
from gui.review import numbers_desk as desk_module
from gui.review import saving as saving_module
from gui.review.case import BOTH, ONLY_PREDICTION, ONLY_REFERENCE
from gui.review.contents import UNSURE, key_of
from gui.review.panes import VIEWS
from gui.review.workspace import ReviewWorkspace


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Three scans, two drawn; run 1 and run 2 predicted the first two; another reader drew the first."""
    path = tmp_path_factory.mktemp("bench") / "small.meninx"
    with small.make_project(path) as project:
        first = small.past_run(project, top=0.90)
        second = small.past_run(project, top=0.97, labels=("Brain", "Tumour"))
        for number, scan in enumerate(project.scans()[:2]):
            masks = dict(small.head_of(number + 1, small.SHAPE, True).masks)
            small.predict(project, second.id, scan.id, masks)
            small.predict(project, first.id, scan.id, {"Brain": np.roll(masks["Brain"], 3, axis=2)})
        annotation = project.ensure_annotation(project.scans()[0].id, "reader-b")
        other = np.zeros(small.SHAPE, np.uint8)
        other[4:6, 20:40, 20:40] = project.labels().named("Brain").value
        project.save_layers(annotation.id, {"brain": other}, {"brain": []}, journal_sequence=0)
    return path


@pytest.fixture
def bench(template, qtbot):
    with page_on(qtbot, template, ReviewWorkspace) as (session, page):
        session.open_scan(session.project.scans()[0].id)
        qtbot.waitUntil(lambda: page.case is not None and page.case.predicted, timeout=15000)
        yield session, page


def settled(page, qtbot):
    qtbot.waitUntil(lambda: not page._cases.busy, timeout=15000)


def test_every_view_shows_its_panes_and_keeps_them_linked(bench, qtbot):
    _, page = bench
    for name, view in VIEWS.items():
        page.choose_view(name)
        settled(page, qtbot)
        seen = [pane for pane in page.panes.views if not pane.isHidden()]
        assert len(seen) == len(view.keys) == len(page.panes.shown), name
        assert all(shown.title for shown in page.panes.shown)
        page.panes.set_index(7)
        assert {pane.index for pane in seen} == {7}
        page.panes.set_index(3)


def test_a_pane_shows_another_reader_and_another_run(bench, qtbot):
    session, page = bench
    references = page._references()
    reader = next(one for one in references if one.id == "reader-b")
    run = next(one for one in references if one.kind == "run")
    page.panes.put(0, key_of(reader))
    page.panes.put(1, key_of(run))
    settled(page, qtbot)
    drawn = page.panes.shown[0].overlays[0].mask
    assert np.count_nonzero(drawn) == 2 * 20 * 20
    predicted = read_prediction(session.project, run.id, session.scan.id)["Brain"]
    np.testing.assert_array_equal(page.panes.shown[1].overlays[0].mask, predicted)
    assert page.panes.shown[1].title == run.words
    # what was put there stays when the layout changes and comes back
    page.choose_view("two")
    page.choose_view("four")
    assert page.panes.keys[:2] == (key_of(reader), key_of(run))


def test_unsure_places_are_the_entropy_of_what_is_stored(bench, qtbot):
    session, page = bench
    assert page.label_case.unsure is None
    page.panes.put(0, UNSURE)
    qtbot.waitUntil(lambda: page.label_case is not None and page.label_case.unsure is not None, timeout=15000)
    stored = read_probability(session.project, page.run.id, session.scan.id, "Brain")
    np.testing.assert_array_equal(page.panes.shown[0].overlays[0].mask, entropy_levels(stored))


def test_the_difference_tells_both_from_either(bench):
    session, page = bench
    case = page.label_case
    label = session.labels.named("Brain")
    truth, guess = session.editor.mask(label.layer) == label.value, case.predicted != 0
    np.testing.assert_array_equal(case.difference == BOTH, truth & guess)
    np.testing.assert_array_equal(case.difference == ONLY_PREDICTION, guess & ~truth)
    np.testing.assert_array_equal(case.difference == ONLY_REFERENCE, truth & ~guess)


def test_the_swipe_shows_the_one_left_and_the_other_right_of_its_edge(bench, qtbot):
    _, page = bench
    page.choose_view("swipe")
    panes = page.panes
    qtbot.waitUntil(lambda: panes.views[0].width() > 400)
    handle = panes._handle
    start = handle.geometry().center()
    assert start.x() == pytest.approx(panes.width() / 2, abs=8)
    QTest.mousePress(handle, Qt.MouseButton.LeftButton, pos=handle.rect().center())
    place = handle.mapFromParent(QPointF(panes.width() * 0.25, start.y()).toPoint())
    QTest.mouseMove(handle, place)
    qtbot.waitUntil(lambda: panes.share < 0.4)
    QTest.mouseRelease(handle, Qt.MouseButton.LeftButton, pos=handle.rect().center())
    assert panes.views[0].mask().boundingRect().right() == pytest.approx(panes.width() * panes.share, abs=2)
    assert panes.views[1].mask().isEmpty()
    page.choose_view("four")
    assert panes.views[0].mask().isEmpty()
    assert handle.isHidden()


def test_flicker_takes_turns_and_ends_with_the_view(bench, qtbot):
    _, page = bench
    page.choose_view("flicker")
    panes = page.panes

    def above() -> int:
        children = panes.children()
        return int(children.index(panes.views[1]) > children.index(panes.views[0]))

    assert above() == 0
    panes._flick()
    assert above() == 1
    panes._flick()
    assert above() == 0
    assert panes._flicker.isActive()
    page.choose_view("two")
    assert not panes._flicker.isActive()


@pytest.mark.parametrize(("view", "count"), [("mask", 2), ("compared", 3), ("stripped", 3), ("six", 6)])
def test_the_usual_pictures_are_saved_as_they_are_seen(bench, qtbot, tmp_path, monkeypatch, view, count):
    session, page = bench
    target = tmp_path / f"{view}.png"
    monkeypatch.setattr(saving_module.QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    page.choose_view(view)
    settled(page, qtbot)
    page.views.save.click()
    page.saving.wait()
    geometry = session.volume.geometry
    plane = geometry.view(geometry.native_plane)
    wide = round(plane.columns * plane.column_size * saving_module.PICTURE_HEIGHT / (plane.rows * plane.row_size))
    with Image.open(target) as picture:
        columns = page.panes.columns
        assert picture.width == columns * (wide + 2)
        assert picture.height > saving_module.PICTURE_HEIGHT * (count // columns)
        # without the titles, whose words are bluish
        pixels = np.asarray(picture.convert("RGB")).astype(int)[30 : saving_module.PICTURE_HEIGHT]
    first, second = pixels[:, :wide], pixels[:, wide + 2 : 2 * wide + 2]
    colour = lambda part: int(np.abs(part[..., 0] - part[..., 2]).max())  # noqa: E731
    assert colour(first) < 8, "the scan alone is grey"
    assert colour(second) > 40, "the mask is in colour"


def numbers(page, qtbot):
    page.choose_view("numbers")
    qtbot.waitUntil(lambda: not page.desk.busy and page.desk.page.model.rowCount() > 0, timeout=20000)
    return page.desk.page


def test_the_table_holds_the_metrics_and_sorts(bench, qtbot):
    session, page = bench
    shown = numbers(page, qtbot)
    assert shown.model.rowCount() == 4
    scan = session.project.scans()[1]
    predicted = read_prediction(session.project, page.run.id, scan.id)["Brain"]
    annotation = session.project.annotation(scan.id, session.reader)
    truth = session.project.read_layer(annotation.id, "brain") == session.labels.named("Brain").value
    wanted = measure(truth, predicted, session.project.geometry(scan.id))
    row = next(one for one in shown.model.rows if one["scan"] == scan.name and one["label"] == "Brain")
    assert (row["dice"], row["hd95"], row["lesions"]) == (wanted.dice, wanted.hd95, wanted.lesions.there)
    column = shown.model.columns.index("truth_ml")
    shown.table.sortByColumn(column, Qt.SortOrder.DescendingOrder)
    values = [one["truth_ml"] for one in shown.model.rows]
    assert values == sorted(values, reverse=True)
    shown.set_level("slices")
    assert shown.model.rowCount() == 2 * 2 * small.SHAPE[0]
    assert shown.volumes.filled
    assert shown.scores.filled


def test_a_selection_is_summed_up_and_saved(bench, qtbot, tmp_path, monkeypatch):
    _, page = bench
    shown = numbers(page, qtbot)
    shown.table.selectRow(0)
    assert len(shown.selected) == 1
    assert f"{shown.model.rows[0]['dice']:.3f}" in shown.summary.text()
    target = tmp_path / "table.csv"
    monkeypatch.setattr(desk_module.QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    shown.save.click()
    page.desk._tasks.wait()
    with target.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["dice"]) == pytest.approx(shown.model.rows[0]["dice"])
    assert "scan_id" not in row


def test_a_row_leads_to_its_scan_and_slice(bench, qtbot):
    session, page = bench
    shown = numbers(page, qtbot)
    shown.set_level("slices")
    row = next(number for number, one in enumerate(shown.model.rows) if one["scan"] == "S0002" and one["slice"] == 5)
    shown.table.doubleClicked.emit(shown.model.index(row, 0))
    qtbot.waitUntil(lambda: session.scan is not None and session.scan.name == "S0002" and page.panes.index == 4)
    assert page.views.chosen == "four"


@pytest.mark.parametrize("place", ["readers", "numbers", "next", "gates"])
def test_a_run_that_is_to_be_reviewed_is_seen_wherever_the_page_was_left(bench, qtbot, place):
    session, page = bench
    page.choose_view("two")
    {"next": page.bar.next.click, "gates": page.show_gate_list}.get(place, lambda: page.choose_view(place))()
    assert not page.panes.isVisible()
    session.review_requested.emit(page.run.id)
    assert page.panes.isVisible()
    assert page.views.chosen == page.panes.view_name == "two"
    assert not page.readers.is_open
    assert not page.bar.next.isChecked()


def test_test_scans_are_shown_on_purpose_only_and_that_is_counted(bench, qtbot, monkeypatch):
    session, page = bench
    monkeypatch.setattr("core.review.set_numbers._part", lambda project, run, scan: "test")
    page.choose_view("numbers")
    qtbot.waitUntil(lambda: not page.desk.busy and len(page.desk.page._found) == 2, timeout=20000)
    assert page.desk.page.model.rowCount() == 0
    before = count_looks(session.project, page.run.id)
    page.desk.page.choose_part("test")
    page.desk._tasks.wait()
    assert page.desk.page.model.rowCount() == 4
    assert count_looks(session.project, page.run.id) == before + 1


def test_means_leave_out_what_has_no_value_and_do_not_mix_units():
    rows = [{"dice": 0.5, "hd95": 1.0, "unit": "mm"}, {"dice": None, "hd95": 9.0, "unit": "px"}]
    assert means(rows) == {"dice": (0.5, 0.5, 1)}


def test_a_run_can_be_measured_against_another_run(template):
    with Project.open(template, read_only=True) as project:
        scan = project.scans()[0]
        from core.learning.runs import list_runs

        first, second = list_runs(project)
        found = scan_numbers(project, second.id, scan, Against(run=first.id))
        (row,) = found.labels
        masks = [read_prediction(project, run.id, scan.id)["Brain"] for run in (first, second)]
        assert row["dice"] == measure(masks[0], masks[1], project.geometry(scan.id)).dice
        assert len(found.slices) == small.SHAPE[0]


class Reader(HTMLParser):
    """Takes HTML apart and holds it to what it opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.pictures = 0

    def handle_starttag(self, tag, attrs):
        facts = dict(attrs)
        assert not re.match(r"https?:", facts.get("src") or facts.get("href") or ""), "a report needs nothing beside it"
        self.pictures += tag == "img" and facts["src"].startswith("data:image/png;base64,")
        if tag not in ("img", "meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("for_qt", [False, True])
def test_the_report_is_whole_and_says_what_it_is_not_for(template, for_qt):
    with Project.open(template, read_only=True) as project:
        report = gather(project, "last")
    reader = Reader()
    reader.feed(html(report, for_qt=for_qt))
    assert not reader.open
    words = " ".join(reader.words)
    assert "For research use only, not for diagnosis." in words
    assert "Run 2: report" in words
    assert "Brain, Tumour" in words
    assert reader.pictures >= 1
    assert small.READER not in words


def test_the_command_writes_html_and_pdf_and_refuses_the_rest(template, tmp_path, capsys):
    for name in ("r.html", "r.pdf"):
        target = tmp_path / name
        assert run_command(["report", str(template), "--run", "last", "-o", str(target)]) == 0
        content = target.read_bytes()
        assert content.startswith(b"%PDF" if name == "r.pdf" else b"<!DOCTYPE html>")
        assert len(content) > 20_000
    capsys.readouterr()
    assert run_command(["report", str(template), "--run", "last", "-o", str(tmp_path / "r.docx")]) == 1
    assert ".html or .pdf" in capsys.readouterr().err
    assert not (tmp_path / "r.docx").exists()


def test_the_window_writes_a_report_without_holding_still(bench, qtbot, tmp_path, monkeypatch):
    _, page = bench
    target = tmp_path / "report"
    monkeypatch.setattr(desk_module.QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    page.views.report.click()
    written = target.with_name("report.pdf")
    qtbot.waitUntil(written.exists, timeout=30000)
    page.desk._tasks.wait()
    assert written.read_bytes().startswith(b"%PDF")


def test_a_pdf_without_qt_is_refused_in_words(template, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "gui.report.pdf", None)
    with Project.open(template, read_only=True) as project, pytest.raises(InputError) as found:
        write(project, "last", tmp_path / "r.pdf")
    assert found.value.code == "qt-missing"
    assert not list(tmp_path.iterdir())


def test_another_modality_and_colour_are_told_and_not_forbidden(bench):
    session, _ = bench
    scan = session.project.scans()[0]
    assert misfits(Learnt(), scan) == []
    assert misfits(Learnt(frozenset({scan.modality or "MR"}), frozenset({1})), scan) == []
    other = "CT" if scan.modality == "MR" else "MR"
    said = misfits(Learnt(frozenset({other}), frozenset({3})), scan)
    assert len(said) == 2
    assert other in said[0]
    assert "grey" in said[1]


def test_a_label_that_is_gone_is_said_beside_the_figures(bench, qtbot, monkeypatch):
    _, page = bench
    monkeypatch.setattr("gui.review.case.lost_labels", lambda labels, run: ["Lesion"])
    page.refresh()
    settled(page, qtbot)
    assert "Lesion" in page.side.numbers.warning


def test_too_little_memory_is_told_in_words(qtbot):
    asker = Asker()

    def greedy() -> None:
        raise MemoryError

    with qtbot.waitSignal(asker.refused, timeout=5000) as heard:
        asker.ask(greedy)
    assert heard.args[0].code == "memory-short-here"
    asker.close()


def test_a_report_counts_what_a_run_learnt_from_in_words(bench):
    session, _ = bench
    run = find_run(session.project, "last")
    assert _learnt(replace(run, scans=1, slices=1)) == "1 scan, 1 finished slice"
    # of a run that came from elsewhere nobody counted the slices
    assert _learnt(replace(run, scans=2, slices=0)) == "2 scans"
    classifies = replace(run.config, task="classify", class_name="stroke", labels=())
    assert _learnt(replace(run, scans=2, slices=30, config=classifies)) == "2 scans, 30 slices"


def test_a_newer_question_does_not_wait_for_the_one_before(qtbot):
    asker = Asker(threads=2)
    given_up = threading.Event()
    heard = []
    asker.answered.connect(heard.append)
    asker.ask(given_up.wait, 20)
    with qtbot.waitSignal(asker.answered, timeout=5000):
        asker.ask(lambda: "newer")
    given_up.set()
    asker.close()
    qtbot.wait(20)
    assert heard == ["newer"]


def test_nan_pixels_are_stripped_and_drawn_as_background():
    head = small.head_of(1, small.SHAPE, True).volume
    from dataclasses import replace

    array = head.array.astype(np.float32)
    array[3, 10:20, 10:20] = np.nan
    volume = replace(head, array=array)
    mask = np.zeros(small.SHAPE, bool)
    mask[2:6, 5:40, 5:40] = True
    from core.review.pictures import PREDICTED, Panel, row

    picture = row([Panel("Scan", volume), Panel("Mask", volume, ((mask, PREDICTED),))], 3)
    assert picture.dtype == np.uint8
    assert picture.max() > 0
    stripped = apply_mask(volume, mask)
    assert np.isnan(stripped.array).sum() <= np.isnan(array).sum()
