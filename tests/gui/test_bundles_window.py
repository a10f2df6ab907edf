"""Files of other copies that a window is given: bad ones are one sentence and change nothing, odd ones lose nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from shell_support import wait_loaded
from test_team_window import draw

from core.project import audit
from core.project.project import Project
from core.project.records import ScanStatus
from core.team import comments, statuses
from core.team.bundle import bundle_job
from core.team.bundle_file import HEAD
from gui.main_window import MainWindow
from gui.team.merge_dialog import MergeDialog

BACK = "2010-01-01T00:00:00.000Z"


def handed(project: Path, file: Path) -> Path:
    for _ in bundle_job(project, file, with_scans=False):
        pass
    return file


@pytest.fixture
def annas(window: MainWindow, project_path: Path, qtbot: QtBot) -> MainWindow:
    """Anna's window on a project of which ``other.meninx`` beside it is a copy."""
    with Project.open(project_path) as project:
        draw(project, 0, "Anna")
    shutil.copytree(project_path, project_path.with_name("other.meninx"))
    window.session.reader = "Anna"
    assert window.intake.open_project(project_path)
    wait_loaded(window, qtbot)
    return window


def head_changed(good: Path, bad: Path, **facts: object) -> None:
    with zipfile.ZipFile(good) as before, zipfile.ZipFile(bad, "w") as after:
        for info in before.infolist():
            data = before.read(info)
            if info.filename == HEAD:
                data = json.dumps(json.loads(data) | facts).encode()
                after.comment = hashlib.sha256(data).hexdigest().encode()
            after.writestr(info, data)


def of_another(good: Path, bad: Path) -> None:
    with Project.create(bad.with_name("stranger.meninx"), name="stranger") as project:
        with Project.open(good.with_name("other.meninx")) as known:
            scan = known.scans()[0]
            volume = known.read_volume(scan.id)
        project.add_scan(volume, patient="x")
        path = project.path
    handed(path, bad)


BAD: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "another": (of_another, "another project"),
    "newer": (lambda good, bad: head_changed(good, bad, min_reader=99), "newer"),
    "cut": (lambda good, bad: bad.write_bytes(good.read_bytes()[:-400]), "cut off"),
    "nothing": (lambda good, bad: bad.write_bytes(b""), "cut off"),
}


def test_each_bad_file_is_one_sentence_and_changes_nothing(annas: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    session = annas.session
    project = session.project
    assert project is not None
    good = handed(tmp_path / "other.meninx", tmp_path / "good.mnxbundle")
    before = project.store.rows("SELECT hash FROM audit")
    for kind, (spoil, words) in BAD.items():
        bad = tmp_path / f"{kind}.mnxbundle"
        spoil(good, bad)
        annas.commands.take_dropped([bad])
        dialog = annas.team.dialog
        assert isinstance(dialog, MergeDialog)
        qtbot.waitUntil(lambda dialog=dialog: dialog.said.property("role") == "danger", timeout=60_000)
        assert words in dialog.said.text(), (kind, dialog.said.text())
        assert bad.name in dialog.said.text()
        assert "\n" not in dialog.said.text()
        assert not dialog.accept_button.isEnabled()
        dialog.reject()
        qtbot.waitUntil(lambda: annas.team.dialog is None, timeout=5000)
    assert project.store.rows("SELECT hash FROM audit") == before
    assert session.scan is not None
    assert project.verify() == []


def test_one_reader_in_two_places_and_a_clock_that_went_back(
    annas: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = annas.session
    project = session.project
    assert project is not None
    first, second = (scan.id for scan in project.scans()[:2])
    with monkeypatch.context() as patch:
        patch.setattr(audit, "utc_now", lambda: BACK)
        with Project.open(tmp_path / "other.meninx") as other:
            # Anna sat at another computer, too, whose clock stood at 2010
            draw(other, 0, "Anna", shift=5)
            draw(other, 1, "Ben")
            statuses.move(other, [second], ScanStatus.DONE, reader="Ben")
            comments.add(other, second, "said in 2010", reader="Ben")
            there = other.read_layer(other.annotations(first)[0].id, "brain")
    back = handed(tmp_path / "other.meninx", tmp_path / "back.mnxbundle")
    draw(project, 0, "Anna", shift=2)
    here = project.read_layer(project.annotations(first)[0].id, "brain")
    session.team.move([second], ScanStatus.SKIPPED, words="too dark")
    qtbot.waitUntil(lambda: project.scan(second).status is ScanStatus.SKIPPED, timeout=5000)
    annas.commands.take_dropped([back])
    dialog = annas.team.dialog
    assert isinstance(dialog, MergeDialog)
    qtbot.waitUntil(dialog.accept_button.isEnabled, timeout=60_000)
    told = [dialog.conflicts.item(place).text() for place in range(dialog.conflicts.count())]
    assert any("Anna (2)" in words for words in told), told
    dialog.accept()
    qtbot.waitUntil(lambda: dialog._over, timeout=60_000)
    dialog.accept()
    wait_loaded(annas, qtbot)
    masks = {one.reader: project.read_layer(one.id, "brain") for one in project.annotations(first)}
    assert set(masks) == {"Anna", "Anna (2)"}
    kept = sorted((mask.tobytes() for mask in masks.values() if mask is not None), key=hash)
    assert here is not None
    assert there is not None
    assert kept == sorted((here.tobytes(), there.tobytes()), key=hash)
    assert not np.array_equal(here, there)
    assert [one.words for one in comments.of_scan(project, second)][-1] == "said in 2010"
    assert project.scan(second).status is ScanStatus.SKIPPED, "what was said later by the clocks counts, and it is told"
    assert len(told) == 2
    assert project.verify() == []
