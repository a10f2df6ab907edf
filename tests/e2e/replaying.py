"""Replays a committed list of actions in the real window: keys, mouse events on the panes, buttons of operations.

A list is a TOML file: `scan` (below the folder of real scans), `mask` (what it is measured against, never read before
the end), `labels` (name = layer) and `[[action]]` tables, carried out one after the other:

* `tool` = lasso, brush, erase, background: one press, a drag through `points` and a release, on `slice` of `plane`
  (axial unless said), with `label` and, for a brush, `size` in mm. `tool` = polygon: a press and release per point,
  Enter closes.
* `operation` = interpolate, seeds, smooth, fill_holes, keep_largest...: the key or the button that does it, on `slice`
  where it is done to a slice, with `where` (slice, each, space), `amount` in mm, `other` (a label), `by_values`.

Points are `[x, y]` in voxels of the scan on an axial slice (`[x, z]` coronal, `[y, z]` sagittal), whole numbers at
voxel centres. **Counting:** every press of the mouse on a picture is one action and every operation is one; taking a
tool, a label or a size and going to a slice are none.
"""

from __future__ import annotations

import itertools
import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt
from pytestqt.qtbot import QtBot
from shell_support import mouse
from viewer_support import wheel

from core.editing.operations import Operation, Where
from core.geometry import Plane
from core.project.saver import SaveState
from gui.main_window import MainWindow
from gui.viewer.slice_view import SliceView

DRAGGED = ("lasso", "brush", "erase", "background")
CLICKED = ("polygon",)
BY_KEY = {"interpolate": Qt.Key.Key_I}
_STEP = 6.0
"""Screen pixels between two moves of a drag: what a hand's mouse sends at an easy speed."""


@dataclass(frozen=True)
class Action:
    """One line of a list; see the top of this file."""

    plane: Plane = Plane.AXIAL
    slice: int | None = None
    tool: str = ""
    operation: str = ""
    label: str = ""
    points: tuple[tuple[float, float], ...] = ()
    size: float | None = None
    where: str = ""
    amount: float | None = None
    other: str = ""
    by_values: bool | None = None

    @property
    def count(self) -> int:
        """What it counts."""
        return len(self.points) if self.tool in CLICKED else 1


@dataclass(frozen=True)
class Strokes:
    """A list as it was read."""

    scan: str
    mask: str
    labels: dict[str, str]
    actions: tuple[Action, ...] = field(default=())

    @property
    def count(self) -> int:
        """Actions altogether."""
        return sum(action.count for action in self.actions)


def read_strokes(path: Path) -> Strokes:
    """Read a list."""
    content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    actions = []
    for entry in content["action"]:
        points = tuple((float(one), float(other)) for one, other in entry.pop("points", []))
        plane = Plane(entry.pop("plane", Plane.AXIAL.value))
        actions.append(Action(plane=plane, points=points, **entry))
    return Strokes(content["scan"], content["mask"], content["labels"], tuple(actions))


def voxel_of(plane: Plane, place: int, point: tuple[float, float]) -> tuple[float, float, float]:
    """Return the voxel (x, y, z) of a point of a slice."""
    one, other = point
    return {
        Plane.AXIAL: (one, other, float(place)),
        Plane.CORONAL: (one, float(place), other),
        Plane.SAGITTAL: (float(place), one, other),
    }[plane]


