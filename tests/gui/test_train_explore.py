"""The Explore page: asked of a child, shown as cards, saved; over a real exploration of a small project."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import small_project as small
from page_support import page_on
from PySide6.QtWidgets import QFileDialog
from train_support import told

from core.errors import ProjectError
from core.events import Failed, Finished, Progress, WasCancelled
from core.learning.explore import explore
from core.learning.explore_found import Exploration, Explored, Heat, Histogram, Remark, Size, Twin
from gui.train.explore_cards import heat_picture
from gui.train.findings import size_rows, twin_rows
from gui.train.workspace import EMPTY, EXPLORE, TrainWorkspace

__all__ = ["told"]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    path = tmp_path_factory.mktemp("explore") / "small.meninx"
    with small.make_project(path) as project:
        found = explore(project, [project.labels().named("Brain")])
    return path, found


@pytest.fixture
def found(template):
    return template[1]


@pytest.fixture
def opened(template, tmp_path, qtbot):
    """The page on its Explore tab, and its session."""
    path = Path(shutil.copytree(template[0], tmp_path / "small.meninx"))
    with page_on(qtbot, path, TrainWorkspace) as (session, page):
        qtbot.waitUntil(lambda: bool(page.panel.chosen_labels()), timeout=10000)
        page.tabs.button(1).click()
        yield session, page


def look(session, page):
    page.explore._empty.asked.emit()
    return session.jobs.of_kind("explore")[0]


def test_nothing_is_looked_at_before_it_is_asked_for(opened):
    session, page = opened
    assert page._stack.currentIndex() == EXPLORE
    assert session.jobs.running == []
    assert not page.explore.save.isVisible()
    work = look(session, page)
    assert work.thread.job.arguments == {"project_path": session.project.path, "labels": ("Brain",)}
    assert page.explore.stop.isVisible()
    work.thread.say(Progress(1, 3, "exploring", detail="S0002", seconds_left=20))
    for part in ("1 of 3", "S0002", "20 s left"):
        assert part in page.explore._line.text()
    page.tabs.button(0).click()
    assert page._stack.currentIndex() == EMPTY
    page.tabs.button(1).click()
    assert page._stack.currentIndex() == EXPLORE


def test_what_was_found_is_shown(opened, found):
    session, page = opened
    work = look(session, page)
    work.thread.say(Explored(found))
    work.thread.end(Finished())
    explored = page.explore.findings
    rows = dict(explored.counts.rows)
    assert rows["Scans that show it"] == "2 of 3"
    assert rows["Slices finished"] == "24 of 36"
    assert [count for _, count, _ in explored.balance.parts] == [found.with_label, found.without_label, 12]
    assert f"{100 * (1 - found.label_share):.2f} %" in explored.balance_note.text()
    assert not explored.heat.picture.isNull()
    assert explored.heat.isVisible()
    assert explored.areas.isVisible()
    assert explored.intensity.isVisible()
    assert not explored.hue.isVisible(), "the scans are grey"
    assert explored.sizes.rows[0][:2] == ["3", "64 × 72 × 12"]
    assert explored.remarks.words == [remark.words for remark in found.warnings]
    first = found.warnings[0].words
    assert page.panel.data.remark.startswith(f"⚠ {first}")
    assert page.explore.save.isVisible()
    assert not page.explore.stop.isVisible()


def test_four_pictures_stand_in_two_rows_where_there_is_no_room(opened, found, qtbot):
    session, page = opened
    edges, parts = np.linspace(0, 360, 37), np.full(36, 1 / 36)
    coloured = replace(found, hue=Histogram("degrees", edges, parts, parts))
    work = look(session, page)
    work.thread.say(Explored(coloured))
    work.thread.end(Finished())
    explored = page.explore.findings
    cards = [explored.areas, explored.intensity, explored.hue]
    qtbot.waitUntil(lambda: len({card.y() for card in cards}) == 1, timeout=5000)
    page.resize(1060, 760)
    qtbot.waitUntil(lambda: len({card.y() for card in cards}) == 2, timeout=5000)
    assert all(card.geometry().right() <= card.parentWidget().width() for card in [*cards, explored.sizes])
    page.explore.show_findings(found)
    qtbot.waitUntil(lambda: not explored.hue.isVisible(), timeout=5000)


def test_another_label_is_another_question(opened, found):
    session, page = opened
    work = look(session, page)
    work.thread.say(Explored(found))
    work.thread.end(Finished())
    page.panel._checks["Tumour"].setChecked(True)
    assert page.explore.found is None
    assert not page.explore.save.isVisible()
    assert page.panel.data.remark == "", "what was found of one label is not said of another"


def test_it_can_be_stopped_and_a_failure_is_told(opened, told):
    session, page = opened
    work = look(session, page)
    page.explore.stop.click()
    assert work.thread.orders == ["start", "cancel"]
    work.thread.end(WasCancelled())
    assert told == []
    assert page.explore.found is None
    work = look(session, page)
    work.thread.end(Failed(ProjectError("mask-corrupt", file="x")))
    assert told == ["mask-corrupt"]


def test_what_was_found_is_saved_as_tables_and_pictures(opened, found, told, tmp_path, qtbot, monkeypatch):
    session, page = opened
    work = look(session, page)
    work.thread.say(Explored(found))
    work.thread.end(Finished())
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "out"))
    page.explore.save.click()
    qtbot.waitUntil(lambda: bool(told), timeout=20000)
    endings = {file.suffix for file in (tmp_path / "out").iterdir()}
    assert {".csv", ".png"} <= endings
    assert str(tmp_path / "out") in told[0]


def test_a_remark_opens_its_scan(opened):
    session, page = opened
    went, opened_scans = [], []
    session.workspace_requested.connect(went.append)
    session.scan_loading.connect(opened_scans.append)
    scan = session.project.scans()[1]
    page.explore.show_findings(Exploration(warnings=(_remark(scan.name),)))
    page.explore.findings.remarks._grid.itemAtPosition(0, 2).widget().click()
    assert went == ["annotate"]
    assert scan.id in opened_scans or session.scan.id == scan.id


def _remark(scan):
    class Said(Remark):
        @property
        def words(self):
            return "Look at this scan."

    return Said("any", {}, (scan,))


def test_sizes_and_look_alikes_in_words():
    sizes = [
        Size(240, 256, (20, 24), (5.0, 0.9, 0.9), "MR", 1, ("S0001", "S0002")),
        Size(256, 256, (1, 1), None, "", 3, ("S0003",)),
    ]
    rows, note = size_rows(sizes)
    assert rows[0] == ["2", "256 × 240 × 20–24", "0.9 × 0.9 × 5 mm", "MR"]
    assert rows[1] == ["1", "256 × 256 × 1", "unknown", "picture colour"]
    assert note == ""
    assert size_rows(sizes * 6)[1] == "and 4 more"
    twin = Twin(("P001", "P004"), ("S0001", "S0009"), (4, 6), 12, 0, 0.987)
    assert twin_rows([twin], 90) == ([["P001  ~  P004", "S0001 5  ~  S0009 7", "99%"]], "")
    assert "no two patients" in twin_rows([], 90)[1]


def test_the_map_is_brightest_where_the_label_is_most():
    share = np.zeros((96, 96), np.float32)
    share[20, 30] = 0.5
    picture = heat_picture(Heat("axial", share, np.zeros((96, 96), np.float32), 1.2, 10, 0))
    lightness = np.array([[picture.pixelColor(x, y).lightness() for x in range(96)] for y in range(96)])
    assert np.unravel_index(lightness.argmax(), lightness.shape) == (20, 30)
    assert lightness[60, 60] == 0


@pytest.mark.timing
def test_a_large_exploration_never_blocks_the_window(opened, found):
    session, page = opened
    edges = np.linspace(0, 1, 65)
    parts = np.full(64, 1 / 64)
    large = Exploration(
        labels=("Brain",),
        scans=10_000,
        rows=found.rows * 300,
        heat=found.heat,
        intensity=Histogram("grey", edges, parts, parts),
        hue=Histogram("degrees", edges, parts, parts),
        sizes=tuple(Size(n, n, (1, 1), None, "", 1, ("S",)) for n in range(64, 264)),
        warnings=tuple(_remark("S0001") for _ in range(8)),
    )
    work = look(session, page)
    begun = time.thread_time()
    work.thread.say(Explored(large))
    assert time.thread_time() - begun < 0.05
