"""Drawing without a window: a move of the brush, a commit, an undo, a hand-over to the saver.

512x512x300, anisotropic. Run alone: ``pytest tests/bench/test_bench_editing.py``.
The bars are DESIGN section 10 and annotation.md section 4 (compute <= 5 ms per move).
"""

from __future__ import annotations

import numpy as np
import pytest

from core.editing.counts import KnownCounts
from core.editing.editor import Editor
from core.editing.replacing import Replacement, prepare
from core.geometry import Geometry, Plane
from core.labels import LabelSet
from core.project.records import Origin

SHAPE = (300, 512, 512)
LABELS = LabelSet().with_label("Brain").with_label("Tumour")
BRAIN, TUMOUR = LABELS
DAB_MS = 5.0
SPHERE_MS = 33.0
UNDO_MS = 50.0
BRUSH_MS = 10.0
"""From the event to the paint: letting the brush go may not take more."""
WINDOW_MS = 50.0
"""The window is never held longer."""
RADIUS_PX = 60


@pytest.fixture
def editor() -> Editor:
    geometry = Geometry(SHAPE, np.diag([-0.5, -0.5, 1.0, 1.0]))
    z, y, x = np.ogrid[:300, :512, :512]
    head = (((z - 150) / 130) ** 2 + ((y - 256) / 200) ** 2 + ((x - 256) / 160) ** 2 < 1).astype(np.uint8)
    return Editor(geometry, LABELS, {"brain": head}, {}, reader="bench")


def walk(editor: Editor, plane: Plane, seed: int, *, step: float = 12.0):
    """Give brush moves within a plane: (start, end) in screen pixels."""
    view = editor.geometry.view(plane)
    rng = np.random.default_rng(seed)
    at = np.array([view.rows / 2, view.columns / 2])
    while True:
        to = np.clip(at + rng.normal(0, step, 2), 0, (view.rows, view.columns))
        yield tuple(at), tuple(to)
        at = to


def p95_ms(benchmark) -> float:
    return float(np.percentile(benchmark.stats.stats.data, 95)) * 1000


@pytest.mark.parametrize("erase", [False, True], ids=["brush", "eraser"])
@pytest.mark.parametrize("plane", list(Plane))
def test_dab(benchmark, editor, plane, erase):
    view = editor.geometry.view(plane)
    moves = walk(editor, plane, 1)
    radius = RADIUS_PX * min(view.row_size, view.column_size)
    count = 0

    def setup():
        nonlocal count
        if count % 40 == 0:
            editor.begin("brush", BRAIN if erase else TUMOUR, erase=erase)
        count += 1
        return (*next(moves),), {}

    benchmark.pedantic(
        lambda start, end: editor.dab(view, view.slices // 2, start, end, radius), setup=setup, rounds=400
    )
    assert p95_ms(benchmark) <= DAB_MS


@pytest.mark.parametrize("plane", list(Plane))
def test_sphere_dab(benchmark, editor, plane):
    view = editor.geometry.view(plane)
    moves = walk(editor, plane, 2, step=4.0)
    editor.begin("brush", TUMOUR)

    benchmark.pedantic(
        lambda start, end: editor.dab(view, view.slices // 2, start, end, 20.0, sphere=True),
        setup=lambda: ((*next(moves),), {}),
        rounds=100,
    )
    assert p95_ms(benchmark) <= SPHERE_MS


def strokes(editor: Editor, plane: Plane, count: int) -> None:
    view = editor.geometry.view(plane)
    rng = np.random.default_rng(3)
    for number in range(count):
        moves = walk(editor, plane, number)
        index = int(rng.integers(view.slices // 4, 3 * view.slices // 4))
        editor.begin("brush", TUMOUR, erase=number % 5 == 4)
        for _ in range(20):
            editor.dab(view, index, *next(moves), float(rng.uniform(2, 30)))
        editor.commit()


@pytest.mark.parametrize("plane", list(Plane))
def test_commit(benchmark, editor, plane):
    view = editor.geometry.view(plane)
    moves = walk(editor, plane, 5)
    radius = RADIUS_PX * min(view.row_size, view.column_size)

    def setup():
        editor.begin("brush", TUMOUR)
        index = int(editor.sequence * 7 % view.slices)
        for _ in range(20):
            editor.dab(view, index, *next(moves), radius)

    benchmark.pedantic(editor.commit, setup=setup, rounds=60)
    assert p95_ms(benchmark) <= BRUSH_MS


@pytest.mark.parametrize("plane", list(Plane))
def test_undo(benchmark, editor, plane):
    strokes(editor, plane, 200)
    assert editor.position > 100
    benchmark.pedantic(editor.undo, rounds=editor.position)
    assert p95_ms(benchmark) <= UNDO_MS
    assert editor._history.bytes_held <= 64 << 20


def test_hand_over_to_the_saver(benchmark, editor):
    def setup():
        strokes(editor, Plane.AXIAL, 2)

    benchmark.pedantic(editor.snapshot, setup=setup, rounds=30)
    assert p95_ms(benchmark) <= WINDOW_MS


def correction(editor: Editor) -> Replacement:
    """Prepare what Correct puts in: another brain and a tumour, two layers."""
    z, y, x = np.ogrid[:300, :512, :512]
    brain = (((z - 148) / 120) ** 2 + ((y - 250) / 190) ** 2 + ((x - 260) / 150) ** 2 < 1).astype(np.uint8)
    tumour = (((z - 150) / 40) ** 2 + ((y - 230) / 50) ** 2 + ((x - 200) / 50) ** 2 < 1).astype(np.uint8)
    new = {"brain": editor.mask("brain") ^ brain, "lesions": tumour}
    return prepare(editor.revision, {layer: editor.mask(layer) for layer in new}, new)


def test_put_a_prediction_in(benchmark, editor):
    editor.listen(lambda _: editor.snapshot())

    def setup():
        ready = correction(editor)
        for part in ready.parts:
            editor.warm(part)
        return (ready,), {"action": "correct", "origin": Origin.PREDICTED, "run": "r"}

    benchmark.pedantic(editor.put, setup=setup, rounds=8)
    assert p95_ms(benchmark) <= UNDO_MS


@pytest.mark.parametrize("known", [True, False], ids=["just now", "after others or a restart"])
def test_undo_a_prediction(benchmark, editor, known):
    editor.listen(lambda change: change.kind == "undo" and editor.snapshot())
    editor.put(correction(editor), action="correct", origin=Origin.PREDICTED, run="r")

    def setup():
        editor.redo()
        if not known:
            editor._known = KnownCounts()
        return (), {}

    benchmark.pedantic(editor.undo, setup=setup, rounds=20)
    assert p95_ms(benchmark) <= UNDO_MS


def test_replace_a_whole_layer(benchmark, editor):
    rng = np.random.default_rng(0)
    new = editor.mask("brain").copy()
    new[100:200, 150:350, 150:350] ^= (rng.random((100, 200, 200)) < 0.1).astype(np.uint8)
    flip = [new, editor.mask("brain").copy()]

    def run():
        flip.reverse()
        assert editor.replace("brain", flip[1], action="correct", origin=Origin.PREDICTED, run="r")

    benchmark.pedantic(run, rounds=5)
