"""Mask pictures as their numbers stand: palette indices, colours and alpha apart, nothing lossy."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from core.errors import InputError
from core.geometry import Array
from core.io import raster, tiff
from core.io.files import check_budget, read_bytes

_LOSSY_IN_TIFF = frozenset({6, 7, 33003, 33005, 34712, 50001})
"""JPEG old and new, JPEG 2000, WebP."""
_SIMPLE = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F", "L")


@dataclass(frozen=True)
class MaskPages:
    """The pages of one mask file.

    Parameters
    ----------
    pages
        Each ``[y, x]``, ``[y, x, 3]`` or ``[y, x, 4]`` (the last is alpha).
    palette
        Whether the numbers are indices into a palette.
    bits
        Whether each pixel has one bit.
    notes
        Keys of notices about this file.
    """

    pages: tuple[Array, ...]
    palette: bool = False
    bits: bool = False
    notes: tuple[str, ...] = ()


def read_mask_picture(path: Path) -> MaskPages:
    """Read the pages of a mask picture.

    Raises
    ------
    InputError
        ``mask-lossy`` for JPEG and lossy WebP: their edges are not what was drawn;
        ``mask-volumes`` for a hyperstack of several channels or times; as :mod:`core.io.raster`.
    """
    refuse_lossy(path)
    header = raster.read_header(path)
    check_budget(path, header.nbytes)
    head = raster.head_of(path)
    if raster.is_tiff(head):
        if header.volumes > 1:
            raise InputError("mask-volumes", file=path.name, volumes=header.volumes)
        return _of_tiff(path, header)
    bits, samples = raster.png_layout(head)
    if bits == 16 and samples > 1:
        return MaskPages((raster.deep_png(path),), notes=header.notes)
    with raster.pillow(path) as picture:
        page = _page(picture)
        if picture.mode == "L" and bits in (2, 4):
            # Pillow spreads few bits over 0 to 255; the numbers in the file are the labels
            page = page // np.uint8(255 // ((1 << bits) - 1))
        return MaskPages((page,), picture.mode in {"P", "PA"}, picture.mode == "1", header.notes)


def _of_tiff(path: Path, header: raster.PictureHeader) -> MaskPages:
    file, stack = raster.tiff_pages(path)
    chosen = [file.kept[stack.page(0, page)] for page in range(stack.slices)]
    first = file.pages[chosen[0]]
    if not first.own:
        pages = []
        with raster.pillow(path) as picture:
            for index in chosen:
                picture.seek(file.places[index])
                pages.append(_page(picture))
            return MaskPages(tuple(pages), picture.mode == "P", picture.mode == "1", header.notes)
    with raster.worded(path):
        pages = [tiff.decode(path, file.pages[index]) for index in chosen]
    notes = header.notes
    if first.photometric == tiff.WHITE_IS_ZERO:
        if first.bits == 1:
            # black and white have no numbers: what is white is the mask
            pages = [np.uint8(1) - page for page in pages]
        else:
            notes = (*notes, "mask-white-is-zero")
    pages = [_with_alpha(page) for page in pages]
    return MaskPages(tuple(pages), first.photometric == tiff.PALETTE, first.bits == 1, notes)


def _with_alpha(page: Array) -> Array:
    """Return grey with alpha as colours with alpha."""
    if page.ndim == 3 and page.shape[2] == 2:
        return page[..., [0, 0, 0, 1]]
    return page


def _page(picture: Image.Image) -> Array:
    if picture.mode == "P":
        return np.asarray(picture)
    if picture.mode == "PA":
        return np.asarray(picture.getchannel("P"))
    if picture.mode == "1":
        return np.asarray(picture).astype(np.uint8)
    if picture.mode in {"LA", "La"}:
        return _with_alpha(np.asarray(picture.convert("LA")))
    if picture.mode in _SIMPLE:
        array = np.asarray(picture)
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    return np.asarray(picture.convert("RGBA" if picture.mode in {"RGBA", "RGBa"} else "RGB"))


def refuse_lossy(path: Path) -> None:
    """Refuse a file whose compression changes values, as a mask."""
    head = raster.head_of(path)
    lossy = head.startswith(b"\xff\xd8\xff") or (head[8:12] == b"WEBP" and _lossy_webp(path, head))
    if raster.is_tiff(head):
        lossy = raster.tiff_pages(path)[0].first.compression in _LOSSY_IN_TIFF
    if lossy:
        raise InputError("mask-lossy", file=path.name)


def _lossy_webp(path: Path, head: bytes) -> bool:
    if head[12:16] in (b"VP8 ", b"VP8L"):
        return head[12:16] == b"VP8 "
    # extended file: walk the chunks (into those of frames) to the one that holds the pixels
    data = io.BytesIO(read_bytes(path))
    data.seek(12)
    while len(chunk := data.read(8)) == 8:
        if chunk[:4] in (b"VP8 ", b"VP8L"):
            return chunk[:4] == b"VP8 "
        size = int.from_bytes(chunk[4:], "little")
        if chunk[:4] == b"ANMF":
            data.seek(16, io.SEEK_CUR)
        else:
            data.seek(size + size % 2, io.SEEK_CUR)
    return False
