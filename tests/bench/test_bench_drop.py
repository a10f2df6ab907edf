"""From the drop of a folder on the window to its first slice, to all of them, and to the first possible stroke."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from series_support import write_series

from core.heap import keep_small
from gui import theme
from gui.background import take_short_turns
from gui.collecting import Collector
from gui.glimpse import Glimpse
from gui.main_window import MainWindow
from gui.session import Session
from gui.settings import Settings


class _Turns:
    """The longest turn of the window's thread."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(1)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last)
        self._last = now

    def stop(self) -> None:
        self._timer.stop()


def test_a_dropped_series_is_seen_within_a_second(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENINX_HOME", str(tmp_path / "home"))
    write_series(tmp_path / "series", "raw")
    keep_small()
    take_short_turns()
    theme.apply(qapp)
    window = MainWindow(Session(Settings()))
    window.show()
    window.warm()
    collector = Collector()
    collector.begin()
    collector.keep()
    # as after a start: the child has had its time
    qtbot.wait(3000)
    seen: list[tuple[float, Glimpse]] = []
    start = time.perf_counter()

    def note(glimpse: Glimpse | None) -> None:
        # the one that is read from its store again has been seen
        if glimpse is not None and not glimpse.scan:
            seen.append((time.perf_counter() - start, glimpse))

    window.session.glance_changed.connect(note)
    turns = _Turns()
    window.commands.take_dropped([tmp_path / "series"])
    qtbot.waitUntil(lambda: window.session.can_edit, timeout=60_000)
    ready = time.perf_counter() - start
    turns.stop()
    collector.end()
    qtbot.waitUntil(lambda: not window.session.jobs.of_kind("import"), timeout=30_000)
    first, whole = seen[0][0], seen[-1][0]
    words = f"first slice {first:.2f} s, all {whole:.2f} s, can be drawn on {ready:.2f} s"
    sys.stdout.write(f"\ndrop of 300 raw slices: {words}, longest turn of the window {1000 * turns.longest:.0f} ms\n")
    window.session.put_away()
    window.close()
    window.deleteLater()
    assert seen[-1][1].done == seen[-1][1].total == 300
    assert first <= 1.0
