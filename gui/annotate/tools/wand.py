"""Magic wand: press on a value, drag up for more and down for less; or let it run through the scan."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QTimer, Slot

from core.editing.editor import Step
from core.editing.tools.growing import OnSlice, in_range, wand, wand_in_space
from core.editing.tools.placing import known_values, nearest, place
from core.geometry import PlaneView
from core.volume import Volume
from gui.annotate.tools.bench import Bench, PointerTool
from gui.annotate.tools.in_space import SpaceJob
from gui.annotate.tools.levels import Levels
from gui.viewer.events import ViewEvent
from gui.viewer.sketch import ToolKey

_DOUBLE = 120.0
"""Dragging so many screen pixels up doubles the tolerance."""
_SOON_MS = 60


@dataclass(frozen=True)
class Touch:
    """Where the wand was put down."""

    view: PlaneView
    index: int
    seed: tuple[int, int]
    erase: bool
    share: float
    row: float


@dataclass(frozen=True)
class Limit:
    """The range that painting is limited to."""

    low: float
    high: float
    inverted: bool


def region_in_space(
    volume: Volume, seed: tuple[int, int, int], tolerance: float, limit: Limit | None, on_slice: OnSlice
) -> NDArray[np.bool_]:
    """Return the voxels connected with a seed (z, y, x) whose values differ by at most the tolerance.

    What is found is cut to the limit at the end, as strokes are.

    Returns
    -------
    ndarray
        bool ``[z, y, x]``.
    """
    middle = float(known_values(volume, volume.array[seed[0] : seed[0] + 1, seed[1] : seed[1] + 1])[0, 0, seed[2]])

    def allowed(z: int) -> NDArray[np.bool_]:
        return in_range(known_values(volume, volume.array[z]), middle - tolerance, middle + tolerance)

    region = wand_in_space(allowed, volume.shape, seed, on_slice)
    if limit is not None:
        for z, found in enumerate(region):
            found &= in_range(known_values(volume, volume.array[z]), limit.low, limit.high, inverted=limit.inverted)
    return region


class WandTool(PointerTool):
    """Takes what is connected with the pointer's pixel and about as bright."""

    action = "wand"

    def __init__(self, bench: Bench, levels: Levels, job: SpaceJob) -> None:
        super().__init__(bench)
        self._levels = levels
        self._job = job
        self._held: Touch | None = None
        self._last: Touch | None = None
        # the slider may move faster than regions are found
        self._soon = QTimer(bench.views)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self._again)
        levels.tolerance_changed.connect(self._tolerance_changed)
        job.ended.connect(self._job_ended)

    @property
    def busy(self) -> bool:
        """Whether something is about to be worked out."""
        return self._soon.isActive()

    def press(self, event: ViewEvent) -> None:
        """Take the region of the value under the pointer."""
        self._soon.stop()
        self._held = self._last = self._clicked = None
        if self.bench.drawable() is None:
            return
        seed = nearest(event.view, event.row, event.column)
        values = self.bench.values(event.view, event.index) if seed is not None else None
        if seed is None or values is None:
            self.bench.refused("outside")
        elif not np.isfinite(values[seed]):
            self.bench.refused("no_value")
        else:
            self._held = Touch(event.view, event.index, seed, event.inverted, self._levels.share, event.row)
            self._show(self._held)

    def move(self, event: ViewEvent) -> None:
        """Up takes more, down less."""
        held = self._held
        if held is None:
            return
        up = (held.row - event.row) * event.view.row_size * event.zoom
        self._levels.set_share(held.share * 2.0 ** (up / _DOUBLE))

    def release(self, event: ViewEvent) -> None:
        """Make it a step; through the scan it is worked out from here."""
        self.move(event)
        held, self._held = self._held, None
        editor = self.bench.editor
        if held is None or editor is None or not editor.stroking:
            return
        self._last = held
        if self._levels.in_space:
            editor.cancel()
            self._run(held)
        else:
            self._clicked = editor.commit()

    def wants(self, key: ToolKey) -> bool:
        """Escape while a region can still be changed, Enter to be done with it."""
        return key in ("accept", "cancel") and (self._held is not None or self._last is not None)

    def key(self, key: ToolKey) -> None:
        """Take the region back, or leave it."""
        self._soon.stop()
        editor = self.bench.editor
        if self._held is not None and editor is not None and editor.stroking:
            if key == "accept":
                self._clicked = editor.commit()
            else:
                editor.cancel()
        elif key == "cancel":
            if self._job.running:
                self._job.cancel()
            else:
                self.bench.take_back(self._clicked)
        self._held = self._last = None
        self._clicked = None

    def double_click(self, event: ViewEvent) -> bool:
        """Take back what the first click drew."""
        if self._job.running:
            self._job.cancel()
        self._last = None
        return super().double_click(event)

    def forget(self) -> None:
        """Another scan: what was pressed is done with."""
        super().forget()
        self.put_down()

    def put_down(self) -> None:
        """Another tool: the last region stays as it is."""
        self._soon.stop()
        editor = self.bench.editor
        if self._held is not None and editor is not None and editor.stroking:
            editor.commit()
        self._held = self._last = None

    @Slot()
    def _tolerance_changed(self) -> None:
        if self._held is not None:
            self._show(self._held, again=True)
        elif self._last is not None:
            self._soon.start()

    def _again(self) -> None:
        """Find the last region anew, if it is still the last step."""
        last, bench = self._last, self.bench
        if last is None or bench.editor is None:
            return
        if self._job.running:
            self._run(last)
        elif not bench.take_back(self._clicked):
            self._last = None
        elif self._levels.in_space:
            self._run(last)
        else:
            self._show(last)
            self._clicked = bench.editor.commit()

    def _show(self, touch: Touch, *, again: bool = False) -> None:
        """Draw the region into an open stroke in place of the one before."""
        editor, label = self.bench.editor, self.bench.session.label
        values = self.bench.values(touch.view, touch.index)
        if editor is None or label is None or values is None:
            return
        if again:
            editor.cancel()
        found = place(touch.view, touch.index, wand(values, touch.seed, self._levels.tolerance))
        editor.begin(self.action, label, erase=touch.erase)
        if found is not None:
            editor.paint(*found)

    def _run(self, touch: Touch) -> None:
        volume, label = self.bench.session.volume, self.bench.session.label
        if volume is None or label is None:
            return
        x, y, z = touch.view.to_voxel(*touch.seed, touch.index)
        seed = int(z), int(y), int(x)
        levels = self._levels
        limit = Limit(levels.low, levels.high, levels.inverted) if levels.limiting else None
        work = functools.partial(region_in_space, volume, seed, levels.tolerance, limit)
        self._job.start(self.action, label, work, erase=touch.erase)
        # the work before, which has ended with this, was for the same touch
        self._last = touch

    @Slot(object)
    def _job_ended(self, step: Step | None) -> None:
        if self._last is not None:
            self._clicked = step
            if step is None:
                self._last = None
