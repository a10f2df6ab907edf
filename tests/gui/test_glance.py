"""A scan that is brought in is seen long before it is stored, and stays where it was looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from shell_support import wait_loaded

import gui.loading
from core.phantom import make_head
from core.volume import auto_window
from gui.glimpse import Glimpse, Teller
from gui.main_window import MainWindow


def told(window: MainWindow) -> list[str]:
    return [toast.told.words for toast in window.toasts.toasts]


def write_head(path: Path) -> None:
    volume = make_head(4, shape=(12, 64, 56)).volume
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(volume.array.T), volume.geometry.affine), path)


def test_slices_are_shown_before_the_scan_is_open_and_the_place_stays(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "head.nii.gz"
    write_head(path)
    seen: list[Glimpse | None] = []
    window.session.glance_changed.connect(seen.append)
    window.intake.open(path)
    qtbot.waitUntil(lambda: bool(seen), timeout=30_000)
    annotate = window.annotate
    first = seen[0]
    assert first is not None
    assert (first.done, first.total) == (1, 12)
    assert window.session.scan is None
    assert annotate.glancing.shown
    assert annotate.views.main.volume is first.volume
    # to look at, not to draw on
    assert not window.session.can_edit
    annotate.views.go_to((20, 30, 3))
    wait_loaded(window, qtbot)
    assert not annotate.glancing.shown
    assert annotate.views.position == (20, 30, 3)
    assert annotate.views.main.volume is window.session.volume
    assert window.session.can_edit
    qtbot.waitUntil(lambda: not window.session.jobs.of_kind("import"), timeout=30_000)
    assert seen[-1] is None


def test_what_was_dropped_does_not_follow_into_another_project(
    window: MainWindow, project_path: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "head.nii.gz"
    write_head(path)
    window.intake.open(path)
    # its first slice has not come yet, so neither has its import begun
    assert not window.session.jobs.of_kind("import")
    assert window.intake.open_project(project_path)
    wait_loaded(window, qtbot)
    qtbot.wait(800)
    assert not window.session.jobs.of_kind("import")
    project = window.session.project
    assert project is not None
    assert len(project.scans()) == 3


def test_what_cannot_be_read_is_told_once_by_the_import_and_nothing_stays_shown(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "broken.nii"
    path.write_bytes(b"\0" * 400)
    seen: list[Glimpse | None] = []
    window.session.glance_changed.connect(seen.append)
    window.intake.open(path)
    qtbot.waitUntil(lambda: any("broken.nii" in said for said in told(window)), timeout=30_000)
    assert [glimpse for glimpse in seen if glimpse is not None] == []
    assert not window.annotate.glancing.shown


def test_a_scan_that_is_open_is_not_looked_away_from(opened: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "head.nii.gz"
    write_head(path)
    seen: list[Glimpse | None] = []
    opened.session.glance_changed.connect(seen.append)
    shown = opened.session.scan
    opened.intake.open(path)
    qtbot.waitUntil(lambda: len(opened.session.project.scans()) == 4, timeout=30_000)
    qtbot.waitUntil(lambda: not opened.session.jobs.of_kind("import"), timeout=30_000)
    assert [glimpse for glimpse in seen if glimpse is not None] == []
    assert opened.session.scan == shown


def test_a_picture_dropped_on_review_is_the_one_that_is_looked_at(
    opened: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "head.nii.gz"
    write_head(path)
    opened.show_workspace("review")
    qtbot.waitUntil(lambda: opened.reviewing, timeout=30_000)
    shown = opened.session.scan
    opened.commands.take_dropped([path])
    qtbot.waitUntil(lambda: opened.session.scan not in (None, shown), timeout=30_000)
    assert opened.session.scan.name == "S0004"
    assert opened.reviewing
    qtbot.waitUntil(lambda: not opened.session.jobs.of_kind("import"), timeout=30_000)


def test_the_look_stays_until_the_scan_is_open_or_cannot_be(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, glancing = window.session, window.annotate.glancing
    volume = make_head(4, shape=(12, 64, 56)).volume
    session.glance_changed.emit(Glimpse(volume, auto_window(volume), 12, 12))
    assert glancing.shown
    # the import is over, the scan it brought is being read
    monkeypatch.setattr(session, "_loading", "some-id")
    session.glance_changed.emit(None)
    assert glancing.shown
    monkeypatch.setattr(session, "_loading", "")
    session.scan_loading.emit("")
    assert not glancing.shown
    session.glance_changed.emit(Glimpse(volume, auto_window(volume), 12, 12))
    session.glance_changed.emit(None)
    assert not glancing.shown


def test_a_large_stored_scan_is_seen_while_it_is_read(
    opened: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, glancing = opened.session, opened.annotate.glancing
    project = session.project
    assert project is not None
    assert session.scan is not None
    scan, path = session.scan.id, project.path
    seen: list[Glimpse | None] = []
    session.glance_changed.connect(seen.append)
    session.close_project()
    monkeypatch.setattr(gui.loading, "_AT_ONCE", 0.0)
    opened.intake.open_project(path)
    wait_loaded(opened, qtbot)
    first = seen[0]
    assert first is not None
    assert session.scan is not None
    assert first.scan == session.scan.id == scan
    assert first.done == 1
    # the very array that was looked at is the one that is drawn on
    assert session.volume is not None
    assert session.volume.array is first.volume.array
    assert not glancing.shown
    assert opened.annotate.views.position == session.loaded.start


def test_grey_levels_are_those_of_the_whole_scan_and_not_of_what_was_seen_of_it() -> None:
    whole = make_head(4, shape=(12, 64, 56)).volume
    coming = replace(whole, array=np.zeros_like(whole.array))
    seen: list[Glimpse] = []
    teller = Teller(seen.append)
    teller.begin(coming)
    coming.array[6] = whole.array[6]
    teller.slice_came(6)
    # a pane that shows it asks for its levels while slices are still missing
    auto_window(seen[0].volume)
    coming.array[:] = whole.array
    assert auto_window(coming) == auto_window(whole)


def test_a_stored_scan_that_turns_out_damaged_is_not_left_on_the_screen(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, glancing = window.session, window.annotate.glancing
    volume = make_head(4, shape=(12, 64, 56)).volume
    glimpse = Glimpse(volume, auto_window(volume), 3, 12, "some-id")
    session.glance_changed.emit(glimpse)
    assert not glancing.shown, "nobody opens this scan"
    monkeypatch.setattr(session, "_loading", "some-id")
    session.glance_changed.emit(glimpse)
    assert glancing.shown
    monkeypatch.setattr(session, "_loading", "")
    session.scan_loading.emit("")
    assert not glancing.shown


def test_what_is_seen_on_its_way_in_is_not_taken_back_while_it_is_read_again(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, glancing = window.session, window.annotate.glancing
    volume, stored = (make_head(4, shape=(12, 64, 56)).volume for _ in range(2))
    session.glance_changed.emit(Glimpse(volume, auto_window(volume), 12, 12))
    monkeypatch.setattr(session, "_loading", "some-id")
    session.glance_changed.emit(Glimpse(stored, auto_window(stored), 3, 12, "some-id"))
    assert glancing.shown
    assert window.annotate.views.main.volume is volume


def test_masks_of_the_next_scan_wait_until_the_panes_show_it(
    opened: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, annotate = opened.session, opened.annotate
    drawn: list[object] = []
    monkeypatch.setattr(annotate.views, "set_overlays", drawn.append)
    session.labels_changed.emit()
    assert len(drawn) == 1
    annotate.views.set_volume(make_head(4, shape=(12, 64, 56)).volume)
    # a panel that was told of another scan first asks for its masks to be drawn
    session.labels_changed.emit()
    assert len(drawn) == 1
