"""A window on a small project of phantom heads, and real mouse events on it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from core.labels import LabelSet
from core.phantom import make_head
from core.project.project import Project
from gui import theme
from gui.main_window import MainWindow
from gui.session import Session
from gui.settings import Settings

SHAPE = (8, 64, 56)


def make_project(path: Path, heads: int = 3) -> Path:
    """Make a project of small heads with the labels Brain and Tumour."""
    with Project.create(path) as project:
        project.set_labels(LabelSet().with_label("Brain").with_label("Tumour").with_label("Haemorrhage"))
        for seed in range(heads):
            head = make_head(seed, shape=SHAPE)
            project.add_scan(head.volume, patient=f"person {seed}", description=f"T1 head {seed}")
    return path


@pytest.fixture(scope="module")
def shell_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("template") / "small.meninx")


@pytest.fixture
def project_path(shell_template: Path, tmp_path: Path) -> Path:
    """A project of three heads, the test's own copy."""
    return Path(shutil.copytree(shell_template, tmp_path / "small.meninx"))


@pytest.fixture
def window(qtbot: QtBot, qapp: QApplication) -> Iterator[MainWindow]:
    """The window on the start page, shown; closed with everything in it at the end."""
    theme.apply(qapp)
    made = MainWindow(Session(Settings()))
    made.resize(1280, 800)
    with qtbot.waitActive(made, timeout=10_000):
        made.show()
        made.activateWindow()
    yield made
    made.session.put_away()
    made.close()
    made.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture
def opened(window: MainWindow, project_path: Path, qtbot: QtBot) -> MainWindow:
    """The window on the first scan of the project."""
    with qtbot.waitSignal(window.session.scan_changed, timeout=10_000):
        assert window.intake.open_project(project_path)
    wait_loaded(window, qtbot)
    return window


def wait_loaded(window: MainWindow, qtbot: QtBot) -> None:
    """Wait until a scan is shown."""
    qtbot.waitUntil(lambda: window.session.scan is not None and not window.session.loading, timeout=10_000)


def mouse(
    widget: QWidget,
    kind: QEvent.Type,
    place: QPointF,
    *,
    button: Qt.MouseButton = Qt.MouseButton.LeftButton,
    keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    """Send one mouse event as the window system would."""
    down = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseButtonRelease else button
    pressed = Qt.MouseButton.NoButton if kind == QEvent.Type.MouseMove else button
    event = QMouseEvent(kind, place, widget.mapToGlobal(place), pressed, down, keys)
    QApplication.sendEvent(widget, event)


def stroke(
    window: MainWindow,
    start: tuple[float, float],
    end: tuple[float, float],
    *,
    keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    """Draw on the main pane from (x, y) to (x, y) in voxels of the slice shown."""
    view = window.annotate.views.main
    index = view.index
    places = [
        view.point_of((start[0] + (end[0] - start[0]) * step / 6, start[1] + (end[1] - start[1]) * step / 6, index))
        for step in range(7)
    ]
    mouse(view, QEvent.Type.MouseButtonPress, places[0], keys=keys)
    for place in places[1:]:
        mouse(view, QEvent.Type.MouseMove, place, keys=keys)
    mouse(view, QEvent.Type.MouseButtonRelease, places[-1], keys=keys)
