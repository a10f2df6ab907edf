"""Every page and dialog of the real window, in each language, on a small screen too: all of it whole, named and
readable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import small_project as small
from every_dialog import dialogs, unseen
from fitting import cut_off
from naming import nameless
from PySide6.QtCore import QCoreApplication, QEvent, QLocale, QSize
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from reading import unreadable
from shell_support import wait_loaded

from core import messages
from gui import language, roomy, theme
from gui.annotate.fold import Fold
from gui.main_window import MainWindow
from gui.session import Session
from gui.settings import Settings

TOOLS = (
    "brush", "erase", "background", "suggestions", "polygon", "lasso", "scissors", "fill", "wand", "level", "threshold",
    "navigate", "ruler",
)  # fmt: skip

OPERATIONS = ("edit_seeds", "edit_smooth", "edit_remove_small", "edit_split_islands", "edit_unite", "edit_move")
SIZE = (1280, 800)
SIZES = (SIZE, (1097, 540), (960, 460))
"""A small laptop; what Full HD leaves at 175 % and at 200 %, less what the desktop takes."""


@pytest.fixture(params=["en", "de"])
def spoken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, qapp: QApplication) -> Iterator[str]:
    """The language of the window; English again at the end."""
    before = QLocale()
    monkeypatch.setenv(messages.VARIABLE, request.param)
    language.dress(qapp)
    yield request.param
    monkeypatch.setenv(messages.VARIABLE, "en")
    language.dress(qapp)
    QLocale.setDefault(before)


@pytest.fixture
def window(spoken: str, qtbot: QtBot, qapp: QApplication) -> Iterator[MainWindow]:
    # both themes are looked at
    theme.apply(qapp, "light" if spoken == "de" else "dark")
    made = MainWindow(Session(Settings()))
    made.resize(*SIZE)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.session.put_away()
    made.close()
    made.deleteLater()
    theme.apply(qapp)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scans, the last not drawn; two runs, the better one has predicted."""
    path = tmp_path_factory.mktemp("fits") / "small.meninx"
    with small.make_project(path) as project:
        small.past_run(project, top=0.90)
        better = small.past_run(project, top=0.97, labels=("Brain", "Tumour"))
        for number, scan in enumerate(project.scans()):
            if number != 1:
                small.predict(project, better.id, scan.id, dict(small.head_of(number + 1, small.SHAPE, True).masks))
    return path


_TURNS = 40


class Look:
    """Collects what does not fit, place by place; keeps pictures where MENINX_GRABS names a folder."""

    def __init__(self, spoken: str) -> None:
        self.faults: list[str] = []
        self._spoken = spoken
        self._grabs = os.environ.get("MENINX_GRABS", "")

    def at(self, place: str, widget: QWidget) -> None:
        """Look at a dialog as it is, at the window in each of :data:`SIZES`."""
        if not isinstance(widget, MainWindow):
            self._see(place, widget)
            return
        for size in reversed(SIZES):
            widget.resize(*size)
            self._see(f"{place}-{size[0]}", widget)
            assert (widget.width(), widget.height()) == size

    def _see(self, place: str, widget: QWidget) -> None:
        # what is laid out may ask for another layout, and what is measured in a thread for other words
        for _ in range(_TURNS):
            QTest.qWait(10)
            faults = [*cut_off(widget), *unreadable(widget)]
            if not faults:
                break
        self.faults += [f"{place}: {fault}" for fault in [*faults, *nameless(widget)]]
        if self._grabs:
            widget.grab().save(f"{self._grabs}/{self._spoken}-{place}.png")


def test_the_window_has_room_for_its_words(window: MainWindow, folder: Path, spoken: str, qtbot: QtBot):
    look = Look(spoken)
    look.at("start", window)
    with qtbot.waitSignal(window.session.scan_changed, timeout=60_000):
        assert window.intake.open_project(folder)
    wait_loaded(window, qtbot)
    for fold in window.annotate.findChildren(Fold):
        fold.open()
    for tool in TOOLS:
        window.actions_table[tool].trigger()
        look.at(f"annotate-{tool}", window)
    for operation in OPERATIONS:
        window.actions_table[operation].trigger()
        look.at(operation, window)
    window.show_workspace("train")
    qtbot.waitUntil(lambda: window.train.table.runs.rowCount() == 2, timeout=60_000)
    qtbot.wait(300)
    look.at("train", window)
    for tab in (1, 0):
        window.train.tabs.button(tab).click()
        look.at(f"train-tab-{tab}", window)
    window.train.panel.task.setCurrentIndex(1)
    look.at("train-class", window)
    window.train.panel.task.setCurrentIndex(0)
    window.train.box.figures.click()
    qtbot.wait(800)
    look.at("train-figures", window)
    window.show_workspace("review")
    qtbot.waitUntil(lambda: window.review.panes.isVisible(), timeout=60_000)
    qtbot.wait(800)
    look.at("review", window)
    window.review.show_next(True)
    look.at("review-next", window)
    window.review.show_next(False)
    for view in window.review.views.findChildren(QPushButton):
        if view.isCheckable() and view.isEnabled() and view.isVisible():
            view.click()
            qtbot.wait(400)
            look.at(f"review-view-{view.text()}", window)
    assert not look.faults, "\n".join(look.faults)


@pytest.mark.parametrize("room", [(1280, 768), (960, 508)])
def test_the_dialogs_have_room_for_their_words(
    window: MainWindow,
    folder: Path,
    spoken: str,
    room: tuple[int, int],
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    monkeypatch.setattr(roomy, "room_of", lambda _: QSize(*room))
    window.resize(*room)
    look = Look(f"{spoken}-{room[0]}")
    with qtbot.waitSignal(window.session.scan_changed, timeout=60_000):
        assert window.intake.open_project(folder)
    wait_loaded(window, qtbot)
    made: list[QWidget] = []
    for place, dialog in dialogs(window, tmp_path, qtbot):
        dialog.show()
        look.at(place, dialog)
        assert dialog.width() <= room[0], place
        assert dialog.height() <= room[1], place
        if dialog not in made:
            made.append(dialog)
    for dialog in made:
        dialog.close()
        dialog.deleteLater()
    assert unseen({type(dialog) for dialog in made}) == set()
    assert not look.faults, "\n".join(look.faults)
