"""Bucket fill and level tracing: one click takes a region."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QTimer

from core.editing.tools.growing import level
from core.editing.tools.placing import nearest, slice_of
from core.editing.tools.shapes import bucket
from core.geometry import PlaneView
from gui.annotate.tools.bench import Bench, PointerTool
from gui.viewer.events import ViewEvent
from gui.viewer.sketch import Sketch, ToolKey, outline_of


class FillTool(PointerTool):
    """Fills what lies within walls of the mask; with Ctrl it clears a connected piece."""

    action = "fill"

    def press(self, event: ViewEvent) -> None:
        """Fill or clear, or say why not."""
        self._clicked = None
        bench = self.bench
        label, editor = bench.drawable(), bench.editor
        if label is None or editor is None:
            return
        seed = nearest(event.view, event.row, event.column)
        if seed is None:
            bench.refused("outside")
            return
        mask = slice_of(event.view, editor.mask(label.layer), event.index)
        region = bucket(mask, seed)
        if event.inverted:
            if mask[seed] != label.value:
                bench.refused("not_drawn_here")
                return
        elif mask[seed] == label.value:
            bench.refused("drawn_here")
            return
        elif mask[seed] == 0 and _on_rim(region):
            bench.refused("not_enclosed")
            return
        elif mask[seed] in editor.labels.locked_values(label.layer):
            bench.refused("other_locked")
            return
        self._clicked = bench.draw(self.action, event.view, event.index, region, erase=event.inverted)


def _on_rim(region: NDArray[np.bool_]) -> bool:
    return bool(region[0].any() or region[-1].any() or region[:, 0].any() or region[:, -1].any())


@dataclass(frozen=True, eq=False)
class Traced:
    """A region under the pointer."""

    view: PlaneView
    index: int
    seed: tuple[int, int]
    region: NDArray[np.bool_]
    edges: NDArray[np.float64]


class LevelTool(PointerTool):
    """Shows the level line under the pointer; a click takes what it holds."""

    action = "level"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.traced: Traced | None = None
        self._wanted: ViewEvent | None = None
        # only where the pointer is now matters, however many moves came
        self._soon = QTimer(bench.views)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._trace_wanted)

    def hover(self, event: ViewEvent | None) -> None:
        """Trace the line under the pointer."""
        self._wanted = event
        if event is None:
            self._soon.stop()
            self._drop()
        else:
            self._soon.start()

    @property
    def busy(self) -> bool:
        """Whether something is about to be worked out."""
        return self._soon.isActive()

    def press(self, event: ViewEvent) -> None:
        """Take the region."""
        self._clicked = None
        if self.bench.drawable() is None:
            return
        self._soon.stop()
        if not self._trace(event) or self.traced is None:
            self.bench.refused("outside" if nearest(event.view, event.row, event.column) is None else "no_value")
            return
        traced = self.traced
        self._clicked = self.bench.draw(self.action, traced.view, traced.index, traced.region, erase=event.inverted)

    def sketch(self, view: PlaneView, index: int) -> Sketch | None:
        """Return the line."""
        traced = self.traced
        if traced is None or traced.view != view or traced.index != index:
            return None
        return Sketch(self.bench.color, edges=traced.edges)

    def wants(self, key: ToolKey) -> bool:
        """Escape takes the line away."""
        return key == "cancel" and self.traced is not None

    def key(self, key: ToolKey) -> None:
        """Take the line away until the pointer moves."""
        self._soon.stop()
        self._drop()

    def forget(self) -> None:
        """Take the line away."""
        super().forget()
        self._soon.stop()
        self._drop()

    def put_down(self) -> None:
        """Take the line away."""
        self._soon.stop()
        self._drop()

    def _trace_wanted(self) -> None:
        if self._wanted is not None:
            self._trace(self._wanted)

    def _trace(self, event: ViewEvent) -> bool:
        """Trace the line through a point; return whether there is one."""
        seed = nearest(event.view, event.row, event.column)
        old = self.traced
        if old is not None and (old.view, old.index, old.seed) == (event.view, event.index, seed):
            return True
        values = self.bench.values(event.view, event.index) if seed is not None else None
        if seed is None or values is None or not np.isfinite(values[seed]):
            self._drop()
            return False
        region = level(values, seed)
        self.traced = Traced(event.view, event.index, seed, region, outline_of(region))
        self.bench.views.sketch_changed()
        return True

    def _drop(self) -> None:
        if self.traced is not None:
            self.traced = None
            self.bench.views.sketch_changed()
