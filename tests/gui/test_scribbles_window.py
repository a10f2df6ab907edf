"""The tool Outside through the window: background is scribbled, seen as hatching, erased, and no label anywhere."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot
from shell_support import SHAPE, mouse, stroke

from core.editing.operations import Operation
from core.editing.stroke import footprint
from core.geometry import Plane
from core.labels import SCRIBBLE_COLOR, SCRIBBLED_BACKGROUND
from gui.annotate.slice_strip import Mark
from gui.correcting import Base, Order, make_ready
from gui.main_window import MainWindow
from gui.viewer.overlay import rgb

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def scribbling(opened: MainWindow) -> MainWindow:
    opened.session.choose_label("Tumour")
    opened.annotate.hand.set_size(12)
    opened.actions_table["background"].trigger()
    return opened


def lesions(window: MainWindow) -> np.ndarray:
    return window.session.editor.mask("lesions")


def covered(window: MainWindow, path: list[tuple[float, float]], radius: float) -> np.ndarray:
    """What a brush passes over on the slice shown."""
    view = window.session.volume.geometry.view(Plane.AXIAL)
    index = window.annotate.views.main.index
    found = np.zeros(SHAPE, bool)
    points = [view.to_screen((x, y, index))[:2] for x, y in path]
    for start, end in itertools.pairwise(points):
        box, hit = footprint(view, index, start, end, radius)
        found[box.slices] |= hit
    return found


def test_key_0_scribbles_background_which_is_no_label(opened: MainWindow, qtbot: QtBot) -> None:
    session, annotate = opened.session, opened.annotate
    session.choose_label("Tumour")
    annotate.hand.set_size(12)
    qtbot.keyClick(annotate.views.main, Qt.Key.Key_0)
    assert annotate.hand.tool == "background"
    assert annotate.options.name.text() == "Outside"
    # it has the size and the shape of the brush
    assert annotate.options.spin.isVisible()
    assert annotate.kit.tools["background"].cursor_radius_px == 6.0
    stroke(opened, (10, 12), (40, 12))
    mask = lesions(opened)
    path = [(10 + 5 * step, 12) for step in range(7)]
    # pixels on the rim go either way by the rounding of the pointer
    inner, outer = covered(opened, path, 5.5), covered(opened, path, 6.5)
    assert (mask[inner] == SCRIBBLED_BACKGROUND).all()
    assert not mask[~outer].any()
    assert [step.action for step in session.editor.steps()] == ["background"]
    assert session.editor.label_voxels(session.label) == 0
    place = annotate.views.main.index
    assert annotate.strip.marks[place] is Mark.UNKNOWN
    assert annotate.strip.finished_count == 0
    session.undo()
    assert not mask.any()


def test_ctrl_and_the_eraser_take_it_away(scribbling: MainWindow) -> None:
    for how in ("ctrl", "eraser"):
        stroke(scribbling, (10, 12), (40, 12))
        assert SCRIBBLED_BACKGROUND in lesions(scribbling)
        scribbling.annotate.hand.set_size(40)
        if how == "eraser":
            scribbling.actions_table["erase"].trigger()
        stroke(scribbling, (8, 12), (44, 12), keys=CTRL if how == "ctrl" else Qt.KeyboardModifier.NoModifier)
        assert not lesions(scribbling).any()
        scribbling.annotate.hand.set_size(12)


def test_it_is_hatched_and_told_in_the_status_bar(scribbling: MainWindow, qtbot: QtBot) -> None:
    session, view = scribbling.session, scribbling.annotate.views.main
    qtbot.wait(50)
    before = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    stroke(scribbling, (10, 12), (40, 12))
    mouse(view, QEvent.Type.MouseMove, view.point_of((25, 55, view.index)), button=Qt.MouseButton.NoButton)
    qtbot.wait(50)
    after = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    ratio = view.devicePixelRatioF()
    middle = view.point_of((25, 12, view.index))
    grey = rgb(SCRIBBLE_COLOR)
    brighter = same = 0
    for across in range(-12, 13):
        at = QPoint(round((middle.x() + across) * ratio), round(middle.y() * ratio))
        old, new = before.pixelColor(at), after.pixelColor(at)
        same += (old.red(), old.green(), old.blue()) == (new.red(), new.green(), new.blue())
        away = [abs(one - other) for one, other in zip((new.red(), new.green(), new.blue()), grey, strict=True)]
        was = [abs(one - other) for one, other in zip((old.red(), old.green(), old.blue()), grey, strict=True)]
        brighter += sum(away) < sum(was)
    # stripes: about half of the pixels show the scan as it is
    assert 8 <= same <= 17
    assert 8 <= brighter <= 17
    mouse(view, QEvent.Type.MouseMove, view.point_of((25, 12, view.index)), button=Qt.MouseButton.NoButton)
    qtbot.waitUntil(lambda: "background (scribbled)" in scribbling.status.place.text(), timeout=3000)
    assert session.editor.label_voxels(session.label) == 0


def test_done_finishes_no_slice_that_is_only_scribbled_on(scribbling: MainWindow, qtbot: QtBot) -> None:
    session, views = scribbling.session, scribbling.annotate.views
    x, y, _z = views.position
    views.go_to((x, y, 2))
    stroke(scribbling, (10, 12), (40, 12))
    views.go_to((x, y, 5))
    scribbling.actions_table["brush"].trigger()
    stroke(scribbling, (20, 30), (30, 30))
    editor = session.editor
    states: list[list[bool]] = []
    editor.listen(lambda change: states.append(editor.finished("lesions").tolist()))
    scribbling.actions_table["done_next"].trigger()
    assert states[-1] == [place == 5 for place in range(8)]
    qtbot.waitUntil(lambda: not session.loading, timeout=10_000)


def test_a_prediction_taken_over_leaves_it(scribbling: MainWindow) -> None:
    session = scribbling.session
    stroke(scribbling, (10, 12), (40, 12))
    before = lesions(scribbling).copy()
    everything = np.ones(SHAPE, np.uint8)
    order = Order(session.project, "run", session.scan.id, session.token, False, {"Tumour": everything})
    base = Base(
        session.labels, session.editor.revision, {"lesions": lesions(scribbling)}, {"lesions": np.zeros(8, bool)}
    )
    ready = make_ready(order, base)
    np.testing.assert_array_equal(ready.replacement.layers[0].voxels, np.where(before == 255, 255, 1))


def test_it_is_refused_where_nothing_may_be_drawn(scribbling: MainWindow) -> None:
    session = scribbling.session
    session.show_label("Tumour", False)
    stroke(scribbling, (10, 12), (40, 12))
    assert "hidden" in scribbling.toasts.toasts[-1].told.words
    session.show_label("Tumour", True)
    session.change_labels(session.labels.with_changed("Tumour", locked=True))
    stroke(scribbling, (10, 12), (40, 12))
    assert "locked" in scribbling.toasts.toasts[-1].told.words
    session.change_labels(session.labels.with_changed("Tumour", locked=False))
    scribbling.actions_table["overlay"].trigger()
    stroke(scribbling, (10, 12), (40, 12))
    assert "hidden" in scribbling.toasts.toasts[-1].told.words
    assert not lesions(scribbling).any()


def test_clearing_says_what_goes(scribbling: MainWindow, qtbot: QtBot) -> None:
    stroke(scribbling, (10, 12), (40, 12))
    panel = scribbling.annotate.operations
    panel.choose(Operation.CLEAR_SCRIBBLES)
    qtbot.waitUntil(lambda: panel.words.text() == "The scribbled background goes; Tumour stays as it is.")
    panel.close_options()
