"""From *Stop, keep best* in the window to the run that is kept, and to the end of the child.

``pytest tests/bench/test_bench_stop.py -s --override-ini=addopts=-q`` on a quiet machine; the default network, 256 px.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from core.events import Finished, JobEvent, Progress
from core.learning.config import TrainingConfig
from core.phantom import make_head
from core.project.project import Project
from core.project.records import Origin, SliceState
from gui import theme
from gui.background import take_short_turns
from gui.collecting import Collector
from gui.jobs.jobs import Work
from gui.main_window import MainWindow
from gui.session import Session
from gui.settings import Settings

SEEN = 40
"""Slices of the first epoch before the word."""
BAR = 2.0


def _heads(path: Path, count: int = 5) -> None:
    with Project.create(path, name="heads") as project:
        label = project.ensure_label("Brain")
        for number in range(count):
            head = make_head(number + 1, shape=(40, 192, 192))
            scan = project.add_scan(head.volume, patient=f"somebody {number}")
            drawn = project.ensure_annotation(scan.id, "bench")
            mask = head.masks["Brain"].astype(np.uint8) * np.uint8(label.value)
            states = [SliceState(z, Origin.DRAWN, None, True, "bench") for z in range(mask.shape[0])]
            project.save_layers(drawn.id, {label.layer: mask}, {label.layer: states}, journal_sequence=0)


def test_stop_keeps_the_run_within_two_seconds(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MENINX_HOME", str(tmp_path / "home"))
    _heads(tmp_path / "heads.meninx")
    take_short_turns()
    theme.apply(qapp)
    window = MainWindow(Session(Settings()))
    window.show()
    collector = Collector(window)
    collector.begin()
    session = window.session
    window.intake.open_project(tmp_path / "heads.meninx")
    qtbot.waitUntil(lambda: session.project is not None, timeout=60_000)
    session.workspace_requested.emit("train")
    work = session.jobs.start_training(TrainingConfig(labels=("Brain",), minutes=10))

    def seen() -> bool:
        now = work.progress
        return isinstance(now, Progress) and now.stage == "training" and now.done >= SEEN

    qtbot.waitUntil(seen, timeout=300_000)
    stages: dict[str, float] = {}
    ended: list[float] = []

    def note(_work: Work, event: JobEvent) -> None:
        name = event.stage if isinstance(event, Progress) else type(event).__name__
        stages.setdefault(name, time.perf_counter() - began)

    began = time.perf_counter()
    session.jobs.said.connect(note)
    session.jobs.ended.connect(lambda _work: ended.append(time.perf_counter() - began))
    # what the button does
    session.jobs.stop(work)
    qtbot.waitUntil(lambda: bool(ended), timeout=60_000)
    kept = stages["Finished"]
    words = ", ".join(f"{name} {at:.2f}" for name, at in stages.items())
    sys.stdout.write(f"\nStop after {SEEN} slices: {kept:.2f} s, child gone {ended[0]:.2f} s ({words})\n")
    outcome = work.outcome
    collector.end()
    session.put_away()
    window.close()
    window.deleteLater()
    assert isinstance(outcome, Finished)
    assert kept <= BAR
