"""What asks for a file begins in the home folder, not where the program was started from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog

from gui.dialogs.settings_computing import ComputingPage
from gui.main_window import MainWindow

ASKING = ("merge", "foreign_labels", "foreign_file", "foreign_folder")


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where each question began."""
    found: list[str] = []

    def asking(answer: object) -> Callable[..., object]:
        def ask(_parent: object, _title: str, folder: str = "", *_more: object) -> object:
            found.append(folder)
            return answer

        return ask

    monkeypatch.setattr(QFileDialog, "getOpenFileName", asking(("", "")))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", asking(([], "")))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", asking(""))
    return found


@pytest.mark.parametrize("name", ASKING)
def test_actions_begin_at_home(window: MainWindow, begun: list[str], name: str) -> None:
    window.session.settings.preferences.last_folder = ""
    action = window.actions_table[name]
    action.setEnabled(True)
    action.trigger()
    assert begun == [str(Path.home())]


def test_the_choice_of_a_pack_begins_at_home(window: MainWindow, begun: list[str]) -> None:
    page = ComputingPage(window.session.jobs, window)
    page.ask()
    assert begun == [str(Path.home())]
