"""What the saved version lacks, and how it is handed over to the saver without holding the window."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from core.editing.changes import ChangeKind, Flip, Patch, Snapshot
from core.editing.counts import VoxelCounts
from core.editing.steps import NOWHERE, Layers, States, Step, voxels_of
from core.geometry import Box
from core.project.records import SliceState

FLIP_VOXELS = 4 << 20
"""From so many voxels on an undo is handed over as what it flips: copying them would hold the window."""


class Unsaved:
    """The boxes of each layer that changed since the last hand-over.

    Parameters
    ----------
    boxes
        By layer, None where only the slices' states changed (after a recovery).

    Attributes
    ----------
    lent
        Voxels by layer that nobody writes into any more, so that they need no copy.
    """

    def __init__(self, boxes: Mapping[str, Box | None]) -> None:
        self._boxes: dict[str, Box | None] = dict(boxes)
        self._flipped: Step | None = None
        self.lent: Layers = {}

    def add(self, step: Step, kind: ChangeKind) -> dict[str, Box]:
        """Note a step that was done, undone or redone; return its boxes by layer."""
        large = kind in {"undo", "redo"} and voxels_of(step) >= FLIP_VOXELS
        # only if nothing else waits: a flip is right for just the voxels before it
        self._flipped = step if large and not self._boxes else None
        boxes = {layer: step.box_of(layer) for layer in step.layers}
        for layer, box in boxes.items():
            old = self._boxes.get(layer)
            self._boxes[layer] = old if box == NOWHERE else box if old is None else old.union(box)
        return boxes

    def add_whole(self, layers: list[str], box: Box) -> None:
        """Note that these layers are to be handed over whole, and all that waits as well."""
        self._flipped = None
        self._boxes = dict.fromkeys((*self._boxes, *layers), box)

    def take(self, layers: Layers, states: States, counts: Mapping[str, VoxelCounts], sequence: int) -> Snapshot:
        """Copy what changed, and begin anew.

        Parameters
        ----------
        layers
            The living layers, uint8 ``[z, y, x]``.
        states
            By layer and slice.
        counts
            Of the layers.
        sequence
            Number of the last record.
        """
        patches: dict[str, Patch | Flip | None] = {}
        known: dict[str, tuple[SliceState, ...]] = {}
        voxels: dict[str, NDArray[np.int64]] = {}
        for layer, box in self._boxes.items():
            if box is None:
                patches[layer] = None
            elif self._flipped is not None:
                patches[layer] = Flip(tuple(part for part in self._flipped.parts if part.layer == layer))
            elif layer in self.lent:
                patches[layer] = Patch(box, self.lent[layer][box.slices])
            else:
                patches[layer] = Patch(box, layers[layer][box.slices].copy())
            of_layer = states.get(layer, {})
            known[layer] = tuple(of_layer[number] for number in sorted(of_layer))
            voxels[layer] = counts[layer].drawn()
        self._boxes, self._flipped = {}, None
        return Snapshot(patches, known, voxels, sequence)
