"""A scan whose newest mask is damaged: it is named, an older version is offered, nothing is written over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from shell_support import stroke, wait_loaded

from core.project.project import Project
from gui.main_window import MainWindow


def saved(window: MainWindow, qtbot: QtBot) -> None:
    window.session.save_now()
    qtbot.waitUntil(lambda: not window.session.editor.dirty, timeout=10_000)


@pytest.fixture
def damaged(opened: MainWindow, qtbot: QtBot) -> tuple[MainWindow, str, Path, np.ndarray, np.ndarray]:
    """The second scan is shown; the newest of two versions of the first one's brain is damaged."""
    session = opened.session
    opened.annotate.hand.take("brush")
    masks = []
    for row in (20, 40):
        stroke(opened, (14, row), (34, row))
        saved(opened, qtbot)
        masks.append(session.editor.mask("brain").copy())
    scan = session.scan.id
    newest = session.project.layers(session.project.annotation(scan, session.reader).id)["brain"]
    opened.commands.next_scan()
    qtbot.waitUntil(lambda: session.scan.id != scan and not session.loading, timeout=10_000)
    file = Path(session.project.path) / newest.file
    file.write_bytes(b"rotten")
    return opened, scan, file, *masks


def ask(window: MainWindow, scan: str, qtbot: QtBot) -> None:
    window.session.open_scan(scan)
    qtbot.waitUntil(lambda: window.session.versions.mender.dialog is not None, timeout=10_000)


def test_made_again_from_the_strokes_where_they_are_all_there(damaged: tuple, qtbot: QtBot) -> None:
    window, scan, file, _, newest = damaged
    ask(window, scan, qtbot)
    dialog = window.session.versions.mender.dialog
    assert dialog.files == [file.name]
    assert dialog.accept_button.text() == "Make it again"
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: window.session.scan.id == scan, timeout=10_000)
    wait_loaded(window, qtbot)
    np.testing.assert_array_equal(window.session.editor.mask("brain"), newest)
    # its history is there still
    assert window.session.editor.position == 2
    assert (Path(window.session.project.path) / "quarantine" / file.name).read_bytes() == b"rotten"
    assert window.session.project.verify() == []


def test_an_older_version_is_offered_by_its_time(damaged: tuple, qtbot: QtBot) -> None:
    window, scan, file, older, _ = damaged
    session = window.session
    annotation = session.project.annotation(scan, session.reader).id
    session.project.journal_path(annotation).unlink()
    ask(window, scan, qtbot)
    dialog = session.versions.mender.dialog
    assert dialog.accept_button.text().startswith("Open version of ")
    dialog.accept_button.click()
    qtbot.waitUntil(lambda: session.scan.id == scan, timeout=10_000)
    wait_loaded(window, qtbot)
    np.testing.assert_array_equal(session.editor.mask("brain"), older)
    assert (Path(session.project.path) / "quarantine" / file.name).read_bytes() == b"rotten"


def test_left_as_it_is_nothing_changes_and_it_is_asked_again(damaged: tuple, qtbot: QtBot) -> None:
    window, scan, file, _, _ = damaged
    path = Path(window.session.project.path)
    for _ in range(2):
        ask(window, scan, qtbot)
        window.session.versions.mender.dialog.cancel_button.click()
        qtbot.waitUntil(lambda: window.session.versions.mender.dialog is None, timeout=5000)
    assert window.session.scan.id != scan
    assert file.read_bytes() == b"rotten"
    assert not (path / "quarantine").exists()


def test_without_a_whole_version_it_is_told(damaged: tuple, qtbot: QtBot) -> None:
    window, scan, file, _, _ = damaged
    session, said = window.session, []
    session.notifier.told.connect(lambda told: said.append(told.words))
    with Project.open(session.project.path, read_only=True) as project:
        annotation = project.annotation(scan, session.reader).id
        for version in project.layer_versions(annotation, "brain"):
            (Path(project.path) / version.file).write_bytes(b"rotten")
        project.journal_path(annotation).unlink()
    session.open_scan(scan)
    qtbot.waitUntil(lambda: any(file.name in words for words in said), timeout=10_000)
    assert session.versions.mender.dialog is None
