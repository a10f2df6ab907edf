"""Several people in the window: who reads what, blind, beside each other, reviewed, handed over and told of."""

from __future__ import annotations

import csv
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QItemSelectionModel, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot
from shell_support import mouse, stroke, wait_loaded

from core.phantom import make_head
from core.project.project import Project
from core.project.records import Origin, ScanStatus, SliceState
from core.review.agreement import agreements
from core.team import assignments, comments, statuses, tags
from core.team.bundle import bundle_job
from core.team.finishing import close_finished, finish
from core.team.readers import CONSENSUS_MAJORITY, adjudication_reader
from core.team.reading_time import seconds_of
from gui import loading
from gui.main_window import MainWindow
from gui.review.readers_page import ReadersPage
from gui.team.bundle_dialog import BundleDialog
from gui.team.merge_dialog import MergeDialog
from gui.team.timeline import TimelineDialog
from gui.worklist.rows import Query, Row, sift, time_words

SHAPE = (8, 64, 56)


def draw(project: Project, number: int, reader: str, *, shift: int = 0, finished: bool = True) -> str:
    """Save the phantom's brain, moved a little, as a reader's; return the scan's id."""
    scan = project.scans()[number]
    label = project.labels().named("Brain")
    mask = np.roll(make_head(number, shape=SHAPE).masks["Brain"], shift, axis=2).astype(np.uint8) * label.value
    states = [SliceState(z, Origin.DRAWN, None, finished, reader) for z in range(SHAPE[0])]
    annotation = project.ensure_annotation(scan.id, reader)
    project.save_layers(annotation.id, {label.layer: mask}, {label.layer: states}, journal_sequence=0)
    return scan.id


@pytest.fixture
def read_twice(project_path: Path) -> Path:
    """Anna and Ben have read the first scan, both done; the second is Ben's alone so far and blind."""
    with Project.open(project_path) as project:
        for number in (0, 1):
            draw(project, number, "Ben", shift=3)
        first = draw(project, 0, "Anna")
        both = [scan.id for scan in project.scans()[:2]]
        assignments.two_readers(project, both, "Anna", "Ben", by="Chief")
        for reader in ("Anna", "Ben"):
            finish(project, first, reader)
        finish(project, both[1], "Ben")
    # while it is closed: whoever copies the index of an open project takes SQLite's locks away
    shutil.copytree(project_path, project_path.with_name("other.meninx"))
    return project_path


@pytest.fixture
def study(window: MainWindow, read_twice: Path, qtbot: QtBot) -> MainWindow:
    """Anna's window on that study."""
    window.session.reader = "Anna"
    assert window.intake.open_project(read_twice)
    wait_loaded(window, qtbot)
    return window


def show(window: MainWindow, number: int, qtbot: QtBot) -> str:
    """Open a scan of the list and wait for it."""
    scan = window.worklist.model.all_scans()[number]
    window.session.open_scan(scan.id)
    qtbot.waitUntil(lambda: window.session.scan is not None and window.session.scan.id == scan.id, timeout=10_000)
    wait_loaded(window, qtbot)
    return scan.id


def row(window: MainWindow, number: int) -> Row:
    scan = window.worklist.model.all_scans()[number]
    found = window.worklist.model.known(scan.id)
    assert found is not None
    return found


# ------------------------------------------------------------------ worklist


