"""Threshold: a range of values, seen live on every slice, drawn on the slice shown or through the scan."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Slot

from core.editing.tools.growing import OnSlice, Stopped, in_range
from core.editing.tools.placing import known_values, nearest
from core.geometry import Plane, PlaneView
from core.volume import Volume
from gui.annotate.tools.bench import Bench, PointerTool
from gui.annotate.tools.in_space import SpaceJob
from gui.annotate.tools.levels import Levels
from gui.viewer.events import ViewEvent
from gui.viewer.sketch import Sketch, ToolKey

_Kept = tuple[PlaneView, int, tuple[float, float, bool], NDArray[np.bool_]]


def range_in_space(volume: Volume, low: float, high: float, inverted: bool, on_slice: OnSlice) -> NDArray[np.bool_]:
    """Return which voxels lie in a range, bool ``[z, y, x]``.

    Raises
    ------
    Stopped
        If ``on_slice`` said so.
    """
    found = np.zeros(volume.shape, dtype=np.bool_)
    for z in range(volume.shape[0]):
        if not on_slice(z, volume.shape[0]):
            raise Stopped
        found[z] = in_range(known_values(volume, volume.array[z]), low, high, inverted=inverted)
    return found


class ThresholdTool(PointerTool):
    """Shows what lies in the range; Enter draws it. Dragging over something takes the range from there."""

    action = "threshold"

    def __init__(self, bench: Bench, levels: Levels, job: SpaceJob) -> None:
        super().__init__(bench)
        self._levels = levels
        self._job = job
        self._shown = True
        self._touched: set[tuple[int, int]] = set()
        self._drag: tuple[PlaneView, int] | None = None
        self._kept: dict[Plane, _Kept] = {}
        levels.changed.connect(self._changed)

    def take_up(self) -> None:
        """The tool is taken: show the range."""
        self._shown = True
        self._levels.need()

    def press(self, event: ViewEvent) -> None:
        """Begin to take the range from what is under the pointer."""
        self._touched, self._drag = set(), (event.view, event.index)
        self.move(event)

    def move(self, event: ViewEvent) -> None:
        """The range is that of the values passed over."""
        at = nearest(event.view, event.row, event.column)
        if self._drag != (event.view, event.index) or at is None or at in self._touched:
            return
        self._touched.add(at)
        values = self.bench.values(event.view, event.index)
        # a click alone is no range
        if values is None or len(self._touched) < 2:
            return
        found = [float(values[place]) for place in self._touched if np.isfinite(values[place])]
        if found:
            self._levels.set_range(min(found), max(found))

    def release(self, event: ViewEvent) -> None:
        """The range stays."""
        self._drag = None

    def wants(self, key: ToolKey) -> bool:
        """Enter draws, Escape stops what runs or takes the preview away."""
        return (key == "accept" and self._levels.ready) or (key == "cancel" and (self._shown or self._job.running))

    def key(self, key: ToolKey) -> None:
        """Draw, or take the preview away until the range is changed."""
        if key == "accept":
            self.apply()
        elif self._job.running:
            self._job.cancel()
        else:
            self._shown = False
            self.bench.views.sketch_changed()

    @Slot()
    def apply(self) -> None:
        """Draw what lies in the range: on the slice of the pane last worked in, or through the scan."""
        bench, levels = self.bench, self._levels
        label, volume, view = bench.drawable(), bench.session.volume, bench.views.active.plane_view
        if label is None or volume is None or view is None or not levels.ready:
            return
        if levels.everywhere:
            work = functools.partial(range_in_space, volume, levels.low, levels.high, levels.inverted)
            self._job.start(self.action, label, work)
            return
        index = bench.views.active.index
        values = bench.values(view, index)
        if values is not None and bench.draw(self.action, view, index, levels.chosen(values)) is None:
            bench.refused("nothing_in_range")

    def sketch(self, view: PlaneView, index: int) -> Sketch | None:
        """Return what lies in the range on a slice."""
        levels, active = self._levels, self.bench.views.active
        here = levels.everywhere or (view.plane is active.plane and index == active.index)
        if not self._shown or not levels.ready or not here:
            return None
        wanted = (levels.low, levels.high, levels.inverted)
        kept = self._kept.get(view.plane)
        if kept is None or kept[:3] != (view, index, wanted):
            values = self.bench.values(view, index)
            if values is None:
                return None
            kept = self._kept[view.plane] = (view, index, wanted, levels.chosen(values))
        return Sketch(self.bench.color, region=kept[3])

    def forget(self) -> None:
        """Another scan: its values are others."""
        super().forget()
        self._kept.clear()
        self._drag = None

    def put_down(self) -> None:
        """Another tool: nothing is drawn."""
        self._kept.clear()
        self._drag = None

    @Slot()
    def _changed(self) -> None:
        self._shown = True
        self.bench.views.sketch_changed()
