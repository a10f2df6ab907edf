"""Operations on a mask that no pointer draws: interpolate, grow from seeds, smooth, islands, booleans, copies.

Each takes an order and the layers as they are and returns the layers as they shall
be; any thread may do so. What is added takes background only: other labels of the
layer stay, and locked ones neither lose nor win a voxel. Only where one label is
united with another of its own layer it takes that one's voxels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from core.editing.replacing import respecting
from core.editing.tools.growing import OnSlice, Stopped
from core.editing.tools.interpolation import drawn_pairs, fill_between
from core.editing.tools.morphology import (
    Boolean,
    Mask,
    Spacing,
    combine,
    island_at,
    keep_largest,
    margin,
    smooth,
    without_small,
)
from core.editing.tools.placing import known_values, values_on
from core.editing.tools.seeds import grow_in_slice, grow_in_space
from core.editing.tools.shapes import holes
from core.errors import InputError
from core.geometry import Geometry, PlaneView, bounding_box
from core.labels import SCRIBBLED_BACKGROUND, Label, LabelSet
from core.project.records import Origin
from core.volume import Volume

Layer = NDArray[np.uint8]


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
    ISLAND_KEEP = "island_keep"
    ISLAND_DELETE = "island_delete"
    UNITE = "unite"
    SUBTRACT = "subtract"
    INTERSECT = "intersect"
    COPY_NEXT = "copy_next"
    COPY_PREVIOUS = "copy_previous"
    PASTE = "paste"
    MOVE = "move"
    SUGGEST = "suggest"
    SUGGEST_REGION = "suggest_region"


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
        Distance (``mm``, ``px``) or size (``ml``, ``voxels``).
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
    at: tuple[int, int, int] | None = None
    shift: tuple[int, int] = (0, 0)
    clip: Mask | None = None


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


@dataclass(frozen=True, eq=False)
class Outcome:
    """What it becomes.

    Parameters
    ----------
    layers
        Layers that were worked on, uint8 ``[z, y, x]``, new arrays.
    origin, run
        Of the slices that differ; None where it counts as drawn by hand.
    """

    layers: dict[str, Layer]
    origin: Origin | None = None
    run: str | None = None


def quiet(_done: int, _total: int) -> bool:
    """Hear of progress, and go on."""
    return True


def carry_out(order: Order, base: Base, on: OnSlice = quiet) -> Outcome:
    """Work out an operation.

    Parameters
    ----------
    order, base
        What and on what.
    on
        Told (done, total); False stops.

    Raises
    ------
    InputError
        ``label-locked``; ``operation-empty``, ``operation-empty-slice``: nothing of the label there;
        ``operation-mm``, ``operation-ml``, ``operation-depth``: lengths are not known;
        ``operation-other``, ``operation-one-layer``, ``operation-no-island``, ``operation-edge``,
        ``operation-outside``, ``paste-empty``, ``paste-size``, ``interpolate-nothing``, ``seeds-none``,
        ``seeds-one-kind``, ``suggest-none``, ``suggest-nothing``.
    Stopped
        If ``on`` said so.
    """
    label = order.label
    if label.value in base.labels.locked_values(label.layer):
        raise InputError("label-locked", name=label.name)
    if not 0 <= order.index < order.view.slices:
        raise InputError("operation-edge")
    origin: Origin | None = None
    run: str | None = None
    if order.operation is Operation.INTERPOLATE:
        new, origin = _interpolated(order, base, on), Origin.INTERPOLATED
    elif order.operation is Operation.SEEDS:
        new = _grown(order, base)
        # nobody has looked at every slice of it yet
        origin = Origin.INTERPOLATED if order.where is Where.SPACE and len(new) > 1 else None
    elif order.operation in _BOOLEANS:
        new = _combined(order, base)
    elif order.operation in (Operation.SUGGEST, Operation.SUGGEST_REGION):
        new, run = _suggested(order, base)
        origin = Origin.PREDICTED if order.operation is Operation.SUGGEST else Origin.CORRECTED
    elif order.operation in (Operation.COPY_NEXT, Operation.COPY_PREVIOUS, Operation.PASTE):
        new = _copied(order, base)
    else:
        new = _changed(order, base, on)
    old = base.layers[label.layer]
    return Outcome({label.layer: respecting(old, new, base.labels.locked_values(label.layer))}, origin, run)


def clip_of(order: Order, base: Base) -> Mask:
    """Return the label on the slice shown, bool ``[row, column]`` in screen order, to be pasted elsewhere.

    Raises
    ------
    InputError
        ``operation-empty-slice``.
    """
    flat = np.ascontiguousarray(order.view.extract(base.layers[order.label.layer], order.index) == order.label.value)
    if not flat.any():
        raise InputError("operation-empty-slice", name=order.label.name)
    return flat


# ------------------------------------------------------------------ one region into another


def _changed(order: Order, base: Base, on: OnSlice) -> Layer:
    """Change the label's region by itself, as far as was asked for."""
    layer = base.layers[order.label.layer]
    change = _change(order, base.geometry)
    before = layer == order.label.value
    if order.where is Where.SPACE:
        if not before.any():
            raise InputError("operation-empty", name=order.label.name)
        return written(layer, before, change(before, order.at), order.label.value)
    view = order.view
    places = [order.index] if order.where is Where.SLICE else list(range(view.slices))
    after, found = before.copy(), False
    for done, place in enumerate(places):
        if not on(done, len(places)):
            raise Stopped
        flat = view.extract(before, place)
        if flat.any():
            found = True
            view.extract(after, place)[...] = change(flat[np.newaxis], _on_screen(order))[0]
    if not found:
        code = "operation-empty-slice" if order.where is Where.SLICE else "operation-empty"
        raise InputError(code, name=order.label.name)
    return written(layer, before, after, order.label.value)