def test_several_scans_are_changed_at_once(opened: MainWindow, qtbot: QtBot) -> None:
    worklist, team = opened.worklist, opened.session.team
    shown = opened.session.scan
    worklist.list.setCurrentIndex(worklist.model.index(0))
    worklist.list.selectionModel().select(worklist.model.index(2), QItemSelectionModel.SelectionFlag.Select)
    assert worklist.chosen_bar.isVisible()
    assert worklist.chosen_bar.count.text() == "2 chosen"
    ids = worklist.chosen()
    assert ids == [worklist.model.scan_at(place).id for place in (0, 2)]
    team.tag(ids, "pilot")
    qtbot.waitUntil(lambda: row(opened, 0).tags == ("pilot",), timeout=5000)
    team.assign(ids, "Ben")
    qtbot.waitUntil(lambda: row(opened, 2).readers == ("Ben",), timeout=5000)
    team.move(ids, ScanStatus.SKIPPED, words="motion")
    qtbot.waitUntil(lambda: row(opened, 2).scan.status is ScanStatus.SKIPPED, timeout=5000)
    assert row(opened, 1) == Row(row(opened, 1).scan, searched=row(opened, 1).searched)
    assert worklist.chosen() == ids, "the choice outlives what was done with it"
    assert opened.session.scan is not None
    assert shown is not None
    assert opened.session.scan.id == shown.id
    assert opened.session.scan.status is ScanStatus.SKIPPED
    project = opened.session.project
    assert project is not None
    assert statuses.reason(project, ids[0]) == "motion"
    # from the keyboard: Ctrl+A all, Escape one
    worklist.list.setFocus()
    QTest.keyClick(worklist.list, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(worklist.chosen()) == 3
    QTest.keyClick(worklist.list, Qt.Key.Key_Escape)
    assert len(worklist.chosen()) == 1
    assert not worklist.chosen_bar.isVisible()


def test_a_move_that_does_not_follow_is_told_and_leaves_the_others(opened: MainWindow, qtbot: QtBot) -> None:
    heard: list[str] = []
    opened.session.notifier.told.connect(lambda toast: heard.append(toast.words))
    ids = opened.worklist.model.ids()
    opened.session.team.move(ids[:1], ScanStatus.DONE)
    qtbot.waitUntil(lambda: row(opened, 0).scan.status is ScanStatus.DONE, timeout=5000)
    opened.session.team.move(ids, ScanStatus.APPROVED)
    qtbot.waitUntil(lambda: row(opened, 0).scan.status is ScanStatus.APPROVED, timeout=5000)
    qtbot.waitUntil(lambda: any("2 stayed as they were" in words for words in heard), timeout=5000)
    assert row(opened, 1).scan.status is ScanStatus.TO_DO


def test_the_list_is_sifted_by_what_is_known_of_the_work(opened: MainWindow, qtbot: QtBot) -> None:
    project, worklist = opened.session.project, opened.worklist
    assert project is not None
    ids = worklist.model.ids()
    assignments.assign(project, ids[:2], "Ben", by="Chief")
    tags.tag(project, ids[1:], "hard", by="Chief")
    comments.add(project, ids[2], "look", reader="Chief")
    opened.session.work_changed.emit("")
    listed = worklist.list_menu
    assert not worklist.query_line.isVisible()
    listed.choose("readers", "Ben")
    assert worklist.model.ids() == ids[:2]
    listed.choose("tags", "hard")
    assert worklist.model.ids() == ids[1:2]
    assert worklist.query_line.words.text() == "Ben · #hard"
    assert listed.isChecked()
    listed.show_all()
    listed.choose("readers", "")
    assert worklist.model.ids() == ids[2:], "given to nobody"
    listed.show_all()
    listed._only_commented()
    assert worklist.model.ids() == ids[2:]
    listed.show_all()
    worklist.filter.setText("#hard t1")
    assert worklist.model.ids() == ids[1:]
    worklist.filter.clear()
    listed.sort("readers")
    assert worklist.model.ids() == ids, "given ones first"
    listed._turn()
    assert worklist.model.ids() == [ids[2], *ids[:2]] or worklist.model.ids() == ids[::-1]
    assert not worklist.query_line.isHidden()
    worklist.query_line._clear()
    assert worklist.model.ids() == ids


def test_the_menu_offers_what_may_follow(study: MainWindow) -> None:
    worklist = study.worklist
    worklist.choose([row(study, 0).scan.id])
    menu = QMenu()
    worklist.menu.fill(menu)
    status = menu.actions()[0].menu()
    assert isinstance(status, QMenu)
    possible = {action.text(): action.isEnabled() for action in status.actions()}
    assert possible == {
        "to do": False, "in progress": True, "done": True, "in review": True, "returned…": True, "approved": True,
        "skipped…": False,
    }  # fmt: skip


def test_times_in_words() -> None:
    assert [time_words(seconds) for seconds in (4, 754, 7500)] == ["< 1 min", "13 min", "2 h 05 min"]


def test_what_has_nothing_stands_last_when_sorted() -> None:
    listed = [Row(None, readers=names) for names in ((), ("Ben",), ("Anna",))]  # type: ignore[arg-type]
    assert sift(listed, Query(order="readers")) == [2, 1, 0]


def test_the_next_scan_is_read_before_it_is_asked_for(opened: MainWindow, qtbot: QtBot) -> None:
    ahead = opened.session.team.ahead
    qtbot.waitUntil(lambda: not ahead.busy and bool(ahead.kept), timeout=10_000)
    following = opened.worklist.model.ids()[1]
    assert following in ahead.kept
    opened.commands.next_scan()
    qtbot.waitUntil(lambda: opened.session.scan is not None and opened.session.scan.id == following, timeout=10_000)
    assert opened.session.volume is not None
    assert following not in ahead.kept, "it is shown now, not kept twice"
    qtbot.waitUntil(lambda: not ahead.busy and len(ahead.kept) == 2, timeout=10_000)


def test_time_is_counted_while_hands_move_and_kept_by_reader(opened: MainWindow, qtbot: QtBot) -> None:
    project, sitting = opened.session.project, opened.session.team.sitting
    assert project is not None
    assert opened.session.scan is not None
    scan, reader = opened.session.scan.id, opened.session.reader
    sitting._clock.seconds = 95.0
    show(opened, 1, qtbot)
    qtbot.waitUntil(lambda: bool(seconds_of(project, scan)), timeout=5000)
    assert seconds_of(project, scan)[scan, reader] == pytest.approx(95.0, abs=5.0)
    opened.session.work_changed.emit("")
    assert row(opened, 0).seconds == pytest.approx(95.0, abs=5.0)


# ------------------------------------------------------------------ readers


def test_another_reader_draws_on_an_annotation_of_his_own(opened: MainWindow, qtbot: QtBot) -> None:
    session, project = opened.session, opened.session.project
    assert project is not None
    assert session.scan is not None
    before, scan = session.reader, session.scan.id
    stroke(opened, (20, 30), (40, 30))
    session.team.be("Ben")
    assert opened.top.reader.text() == "Ben"
    qtbot.waitUntil(lambda: session.loaded is not None and session.loaded.opened.reader == "Ben", timeout=10_000)
    wait_loaded(opened, qtbot)
    assert session.editor is not None
    assert not session.editor.mask(session.labels.layers[0]).any(), "Ben has drawn nothing"
    own = project.annotation(scan, before)
    assert own is not None
    assert project.layers(own.id), "what the first one drew is saved"
    stroke(opened, (20, 40), (40, 40))
    session.put_away()
    assert {one.reader for one in project.annotations(scan)} == {before, "Ben"}
    assert session.settings.preferences.reader == "Ben"


def test_a_scan_read_by_two_is_done_when_both_are(project_path: Path) -> None:
    with Project.open(project_path) as project:
        scan = project.scans()[0].id
        assignments.two_readers(project, [scan], "Anna", "Ben", by="Chief")
        assert not finish(project, scan, "Anna")
        assert project.scan(scan).status is ScanStatus.IN_PROGRESS
        assert not finish(project, scan, "Chief"), "who was given nothing does not cut a blind reading short"
        assert finish(project, scan, "Ben")
        assert project.scan(scan).status is ScanStatus.DONE
        alone = project.scans()[1].id
        assert finish(project, alone, "Chief")


def test_done_of_a_blind_reader_leads_to_the_next_scan_that_is_his(study: MainWindow, qtbot: QtBot) -> None:
    show(study, 1, qtbot)
    assert row(study, 1).scan.status is ScanStatus.IN_PROGRESS
    study.commands.done_next()
    third = study.worklist.model.all_scans()[2].id
    qtbot.waitUntil(lambda: study.session.scan is not None and study.session.scan.id == third, timeout=10_000)
    qtbot.waitUntil(lambda: row(study, 1).scan.status is ScanStatus.DONE, timeout=5000)


def readers_page(window: MainWindow, qtbot: QtBot) -> ReadersPage:
    """Open the page by its button and wait for the comparison."""
    window.show_workspace("review")
    window.review._empty._other.click()
    page = window.review.readers.page
    assert page is not None
    assert page.isVisible()
    qtbot.waitUntil(lambda: page.case is not None and not page.busy, timeout=10_000)
    return page


def test_two_readers_beside_each_other(study: MainWindow, qtbot: QtBot) -> None:
    show(study, 0, qtbot)
    page = readers_page(study, qtbot)
    project = study.session.project
    assert project is not None
    assert page.case is not None
    expected = next(one for one in agreements(project) if one.label == "Brain")
    assert {page.case.first, page.case.second} == {"Anna", "Ben"}
    assert page.side.values["dice"].text() == f"{expected.dice:.3f}"
    assert page.side.values["kappa"].text() == f"{expected.kappa:.3f}"
    assert page.side.values["both"].text() == "8 of 8"
    page.panes.setFocus()
    QTest.keyClick(page.panes, Qt.Key.Key_N)
    assert page.panes.index == page.case.ranked[0].slice
    assert study.review.panes.index == page.panes.index, "the runs show the same slice"
    assert page.case.difference is not None
    assert page.case.difference.max() == 3
    page.views.buttons["table"].click()
    qtbot.waitUntil(lambda: not page.busy and page.table.model.rowCount() > 0, timeout=10_000)
    rows = page.table.model.rows
    assert ("S0001", "Brain") in {(one["name"], one["label"]) for one in rows}
    assert "S0002" not in {one["name"] for one in rows}, "read blind still"
    assert "Brain, Anna and Ben: 1 scan" in page.table.words.text()
    page.views.buttons["figures"].click()
    qtbot.waitUntil(lambda: not page.busy and page.figures.model.rowCount() == 2, timeout=10_000)
    assert [(one["reader"], one["done"]) for one in page.figures.model.rows] == [("Anna", 1), ("Ben", 2)]
    page.views.back.click()
    assert not study.review.readers.is_open


def test_nothing_is_shown_of_what_is_read_blind(study: MainWindow, qtbot: QtBot) -> None:
    show(study, 1, qtbot)
    page = readers_page(study, qtbot)
    assert page.case is not None
    assert page.case.blind
    assert "Ben" not in page.case.readers
    assert not page.case.masks
    assert "Still read blind by Anna" in page.side.note.text()
    assert not page.bar.consensus.isEnabled()
    names = [reference.id for reference in study.review._references()]
    assert names == ["Anna"]


def test_consensus_and_adjudication(study: MainWindow, qtbot: QtBot) -> None:
    session, project = study.session, study.session.project
    assert project is not None
    scan = show(study, 0, qtbot)
    page = readers_page(study, qtbot)
    page.bar.consensus_asked.emit("majority")
    qtbot.waitUntil(lambda: project.annotation(scan, CONSENSUS_MAJORITY) is not None, timeout=10_000)
    qtbot.waitUntil(lambda: page.case is not None and CONSENSUS_MAJORITY in page.case.readers, timeout=10_000)
    page.bar.adjudicate_asked.emit("majority")
    name = adjudication_reader("Anna")
    qtbot.waitUntil(lambda: session.loaded is not None and session.loaded.opened.reader == name, timeout=10_000)
    wait_loaded(study, qtbot)
    assert study.workspaces.currentWidget() is study.annotate
    assert session.editor is not None
    assert session.editor.mask(session.labels.layers[0]).any()
    assert not session.editor.finished(session.labels.layers[0]).any(), "the adjudicator says of each slice that it is"
    assert study.top.reader.text() == name
    stroke(study, (20, 30), (40, 30))
    show(study, 2, qtbot)
    assert session.reader == "Anna", "only on the scan that is adjudicated"
    readers = {one.reader for one in project.annotations(scan)}
    assert readers == {"Anna", "Ben", CONSENSUS_MAJORITY, name}


def test_readers_who_finish_on_copies_of_their_own_are_done_together(project_path: Path) -> None:
    with Project.open(project_path) as project:
        scans = [scan.id for scan in project.scans()]
        assignments.two_readers(project, scans, "Anna", "Ben", by="Chief")
        finish(project, scans[0], "Anna")
        finish(project, scans[1], "Anna")
        # as a merge brings it: the word alone, not what follows from it
        assignments.finish_reading(project, scans[1], "Ben")
        assert close_finished(project, by="Chief") == [scans[1]]
        stand = [scan.status for scan in project.scans()]
        assert stand == [ScanStatus.IN_PROGRESS, ScanStatus.DONE, ScanStatus.TO_DO]
        assert close_finished(project, by="Chief") == []


# ------------------------------------------------------------------ review


def test_a_scan_is_returned_with_a_comment_on_a_slice(study: MainWindow, qtbot: QtBot) -> None:
    scan = show(study, 0, qtbot)
    study.session.team.move([scan], ScanStatus.RETURNED, words="the pole is missing", slice_=5)
    qtbot.waitUntil(lambda: bool(study.session.team.comments), timeout=5000)
    panel, strip = study.annotate.comments, study.annotate.strip
    assert study.session.scan is not None
    assert study.session.scan.status is ScanStatus.RETURNED
    assert not panel.returned.isHidden()
    assert panel.fold.is_open
    assert panel.box is not None
    card = panel.box.cards[0]
    assert card.place.text() == "slice 6"
    study.annotate.views.go_to((10, 10, 0))
    card.place.click()
    assert study.annotate.views.position[2] == 5
    study.annotate.views.go_to((10, 10, 0))
    step = (strip.width() - 28) / 8
    # a click on the flag above the marks
    mouse(strip, QEvent.Type.MouseButtonPress, QPointF(14 + 5.5 * step + 4, 2))
    assert study.annotate.views.position[2] == 5
    panel.box.words.setText("done, see there")
    panel.box.send()
    qtbot.waitUntil(lambda: len(study.session.team.comments) == 2, timeout=5000)
    assert study.session.team.comments[1].slice == 5
    panel.box.cards[0].tick.click()
    qtbot.waitUntil(lambda: bool(study.session.team.comments[0].settled), timeout=5000)
    qtbot.waitUntil(lambda: row(study, 0).comments == 1, timeout=5000)


def test_approved_from_the_keyboard_until_it_is_drawn_on(study: MainWindow, qtbot: QtBot) -> None:
    show(study, 0, qtbot)
    study.actions_table["approve"].trigger()
    qtbot.waitUntil(lambda: row(study, 0).scan.status is ScanStatus.APPROVED, timeout=5000)
    stroke(study, (2, 2), (20, 2))
    study.session.save_now()
    qtbot.waitUntil(lambda: row(study, 0).scan.status is ScanStatus.IN_PROGRESS, timeout=5000)


def test_done_and_at_once_approved_ends_as_approved(
    study: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(study, 0, qtbot)
    session = study.session
    project, scan = session.project, session.scan
    assert project is not None
    assert scan is not None
    project.set_status(scan.id, ScanStatus.DONE)
    finish = loading.finish

    def slowly(*facts: object) -> bool:
        # a busy disk: the approval is asked for meanwhile, and must not be overtaken
        time.sleep(0.3)
        return finish(*facts)

    monkeypatch.setattr(loading, "finish", slowly)
    session.mark(ScanStatus.DONE)
    session.team.move([scan.id], ScanStatus.APPROVED)
    qtbot.waitUntil(lambda: project.scan(scan.id).status is ScanStatus.APPROVED, timeout=10_000)
    qtbot.waitUntil(lambda: not session.team._tasks._running and not session._tasks._running, timeout=10_000)
    assert project.scan(scan.id).status is ScanStatus.APPROVED


def test_a_training_can_learn_from_approved_scans_alone(study: MainWindow, qtbot: QtBot) -> None:
    panel = study.train.panel
    study.show_workspace("train")
    qtbot.waitUntil(lambda: panel.data.survey is not None, timeout=10_000)
    assert panel.data.survey is not None
    assert panel.data.survey.scans == 2
    project = study.session.project
    assert project is not None
    statuses.move(project, [project.scans()[0].id], ScanStatus.APPROVED, reader="Chief")
    panel.approved.click()
    qtbot.waitUntil(lambda: panel.data.survey is not None and panel.data.survey.scans == 1, timeout=10_000)
    assert panel.config().approved


# ------------------------------------------------------------------ hand-over


def test_handed_over_and_taken_in(study: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    session, project = study.session, study.session.project
    assert project is not None
    other = tmp_path / "other.meninx"
    scan = show(study, 0, qtbot)
    study.team.show_bundle([])
    dialog = study.team.dialog
    assert isinstance(dialog, BundleDialog)
    dialog.file.setText(str(tmp_path / "all"))
    dialog.accept()
    qtbot.waitUntil(lambda: not dialog.job.running and dialog._over, timeout=60_000)
    assert (tmp_path / "all.mnxbundle").is_file()
    assert "3 scans" in dialog.said.text()
    dialog.accept()
    with Project.open(other) as copy:
        comments.add(copy, scan, "from the other side", reader="Ben")
        statuses.move(copy, [scan], ScanStatus.APPROVED, reader="Ben")
    for _ in bundle_job(other, tmp_path / "back.mnxbundle", with_scans=False):
        pass
    session.team.move([scan], ScanStatus.IN_REVIEW)
    qtbot.waitUntil(lambda: row(study, 0).scan.status is ScanStatus.IN_REVIEW, timeout=5000)
    study.commands.take_dropped([tmp_path / "back.mnxbundle"])
    taking = study.team.dialog
    assert isinstance(taking, MergeDialog)
    qtbot.waitUntil(lambda: taking.accept_button.isEnabled(), timeout=60_000)
    assert session.scan is not None, "looking changes nothing"
    assert taking.conflicts.count() == 1
    assert "S0001" in taking.conflicts.item(0).text()
    taking.accept()
    qtbot.waitUntil(lambda: taking._over, timeout=60_000)
    taking.accept()
    wait_loaded(study, qtbot)
    assert session.scan.id == scan, "the scan that was shown is shown again"
    assert [one.words for one in comments.of_scan(project, scan)] == ["from the other side"]
    qtbot.waitUntil(lambda: row(study, 0).comments == 1, timeout=5000)


def test_a_file_that_is_no_bundle_is_refused_in_words(study: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mnxbundle"
    broken.write_bytes(b"nothing of the kind")
    study.team.show_merge(broken)
    dialog = study.team.dialog
    assert isinstance(dialog, MergeDialog)
    qtbot.waitUntil(lambda: dialog.said.property("role") == "danger", timeout=10_000)
    assert "broken.mnxbundle" in dialog.said.text()
    assert not dialog.accept_button.isEnabled()
    dialog.reject()
    assert study.session.scan is not None


# ------------------------------------------------------------------ timeline


def test_the_timeline_tells_of_a_scan_and_is_written(study: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    scan = show(study, 0, qtbot)
    study.actions_table["timeline"].trigger()
    dialog = study.team.timeline
    assert isinstance(dialog, TimelineDialog)
    qtbot.waitUntil(lambda: not dialog.busy and dialog.model.rowCount() > 0, timeout=10_000)
    assert {one["scan"] for one in dialog.model.rows} == {"S0001"}
    assert {"Anna", "Ben", "Chief"} <= {one["who"] for one in dialog.model.rows}
    alone = dialog.model.rowCount()
    dialog.search.setText("chief")
    qtbot.waitUntil(lambda: not dialog.busy and dialog.model.rowCount() < alone, timeout=5000)
    dialog.search.clear()
    dialog.whole.click()
    qtbot.waitUntil(lambda: not dialog.busy and dialog.model.rowCount() > alone, timeout=5000)
    dialog.write(tmp_path / "timeline.csv")
    qtbot.waitUntil(lambda: (tmp_path / "timeline.csv").is_file(), timeout=5000)
    with (tmp_path / "timeline.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == dialog.model.rowCount()
    assert scan
    dialog.close()
