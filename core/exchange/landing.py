"""Where masks of another tool come to lie: on which slices of a scan, under which labels, in which layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.exchange.incoming import Incoming, IncomingMask
from core.geometry import Geometry
from core.io.regrid import bring, check_size, padded, reordered, same_place
from core.labels import BRAIN, BRAIN_LAYER, DEFAULT_LAYER, LabelSet, layer_name, numbered_label, plain_label
from core.messages import text
from core.project.records import NewLayers, Origin, SliceState

_SAID_UNKNOWN, _SAID_KNOWN = 1, 2


@dataclass(frozen=True, eq=False)
class Placed:
    """A mask on a scan's grid: bool ``[z, y, x]``.

    Parameters
    ----------
    finished
        Slices on which zero means background.
    unknown
        Slices of the mask on which it does not.
    begun
        False where the export has the label, but says nothing of it here: only ``unknown`` counts.
    """

    label: str
    array: NDArray[np.bool_]
    finished: frozenset[int]
    reader: str
    predicted: bool
    unknown: frozenset[int] = frozenset()
    begun: bool = True


def our_names(there: LabelSet, theirs: Iterable[str], wishes: Mapping[str, str]) -> dict[str, str]:
    """Return our names for their labels: no two become one unless the person gave them the same name.

    Names are the same here without regard to case, to signs that cannot be shown and to what is past the longest;
    elsewhere they may be two. The second becomes ``et (2)``.

    Parameters
    ----------
    there
        The project's labels.
    theirs
        Their names, each once.
    wishes
        What the person calls them; an empty name leaves a label out, one that is not listed keeps its name.
    """
    theirs = list(theirs)
    # a label of ours from before names were made plain keeps its own
    exact = {label.name for label in there}
    kept = {name: name if name in exact else plain_label(name) or text("exchange.no_label") for name in theirs}
    chosen = {name: plain_label(wish) for name, wish in wishes.items() if not wish.strip() or _renames(name, wish)}
    reserved = {name.casefold() for name in (*kept.values(), *chosen.values())}
    taken: set[str] = set()
    for name in sorted(kept, key=lambda name: name not in exact):
        if name not in chosen and kept[name].casefold() in taken:
            kept[name] = numbered_label(kept[name], taken | reserved)
        if name not in chosen:
            taken.add(kept[name].casefold())
    return {name: chosen.get(name, kept[name]) for name in theirs}


def _renames(name: str, wish: str) -> bool:
    return plain_label(wish) != plain_label(name)


def with_labels(
    there: LabelSet,
    names: Mapping[str, str],
    colors: Mapping[str, str],
    overlaps: Iterable[tuple[str, str]],
    layers: Mapping[str, str] | None = None,
) -> LabelSet:
    """Return the labels of a project with those that come in; labels that overlap get layers of their own.

    Parameters
    ----------
    there
        The project's.
    names
        Their names to ours; empty: left out.
    colors
        By their name.
    overlaps
        Pairs of their names.
    layers
        By their name, where Meninx wrote the export: labels that were finished apart stay apart.
    """
    apart: dict[str, set[str]] = {}
    for one, other in overlaps:
        ours, others = names.get(one, "").casefold(), names.get(other, "").casefold()
        if ours and others and ours != others:
            apart.setdefault(ours, set()).add(others)
            apart.setdefault(others, set()).add(ours)
    for theirs, ours in names.items():
        if not ours or there.find(ours) is not None:
            continue
        wanted = (layers or {}).get(theirs, "")
        layer = _layer_for(there, ours, apart.get(ours.casefold(), set()), wanted)
        there = there.with_label(ours, color=_free(there, colors.get(theirs, "")), layer=layer)
    return there


def with_config(there: LabelSet, found: Sequence[tuple[str, str]]) -> LabelSet:
    """Return the labels of a project with those of a labelling interface (names and colours) that it lacks."""
    return with_labels(there, our_names(there, dict(found), {}), dict(found), ())


def _free(there: LabelSet, color: str) -> str:
    """Return a colour if no label has it: two labels that look alike cannot be told apart."""
    return "" if color in {label.color for label in there} else color


def _layer_for(there: LabelSet, name: str, apart: set[str], wanted: str) -> str:
    first = BRAIN_LAYER if name.casefold() == BRAIN.casefold() else DEFAULT_LAYER
    if wanted:
        first = layer_name(wanted)
    layer, number = first, 1
    while any(label.name.casefold() in apart for label in there.on_layer(layer)):
        number += 1
        layer = f"{first}-{number}"
    return layer


def place(
    one: Incoming,
    at: int | None,
    read: Geometry,
    ours: Geometry,
    *,
    resample: bool,
) -> list[Placed]:
    """Bring the masks of one picture or scan onto a scan's grid.

    Parameters
    ----------
    one
        What came in.
    at
        Slice of the scan that the picture is, or None where it is the whole scan.
    read
        The grid on which ``at`` and arrays without an affine lie: that of the files.
    ours
        The scan's grid in the project; the same voxels, in another order perhaps.

    Raises
    ------
    InputError
        ``mask-size``, ``mask-slices``, ``mask-grid``, ``mask-elsewhere``.
    """
    placed = [_placed(one, mask, at, read, ours, resample=resample) for mask in one.masks]
    if one.masks and one.unknown:
        silent = replace(one.masks[0], array=np.zeros_like(one.masks[0].array), finished=())
        nothing = replace(_placed(one, silent, at, read, ours, resample=resample), begun=False)
        placed += [replace(nothing, label=label) for label in one.unknown]
    return placed


def _placed(
    one: Incoming, mask: IncomingMask, at: int | None, read: Geometry, ours: Geometry, *, resample: bool
) -> Placed:
    array = mask.array != 0
    if array.ndim == 2:
        z = at if at is not None else mask.slice if mask.slice is not None else 0
        check_size((1, *array.shape), (1, *read.shape[1:]), one.name)
        if not 0 <= z < read.shape[0]:
            raise InputError("mask-slices", file=one.name, slices=z + 1, scan=read.shape[0])
        whole = np.zeros(read.shape, dtype=bool)
        whole[z] = array
        known = frozenset({z}) if mask.finished is None or mask.finished else frozenset[int]()
        return _turned(mask, whole, known, frozenset({z}), read, ours, one.name)
    depth = array.shape[0]
    every = frozenset(range(depth))
    known = every if mask.finished is None else frozenset(mask.finished)
    if one.affine is None or not ours.orientation_known:
        check_size(array.shape, read.shape, one.name)
        return _turned(mask, array, known, every, read, ours, one.name)
    theirs = Geometry((depth, array.shape[1], array.shape[2]), one.affine)
    if theirs.shape == ours.shape and same_place(theirs, ours):
        return Placed(mask.label, array, known, mask.reader, mask.predicted, every - known)
    inset = padded(array, theirs, ours)
    if inset is not None and mask.finished is None:
        # cut to what is drawn, as Slicer does: what was cut off is background
        return Placed(mask.label, inset, frozenset(range(ours.shape[0])), mask.reader, mask.predicted)
    brought = bring(array.astype(np.uint8), theirs, ours, one.name, resample=resample)
    covered = np.zeros(theirs.shape, dtype=np.uint8)
    covered[sorted(known)] = 1
    reached = bring(covered, theirs, ours, one.name, resample=resample).array
    finished = frozenset(z for z in range(ours.shape[0]) if reached[z].all())
    unknown = frozenset(range(ours.shape[0])) - finished
    return Placed(mask.label, brought.array != 0, finished, mask.reader, mask.predicted, unknown)


def _turned(
    mask: IncomingMask,
    array: NDArray[np.bool_],
    known: frozenset[int],
    covered: frozenset[int],
    read: Geometry,
    ours: Geometry,
    name: str,
) -> Placed:
    """Bring a mask from the grid of its files to the same voxels as they lie in the project."""
    if not (read.orientation_known and ours.orientation_known) or read.matches(ours):
        check_size(array.shape, ours.shape, name)
        return Placed(mask.label, array, known, mask.reader, mask.predicted, covered - known)
    said = np.zeros(read.shape, dtype=np.uint8)
    said[sorted(covered)] = _SAID_UNKNOWN
    said[sorted(known)] = _SAID_KNOWN
    turned, reached = reordered(array, read, ours), reordered(said, read, ours)
    if turned is None or reached is None:
        raise InputError("mask-size", file=name, size=str(read.shape), scan=str(ours.shape))
    finished = frozenset(z for z in range(ours.shape[0]) if (reached[z] == _SAID_KNOWN).all())
    unknown = frozenset(z for z in range(ours.shape[0]) if reached[z].any()) - finished
    return Placed(mask.label, turned, finished, mask.reader, mask.predicted, unknown)


@dataclass
class Drawn:
    """Everything that lands on one scan, by reader and label."""

    by_reader: dict[str, dict[str, Placed]] = field(default_factory=dict)
    predicted: dict[str, Placed] = field(default_factory=dict)
    unknown: dict[str, frozenset[int]] = field(default_factory=dict)
    """By label: slices of which nobody has said anything of it."""

    def take(self, placed: Sequence[Placed], names: Mapping[str, str], readers: Mapping[str, str], reader: str) -> None:
        """Add masks under our names for their labels and readers; several of one label and reader become one."""
        for one in placed:
            # a label without a mask anywhere in the export has no name of ours yet
            name = names.get(one.label, "" if one.begun else plain_label(one.label))
            if not name:
                continue
            if not one.begun:
                self.unknown[name.casefold()] = self.unknown.get(name.casefold(), frozenset()) | one.unknown
                continue
            held = self.predicted if one.predicted else self.by_reader.setdefault(readers.get(one.reader, reader), {})
            known = held.get(name.casefold())
            if known is not None:
                unknown = known.unknown | one.unknown
                finished = (known.finished | one.finished) - unknown
                one = replace(one, array=known.array | one.array, finished=finished, unknown=unknown)
            held[name.casefold()] = replace(one, label=name)

    def layers(self, reader: str, labels: LabelSet, shape: tuple[int, int, int]) -> tuple[NewLayers, int]:
        """Return the layers of one reader, and how many voxels two labels of one layer both claimed.

        A slice is finished where one label says so and none of its layer says otherwise: zero there is the
        background of all of them.
        """
        layers: dict[str, NDArray[np.uint8]] = {}
        finished: dict[str, set[int]] = {}
        unknown: dict[str, set[int]] = {}
        for name, slices in self.unknown.items():
            silent = labels.find(name)
            if silent is not None:
                unknown.setdefault(silent.layer, set()).update(slices)
        shared = 0
        for one in self.by_reader[reader].values():
            label = labels.named(one.label)
            layer = layers.setdefault(label.layer, np.zeros(shape, np.uint8))
            shared += int(np.count_nonzero(layer[one.array]))
            layer[one.array] = label.value
            finished.setdefault(label.layer, set()).update(one.finished)
            unknown.setdefault(label.layer, set()).update(one.unknown)
        states: dict[str, list[SliceState]] = {}
        for name, layer in layers.items():
            finished[name] -= unknown[name]
            touched = {int(z) for z in np.flatnonzero(layer.any(axis=(1, 2)))} | finished[name]
            states[name] = [
                SliceState(z, Origin.IMPORTED, None, z in finished[name], reader, 0.0) for z in sorted(touched)
            ]
        facts = {"slices": sum(len(rows) for rows in states.values()), "labels": len(self.by_reader[reader])}
        return NewLayers(reader, layers, states, facts), shared
