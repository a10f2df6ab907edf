"""TIFF as it is stored: every depth, sign and order of samples, strips and tiles, classic and BigTIFF.

The tags are read here; Pillow's libtiff only unpacks the bytes (it would drop
16-bit colours to 8 bits, 64-bit floats to 32, and turn white-is-zero pictures
round). What samples mean is decided by the tags alone.
"""

from __future__ import annotations

import io
import math
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import InputError
from core.geometry import Array
from core.io.files import MAX_PIXELS, opened

Order = Literal["<", ">"]

_TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_MOST_PAGES = 20_000
_MOST_TAGS = 4096
_MOST_TEXT = 1 << 20

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, DESCRIPTION = 254, 256, 257, 258, 259, 262, 266, 270
STRIPS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, X_RESOLUTION, Y_RESOLUTION = (
    273,
    274,
    277,
    278,
    279,
    282,
    283,
)
PLANAR, PREDICTOR, COLOUR_MAP = 284, 317, 320
TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES, EXTRA, SAMPLE_FORMAT = 322, 323, 324, 325, 338, 339
_KEPT = frozenset(
    {SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, DESCRIPTION, STRIPS, ORIENTATION}
)
_KEPT |= {SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, X_RESOLUTION, Y_RESOLUTION, PLANAR, PREDICTOR, COLOUR_MAP}
_KEPT |= {TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES, EXTRA, SAMPLE_FORMAT}

_UNPACKED = frozenset({1, 5, 8, 32946, 32773, 34925, 50000})
"""None, LZW, deflate (two numbers), PackBits, LZMA, Zstandard: bytes in, the same bytes out."""
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE = 0, 1, 2, 3
_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}


@dataclass(frozen=True)
class Page:
    """One picture of a TIFF.

    Parameters
    ----------
    tags
        The tags that matter, by number.
    order
        Byte order of the file.
    """

    tags: Mapping[int, tuple[int | float | str, ...]]
    order: Order

    def number(self, tag: int, other: int) -> int:
        """Return a tag's first value as a whole number."""
        return next(iter(self.numbers(tag)), other)

    def numbers(self, tag: int) -> list[int]:
        """Return all values of a tag that are numbers."""
        found = self.tags.get(tag, ())
        return [int(value) for value in found if isinstance(value, (int, float)) and math.isfinite(value)]

    @property
    def width(self) -> int:
        """Columns."""
        return self.number(WIDTH, 0)

    @property
    def height(self) -> int:
        """Rows."""
        return self.number(HEIGHT, 0)

    @property
    def samples(self) -> int:
        """Numbers per pixel."""
        return self.number(SAMPLES, 1)

    @property
    def bits(self) -> int:
        """Bits of each sample."""
        return self.number(BITS, 1)

    @property
    def photometric(self) -> int:
        """What the samples are: one of the constants of this module, or another number."""
        return self.number(PHOTOMETRIC, BLACK_IS_ZERO)

    @property
    def compression(self) -> int:
        """How the bytes are packed."""
        return self.number(COMPRESSION, 1)

    @property
    def dtype(self) -> np.dtype[np.generic] | None:
        """Of the decoded samples (native order), or None where this module does not decode them."""
        kind = _KINDS.get(self.number(SAMPLE_FORMAT, 1))
        bits = self.bits
        if kind is None or len(set(self.numbers(BITS))) > 1 or len(set(self.numbers(SAMPLE_FORMAT))) > 1:
            return None
        if kind == "f":
            return np.dtype(f"f{bits // 8}") if bits in (16, 32, 64) else None
        if bits in (8, 16, 32, 64):
            return np.dtype(f"{kind}{bits // 8}")
        return np.dtype("u1" if bits < 8 else "u2") if kind == "u" and 1 <= bits <= 16 else None

    @property
    def own(self) -> bool:
        """Whether this module decodes it; else Pillow does."""
        tiled = TILES in self.tags
        return (
            self.dtype is not None
            and self.compression in _UNPACKED
            and self.photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE)
            and self.number(FILL_ORDER, 1) == 1
            and not (tiled and self.bits % 8)
        )


