"""PNG: a black and white picture per label and slice, or one picture per slice whose numbers are the labels."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import InputError
from core.exchange.items import Item, Out
from core.exchange.label_maps import maps_of, numbers, safe, table
from core.geometry import Array
from core.labels import Label
from core.project.exporting import encode_picture
from core.volume import Volume, auto_window

_EXACT = (np.dtype(np.uint8), np.dtype(np.uint16))
MOST_COLOURS = 255


class PngFormat:
    """``masks/<label>/<scan>_0001.png`` (0 and 255) and, or, ``labels/<scan>_0001.png`` (palette) with ``labels.tsv``.

    A slice on which nothing is drawn and that is not finished has no file: nobody has said that it is empty.
    """

    name = "png"

    def begin(self, out: Out, labels: Sequence[Label]) -> None:
        """Write the table of labels.

        Raises
        ------
        InputError
            ``export-many-labels`` past 255 labels in one picture.
        """
        if out.options.layout != "each" and len(labels) > MOST_COLOURS:
            raise InputError("export-many-labels", count=len(labels), most=MOST_COLOURS)
        out.file("labels.tsv", table(labels))

    def add(self, item: Item, out: Out) -> None:
        """Write one scan's masks, slice by slice."""
        if out.options.layout in ("each", "both"):
            for label in item.labels:
                if label.name in item.masks:
                    self._each(item, label, out)
        if out.options.layout in ("map", "both"):
            self._maps(item, out)
        if out.options.images:
            for z, pixels in enumerate(_pictures(item, out)):
                out.file(f"images/{_slice_name(item, z)}.png", encode_picture(pixels))

    def finish(self, out: Out) -> None:
        """Nothing stands for all of them but the table."""

    def _each(self, item: Item, label: Label, out: Out) -> None:
        mask = item.masks[label.name]
        folder = safe(label, item.labels)
        for z in range(mask.shape[0]):
            if z in item.finished.get(label.name, ()) or mask[z].any():
                data = encode_picture(mask[z].astype(np.uint8) * np.uint8(255))
                out.file(f"masks/{folder}/{_slice_name(item, z)}.png", data)

    def _maps(self, item: Item, out: Out) -> None:
        for layer, values in maps_of(item).items():
            known = frozenset[int]().union(*(item.finished.get(label.name, frozenset()) for label in item.labels))
            for z in range(values.shape[0]):
                if z in known or values[z].any():
                    data = encode_indexed(values[z].astype(np.uint8), item.labels)
                    out.file(f"labels{layer}/{_slice_name(item, z)}.png", data)


def encode_indexed(values: NDArray[np.uint8], labels: Sequence[Label]) -> bytes:
    """Return label numbers ``[y, x]`` as a PNG with a palette: the numbers stay, the colours are shown."""
    picture = Image.frombytes("P", (values.shape[1], values.shape[0]), np.ascontiguousarray(values).tobytes())
    picture.putpalette(_palette(labels))
    made = io.BytesIO()
    picture.save(made, format="PNG", bits=8)
    return made.getvalue()


def _palette(labels: Sequence[Label]) -> list[int]:
    colours = [0] * (3 * 256)
    given = numbers(labels)
    for label in labels:
        at = 3 * given[label.name]
        colours[at : at + 3] = [int(label.color[part : part + 2], 16) for part in (1, 3, 5)]
    return colours


def _slice_name(item: Item, z: int) -> str:
    return item.name if item.volume.shape[0] == 1 else f"{item.name}_{z + 1:04d}"


def _pictures(item: Item, out: Out) -> Iterator[Array]:
    """Yield the scan's slices: as they are where PNG can hold them, else as they are shown, in 8 bits."""
    volume = item.volume
    if volume.array.dtype in _EXACT and not volume.inverted and (volume.array.ndim == 3 or volume.array.shape[3] >= 3):
        yield from volume.array
        return
    out.tell("export-png-shown", scan=item.scan.name)
    yield from _shown(volume)


def shown_pictures(volume: Volume) -> Iterator[Array]:
    """Yield a scan's slices in 8 bits, as they are shown; those that have 8 bits stay as they are."""
    array = volume.array
    if array.dtype == np.uint8 and not volume.inverted and (array.ndim == 3 or array.shape[3] >= 3):
        yield from array
        return
    yield from _shown(volume)


def _shown(volume: Volume) -> Iterator[Array]:
    window = auto_window(volume)
    for plane in volume.grey():
        grey = np.clip((volume.values(plane) - window.low) / max(window.width, 1e-6), 0.0, 1.0)
        levels = np.nan_to_num(grey * 255.0).round().astype(np.uint8)
        yield np.uint8(255) - levels if volume.inverted else levels
