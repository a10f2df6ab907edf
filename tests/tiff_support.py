"""A writer of TIFFs that other writers seldom make: BigTIFF, tiles, planes, predictors, odd depths."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LETTERS = {3: "H", 4: "I", 12: "d", 16: "Q"}


def write_tiff(
    path: Path,
    pages: Sequence[NDArray[Any]],
    *,
    order: str = "<",
    big: bool = False,
    tile: int = 0,
    planar: bool = False,
    predictor: int = 1,
    packed: str = "none",
    rows_per_strip: int = 3,
    description: str = "",
    only_first: bool = False,
    per_page: Sequence[dict[int, tuple[int, Sequence[Any]]]] = (),
    **tags: int,
) -> None:
    """Write pages ``[y, x]`` or ``[y, x, sample]``.

    Parameters
    ----------
    per_page
        Further tags of each page: number to (type, values).
    only_first
        Name only the first page, of ``rows_per_strip`` rows; the others follow its data (as ImageJ does with
        large stacks).
    **tags
        ``photometric``.
    """
    head = (
        struct.pack(f"{order}2sHHHQ", _mark(order), 43, 8, 0, 16)
        if big
        else struct.pack(f"{order}2sHI", _mark(order), 42, 8)
    )
    data = bytearray(head)
    links: list[int] = [8 if big else 4]
    if only_first:
        # one strip that goes on past the page
        pages = [np.concatenate(list(pages))]
        per_page = [{257: (4, [rows_per_strip]), 279: (4, [pages[0].nbytes])}]
        rows_per_strip = len(pages[0])
    for number, page in enumerate(pages):
        samples = page.shape[2] if page.ndim == 3 else 1
        planes = [page[..., index] for index in range(samples)] if planar and samples > 1 else [page]
        segments = [
            _pack(_predict(block, predictor, order), packed)
            for plane in planes
            for block in _blocks(plane, tile, rows_per_strip)
        ]
        starts = []
        for segment in segments:
            starts.append(len(data))
            data += segment
        data += b"\0" * (len(data) % 2)
        photometric = tags.get("photometric", 2 if samples >= 3 else 1)
        entries: dict[int, tuple[int, Sequence[Any]]] = {
            256: (4, [page.shape[1]]),
            257: (4, [page.shape[0]]),
            258: (3, [page.dtype.itemsize * 8] * samples),
            259: (3, [{"none": 1, "deflate": 8, "packbits": 32773}[packed]]),
            262: (3, [photometric]),
            277: (3, [samples]),
            284: (3, [2 if planar else 1]),
            317: (3, [predictor]),
            339: (3, [{"u": 1, "i": 2, "f": 3}[page.dtype.kind]] * samples),
        }
        if tile:
            entries |= {322: (4, [tile]), 323: (4, [tile]), 324: (4, starts), 325: (4, [len(one) for one in segments])}
        else:
            entries |= {273: (4, starts), 278: (4, [rows_per_strip]), 279: (4, [len(one) for one in segments])}
        if description and number == 0:
            entries[270] = (2, [description.encode() + b"\0"])
        if number < len(per_page):
            entries |= per_page[number]
        _directory(data, entries, order, big, links)
    path.write_bytes(bytes(data))


def _mark(order: str) -> bytes:
    return b"II" if order == "<" else b"MM"


def _blocks(plane: NDArray[Any], tile: int, rows: int) -> list[NDArray[Any]]:
    if not tile:
        return [plane[start : start + rows] for start in range(0, len(plane), rows)]
    down, across = -(-plane.shape[0] // tile) * tile, -(-plane.shape[1] // tile) * tile
    whole = np.zeros((down, across, *plane.shape[2:]), plane.dtype)
    whole[: plane.shape[0], : plane.shape[1]] = plane
    return [whole[y : y + tile, x : x + tile] for y in range(0, down, tile) for x in range(0, across, tile)]


def _predict(block: NDArray[Any], predictor: int, order: str) -> bytes:
    if predictor == 2:
        whole = np.ascontiguousarray(block).view(f"u{block.dtype.itemsize}")
        block = np.concatenate([whole[:, :1], whole[:, 1:] - whole[:, :-1]], axis=1)
    if predictor == 3:
        samples = block.shape[2] if block.ndim == 3 else 1
        heavy = np.ascontiguousarray(block).astype(block.dtype.newbyteorder(">")).view(np.uint8)
        by_weight = heavy.reshape(len(block), -1, block.dtype.itemsize).swapaxes(1, 2).reshape(len(block), -1, samples)
        return np.concatenate([by_weight[:, :1], by_weight[:, 1:] - by_weight[:, :-1]], axis=1).tobytes()
    return np.ascontiguousarray(block).astype(block.dtype.newbyteorder(order)).tobytes()


def _pack(raw: bytes, packed: str) -> bytes:
    if packed == "deflate":
        return zlib.compress(raw)
    if packed == "packbits":
        pieces = [raw[start : start + 100] for start in range(0, len(raw), 100)]
        return b"".join(bytes([len(piece) - 1]) + piece for piece in pieces)
    return raw


def _directory(
    data: bytearray, entries: dict[int, tuple[int, Sequence[Any]]], order: str, big: bool, links: list[int]
) -> None:
    written = []
    for tag in sorted(entries):
        kind, values = entries[tag]
        if kind == 2:
            raw, count = values[0], len(values[0])
        elif kind == 5:
            raw, count = b"".join(struct.pack(f"{order}II", *value) for value in values), len(values)
        else:
            raw, count = struct.pack(f"{order}{len(values)}{_LETTERS[kind]}", *values), len(values)
        room = 8 if big else 4
        if len(raw) > room:
            place = struct.pack(f"{order}Q" if big else f"{order}I", len(data))
            data += raw + b"\0" * (len(raw) % 2)
        else:
            place = raw.ljust(room, b"\0")
        written.append(struct.pack(f"{order}HHQ" if big else f"{order}HHI", tag, kind, count) + place)
    struct.pack_into(f"{order}Q" if big else f"{order}I", data, links[-1], len(data))
    data += struct.pack(f"{order}Q" if big else f"{order}H", len(written)) + b"".join(written)
    links.append(len(data))
    data += bytes(8 if big else 4)
