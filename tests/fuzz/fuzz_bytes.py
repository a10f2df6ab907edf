"""Ways to break any file, and JPEG's markers, which stand alone and inside DICOM."""

from __future__ import annotations

import random
from pathlib import Path

BAD_COUNTS = [0, 1, 2, 3, 7, 255, 256, 65535, 65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 100_000, 1_000_000]
_BAD_WORDS = (b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\x7f\xff\xff\xff", b"\xff\xfe\0\xe0")


def poke(data: bytes, at: int, value: bytes) -> bytes:
    """Write over bytes without changing the length, where the place is inside."""
    if at < 0 or at >= len(data):
        return data
    value = value[: len(data) - at]
    return data[:at] + value + data[at + len(value) :]


def write_anew(path: Path, data: bytes) -> None:
    """Write a file that may be there: emptied and written again, it would be waited for by some file systems."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def any_bytes(data: bytes, chance: random.Random) -> bytes:
    """Break a file the way disks, transfers and bad programs do."""
    broken = bytearray(data or b"\0")
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        way = chance.randrange(6)
        # most of what matters stands at the front
        at = chance.randrange(max(1, min(len(broken), 600 if chance.random() < 0.7 else len(broken))))
        if way == 0:
            broken[at : at + 1] = bytes([chance.randrange(256)])
        elif way == 1:
            broken[at : at + 4] = chance.choice(_BAD_WORDS)
        elif way == 2:
            del broken[at : at + chance.randrange(1, 64)]
        elif way == 3:
            broken[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 32)))
        elif way == 4:
            del broken[chance.randrange(1, len(broken) + 1) :]
        else:
            other = chance.randrange(max(1, len(broken)))
            broken[at : at + 16] = broken[other : other + 16]
        if not broken:
            broken = bytearray(b"\0")
    return bytes(broken)


def jpeg_markers(data: bytes, chance: random.Random) -> bytes:
    """Break a JPEG, JPEG-LS or JPEG 2000 stream at its markers: sizes, components, tiles, tables, lengths."""
    places = [at for at in range(min(len(data) - 4, 4000)) if data[at] == 0xFF and data[at + 1] >= 0x4F]
    if not places:
        return any_bytes(data, chance)
    at = chance.choice(places)
    way = chance.randrange(5)
    if way == 0:
        return poke(data, at + 2, chance.choice(BAD_COUNTS[:8]).to_bytes(4, "big")[2:])
    if way == 1:
        return poke(data, at + 1, bytes([chance.randrange(0x4F, 0x100)]))
    if way == 2:
        return data[:at] + data[chance.choice(places) :]
    if way == 3:
        return data[:at] + data[at : at + chance.randrange(2, 80)] * 2 + data[at:]
    # the fields of the frame header: precision, lines, samples, components; in J2K sizes and tiles of 32 bit
    value = chance.choice(BAD_COUNTS)
    size = chance.choice((1, 2, 4))
    return poke(data, at + 4 + chance.randrange(40), (value % (1 << 8 * size)).to_bytes(size, "big"))
