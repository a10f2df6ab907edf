"""A long session: strokes, undo and redo without end; memory, the journal and the mask stay what they should be.

pytest tests/faults/test_long_session.py                    400 strokes
pytest tests/faults/test_long_session.py -m soak -s         20,000 strokes (MENINX_STROKES, MENINX_SEED)
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from core.editing.opening import open_annotation
from core.editing.stroke import footprint
from core.geometry import Geometry, Plane
from core.labels import LabelSet
from core.project.journal import Journal
from core.project.project import Project
from core.project.saver import Saver
from core.volume import Volume

SHAPE = (24, 160, 144)
RSS_MB = 50.0
JOURNAL = 1 << 20
"""Bytes of undo that are kept here, so that old steps are dropped often (512 MB in the program)."""


def rss_mb() -> float:
    """Return the memory of this process, MB (Linux only)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


class Oracle:
    """The same drawing in plain numpy: whole copies before each step."""

    def __init__(self) -> None:
        self.mask = np.zeros(SHAPE, np.uint8)
        self.done: list[tuple[tuple[slice, slice, slice], np.ndarray]] = []
        self.undone: list[tuple[tuple[slice, slice, slice], np.ndarray]] = []

    def draw(self, parts: list[tuple[object, np.ndarray]], value: int, *, erase: bool) -> bool:
        before = self.mask.copy()
        for box, hit in parts:
            inside = self.mask[box.slices]
            inside[hit & (inside == value) if erase else hit] = 0 if erase else value
        if np.array_equal(before, self.mask):
            return False
        changed = np.argwhere(before != self.mask)
        low, high = changed.min(axis=0), changed.max(axis=0) + 1
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        self.done.append((box, before[box].copy()))
        self.undone.clear()
        return True

    def walk(self, *, forward: bool) -> None:
        source, target = (self.undone, self.done) if forward else (self.done, self.undone)
        box, other = source.pop()
        target.append((box, self.mask[box].copy()))
        self.mask[box] = other


def session(strokes: int, seed: int, tmp: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(Journal.trim.__kwdefaults__, "limit", JOURNAL)
    rng = np.random.default_rng(seed)
    with Project.create(tmp / "long.meninx") as project:
        project.set_labels(LabelSet().with_label("Tumour").with_label("Oedema"))
        volume = Volume(np.ones(SHAPE, np.int16), Geometry(SHAPE, np.diag([-1.0, -1.0, 4.0, 1.0])))
        project.add_scan(volume, patient="x")
        opened = open_annotation(project, "S0001", "anna")
        saver = Saver(project, opened, delay=0.5, longest=2.0)
        editor, oracle = opened.editor, Oracle()
        labels = project.labels().labels
        views = [editor.geometry.view(plane) for plane in Plane]
        began, warm, peak, journal = time.monotonic(), 0.0, 0.0, 0
        for number in range(strokes):
            chance = rng.random()
            # the oracle keeps all steps, the editor those that the journal still holds
            if chance < 0.15 and editor.undo() is not None:
                oracle.walk(forward=False)
            elif chance < 0.25 and editor.redo() is not None:
                oracle.walk(forward=True)
            else:
                one_stroke(editor, oracle, rng, labels[int(rng.integers(2))], views[int(rng.integers(3))])
            if number % 50 == 0:
                assert np.array_equal(editor.mask("lesions"), oracle.mask), number
                del oracle.done[:-2000]
                if opened.journal is not None and opened.journal._path is not None:
                    journal = max(journal, opened.journal._path.stat().st_size)
                if number == strokes // 4:
                    warm = rss_mb()
                peak = max(peak, rss_mb())
        saver.close()
        drift = peak - warm
        annotation = project.annotations(project.scans()[0].id)[0]
        saved = project.read_layer(annotation.id, "lesions")
        named = hashlib.sha256(oracle.mask.tobytes()).hexdigest()
        assert hashlib.sha256(saved.tobytes()).hexdigest() == named
        assert project.verify() == []
        again = open_annotation(project, "S0001", "anna")
        assert again.set_aside is None
        assert hashlib.sha256(again.editor.mask("lesions").tobytes()).hexdigest() == named
        again.close()
        versions = project.layer_versions(annotation.id, "lesions")
    assert drift <= RSS_MB, f"{drift:.1f} MB"
    # what one saver's pause can add comes on top before the oldest are dropped
    assert journal <= 2 * JOURNAL, journal
    kept = sum(not version.removed for version in versions)
    return (
        f"{strokes} strokes, undos and redos in {time.monotonic() - began:.0f} s: memory drift {drift:.1f} MB after "
        f"the first quarter, journal at most {journal / 2**20:.2f} MB of {JOURNAL / 2**20:.0f} MB, "
        f"{len(versions)} versions ({kept} kept), mask = numpy"
    )


def one_stroke(editor, oracle: Oracle, rng: np.random.Generator, label, view) -> None:
    index = int(rng.integers(view.slices))
    erase = bool(rng.random() < 0.2)
    radius = float(rng.uniform(1, 14))
    at = rng.uniform(0, (view.rows, view.columns))
    editor.begin("brush", label, erase=erase)
    parts = []
    for _ in range(int(rng.integers(1, 6))):
        to = at + rng.normal(0, 8, 2)
        editor.dab(view, index, tuple(at), tuple(to), radius)
        covered = footprint(view, index, tuple(at), tuple(to), radius)
        if covered is not None:
            parts.append(covered)
        at = to
    step = editor.commit()
    assert oracle.draw(parts, label.value, erase=erase) == (step is not None)


def test_four_hundred_strokes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "mask = numpy" in session(400, 20261130, tmp_path, monkeypatch)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_twenty_thousand_strokes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = int(os.environ.get("MENINX_STROKES", "20000"))
    seed = int(os.environ.get("MENINX_SEED", str(time.time_ns() % 2**31)))
    sys.stderr.write(f"\nseed {seed}\n")
    sys.stderr.write(session(count, seed, tmp_path, monkeypatch) + "\n")
