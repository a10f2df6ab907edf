"""Labels and the layers they live on."""

from __future__ import annotations

import colorsys
import math
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from core.errors import InputError

BRAIN = "Brain"
BRAIN_LAYER = "brain"
DEFAULT_LAYER = "lesions"
MAX_VALUE = 250
"""Labels of one layer are 1..250; 251-254 are reserved."""
SCRIBBLED_BACKGROUND = 255
"""What somebody said is background on a slice that is not finished: no label, never counted or exported."""
SCRIBBLE_COLOR = "#c3ccd9"

PALETTE = ("#2ec4b6", "#ff5d5d", "#ffb000", "#8f7bff", "#56b4e9", "#e377c2", "#c5d86d", "#d55e00", "#9ad1ff")
"""Colours told apart under the common colour-blindnesses and on grey scans."""
_HUES = 60
_LONGEST_LABEL = 80
_USUAL = {"brain": 0, "tumour": 1, "tumor": 1, "haemorrhage": 2, "hemorrhage": 2}
"""Labels that have the same colour in every project."""


@dataclass(frozen=True, slots=True)
class Label:
    """A named value on a layer.

    Parameters
    ----------
    value
        1..250 within its layer.
    name
        As the person wrote it; unique in the project without regard to case.
    color
        ``#rrggbb``.
    key
        Digit key ``"1"``..``"9"`` that selects it, or ``""``.
    layer
        Name of the layer; labels of one layer exclude one another.
    source_value
        Value it had in the file it was imported from, or None.
    locked
        Its voxels stay as they are: it is neither drawn, erased nor drawn over.
    """

    value: int
    name: str
    color: str
    key: str
    layer: str
    source_value: int | None = None
    locked: bool = False


@dataclass(frozen=True, slots=True)
class RemovedLabel:
    """A label that is no longer there; its value on its layer is given to no other.

    Parameters
    ----------
    label
        As it was.
    kind
        ``delete``, ``merge`` or ``move``.
    to
        Layer and value that its voxels got; None where they were cleared.
    at
        UTC, ISO 8601.
    """

    label: Label
    kind: str
    to: tuple[str, int] | None
    at: str


