"""A committed list of pen strokes draws a brain in the real window: few actions, no mask read, then it is measured."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import shell_support
from pytestqt.qtbot import QtBot
from replaying import CLICKED, DRAGGED, Replay, read_strokes

from core.editing.operations import Operation
from core.labels import LabelSet
from gui.main_window import MainWindow

window, opened, project_path = shell_support.window, shell_support.opened, shell_support.project_path
shell_template = shell_support.shell_template
STROKES = Path(__file__).parent / "strokes"
MOST = 60
LEAST_DICE = 0.93


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other)))


def test_the_list_holds_strokes_and_operations_and_no_more_than_sixty() -> None:
    strokes = read_strokes(STROKES / "oms011_brain.toml")
    assert 0 < strokes.count <= MOST
    for action in strokes.actions:
        assert bool(action.tool) != bool(action.operation)
        if action.tool:
            assert action.tool in (*DRAGGED, *CLICKED)
            assert action.slice is not None
            assert action.label in strokes.labels
            # as many places as a hand can set, not the outline of a mask pixel by pixel
            assert 3 <= len(action.points) <= 100
        else:
            assert action.operation in {one.value for one in Operation}
    assert {"interpolate", "seeds"} <= {action.operation for action in strokes.actions}


LIST = """
scan = "none"
mask = "none"
[labels]
Brain = "brain"
[[action]]
tool = "lasso"
label = "Brain"
slice = 1
points = [[15, 18], [40, 20], [38, 45], [18, 42]]
[[action]]
tool = "polygon"
label = "Brain"
slice = 6
points = [[17, 20], [38, 22], [36, 43], [20, 40]]
[[action]]
operation = "interpolate"
label = "Brain"
[[action]]
tool = "brush"
label = "Brain"
size = 6.0
plane = "coronal"
slice = 30
points = [[44, 3], [50, 3]]
[[action]]
operation = "grow"
where = "slice"
amount = 9.0
plane = "coronal"
slice = 30
"""


def test_a_list_is_carried_out_as_it_says(opened: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    path.write_text(LIST, encoding="utf-8")
    strokes = read_strokes(path)
    opened.resize(1600, 1000)
    replay = Replay(opened, qtbot)
    replay.play(strokes)
    # a press is an action: four of the polygon's corners, one of each of the others
    assert replay.done == strokes.count == 8
    editor = opened.session.editor
    assert editor is not None
    assert [step.action for step in editor.steps()] == ["lasso", "polygon", "interpolate", "brush", "grow"]
    found = replay.saved("Brain")
    opened.session.undo()
    before = editor.mask("brain") > 0
    assert np.flatnonzero((found != before).any(axis=(0, 2))).tolist() == [30]
    assert before.any(axis=(1, 2)).tolist() == [False, *[True] * 6, False]
    # the middles of the outlines and of the stroke, and what lies well outside of them
    assert before[1, 30, 28]
    assert before[4, 30, 28]
    assert before[3, 30, 47]
    assert not before[1, 10, 10]
    assert not before[3, 50, 47]


@pytest.mark.real
def test_pen_strokes_draw_the_brain_of_a_head(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, data_root: Path
) -> None:
    strokes = read_strokes(STROKES / "oms011_brain.toml")
    begun = time.perf_counter()
    # alone in its folder: the mask that lies beside it is not to be seen
    scan = Path(shutil.copy(data_root / strokes.scan, tmp_path))
    window.resize(1600, 1000)
    window.commands.take_dropped([scan])
    session = window.session
    qtbot.waitUntil(lambda: session.can_edit and not session.jobs.running, timeout=60_000)
    labels = LabelSet()
    for name, layer in strokes.labels.items():
        labels = labels.with_label(name, layer=layer)
    session.change_labels(labels)
    replay = Replay(window, qtbot)
    replay.play(strokes)
    found = replay.saved("Brain")
    seconds = time.perf_counter() - begun
    assert replay.done == strokes.count <= MOST
    assert session.editor is not None
    assert session.editor.position == len(strokes.actions)
    truth = np.asarray(nib.load(data_root / strokes.mask).dataobj).transpose(2, 1, 0) > 0
    score = dice(found, truth)
    sys.stdout.write(f"\n{replay.done} actions, Dice {score:.4f}, {seconds:.1f} s\n")
    assert score >= LEAST_DICE
