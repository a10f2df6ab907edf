"""Masks that come in from files: which label they are, and how they become the layers of an annotation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.events import Notice
from core.geometry import Array, Geometry
from core.io.conventions import colour_word
from core.io.regrid import check_size, reordered
from core.io.source import MaskData
from core.labels import Label
from core.messages import text
from core.project.project import Project
from core.project.records import NewLayers, Origin, SliceState

_PAIR = re.compile(r"\s*(?:(\d{1,5})|#([0-9a-fA-F]{6}))\s*=\s*(.+?)\s*")
_LISTED = 8
_TOLD = 3
"""Notices of one kind that are told one by one; the others are counted."""


def parse_labels(label: str | None) -> tuple[str | None, dict[int, str]]:
    """Split ``"Tumour"``, ``"1=EDH,2=IPH"`` or ``"#ff0000=EDH,#00ff00=IPH"`` into one name or names by value.

    Raises
    ------
    InputError
        ``label-values`` if it is none of them.
    """
    if label is None or not label.strip():
        return None, {}
    if "=" not in label:
        return label.strip(), {}
    names: dict[int, str] = {}
    for part in label.split(","):
        match = _PAIR.fullmatch(part)
        value = 0 if match is None else int(match.group(1)) if match.group(1) else int(match.group(2), 16)
        if match is None or (value == 0 and match.group(1)):
            raise InputError("label-values", given=label)
        names[value] = match.group(3)
    return None, names


def check_values(masks: MaskData, label: str | None, name: str) -> None:
    """Refuse label maps whose values are not all named, before anything is added.

    Raises
    ------
    InputError
        ``mask-colours`` (several colours and one name), ``mask-unnamed``.
    """
    one, names = parse_labels(label)
    if one is not None:
        if masks.convention == "rgb":
            colours = _listed(masks)
            raise InputError("mask-colours", file=name, count=len(masks.values), colours=colours)
        return
    unnamed = [value for value in masks.values if value not in _by_value(masks, names)]
    if unnamed:
        values = _listed(replace(masks, values=tuple(unnamed)))
        raise InputError("mask-unnamed", file=name, values=values, count=len(unnamed))


def _listed(masks: MaskData) -> str:
    """Return the values in words: numbers as they stood in the file, or colours."""
    shown = masks.values if len(masks.values) > 1 or masks.values != (1,) else (masks.top or 1,)
    coloured = masks.convention in ("rgb", "colour")
    words = [colour_word(value) if coloured else str(value) for value in shown[:_LISTED]]
    return ", ".join(words) + (", ..." if len(shown) > _LISTED else "")


def _by_value(masks: MaskData, names: Mapping[int, str]) -> dict[int, str]:
    """Return the names by the values of the array: a mask of one number may be named by it, or by 1."""
    if masks.values == (1,) and 1 not in names and masks.top in names:
        return {**names, 1: names[masks.top]}
    return dict(names)


def by_name(masks: MaskData, label: str | None) -> dict[str, Array]:
    """Return, by label name, where it is: bool ``[z, y, x]``. Names without a voxel are there where all are empty."""
    one, names = parse_labels(label)
    if one is not None:
        return {one: masks.array > 0}
    result: dict[str, Array] = {}
    for value, name in _by_value(masks, names).items():
        hits = masks.array == value
        if hits.any() or not masks.values:
            # two values may be given one name
            result[name] = result[name] | hits if name in result else hits
    return result


def new_layers(project: Project, masks: MaskData, label: str | None, reader: str) -> NewLayers:
    """Turn masks into finished slices of a new annotation; labels that are not there are added."""
    layers: dict[str, NDArray[np.uint8]] = {}
    for name, hits in by_name(masks, label).items():
        _paint(layers, project.ensure_label(name), hits)
    there = [index for index, present in enumerate(masks.present) if present]
    states = [SliceState(index, Origin.IMPORTED, None, True, reader, 0.0) for index in there]
    facts = {"slices": len(states), "values": list(masks.values), "convention": masks.convention}
    if masks.resampled:
        facts["resampled"] = True
    return NewLayers(reader, layers, dict.fromkeys(layers, states), facts)


def _paint(layers: dict[str, NDArray[np.uint8]], label: Label, hits: Array) -> None:
    layer = layers.setdefault(label.layer, np.zeros(hits.shape, np.uint8))
    layer[hits] = label.value


def onto(masks: MaskData, theirs: Geometry, ours: Geometry, name: str) -> MaskData:
    """Bring masks of a scan onto the grid of the same scan as it is in the project, in another order perhaps.

    Raises
    ------
    InputError
        ``mask-size`` where they are not the same voxels after all.
    """
    if not (theirs.orientation_known and ours.orientation_known) or theirs.matches(ours):
        check_size(masks.array.shape, ours.shape, name)
        return masks
    array = reordered(masks.array, theirs, ours)
    there = np.broadcast_to(np.array(masks.present, dtype=bool)[:, None, None], masks.array.shape)
    known = reordered(there, theirs, ours)
    if array is None or known is None:
        raise InputError("mask-size", file=name, size=str(theirs.shape), scan=str(ours.shape))
    # a slice is known where all of it was
    return replace(masks, array=array, present=tuple(bool(slice_.all()) for slice_ in known))


def merged(masks: MaskData, label: str | None, name: str) -> tuple[Notice, ...]:
    """Say where several values became one label because only one was named."""
    one, _ = parse_labels(label)
    if one is None or len(masks.values) < 2:
        return ()
    return (Notice("masks-merged", {"file": name, "values": _listed(masks), "label": one}),)


@dataclass
class Told:
    """Keeps the notices about many masks few: the first of a kind are told, the others counted."""

    counts: Counter[str] = field(default_factory=Counter)
    firsts: dict[str, Notice] = field(default_factory=dict)
    conventions: Counter[str] = field(default_factory=Counter)

    def about(self, notices: tuple[Notice, ...]) -> Iterator[Notice]:
        """Yield those that are told now."""
        for notice in notices:
            self.counts[notice.key] += 1
            self.firsts.setdefault(notice.key, notice)
            if self.counts[notice.key] <= _TOLD:
                yield notice

    def at_the_end(self) -> Iterator[Notice]:
        """Yield what was only counted, and how the masks were read."""
        for key, number in self.counts.items():
            if number > _TOLD:
                first = self.firsts[key]
                words = text(f"notices.{key}", **first.fields)
                yield Notice("masks-more", {"count": number - _TOLD, "first": words})
        for convention, number in sorted(self.conventions.items()):
            yield Notice("masks-read", {"count": number, "convention": text(f"conventions.{convention}")})
