"""Ruler, angle and area by clicks on a pane, and how much there is of the label and how bright it is."""

from __future__ import annotations

import functools
import math
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QWidget

from core.editing.editor import Change
from core.editing.tools.measures import Statistics, angle, area, distance, statistics
from core.editing.tools.placing import known_values, values_on
from core.editing.tools.shapes import polygon
from core.geometry import Geometry, PlaneView, bounding_box
from core.labels import Label
from core.messages import text
from core.volume import Volume
from gui import theme
from gui.annotate.tools.bench import Bench, PointerTool, screen_distance
from gui.background import Tasks
from gui.session import Session
from gui.viewer.events import ViewEvent
from gui.viewer.sketch import Line, Place, Sketch, ToolKey

_COLOR = (255, 214, 102)
_CLOSE = 9.0
"""A click within so many screen pixels of the first corner closes an area."""


class Kind(StrEnum):
    """What is measured."""

    DISTANCE = "distance"
    ANGLE = "angle"
    AREA = "area"


_NEEDED = {Kind.DISTANCE: 2, Kind.ANGLE: 3}


class Told(QObject):
    """Says what was measured: a tool is no QObject."""

    changed = Signal()


class MeasureTool(PointerTool):
    """Clicks are points; nothing is drawn into the mask.

    Attributes
    ----------
    kind
        What is measured.
    words
        The result, or what to do next.
    told
        Says that the words changed.
    """

    action = "ruler"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.told = Told()
        self.kind = Kind.DISTANCE
        self.words = ""
        self._view: PlaneView | None = None
        self._index = -1
        self._points: list[Place] = []
        self._pointer: Place | None = None
        self._done = False
        self._say()

    @property
    def cursor_color(self) -> tuple[int, int, int]:
        """One colour for all labels: it isn't a mask."""
        return _COLOR

    def set_kind(self, kind: Kind) -> None:
        """Measure something else, from the beginning."""
        self.kind = kind
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        super().forget()
        self._view, self._index, self._points, self._pointer, self._done = None, -1, [], None, False
        self._say()
        self.bench.views.sketch_changed()

    def put_down(self) -> None:
        """What was measured goes with the tool."""
        self.forget()

    def press(self, event: ViewEvent) -> None:
        """Set a point; on another slice or after a result a new measurement begins."""
        if self._done or event.view != self._view or event.index != self._index:
            self._points, self._done = [], False
            self._view, self._index = event.view, event.index
        first = self._points[0] if self._points else None
        closes = self.kind is Kind.AREA and first is not None and len(self._points) > 2
        if closes and first is not None and screen_distance(event, *first) <= _CLOSE:
            self._done = True
        else:
            self._points.append((event.row, event.column))
            self._done = len(self._points) == _NEEDED.get(self.kind, math.inf)
        self._show()

    def double_click(self, event: ViewEvent) -> bool:
        """Close an area; two clicks for the others."""
        if self.kind is Kind.AREA and len(self._points) > 2:
            self._done = True
        self._show()
        return True

    def hover(self, event: ViewEvent | None) -> None:
        """Show the next line before it is there."""
        if self._points and not self._done:
            there = event is not None and event.view == self._view and event.index == self._index
            self._pointer = (event.row, event.column) if there and event is not None else None
            self._show()

    def wants(self, key: ToolKey) -> bool:
        """Escape begins anew, Backspace takes a point back, Enter closes an area."""
        return bool(self._points) and (key != "accept" or (self.kind is Kind.AREA and len(self._points) > 2))

    def key(self, key: ToolKey) -> None:
        """Hear a key."""
        if key == "cancel":
            self.forget()
        elif key == "accept":
            self._done = True
        else:
            self._points.pop()
            self._done = False
        self._show()

    def sketch(self, view: PlaneView, index: int) -> Sketch | None:
        """Return the lines on the slice they were set on."""
        if not self._points or view != self._view or index != self._index:
            return None
        corners = tuple(self._points)
        lines = [Line(corners, closed=self.kind is Kind.AREA and self._done)] if len(corners) > 1 else []
        if self._pointer is not None and not self._done:
            lines.append(Line((corners[-1], self._pointer), faint=True))
        return Sketch(_COLOR, tuple(lines), corners)

    def _show(self) -> None:
        self._say()
        self.bench.views.sketch_changed()

    def _say(self) -> None:
        volume = self.bench.session.volume
        points = list(self._points)
        if self._pointer is not None and not self._done:
            points.append(self._pointer)
        needed = _NEEDED.get(self.kind, 3)
        if volume is None or self._view is None or len(points) < needed:
            words = text(f"measure.hint_{self.kind.value}")
        else:
            words = result_words(self.kind, volume, self._view, self._index, points)
        if words != self.words:
            self.words = words
            self.told.changed.emit()


