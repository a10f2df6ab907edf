"""Label Studio's brush RLE: a stream of bits, most significant first, over the RGBA bytes of a picture.

Header: 32 bits for how many words there are (4 x rows x columns), 5 bits for the bits of a word
less one, four times 4 bits for the sizes of run lengths less one. Then until all words are there:
1 bit that says whether one word is repeated, 2 bits for which size the run length has, the run
length less one, then the word, or as many words as the run is long. The mask is the alpha channel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError

WORD = 8
SIZES = (3, 4, 8, 16)
MOST_PIXELS = (1 << 30) - 1
"""What fits into 32 bits for four words per pixel."""
_HEADER = 32 + 5 + 4 * 4
_ALPHA = 3


def encode(mask: NDArray[np.bool_] | NDArray[np.uint8]) -> list[int]:
    """Return a mask as Label Studio's ``rle``: all four channels are 255 where it is set.

    Parameters
    ----------
    mask
        ``[y, x]``; anything but zero is set.

    Raises
    ------
    InputError
        ``export-picture-large`` for more pixels than the format can count.
    """
    values = np.ascontiguousarray(mask != 0).ravel()
    if values.size > MOST_PIXELS:
        raise InputError("export-picture-large")
    lengths, filled = _runs(values)
    sizes = np.searchsorted([1 << size for size in SIZES], lengths)
    bits = np.asarray(SIZES)[sizes]
    # repeated, size, length less one, word
    codes = (((1 << 2 | sizes) << bits | lengths - 1) << WORD) | filled * 255
    widths = 3 + bits + WORD
    ends = _HEADER + np.cumsum(widths)
    total = int(ends[-1]) if len(ends) else _HEADER
    stream = np.zeros(total, dtype=np.uint8)
    header = 4 * values.size
    for field, width in ((WORD - 1, 5), *((size - 1, 4) for size in SIZES)):
        header = header << width | field
    stream[:_HEADER] = [header >> place & 1 for place in reversed(range(_HEADER))]
    for width in np.unique(widths):
        there = widths == width
        places = np.arange(int(width))
        starts = ends[there] - width
        stream[starts[:, None] + places] = codes[there][:, None] >> (width - 1 - places) & 1
    return list(np.packbits(stream).tobytes())


def _runs(values: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return lengths in words, none longer than the format's longest, and whether each is set."""
    if not values.size:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    edges = np.flatnonzero(np.diff(values)) + 1
    starts = np.concatenate(([0], edges)).astype(np.int64)
    lengths = 4 * np.diff(np.append(starts, values.size))
    filled = values[starts].astype(np.int64)
    longest = 1 << SIZES[-1]
    pieces = -(-lengths // longest)
    cut = np.full(int(pieces.sum()), longest, dtype=np.int64)
    cut[np.cumsum(pieces) - 1] = lengths - (pieces - 1) * longest
    return cut, np.repeat(filled, pieces)


def decode(rle: Sequence[int], shape: tuple[int, int], file: str = "") -> NDArray[np.uint8]:
    """Return the mask of Label Studio's ``rle``: 1 where alpha is more than zero.

    Nothing is made before the header is found to speak of this picture and the stream to be long enough for it.

    Parameters
    ----------
    rle
        Bytes as numbers.
    shape
        Rows and columns that the region names; the caller has held them to its limits.
    file
        Named in errors.

    Raises
    ------
    InputError
        ``exchange-unreadable``.
    """
    try:
        data = bytes(rle)
    except (TypeError, ValueError) as error:
        raise InputError("exchange-unreadable", file=file) from error
    reader = _Bits(data)
    count, word = reader.take(32), reader.take(5) + 1
    sizes = [reader.take(4) + 1 for _ in range(4)]
    rows, columns = shape
    most = reader.left // (3 + min(sizes) + word) + 1
    broken = InputError("exchange-unreadable", file=file)
    if len(data) * 8 < _HEADER or count != 4 * rows * columns or word != WORD or count > most << max(sizes):
        raise broken
    alpha = np.zeros(rows * columns, dtype=np.uint8)
    done = 0
    while done < count:
        repeated, size = reader.take(1), sizes[reader.take(2)]
        length = reader.take(size) + 1
        bits = WORD if repeated else WORD * length
        if length > count - done or bits > reader.left:
            raise broken
        # of the words from here on, the alpha ones are those whose number is 3 more than a multiple of 4
        first, last = (done + 4 - 1 - _ALPHA) // 4, (done + length + 4 - 1 - _ALPHA) // 4
        if repeated:
            if reader.take(WORD):
                alpha[first:last] = 1
        else:
            words = reader.bytes(length)
            alpha[first:last] = words[(_ALPHA - done) % 4 :: 4] != 0
        done += length
    return alpha.reshape(shape)


class _Bits:
    """Bits of a stream, most significant first; zeros behind its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._padded = np.frombuffer(data + b"\0", dtype=np.uint8)
        self._at = 0

    @property
    def left(self) -> int:
        """Bits that are still there."""
        return max(0, 8 * len(self._data) - self._at)

    def take(self, count: int) -> int:
        """Return the next up to 57 bits as a number."""
        start, skip = divmod(self._at, 8)
        self._at += count
        value = int.from_bytes(self._data[start : start + 8].ljust(8, b"\0"), "big")
        return value >> (64 - skip - count) & ((1 << count) - 1)

    def bytes(self, count: int) -> NDArray[np.uint8]:
        """Return the next ``count`` times 8 bits, which the caller knows to be there."""
        start, skip = divmod(self._at, 8)
        self._at += 8 * count
        here = self._padded[start : start + count + 1].astype(np.uint16)
        return ((here[:-1] << skip | here[1:] >> (8 - skip)) & 255).astype(np.uint8)
