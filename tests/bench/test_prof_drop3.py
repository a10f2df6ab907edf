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



import signal

STACKS = []
def _tick_signal(_n, frame):
    stack = []
    while frame is not None and len(stack) < 9:
        stack.append(f"{frame.f_code.co_filename.split('/')[-1]}:{frame.f_lineno}:{frame.f_code.co_name}")
        frame = frame.f_back
    STACKS.append((time.perf_counter(), stack))


def sched():
    with open("/proc/thread-self/schedstat") as f:
        a, b, _ = f.read().split()
    return int(a) / 1e6, int(b) / 1e6


class _Turns:
    def __init__(self):
        self.longest = 0.0
        self.long = []
        self._last = time.perf_counter()
        self._s = sched()
        self._timer = QTimer()
        self._timer.timeout.connect(self._tick)
        self._timer.start(1)

    def _tick(self):
        now = time.perf_counter()
        s = sched()
        self.longest = max(self.longest, now - self._last)
        if now - self._last > 0.02:
            self.long.append((now - self._last, now, s[0] - self._s[0], s[1] - self._s[1]))
        self._last, self._s = now, s

    def stop(self):
        self._timer.stop()

    def tell(self):
        for took, end, cpu, waited in sorted(self.long, reverse=True)[:6]:
            print(f"TURN {1000*took:.0f} ms, cpu {cpu:.0f}, waited for a processor {waited:.0f}")
            for t, st in STACKS:
                if end - took <= t <= end:
                    print(f"    {1000*(t-end+took):.0f}", " < ".join(x for x in st if "pytestqt" not in x)[:330])


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
    window.resize(920, 760); window.warm()
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
    turns = _Turns(); signal.signal(signal.SIGALRM, _tick_signal); signal.setitimer(signal.ITIMER_REAL, 0.003, 0.003)
    print("PAGES", window.workspaces.count())
    window.commands.take_dropped([tmp_path / "series"])
    qtbot.waitUntil(lambda: window.session.can_edit, timeout=60_000)
    ready = time.perf_counter() - start
    turns.stop(); signal.setitimer(signal.ITIMER_REAL, 0); turns.tell()
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
