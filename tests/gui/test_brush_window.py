"""Brush and eraser, disc and ball, on every plane through the window, against distances voxel by voxel."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent
from pytestqt.qtbot import QtBot
from shell_support import SHAPE, mouse

from core.geometry import Box, Plane
from gui.main_window import MainWindow
from gui.viewer.slice_view import SliceView

RADIUS = 21.0
"""In mm: more than the distance of two slices of the small head."""


def dabbed(window: MainWindow, view: SliceView, at: tuple[int, int, int], sphere: bool) -> np.ndarray:
    """Every voxel whose centre is within the radius of a voxel's; in the slice alone, or in space."""
    spacing = window.session.volume.geometry.spacing
    places = np.indices(SHAPE)
    away = [(places[axis] - at[axis]) * spacing[axis] for axis in range(3)]
    found = sum(part**2 for part in away) <= RADIUS**2
    if not sphere:
        found &= places[view.plane_view.slice_axis] == at[view.plane_view.slice_axis]
    return found


@pytest.mark.parametrize("sphere", [False, True], ids=["disc", "ball"])
@pytest.mark.parametrize("plane", list(Plane), ids=lambda plane: plane.value)
def test_a_dab_is_the_voxels_within_its_radius_in_mm(
    opened: MainWindow, qtbot: QtBot, plane: Plane, sphere: bool
) -> None:
    annotate, editor = opened.annotate, opened.session.editor
    view = next(one for one in annotate.views.views if one.plane is plane)
    annotate.hand.set_size(2 * RADIUS)
    annotate.hand.set_sphere(sphere)
    z, y, x = (4, 30, 26)
    annotate.views.go_to((x, y, z))
    for name, before in (("brush", np.zeros(SHAPE, bool)), ("erase", np.ones(SHAPE, bool))):
        if before.any():
            editor.begin("brush", opened.session.label)
            editor.paint(Box((0, 0, 0), SHAPE), before)
            editor.commit()
        opened.actions_table[name].trigger()
        point = view.point_of((x, y, z))
        mouse(view, QEvent.Type.MouseButtonPress, point)
        mouse(view, QEvent.Type.MouseButtonRelease, point)
        hit = dabbed(opened, view, (z, y, x), sphere)
        assert hit.sum() > 10
        np.testing.assert_array_equal(editor.mask("brain") > 0, before ^ hit)
        assert editor.steps()[-1].action == name
    editor.undo()
    assert editor.mask("brain").all()
