"""Operations on a mask that no pointer draws: interpolate, grow from seeds, smooth, islands, booleans, copies.

Each takes an order and the layers as they are and returns the layers as they shall
be; any thread may do so. What is added takes background only: other labels of the
layer stay, what was scribbled as background too, and locked ones neither lose nor win a
voxel. Only where one label is united with another of its own layer it takes that one's
voxels.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.editing.orders import At, Base, Layer, Note, Operation, Order, Outcome, Where, inside, on_screen, written
from core.editing.replacing import respecting
from core.editing.splitting import split
from core.editing.tools.interpolation import drawn_pairs, fill_between
from core.editing.tools.islands import holes_in_space, island_at, keep_largest, without_small
from core.editing.tools.morphology import Boolean, Mask, Spacing, combine, margin, smooth
from core.editing.tools.placing import known_values, values_on
from core.editing.tools.seeds import check_seeds, grow_in_slabs, grow_in_slice
from core.editing.tools.shapes import holes
from core.editing.tools.stopping import OnSlice, Stopped, quiet
from core.errors import InputError
from core.geometry import Geometry, bounding_box, sheared
from core.labels import SCRIBBLED_BACKGROUND, LabelSet
from core.project.records import Origin

__all__ = ["Base", "Note", "Operation", "Order", "Outcome", "Where", "carry_out", "clip_of", "quiet", "written"]


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
    labels: LabelSet | None = None
    note: Note | None = None
    if order.operation is Operation.INTERPOLATE:
        new, origin = _interpolated(order, base, on), Origin.INTERPOLATED
    elif order.operation is Operation.SEEDS:
        new = _grown(order, base, on)
        # nobody has looked at every slice of it yet
        origin = Origin.INTERPOLATED if order.where is Where.SPACE and len(new) > 1 else None
    elif order.operation in _BOOLEANS:
        new = _combined(order, base)
    elif order.suggestion is not None or order.operation is Operation.SUGGEST_REGIONS:
        new, run = _accepted(order, base)
        origin = Origin.CORRECTED
    elif order.operation in (Operation.SUGGEST, Operation.SUGGEST_REGION):
        new, run = _suggested(order, base)
        origin = Origin.PREDICTED if order.operation is Operation.SUGGEST else Origin.CORRECTED
    elif order.operation is Operation.SPLIT:
        new, labels, note = split(order, base, on)
    elif order.operation is Operation.CLEAR_SCRIBBLES:
        new = _cleared(order, base)
    elif order.operation in (Operation.COPY_NEXT, Operation.COPY_PREVIOUS, Operation.PASTE):
        new = _copied(order, base)
    else:
        new = _changed(order, base, on)
    old = base.layers[label.layer]
    allowed = respecting(old, new, base.labels.locked_values(label.layer))
    return Outcome({label.layer: allowed}, origin, run, labels, note)


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
    before = layer == order.label.value
    if order.where is Where.SPACE:
        change = _change(order, base.geometry, on)
        if not before.any():
            raise InputError("operation-empty", name=order.label.name)
        return written(layer, before, change(before, order.at), order.label.value)
    change = _change(order, base.geometry, quiet)
    view = order.view
    places = [order.index] if order.where is Where.SLICE else list(range(view.slices))
    after, found = before.copy(), False
    for done, place in enumerate(places):
        if not on(done, len(places)):
            raise Stopped
        flat = view.extract(before, place)
        if flat.any():
            found = True
            view.extract(after, place)[...] = change(flat[np.newaxis], on_screen(order))[0]
    if not found:
        code = "operation-empty-slice" if order.where is Where.SLICE else "operation-empty"
        raise InputError(code, name=order.label.name)
    return written(layer, before, after, order.label.value)


def _change(order: Order, geometry: Geometry, on: OnSlice) -> Callable[[Mask, At], Mask]:
    """Return what turns a region ``[z, y, x]`` (or ``[1, row, column]``) into another."""
    operation = order.operation
    if operation in (Operation.SMOOTH, Operation.GROW, Operation.SHRINK):
        spacing = _spacing(order, geometry)
        if operation is Operation.SMOOTH:
            return lambda mask, _at: smooth(mask, order.amount, spacing, on)
        distance = order.amount if operation is Operation.GROW else -order.amount
        steps = _steps(order, geometry)
        return lambda mask, _at: margin(mask, distance, spacing, on, steps=steps)
    if operation is Operation.HOLES:
        return lambda mask, _at: mask | (holes(mask[0])[np.newaxis] if len(mask) == 1 else holes_in_space(mask, on))
    if operation is Operation.LARGEST:
        return lambda mask, _at: keep_largest(mask, on)
    if operation is Operation.SMALL:
        least = _least(order, geometry)
        return lambda mask, _at: without_small(mask, least, on)
    if operation is Operation.MOVE:
        return lambda mask, _at: _moved(mask, order)
    return lambda mask, at: _island(mask, at, order, on)


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


def _steps(order: Order, geometry: Geometry) -> NDArray[np.float64] | None:
    """Return where a voxel along each axis of the region leads in space, None where these are perpendicular."""
    if order.unit != "mm" or not geometry.sheared:
        return None
    if order.where is Where.SPACE:
        return geometry.steps
    view = order.view
    signs = np.array([[1.0], [-1.0 if view.flip_rows else 1.0], [-1.0 if view.flip_columns else 1.0]])
    steps = signs * geometry.steps[[view.slice_axis, view.row_axis, view.column_axis]]
    # slices are worked on one by one: of a tilted gantry only two planes are sheared
    return steps if sheared(steps[1:]) else None


def _least(order: Order, geometry: Geometry) -> int:
    if order.unit not in ("ml", "mm3"):
        return max(1, round(order.amount))
    if not geometry.measurable:
        raise InputError("operation-ml")
    ml = order.amount / 1000 if order.unit == "mm3" else order.amount
    # rounding must not make a part of just that size too small
    return max(1, math.ceil(ml / geometry.voxel_ml - 1e-6))


def _island(mask: Mask, at: At, order: Order, on: OnSlice) -> Mask:
    island = island_at(mask, at, on) if at is not None and inside(at, mask.shape) else np.zeros_like(mask)
    if not island.any():
        raise InputError("operation-no-island", name=order.label.name)
    return island if order.operation is Operation.ISLAND_KEEP else mask & ~island


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
    others = ((layer > 0) & ~mask & (layer != SCRIBBLED_BACKGROUND)).any(axis=(1, 2))
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
        between = fill_between(
            mask[one], mask[other], values, sizes, by_values=order.by_values, step=base.geometry.spacing[0]
        )
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
        flat = _region(flat, on_screen(order), order)
        after = before.copy()
        target = view.extract(after, order.index)
        target[...] = flat[0] | target if order.operation is Operation.SUGGEST_REGION else flat[0]
    else:
        region = _region(wanted, order.at, order)
        after = before | region if order.operation is Operation.SUGGEST_REGION else region
    return written(layer, before, after, label.value), run


def _region(wanted: Mask, at: At, order: Order) -> Mask:
    """Return all that is suggested, or the connected part at a voxel."""
    if order.operation is Operation.SUGGEST:
        return wanted
    region = island_at(wanted, at) if at is not None and inside(at, wanted.shape) else np.zeros_like(wanted)
    if not region.any():
        raise InputError("suggest-nothing", name=order.label.name)
    return region


def _accepted(order: Order, base: Base) -> tuple[Layer, str]:
    """Add regions of a suggestion to the label, on the slice shown or wherever they are."""
    suggestion, layer = order.suggestion, base.layers[order.label.layer]
    if suggestion is None or not order.numbers or suggestion.numbers.shape != layer.shape:
        raise InputError("suggest-nothing", name=order.label.name)
    wanted = suggestion.voxels_of(order.numbers)
    before = layer == order.label.value
    if order.where is Where.SLICE:
        here = np.zeros_like(wanted)
        order.view.extract(here, order.index)[...] = order.view.extract(wanted, order.index)
        wanted = here
    return written(layer, before, before | wanted, order.label.value), suggestion.run


# ------------------------------------------------------------------ seeds, scribbles, two labels


def _grown(order: Order, base: Base, on: OnSlice) -> Layer:
    """Grow every label of the layer from what is scribbled of it; scribbled background stays scribbled."""
    layer, volume = base.layers[order.label.layer], base.volume
    seeds = layer.copy()
    if order.other is not None and order.other.layer == order.label.layer:
        seeds[seeds == order.other.value] = SCRIBBLED_BACKGROUND
    new = layer.copy()
    if order.where is Where.SPACE:
        box = bounding_box(seeds)
        if box is None:
            raise InputError("seeds-none")
        check_seeds(seeds[box.slices])
        part = volume.array[box.slices]
        found = grow_in_slabs(
            lambda start, end: known_values(volume, part[start:end]), seeds[box.slices], base.geometry.spacing, on
        )
        within = new[box.slices]
        _seeded(within, found)
        finished = base.finished.get(order.label.layer)
        if finished is not None:
            new[finished] = layer[finished]
        return new
    view, index = order.view, order.index
    flat = np.ascontiguousarray(view.extract(seeds, index))
    _seeded(view.extract(new, index), grow_in_slice(values_on(volume, view, index), flat))
    return new


def _seeded(target: Layer, found: Layer) -> None:
    """Write what grew (in place); what grew from background is background, but scribbles stay to be seen."""
    scribbled = target == SCRIBBLED_BACKGROUND
    np.copyto(target, np.where(found == SCRIBBLED_BACKGROUND, np.uint8(0), found), where=~scribbled)


def _cleared(order: Order, base: Base) -> Layer:
    """Take scribbled background away, on the slice shown or everywhere."""
    new = base.layers[order.label.layer].copy()
    target = order.view.extract(new, order.index) if order.where is Where.SLICE else new
    scribbled = target == SCRIBBLED_BACKGROUND
    if not scribbled.any():
        raise InputError("scribbles-none")
    target[scribbled] = 0
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
