"""The page of the settings that takes a GPU pack: what it shows and does, and that bad files do no harm."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from packs_support import make_pack, torch_source
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from core import licences
from core.errors import LearningError
from core.messages import sentence, text
from gui.dialogs.about import AboutDialog
from gui.dialogs.licences_dialog import LicencesDialog
from gui.dialogs.settings_dialog import SettingsDialog
from gui.jobs import packs
from gui.jobs.job_thread import JobThread, crashed
from gui.jobs.runners import Job
from models import torchpack, torchpack_choice
from models.torchpack_choice import switch_off


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packs are taken as in an installed copy; the made-up torch knows none of our networks."""
    seen = SimpleNamespace(frozen=True, executable=sys.executable, path=sys.path)
    monkeypatch.setattr(torchpack, "sys", seen)
    monkeypatch.setattr(torchpack_choice, "sys", seen)
    monkeypatch.setattr(packs, "choose_pack", lambda file: Job("choose_pack", {"file": file, "thorough": False}))
    monkeypatch.setattr(packs, "check_pack", lambda: Job("check_pack", {"thorough": False}))


@pytest.fixture
def dialog(window: QWidget, qtbot: QtBot) -> SettingsDialog:
    session = window.session
    made = SettingsDialog(session.settings.preferences, window, jobs=session.jobs)
    qtbot.addWidget(made)
    made.tabs.setCurrentWidget(made.computing)
    made.show()
    return made


def take(dialog: SettingsDialog, file: Path, qtbot: QtBot) -> None:
    page = dialog.computing
    page.choose(file)
    assert not dialog.accept_button.isEnabled()
    assert not page.choose_button.isEnabled()
    qtbot.waitUntil(lambda: not page.busy, timeout=60_000)
    assert dialog.accept_button.isEnabled()


def test_a_pack_is_taken_checked_and_removed(dialog: SettingsDialog, tmp_path: Path, qtbot: QtBot) -> None:
    page = dialog.computing
    assert page.device.text() == text("gpu.processor")
    assert page.remove_button.isHidden()
    take(dialog, make_pack(tmp_path), qtbot)
    assert page.device.text() == "NVIDIA Made Up 9000, with torch 9.9.0+cu130"
    assert page.outcome.text() == text("gpu.done", device="NVIDIA Made Up 9000")
    found = packs.choice()
    (found.folder / "torch" / "__init__.py").write_text(torch_source(seen=False) + "# another size", encoding="utf-8")
    page.check()
    qtbot.waitUntil(lambda: not page.busy, timeout=60_000)
    assert page.device.text() == text("gpu.processor")
    assert page.reason.text() == sentence(LearningError("pack-no-gpu"))
    assert page.outcome.text() == ""
    page.remove()
    qtbot.waitUntil(lambda: page.outcome.text() == text("gpu.removed"), timeout=20_000)
    assert page.remove_button.isHidden()
    assert packs.choice() is None
    assert not found.folder.exists()


def test_a_bad_file_is_one_sentence(dialog: SettingsDialog, tmp_path: Path, qtbot: QtBot) -> None:
    file = tmp_path / "holiday.pack"
    file.write_bytes(b"pictures")
    take(dialog, file, qtbot)
    assert dialog.computing.outcome.text().startswith("holiday.pack is no pack for Meninx.")
    assert dialog.computing.device.text() == text("gpu.processor")


def test_escape_stops_what_is_going_on_and_the_dialog_stays(
    dialog: SettingsDialog, tmp_path: Path, qtbot: QtBot
) -> None:
    page = dialog.computing
    page.choose(make_pack(tmp_path, source=torch_source(extra="time.sleep(600)")))
    qtbot.waitUntil(lambda: page.box.words.text() == text("stages.pack-trial"), timeout=60_000)
    dialog.reject()
    qtbot.waitUntil(lambda: not page.busy, timeout=30_000)
    assert dialog.isVisible()
    assert page.outcome.text() == text("gpu.stopped")
    assert packs.choice() is None
    dialog.reject()
    assert not dialog.isVisible()


def test_a_pack_that_gave_up_says_why_when_the_page_is_opened(window: QWidget, tmp_path: Path, qtbot: QtBot) -> None:
    list(torchpack_choice.choose_job(make_pack(tmp_path), thorough=False))
    switch_off(LearningError("pack-failed", reason="ImportError"))
    made = SettingsDialog(window.session.settings.preferences, window, jobs=window.session.jobs)
    qtbot.addWidget(made)
    assert "ImportError" in made.computing.reason.text()
    assert not made.computing.reason.isHidden()


def test_a_checkout_says_that_it_takes_no_packs(window: QWidget, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchpack_choice, "sys", sys)
    made = SettingsDialog(window.session.settings.preferences, window, jobs=window.session.jobs)
    qtbot.addWidget(made)
    assert made.computing.facts.text() == text("gpu.checkout")
    assert not made.computing.choose_button.isEnabled()


def test_about_shows_the_parts_and_their_licences(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = LicencesDialog()
    qtbot.addWidget(made)
    assert "numpy" in made.words.toPlainText()
    (tmp_path / "THIRD-PARTY-LICENCES.txt").write_text("Everything, in full.\n", encoding="utf-8")
    monkeypatch.setattr(licences, "sys", SimpleNamespace(frozen=True, executable=str(tmp_path / "meninx")))
    installed = LicencesDialog()
    qtbot.addWidget(installed)
    assert installed.words.toPlainText() == "Everything, in full.\n"
    about = AboutDialog()
    qtbot.addWidget(about)
    assert about.licences_button.text() == text("dialogs.licences_button")


def test_a_training_that_fell_over_switches_the_pack_off(tmp_path: Path, qtbot: QtBot) -> None:
    list(torchpack_choice.choose_job(make_pack(tmp_path), thorough=False))
    thread = JobThread(Job("train"))
    for ended in (-9, -15, 1):
        assert thread._unsaid_end(SimpleNamespace(exitcode=ended)).error.code == "job-died"
    assert packs.choice().why is None
    assert thread._unsaid_end(SimpleNamespace(exitcode=-7)).error.code == "pack-gave-up"
    assert packs.choice().why.code == "pack-died"
    assert thread._unsaid_end(SimpleNamespace(exitcode=-7)).error.code == "job-died"
    assert not crashed(0)
    assert crashed(0xC0000005)
