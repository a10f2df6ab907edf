"""What can be asked of a mask without a pointer, what it is asked of, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from core.editing.suggesting import Suggestion
from core.editing.tools.morphology import Mask
from core.geometry import Geometry, PlaneView
from core.labels import Label, LabelSet
from core.project.records import Origin
from core.volume import Volume

Layer = NDArray[np.uint8]
At = tuple[int, int, int] | None


class Operation(StrEnum):
    """What is done; also the key of the step's name."""

    INTERPOLATE = "interpolate"
    SEEDS = "seeds"
    SMOOTH = "smooth"
    GROW = "grow"
    SHRINK = "shrink"
    HOLES = "fill_holes"
    LARGEST = "keep_largest"
    SMALL = "remove_small"
    SPLIT = "split_islands"
    ISLAND_KEEP = "island_keep"
    ISLAND_DELETE = "island_delete"
    UNITE = "unite"
    SUBTRACT = "subtract"
    INTERSECT = "intersect"
    COPY_NEXT = "copy_next"
    COPY_PREVIOUS = "copy_previous"
    PASTE = "paste"
    MOVE = "move"
    CLEAR_SCRIBBLES = "clear_scribbles"
    SUGGEST = "suggest"
    SUGGEST_REGION = "suggest_region"
    SUGGEST_REGIONS = "suggest_regions"


class Where(StrEnum):
    """How far it reaches: the slice shown, every slice of its plane by itself, or the scan in space."""

    SLICE = "slice"
    EACH = "each"
    SPACE = "space"


@dataclass(frozen=True, eq=False)
class Order:
    """What a person asks for.

    Parameters
    ----------
    operation, label
        What, and to which label.
    view, index
        Plane and slice shown.
    where
        How far.
    amount, unit
        Distance (``mm``, ``px``) or size (``mm3``, ``ml``, ``voxels``).
    by_values
        Interpolate by the values of the scan too.
    other
        The second label of a boolean; the label that stands for background when growing from seeds.
    at
        Voxel (z, y, x) of the island, or of the region that a run suggests.
    shift
        Pixels to move down and to the right on the screen.
    clip
        What is pasted, bool ``[row, column]`` in screen order.
    most
        Of the pieces of a label that is split: so many become labels of their own.
    suggestion, numbers
        What a run suggests, and which regions of it are taken.
    """

    operation: Operation
    label: Label
    view: PlaneView
    index: int
    where: Where = Where.SLICE
    amount: float = 0.0
    unit: str = "mm"
    by_values: bool = True
    other: Label | None = None
    at: At = None
    shift: tuple[int, int] = (0, 0)
    clip: Mask | None = None
    most: int = 8
    suggestion: Suggestion | None = None
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Base:
    """The annotation as it is.

    Parameters
    ----------
    labels
        Of the project.
    volume
        The scan.
    layers
        Masks by layer, uint8 ``[z, y, x]``; read only.
    finished, interpolated
        By layer: native slices that are finished, or came from interpolation and were not touched since.
    predicted
        Gives the run (id) that predicted this scan last with a label (its name), and that label's voxels
        as 0 and 1, uint8 ``[z, y, x]``; None where no run did.
    """

    labels: LabelSet
    volume: Volume
    layers: Mapping[str, Layer]
    finished: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    interpolated: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    predicted: Callable[[str], tuple[str, Layer] | None] | None = None

    @property
    def geometry(self) -> Geometry:
        """Grid of the scan."""
        return self.volume.geometry


@dataclass(frozen=True)
class Note:
    """Something to be told with the outcome: a key of ``operations`` in the catalogue, and what it names."""

    key: str
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What it becomes.

    Parameters
    ----------
    layers
        Layers that were worked on, uint8 ``[z, y, x]``, new arrays.
    origin, run
        Of the slices that differ; None where it counts as drawn by hand.
    labels
        The labels of the project, where new ones are needed.
    note
        What a person should know of it.
    """

    layers: dict[str, Layer]
    origin: Origin | None = None
    run: str | None = None
    labels: LabelSet | None = None
    note: Note | None = None


def written(layer: Layer, before: Mask, after: Mask, value: int, *, over: Mask | None = None) -> Layer:
    """Return a layer in which a label has another region.

    Other labels stay, but those that ``over`` gives up, and so does what was scribbled as background.
    """
    new = layer.copy()
    for place in range(len(layer)):
        # a slice at a time: what lies between the passes stays in the processor's caches
        lost, won = before[place] & ~after[place], after[place]
        np.copyto(new[place], np.uint8(0), where=lost)
        free = layer[place] == 0
        if over is not None:
            free |= over[place]
        np.copyto(new[place], np.uint8(value), where=won & free)
    return new


def on_screen(order: Order) -> At:
    """Return where the island is in the slice alone, ``[1, row, column]``."""
    if order.at is None:
        return None
    z, y, x = order.at
    row, column, _place = order.view.to_screen((x, y, z))
    return 0, round(row), round(column)


def inside(at: At, shape: tuple[int, ...]) -> bool:
    """Return whether a voxel is given and lies within an array."""
    return at is not None and all(0 <= place < size for place, size in zip(at, shape, strict=True))
