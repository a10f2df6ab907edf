"""Correct: a prediction becomes the annotation, as one step that can be undone.

Reading, comparing and packing happen in a thread against the masks as they are;
the window's thread only puts the result in, in turns that nobody feels. If
something was drawn meanwhile it is made ready again.
"""

from __future__ import annotations

import functools
import time
from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Slot

from core.editing.editor import Editor
from core.editing.replacing import Replacement, held_back, prepare, respecting
from core.editing.steps import Part
from core.editing.tools.islands import parts_of
from core.errors import MeninxError
from core.geometry import Geometry
from core.io.regrid import keep_outside
from core.labels import SCRIBBLED_BACKGROUND, Label, LabelSet
from core.messages import text
from core.project.predictions import read_prediction
from core.project.project import Project
from core.project.records import Origin
from gui.background import Tasks

if TYPE_CHECKING:
    from gui.session import Session

TURN = 0.008
"""Seconds of the window's thread that are taken at a time."""

Masks = dict[str, NDArray[np.uint8]]


@dataclass(frozen=True)
class Only:
    """Which part of a prediction is taken over; the reader stays where they are.

    Parameters
    ----------
    slices
        Native slices; empty for all.
    label, voxel
        Only the region of this label (name) that holds this voxel (z, y, x), added to what is drawn.
    """

    slices: tuple[int, ...] = ()
    label: str = ""
    voxel: tuple[int, int, int] | None = None


@dataclass(frozen=True, eq=False)
class Reach:
    """What of a scan the masks of a file say something of: native slices, and of those what lies in its grid.

    ``grid`` is None where it reaches all of these slices.
    """

    slices: tuple[int, ...]
    grid: Geometry | None = None


@dataclass(frozen=True, eq=False)
class Order:
    """Which prediction to take over.

    Parameters
    ----------
    project, run, scan
        The prediction; ids.
    token
        Number of the opening of the scan.
    keep_finished
        Leave finished slices alone.
    predicted
        Its masks by label name, uint8 ``[z, y, x]``; None: still to be read.
    action, origin
        Of the step it becomes.
    finish
        Native slices that count as finished afterwards.
    only
        A part of it; None for all.
    covered
        What the masks say something of; None for all.
    """

    project: Project
    run: str
    scan: str
    token: int
    keep_finished: bool
    predicted: Masks | None = None
    action: str = "correct"
    origin: Origin = Origin.PREDICTED
    finish: tuple[int, ...] = ()
    only: Only | None = None
    covered: Reach | None = None

    @property
    def slices(self) -> tuple[int, ...] | None:
        """Native slices that may change; None for all."""
        if self.only is not None and self.only.slices:
            return self.only.slices
        return None if self.covered is None else self.covered.slices


