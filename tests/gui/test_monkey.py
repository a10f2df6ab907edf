"""Random actions: no exception, no Qt warning, and the mask on the screen is the mask in the store.

``make soak`` runs 100,000 of them (``MENINX_ACTIONS``, ``MENINX_SEED``).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from anew import drawn_anew
from monkey import Monkey
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shell_support import wait_loaded

from gui.main_window import MainWindow

ACTIONS = 1_600
SOAK = 100_000
_EVERY = 200


def walk(window: MainWindow, qtbot: QtBot, monkey: Monkey, count: int, folder: Path) -> int:
    """Do ``count`` things and look at the masks now and then; return how often was looked."""
    looked = 0
    for number in range(1, count + 1):
        monkey.act()
        QApplication.processEvents()
        if number % _EVERY == 0:
            settle(window, qtbot)
            (folder / "last.txt").write_text(f"{number}\n" + "\n".join(monkey.last))
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
    drawn_anew(window, folder, on_screen=False)


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