class Replay:
    """Carries actions out in a window that shows a scan."""

    def __init__(self, window: MainWindow, qtbot: QtBot) -> None:
        self.window = window
        self.qtbot = qtbot
        self.done = 0

    def play(self, strokes: Strokes) -> None:
        """Carry out all of them."""
        for action in strokes.actions:
            if action.slice is not None:
                self.go(action.plane, action.slice)
            if action.label:
                self.take_label(action.label)
            if action.tool:
                self.draw(action)
            else:
                self.operate(action)

    # ------------------------------------------------------------------ keys and panes

    def view(self, plane: Plane) -> SliceView:
        """Return the pane of a plane."""
        return next(view for view in self.window.annotate.views.views if view.plane is plane)

    def key(self, which: Qt.Key, view: SliceView | None = None) -> None:
        """Press a key in a pane."""
        self.qtbot.keyClick(view or self.window.annotate.views.active, which)

    def go(self, plane: Plane, place: int) -> None:
        """Go to a slice with the wheel over its pane."""
        view = self.view(plane)
        while view.index != place:
            before = view.index
            wheel(view, -120 if before < place else 120)
            assert abs(view.index - place) < abs(before - place), f"slice {place} is out of reach at {before}"

    def take_label(self, name: str) -> None:
        """Take a label by its digit."""
        session = self.window.session
        if session.label is None or session.label.name != name:
            self.key(Qt.Key(Qt.Key.Key_0 + int(session.labels.named(name).key)))
        assert session.label is not None
        assert session.label.name == name

    def take_tool(self, name: str) -> None:
        """Take a tool by its button in the rail."""
        self.window.actions_table[name].trigger()
        assert self.window.annotate.hand.tool == name

    # ------------------------------------------------------------------ drawing

    def draw(self, action: Action) -> None:
        """Press, drag and release; or click."""
        self.take_tool(action.tool)
        if action.size is not None:
            self.window.annotate.options.spin.setValue(action.size)
        view = self.view(action.plane)
        assert action.slice is not None
        places = [self._pixel(view, voxel_of(action.plane, action.slice, point)) for point in action.points]
        steps = self._steps()
        if action.tool in DRAGGED:
            self._drag(view, places)
        else:
            for place in places:
                self._press(view, place)
                self._release(view, place)
            self.key(Qt.Key.Key_Return, view)
        assert self._steps() == steps + 1, f"{action.tool} on slice {action.slice} drew nothing"

    def _pixel(self, view: SliceView, voxel: tuple[float, float, float]) -> QPointF:
        """Return the whole screen pixel at a voxel: a mouse has no halves."""
        place = view.point_of(voxel)
        found = QPointF(round(place.x()), round(place.y()))
        assert view.rect().contains(found.toPoint()), f"{voxel} is not in the pane"
        return found

    def _drag(self, view: SliceView, places: list[QPointF]) -> None:
        self._press(view, places[0])
        for start, end in itertools.pairwise(places):
            way = end - start
            pieces = max(1, math.ceil(math.hypot(way.x(), way.y()) / _STEP))
            for piece in range(1, pieces + 1):
                at = start + way * (piece / pieces)
                mouse(view, QEvent.Type.MouseMove, QPointF(round(at.x()), round(at.y())))
        self._release(view, places[-1])

    def _press(self, view: SliceView, place: QPointF) -> None:
        self.done += 1
        mouse(view, QEvent.Type.MouseButtonPress, place)

    def _release(self, view: SliceView, place: QPointF) -> None:
        mouse(view, QEvent.Type.MouseButtonRelease, place)

    # --------------------------------------------------------------- operations

    def operate(self, action: Action) -> None:
        """Carry out an operation: by its key, or by the panel where something is to be set."""
        if action.slice is not None:
            assert self.window.annotate.views.active is self.view(action.plane), "it works where was drawn last"
        self.done += 1
        steps = self._steps()
        options = action.where or action.other or action.amount is not None or action.by_values is not None
        # also told where nothing changes; a refusal is not, and runs out of time
        with self.qtbot.waitSignal(self.window.annotate.operator.applied, timeout=30_000):
            if action.operation in BY_KEY and not options:
                self.key(BY_KEY[action.operation])
            else:
                self._by_panel(action)
        assert self._steps() == steps + 1, f"{action.operation} changed nothing"
        assert self._last() == action.operation

    def _by_panel(self, action: Action) -> None:
        panel = self.window.annotate.operations
        panel.box.setCurrentIndex(panel.box.findData(Operation(action.operation)))
        panel.box.activated.emit(panel.box.currentIndex())
        if action.where:
            panel.where[Where(action.where)].click()
        if action.amount is not None:
            panel.amount.setValue(action.amount)
        if action.by_values is not None:
            panel.by_values.setChecked(action.by_values)
        if action.other:
            panel.other.setCurrentIndex(panel.other.findData(action.other))
            panel.other.activated.emit(panel.other.currentIndex())
        self.qtbot.mouseClick(panel.apply, Qt.MouseButton.LeftButton)

    # ------------------------------------------------------------------ outcome

    def _steps(self) -> int:
        editor = self.window.session.editor
        assert editor is not None
        return editor.position

    def _last(self) -> str:
        editor = self.window.session.editor
        assert editor is not None
        return str(editor.steps()[editor.position - 1].action)

    def saved(self, label: str) -> np.ndarray:
        """Save, and read a label back from the store: bool ``[z, y, x]``."""
        session = self.window.session
        session.save_now()
        self.qtbot.waitUntil(lambda: session.save_state == SaveState.SAVED, timeout=30_000)
        assert session.project is not None
        assert session.scan is not None
        annotation = session.project.annotation(session.scan.id, session.reader)
        assert annotation is not None
        known = session.labels.named(label)
        layer = session.project.read_layer(annotation.id, known.layer)
        assert layer is not None
        return np.asarray(layer == known.value)
