"""kill -9 at any moment: nothing saved is lost, nothing is corrupt, at most 2 s of strokes are gone.

A child draws and saves as fast as it can and says what it acknowledged; the parent
kills it at a random moment of a random phase, opens the project again and compares.
The next child goes on with the same project, so that recoveries pile up.

    pytest tests/faults/test_kill_store.py                   20 kills
    pytest tests/faults/test_kill_store.py -m soak -s        200 kills (MENINX_KILLS, MENINX_SEED)
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from kill_child import digest

from core.editing.opening import open_annotation
from core.geometry import Geometry
from core.project.journal_file import JournalFile
from core.project.project import Project
from core.volume import Volume

PHASES = ("open", "begin", "stroke", "commit", "saving", "saved")
KILLS_PER_PROJECT = 10
LONG = 0.25
"""Share of kills that come after seconds of drawing without a save: only they can lose more than 2 s."""
ALLOWED_SECONDS = 2.0
SMALL_JOURNAL = 6_000
"""Bytes of the journal in every second project, so that kills meet the dropping of old steps too."""


@dataclass
class Log:
    """What one child said until it was killed."""

    phase: str = "start"
    seen: Counter[str] = field(default_factory=Counter)
    opened: tuple[int, str] | None = None
    commits: dict[int, tuple[str, float]] = field(default_factory=dict)
    saved: int = 0
    faults: str = ""

    def take(self, line: str) -> None:
        kind, *words = line.split()
        if kind == "phase":
            self.phase = words[0]
            self.seen[words[0]] += 1
        elif kind == "opened":
            self.opened = int(words[0]), words[1]
        elif kind == "commit":
            self.commits[int(words[0])] = words[1], float(words[2])
        elif kind == "saved":
            self.saved = max(self.saved, int(words[0]))


@dataclass
class Tally:
    """What came of all kills."""

    kills: int = 0
    phases: Counter[str] = field(default_factory=Counter)
    commits: int = 0
    saves: int = 0
    lost_steps: int = 0
    lost_seconds: float = 0.0
    recovered: int = 0
    trimmed: int = 0

    def __str__(self) -> str:
        phases = ", ".join(f"{name} {self.phases[name]}" for name in PHASES)
        return (
            f"{self.kills} kills ({phases}); {self.commits} commits and {self.saves} saves acknowledged; "
            f"{self.recovered} records recovered; {self.trimmed} kills over a journal with old steps dropped; "
            f"{self.lost_steps} acknowledged commits lost, "
            f"the oldest {self.lost_seconds:.3f} s before its kill; 0 saved lost, 0 corrupt"
        )


def new_project(folder: Path) -> tuple[Path, str]:
    rng = np.random.default_rng(0)
    geometry = Geometry((12, 96, 80), np.diag([-1.0, -1.0, 2.5, 1.0]))
    with Project.create(folder) as project:
        scan = project.add_scan(Volume(rng.integers(0, 900, (12, 96, 80), dtype=np.int16), geometry), patient="x")
        for name in ("Brain", "Tumour", "Oedema"):
            project.ensure_label(name)
    return folder, scan.id


def kill_one(folder: Path, scan: str, limit: int, rng: np.random.Generator) -> tuple[Log, float]:
    """Run a child, kill it within a chosen phase; return what it said and when it died."""
    phase = PHASES[int(rng.integers(len(PHASES)))]
    often = 1 if phase == "open" else int(rng.integers(1, 12 if phase in ("saving", "saved") else 40))
    pause = float(rng.choice([0.0, rng.uniform(0, 0.003), rng.uniform(0, 0.03)]))
    long = rng.random() < LONG
    if long:
        phase, often, pause = "begin", 1, rng.uniform(2.2, 3.8)
    delay = "2.0" if long else "0.02" if phase in ("saving", "saved") or rng.random() < 0.5 else "2.0"
    command = [sys.executable, str(Path(__file__).with_name("kill_child.py")), str(folder), scan]
    child = subprocess.Popen(
        [*command, str(rng.integers(2**31)), delay, str(limit)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    log = Log()
    reached = threading.Event()

    def listen() -> None:
        assert child.stdout is not None
        for line in child.stdout:
            if line.endswith("\n"):
                log.take(line)
            if log.seen[phase] >= often:
                reached.set()
        reached.set()

    listener = threading.Thread(target=listen)
    listener.start()
    assert reached.wait(60), "the child did not get there"
    if long:
        time.sleep(pause)
        pause = 0.0
    # spinning: a sleep would round the moment up to the scheduler's tick
    end = time.perf_counter() + pause
    while time.perf_counter() < end:
        pass
    died = time.monotonic()
    child.send_signal(signal.SIGKILL)
    child.wait()
    # what the child said before it died is still in the pipe
    listener.join()
    assert child.stderr is not None
    log.faults = child.stderr.read()
    child.stdout.close()
    child.stderr.close()
    return log, died


def check(folder: Path, scan: str, limit: int, log: Log, died: float, known: dict[int, str], tally: Tally) -> None:
    """Open the project as the next start would, and compare it with what was acknowledged.

    ``known`` holds what the drawing looked like after each record.
    """
    if log.opened is not None:
        sequence, found = log.opened
        assert known[sequence] == found, "the child did not open what the check had found"
    known.update({number: named for number, (named, _) in log.commits.items()})
    with Project.open(folder) as project:
        assert project.verify() == []
        annotation = project.annotation(scan, "anna")
        saved = annotation.journal_sequence if annotation is not None else 0
        assert saved >= log.saved, "a save that was acknowledged is gone"
        opened = open_annotation(project, scan, "anna")
        editor = opened.editor
        assert opened.set_aside is None
        assert editor.sequence >= saved
        # one record more than was acknowledged may be there: it was on the disk before it could be said
        assert editor.sequence <= max(known) + 1
        found = digest(editor, history=limit == 0)
        assert known.setdefault(editor.sequence, found) == found, "not what was acknowledged"
        end = editor.sequence
        if annotation is not None and (journal := project.journal_path(annotation.id)).exists():
            tally.trimmed += JournalFile(journal).header.start > 0
    with Project.open(folder, read_only=True) as looking:
        # all of the history works: back to the empty scan, if none of it was dropped
        editor = open_annotation(looking, scan, "anna").editor
        assert digest(editor, history=limit == 0) == found
        for _ in range(editor.position):
            assert editor.undo() is not None
        assert limit or not any(editor.mask(layer).any() for layer in ("brain", "lesions"))
    lost = {number: at for number, (_, at) in log.commits.items() if number > end}
    for number in [number for number in known if number > end]:
        del known[number]  # drawn anew by the next child under the same numbers
    tally.recovered += opened.recovered_steps
    if lost:
        tally.lost_steps += len(lost)
        tally.lost_seconds = max(tally.lost_seconds, died - min(lost.values()))
    assert tally.lost_seconds <= ALLOWED_SECONDS


def run(kills: int, seed: int, folder: Path) -> Tally:
    rng = np.random.default_rng(seed)
    tally = Tally()
    while tally.kills < kills:
        project, scan = new_project(folder / f"kill{tally.kills}.meninx")
        limit = SMALL_JOURNAL * (tally.kills // KILLS_PER_PROJECT % 2)
        with Project.open(project) as fresh:
            known = {0: digest(open_annotation(fresh, scan, "anna").editor, history=limit == 0)}
        for _ in range(min(KILLS_PER_PROJECT, kills - tally.kills)):
            log, died = kill_one(project, scan, limit, rng)
            assert "Traceback" not in log.faults, log.faults
            tally.kills += 1
            tally.phases[log.phase] += 1
            tally.commits += len(log.commits)
            tally.saves += log.seen["saved"]
            check(project, scan, limit, log, died, known, tally)
            if tally.kills % 50 == 0:
                sys.stderr.write(f"so far: {tally}\n")
    return tally


def test_twenty_kills(tmp_path):
    tally = run(20, 20261121, tmp_path)
    assert tally.kills == 20
    assert tally.commits > 100
    assert tally.saves > 5


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_two_hundred_kills(tmp_path):
    kills = int(os.environ.get("MENINX_KILLS", "200"))
    seed = int(os.environ.get("MENINX_SEED", str(time.time_ns() % 2**31)))
    sys.stderr.write(f"\nseed {seed}\n")
    tally = run(kills, seed, tmp_path)
    sys.stderr.write(f"{tally}\n")
    assert tally.kills == kills
    assert tally.trimmed > 0
    assert all(tally.phases[phase] for phase in PHASES)
