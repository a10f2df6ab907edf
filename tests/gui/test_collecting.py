"""Garbage is collected in the window's thread alone, soon, and never in the middle of a stroke."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from gui.collecting import Collector

ROOT = Path(__file__).resolve().parents[2]


class _Ring(QObject):
    """What only the collector can free: it holds itself, as a widget does whose slot is a lambda of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.itself = self


@pytest.fixture
def collector(qapp: object) -> Iterator[Collector]:
    made = Collector()
    made.begin()
    yield made
    made.end()


def _ended_in() -> tuple[weakref.ref[_Ring], list[str]]:
    threads: list[str] = []
    ring = _Ring()
    return weakref.ref(ring, lambda _ref: threads.append(threading.current_thread().name)), threads


def _churn(objects: int = 200_000) -> None:
    """Ask for so much memory that Python would collect every generation by itself."""
    kept = [[number] for number in range(objects)]
    assert len(kept) == objects


def _churn_elsewhere() -> None:
    worker = threading.Thread(target=_churn, name="another")
    worker.start()
    worker.join()


def test_a_thread_that_asks_for_memory_never_destroys_what_is_qts(collector: Collector, qtbot: QtBot) -> None:
    ref, threads = _ended_in()
    _churn_elsewhere()
    assert ref() is not None, "the other thread collected"

    qtbot.waitUntil(lambda: ref() is None, timeout=5000)
    assert threads == [threading.main_thread().name]


def test_without_it_another_thread_does(qapp: object) -> None:
    # why all this is needed: if Python ceases to do so, the collector may go
    gc.enable()
    ref, threads = _ended_in()
    _churn_elsewhere()
    gc.disable()
    assert ref() is None
    assert threads == ["another"]


def test_what_is_old_is_collected_once_the_mouse_button_is_let_go(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Qt.MouseButton.LeftButton
    monkeypatch.setattr(QGuiApplication, "mouseButtons", lambda: held)
    asked: list[int] = []
    monkeypatch.setattr(gc, "collect", asked.append)
    for _ in range(40):
        collector.look()
    assert asked == [1] * 40
    held = Qt.MouseButton.NoButton
    for _ in range(40):
        collector.look()
    assert asked[40:] == [2] + [1] * 29 + [2] + [1] * 9


def test_python_never_collects_by_itself_again(qapp: object) -> None:
    gc.enable()
    made = Collector()
    frozen = gc.get_freeze_count()
    made.begin()
    made.keep()
    assert gc.get_freeze_count() > frozen
    made.end()
    assert not gc.isenabled()


_DESTROYED = """
import gc, sys
from PySide6.QtCore import QCoreApplication, QObject, QTimer, Slot
from gui.collecting import Collector

class Part(QObject):
    @Slot()
    def hear(self):
        pass

app = QCoreApplication([])
sender, collector = QTimer(), Collector()
collector.begin()
collector.keep()
gc.set_threshold(1, 1, 1)
for _ in range(20):
    # what is left of windows: only the collector can free it
    for _ in range(300):
        left = Part()
        left.itself = left
        sender.timeout.connect(left.hear)
    going = [Part() for _ in range(50)]
    for part in going:
        sender.timeout.connect(part.hear)
    del left, part
    # each tells the sender, with a lock of Qt's held; the sender asks Python whether it wants to know
    if sys.argv[1] == "by itself":
        gc.enable()
    going.clear()
    gc.disable()
    collector.look()
print("came through")
"""


def _destroyed(how: str, seconds: float) -> str:
    words = [sys.executable, "-c", _DESTROYED, how]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=True).stdout.strip()


def test_objects_that_go_while_much_is_due_do_not_stand_still(qapp: object) -> None:
    assert _destroyed("by the collector", 60) == "came through"


def test_with_pythons_own_collection_they_do(qapp: object) -> None:
    # one thread, one lock of Qt's, wanted twice: the other reason why all this is needed
    with pytest.raises(subprocess.TimeoutExpired):
        _destroyed("by itself", 6)