@dataclass(frozen=True)
class Tiff:
    """The pages of a TIFF.

    Parameters
    ----------
    pages
        All, in order; pictures in small of another page are left out.
    kept
        Indices of those that have the size and kind of most.
    places
        Where each page stands in the file, counted with those left out.
    """

    pages: tuple[Page, ...]
    kept: tuple[int, ...]
    places: tuple[int, ...]

    @property
    def first(self) -> Page:
        """The first page that counts."""
        return self.pages[self.kept[0]]

    @property
    def description(self) -> str:
        """What the program that wrote it said of it."""
        found = self.pages[0].tags.get(DESCRIPTION, ("",))
        return str(found[0]) if found else ""


def read_tiff(path: Path) -> Tiff:
    """Read the tags of all pages.

    Raises
    ------
    InputError
        ``picture-unreadable``, ``file-too-large``.
    """
    try:
        with opened(path) as file:
            return _read(file, path)
    except (struct.error, ValueError, OverflowError, MemoryError, OSError) as error:
        raise InputError("picture-unreadable", file=path.name) from error


def _read(file: BinaryIO, path: Path) -> Tiff:
    head = file.read(16)
    order: Order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack(f"{order}H", head[2:4])[0] == 43
    at = struct.unpack(f"{order}Q", head[8:16])[0] if big else struct.unpack(f"{order}I", head[4:8])[0]
    size = file.seek(0, io.SEEK_END)
    seen: set[int] = set()
    pages: list[Page] = []
    places: list[int] = []
    place = 0
    while at and at not in seen and at < size and len(pages) < _MOST_PAGES:
        seen.add(at)
        page, at = _directory(file, at, order, big, size)
        # a picture in small of another page is no slice
        if page.width > 0 and page.height > 0 and not (page.number(SUBFILE, 0) & 1 and pages):
            if page.width * page.height > MAX_PIXELS:
                raise InputError("file-too-large", file=path.name)
            pages.append(page)
            places.append(place)
        place += 1
    if not pages:
        raise InputError("picture-unreadable", file=path.name)
    return Tiff(tuple(pages), _alike(pages), tuple(places))


def _alike(pages: Sequence[Page]) -> tuple[int, ...]:
    """Return the pages that have the size and kind of most (of the first, where it is a draw)."""
    kinds = [(page.height, page.width, page.samples, page.bits, page.number(SAMPLE_FORMAT, 1)) for page in pages]
    counts = Counter(kinds)
    most = max(counts.values())
    kind = next(kind for kind in kinds if counts[kind] == most)
    return tuple(index for index, own in enumerate(kinds) if own == kind)


def _directory(file: BinaryIO, at: int, order: Order, big: bool, size: int) -> tuple[Page, int]:
    file.seek(at)
    count = struct.unpack(f"{order}Q" if big else f"{order}H", file.read(8 if big else 2))[0]
    if count > _MOST_TAGS:
        raise ValueError(count)
    step = 20 if big else 12
    block = file.read(count * step)
    following = struct.unpack(
        f"{order}Q" if big else f"{order}I", file.read(8 if big else 4).ljust(8 if big else 4, b"\0")
    )
    tags: dict[int, tuple[int | float | str, ...]] = {}
    for entry in (block[start : start + step] for start in range(0, count * step, step)):
        tag, kind = struct.unpack(f"{order}HH", entry[:4])
        if tag not in _KEPT or kind not in _SIZES:
            continue
        many = struct.unpack(f"{order}Q" if big else f"{order}I", entry[4 : step - (8 if big else 4)])[0]
        length = many * _SIZES[kind]
        inline = entry[step - (8 if big else 4) :]
        if length > size or (kind == 2 and length > _MOST_TEXT):
            continue
        if length <= len(inline):
            raw = inline[:length]
        else:
            file.seek(struct.unpack(f"{order}Q" if big else f"{order}I", inline)[0])
            raw = file.read(length)
        tags[tag] = _values(raw, kind, order)
    return Page(tags, order), int(following[0])


