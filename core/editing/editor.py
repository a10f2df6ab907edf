"""Drawing into an annotation: live strokes, undo, redo, and what is known of each slice.

An :class:`Editor` owns one reader's layers on one scan. It belongs to one thread
(the window's); files are the business of the journal and the saver. Listeners
hear of every change with the box of voxels it touched, and nothing is ever
recomputed for the whole scan.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.editing.changes import Change, ChangeKind, Log, Patch, Snapshot
from core.editing.counts import KnownCounts, VoxelCounts
from core.editing.flipping import flip
from core.editing.history import History
from core.editing.open_stroke import OpenStroke
from core.editing.replacing import Replacement, prepare, respecting, states_after
from core.editing.slice_rules import drawn_on, finished_now
from core.editing.steps import (
    Layers,
    Part,
    StateChange,
    States,
    Step,
    apply_states,
    pack,
    pack_changes,
    spans_of,
)
from core.editing.stroke import footprint
from core.editing.unsaved import Unsaved
from core.errors import InputError
from core.geometry import Box, Geometry, PlaneView
from core.labels import Label, LabelSet
from core.project.records import Origin, SliceState

__all__ = ["Change", "Editor", "Patch", "Snapshot", "Step"]


class Editor:
    """The layers of one annotation and all that may be done to them.

    Parameters
    ----------
    geometry
        Grid of the scan.
    labels
        Labels of the project.
    layers
        Layer name to uint8 ``[z, y, x]``; owned by the editor from now on.
    states
        Layer name to the states of its slices.
    reader
        Who draws.
    journal
        Where steps are written down; None writes nothing.
    history
        Steps read back from the journal.
    sequence, saved
        Number of the last record, and of the last one in the saved version.
    unsaved
        Boxes by layer that the saved version lacks (after a recovery).

    Raises
    ------
    ValueError
        If a layer's shape is not the grid's.

    Attributes
    ----------
    limit
        Says which voxels of a box strokes may touch (painting within a range of values); None for all.
    """

    def __init__(
        self,
        geometry: Geometry,
        labels: LabelSet,
        layers: Mapping[str, NDArray[np.uint8]],
        states: Mapping[str, Sequence[SliceState]],
        *,
        reader: str,
        journal: Log | None = None,
        history: History | None = None,
        sequence: int = 0,
        saved: int = 0,
        unsaved: Mapping[str, Box | None] | None = None,
    ) -> None:
        self.geometry = geometry
        self.labels = labels
        self.reader = reader
        self._layers: Layers = {}
        for name, mask in layers.items():
            if mask.shape != geometry.shape:
                raise ValueError(f"layer {name} has the shape {mask.shape}, the grid {geometry.shape}")
            self._layers[name] = np.require(mask, np.uint8, ["C", "W", "O"])
        self._states: States = {name: {state.slice: state for state in rows} for name, rows in states.items()}
        self._journal = journal
        self._history = history if history is not None else History()
        self._sequence = sequence
        self._saved = saved
        self._unsaved = Unsaved(unsaved or {})
        self._counts = {name: VoxelCounts(mask) for name, mask in self._layers.items()}
        self._listeners: list[Callable[[Change], None]] = []
        self._stroke: OpenStroke | None = None
        self._known = KnownCounts()
        self._revision = 0
        self.limit: Callable[[Box], NDArray[np.bool_]] | None = None

    # -- what is there ---------------------------------------------------------------

    def mask(self, layer: str) -> NDArray[np.uint8]:
        """Return a layer's voxels, uint8 ``[z, y, x]``; zeros if it is not begun.

        The array is the living one: look, don't write.
        """
        if layer not in self._layers:
            self._layers[layer] = np.zeros(self.geometry.shape, dtype=np.uint8)
            self._counts[layer] = VoxelCounts(self._layers[layer], blank=True)
        return self._layers[layer]

    def label_voxels(self, label: Label) -> int:
        """Return how many voxels a label has, committed steps only."""
        counts = self._counts.get(label.layer)
        return counts.of(label.value) if counts is not None else 0

    def drawn(self, layer: str) -> NDArray[np.bool_]:
        """Return which native slices hold any label, bool ``[slices]``."""
        counts = self._counts.get(layer)
        if counts is None:
            return np.zeros(self.geometry.shape[0], dtype=np.bool_)
        return np.asarray(counts.labelled() > 0)

    def finished(self, layer: str) -> NDArray[np.bool_]:
        """Return which native slices are finished, bool ``[slices]``."""
        done = np.zeros(self.geometry.shape[0], dtype=np.bool_)
        for number, state in self._states.get(layer, {}).items():
            done[number] = state.finished
        return done

    def state(self, layer: str, number: int) -> SliceState | None:
        """Return what is known of a native slice, None if it was never touched."""
        return self._states.get(layer, {}).get(number)

    def set_labels(self, labels: LabelSet) -> None:
        """Take over the labels of the project after they were changed."""
        self.labels = labels

    def listen(self, callback: Callable[[Change], None]) -> None:
        """Call back on every change, in the thread of the editor."""
        self._listeners.append(callback)

    def unlisten(self, callback: Callable[[Change], None]) -> None:
        """Stop calling back; nothing happens if it was not called."""
        if callback in self._listeners:
            self._listeners.remove(callback)

    # -- strokes -----------------------------------------------------------------------

    @property
    def stroking(self) -> bool:
        """Whether a stroke is open."""
        return self._stroke is not None

    def begin(self, action: str, label: Label, *, erase: bool = False) -> None:
        """Open a stroke; one that is open still is committed first.

        Parameters
        ----------
        action
            Key of the step's name, such as ``"brush"``.
        label
            What is drawn or erased.
        erase
            Clear the label's own voxels instead; other labels stay.

        Raises
        ------
        InputError
            ``label-locked``. Other labels that are locked are not drawn over.
        """
        self.commit()
        locked = self.labels.locked_values(label.layer)
        if label.value in locked:
            raise InputError("label-locked", name=label.name)
        self._stroke = OpenStroke(self.mask(label.layer), action, label, erase=erase, locked=locked)

    def dab(
        self,
        view: PlaneView,
        index: int,
        start: tuple[float, float],
        end: tuple[float, float],
        radius: float,
        *,
        sphere: bool = False,
    ) -> None:
        """Draw from one point to another, see :func:`core.editing.stroke.footprint`.

        Raises
        ------
        RuntimeError
            If no stroke is open: a fault of the caller.
        """
        covered = footprint(view, index, start, end, radius, sphere=sphere)
        if covered is not None:
            self.paint(*covered)

    def paint(self, box: Box, hit: NDArray[np.bool_]) -> None:
        """Draw the voxels of ``hit`` (the shape of the box) into the open stroke, where :attr:`limit` lets it.

        Raises
        ------
        RuntimeError
            If no stroke is open: a fault of the caller.
        """
        if self._stroke is None:
            raise RuntimeError("drawing outside of begin() and commit()")
        if self.limit is not None:
            hit = hit & self.limit(box)
        if self._stroke.draw(box, hit):
            self._tell(self._stroke.label.layer, box, None, "live")

    def commit(self) -> Step | None:
        """Close the stroke and make it one step; None if it changed nothing or none is open."""
        stroke, self._stroke = self._stroke, None
        if stroke is None:
            return None
        changed = stroke.changed()
        if changed is None:
            return None
        box, xor = changed
        spent = time.monotonic() - stroke.begun
        layer = stroke.label.layer
        touched = [box.low[0] + int(number) for number in np.flatnonzero(xor.any(axis=(1, 2)))]
        changes = [
            drawn_on(layer, number, self.state(layer, number), self.reader, spent / len(touched)) for number in touched
        ]
        self._counts[layer].update(self._layers[layer][box.slices], box, xor)
        return self._done(stroke.action, stroke.label.value, (Part(layer, box, pack(xor)),), changes)

    def cancel(self) -> None:
        """Close the stroke and take its voxels back."""
        stroke, self._stroke = self._stroke, None
        if stroke is not None:
            box = stroke.restore()
            if box is not None:
                self._tell(stroke.label.layer, box, None, "live")

    # -- whole steps --------------------------------------------------------------------

    def replace(
        self,
        layer: str,
        new: NDArray[np.uint8],
        *,
        action: str,
        label: Label | None = None,
        origin: Origin,
        run: str | None = None,
    ) -> Step | None:
        """Replace a layer as one step, for example by a prediction; None if nothing differs.

        Only slices whose voxels differ are marked with the origin. Voxels that a
        machine made (a run is named, or the origin says so) take the "finished" of
        their slices away, since nobody has vouched for them yet; undo gives it back.
        Locked labels neither lose nor win a voxel.

        Parameters
        ----------
        layer
            Layer to replace.
        new
            uint8 ``[z, y, x]`` of the grid's shape.
        action
            Key of the step's name.
        label
            The label it is about, for the step's name.
        origin, run
            Where it comes from.

        Raises
        ------
        ValueError
            If the shape is not the grid's.
        """
        self.commit()
        old = self.mask(layer)
        kept = respecting(old, new, self.labels.locked_values(layer))
        ready = prepare(self._revision, {layer: old}, {layer: kept}, owned=False)
        return self.put(ready, action=action, label=label, origin=origin, run=run)

    def warm(self, part: Part) -> None:
        """Write a part's voxels back as they are: :meth:`put` then finds memory that is there already."""
        inside = self.mask(part.layer)[part.box.slices]
        inside ^= np.uint8(0)

    @property
    def revision(self) -> int:
        """Grows with every change of voxels or states, each move of a stroke included."""
        return self._revision

    def put(
        self,
        ready: Replacement,
        *,
        action: str,
        label: Label | None = None,
        origin: Origin | None,
        run: str | None = None,
        states: Sequence[StateChange] | None = None,
    ) -> Step | None:
        """Put in a replacement of one or several layers as one step, as :meth:`replace` does.

        The origin None leaves each slice its own, see :func:`core.editing.replacing.states_after`;
        with ``states`` just these change.

        Raises
        ------
        RuntimeError
            If something changed since it was prepared or a stroke is open: a fault of the caller,
            who also sees to locked labels (:func:`core.editing.replacing.respecting`).
        """
        if ready.revision != self._revision or self._stroke is not None:
            raise RuntimeError("put() of a replacement for another state; compare revision and stroking first")
        if not ready.layers and not states:
            return None
        for change in states or ():
            self.mask(change.layer)
        before: dict[str, VoxelCounts] = {}
        for new in ready.layers:
            mask = self.mask(new.layer)
            before[new.layer] = self._counts[new.layer]
            for part in new.parts:
                mask[part.box.slices] = new.voxels[part.box.slices]
            self._counts[new.layer] = new.counts
        self._known.remember(self._sequence + 1, before, {new.layer: new.counts for new in ready.layers})
        changes = states
        if changes is None:
            changes = states_after(ready, self.state, origin=origin, run=run, reader=self.reader)
        self._unsaved.lent = {new.layer: new.voxels for new in ready.layers} if ready.owned else {}
        try:
            value = label.value if label is not None else 0
            return self._done(action, value, ready.parts, changes, ready.slices)
        finally:
            self._unsaved.lent = {}

    def set_finished(self, layers: Sequence[str], slices: Sequence[int], finished: bool) -> Step | None:
        """Say of native slices that all of the layers is drawn there (or no longer); None if it was so already.

        Raises
        ------
        ValueError
            If the scan has no such slice.
        """
        self.commit()
        if not all(0 <= number < self.geometry.shape[0] for number in slices):
            raise ValueError(f"slices {list(slices)} of {self.geometry.shape[0]}")
        changes = [
            change
            for layer in layers
            for number in sorted(set(slices))
            if (change := finished_now(layer, number, self.state(layer, number), self.reader, finished)) is not None
        ]
        if not changes:
            return None
        for layer in layers:
            self.mask(layer)
        action = "finish" if finished else "unfinish"
        return self._done(action, 0, (), changes)

    @property
    def undo_available(self) -> bool:
        """Whether there is a step to take back."""
        return self._stroke is not None or self._history.position > 0

    @property
    def redo_available(self) -> bool:
        """Whether there is a step to do again."""
        return self._stroke is None and self._history.position < len(self._history)

    @property
    def position(self) -> int:
        """How many of :meth:`steps` are done; the others were taken back."""
        return self._history.position

    @property
    def forgotten(self) -> int:
        """How many of the oldest steps were dropped for room."""
        return self._history.forgotten

    def steps(self) -> list[Step]:
        """Return the history, newest last. Old steps may come without their payload."""
        return self._history.steps()

    def step_at(self, place: int) -> Step | None:
        """Return a step of :meth:`steps` whole; None if its payload is gone."""
        return self._history.whole(place)

    def undo(self) -> Step | None:
        """Take the last step back; an open stroke counts as the last step."""
        self.commit()
        return self._move(self._history.next_undo(), "undo")

    def redo(self) -> Step | None:
        """Do the step again that was taken back last."""
        self.commit()
        return self._move(self._history.next_redo(), "redo")

    # -- saving -------------------------------------------------------------------------

    @property
    def sequence(self) -> int:
        """Number of the last record: it grows with every step, undo and redo."""
        return self._sequence

    @property
    def dirty(self) -> bool:
        """Whether anything is not saved."""
        return self._sequence > self._saved

    @property
    def journaled(self) -> bool:
        """Whether steps are written down."""
        return self._journal is not None

    def snapshot(self, *, whole: bool = False) -> Snapshot:
        """Return what changed since the snapshot before (``whole``: every layer begun). For the saver alone.

        Raises
        ------
        RuntimeError
            If a stroke is open: half a stroke is never saved.
        """
        if self._stroke is not None:
            raise RuntimeError("snapshot() within a stroke")
        if whole:
            begun = [name for name, counts in self._counts.items() if counts.drawn().any() or self._states.get(name)]
            self._unsaved.add_whole(begun, Box((0, 0, 0), self.geometry.shape))
        return self._unsaved.take(self._layers, self._states, self._counts, self._sequence)

    def mark_saved(self, sequence: int) -> None:
        """Note that all up to this record is in a saved version. Any thread may call it."""
        self._saved = max(self._saved, sequence)

    # -- within --------------------------------------------------------------------------

    def _tell(self, layer: str, box: Box, step: Step | None, kind: ChangeKind) -> None:
        self._revision += 1
        change = Change(layer, box, step, kind)
        for callback in tuple(self._listeners):
            callback(change)

    def _done(
        self,
        action: str,
        value: int,
        parts: tuple[Part, ...],
        changes: Sequence[StateChange],
        slices: Sequence[int] = (),
    ) -> Step:
        """Make a step of a change whose voxels are in the layers, and counted, already."""
        layers = tuple(dict.fromkeys((*(part.layer for part in parts), *(change.layer for change in changes))))
        spans = spans_of((*slices, *(change.slice for change in changes)))
        step = Step(self._sequence + 1, action, layers, value, spans, parts, pack_changes(changes))
        apply_states(changes, self._states, forward=True)
        self._sequence = step.sequence
        self._history.push(step)
        if self._journal is not None:
            self._journal.record_step(step)
        self._changed(step, "commit" if parts else "state")
        return step

    def _move(self, step: Step | None, kind: Literal["undo", "redo"]) -> Step | None:
        if step is None:
            return None
        changes = step.state_changes
        known = self._known.at(step.sequence, forward=kind == "redo")
        flip(step.parts, self.mask, {} if known else self._counts)
        self._counts.update(known)
        apply_states(changes, self._states, forward=kind == "redo")
        self._history.moved(1 if kind == "redo" else -1)
        self._sequence += 1
        if self._journal is not None:
            self._journal.record_move(self._sequence, kind)
        self._changed(step, kind)
        return step

    def _changed(self, step: Step, kind: ChangeKind) -> None:
        """Remember what has to be saved, then tell the listeners."""
        boxes = self._unsaved.add(step, kind)
        for layer, box in boxes.items():
            self._tell(layer, box, step, kind)
