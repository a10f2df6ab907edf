"""A made-up person, named in every corner of every file, is nowhere in what the program keeps, but in the links."""

from __future__ import annotations

import faulthandler
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import shell_support
from canary_support import TELLS, WORD, canary_dicom, hidden, make_inputs, search
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shell_support import stroke, wait_loaded

from core.errors import MeninxError
from core.events import Finished, ScanReady, Skipped
from core.io.processor import Patience
from core.io.sandbox import Decoder
from core.io.sniff import Format
from core.project.exporting import export_job
from core.project.importing import ImportOptions, import_job
from core.project.keeping import copy_project
from core.project.project import Project
from core.project.saver import SaveState
from gui.faults import Unexpected
from gui.log import log as written
from gui.log import start_log
from gui.main_window import MainWindow
from gui.settings import user_folder
from gui.worklist.model import Role

window = shell_support.window
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Inputs that carry the person, and own folders for all that is written elsewhere."""
    (tmp_path / "out").mkdir()
    (tmp_path / "temp").mkdir()
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path / "temp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    # another place than the rest: its own names are the person's
    return make_inputs(tmp_path / "in") | {"out": tmp_path / "out", "temp": tmp_path / "temp"}


@pytest.fixture
def log() -> Iterator[None]:
    """The log and the crash log of the window, as its start makes them."""
    began = start_log()
    yield
    began.end()
    faulthandler.enable()


def nobody(*folders: Path) -> None:
    """Hold that the person is not found below folders."""
    for folder in folders:
        found = search(folder)
        assert not found, "\n".join(found[:20])


def test_the_search_finds_what_is_there(places: dict[str, Path]) -> None:
    # what searches for nothing finds nothing
    for path in places["whole"].rglob("*"):
        if path.is_file():
            assert any(path.name in place for place in search(path.parent)), path
    assert hidden("ZQXcanary".encode("utf-16-le")) == [WORD.lower()]


def test_an_import_keeps_nobody(places: dict[str, Path]) -> None:
    project = places["out"] / "pilot.meninx"
    Project.create(project).close()
    events = list(import_job(project, [places["all"]], ImportOptions(label="Brain")))
    assert sum(isinstance(event, ScanReady) for event in events) >= 10
    assert sum(isinstance(event, Skipped) for event in events) >= 8
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.result["masks"] >= 1
    files = list(export_job(project, places["out"] / "exports", lambda: ""))[-1].result["files"]
    assert files
    copy_project(project, places["out"] / "copy.meninx")
    nobody(places["out"], places["temp"], user_folder())
    # the links do know, or nothing of this would have been tested
    with Project.open(project, read_only=True) as opened:
        known = [opened.links.scan(scan.id) for scan in opened.scans()]
    assert any(link is not None and WORD in str(link) for link in known)


def test_the_command_line_keeps_nobody(places: dict[str, Path]) -> None:
    project = places["out"] / "pilot.meninx"
    for words in (
        ["import", str(project), str(places["all"]), "--label", "Brain", "--patient-from", "dicom", "--json"],
        ["import", str(project), str(places["broken"] / f"{WORD}.nii")],
        ["verify", str(project)],
    ):
        done = subprocess.run(
            [sys.executable, str(ROOT / "main.py"), *words], capture_output=True, text=True, cwd=places["out"]
        )
        assert done.returncode in (0, 1), done.stderr[-2000:]
        assert "Traceback" not in done.stderr
    with Project.open(project, read_only=True) as opened:
        assert len(opened.scans()) >= 10
    nobody(places["out"], places["temp"], user_folder())


def test_header_lines_hide_who_it_is(places: dict[str, Path]) -> None:
    with Decoder() as decoder:
        for source in decoder.find([places["whole"]]).sources:
            lines = decoder.entries(source, identity=False)
            # the arrays of an archive are chosen by their names, which are shown
            shown = [line.value if source.format is Format.HDF5 else f"{line.name} {line.value}" for line in lines]
            assert not [line for line in shown if hidden(line.encode())], source.format


def test_the_window_keeps_nobody(
    places: dict[str, Path], log: None, window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    del log
    session, settings = window.session, window.session.settings
    settings.preferences.last_folder = str(places["whole"])
    titles = []
    window.windowTitleChanged.connect(titles.append)
    for part in ("whole", "partly", "broken"):
        # without a project: what is dropped goes into a scratch project
        window.intake.take([places[part]], ImportOptions(label="Brain"))
        qtbot.waitUntil(lambda: not session.jobs.running, timeout=60_000)
    wait_loaded(window, qtbot)
    project = session.project
    assert project is not None
    assert len(project.scans()) >= 10
    model = window.worklist.model
    qtbot.waitUntil(lambda: model.rowCount() >= 10, timeout=10_000)
    qtbot.waitUntil(lambda: all(model.data(model.index(row), Role.THUMBNAIL) for row in range(3)), timeout=30_000)
    for scan in project.scans()[:3]:
        session.open_scan(scan.id)
        qtbot.waitUntil(lambda scan=scan: session.scan is not None and session.scan.id == scan.id, timeout=10_000)
        wait_loaded(window, qtbot)
        stroke(window, (4, 4), (9, 9))
    session.save_now()
    qtbot.waitUntil(lambda: session.save_state == SaveState.SAVED, timeout=10_000)
    # names on this workstation: from the links to the list, and no further
    window.actions_table["show_names"].trigger()
    qtbot.wait(200)
    _fail(window, places, monkeypatch)
    settings.save()
    copy_project(project.path, places["out"] / "kept.meninx")
    shown = [window.windowTitle(), *titles, *(widget.windowTitle() for widget in QApplication.topLevelWidgets())]
    assert not [title for title in shown if hidden(title.encode())]
    session.close_project()
    words = (user_folder() / "meninx.log").read_text("utf-8")
    assert "file-missing" in words, "the faults were logged"
    assert "RuntimeError" in words
    nobody(places["out"], places["temp"], user_folder())


def _fail(window: MainWindow, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let things go wrong in ways whose words hold the person's name."""
    monkeypatch.setattr(sys, "__excepthook__", lambda *_facts: None)
    window.intake.open(places["whole"] / f"{WORD} is not there.dcm")
    unexpected = Unexpected()
    unexpected.attend(window.session, window)
    try:
        try:
            (places["whole"] / f"{WORD} nowhere").read_bytes()
        except OSError as error:
            raise RuntimeError(f"no {WORD} in {places['whole']}") from error
    except RuntimeError as error:
        unexpected._hook(type(error), error, error.__traceback__)
    unexpected._hook(MeninxError, MeninxError("file-unreadable", file=f"{WORD}.dcm"), None)


def test_a_crash_of_the_decoder_keeps_nobody(places: dict[str, Path], log: None) -> None:
    del log
    path = canary_dicom(places["whole"] / f"{WORD} late.dcm").filename
    with Decoder(patience=Patience(5.0, 5.0)) as decoder:
        found = decoder.find([Path(str(path))])
        process = decoder._process
        assert process is not None
        os.kill(process.pid or 0, 6)
        process.join(5)
        assert decoder.read(found.sources[0]).array.size
    written.info("after it")
    nobody(user_folder(), places["temp"])


def test_marks_are_unlike_anything_else(places: dict[str, Path]) -> None:
    # no project of somebody else holds them by chance
    Project.create(places["out"] / "empty.meninx").close()
    nobody(places["out"])
    assert len(set(TELLS)) == len(TELLS)
