"""Every state that a power cut can leave opens, with the drawing as it was at some moment since the last save.

pytest tests/faults/test_crash_states.py                  some 200 states
pytest tests/faults/test_crash_states.py -m soak -s       100,000 states (MENINX_STATES, MENINX_SEED)
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from crash_states import Model, Recorder, State
from kill_child import digest
from test_kill_store import new_project

from core.editing.editor import Editor
from core.editing.opening import open_annotation
from core.geometry import Plane
from core.project.journal import Journal
from core.project.project import Project
from core.project.saver import Saver


def draw(editor: Editor, rng: np.random.Generator) -> None:
    chance = rng.random()
    if chance < 0.15:
        editor.undo()
    elif chance < 0.25:
        editor.redo()
    elif chance < 0.35:
        editor.set_finished(["brain"], [int(rng.integers(editor.geometry.shape[0]))], bool(rng.random() < 0.7))
    else:
        labels = editor.labels.labels
        view = editor.geometry.view(list(Plane)[int(rng.integers(3))])
        editor.begin("brush", labels[int(rng.integers(len(labels)))], erase=rng.random() < 0.2)
        at = rng.uniform(0, (view.rows, view.columns))
        editor.dab(view, int(rng.integers(view.slices)), tuple(at), tuple(at + rng.normal(0, 6, 2)), rng.uniform(1, 9))
        editor.commit()


def record(path: Path, scan: str, rng: np.random.Generator, saves: int) -> tuple[Recorder, dict[int, str]]:
    """Draw and save; return what happened on the disk, and what the drawing looked like after each step."""
    recorder = Recorder(path)
    with recorder.recording():
        project = Project.open(path)
        opened = open_annotation(project, scan, "anna")
        saver = Saver(project, opened, delay=60, longest=60)
        editor = opened.editor
        known = {editor.sequence: digest(editor, history=True)}
        recorder.note(kind="saved", at=editor.sequence)
        for _ in range(saves):
            for _ in range(int(rng.integers(1, 5))):
                draw(editor, rng)
                known[editor.sequence] = digest(editor, history=True)
            if rng.random() < 0.3 and opened.journal is not None:
                opened.journal.sync()
            saver.flush()
            recorder.note(kind="saved", at=editor.sequence)
        saver.close()
        project.close()
    return recorder, known


class Opener:
    """Lays states on the disk and opens them."""

    def __init__(self, recorder: Recorder, known: dict[int, str], scan: str, folder: Path) -> None:
        self._known, self._scan, self._folder = known, scan, folder
        self._kept = {name: (path, content) for name, path in recorder.base.items() if (content := _bytes(path))}
        self._template = Path(shutil.copytree(recorder.root, folder / "template"))
        self.met: Counter[str] = Counter()

    def look(self, state: State) -> None:
        """Open a state as the next start would, and compare it with what was acknowledged."""
        path = self._folder / "state"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        for name, content in sorted(state.names.items()):
            if content is None:
                (path / name).mkdir()
            elif name.startswith("scans/"):
                # never written again, and large
                os.link(self._template / name, path / name)
            else:
                (path / name).write_bytes(content)
        with Project.open(path) as project:
            opened = open_annotation(project, self._scan, "anna")
            editor = opened.editor
            assert opened.set_aside is None or opened.cut_short, state.after
            assert editor.sequence >= state.saved, f"a save is gone: {editor.sequence} of {state.saved}, {state.after}"
            assert self._known[editor.sequence] == digest(editor, history=True), state.after
            self.met["newer" if editor.sequence > state.saved else "saved"] += 1
            self.met["recovered"] += opened.recovered_steps > 0
            self.met["holes"] += opened.cut_short
            opened.close()
            if opened.set_aside is not None:
                opened.set_aside.unlink()
            assert project.verify() == [], state.after


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def run(states: int, seed: int, folder: Path, *, saves: int, each: int) -> Counter[str]:
    rng = np.random.default_rng(seed)
    met: Counter[str] = Counter()
    seen: set[bytes] = set()
    turn = 0
    while met["states"] < states:
        here = folder / f"turn{turn}"
        here.mkdir()
        project, scan = new_project(here / "p.meninx")
        if turn % 2:
            # a journal that drops old steps is written anew
            Journal.trim.__kwdefaults__["limit"] = 3000
        recorder, known = record(project, scan, rng, saves)
        opener = Opener(recorder, known, scan, here)
        made = [state for state in Model(recorder, rng).states(each) if state.digest not in seen]
        seen.update(state.digest for state in made)
        chosen = rng.permutation(len(made))[: states - met["states"]]
        for number in sorted(chosen):
            opener.look(made[number])
            met["states"] += 1
            if met["states"] % 5000 == 0:
                sys.stderr.write(f"so far: {dict(met)}\n")
        met.update(opener.met)
        met["operations"] += len(recorder.ops)
        shutil.rmtree(here)
        turn += 1
    return met


@pytest.fixture(autouse=True)
def usual_journal() -> object:
    limit = Journal.trim.__kwdefaults__["limit"]
    yield
    Journal.trim.__kwdefaults__["limit"] = limit


@pytest.mark.timeout(300)
def test_two_hundred_states_of_a_crash(tmp_path: Path) -> None:
    met = run(200, 20261121, tmp_path, saves=3, each=8)
    assert met["states"] == 200
    assert met["saved"] > 20
    assert met["newer"] > 20


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_a_hundred_thousand_states_of_a_crash(tmp_path: Path) -> None:
    states = int(os.environ.get("MENINX_STATES", "100000"))
    seed = int(os.environ.get("MENINX_SEED", str(time.time_ns() % 2**31)))
    sys.stderr.write(f"\nseed {seed}\n")
    met = run(states, seed, tmp_path, saves=6, each=40)
    sys.stderr.write(f"{dict(met)}: all opened, nothing saved was lost\n")
    assert met["states"] == states
