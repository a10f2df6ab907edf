"""What is given to the program at its start, or by the desktop while it runs, is opened."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shell_support import wait_loaded

from gui.handed import FileOpener, open_given, paths_of
from gui.main_window import MainWindow

ODD = "Köpfe 脑 🧠 50% #1"
HOLD = """
import sys
from pathlib import Path
from core.project.lock import AnnotationLock
lock = AnnotationLock(Path(sys.argv[1]), "Dr. Ümit")
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def nifti(path: Path, seed: int = 0) -> Path:
    values = np.random.default_rng(seed).integers(0, 900, (12, 14, 6)).astype(np.int16)
    path.write_bytes(gzip.compress(nibabel.Nifti1Image(values, np.eye(4)).to_bytes()))
    return path


def test_arguments_are_paths_and_addresses() -> None:
    given = paths_of(["a b/50%25.nii", QUrl.fromLocalFile(f"/d/{ODD}.nii").toString(), "-psn_0_123", ""])
    assert given == [Path.cwd() / "a b/50%25.nii", Path(f"/d/{ODD}.nii")]


def test_a_file_that_is_given_is_opened(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    open_given(window, [nifti(tmp_path / f"{ODD}.nii.gz")])
    qtbot.waitUntil(lambda: window.session.scan is not None, timeout=60_000)
    wait_loaded(window, qtbot)
    assert window.session.is_scratch
    qtbot.waitUntil(lambda: not window.session.jobs.running, timeout=60_000)


def test_a_project_and_a_file_are_opened_together(
    window: MainWindow, project_path: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    open_given(window, [project_path / "meninx.json", nifti(tmp_path / "one.nii.gz"), tmp_path / "none.nii"])
    project = window.session.project
    assert project is not None
    assert project.path == project_path
    assert any("none.nii" in toast.told.words for toast in window.toasts.toasts)
    qtbot.waitUntil(lambda: len(project.scans()) == 4, timeout=60_000)
    qtbot.waitUntil(lambda: not window.session.jobs.running, timeout=60_000)


def test_a_folder_that_is_given_is_asked_about(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(window.intake._bringer, "look", lambda paths, _decoder=None: asked.append(paths))
    (tmp_path / ODD).mkdir()
    open_given(window, [tmp_path / ODD])
    assert asked == [[tmp_path / ODD]]


def test_what_the_desktop_asks_for_before_and_after_there_is_a_window(
    qapp: QApplication, qtbot: QtBot, tmp_path: Path
) -> None:
    got: list[list[Path]] = []
    opener = FileOpener(qapp)
    first, second = tmp_path / f"{ODD}.nii", tmp_path / "two.nii"
    for path in (first, second):
        path.touch()
    QApplication.sendEvent(qapp, QFileOpenEvent(QUrl.fromLocalFile(str(first))))
    assert opener.waiting
    opener.give_to(got.append)
    assert got == [[first]]
    for path in (second, first):
        QApplication.sendEvent(qapp, QFileOpenEvent(QUrl.fromLocalFile(str(path))))
    qtbot.waitUntil(lambda: len(got) == 2)
    assert got[1] == [second, first], "what comes together is opened together"
    qapp.removeEventFilter(opener)
    opener.deleteLater()


def test_a_project_that_is_open_elsewhere_says_so_in_a_sentence(
    window: MainWindow, project_path: Path, qtbot: QtBot
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(project_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        open_given(window, [project_path])
        qtbot.waitUntil(lambda: window.session.scan is not None, timeout=10_000)
        wait_loaded(window, qtbot)
        assert window.session.read_only
        assert window.banner.isVisible()
        assert "Dr. Ümit" in window.banner_words.text()
        assert "is drawing in this project since" in window.banner_words.text()
        other.communicate("")
