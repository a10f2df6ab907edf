"""Ruler, angle and area by clicks on a pane, and how much there is of the label and how bright it is, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from core.editing.tools.measures import STATISTICS, Figures, exact, of_label, on_slice
from core.geometry import PlaneView, bounding_box
from core.labels import Label
from core.messages import numeral, text
from core.project.measurements import Measurement
from core.volume import Volume
from gui.annotate.tools.bench import Bench, PointerTool, screen_distance
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
    done = Signal(object)
    """A :class:`core.project.measurements.Measurement` that is not kept yet."""


class Kept(Protocol):
    """Where measurements of the scan shown are kept."""

    def on(self, axis: int, index: int) -> Sequence[Measurement]:
        """Return those on a slice, newest first."""


class MeasureTool(PointerTool):
    """Clicks are points; nothing is drawn into the mask.

    Attributes
    ----------
    kind
        What is measured.
    words
        The result, or what to do next.
    told
        Says that the words changed, and what is to be kept.
    kept
        What is shown of earlier ones; None for nothing.
    """

    action = "ruler"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.told = Told()
        self.kind = Kind.DISTANCE
        self.words = ""
        self.kept: Kept | None = None
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
            self._finish()
        else:
            self._points.append((event.row, event.column))
            if len(self._points) == _NEEDED.get(self.kind, math.inf):
                self._finish()
        self._show()

    def double_click(self, event: ViewEvent) -> bool:
        """Close an area; two clicks for the others."""
        if self.kind is Kind.AREA and len(self._points) > 2 and not self._done:
            self._finish()
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
        closable = self.kind is Kind.AREA and len(self._points) > 2
        return bool(self._points) and (key in ("cancel", "back") or (key == "accept" and closable))

    def key(self, key: ToolKey) -> None:
        """Hear a key."""
        if key == "cancel":
            self.forget()
        elif key == "accept":
            if not self._done:
                self._finish()
        else:
            self._points.pop()
            self._done = False
        self._show()

    def _finish(self) -> None:
        """What was measured is kept; where nothing can be told it stays to be seen."""
        self._done = True
        self._pointer = None
        volume, scan, view = self.bench.session.volume, self.bench.session.scan, self._view
        if volume is None or scan is None or view is None:
            return
        found = on_slice(self.kind.value, volume, view, self._index, self._points)
        if found is None or self.kept is None:
            return
        self._say()
        points = tuple(view.to_voxel(row, column, self._index) for row, column in self._points)
        reader = self.bench.session.reader
        new = Measurement(scan.id, reader, self.kind.value, view.slice_axis, self._index, points, figures=dict(found))
        # from now on it is one of those that are kept
        self._points = []
        self.told.done.emit(new)

    def sketch(self, view: PlaneView, index: int) -> Sketch | None:
        """Return the lines on a slice: of what is being measured, then of what was."""
        lines: list[Line] = []
        corners: list[Place] = []
        words: list[tuple[Place, str]] = []
        if self._points and view == self._view and index == self._index:
            corners = list(self._points)
            if len(corners) > 1:
                lines.append(Line(tuple(corners), closed=self.kind is Kind.AREA and self._done))
            if self._pointer is not None and not self._done:
                lines.append(Line((corners[-1], self._pointer), faint=True))
        for one in self.kept.on(view.slice_axis, index) if self.kept is not None else ():
            places = [view.to_screen(point)[:2] for point in one.points]
            lines.append(Line(tuple(places), closed=one.kind == "area"))
            corners += places
            words.append((places[-1], figure_words(one.kind, one.figures, short=True)))
        return Sketch(_COLOR, tuple(lines), tuple(corners), words=tuple(words)) if lines or corners else None

    def _show(self) -> None:
        self._say()
        self.bench.views.sketch_changed()

    def _say(self) -> None:
        if self._done and not self._points:
            # it is kept: its words stay until the next one is begun
            return
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


def result_words(kind: Kind, volume: Volume, view: PlaneView, index: int, points: Sequence[Place]) -> str:
    """Word what was measured on a slice; through slices whose distance is unknown nothing is.

    Parameters
    ----------
    points
        (row, column) of the slice.
    """
    if not exact(volume.geometry, view):
        return text("measure.uneven")
    found = on_slice(kind.value, volume, view, index, points)
    return text(f"measure.hint_{kind.value}") if found is None else figure_words(kind.value, found)


def figure_words(kind: str, figures: Mapping[str, float | str], label: str = "", *, short: bool = False) -> str:
    """Word figures of :mod:`core.editing.tools.measures`; in short without the values inside."""
    unit = figures.get("unit", "")
    if kind == "distance":
        return text("measure.distance", amount=numeral(float(figures["length"]), ".1f"), unit=unit)
    if kind == "angle":
        return text("measure.angle", degrees=numeral(float(figures["degrees"]), ".1f"))
    if kind == "area":
        told = text("measure.area", amount=numeral(float(figures["area"]), ".1f"), unit=unit)
    else:
        voxels = numeral(round(float(figures["voxels"])), ",")
        told = text("measure.voxels", name=label, voxels=voxels)
        if "volume" in figures:
            told = text("measure.volume", name=label, voxels=voxels, ml=numeral(float(figures["volume"]), ".2f"))
        elif unit == "mm" and not short:
            told = f"{told} {text('measure.no_ml')}"
    if short or "mean" not in figures:
        return told
    shown = {name: numeral(float(figures[name]), ".4g") for name in STATISTICS}
    return f"{told}\n{text('measure.values', **shown)}"


def label_figures(label: Label, volume: Volume, mask: NDArray[np.uint8]) -> Figures | None:
    """Return how much there is of a label on a scan and how bright it is, None for nothing; any thread."""
    box = bounding_box(mask == label.value)
    return None if box is None else of_label(volume, mask[box.slices] == label.value, box)


def label_words(label: Label, volume: Volume, mask: NDArray[np.uint8]) -> str:
    """Word :func:`label_figures`."""
    found = label_figures(label, volume, mask)
    return text("measure.nothing", name=label.name) if found is None else figure_words("label", found, label.name)
