"""Values that tools go by: the wand's tolerance, the range of threshold and of painting within it."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from core.editing.tools.growing import in_range, otsu
from core.editing.tools.placing import known_values
from core.errors import MeninxError
from core.geometry import Box
from core.volume import Volume
from gui.background import Tasks
from gui.session import Session

_SAMPLE = 300_000
"""Voxels that Otsu's threshold is found on."""
_LEAST, _MOST = 0.002, 1.0
_USUAL = 0.08


@dataclass(frozen=True)
class Bounds:
    """Least and largest value of a scan, and the value that parts dark from bright."""

    token: int
    low: float
    high: float
    middle: float


def bounds_of(volume: Volume, token: int) -> Bounds:
    """Look at every value of a scan once. Any thread."""
    low, high = np.inf, -np.inf
    for stored in volume.array:
        # a slice at a time: the whole as float would be as large as the scan again
        values = known_values(volume, stored)
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        return Bounds(token, 0.0, 1.0, 0.5)
    step = max(1, int(np.ceil((np.prod(volume.shape) / _SAMPLE) ** (1 / 3))))
    sample = volume.array[:: step if volume.shape[0] > step else 1, ::step, ::step]
    middle = min(max(otsu(known_values(volume, sample)), low), high)
    return Bounds(token, low, high, middle)


class Levels(QObject):
    """Tolerance and range; they stay from tool to tool, and from scan to scan where they fit.

    Attributes
    ----------
    low, high
        The range, both ends within it.
    inverted
        Take what lies outside of it.
    limiting
        Strokes only touch voxels within it (outside, if inverted).
    everywhere
        Threshold takes every slice rather than the one shown.
    in_space
        The wand runs through slices.
    share
        The wand's tolerance as a share of the scan's usual values.
    bounds
        Of the scan shown; None until they were asked for and are there.
    """

    changed = Signal()
    tolerance_changed = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._tasks = Tasks(self)
        self._asked = -1
        self.low, self.high = 0.0, 0.0
        self.inverted = self.limiting = self.everywhere = self.in_space = False
        self.share = _USUAL
        self.bounds: Bounds | None = None
        session.project_changed.connect(self._project_changed)
        session.scan_changed.connect(self._scan_changed)

    # ------------------------------------------------------------ tolerance

    @property
    def span(self) -> float:
        """How far the usual values of the scan reach: from the 1st to the 99th percentile of what is not air."""
        loaded = self._session.loaded
        found = loaded.histogram.share_99 - loaded.histogram.share_1 if loaded is not None else 1.0
        return found if np.isfinite(found) and found > 0 else 1.0

    @property
    def tolerance(self) -> float:
        """Of the wand, in the unit of the values."""
        return self.share * self.span

    def set_share(self, share: float) -> None:
        """Choose the tolerance as a share of :attr:`span`, within bounds."""
        share = min(max(share, _LEAST), _MOST)
        if share != self.share:
            self.share = share
            self.tolerance_changed.emit()

    def set_in_space(self, in_space: bool) -> None:
        """Let the wand run through slices."""
        if in_space != self.in_space:
            self.in_space = in_space
            self.changed.emit()

    # ---------------------------------------------------------------- range

    @property
    def ready(self) -> bool:
        """Whether the range means something on the scan shown."""
        return self.bounds is not None

    @property
    def busy(self) -> bool:
        """Whether the values of the scan shown are being looked at."""
        return self.bounds is None and self._asked == self._session.token

    def need(self) -> None:
        """See to it that the range fits the scan shown; :attr:`changed` follows if it had to be found."""
        volume, token = self._session.volume, self._session.token
        if volume is None or self._asked == token:
            return
        self._asked = token
        self._tasks.start(functools.partial(bounds_of, volume, token), self._known, self._unknown)

    def set_range(self, low: float, high: float) -> None:
        """Choose the range; the ends are put in order."""
        low, high = min(low, high), max(low, high)
        if (low, high) != (self.low, self.high):
            self.low, self.high = low, high
            self.changed.emit()

    def part(self) -> None:
        """Choose what is brighter than Otsu's threshold."""
        if self.bounds is not None:
            self.set_range(self.bounds.middle, self.bounds.high)

    def set_inverted(self, inverted: bool) -> None:
        """Take what lies outside of the range, or within it."""
        if inverted != self.inverted:
            self.inverted = inverted
            self.changed.emit()

    def set_everywhere(self, everywhere: bool) -> None:
        """Take every slice, or the one shown."""
        if everywhere != self.everywhere:
            self.everywhere = everywhere
            self.changed.emit()

    def set_limiting(self, limiting: bool) -> None:
        """Let strokes touch only what lies in the range, or everything."""
        if limiting != self.limiting:
            self.limiting = limiting
            self.need()
            self._limit()
            self.changed.emit()

    def chosen(self, values: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which values are meant by the range, an array of their shape."""
        return in_range(values, self.low, self.high, inverted=self.inverted)

    # --------------------------------------------------------------- within

    def _limit(self) -> None:
        editor = self._session.editor
        if editor is not None:
            editor.limit = self._allowed if self.limiting else None

    def _allowed(self, box: Box) -> NDArray[np.bool_]:
        """Say which voxels of a box strokes may touch; none before the range is known."""
        volume = self._session.volume
        if volume is None or self.bounds is None:
            return np.zeros(box.shape, dtype=np.bool_)
        return self.chosen(known_values(volume, volume.array[box.slices]))

    @Slot()
    def _scan_changed(self) -> None:
        self.bounds = None
        if self.limiting:
            self.need()
        self._limit()

    @Slot()
    def _project_changed(self) -> None:
        # the window may be closing: no thread outlives it
        if self._session.project is None:
            self._tasks.wait()

    @Slot(object)
    def _known(self, bounds: Bounds) -> None:
        if bounds.token != self._session.token:
            return
        self.bounds = bounds
        if self.high <= self.low or self.high < bounds.low or self.low > bounds.high:
            self.low, self.high = bounds.middle, bounds.high
        self.changed.emit()

    @Slot(object)
    def _unknown(self, error: MeninxError) -> None:
        self._asked = -1
        self._session.notifier.error(error)
