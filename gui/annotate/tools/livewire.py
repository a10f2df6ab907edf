"""Scissors: the outline follows edges from click to click."""

from __future__ import annotations

import threading

import numpy as np
from PySide6.QtCore import QTimer

from core.editing.tools.placing import nearest
from core.editing.tools.scissors import Scissors, load
from core.editing.tools.shapes import polygon
from core.geometry import PlaneView
from gui.annotate.tools.bench import Bench, PointerTool, screen_distance
from gui.annotate.tools.outlines import Outline
from gui.viewer.events import ViewEvent
from gui.viewer.sketch import Line, Place, Sketch, ToolKey

_HOLD = 9.0
Pixel = tuple[int, int]


class ScissorsTool(PointerTool):
    """Clicks are anchors; a double-click, Enter or a click on the first anchor closes."""

    action = "scissors"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.open: Outline | None = None
        self.pieces: list[list[Pixel]] = []
        """Fixed paths between the anchors, which are the points of :attr:`open`."""
        self._scissors: Scissors | None = None
        self._live: list[Pixel] = []
        self._wanted: Pixel | None = None
        self._closed = self._cutting = False
        # only where the pointer is now matters, however many moves came
        self._soon = QTimer(bench.views)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._follow)

    @property
    def busy(self) -> bool:
        """Whether something is about to be worked out."""
        return self._soon.isActive()

    def take_up(self) -> None:
        """Load what grows paths, beside the window: it takes half a second."""
        threading.Thread(target=load).start()

    def press(self, event: ViewEvent) -> None:
        """Set an anchor."""
        self._closed = False
        at = nearest(event.view, event.row, event.column)
        if self.open is not None and not self.open.on(event.view, event.index):
            self.bench.refused("outline_elsewhere")
            return
        if at is None:
            self.bench.refused("outside")
            return
        if self.open is None:
            self._begin(event, at)
            return
        self._turn(event.view)
        self.open.erase = event.inverted
        first = self.open.points[0]
        if len(self.open.points) >= 2 and screen_distance(event, *first) <= _HOLD:
            self._close()
            self._closed = True
        elif self._scissors is not None and at != self._scissors.start:
            self.pieces.append(self._scissors.path(at))
            self.open.points.append(at)
            self._anchor(at)

    def _begin(self, event: ViewEvent, at: Pixel) -> None:
        if self.bench.drawable() is None:
            return
        scissors = self._scissors_on(event.view, event.index)
        if scissors is None:
            return
        self.open = Outline(event.view, event.index, [at], event.inverted)
        self._scissors = scissors
        self._anchor(at)

    def hover(self, event: ViewEvent | None) -> None:
        """Let the path follow the pointer."""
        self._wanted = None
        if self.open is not None and event is not None and self.open.on(event.view, event.index):
            self._turn(event.view)
            self._wanted = nearest(event.view, event.row, event.column)
            self._cutting = event.inverted
            self._soon.start()
        elif self._live:
            self._live = []
            self.bench.views.sketch_changed()

    def move(self, event: ViewEvent) -> None:
        """Follow the pointer with the button down as well."""
        self.hover(event)

    def double_click(self, event: ViewEvent) -> bool:
        """Close; with one anchor alone it means the pane."""
        if self._closed:
            return True
        if self.open is None:
            return False
        if len(self.open.points) < 2:
            self._drop()
            return False
        self.open.erase = event.inverted
        self._close()
        return True

    def wants(self, key: ToolKey) -> bool:
        """Enter, Escape and Backspace while an outline is open."""
        return self.open is not None

    def key(self, key: ToolKey) -> None:
        """Close, drop, or take the last anchor back."""
        if self.open is None:
            return
        if key in ("accept", "cut"):
            self.open.erase |= key == "cut"
            self._close()
        elif key == "cancel" or len(self.open.points) <= 1:
            self._drop()
        else:
            self.open.points.pop()
            self.pieces.pop()
            row, column = self.open.points[-1]
            self._anchor((int(row), int(column)))

    def sketch(self, view: PlaneView, index: int) -> Sketch | None:
        """Return anchors, fixed paths and the one that follows the pointer."""
        outline = self.open
        if outline is None or not outline.on(view, index):
            return None
        self._turn(view)
        if self.open is None:
            return None
        fixed = tuple(self._fixed())
        lines = [Line(fixed, dashed=outline.erase or self._cutting)] if len(fixed) > 1 else []
        if self._live:
            lines.append(Line(tuple(self._live), faint=True))
        return Sketch(self.bench.color, tuple(lines), tuple(outline.points))

    def forget(self) -> None:
        """Drop the outline."""
        super().forget()
        self._drop()

    def _fixed(self) -> list[Place]:
        return [place for number, piece in enumerate(self.pieces) for place in (piece[1:] if number else piece)]

    def _anchor(self, at: Pixel) -> None:
        if self._scissors is not None:
            self._scissors.anchor(at)
        self._live = []
        self.bench.views.sketch_changed()

    def _follow(self) -> None:
        if self.open is None or self._scissors is None or self._wanted is None:
            return
        self._live = self._scissors.path(self._wanted)
        self.bench.views.sketch_changed()

    def _turn(self, view: PlaneView) -> None:
        """Left and right were swapped: begin the costs anew on what is seen, the pieces follow."""
        outline = self.open
        if outline is None or view == outline.view or view.plane is not outline.view.plane:
            return
        whole = Outline(outline.view, outline.index, [place for piece in self.pieces for place in piece])
        whole.turn(view)
        turned = iter([(int(row), int(column)) for row, column in whole.points])
        self.pieces = [[next(turned) for _place in piece] for piece in self.pieces]
        outline.turn(view)
        self._scissors = self._scissors_on(view, outline.index)
        if self._scissors is None:
            self._drop()
            return
        row, column = outline.points[-1]
        self._scissors.anchor((int(row), int(column)))
        self._live = []

    def _scissors_on(self, view: PlaneView, index: int) -> Scissors | None:
        """Look for edges in what is seen: fat shown white, or air shown black, has none within it."""
        values, window = self.bench.values(view, index), self.bench.session.window
        if values is None:
            return None
        return Scissors(values if window is None else np.clip(values, window.low, window.high))

    def _drop(self) -> None:
        self._soon.stop()
        self.open = self._scissors = self._wanted = None
        self.pieces, self._live, self._cutting = [], [], False
        self.bench.views.sketch_changed()

    def _close(self) -> None:
        outline, scissors = self.open, self._scissors
        if outline is None or scissors is None:
            return
        if len(outline.points) < 2:
            self.bench.refused("few_corners")
            return
        if self.bench.drawable() is None:
            return
        first = outline.points[0]
        back = scissors.path((int(first[0]), int(first[1])))
        corners = [*self._fixed(), *back[1:-1]]
        region = polygon(corners, (outline.view.rows, outline.view.columns))
        if not region.any():
            self.bench.refused("nothing_enclosed")
            return
        self._drop()
        self.bench.draw(self.action, outline.view, outline.index, region, erase=outline.erase)
