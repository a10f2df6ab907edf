"""The figures of a run follow what they rest on: predictions, masks, labels; and say why there are none."""

from __future__ import annotations

from dataclasses import replace

import pytest
import small_project as small
from page_support import page_on
from PySide6.QtCore import Qt

from core.labels import LabelSet
from core.messages import text
from core.project.predictions import read_prediction
from core.project.records import Origin
from core.review.metrics import measure
from gui.review import numbers_desk as desk_module
from gui.review.workspace import ReviewWorkspace


@pytest.fixture
def bench(tmp_path, qtbot):
    """Three scans, the first two finished; the run predicted none of them."""
    path = tmp_path / "small.meninx"
    with small.make_project(path, lesion=False) as project:
        small.past_run(project)
    with page_on(qtbot, path, ReviewWorkspace) as (session, page):
        session.open_scan(session.project.scans()[0].id)
        qtbot.waitUntil(lambda: page.case is not None, timeout=15000)
        yield session, page


def predict(session, page, *numbers: int, shift: int = 2) -> None:
    """Store predictions as a job does that ends."""
    for number in numbers:
        scan = session.project.scans()[number]
        masks = dict(small.head_of(number + 1, small.SHAPE, False).masks)
        small.predict(session.project, page.run.id, scan.id, masks, shift=shift)
        session.predictions_changed.emit(scan.id)


def numbers(page, qtbot, rows: int):
    """Show the figures and wait until they are all there."""
    page.choose_view("numbers")
    return settled(page, qtbot, rows)


def settled(page, qtbot, rows: int):
    qtbot.waitUntil(lambda: not page.desk.busy and page.desk.page.model.rowCount() == rows, timeout=20000)
    return page.desk.page


@pytest.fixture
def measured(monkeypatch):
    """Names of the scans that are measured, in order."""
    names = []
    before = desk_module.scan_numbers
    monkeypatch.setattr(desk_module, "scan_numbers", lambda *facts: names.append(facts[2].name) or before(*facts))
    return names


def dice_of(shown, name: str) -> float:
    return next(row["dice"] for row in shown.model.rows if row["scan"] == name)


def test_what_is_predicted_while_the_table_is_shown_is_measured(bench, qtbot, measured):
    session, page = bench
    shown = numbers(page, qtbot, 0)
    predict(session, page, 0, 1)
    settled(page, qtbot, 2)
    assert shown._said.text() == text("review.measured", total=2)
    assert measured == ["S0001", "S0002"]
    predict(session, page, 1, shift=5)
    before = dice_of(shown, "S0002")
    qtbot.waitUntil(lambda: not page.desk.busy and dice_of(shown, "S0002") != before, timeout=20000)
    assert measured == ["S0001", "S0002", "S0002"]


def test_what_is_predicted_elsewhere_is_measured_when_the_table_is_shown_again(bench, qtbot, measured):
    session, page = bench
    predict(session, page, 0)
    numbers(page, qtbot, 1)
    page.choose_view("four")
    predict(session, page, 1)
    page.hide()
    predict(session, page, 0, shift=4)
    qtbot.wait(400)
    assert measured == ["S0001"]
    page.show()
    numbers(page, qtbot, 2)
    assert measured == ["S0001", "S0001", "S0002"]
    page.choose_view("four")
    numbers(page, qtbot, 2)
    qtbot.wait(400)
    assert measured == ["S0001", "S0001", "S0002"]


def test_a_mask_drawn_on_is_measured_again_and_sort_and_choice_stay(bench, qtbot, measured):
    session, page = bench
    predict(session, page, 0, 1)
    shown = numbers(page, qtbot, 2)
    shown.table.sortByColumn(shown.model.columns.index("truth_ml"), Qt.SortOrder.DescendingOrder)
    shown.choose_part("none")
    chosen = shown.model.rows[1]["scan"]
    shown.table.selectRow(1)
    page.hide()
    label = session.labels.named("Brain")
    less = session.editor.mask(label.layer).copy()
    less[:, :, :30] = 0
    session.editor.replace(label.layer, less, action="brush", label=label, origin=Origin.DRAWN)
    session.save_now()
    qtbot.waitUntil(lambda: session.save_state.value == "saved", timeout=15000)
    page.show()
    scan = session.scan
    guess = read_prediction(session.project, page.run.id, scan.id)["Brain"]
    wanted = measure(less == label.value, guess, session.volume.geometry)
    qtbot.waitUntil(lambda: not page.desk.busy and dice_of(shown, scan.name) == wanted.dice, timeout=20000)
    assert measured == ["S0001", "S0002", "S0001"]
    assert shown.model.sorted_by == ("truth_ml", True)
    assert shown.chosen_part == "none"
    assert [row["scan"] for row in shown.selected] == [chosen]


def test_a_label_of_another_name_is_measured_no_more(bench, qtbot):
    session, page = bench
    predict(session, page, 0, 1)
    shown = numbers(page, qtbot, 2)
    (label,) = session.labels
    session.change_labels(LabelSet((replace(label, name="Skull"),)))
    settled(page, qtbot, 0)
    assert shown._said.text() == text("review.measured_none")


def test_it_says_why_there_are_no_figures(bench, qtbot, monkeypatch):
    session, page = bench
    shown = numbers(page, qtbot, 0)
    assert shown._said.text() == text("review.measured_unpredicted")
    predict(session, page, 2)
    qtbot.waitUntil(lambda: shown._said.text() == text("review.measured_elsewhere"), timeout=20000)
    monkeypatch.setattr("core.review.set_numbers._part", lambda project, run, scan: "test")
    predict(session, page, 0)
    qtbot.waitUntil(lambda: shown._said.text() == text("review.measured_hidden"), timeout=20000)
    shown.choose_part("validation")
    assert shown._said.text() == text("review.measured_part")
    assert shown.model.rowCount() == 0


def test_the_count_of_looks_is_said_with_the_test_scans_only(bench, qtbot, monkeypatch):
    session, page = bench
    parts = dict(zip((scan.id for scan in session.project.scans()), ("test", "validation", ""), strict=True))
    monkeypatch.setattr("core.review.set_numbers._part", lambda project, run, scan: parts[scan])
    predict(session, page, 0, 1)
    shown = numbers(page, qtbot, 1)
    shown.choose_part("test")
    looks = text("review.looks", count=1)
    qtbot.waitUntil(lambda: shown._said.text() == looks, timeout=20000)
    shown.choose_part("seen")
    assert shown._said.text() == text("review.measured", total=2)
    shown.choose_part("test")
    assert shown._said.text() == looks


def test_no_slice_is_offered_where_none_is_shown(bench, qtbot):
    session, page = bench
    predict(session, page, 0)
    qtbot.waitUntil(lambda: page.case is not None and page.case.predicted, timeout=15000)
    menu = page.bar.parts.menu()

    def offered() -> list[bool]:
        menu.aboutToShow.emit()
        return [action.isEnabled() for action in menu.actions() if not action.isSeparator()]

    assert offered() == [True, True, True]
    numbers(page, qtbot, 1)
    assert offered() == [False, False, True]
    page.choose_view("four")
    assert offered() == [True, True, True]
