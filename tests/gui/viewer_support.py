"""Scans and mouse events for the tests of the viewer."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from core.geometry import Geometry
from core.volume import Volume
from gui.viewer.events import ViewEvent
from gui.viewer.linked import LinkedViews

LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
NONE = Qt.MouseButton.NoButton
PLAIN = Qt.KeyboardModifier.NoModifier
SPACING = (3.0, 0.9, 0.7)
"""z, y, x in mm: no two alike, so that a swapped axis shows."""
SHAPE = (12, 40, 48)


def phantom(codes: str, *, dtype: type = np.int16) -> Volume:
    """Return a head-like box, the same patient whatever the order of the axes: RAS or LPS.

    A bright block lies in the patient's right, front and upper eighth; all else is dim.
    """
    array = np.full(SHAPE, 100, dtype)
    array[8:11, 26:34, 32:44] = 1000  # x grows to the patient's right, y to the front, z up
    z, y, x = SPACING
    counts = np.array([SHAPE[2], SHAPE[1], SHAPE[0]])
    affine = np.diag([x, y, z, 1.0])
    affine[:3, 3] = -affine[:3, :3] @ (counts - 1) / 2
    if codes == "LPS":
        array = array[:, ::-1, ::-1].copy()
        flip = np.diag([-1.0, -1.0, 1.0, 1.0])
        flip[:3, 3] = [counts[0] - 1, counts[1] - 1, 0]
        affine = affine @ flip
    volume = Volume(array, Geometry(SHAPE, affine), modality="MR")
    assert volume.geometry.axis_codes == codes
    return volume


def pixels_of(widget: QWidget) -> np.ndarray:
    """Return what a widget shows as ``[y, x, 3]`` RGB."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy()


def mouse(
    widget: QWidget,
    kind: QEvent.Type,
    place: QPointF,
    button: Qt.MouseButton = NONE,
    buttons: Qt.MouseButton = NONE,
    keys: Qt.KeyboardModifier = PLAIN,
) -> None:
    """Send one mouse event, with fractions of pixels."""
    QApplication.sendEvent(widget, QMouseEvent(kind, place, widget.mapToGlobal(place), button, buttons, keys))


def drag(widget: QWidget, button: Qt.MouseButton, *places: QPointF, keys: Qt.KeyboardModifier = PLAIN) -> None:
    """Press at the first place, move over the others, release at the last."""
    mouse(widget, QEvent.Type.MouseButtonPress, places[0], button, button, keys)
    for place in places[1:]:
        mouse(widget, QEvent.Type.MouseMove, place, NONE, button, keys)
    mouse(widget, QEvent.Type.MouseButtonRelease, places[-1], button, NONE, keys)


def wheel(widget: QWidget, turned: int, place: QPointF | None = None, keys: Qt.KeyboardModifier = PLAIN) -> None:
    """Turn the wheel by eighths of a degree (120 is a notch; positive is away from the person)."""
    at = place if place is not None else QPointF(widget.rect().center())
    phase = Qt.ScrollPhase.NoScrollPhase
    event = QWheelEvent(at, widget.mapToGlobal(at), QPoint(), QPoint(0, turned), NONE, keys, phase, False)
    QApplication.sendEvent(widget, event)


class Pen:
    """A tool that writes down what it is told."""

    def __init__(self, radius: float = 0.0) -> None:
        self.cursor_radius_px = radius
        self.cursor_color = (255, 0, 255)
        self.told: list[tuple[str, ViewEvent]] = []

    def press(self, event: ViewEvent) -> None:
        self.told.append(("press", event))

    def move(self, event: ViewEvent) -> None:
        self.told.append(("move", event))

    def release(self, event: ViewEvent) -> None:
        self.told.append(("release", event))


@pytest.fixture
def linked(qtbot: QtBot) -> LinkedViews:
    """Linked panes on the screen, without a scan."""
    made = LinkedViews()
    qtbot.addWidget(made)
    made.resize(900, 600)
    with qtbot.waitExposed(made):
        made.show()
    return made