def written(layer: Layer, before: Mask, after: Mask, value: int, *, over: Mask | None = None) -> Layer:
    """Return a layer in which a label has another region; other labels stay, but those that ``over`` gives up."""
    new = layer.copy()
    np.copyto(new, np.uint8(0), where=before & ~after)
    free = layer == 0 if over is None else (layer == 0) | over
    np.copyto(new, np.uint8(value), where=after & free)
    return new


def _on_screen(order: Order) -> tuple[int, int, int] | None:
    """Return where the island is in the slice alone, ``[1, row, column]``."""
    if order.at is None:
        return None
    z, y, x = order.at
    row, column, _place = order.view.to_screen((x, y, z))
    return 0, round(row), round(column)


_At = tuple[int, int, int] | None


def _change(order: Order, geometry: Geometry) -> Callable[[Mask, _At], Mask]:
    """Return what turns a region ``[z, y, x]`` (or ``[1, row, column]``) into another."""
    operation = order.operation
    if operation in (Operation.SMOOTH, Operation.GROW, Operation.SHRINK):
        spacing = _spacing(order, geometry)
        if operation is Operation.SMOOTH:
            return lambda mask, _at: smooth(mask, order.amount, spacing)
        distance = order.amount if operation is Operation.GROW else -order.amount
        return lambda mask, _at: margin(mask, distance, spacing)
    if operation is Operation.HOLES:
        return lambda mask, _at: mask | (holes(mask[0])[np.newaxis] if len(mask) == 1 else holes(mask))
    if operation is Operation.LARGEST:
        return lambda mask, _at: keep_largest(mask)
    if operation is Operation.SMALL:
        least = _least(order, geometry)
        return lambda mask, _at: without_small(mask, least)
    if operation is Operation.MOVE:
        return lambda mask, _at: _moved(mask, order)
    return lambda mask, at: _island(mask, at, order)


def _spacing(order: Order, geometry: Geometry) -> Spacing:
    """Return the voxel size in the unit asked for, of the region as it is worked on."""
    view = order.view
    if order.unit != "mm":
        return 1.0, 1.0, 1.0
    if not geometry.spacing_known:
        raise InputError("operation-mm")
    through = order.where is Where.SPACE or view.slice_axis != 0
    if through and geometry.shape[0] > 1 and not geometry.depth_known:
        raise InputError("operation-depth")
    return geometry.spacing if order.where is Where.SPACE else (1.0, view.row_size, view.column_size)


