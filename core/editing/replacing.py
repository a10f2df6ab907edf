"""Replacing whole layers: all that takes long is made ready in any thread, and put in at once.

Comparing, packing and counting a layer of 512 x 512 x 300 takes a good while. The
window's thread says which state of the editor it is for (:attr:`Editor.revision`),
another thread works it out, and the editor takes it only if nothing changed
meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.editing.counts import VoxelCounts
from core.editing.steps import Part, StateChange, pack
from core.geometry import Box, bounding_box
from core.project.records import Origin, SliceState

MACHINE_MADE = frozenset({Origin.PREDICTED, Origin.INTERPOLATED})
"""Origins nobody has looked at yet: putting them in takes the "finished" of a slice away."""

_SLAB = 16
"""Slices in one part of a large change: its working memory stays in the processor's caches."""


@dataclass(frozen=True, eq=False)
class NewLayer:
    """How one layer changes.

    Parameters
    ----------
    layer
        Its name.
    voxels
        The whole layer afterwards, uint8 ``[z, y, x]``.
    parts
        What differs.
    slices
        Native slices that differ, ascending.
    counts
        Of the layer afterwards.
    """

    layer: str
    voxels: NDArray[np.uint8]
    parts: tuple[Part, ...]
    slices: tuple[int, ...]
    counts: VoxelCounts


@dataclass(frozen=True, eq=False)
class Replacement:
    """A replacement that is ready to be put in.

    Parameters
    ----------
    revision
        Of the editor that it was made for.
    layers
        Those that differ, in the order given.
    owned
        Whether nobody writes into the new voxels any more, so that the saver may
        look at them without a copy.
    """

    revision: int
    layers: tuple[NewLayer, ...]
    owned: bool = True

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts of all layers."""
        return tuple(part for layer in self.layers for part in layer.parts)

    @property
    def slices(self) -> tuple[int, ...]:
        """Native slices that differ in any layer, ascending."""
        return tuple(sorted({number for layer in self.layers for number in layer.slices}))


def respecting(old: NDArray[np.uint8], new: NDArray[np.uint8], locked: Sequence[int]) -> NDArray[np.uint8]:
    """Return what a layer may become: voxels that have a locked label, or would get one, stay as they are.

    Parameters
    ----------
    old, new
        The layer now and as it shall be, uint8 ``[z, y, x]`` of one shape.
    locked
        Values that are locked (:meth:`core.labels.LabelSet.locked_values`).

    Returns
    -------
    ndarray
        ``new`` itself where nothing is locked, else a new array.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if new.shape != old.shape:
        raise ValueError(f"a layer here is uint8 {old.shape}, not {new.dtype} {new.shape}")
    if not locked:
        return new
    table = np.zeros(256, dtype=np.bool_)
    table[list(locked)] = True
    allowed = new.copy()
    for place in range(len(old)):
        # a slice at a time: the lookups are as large as what they look up
        np.copyto(allowed[place], old[place], where=table[old[place]] | table[new[place]])
    return allowed


def held_back(wanted: NDArray[np.uint8], allowed: NDArray[np.uint8]) -> dict[int, int]:
    """Return how many voxels of a layer locked labels kept from what was wanted, by native slice."""
    if allowed is wanted:
        return {}
    counts = np.count_nonzero(wanted != allowed, axis=(1, 2))
    return {int(number): int(counts[number]) for number in np.flatnonzero(counts)}


def prepare(
    revision: int,
    old: Mapping[str, NDArray[np.uint8]],
    new: Mapping[str, NDArray[np.uint8]],
    *,
    owned: bool = True,
) -> Replacement:
    """Work out a replacement; any thread may do so while the editor goes on.

    Parameters
    ----------
    revision
        :attr:`core.editing.editor.Editor.revision` when ``old`` was asked for.
    old
        Layer name to the editor's living voxels, uint8 ``[z, y, x]``. If they change
        while this runs, the result is of no use, and the revision says so.
    new
        Layer name to what they shall be, same shape.
    owned
        See :class:`Replacement`.

    Raises
    ------
    ValueError
        If a new layer is not uint8 of the old one's shape.
    """
    layers = []
    for name, voxels in new.items():
        before = old[name]
        if voxels.shape != before.shape or voxels.dtype != np.uint8:
            raise ValueError(f"a layer here is uint8 {before.shape}, not {voxels.dtype} {voxels.shape}")
        parts: list[Part] = []
        slices: list[int] = []
        for start in range(0, len(voxels), _SLAB):
            _compare(name, start, before[start : start + _SLAB], voxels[start : start + _SLAB], parts, slices)
        if parts:
            layers.append(NewLayer(name, voxels, tuple(parts), tuple(slices), VoxelCounts(voxels)))
    return Replacement(revision, tuple(layers), owned)


def _compare(
    layer: str,
    start: int,
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    parts: list[Part],
    slices: list[int],
) -> None:
    """Add what differs in a run of slices, the first of which is ``start``."""
    # read once: another thread may be drawing into it
    xor = before ^ after
    tight = bounding_box(xor)
    if tight is None:
        return
    (z0, y0, x0), (z1, y1, x1) = tight.low, tight.high
    box = Box((start + z0, y0, x0), (start + z1, y1, x1))
    parts.append(Part(layer, box, pack(np.ascontiguousarray(xor[tight.slices]))))
    slices.extend(start + int(number) for number in np.flatnonzero(xor.any(axis=(1, 2))))


def states_after(
    replacement: Replacement,
    state: Callable[[str, int], SliceState | None],
    *,
    origin: Origin | None,
    run: str | None,
    reader: str,
) -> list[StateChange]:
    """Say what becomes of the slices that a replacement touches.

    Parameters
    ----------
    replacement
        What is put in.
    state
        Gives the state of a layer's slice now, None if it was never touched.
    origin, run
        Where the voxels come from. The origin None (an old version that is brought back) leaves
        each slice its origin; "finished" is taken away, since it was said of something else.
    reader
        Who puts them in.
    """
    machine_made = origin is None or origin in MACHINE_MADE or run is not None
    changes = []
    for new in replacement.layers:
        for number in new.slices:
            before = state(new.layer, number)
            finished = before is not None and before.finished and not machine_made
            seconds = before.seconds if before is not None else 0.0
            if origin is None:
                source, by = (Origin.DRAWN, None) if before is None else (before.origin, before.run)
            else:
                source, by = origin, run
            after = SliceState(number, source, by, finished, reader, seconds)
            changes.append(StateChange(new.layer, number, before, after))
    return changes
