"""Polygon and lasso: what a person outlines is drawn or, with Ctrl, erased."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.editing.tools.shapes import polygon, thin_out
from core.geometry import PlaneView
from gui.annotate.tools.bench import Bench, PointerTool, screen_distance, turned
from gui.viewer.events import ViewEvent
from gui.viewer.sketch import Line, Place, Sketch, ToolKey

_HOLD = 9.0
"""A corner is taken hold of within so many screen pixels."""
_STILL = 3.0
"""A press that moves less is a click."""


@dataclass
class Outline:
    """An outline that isn't closed yet, on one slice."""

    view: PlaneView
    index: int
    points: list[Place] = field(default_factory=list)
    erase: bool = False

    def on(self, view: PlaneView, index: int) -> bool:
        """Whether it lies on a slice."""
        return view.plane is self.view.plane and index == self.index

    def turn(self, view: PlaneView) -> None:
        """Follow the pane when left and right are swapped."""
        if view != self.view and view.plane is self.view.plane:
            self.points = turned(self.points, self.view, view)
            self.view = view


class PolygonTool(PointerTool):
    """Clicks are corners; a double-click, Enter or a click on the first corner closes."""

    action = "polygon"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.open: Outline | None = None
        self._held: int | None = None
        self._from: Place = (0.0, 0.0)
        self._moved = False
        self._pointer: Place | None = None
        self._closed = self._cutting = False

    def press(self, event: ViewEvent) -> None:
        """Set a corner, or take hold of one."""
        self._held, self._closed = None, False
        if self.open is not None and not self.open.on(event.view, event.index):
            self.bench.refused("outline_elsewhere")
            return
        if self.open is None:
            if self.bench.drawable() is None:
                return
            self.open = Outline(event.view, event.index)
        self.open.turn(event.view)
        self.open.erase = event.inverted
        self._from, self._moved = (event.row, event.column), False
        near = [(screen_distance(event, *corner), number) for number, corner in enumerate(self.open.points)]
        nearest = min(near, default=(_HOLD + 1, 0))
        if nearest[0] <= _HOLD:
            self._held = nearest[1]
        else:
            self.open.points.append(self._from)
            self._held = len(self.open.points) - 1
            # a new corner follows the pointer too, and is no click on the first one
            self._moved = True
        self._show(event)

    def move(self, event: ViewEvent) -> None:
        """Drag the corner held."""
        if self.open is None or self._held is None:
            return
        if not self._moved and screen_distance(event, *self._from) < _STILL:
            return
        self._moved = True
        self.open.points[self._held] = (event.row, event.column)
        self._show(event)

    def release(self, event: ViewEvent) -> None:
        """Let the corner go; a click on the first one closes."""
        held, self._held = self._held, None
        if self.open is not None and held == 0 and not self._moved and len(self.open.points) >= 3:
            self._close()
            self._closed = True

    def double_click(self, event: ViewEvent) -> bool:
        """Close; with too few corners it means the pane."""
        if self._closed:
            # the first of the two clicks has closed it already
            return True
        if self.open is None or len(self.open.points) < 3:
            alone = self.open is not None and len(self.open.points) == 1
            if alone:
                self._drop()
            return self.open is not None and not alone
        self.open.erase = event.inverted
        self._close()
        return True

    def hover(self, event: ViewEvent | None) -> None:
        """Let the last piece follow the pointer."""
        if self.open is None:
            return
        there = event is not None and self.open.on(event.view, event.index)
        self._pointer = (event.row, event.column) if event is not None and there else None
        self._cutting = event is not None and there and event.inverted
        self.bench.views.sketch_changed()

    def wants(self, key: ToolKey) -> bool:
        """Enter, Escape and Backspace while an outline is open."""
        return self.open is not None

    def key(self, key: ToolKey) -> None:
        """Close, drop, or take the last corner back."""
        if self.open is None:
            return
        self._held = None
        if key in ("accept", "cut"):
            # Ctrl+Enter is Done elsewhere: with an outline open it closes that one, and takes away what it holds
            self.open.erase |= key == "cut"
            self._close()
        elif key == "cancel" or len(self.open.points) <= 1:
            self._drop()
        else:
            self.open.points.pop()
            self.bench.views.sketch_changed()

    def sketch(self, view: PlaneView, index: int) -> Sketch | None:
        """Return corners and lines."""
        outline = self.open
        if outline is None or not outline.on(view, index):
            return None
        outline.turn(view)
        corners = tuple(outline.points)
        lines = [Line(corners, dashed=outline.erase or self._cutting)]
        if self._pointer is not None and self._held is None and corners:
            lines.append(Line((corners[-1], self._pointer, corners[0]), faint=True))
        elif len(corners) > 2:
            lines.append(Line((corners[-1], corners[0]), faint=True))
        return Sketch(self.bench.color, tuple(lines), corners)

    def forget(self) -> None:
        """Drop the outline."""
        super().forget()
        self._drop()

    def _show(self, event: ViewEvent) -> None:
        self._pointer = (event.row, event.column)
        self.bench.views.sketch_changed()

    def _drop(self) -> None:
        self.open = self._pointer = self._held = None
        self._cutting = False
        self.bench.views.sketch_changed()

    def _close(self) -> None:
        outline = self.open
        if outline is None:
            return
        if len(outline.points) < 3:
            self.bench.refused("few_corners")
        elif self.bench.drawable() is not None:
            region = polygon(outline.points, (outline.view.rows, outline.view.columns))
            if not region.any():
                self.bench.refused("nothing_enclosed")
                return
            self._drop()
            self.bench.draw(self.action, outline.view, outline.index, region, erase=outline.erase)


class LassoTool(PointerTool):
    """What is drawn round with the button down."""

    action = "lasso"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.open: Outline | None = None

    def press(self, event: ViewEvent) -> None:
        """Begin the line."""
        self.open = self._clicked = None
        if self.bench.drawable() is not None:
            self.open = Outline(event.view, event.index, [(event.row, event.column)], event.inverted)

    def move(self, event: ViewEvent) -> None:
        """Go on with it."""
        if self.open is not None:
            self.open.points.append((event.row, event.column))
            self.bench.views.sketch_changed()

    def release(self, event: ViewEvent) -> None:
        """Close it and draw what it holds."""
        outline = self.open
        if outline is None:
            return
        self.move(event)
        self._drop()
        if self.bench.drawable() is not None:
            region = polygon(thin_out(outline.points, 0.1), (outline.view.rows, outline.view.columns))
            self._clicked = self.bench.draw(self.action, outline.view, outline.index, region, erase=outline.erase)

    def wants(self, key: ToolKey) -> bool:
        """Escape while the line is drawn."""
        return key == "cancel" and self.open is not None

    def key(self, key: ToolKey) -> None:
        """Drop the line; what is left of the drag draws nothing."""
        self._drop()

    def sketch(self, view: PlaneView, index: int) -> Sketch | None:
        """Return the line."""
        outline = self.open
        if outline is None or not outline.on(view, index) or len(outline.points) < 2:
            return None
        points = tuple(outline.points)
        back = Line((points[-1], points[0]), faint=True)
        return Sketch(self.bench.color, (Line(points, dashed=outline.erase), back))

    def forget(self) -> None:
        """Drop the line."""
        super().forget()
        self._drop()

    def _drop(self) -> None:
        self.open = None
        self.bench.views.sketch_changed()
