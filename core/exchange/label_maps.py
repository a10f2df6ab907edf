"""Label maps: one whole number per voxel, the same number for a label in every file of an export."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.exchange.items import Item, is_reserved
from core.labels import Label
from core.project.exporting import stem_of

_ADDED = "_label"
_LONGEST = 60
"""Letters of a label's name that a file name takes."""


def numbers(labels: Sequence[Label]) -> dict[str, int]:
    """Return the number of each label, by name: 1, 2, 3, ... in the project's order."""
    return {label.name: place for place, label in enumerate(labels, 1)}


def safe(label: Label, labels: Sequence[Label]) -> str:
    """Return a label's name as part of a file name: unlike every other's, without regard to case."""
    return _unlike(label, labels, _stem)


def called(labels: Sequence[Label]) -> dict[str, str]:
    """Return the labels by what they may be called in the file names of an export, in small letters.

    Also as it was before a name like ``nul.txt`` got its addition in front.
    """
    before = {_unlike(one, labels, _stem_before).casefold(): one.name for one in labels}
    return before | {safe(one, labels).casefold(): one.name for one in labels}


def _unlike(label: Label, labels: Sequence[Label], stem_by: Callable[[Label], str]) -> str:
    stems = [stem_by(one).casefold() for one in labels]
    stem = stem_by(label)
    place = next(at for at, one in enumerate(labels) if one.name == label.name)
    # a number at the end might make it another's name again, but not with a sign that no stem ends in
    return stem if stems.count(stem.casefold()) == 1 else f"{stem}-{place + 1}-"


def _stem(label: Label) -> str:
    stem = _stem_before(label)
    # Windows keeps a device's name whatever its ending: nul.txt_label is still one
    return f"label_{stem.removesuffix(_ADDED)}" if is_reserved(stem) else stem


def _stem_before(label: Label) -> str:
    stem = stem_of(label.name)[:_LONGEST].strip("._-") or "label"
    return f"{stem}{_ADDED}" if is_reserved(stem) else stem


def maps_of(item: Item) -> dict[str, NDArray[np.uint8 | np.uint16]]:
    """Return the label maps ``[z, y, x]`` of a scan, by what its file name has before ``_labels``.

    Labels of one layer exclude one another, so each layer has one map; where an export holds labels of
    several layers, the layer stands in the name (``_brain``).
    """
    given = numbers(item.labels)
    kind = np.uint8 if len(item.labels) < 256 else np.uint16
    layers = list(dict.fromkeys(label.layer for label in item.labels))
    maps: dict[str, NDArray[np.uint8 | np.uint16]] = {}
    for layer in layers:
        there = [label for label in item.labels if label.layer == layer and label.name in item.masks]
        if not there:
            continue
        values = np.zeros(item.volume.shape, dtype=kind)
        for label in there:
            values[item.masks[label.name]] = given[label.name]
        maps["" if len(layers) == 1 else f"_{stem_of(layer)}"] = values
    return maps


def table(labels: Sequence[Label]) -> bytes:
    """Return ``labels.tsv``: number, name, colour and layer of each label."""
    rows = ["index\tname\tcolor\tlayer"]
    for name, number in numbers(labels).items():
        label = next(one for one in labels if one.name == name)
        rows.append("\t".join((str(number), " ".join(name.split()), label.color, label.layer)))
    return ("\n".join(rows) + "\n").encode()