def _values(raw: bytes, kind: int, order: Order) -> tuple[int | float | str, ...]:
    if kind in (2, 7):
        return (raw.split(b"\0")[0].decode("utf-8", "replace"),)
    if kind in (5, 10):
        parts = struct.unpack(f"{order}{len(raw) // 4}{'I' if kind == 5 else 'i'}", raw)
        return tuple(top / bottom if bottom else 0.0 for top, bottom in zip(parts[::2], parts[1::2], strict=True))
    letter = _TYPES[kind]
    return struct.unpack(f"{order}{len(raw) // _SIZES[kind]}{letter}", raw[: len(raw) // _SIZES[kind] * _SIZES[kind]])


def decode(path: Path, page: Page) -> Array:
    """Decode one page as it is stored: ``[y, x]`` or ``[y, x, sample]``, native byte order.

    Raises
    ------
    InputError
        ``picture-unreadable``, ``file-truncated``.
    """
    if not page.own:
        raise InputError("picture-unreadable", file=path.name)
    separate = page.number(PLANAR, 1) == 2 and page.samples > 1
    planes = page.samples if separate else 1
    per_pixel = 1 if separate else page.samples
    try:
        segments = _segments(path, page)
        each = len(segments) // planes
        parts = [_plane(page, segments[plane * each : (plane + 1) * each], per_pixel, path) for plane in range(planes)]
    except (struct.error, ValueError, IndexError, OSError, SyntaxError, EOFError, TypeError, KeyError) as error:
        raise InputError("picture-unreadable", file=path.name) from error
    pixels = np.concatenate(parts, axis=2) if planes > 1 else parts[0]
    if pixels.dtype == np.float16:
        # no reader of scans expects half precision
        pixels = pixels.astype(np.float32)
    return pixels[..., 0] if pixels.shape[2] == 1 else pixels


def _segments(path: Path, page: Page) -> list[bytes]:
    """Return the packed bytes of every strip or tile."""
    tiled = TILES in page.tags
    starts, sizes = page.numbers(TILES if tiled else STRIPS), page.numbers(TILE_BYTES if tiled else STRIP_BYTES)
    if not starts:
        raise InputError("picture-unreadable", file=path.name)
    if len(sizes) != len(starts):
        if page.compression != 1 or len(starts) > 1:
            raise InputError("picture-unreadable", file=path.name)
        # some old writers leave it out of a single strip
        sizes = [(page.width * page.samples * page.bits + 7) // 8 * page.height]
    segments = []
    with opened(path) as file:
        size = file.seek(0, io.SEEK_END)
        for start, length in zip(starts, sizes, strict=True):
            if start + length > size:
                raise InputError("file-truncated", file=path.name)
            file.seek(start)
            segments.append(file.read(length))
    return segments


def _plane(page: Page, segments: Sequence[bytes], per_pixel: int, path: Path) -> Array:
    """Decode the strips or tiles of one plane to ``[y, x, sample]``."""
    tiled = TILES in page.tags
    across = page.number(TILE_WIDTH, 0) if tiled else page.width
    down = page.number(TILE_HEIGHT, 0) if tiled else min(page.number(ROWS_PER_STRIP, page.height), page.height)
    if across < 1 or down < 1:
        raise ValueError(across, down)
    columns = -(-page.width // across) * across
    rows = -(-page.height // down) * down if tiled else page.height
    wanted = (columns // across) * -(-page.height // down)
    if len(segments) < wanted:
        raise InputError("file-truncated", file=path.name)
    row_bytes = (columns * per_pixel * page.bits + 7) // 8
    unpacked = _unpack(page, segments[:wanted], (rows, row_bytes), down, row_bytes * across // columns if tiled else 0)
    blocks = unpacked.reshape(rows, columns // across, -1)
    pixels = _samples(page, blocks, across * per_pixel, per_pixel)
    return pixels.reshape(rows, columns, per_pixel)[: page.height, : page.width]


def _unpack(page: Page, segments: Sequence[bytes], size: tuple[int, int], down: int, tile: int) -> NDArray[np.uint8]:
    """Unpack bytes through libtiff, as one grey 8-bit picture of ``size`` (rows, bytes) that means nothing.

    ``tile`` is the bytes across one tile, 0 for strips.
    """
    rows, row_bytes = size
    if rows * row_bytes > 2 * (Image.MAX_IMAGE_PIXELS or MAX_PIXELS):
        raise MemoryError
    entries: list[tuple[int, int, Sequence[int]]] = [
        (WIDTH, 4, [row_bytes]),
        (HEIGHT, 4, [rows]),
        (BITS, 3, [8]),
        (COMPRESSION, 3, [page.compression]),
        (PHOTOMETRIC, 3, [BLACK_IS_ZERO]),
        (SAMPLES, 3, [1]),
    ]
    places: list[int] = []
    at = 8
    for segment in segments:
        places.append(at)
        at += len(segment)
    lengths = [len(segment) for segment in segments]
    if tile:
        entries += [(TILE_WIDTH, 4, [tile]), (TILE_HEIGHT, 4, [down]), (TILES, 4, places), (TILE_BYTES, 4, lengths)]
    else:
        entries += [(STRIPS, 4, places), (ROWS_PER_STRIP, 4, [down]), (STRIP_BYTES, 4, lengths)]
    packed = io.BytesIO(_small_tiff(segments, sorted(entries)))
    with Image.open(packed, formats=["TIFF"]) as picture:
        return np.asarray(picture, dtype=np.uint8)


def _small_tiff(segments: Sequence[bytes], entries: Sequence[tuple[int, int, Sequence[int]]]) -> bytes:
    """Return a little-endian TIFF of one page whose packed data lie right after the header."""
    data = b"".join(segments)
    data += b"\0" * (len(data) % 2)
    start = 8 + len(data)
    after = start + 2 + 12 * len(entries) + 4
    directory, outside = [struct.pack("<H", len(entries))], b""
    for tag, kind, values in entries:
        raw = struct.pack(f"<{len(values)}{_TYPES[kind]}", *values)
        if len(raw) > 4:
            place = struct.pack("<I", after + len(outside))
            outside += raw
        else:
            place = raw.ljust(4, b"\0")
        directory.append(struct.pack("<HHI", tag, kind, len(values)) + place)
    return struct.pack("<2sHI", b"II", 42, start) + data + b"".join(directory) + struct.pack("<I", 0) + outside


def _samples(page: Page, blocks: NDArray[np.uint8], count: int, per_pixel: int) -> Array:
    """Turn unpacked bytes ``[row, block, byte]`` into samples ``[row, block, count]``."""
    dtype = page.dtype
    assert dtype is not None
    predictor = page.number(PREDICTOR, 1) if page.compression != 1 else 1
    if page.bits % 8 or page.bits == 24:
        return _few_bits(blocks, page.bits, count, dtype)
    width = page.bits // 8
    if predictor == 3 and dtype.kind == "f":
        summed = np.cumsum(blocks.reshape(*blocks.shape[:2], -1, per_pixel), axis=2, dtype=np.uint8)
        # the bytes of all samples by their weight, the heaviest first
        by_weight = summed.reshape(*blocks.shape[:2], width, count)
        heavy_first = np.ascontiguousarray(by_weight.swapaxes(2, 3))
        return heavy_first.view(dtype.newbyteorder(">"))[..., 0].astype(dtype)
    samples = np.ascontiguousarray(blocks).view(dtype.newbyteorder(page.order)).astype(dtype)
    if predictor == 2:
        whole = samples.view(f"u{width}").reshape(*blocks.shape[:2], -1, per_pixel)
        samples = np.cumsum(whole, axis=2, dtype=whole.dtype).view(dtype)
    elif predictor != 1:
        raise ValueError(predictor)
    return samples.reshape(*blocks.shape[:2], count)


def _few_bits(blocks: NDArray[np.uint8], bits: int, count: int, dtype: np.dtype[np.generic]) -> Array:
    """Unpack samples of a number of bits that is no whole byte; rows begin on a byte."""
    single = np.unpackbits(blocks, axis=2)[..., : count * bits].reshape(*blocks.shape[:2], count, bits)
    weights = (1 << np.arange(bits - 1, -1, -1)).astype(np.uint32)
    return np.asarray(single.astype(np.uint32) @ weights).astype(dtype)


def colours_of(page: Page, index: Array) -> NDArray[np.uint8]:
    """Turn palette indices into colours, ``[..., 3]``.

    Raises
    ------
    ValueError
        Where the palette is not there or too short.
    """
    entries = np.array(page.numbers(COLOUR_MAP), dtype=np.int64)
    count = len(entries) // 3
    if not count or int(index.max(initial=0)) >= count:
        raise ValueError(count)
    table = entries[: 3 * count].reshape(3, count).T
    # 16-bit entries by the standard; some writers put 8-bit ones there
    table = table >> 8 if table.max(initial=0) > 255 else table
    return np.asarray(table.astype(np.uint8)[index])