def result_words(kind: Kind, volume: Volume, view: PlaneView, index: int, points: list[Place]) -> str:
    """Word what was measured on a slice; through slices whose distance is unknown nothing is.

    Parameters
    ----------
    points
        (row, column) of the slice.
    """
    geometry = volume.geometry
    if not _exact(geometry, view):
        return text("measure.uneven")
    unit = geometry.unit
    voxels = [view.to_voxel(row, column, index) for row, column in points]
    if kind is Kind.DISTANCE:
        return text("measure.distance", amount=f"{distance(geometry, *voxels[:2]):.1f}", unit=unit)
    if kind is Kind.ANGLE:
        found = angle(geometry, *voxels[:3])
        return text("measure.hint_angle") if math.isnan(found) else text("measure.angle", degrees=f"{found:.1f}")
    size = area(points, (view.row_size, view.column_size))
    inside = statistics(values_on(volume, view, index), polygon(points, (view.rows, view.columns)))
    told = text("measure.area", amount=f"{size:.1f}", unit=unit)
    return f"{told}\n{values_words(inside)}" if inside.voxels else told


def _exact(geometry: Geometry, view: PlaneView) -> bool:
    return view.slice_axis == 0 or geometry.depth_known or not geometry.spacing_known


def values_words(found: Statistics) -> str:
    """Word the values of a region."""
    figures = ("mean", "deviation", "median", "least", "most")
    return text("measure.values", **{name: f"{getattr(found, name):.4g}" for name in figures})


def label_words(label: Label, volume: Volume, mask: NDArray[np.uint8]) -> str:
    """Word how much there is of a label on a scan and how bright it is; any thread."""
    box = bounding_box(mask == label.value)
    if box is None:
        return text("measure.nothing", name=label.name)
    region = mask[box.slices] == label.value
    count = int(np.count_nonzero(region))
    geometry = volume.geometry
    voxels = f"{count:,}".replace(",", "\u202f")
    told = text("measure.voxels", name=label.name, voxels=voxels)
    if geometry.measurable:
        told = text("measure.volume", name=label.name, voxels=voxels, ml=f"{count * geometry.voxel_ml:.2f}")
    elif geometry.spacing_known:
        told = f"{told} {text('measure.no_ml')}"
    return f"{told}\n{values_words(statistics(known_values(volume, volume.array[box.slices]), region))}"


class MeasurePanel(QWidget):
    """Section at the right while the ruler is in the hand.

    Parameters
    ----------
    session
        What is open.
    tool
        The ruler.
    """

    def __init__(self, session: Session, tool: MeasureTool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._tool = tool
        self._tasks = Tasks(self)
        self.kinds = {kind: theme.button(text(f"measure.{kind.value}_name"), "small") for kind in Kind}
        self._group = QButtonGroup(self)
        line = theme.row(gap=6)
        for number, button in enumerate(self.kinds.values()):
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self._group.addButton(button, number)
            line.addWidget(button, 1)
        self.kinds[tool.kind].setChecked(True)
        self._group.idClicked.connect(self._chosen)
        self.words = theme.label("", "strong", wrap=True)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.ask = theme.button("")
        self.ask.clicked.connect(self.measure_label)
        self.label_words = theme.label("", "muted", wrap=True)
        self.label_words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        contents = (line, self.words, self.ask, self.label_words)
        theme.column(self).addWidget(theme.section(text("measure.title"), *contents))
        tool.told.changed.connect(self._show)
        session.label_changed.connect(self._label_changed)
        session.labels_changed.connect(self._label_changed)
        session.scan_changed.connect(self._label_changed)
        session.mask_changed.connect(self._mask_changed)
        session.project_changed.connect(self._project_changed)
        self._label_changed()
        self._show()

    @Slot(int)
    def _chosen(self, number: int) -> None:
        self._tool.set_kind(list(Kind)[number])

    @Slot()
    def _show(self) -> None:
        self.words.setText(self._tool.words)

    @Slot()
    def _label_changed(self) -> None:
        label = self._session.label
        self.ask.setText(text("measure.ask", name=label.name if label is not None else ""))
        self.ask.setEnabled(label is not None and self._session.editor is not None)
        self._forget()

    @Slot()
    def _project_changed(self) -> None:
        if self._session.project is None:
            self._tasks.wait()

    @Slot(object)
    def _mask_changed(self, change: Change) -> None:
        if change.kind != "state":
            self._forget()

    def _forget(self) -> None:
        self.label_words.setText("")
        self.label_words.hide()

    @Slot()
    def measure_label(self) -> None:
        """Say how much there is of the label, and how bright it is."""
        session = self._session
        editor, label, volume = session.editor, session.label, session.volume
        if editor is None or label is None or volume is None:
            return
        editor.commit()
        work = functools.partial(_measured, editor.revision, session.token, label, volume, editor.mask(label.layer))
        self._tasks.start(work, self._measured, session.notifier.error)

    @Slot(object)
    def _measured(self, found: tuple[int, int, str]) -> None:
        revision, token, words = found
        editor = self._session.editor
        if editor is not None and token == self._session.token and revision == editor.revision:
            self.label_words.setText(words)
            self.label_words.show()


def _measured(revision: int, token: int, label: Label, volume: Volume, mask: NDArray[np.uint8]) -> tuple[int, int, str]:
    return revision, token, label_words(label, volume, mask)