def _least(order: Order, geometry: Geometry) -> int:
    if order.unit != "ml":
        return max(1, round(order.amount))
    if not geometry.measurable:
        raise InputError("operation-ml")
    # rounding must not make a part of just that size too small
    return max(1, math.ceil(order.amount / geometry.voxel_ml - 1e-6))


def _island(mask: Mask, at: _At, order: Order) -> Mask:
    island = island_at(mask, at) if at is not None and _inside(at, mask.shape) else np.zeros_like(mask)
    if not island.any():
        raise InputError("operation-no-island", name=order.label.name)
    return island if order.operation is Operation.ISLAND_KEEP else mask & ~island


def _inside(at: tuple[int, int, int], shape: tuple[int, ...]) -> bool:
    return all(0 <= place < size for place, size in zip(at, shape, strict=True))


def _moved(mask: Mask, order: Order) -> Mask:
    """Shift a region on the screen; refused where a part of it would leave the slice."""
    down, right = order.shift
    steps = [0, down, right]
    if order.where is Where.SPACE:
        view = order.view
        steps = [0, 0, 0]
        steps[view.row_axis] = -down if view.flip_rows else down
        steps[view.column_axis] = -right if view.flip_columns else right
    box = bounding_box(mask)
    if box is None:
        return mask
    low = [start + step for start, step in zip(box.low, steps, strict=True)]
    high = [end + step for end, step in zip(box.high, steps, strict=True)]
    if min(low) < 0 or any(end > size for end, size in zip(high, mask.shape, strict=True)):
        raise InputError("operation-outside", name=order.label.name)
    moved = np.zeros_like(mask)
    moved[tuple(slice(start, end) for start, end in zip(low, high, strict=True))] = mask[box.slices]
    return moved


# ------------------------------------------------------------------ between slices


def _interpolated(order: Order, base: Base, on: OnSlice) -> Layer:
    """Fill the native slices between drawn ones that are neither drawn nor finished."""
    label, volume = order.label, base.volume
    layer = base.layers[label.layer]
    mask = layer == label.value
    count = len(layer)
    none = np.zeros(count, dtype=np.bool_)
    finished = base.finished.get(label.layer, none)
    # what was interpolated before and not touched since is worked out anew from the drawn slices;
    # where another label lies as well it may be that one that was drawn, so it is left
    others = (layer * ~mask).any(axis=(1, 2))
    again = base.interpolated.get(label.layer, none) & ~finished & ~others
    drawn = mask.any(axis=(1, 2)) & ~again
    pairs = drawn_pairs([int(place) for place in np.flatnonzero(drawn)])
    wanted = [(one, other) for one, other in pairs if not finished[one + 1 : other].all()]
    if not wanted:
        raise InputError("interpolate-nothing", name=label.name)
    after = mask.copy()
    sizes = base.geometry.spacing[1:]
    for done, (one, other) in enumerate(wanted):
        if not on(done, len(wanted)):
            raise Stopped
        values = np.zeros((other - one + 1, *layer.shape[1:]), dtype=np.float32)
        if order.by_values:
            values = known_values(volume, volume.array[one : other + 1])
            values = np.nan_to_num(values, nan=float(np.nanmin(values)) if not np.isnan(values).all() else 0.0)
        between = fill_between(mask[one], mask[other], values, sizes, by_values=order.by_values)
        free = ~finished[one + 1 : other]
        after[one + 1 : other][free] = between[free]
    return written(layer, mask, after, label.value)


