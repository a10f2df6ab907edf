"""Split a label into its connected pieces, each a label of its own."""

from __future__ import annotations

import numpy as np

from core.editing.orders import Base, Layer, Note, Order, Where
from core.editing.tools.islands import parts_of
from core.editing.tools.stopping import OnSlice
from core.errors import InputError
from core.labels import LabelSet


def split(order: Order, base: Base, on: OnSlice) -> tuple[Layer, LabelSet, Note]:
    """Give the pieces of a label, but the largest, labels of their own on the same layer.

    The largest piece keeps the label; the next ``order.most - 1`` become ``Name 2``,
    ``Name 3``, ... in colours that are told apart. Pieces beyond that keep the label too,
    and the note says so.

    Returns
    -------
    tuple
        The layer, the labels of the project with the new ones, and what to tell.

    Raises
    ------
    InputError
        ``operation-empty``, ``operation-empty-slice``, ``split-one-piece``, ``layer-full``.
    Stopped
        If ``on`` said so.
    """
    label = order.label
    layer = base.layers[label.layer].copy()
    slice_only = order.where is Where.SLICE
    # a view into the copy: what is written there lies in the layer
    target = order.view.extract(layer, order.index)[np.newaxis] if slice_only else layer
    parts = parts_of(target == label.value, on)
    count = len(parts.sizes)
    if not count:
        raise InputError("operation-empty-slice" if slice_only else "operation-empty", name=label.name)
    if count == 1:
        raise InputError("split-one-piece", name=label.name)
    own = min(count, max(2, order.most))
    labels = base.labels
    values = np.full(count + 1, label.value, dtype=np.uint8)
    names = []
    for piece in range(2, own + 1):
        name = _free_name(labels, label.name)
        labels = labels.with_label(name, layer=label.layer)
        values[piece] = labels.named(name).value
        names.append(name)
    inside = target[parts.box.slices]
    for place, numbers in enumerate(parts.numbers):
        np.copyto(inside[place], values[numbers], where=numbers > 0)
    facts = {"name": label.name, "pieces": count, "own": own - 1, "first": names[0], "last": names[-1]}
    if count > own:
        return layer, labels, Note("split_many", facts | {"rest": count - own})
    return layer, labels, Note("split_one" if own == 2 else "split", facts)


def _free_name(labels: LabelSet, name: str) -> str:
    """Return ``Name 2``, or the next number that no label has."""
    number = 2
    while labels.find(f"{name} {number}") is not None:
        number += 1
    return f"{name} {number}"
