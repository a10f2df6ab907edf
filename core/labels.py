"""Labels and the layers they live on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from core.errors import InputError

BRAIN = "Brain"
BRAIN_LAYER = "brain"
DEFAULT_LAYER = "lesions"
MAX_VALUE = 250
"""Labels of one layer are 1..250; 251-254 are reserved."""
SCRIBBLED_BACKGROUND = 255

PALETTE = ("#2ec4b6", "#ff5d5d", "#ffb000", "#8f7bff", "#56b4e9", "#e377c2", "#c5d86d", "#d55e00", "#9ad1ff")
"""Colours told apart under the common colour-blindnesses and on grey scans."""
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
    """

    value: int
    name: str
    color: str
    key: str
    layer: str
    source_value: int | None = None


@dataclass(frozen=True)
class LabelSet:
    """The labels of a project, in the order they are shown."""

    labels: tuple[Label, ...] = ()

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
            ``label-unknown`` if there is none.
        """
        label = self.find(name)
        if label is None:
            known = ", ".join(label.name for label in self.labels) or "-"
            raise InputError("label-unknown", name=name, known=known)
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
        taken = {label.value for label in self.on_layer(layer)}
        value = next((number for number in range(1, MAX_VALUE + 1) if number not in taken), None)
        if value is None:
            raise InputError("layer-full", layer=layer)
        keys = {label.key for label in self.labels}
        key = next((digit for digit in "123456789" if digit not in keys), "")
        label = Label(value, name, color or self._free_color(name), key, layer, source_value)
        return LabelSet((*self.labels, label))

    def _free_color(self, name: str) -> str:
        taken = {label.color for label in self.labels}
        usual = _USUAL.get(name.casefold())
        if usual is not None and PALETTE[usual] not in taken:
            return PALETTE[usual]
        kept = {PALETTE[place] for place in _USUAL.values()}
        free = [color for color in PALETTE if color not in taken]
        # the usual colours are given away last
        return next(
            (color for color in free if color not in kept), free[0] if free else PALETTE[len(self) % len(PALETTE)]
        )

    def with_changed(self, name: str, *, new_name: str = "", color: str = "") -> LabelSet:
        """Return a set in which one label has another name or colour."""
        old = self.named(name)
        new = replace(old, name=new_name.strip() or old.name, color=color or old.color)
        return LabelSet(tuple(new if label is old else label for label in self.labels))


def layer_name(text: str) -> str:
    """Turn free text into a layer name that is safe as part of a file name."""
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")[:24] or DEFAULT_LAYER