def _copied(order: Order, base: Base) -> Layer:
    """Put the label as it is on one slice onto another, in place of what it was there."""
    view, value = order.view, order.label.value
    layer = base.layers[order.label.layer]
    to = order.index
    if order.operation is Operation.PASTE:
        if order.clip is None:
            raise InputError("paste-empty")
        if order.clip.shape != (view.rows, view.columns):
            raise InputError("paste-size")
        flat = order.clip
    else:
        to += 1 if order.operation is Operation.COPY_NEXT else -1
        flat = clip_of(order, base)
    if not 0 <= to < view.slices:
        raise InputError("operation-edge")
    new = layer.copy()
    target = view.extract(new, to)
    there = np.ascontiguousarray(target)
    target[...] = written(there, there == value, flat, value)
    return new


def _suggested(order: Order, base: Base) -> tuple[Layer, str]:
    """Make the label what a run predicts, or add one connected region of that; return the run too."""
    label, view = order.label, order.view
    found = base.predicted(label.name) if base.predicted is not None else None
    if found is None:
        raise InputError("suggest-none", name=label.name)
    run, voxels = found
    layer = base.layers[label.layer]
    before, wanted = layer == label.value, voxels > 0
    if order.where is Where.SLICE:
        flat = np.ascontiguousarray(view.extract(wanted, order.index))[np.newaxis]
        flat = _region(flat, _on_screen(order), order)
        after = before.copy()
        target = view.extract(after, order.index)
        target[...] = flat[0] | target if order.operation is Operation.SUGGEST_REGION else flat[0]
    else:
        region = _region(wanted, order.at, order)
        after = before | region if order.operation is Operation.SUGGEST_REGION else region
    return written(layer, before, after, label.value), run


def _region(wanted: Mask, at: _At, order: Order) -> Mask:
    """Return all that is suggested, or the connected part at a voxel."""
    if order.operation is Operation.SUGGEST:
        return wanted
    region = island_at(wanted, at) if at is not None and _inside(at, wanted.shape) else np.zeros_like(wanted)
    if not region.any():
        raise InputError("suggest-nothing", name=order.label.name)
    return region


# ------------------------------------------------------------------ seeds, two labels


def _grown(order: Order, base: Base) -> Layer:
    """Grow every label of the layer from what is scribbled of it."""
    layer, volume = base.layers[order.label.layer], base.volume
    seeds = layer.copy()
    if order.other is not None and order.other.layer == order.label.layer:
        seeds[seeds == order.other.value] = SCRIBBLED_BACKGROUND
    new = layer.copy()
    if order.where is Where.SPACE:
        box = bounding_box(seeds)
        if box is None:
            raise InputError("seeds-none")
        values = known_values(volume, volume.array[box.slices])
        found = grow_in_space(values, seeds[box.slices], base.geometry.spacing)
        inside = new[box.slices]
        inside[...] = np.where(found == SCRIBBLED_BACKGROUND, 0, found)
        finished = base.finished.get(order.label.layer)
        if finished is not None:
            new[finished] = layer[finished]
        return new
    view, index = order.view, order.index
    flat = np.ascontiguousarray(view.extract(seeds, index))
    found = grow_in_slice(values_on(volume, view, index), flat)
    view.extract(new, index)[...] = np.where(found == SCRIBBLED_BACKGROUND, 0, found)
    return new


_BOOLEANS = {
    Operation.UNITE: Boolean.UNITE,
    Operation.SUBTRACT: Boolean.SUBTRACT,
    Operation.INTERSECT: Boolean.INTERSECT,
}


def _combined(order: Order, base: Base) -> Layer:
    label, other = order.label, order.other
    if other is None or other == label:
        raise InputError("operation-other", name=label.name)
    how = _BOOLEANS[order.operation]
    if other.layer == label.layer and how is not Boolean.UNITE:
        raise InputError("operation-one-layer", name=label.name, other=other.name)
    layer = base.layers[label.layer]
    one, two = layer == label.value, base.layers[other.layer] == other.value
    after = combine(one, two, how)
    if order.where is Where.SLICE:
        part = one.copy()
        order.view.extract(part, order.index)[...] = order.view.extract(after, order.index)
        after = part
    return written(layer, one, after, label.value, over=two if other.layer == label.layer else None)