@dataclass(frozen=True, eq=False)
class Base:
    """The annotation that it goes into, as it is when the work begins.

    Parameters
    ----------
    labels
        Labels of the project.
    revision
        Of the editor.
    layers
        Its living masks by layer, uint8 ``[z, y, x]``.
    finished
        By layer, which native slices are finished, bool ``[slices]``.
    """

    labels: LabelSet
    revision: int
    layers: Masks
    finished: dict[str, NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class Ready:
    """What was worked out; ``label`` is the one label it is about, None for several.

    ``unknown`` are the labels of the prediction where the project has none of them: nothing can be taken over then.
    ``held`` are the voxels that locked labels kept, by native slice.
    """

    order: Order
    base: Base
    replacement: Replacement
    label: Label | None
    unknown: tuple[str, ...] = ()
    held: Mapping[int, int] = field(default_factory=dict)


def make_ready(order: Order, base: Base) -> Ready:
    """Read the prediction unless it was, and work out what changes. Any thread.

    Raises
    ------
    LearningError
        ``prediction-missing``, ``prediction-damaged``.
    """
    predicted = order.predicted
    if predicted is None:
        predicted = dict(read_prediction(order.project, order.run, order.scan))
    only = order.only or Only()
    wanted = predicted
    if only.voxel is not None:
        wanted = {only.label: region_at(predicted[only.label], only.voxel)}
    by_layer: dict[str, list[tuple[Label, NDArray[np.uint8]]]] = {}
    for name, mask in wanted.items():
        label = base.labels.find(name)
        if label is not None:
            by_layer.setdefault(label.layer, []).append((label, mask))
    new: Masks = {}
    held: Counter[int] = Counter()
    stayed: set[int] = set()
    for layer, found in by_layer.items():
        taken = _taken_over(base.layers[layer], found, add=only.voxel is not None)
        if order.slices is not None:
            others = np.ones(len(taken), dtype=bool)
            others[list(order.slices)] = False
            taken[others] = base.layers[layer][others]
        if order.covered is not None and order.covered.grid is not None:
            ours, old = order.project.geometry(order.scan), base.layers[layer]
            stayed.update(keep_outside(taken, old, order.covered.grid, ours, order.covered.slices))
        new[layer] = respecting(base.layers[layer], taken, base.labels.locked_values(layer))
        held.update(held_back(taken, new[layer]))
        if order.keep_finished:
            kept = base.finished[layer]
            new[layer][kept] = base.layers[layer][kept]
    labels = [label for found in by_layer.values() for label, _ in found]
    replacement = prepare(base.revision, base.layers, new)
    unknown = () if by_layer else tuple(wanted)
    # nobody can vouch for a slice that is not what the file says
    finish = tuple(index for index in order.finish if index not in stayed)
    order = replace(order, predicted=predicted, finish=finish)
    return Ready(order, base, replacement, labels[0] if len(labels) == 1 else None, unknown, held)


def draws_nothing(order: Order) -> bool:
    """Whether slices are asked for on which the run draws nothing at all."""
    if order.only is None or not order.only.slices or order.predicted is None:
        return False
    return not any(mask[list(order.only.slices)].any() for mask in order.predicted.values())


def region_at(mask: NDArray[np.uint8], voxel: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return the connected part of a mask ``[z, y, x]`` (through faces) that holds a voxel, or nothing."""
    if not mask[voxel]:
        return np.zeros_like(mask)
    parts = parts_of(mask > 0)
    low = parts.box.low
    number = int(parts.numbers[voxel[0] - low[0], voxel[1] - low[1], voxel[2] - low[2]])
    wanted = np.zeros(len(parts.sizes) + 1, dtype=bool)
    wanted[number] = True
    return parts.where(wanted, mask.shape).astype(np.uint8)


def _taken_over(
    mask: NDArray[np.uint8], found: list[tuple[Label, NDArray[np.uint8]]], *, add: bool = False
) -> NDArray[np.uint8]:
    """Return the layer with these labels as predicted (or only more of them); labels the run does not know stay."""
    new = mask.copy()
    for label, _ in found:
        if not add:
            np.copyto(new, np.uint8(0), where=new == label.value)
    for label, predicted in found:
        # what somebody scribbled as background stays background
        np.copyto(new, np.uint8(label.value), where=(predicted != 0) & (new != SCRIBBLED_BACKGROUND))
    return new


class Corrector(QObject):
    """Takes predictions into the annotation of the scan shown."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._tasks = Tasks(self)
        self._waiting: deque[tuple[Ready, deque[Part]]] = deque()
        self._turns = QTimer(self)
        self._turns.setInterval(0)
        self._turns.timeout.connect(self._turn)

    def take(self, run: str, *, keep_finished: bool = False, only: Only | None = None) -> None:
        """Take the prediction of a run (id) for the scan shown, all labels as one step.

        Parameters
        ----------
        keep_finished
            Leave slices alone that the reader has marked as finished.
        only
            A part of it.
        """
        session = self._session
        if session.project is None or session.scan is None or session.editor is None or not session.can_edit:
            return
        order = Order(session.project, run, session.scan.id, session.token, keep_finished, only=only)
        self._start(order, session.editor)

    def put_masks(self, masks: Masks, finish: Sequence[int], covered: Reach | None = None) -> None:
        """Put masks of a file into the annotation of the scan shown, all labels as one step.

        Parameters
        ----------
        masks
            By label name (labels of the project), uint8 ``[z, y, x]``, not zero is drawn.
        finish
            Native slices that count as finished afterwards.
        covered
            What the file says something of; all else stays as it is. None for all.
        """
        session = self._session
        if session.project is None or session.scan is None or session.editor is None or not session.can_edit:
            return
        order = Order(session.project, "", session.scan.id, session.token, False, masks, "import", Origin.IMPORTED)
        self._start(replace(order, finish=tuple(finish), covered=covered), session.editor)

    def close(self) -> None:
        """Wait for what is being made ready; none of it is put in any more."""
        self._tasks.wait()
        self._waiting.clear()
        self._turns.stop()

    def _start(self, order: Order, editor: Editor) -> None:
        labels = self._session.labels
        base = Base(
            labels,
            editor.revision,
            {layer: editor.mask(layer) for layer in labels.layers},
            {layer: editor.finished(layer) for layer in labels.layers},
        )
        self._tasks.start(functools.partial(make_ready, order, base), self._there, self._session.notifier.error)

    @Slot(object)
    def _there(self, ready: Ready) -> None:
        if ready.unknown and self._add_labels(ready) and self._session.editor is not None:
            self._start(ready.order, self._session.editor)
            return
        self._waiting.append((ready, deque(ready.replacement.parts)))
        self._turns.start()

    def _add_labels(self, ready: Ready) -> bool:
        """Give the project the labels of a prediction that it has none of; return whether it has them now."""
        session = self._session
        if ready.order.token != session.token or not session.can_edit:
            return False
        labels = session.labels
        for name in ready.unknown:
            labels = labels if labels.find(name) is not None else labels.with_label(name)
        try:
            session.change_labels(labels)
        except MeninxError as error:
            session.notifier.error(error)
            return False
        return True

    @Slot()
    def _turn(self) -> None:
        """Do a little of what waits."""
        ready, cold = self._waiting[0]
        editor = self._session.editor
        if editor is None or not self._session.can_edit or ready.order.token != self._session.token:
            self._next()
        elif self._is_stale(ready, editor):
            self._next()
            self._start(ready.order, editor)
        elif cold:
            end = time.perf_counter() + TURN
            while cold and time.perf_counter() < end:
                editor.warm(cold.popleft())
        else:
            self._next()
            self._put(ready, editor)

    def _next(self) -> None:
        self._waiting.popleft()
        if not self._waiting:
            self._turns.stop()

    def _is_stale(self, ready: Ready, editor: Editor) -> bool:
        """Whether it was made for masks or labels that are no longer there."""
        changed = editor.revision != ready.base.revision or self._session.labels != ready.base.labels
        return editor.stroking or changed

    def _put(self, ready: Ready, editor: Editor) -> None:
        order = ready.order
        step = editor.put(
            ready.replacement, action=order.action, label=ready.label, origin=order.origin, run=order.run or None
        )
        layers = {label.layer for label in ready.base.labels if label.name in (order.predicted or {})}
        # nobody can vouch for a slice that is not what the file says, because a locked label kept its place
        whole = [number for number in order.finish if number not in ready.held]
        if whole:
            step = editor.set_finished(sorted(layers), whole, True) or step
        self._tell(ready, layers, step is not None)
        if order.only is None:
            self._session.workspace_requested.emit("annotate")

    def _tell(self, ready: Ready, layers: Collection[str], changed: bool) -> None:
        """Say what became of it."""
        order = ready.order
        kind = "mask" if order.action == "import" else "prediction"
        part = "_part" if order.only is not None else ""
        outcome = "taken" if changed else "none" if draws_nothing(order) else "same"
        if outcome == "same" and kind == "prediction" and not part and order.keep_finished:
            outcome = "same_kept"
        key = f"session.{kind}_{outcome}{part}"
        # what locked labels kept is neither there nor the same
        told = [text(key)] if changed or not ready.held or kind != "mask" else []
        if ready.held and kind == "mask":
            slices = ", ".join(str(number + 1) for number in sorted(ready.held))
            told.append(text("session.mask_locked", voxels=sum(ready.held.values()), slices=slices))
        kept = [label.name for label in ready.base.labels if label.locked and label.layer in layers]
        if kept:
            told.append(text("session.locked_stayed", names=", ".join(kept)))
        self._session.notifier.tell(" ".join(told), "good" if changed else "info")
