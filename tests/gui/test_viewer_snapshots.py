"""What the viewer paints, pixel by pixel, against pictures that somebody has looked at.

Words are hidden: fonts differ from machine to machine. After a wanted change:
``pytest tests/gui/test_viewer_snapshots.py --update-snapshots``, then look at
``tests/snapshots``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, QSize
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QWidget
from viewer_support import Pen, mouse

from core.geometry import Geometry, Plane
from core.volume import Volume, Window
from gui.viewer.compare_panes import ComparePanes
from gui.viewer.linked import LinkedViews
from gui.viewer.overlay import Overlay, rgb
from gui.viewer.slice_view import SliceView

SNAPSHOTS = Path(__file__).resolve().parent.parent / "snapshots"
TOLERANCE = 2
"""Per channel."""
SAME = 0.995
"""Share of pixels that must be within it."""


def head() -> tuple[Volume, np.ndarray]:
    """Return a head of ellipsoids (patient's right half a little brighter) and labels 1 (brain) and 2 (lesion)."""
    shape = (40, 64, 56)
    z, y, x = (np.linspace(-1, 1, count) for count in shape)
    grid = np.sqrt((z[:, None, None] / 0.95) ** 2 + (y[None, :, None] / 0.95) ** 2 + (x[None, None, :] / 0.9) ** 2)
    array = np.zeros(shape, np.float32)
    for radius, value in ((1.0, 700), (0.9, 150), (0.8, 500), (0.55, 800), (0.2, 100)):
        array[grid < radius] = value
    array += np.where(array > 0, 60 * np.broadcast_to(x[None, None, :], shape), 0)
    array += 40 * np.sin(12 * y)[None, :, None] * (grid < 0.8)
    labels = np.where(grid < 0.8, 1, 0).astype(np.uint8)
    labels[18:26, 40:50, 34:44] = 2
    affine = np.diag([1.0, 1.0, 1.5, 1.0])
    return Volume(array.astype(np.int16), Geometry(shape, affine), modality="MR"), labels


@pytest.fixture
def matches(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[QWidget, str], None]:
    """Return the check of a widget against its snapshot."""
    if QGuiApplication.platformName() != "offscreen":
        pytest.skip("snapshots are of the offscreen platform")

    def check(widget: QWidget, name: str) -> None:
        image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
        file = SNAPSHOTS / f"{name}.png"
        if request.config.getoption("--update-snapshots"):
            assert image.save(str(file))
            return
        wanted = QImage(str(file)).convertToFormat(QImage.Format.Format_RGB888)
        assert not wanted.isNull(), f"{file.name} is missing: run with --update-snapshots and look at it"
        assert image.size() == wanted.size()
        apart = np.abs(_array(image) - _array(wanted)).max(axis=-1)
        same = float((apart <= TOLERANCE).mean())
        if same < SAME:
            image.save(str(tmp_path / f"{name}.png"))
        assert same >= SAME, f"{name}: {same:.2%} of the pixels agree; what was painted is {tmp_path / name}.png"

    return check


def _array(image: QImage) -> np.ndarray:
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).astype(int)


def masks(labels: np.ndarray, **changed: object) -> list[Overlay]:
    return [Overlay(labels, {1: rgb("#2ec4b6"), 2: rgb("#ff5d5d")}, **changed)]


def pane(qtbot, plane: Plane, size: QSize | None = None) -> tuple[SliceView, np.ndarray]:
    view = SliceView()
    qtbot.addWidget(view)
    view.resize(size or QSize(320, 320))
    volume, labels = head()
    view.show_volume(volume, plane)
    view.set_window(Window(450, 900))
    view.set_words_visible(False)
    return view, labels


@pytest.mark.parametrize("plane", list(Plane))
def test_plane_with_masks(qtbot, matches, plane: Plane) -> None:
    view, labels = pane(qtbot, plane)
    view.set_overlays(masks(labels))
    matches(view, f"pane-{plane.value}")


def test_squares_outline_only_zoomed(qtbot, matches) -> None:
    view, labels = pane(qtbot, Plane.AXIAL)
    view.set_smooth(False)
    view.set_overlays(masks(labels, opacity=0.0))
    view.zoom_about(QPointF(100, 110), 3.5)
    matches(view, "pane-squares-outline")


def test_fill_only_with_crosshair_and_ring(qtbot, matches) -> None:
    view, labels = pane(qtbot, Plane.CORONAL)
    view.set_overlays(masks(labels, opacity=0.45, outline=False))
    view.set_crosshair((20.0, 32.0, 28.0))
    view.set_pointer((40.0, 32.0, 15.0))
    view.tool = Pen(radius=7.0)
    mouse(view, QEvent.Type.MouseMove, QPointF(180, 170))
    matches(view, "pane-crosshair-ring")


def test_shrunk_color_picture(qtbot, matches) -> None:
    view = SliceView()
    qtbot.addWidget(view)
    view.resize(240, 180)
    rows, columns = np.mgrid[0:600, 0:900]
    array = np.stack([rows % 256, columns % 256, (rows + columns) // 8 % 256], axis=-1).astype(np.uint8)[None]
    mask = (((rows - 300) ** 2 + (columns - 450) ** 2) < 200**2).astype(np.uint8)[None]
    view.show_volume(Volume(array, Geometry.of_picture(600, 900), channels=("R", "G", "B")), Plane.AXIAL)
    view.set_words_visible(False)
    view.set_overlays([Overlay(mask, {1: rgb("#ffb000")})])
    matches(view, "pane-color")


def test_linked_planes(qtbot, matches) -> None:
    linked = LinkedViews()
    qtbot.addWidget(linked)
    linked.resize(640, 480)
    with qtbot.waitExposed(linked):
        linked.show()
    volume, labels = head()
    linked.set_volume(volume, Window(450, 900))
    linked.set_overlays(masks(labels))
    for view in linked.views:
        view.set_words_visible(False)
    linked.go_to((40, 44, 22))
    matches(linked, "linked-planes")


def test_compare_panes(qtbot, matches) -> None:
    panes = ComparePanes(4)
    qtbot.addWidget(panes)
    panes.resize(500, 400)
    with qtbot.waitExposed(panes):
        panes.show()
    volume, labels = head()
    panes.set_volume(volume, window=Window(450, 900))
    panes.set_pane(1, "annotation", overlays=masks(labels))
    panes.set_pane(2, "prediction", overlays=[Overlay(np.roll(labels, 2, 2), {1: rgb("#ffb000")})])
    for view in panes.views:
        view.set_words_visible(False)
    matches(panes, "compare-panes")
