"""kill -9 on the real window while somebody draws: nothing acknowledged is lost, nothing is corrupt.

The child is the whole window (under an X server where DISPLAY is set, else offscreen); it draws with
mouse events, undoes, marks slices and switches scans. The parent logs what it acknowledged, kills it
at a random moment of a chosen phase, opens the project and compares.

    pytest tests/faults/test_kill_window.py                   3 kills
    pytest tests/faults/test_kill_window.py -m soak -s        100 kills (MENINX_WINDOW_KILLS, MENINX_SEED)
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from kill_child import digest
from kill_support import Log, Tally, run_and_kill

from core.editing.opening import open_annotation
from core.labels import LabelSet
from core.phantom import make_head
from core.project.lock import AnnotationLock
from core.project.project import Project

PHASES = ("open", "stroke", "commit", "saving", "saved", "switch")
SCANS = ("S0001", "S0002")
LOCK_SECONDS = 5.0


@dataclass
class WindowLog(Log):
    """What one window said."""

    opened: list[tuple[str, int, str]] = field(default_factory=list)
    commits: dict[str, dict[int, tuple[str, float]]] = field(default_factory=lambda: {name: {} for name in SCANS})
    saved: Counter[str] = field(default_factory=Counter)

    def hear(self, kind: str, words: Sequence[str]) -> None:
        if kind == "opened":
            self.opened.append((words[0], int(words[1]), words[2]))
        elif kind == "commit":
            self.commits[words[0]][int(words[1])] = words[2], float(words[3])
        elif kind == "saved":
            self.saved[words[0]] = max(self.saved[words[0]], int(words[1]))


@dataclass
class WindowTally(Tally):
    """What came of all kills, with how long the lock was held after them."""

    lock_seconds: float = 0.0

    def __str__(self) -> str:
        met, lost = self.words(PHASES)
        return (
            f"{self.kills} kills of the window ({met}); {self.commits} steps and {self.saves} saves acknowledged; "
            f"{self.recovered} records recovered; {lost}; lock taken over within {self.lock_seconds:.2f} s; "
            f"0 saved lost, 0 corrupt"
        )


def new_project(path: Path) -> Path:
    with Project.create(path) as project:
        project.set_labels(LabelSet().with_label("Brain").with_label("Tumour").with_label("Oedema"))
        for seed in range(len(SCANS)):
            project.add_scan(make_head(seed, shape=(8, 64, 56)).volume, patient=f"person {seed}")
    return path


def kill_one(path: Path, rng: np.random.Generator) -> tuple[WindowLog, float]:
    """Run a window, kill it within a chosen phase; return what it said and when it died."""
    phase = PHASES[int(rng.integers(len(PHASES)))]
    often = 1 if phase == "open" else int(rng.integers(1, 6 if phase in ("saving", "saved", "switch") else 40))
    pause = float(rng.uniform(0, 1.0) if phase == "open" else rng.choice([0.0, rng.uniform(0, 0.03)]))
    command = [sys.executable, str(Path(__file__).with_name("window_child.py")), str(path), str(rng.integers(2**31))]
    log = WindowLog()
    died = run_and_kill(command, log, phase, often, lambda: time.sleep(pause), timeout=120)
    return log, died


def check(path: Path, log: WindowLog, died: float, known: dict[str, dict[int, str]], tally: WindowTally) -> None:
    """Open the project as the next start would, and compare it with what was acknowledged."""
    for scan, sequence, found in log.opened:
        # what it drew itself may be known only from what it said
        there = known[scan].get(sequence, log.commits[scan].get(sequence, ("", 0.0))[0])
        assert there == found, f"{scan} was not opened as it was left"
    began = time.monotonic()
    with AnnotationLock(path, "next"):
        tally.lock_seconds = max(tally.lock_seconds, time.monotonic() - began)
    assert tally.lock_seconds <= LOCK_SECONDS
    with Project.open(path) as project:
        assert project.verify() == []
        for scan in SCANS:
            known[scan].update({number: named for number, (named, _) in log.commits[scan].items()})
            annotation = project.annotation(project.scan(scan).id, "anna")
            saved = annotation.journal_sequence if annotation is not None else 0
            assert saved >= log.saved[scan], f"a save of {scan} that was acknowledged is gone"
            opened = open_annotation(project, scan, "anna")
            editor = opened.editor
            assert opened.set_aside is None
            # one record more than was acknowledged may be there: it was on the disk before it could be said
            assert editor.sequence <= max(known[scan]) + 1
            found = digest(editor, history=True)
            assert known[scan].setdefault(editor.sequence, found) == found, f"{scan} is not what was acknowledged"
            tally.recovered += opened.recovered_steps
            opened.close()
            tally.lose(log.commits[scan], known[scan], editor.sequence, died)


def run(kills: int, seed: int, folder: Path) -> WindowTally:
    rng = np.random.default_rng(seed)
    tally = WindowTally()
    path = new_project(folder / "window.meninx")
    known: dict[str, dict[int, str]] = {}
    with Project.open(path) as fresh:
        for scan in SCANS:
            known[scan] = {0: digest(open_annotation(fresh, scan, "anna").editor, history=True)}
    for _ in range(kills):
        log, died = kill_one(path, rng)
        tally.count(log, sum(len(of_scan) for of_scan in log.commits.values()))
        check(path, log, died, known, tally)
        if tally.kills % 50 == 0:
            sys.stderr.write(f"so far: {tally}\n")
    return tally


@pytest.mark.timeout(300)
def test_three_kills_of_the_window(tmp_path: Path) -> None:
    tally = run(3, 20261124, tmp_path)
    assert tally.kills == 3
    assert tally.commits > 0


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_a_hundred_kills_of_the_window(tmp_path: Path) -> None:
    kills = int(os.environ.get("MENINX_WINDOW_KILLS", "100"))
    seed = int(os.environ.get("MENINX_SEED", str(time.time_ns() % 2**31)))
    sys.stderr.write(f"\nseed {seed}\n")
    tally = run(kills, seed, tmp_path)
    sys.stderr.write(f"{tally}\n")
    assert tally.kills == kills
    assert tally.saves > kills
