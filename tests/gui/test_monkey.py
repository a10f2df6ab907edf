"""Random actions: no exception, no Qt warning, and the mask on the screen is the mask in the store.

``make soak`` runs 100,000 of them (``MENINX_ACTIONS``, ``MENINX_SEED``).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from monkey import Monkey
from PySide6.QtCore import QTimer
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shell_support import wait_loaded

from gui.background import Task
from gui.main_window import MainWindow
from gui.viewer.slice_view import SliceView

ACTIONS = 1_600
SOAK = 100_000
_EVERY = 200
_SOON_MS = 1000


def walk(window: MainWindow, qtbot: QtBot, monkey: Monkey, count: int, folder: Path) -> int:
    """Do ``count`` things and look at the masks now and then; return how often was looked."""
    looked = 0
    for number in range(1, count + 1):
        monkey.act()
        QApplication.processEvents()
        if number % _EVERY == 0:
            settle(window, qtbot)
            compare(window, folder)
            looked += 1
    return looked


def settle(window: MainWindow, qtbot: QtBot) -> None:
    """Close what is open and wait until a scan is there and saved."""
    while (widget := QApplication.activeModalWidget() or QApplication.activePopupWidget()) is not None:
        widget.close()
        QApplication.processEvents()
    session = window.session
    wait_loaded(window, qtbot)
    # the last dialog is closed by a timer of the monkey's, which must not outlive the test
    qtbot.wait(50)
    qtbot.waitUntil(lambda: not window.annotate.kit.busy, timeout=20_000)
    if session.editor is not None and session.editor.stroking:
        session.editor.commit()
    session.save_now()
    qtbot.waitUntil(lambda: session.editor is None or not session.editor.dirty, timeout=20_000)


def compare(window: MainWindow, folder: Path) -> None:
    """What the editor holds is what was saved, and what the panes show is what drawing it anew would show."""
    session = window.session
    assert session.project is not None
    assert session.scan is not None
    assert session.editor is not None
    annotations = session.project.annotations(session.scan.id)
    for layer in session.labels.layers:
        there = session.editor.mask(layer)
        saved = session.project.read_layer(annotations[0].id, layer) if annotations else None
        assert np.array_equal(there, np.zeros_like(there) if saved is None else saved), layer
    window.show_workspace("annotate")
    QApplication.processEvents()
    views = [view for view in window.annotate.views.findChildren(SliceView) if view.isVisible()]
    before = at_rest(window, views)
    # every overlay is laid on again, from nothing
    session.overlay_changed.emit()
    QApplication.processEvents()
    after = at_rest(window, views)
    assert views
    places = [place for place, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    for place in places:
        before[place].save(str(folder / f"before-{place}.png"))
        after[place].save(str(folder / f"after-{place}.png"))
    assert not places, f"see {folder}"


def at_rest(window: MainWindow, views: list[SliceView]) -> list[QImage]:
    """Return what panes show once nothing is on its way to them and it stays as it is."""
    last: list[QImage] = []
    for _ in range(500):
        shown = [view.grab().toImage() for view in views]
        if shown == last and not awaited(window):
            return shown
        last = shown
        QTest.qWait(40)
    raise AssertionError("the panes never come to rest")


def awaited(window: MainWindow) -> bool:
    """Whether a thread computes (finer slices, previews), or something waits a moment before it begins."""
    # the session reads for the panes as well: saved versions that are looked at
    holders = (window, window.session)
    tasks = [task for holder in holders for task in holder.findChildren(Task)]
    timers = [one for holder in holders for one in holder.findChildren(QTimer)]
    soon = (one for one in timers if one.isSingleShot() and one.interval() < _SOON_MS)
    return any(task.isRunning() for task in tasks) or any(one.isActive() for one in soon)


@pytest.mark.parametrize("seed", [1, 2])
def test_random_actions_leave_screen_and_store_alike(
    opened: MainWindow, qtbot: QtBot, seed: int, tmp_path: Path
) -> None:
    monkey = Monkey(opened, seed)
    assert walk(opened, qtbot, monkey, ACTIONS // 2, tmp_path) == ACTIONS // 2 // _EVERY
    assert monkey.done["drag"] > 100


@pytest.mark.soak
def test_very_many_random_actions(opened: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    seed = int(os.environ.get("MENINX_SEED", "20261121"))
    count = int(os.environ.get("MENINX_ACTIONS", str(SOAK)))
    monkey = Monkey(opened, seed)
    assert walk(opened, qtbot, monkey, count, tmp_path) == count // _EVERY
    assert sum(monkey.done.values()) > 0.8 * count
