"""kill -9 at any moment: nothing saved is lost, nothing is corrupt, at most 2 s of strokes are gone.

A child draws and saves as fast as it can and says what it acknowledged; the parent
kills it at a random moment of a random phase, opens the project again and compares.
The next child goes on with the same project, so that recoveries pile up.

    pytest tests/faults/test_kill_store.py                   20 kills
    pytest tests/faults/test_kill_store.py -m soak -s        200 kills (MENINX_KILLS, MENINX_SEED)
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from kill_child import digest
from kill_support import Log, Tally, run_and_kill

from core.editing.opening import open_annotation
from core.geometry import Geometry
from core.project.journal_file import JournalFile
from core.project.project import Project
from core.volume import Volume

PHASES = ("open", "begin", "stroke", "commit", "saving", "saved")
KILLS_PER_PROJECT = 10
LONG = 0.25
"""Share of kills that come after seconds of drawing without a save: only they can lose more than 2 s."""
SMALL_JOURNAL = 6_000
"""Bytes of the journal in every second project, so that kills meet the dropping of old steps too."""


@dataclass
class StoreLog(Log):
    """What one child said of the store."""

    opened: tuple[int, str] | None = None
    commits: dict[int, tuple[str, float]] = field(default_factory=dict)
    saved: int = 0

    def hear(self, kind: str, words: Sequence[str]) -> None:
        if kind == "opened":
            self.opened = int(words[0]), words[1]
        elif kind == "commit":
            self.commits[int(words[0])] = words[1], float(words[2])
        elif kind == "saved":
            self.saved = max(self.saved, int(words[0]))


@dataclass
class StoreTally(Tally):
    """What came of all kills, with those over a journal that had dropped old steps."""

    trimmed: int = 0

    def __str__(self) -> str:
        met, lost = self.words(PHASES)
        return (
            f"{self.kills} kills ({met}); {self.commits} commits and {self.saves} saves acknowledged; "
            f"{self.recovered} records recovered; {self.trimmed} kills over a journal with old steps dropped; "
            f"{lost}; 0 saved lost, 0 corrupt"
        )


def new_project(folder: Path) -> tuple[Path, str]:
    rng = np.random.default_rng(0)
    geometry = Geometry((12, 96, 80), np.diag([-1.0, -1.0, 2.5, 1.0]))
    with Project.create(folder) as project:
        scan = project.add_scan(Volume(rng.integers(0, 900, (12, 96, 80), dtype=np.int16), geometry), patient="x")
        for name in ("Brain", "Tumour", "Oedema"):
            project.ensure_label(name)
    return folder, scan.id


def kill_one(folder: Path, scan: str, limit: int, rng: np.random.Generator) -> tuple[StoreLog, float]:
    """Run a child, kill it within a chosen phase; return what it said and when it died."""
    phase = PHASES[int(rng.integers(len(PHASES)))]
    often = 1 if phase == "open" else int(rng.integers(1, 12 if phase in ("saving", "saved") else 40))
    pause = float(rng.choice([0.0, rng.uniform(0, 0.003), rng.uniform(0, 0.03)]))
    long = rng.random() < LONG
    if long:
        phase, often, pause = "begin", 1, rng.uniform(2.2, 3.8)
    delay = "2.0" if long else "0.02" if phase in ("saving", "saved") or rng.random() < 0.5 else "2.0"
    command = [sys.executable, str(Path(__file__).with_name("kill_child.py")), str(folder), scan]
    log = StoreLog()

    def wait() -> None:
        if long:
            time.sleep(pause)
            return
        # spinning: a sleep would round the moment up to the scheduler's tick
        end = time.perf_counter() + pause
        while time.perf_counter() < end:
            pass

    died = run_and_kill([*command, str(rng.integers(2**31)), delay, str(limit)], log, phase, often, wait)
    return log, died


def check(
    folder: Path, scan: str, limit: int, log: StoreLog, died: float, known: dict[int, str], tally: StoreTally
) -> None:
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
    tally.lose(log.commits, known, end, died)
    tally.recovered += opened.recovered_steps


def run(kills: int, seed: int, folder: Path) -> StoreTally:
    rng = np.random.default_rng(seed)
    tally = StoreTally()
    while tally.kills < kills:
        project, scan = new_project(folder / f"kill{tally.kills}.meninx")
        limit = SMALL_JOURNAL * (tally.kills // KILLS_PER_PROJECT % 2)
        with Project.open(project) as fresh:
            known = {0: digest(open_annotation(fresh, scan, "anna").editor, history=limit == 0)}
        for _ in range(min(KILLS_PER_PROJECT, kills - tally.kills)):
            log, died = kill_one(project, scan, limit, rng)
            tally.count(log, len(log.commits))
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
