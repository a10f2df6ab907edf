"""Ruler, angle, area and figures of a label by clicks; the surface of a label that leads to its slices."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot
from shell_support import mouse, stroke

from core.editing.tools.measures import statistics
from core.geometry import Geometry, Plane
from core.labels import LabelSet
from core.volume import Volume
from gui.annotate.measuring import Kind, label_words, result_words
from gui.annotate.surface_panel import _FROM
from gui.main_window import MainWindow


def click(window: MainWindow, x: float, y: float) -> None:
    view = window.annotate.views.main
    place = view.point_of((x, y, view.index))
    mouse(view, QEvent.Type.MouseButtonPress, place)
    mouse(view, QEvent.Type.MouseButtonRelease, place)


def test_ruler_angle_and_area_by_clicks(opened: MainWindow, qtbot: QtBot) -> None:
    annotate, session = opened.annotate, opened.session
    assert annotate.measure.isHidden()
    opened.actions_table["ruler"].trigger()
    assert not annotate.measure.isHidden()
    _z, dy, dx = session.volume.geometry.spacing
    panel, before = annotate.measure, len(session.editor.steps())
    assert panel.words.text() == "Click two points."
    click(opened, 10, 20)
    click(opened, 40, 60)
    assert panel.words.text() == f"{np.hypot(30 * dx, 40 * dy):.1f} mm"
    panel.kinds[Kind.ANGLE].click()
    for place in ((10, 20), (40, 20), (40, 50)):
        click(opened, *place)
    assert panel.words.text() == "90.0°"
    panel.kinds[Kind.AREA].click()
    for place in ((10, 20), (40, 20), (40, 50), (10, 50)):
        click(opened, *place)
    assert panel.words.text().startswith(f"{30 * dx * 30 * dy:.1f} mm²\nValues ")
    tool = annotate.kit.ruler
    tool.key("accept")
    assert tool.sketch(annotate.views.main.plane_view, annotate.views.main.index).lines[0].closed
    tool.key("cancel")
    assert panel.words.text().startswith("Click the corners")
    assert len(session.editor.steps()) == before
    opened.actions_table["brush"].trigger()
    assert panel.isHidden()


def test_figures_of_the_label_are_those_of_its_voxels(opened: MainWindow, qtbot: QtBot) -> None:
    annotate, session = opened.annotate, opened.session
    session.choose_label("Tumour")
    opened.actions_table["ruler"].trigger()
    annotate.measure.ask.click()
    qtbot.waitUntil(lambda: not annotate.measure.label_words.isHidden(), timeout=5000)
    assert annotate.measure.label_words.text() == "Nothing of Tumour is drawn on this scan."
    opened.actions_table["brush"].trigger()
    stroke(opened, (16, 30), (40, 30))
    assert annotate.measure.label_words.isHidden()
    annotate.measure.ask.click()
    qtbot.waitUntil(lambda: not annotate.measure.label_words.isHidden(), timeout=5000)
    mask = session.editor.mask("lesions") == 1
    inside = session.volume.array[mask].astype(float) * session.volume.slope + session.volume.intercept
    words = annotate.measure.label_words.text()
    assert f"{mask.sum() * np.prod(session.volume.geometry.spacing) / 1000:.2f} mL" in words
    assert f"Values {inside.mean():.4g} ± {inside.std(ddof=1):.4g}, median {np.median(inside):.4g}" in words


@pytest.mark.parametrize(("facts", "told"), [({"spacing_known": False}, "px"), ({"depth_known": False}, "mm")])
def test_what_is_not_known_is_not_measured(facts: dict[str, bool], told: str) -> None:
    affine = np.diag([-0.5, -0.5, 4.0, 1.0])
    array = np.arange(6 * 20 * 20, dtype=np.float32).reshape(6, 20, 20)
    volume = Volume(array, Geometry(array.shape, affine, **facts))
    label = LabelSet().with_label("Tumour").named("Tumour")
    mask = np.zeros(array.shape, np.uint8)
    mask[2:4, 5:9, 5:9] = 1
    axial, coronal = (volume.geometry.view(plane) for plane in (Plane.AXIAL, Plane.CORONAL))
    assert result_words(Kind.DISTANCE, volume, axial, 2, [(0, 0), (0, 8)]).endswith(f" {told}")
    across = result_words(Kind.DISTANCE, volume, coronal, 2, [(0, 0), (3, 0)])
    assert ("not known" in across) == (told == "mm")
    words = label_words(label, volume, mask)
    assert words.startswith("Tumour: 32 voxels.")
    assert " mL," not in words
    found = statistics(array, mask == 1)
    assert f"{found.mean:.4g}" in words


def test_the_surface_follows_the_label_and_a_click_goes_to_its_slice(opened: MainWindow, qtbot: QtBot) -> None:
    annotate, session = opened.annotate, opened.session
    session.choose_label("Tumour")
    annotate.views.go_to((20, 20, 3))
    annotate.hand.set_size(30)
    annotate.hand.set_sphere(True)
    stroke(opened, (20, 26), (22, 26))
    annotate.views.go_to((40, 50, 6))
    opened.actions_table["surface"].trigger()
    panel = annotate.surface.panel
    qtbot.waitUntil(lambda: panel.view.voxel_at(QPointF(panel.view.rect().center())) is not None, timeout=10_000)
    before = panel.view._seen
    start = panel.view.rect().center()
    QTest.mousePress(panel.view, Qt.MouseButton.LeftButton, pos=start)
    mouse(panel.view, QEvent.Type.MouseMove, QPointF(start) + QPointF(40, 0))
    mouse(panel.view, QEvent.Type.MouseMove, QPointF(start) + QPointF(60, 0))
    QTest.mouseRelease(panel.view, Qt.MouseButton.LeftButton, pos=start)
    assert panel.turn == pytest.approx(0.0)
    qtbot.waitUntil(lambda: panel.view._seen is not before and not panel._busy, timeout=10_000)
    # dragging is no click
    assert annotate.views.position == (40, 50, 6)
    panel.look_from(*_FROM["front"])
    qtbot.waitUntil(lambda: not panel._busy, timeout=10_000)
    voxel = panel.view.voxel_at(QPointF(start))
    QTest.mouseClick(panel.view, Qt.MouseButton.LeftButton, pos=start)
    assert annotate.views.position == voxel
    x, y, z = voxel
    near = session.editor.mask("lesions")[max(z - 1, 0) : z + 2, y - 2 : y + 3, x - 2 : x + 3]
    assert near.any()
    session.choose_label("Haemorrhage")
    qtbot.waitUntil(lambda: panel.words.text() == "Nothing of Haemorrhage is drawn on this scan.", timeout=10_000)
    assert panel.view.voxel_at(QPointF(start)) is None
    # its key is heard in its own window too
    assert opened.actions_table["surface"] in panel.actions()
    opened.actions_table["surface"].trigger()
    assert not panel.isVisible()
