"""PNG, TIFF, JPEG, WebP and BMP broken in their chunks and tables."""

from __future__ import annotations

import random
import zlib

from fuzz_bytes import BAD_COUNTS, any_bytes, jpeg_markers, poke

_SIDES = [
    0,
    1,
    2,
    7,
    8,
    9,
    10,
    11,
    12,
    13,
    100,
    1000,
    9999,
    10_000,
    30_000,
    65_535,
    65_536,
    100_000,
    2**31 - 1,
    2**32 - 1,
]
_TIFF_TAGS = [254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 282, 284, 296, 317, 320, 322, 323, 324, 325,
              330, 338, 339, 347, 700, 34665, 65535]  # fmt: skip


def mutate_png(data: bytes, chance: random.Random) -> bytes:
    """Break a PNG's chunks, checksums made right again so that the reader goes on."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        if chance.random() < 0.15:
            data = any_bytes(data, chance)
            continue
        chunks = _chunks(data)
        if not chunks:
            return any_bytes(data, chance)
        at = chance.randrange(len(chunks))
        kind, body = chunks[at]
        way = chance.randrange(6)
        if kind == b"IHDR" and way < 4:
            body = _header(body, chance)
        elif way == 0:
            body = any_bytes(body, chance)
        elif way == 1:
            body = body[: chance.randrange(len(body) + 1)]
        elif way == 2:
            body = zlib.compress(bytes(chance.choice((0, 10, 1000, 3_000_000))))
        elif way == 3:
            kind = chance.choice((b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"zTXt", b"iCCP", b"zzzz"))
        elif way == 4:
            chunks.insert(at, chunks[chance.randrange(len(chunks))])
        else:
            del chunks[at]
        if way < 4:
            chunks[at] = (kind, body)
        data = data[:8] + b"".join(_chunk(*chunk) for chunk in chunks)
    return data


def _header(body: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        return poke(body, chance.choice((0, 4)), chance.choice(_SIDES).to_bytes(4, "big"))
    return poke(body, chance.randrange(8, 13), bytes([chance.choice((0, 1, 2, 3, 4, 6, 7, 8, 16, 32, 255))]))


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return found


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def mutate_tiff(data: bytes, chance: random.Random) -> bytes:
    """Break a TIFF's tables: tags, types, counts, values, where the next one stands (itself, too)."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        data = any_bytes(data, chance) if chance.random() < 0.15 else _tiff(data, chance)
    return data


def _tiff(data: bytes, chance: random.Random) -> bytes:
    order = "big" if data[:2] == b"MM" else "little"

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], "big" if order == "big" else "little")

    def put(at: int, value: int, size: int) -> bytes:
        return poke(data, at, (value % (1 << 8 * size)).to_bytes(size, "big" if order == "big" else "little"))

    big = number(2, 2) == 43
    word, entry, count_size = (8, 20, 8) if big else (4, 12, 2)
    tables, at = [], number(8 if big else 4, word)
    while 0 < at < len(data) and at not in tables and len(tables) < 8:
        tables.append(at)
        at = number(at + count_size + number(at, count_size) * entry, word)
    if not tables:
        return any_bytes(data, chance)
    table = chance.choice(tables)
    count = min(number(table, count_size), 100)
    place = table + count_size + chance.randrange(max(1, count)) * entry
    way = chance.randrange(8)
    if way == 0:
        return put(table, chance.choice(BAD_COUNTS), count_size)
    if way == 1:
        return put(table + count_size + count * entry, chance.choice([*tables, *BAD_COUNTS, len(data)]), word)
    if way == 2:
        return put(place, chance.choice(_TIFF_TAGS), 2)
    if way == 3:
        return put(place + 2, chance.randrange(20), 2)
    if way == 4:
        return put(place + 4, chance.choice(BAD_COUNTS), word)
    value = chance.choice([*_SIDES, *BAD_COUNTS, 5, 6, 32773, 32946, 50000, len(data), table])
    return put(place + 4 + word, value, chance.choice((2, word)))


def mutate_jpeg(data: bytes, chance: random.Random) -> bytes:
    """Break a JPEG at its markers."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        data = jpeg_markers(data, chance) if chance.random() < 0.8 else any_bytes(data, chance)
    return data


def mutate_webp(data: bytes, chance: random.Random) -> bytes:
    """Break a WebP: sizes of chunks, their names, the canvas."""
    for _ in range(chance.choice((1, 1, 2))):
        way = chance.randrange(4)
        if way == 0:
            data = poke(data, chance.choice((4, 16)), chance.choice(BAD_COUNTS).to_bytes(4, "little"))
        elif way == 1:
            data = poke(data, 12, chance.choice((b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ALPH", b"zzzz")))
        elif way == 2:
            data = poke(data, 20 + chance.randrange(16), bytes([chance.randrange(256)]))
        else:
            data = any_bytes(data, chance)
    return data


def mutate_bmp(data: bytes, chance: random.Random) -> bytes:
    """Break a BMP's header: sizes, depth, compression, palette, where the pixels begin."""
    for _ in range(chance.choice((1, 1, 2))):
        if chance.random() < 0.25:
            data = any_bytes(data, chance)
            continue
        at, size = chance.choice(
            ((2, 4), (10, 4), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2), (30, 4), (34, 4), (46, 4))
        )
        value = chance.choice([*_SIDES, *BAD_COUNTS, 4, 24, 32])
        data = poke(data, at, (value % (1 << 8 * size)).to_bytes(size, "little"))
    return data