@dataclass(frozen=True)
class LabelSet:
    """The labels of a project in the order they are shown, and those that were removed."""

    labels: tuple[Label, ...] = ()
    removed: tuple[RemovedLabel, ...] = ()

    def __iter__(self) -> Iterator[Label]:
        return iter(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def layers(self) -> tuple[str, ...]:
        """Layer names in the order of their first label."""
        return tuple(dict.fromkeys(label.layer for label in self.labels))

    def find(self, name: str) -> Label | None:
        """Return the label of this name (case ignored), or None."""
        return next((label for label in self.labels if label.name.casefold() == name.casefold()), None)

    def named(self, name: str) -> Label:
        """Return the label of this name.

        Raises
        ------
        InputError
            ``label-unknown`` if there is none, ``label-none`` if there are no labels at all.
        """
        label = self.find(name)
        if label is None:
            if not self.labels:
                raise InputError("label-none", name=name)
            raise InputError("label-unknown", name=name, known=", ".join(label.name for label in self.labels))
        return label

    def on_layer(self, layer: str) -> tuple[Label, ...]:
        """Return the labels of one layer."""
        return tuple(label for label in self.labels if label.layer == layer)

    def with_label(self, name: str, *, color: str = "", layer: str = "", source_value: int | None = None) -> LabelSet:
        """Return a set with one more label; unchanged if the name is there already.

        Raises
        ------
        InputError
            ``label-name-empty``, or ``layer-full`` past 250 labels of a layer.
        """
        name = name.strip()
        if not name:
            raise InputError("label-name-empty")
        if self.find(name) is not None:
            return self
        layer = layer or (BRAIN_LAYER if name.casefold() == BRAIN.casefold() else DEFAULT_LAYER)
        keys = {label.key for label in self.labels}
        key = next((digit for digit in "123456789" if digit not in keys), "")
        label = Label(self.free_value(layer), name, color or self._free_color(name), key, layer, source_value)
        return replace(self, labels=(*self.labels, label))

    def free_value(self, layer: str) -> int:
        """Return the lowest value of a layer that no label has or ever had.

        Raises
        ------
        InputError
            ``layer-full``.
        """
        taken = {label.value for label in self.on_layer(layer)}
        taken |= {gone.label.value for gone in self.removed if gone.label.layer == layer}
        value = next((number for number in range(1, MAX_VALUE + 1) if number not in taken), None)
        if value is None:
            raise InputError("layer-full", layer=layer)
        return value

    def _free_color(self, name: str) -> str:
        taken = {label.color for label in self.labels}
        usual = _USUAL.get(name.casefold())
        if usual is not None and PALETTE[usual] not in taken:
            return PALETTE[usual]
        kept = {PALETTE[place] for place in _USUAL.values()}
        free = [color for color in PALETTE if color not in taken]
        # the usual colours are given away last; where all are, a colour between those is made
        return next((color for color in free if color not in kept), free[0] if free else _another_color(taken))

    def with_changed(self, name: str, *, new_name: str = "", color: str = "", locked: bool | None = None) -> LabelSet:
        """Return a set in which one label has another name or colour, or is locked or unlocked.

        Raises
        ------
        InputError
            ``label-unknown``; ``label-present`` if another label has the new name.
        """
        old = self.named(name)
        wanted = new_name.strip() or old.name
        if self.find(wanted) not in (None, old):
            raise InputError("label-present", name=wanted)
        new = replace(old, name=wanted, color=color or old.color, locked=old.locked if locked is None else locked)
        return self._with(old, new)

    def with_key(self, name: str, key: str) -> LabelSet:
        """Return a set in which a digit key selects this label; the label that had it gets this one's key."""
        label = self.named(name)
        other = next((one for one in self.labels if one.key == key and one is not label), None) if key else None
        changed = self._with(label, replace(label, key=key))
        return changed if other is None else changed._with(other, replace(other, key=label.key))

    def moved(self, name: str, place: int) -> LabelSet:
        """Return a set in which a label is shown at another place, counted from 0 among the others."""
        label = self.named(name)
        others = [one for one in self.labels if one is not label]
        others.insert(min(max(place, 0), len(others)), label)
        return replace(self, labels=tuple(others))

    def without(self, name: str, kind: str = "", to: tuple[str, int] | None = None, at: str = "") -> LabelSet:
        """Return a set without a label; with a ``kind`` it is remembered (:class:`RemovedLabel`)."""
        label = self.named(name)
        kept = tuple(one for one in self.labels if one is not label)
        removed = (*self.removed, RemovedLabel(label, kind, to, at)) if kind else self.removed
        return LabelSet(kept, removed)

    def brought_back(self, gone: RemovedLabel) -> LabelSet:
        """Return a set with a removed label again, at the end.

        One that was moved takes the place of what it became. Where another label has its
        name or key by now, the one brought back gives way: ``Tumour (2)``, no key.

        Raises
        ------
        InputError
            ``label-not-removed`` if it was brought back already.
        """
        if gone not in self.removed:
            raise InputError("label-not-removed", name=gone.label.name)
        labels = list(self.labels)
        place = len(labels)
        label = gone.label
        became = next((one for one in labels if (one.layer, one.value) == gone.to), None)
        removed = tuple(one for one in self.removed if one is not gone)
        if gone.kind == "move" and became is not None:
            # what was said of it meanwhile (name, colour) stays said
            place = labels.index(became)
            labels.remove(became)
            label = replace(became, layer=label.layer, value=label.value)
            removed = (*removed, RemovedLabel(became, "move", (label.layer, label.value), gone.at))
        names = {one.name.casefold() for one in labels}
        name, number = label.name, 2
        while name.casefold() in names:
            name, number = f"{label.name} ({number})", number + 1
        key = "" if label.key in {one.key for one in labels} else label.key
        labels.insert(place, replace(label, name=name, key=key))
        return LabelSet(tuple(labels), removed)

    def locked_values(self, layer: str) -> tuple[int, ...]:
        """Return the values of a layer whose voxels must stay."""
        return tuple(label.value for label in self.on_layer(layer) if label.locked)

    def _with(self, old: Label, new: Label) -> LabelSet:
        return replace(self, labels=tuple(new if label is old else label for label in self.labels))


def background_of(layer: str, name: str = "") -> Label:
    """Return what stands for scribbled background where a layer is drawn on; it is no label of any set."""
    return Label(SCRIBBLED_BACKGROUND, name, SCRIBBLE_COLOR, "", layer)


def _another_color(taken: set[str]) -> str:
    """Return the colour farthest from those that are taken."""
    far = [_parts(color) for color in sorted(taken | {SCRIBBLE_COLOR}) if re.fullmatch("#[0-9a-fA-F]{6}", color)]
    made = [
        colorsys.hls_to_rgb(hue / _HUES, light, strong)
        for strong in (0.85, 0.55)
        for light in (0.52, 0.62, 0.7, 0.78)
        for hue in range(_HUES)
    ]
    # dark ones would not be seen on a scan
    made = [(red, green, blue) for red, green, blue in made if 0.3 * red + 0.59 * green + 0.11 * blue > 0.4]
    return "#" + "".join(f"{round(255 * part):02x}" for part in max(made, key=lambda one: _least(one, far)))


def _least(one: tuple[float, float, float], others: list[tuple[float, float, float]]) -> float:
    return min(math.dist(one, other) for other in others)


def _parts(color: str) -> tuple[float, float, float]:
    red, green, blue = (int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def plain_label(name: str) -> str:
    """Return a label's name from outside without what cannot be shown, and no longer than fits."""
    kept = "".join(letter if unicodedata.category(letter)[0] != "C" else " " for letter in name)
    return " ".join(kept.split())[:_LONGEST_LABEL].strip()


def numbered_label(name: str, taken: Collection[str]) -> str:
    """Return ``Name (2)``, or the next number that is not taken (names without regard to case), no longer than fits."""
    number = 2
    while True:
        ending = f" ({number})"
        made = f"{name[: _LONGEST_LABEL - len(ending)].rstrip()}{ending}"
        if made.casefold() not in taken:
            return made
        number += 1


def layer_name(text: str) -> str:
    """Turn free text into a layer name that is safe as part of a file name."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:24] or DEFAULT_LAYER
