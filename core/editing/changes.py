"""What an editor tells the others: listeners, the saver, the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from core.editing.steps import Part, Step
from core.geometry import Box
from core.project.records import SliceState

ChangeKind = Literal["live", "commit", "undo", "redo", "state"]


@dataclass(frozen=True, slots=True)
class Change:
    """What listeners hear: the layer, the box of voxels to draw anew, and why.

    ``kind`` is ``live`` inside a stroke, ``commit``, ``undo`` or ``redo`` for a
    whole step, ``state`` where only the slices' states changed (the box is then
    :data:`~core.editing.steps.NOWHERE`). ``step`` is None for ``live``.
    """

    layer: str
    box: Box
    step: Step | None
    kind: ChangeKind


@dataclass(frozen=True, slots=True)
class Patch:
    """A copy of the voxels of a layer inside a box, uint8 ``[z, y, x]``."""

    box: Box
    voxels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Flip:
    """What a large undo or redo flips in a layer; to be applied once, to the layer as it was before."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What changed since the snapshot before: small copies that another thread may keep.

    Parameters
    ----------
    patches
        By layer; a layer whose states alone changed has the patch None.
    states
        All slice states of each of these layers, in slice order.
    voxels
        Drawn voxels of each slice of each of these layers, int64 ``[slices]``: a check.
    sequence
        Number of the last record it includes.
    """

    patches: Mapping[str, Patch | Flip | None]
    states: Mapping[str, tuple[SliceState, ...]]
    voxels: Mapping[str, NDArray[np.int64]]
    sequence: int


class Log(Protocol):
    """Where steps are written down at once (:class:`core.project.journal.Journal`)."""

    def record_step(self, step: Step) -> None:
        """Write down a step that was done."""

    def record_move(self, sequence: int, kind: Literal["undo", "redo"]) -> None:
        """Write down that a step was taken back or done again."""
