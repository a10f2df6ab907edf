"""Regions through the whole scan: worked out in a thread with progress, put in as one step."""

from __future__ import annotations

import functools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from core.editing.editor import Editor, Step
from core.editing.replacing import Replacement, prepare, respecting
from core.editing.slice_rules import drawn_on
from core.editing.steps import Part
from core.editing.tools.growing import OnSlice, Stopped
from core.errors import MeninxError
from core.labels import Label, LabelSet
from gui.background import Task, Tasks
from gui.session import Session

TURN = 0.008
"""Seconds of the window's thread that are taken at a time."""
Region = NDArray[np.bool_]
Work = Callable[[OnSlice], Region]
"""Finds the voxels, bool ``[z, y, x]``, in a thread."""


@dataclass(frozen=True, eq=False)
class Order:
    """What is to be drawn; ``region`` is None until it was worked out."""

    action: str
    label: Label
    erase: bool
    token: int
    work: Work
    region: Region | None = None


@dataclass(frozen=True, eq=False)
class Ready:
    """What can be put in, and the labels it was made for; ``replacement`` is None if the work was stopped."""

    order: Order
    labels: LabelSet
    replacement: Replacement | None


class SpaceJob(QObject):
    """One region through the scan at a time; a second one ends the first."""

    progressed = Signal(int)
    """Per cent."""
    ended = Signal(object)
    """The :class:`core.editing.editor.Step` it became, or None."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._tasks = Tasks(self)
        self._number = 0
        self._running = False
        self._share = 0.0
        self._task: Task | None = None
        self._waiting: tuple[int, Ready] | None = None
        self._cold: deque[Part] = deque()
        self._ticks = QTimer(self)
        self._ticks.setInterval(100)
        self._ticks.timeout.connect(self._tell)
        self._turns = QTimer(self)
        self._turns.setInterval(0)
        self._turns.timeout.connect(self._turn)
        session.scan_loading.connect(self._left)
        session.project_changed.connect(self._project_changed)
        session.scan_changed.connect(self.cancel)

    @property
    def running(self) -> bool:
        """Whether something is worked out."""
        return self._running

    def start(self, action: str, label: Label, work: Work, *, erase: bool = False) -> None:
        """Work a region out and draw it."""
        self.cancel()
        self._running, self._share = True, 0.0
        self._number += 1
        self._ticks.start()
        self.progressed.emit(0)
        self._begin(Order(action, label, erase, self._session.token, work))

    @Slot()
    def cancel(self) -> None:
        """Stop; nothing is drawn."""
        self._number += 1
        if self._running:
            self._end(None)

    @Slot()
    def _project_changed(self) -> None:
        # the window may be closing: no thread outlives it
        if self._session.project is None:
            self.cancel()
            self._tasks.wait()

    @Slot(str)
    def _left(self, _scan: str) -> None:
        self.cancel()

    def _begin(self, order: Order) -> None:
        session, editor = self._session, self._session.editor
        if editor is None or not session.can_edit or order.token != session.token:
            self._end(None)
            return
        number = self._number

        def on_slice(done: int, total: int) -> bool:
            if number != self._number:
                return False
            self._share = done / max(total, 1)
            return True

        mask = editor.mask(order.label.layer)
        make = functools.partial(make_ready, order, editor.revision, mask, session.labels, on_slice)
        self._task = self._tasks.start(functools.partial(_numbered, number, make), self._there, self._failed)

    @Slot(object)
    def _there(self, found: tuple[int, Ready]) -> None:
        number, ready = found
        if number != self._number or not self._running:
            return
        if ready.replacement is None:
            self._end(None)
            return
        self._waiting, self._cold = found, deque(ready.replacement.parts)
        self._turns.start()

    @Slot()
    def _turn(self) -> None:
        """Do a little of what waits: the memory is touched before it is written to."""
        session, editor = self._session, self._session.editor
        if self._waiting is None or editor is None or not session.can_edit:
            self.cancel()
            return
        ready = self._waiting[1]
        if ready.replacement is None or ready.order.token != session.token:
            self.cancel()
        elif editor.stroking:
            # a stroke is being drawn: it is done first
            return
        elif editor.revision != ready.replacement.revision or session.labels != ready.labels:
            self._turns.stop()
            self._waiting = None
            self._begin(ready.order)
        elif self._cold:
            end = time.perf_counter() + TURN
            while self._cold and time.perf_counter() < end:
                editor.warm(self._cold.popleft())
        else:
            self._end(self._put(ready, editor))

    def _put(self, ready: Ready, editor: Editor) -> Step | None:
        replacement, order = ready.replacement, ready.order
        assert replacement is not None
        states = [
            drawn_on(new.layer, number, editor.state(new.layer, number), editor.reader, 0.0)
            for new in replacement.layers
            for number in new.slices
        ]
        return editor.put(replacement, action=order.action, label=order.label, origin=None, states=states)

    def _end(self, step: Step | None) -> None:
        self._running = False
        self._waiting = None
        self._cold.clear()
        self._turns.stop()
        self._ticks.stop()
        self.ended.emit(step)

    @Slot(object)
    def _failed(self, error: MeninxError) -> None:
        if self._running:
            self._end(None)
        self._session.notifier.error(error)

    @Slot()
    def _tell(self) -> None:
        self.progressed.emit(round(100 * self._share))


def _numbered(number: int, make: Callable[[], Ready]) -> tuple[int, Ready]:
    return number, make()


def make_ready(order: Order, revision: int, mask: NDArray[np.uint8], labels: LabelSet, on_slice: OnSlice) -> Ready:
    """Find the region unless it was found, and work out what changes. Any thread.

    Parameters
    ----------
    order
        What is to be drawn.
    revision, mask
        Of the editor: the layer's living voxels, uint8 ``[z, y, x]``.
    labels
        Labels of the project.
    on_slice
        Progress; returning False stops.
    """
    region = order.region
    if region is None:
        try:
            region = order.work(on_slice)
        except Stopped:
            return Ready(order, labels, None)
    new = mask.copy()
    if order.erase:
        np.copyto(new, np.uint8(0), where=region & (mask == order.label.value))
    else:
        np.copyto(new, np.uint8(order.label.value), where=region)
    layer = order.label.layer
    new = respecting(mask, new, labels.locked_values(layer))
    found = Order(order.action, order.label, order.erase, order.token, order.work, region)
    return Ready(found, labels, prepare(revision, {layer: mask}, {layer: new}))
