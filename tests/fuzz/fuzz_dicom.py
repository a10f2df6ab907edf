"""DICOM broken where it hurts: lengths, types, geometry, pixels' descriptions, nesting, compressed frames.

The file is taken apart byte by byte here, without pydicom, so that what pydicom
would never write can be written.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from fuzz_bytes import BAD_COUNTS, any_bytes, jpeg_markers, poke

_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
_TYPES = [b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"OB", b"OW", b"PN",
          b"SH", b"SL", b"SQ", b"SS", b"ST", b"TM", b"UI", b"UL", b"UN", b"US", b"UT", b"ZZ", b"\0\0"]  # fmt: skip
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)
_PIXELS = (0x7FE0, 0x0010)
_MOST = 400
"""Elements looked at: the rest of a long header is like the first."""
_SHORTS = [0, 1, 2, 3, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 64, 255, 256, 1000, 32767, 32768, 40000, 65534, 65535]
_NUMBERS = ["", "0", "1", "-1", "0.0", "1e-30", "1e30", "-1e308", "1e999", "nan", "inf", "-inf", "1\\2", "1\\2\\3",
            "0\\0", "0\\0\\0", "1\\0\\0\\0\\1\\0", "0\\0\\0\\0\\0\\0", "1\\0\\0\\1\\0\\0", "a", "1,5", "9" * 16,
            "-0", " ", "\\", "\\\\\\\\\\", "1e5\\1e5", "1e-9\\1e-9", "-1\\-1", "2147483648",
            "4294967296", "1000000"]  # fmt: skip
_NUMBER_TAGS = [
    (0x0028, 0x0008), (0x0028, 0x0030), (0x0018, 0x0050), (0x0018, 0x0088), (0x0020, 0x0032), (0x0020, 0x0037),
    (0x0028, 0x1050), (0x0028, 0x1051), (0x0028, 0x1052), (0x0028, 0x1053), (0x0020, 0x0013), (0x0018, 0x0081),
    (0x0018, 0x1310), (0x0020, 0x0100),
]  # fmt: skip
_SHORT_TAGS = [
    (0x0028, 0x0002), (0x0028, 0x0006), (0x0028, 0x0010), (0x0028, 0x0011), (0x0028, 0x0100), (0x0028, 0x0101),
    (0x0028, 0x0102), (0x0028, 0x0103), (0x0028, 0x0106), (0x0028, 0x0120), (0x0028, 0x1101), (0x0028, 0x1102),
    (0x0028, 0x1103), (0x0028, 0x3002),
]  # fmt: skip
_WORDS = {
    (0x0028, 0x0004): ["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT",
                       "YBR_ICT", "HSV", "", "MONOCHROME2\\RGB"],
    (0x0008, 0x0005): ["", "ISO_IR 100", "ISO_IR 192", "GB18030", "\\ISO 2022 IR 87", "ISO 2022 IR 149", "nonsense"],
    (0x0008, 0x0060): ["", "MR", "CT", "SEG", "SR", "RTDOSE", "US", "OT", "M" * 400],
    (0x0008, 0x0008): ["ORIGINAL\\PRIMARY\\M\\MOSAIC", "DERIVED\\SECONDARY", "", "\\\\\\"],
    (0x0020, 0x000E): ["", "1.2.3", "x" * 80],
    (0x0028, 0x0301): ["YES", "NO", ""],
}  # fmt: skip
_SYNTAXES = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99",
             *(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70, 80, 81, 90, 91, 92, 100, 102, 106, 201, 202, 203)),
             "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.6.1", "1.2.3", ""]  # fmt: skip


@dataclass(frozen=True)
class Element:
    """Where an element of the data set stands in the file."""

    tag: tuple[int, int]
    vr: bytes
    start: int
    length_at: int
    length_size: int
    value: int
    length: int

    @property
    def end(self) -> int:
        return self.value + (0 if self.length == _UNDEFINED else self.length)


class Parsed:
    """A DICOM file taken apart: the elements of every depth, in order."""

    def __init__(self, data: bytes) -> None:
        self.order = "little"
        self.elements: list[Element] = []
        at, syntax = 0, b""
        if data[128:132] == b"DICM":
            at, self.explicit = 132, True
            while data[at : at + 2] == b"\x02\x00" and (element := self._element(data, at)) is not None:
                self.elements.append(element)
                if element.tag == (2, 0x10):
                    syntax = data[element.value : element.end].strip(b"\0 ")
                at = element.end
        self.start = at
        self.explicit = data[at + 4 : at + 6].isalpha() and data[at + 4 : at + 6].isupper()
        if syntax == b"1.2.840.10008.1.2.2" or data[at : at + 1] == b"\0":
            self.order = "big"
        self.deflated = syntax == b"1.2.840.10008.1.2.1.99"
        if not self.deflated:
            self._walk(data, at)

    def _walk(self, data: bytes, at: int) -> None:
        while at < len(data) and len(self.elements) < _MOST:
            element = self._element(data, at)
            if element is None:
                return
            self.elements.append(element)
            # items and sequences are gone into: their parts stand in the list too
            inside = element.length == _UNDEFINED or element.vr == b"SQ" or element.tag == _ITEM
            at = element.value if inside and element.tag != _PIXELS else max(element.end, at + 8)
            if element.tag == _PIXELS and element.length == _UNDEFINED:
                at = element.value

    def _element(self, data: bytes, at: int) -> Element | None:
        if at + 8 > len(data):
            return None
        group, number = self._int(data, at, 2), self._int(data, at + 2, 2)
        vr = data[at + 4 : at + 6]
        if group == 0xFFFE or not self.explicit or not vr.isalpha():
            vr, length_at, size = b"", at + 4, 4
        elif vr in _LONG:
            length_at, size = at + 8, 4
        else:
            length_at, size = at + 6, 2
        length = self._int(data, length_at, size)
        return Element((group, number), vr, at, length_at, size, length_at + size, length)

    def _int(self, data: bytes, at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], "little" if self.order == "little" else "big")

    def packed(self, value: int, size: int) -> bytes:
        """Return a number as this file writes it."""
        return (value % (1 << 8 * size)).to_bytes(size, "little" if self.order == "little" else "big")

    def encode(self, tag: tuple[int, int], vr: bytes, value: bytes) -> bytes:
        """Return a whole element as this file writes it."""
        head = self.packed(tag[0], 2) + self.packed(tag[1], 2)
        value += b" " * (len(value) % 2)
        if not self.explicit or tag[0] == 0xFFFE:
            return head + self.packed(len(value), 4) + value
        if vr in _LONG:
            return head + vr + b"\0\0" + self.packed(len(value), 4) + value
        return head + vr + self.packed(min(len(value), 65534), 2) + value[:65534]


def mutate_dicom(data: bytes, chance: random.Random) -> bytes:
    """Break a DICOM file one to four times."""
    parsed = Parsed(data)
    if parsed.deflated:
        return _mutate_deflated(data, parsed.start, chance)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 4))):
        if not parsed.elements:
            return any_bytes(data, chance)
        data = chance.choice(_WAYS)(data, parsed, chance)
        parsed = Parsed(data)
    return data


def _mutate_deflated(data: bytes, start: int, chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return any_bytes(data, chance)
    try:
        inside = zlib.decompress(data[start:], wbits=-15)
    except zlib.error:
        return any_bytes(data, chance)
    packer = zlib.compressobj(wbits=-15)
    return data[:start] + packer.compress(mutate_dicom(inside, chance)) + packer.flush()


def _put(data: bytes, parsed: Parsed, tag: tuple[int, int], vr: bytes, value: bytes) -> bytes:
    """Set an element at the top, or wherever it stands."""
    new = parsed.encode(tag, vr, value)
    for element in parsed.elements:
        if element.tag == tag and element.length != _UNDEFINED:
            return data[: element.start] + new + data[element.end :]
    after = next((element.start for element in parsed.elements if element.tag > tag), len(data))
    return data[:after] + new + data[after:]


def _shorts(data: bytes, parsed: Parsed, chance: random.Random) -> bytes:
    tag = chance.choice(_SHORT_TAGS)
    count = 3 if tag[1] >= 0x1101 else 1
    values = b"".join(parsed.packed(chance.choice(_SHORTS), 2) for _ in range(count))
    return _put(data, parsed, tag, b"US", values)


def _numbers(data: bytes, parsed: Parsed, chance: random.Random) -> bytes:
    return _put(data, parsed, chance.choice(_NUMBER_TAGS), b"DS", chance.choice(_NUMBERS).encode())


def _words(data: bytes, parsed: Parsed, chance: random.Random) -> bytes:
    tag = chance.choice(list(_WORDS))
    return _put(data, parsed, tag, b"CS", chance.choice(_WORDS[tag]).encode())


def _syntax(data: bytes, parsed: Parsed, chance: random.Random) -> bytes:
    return _put(data, parsed, (2, 0x10), b"UI", chance.choice(_SYNTAXES).encode())


def _length(data: bytes, parsed: Parsed, chance: random.Random) -> bytes:
    element = chance.choice(parsed.elements)
    near = [element.length + shift for shift in (-2, -1, 1, 2, 8)]
    value = chance.choice([*BAD_COUNTS, *near, len(data), len(data) - element.value, len(data) - element.value + 2])
    return poke(data, element.length_at, parsed.packed(value, element.length_size))


def _type(data: bytes, parsed: Parsed, chance: random.Random) -> bytes:
    return poke(data, chance.choice(parsed.elements).start + 4, chance.choice(_TYPES))


def _tag(data: bytes, parsed: Parsed, chance: random.Random) -> bytes:
    tags = [_ITEM, _ITEM_END, _SEQUENCE_END, _PIXELS, (0x7FE0, 8), (0x7FE0, 9), (0x7FE0, 1), (0, 0), (0x5200, 0x9230),
            (0x0028, 0x3000), (0x0029, 0x1010), chance.choice(parsed.elements).tag]  # fmt: skip
    group, number = chance.choice(tags)
    return poke(data, chance.choice(parsed.elements).start, parsed.packed(group, 2) + parsed.packed(number, 2))


def _drop(data: bytes, parsed: Parsed, chance: random.Random) -> bytes:
    element = chance.choice(parsed.elements)
    return data[: element.start] + data[element.end :]


def _copy(data: bytes, parsed: Parsed, chance: random.Random) -> bytes:
    element, where = chance.choice(parsed.elements), chance.choice(parsed.elements)
    return data[: where.start] + data[element.start : element.end] * chance.choice((1, 1, 2, 30)) + data[where.start :]


def _value(data: bytes, parsed: Parsed, chance: random.Random) -> bytes:
    element = chance.choice(parsed.elements)
    size = min(max(0, element.end - element.value), 64)
    return poke(data, element.value, bytes(chance.randrange(256) for _ in range(size)))


def _nest(data: bytes, parsed: Parsed, chance: random.Random) -> bytes:
    """Put sequences into sequences, closed or not."""
    depth = chance.choice((1, 2, 5, 40, 300, 1200))
    head = parsed.packed(0x0040, 2) + parsed.packed(0xA730, 2) + (b"SQ\0\0" if parsed.explicit else b"")
    item = b"".join(parsed.packed(value, 2) for value in _ITEM)
    opening = head + b"\xff" * 4 + item + b"\xff" * 4
    ends = [b"".join(parsed.packed(value, 2) for value in end) + b"\0" * 4 for end in (_ITEM_END, _SEQUENCE_END)]
    closing = b"" if chance.random() < 0.3 else ends[0] + ends[1]
    at = chance.choice(parsed.elements).start
    return data[:at] + opening * depth + closing * depth + data[at:]


def _items(data: bytes, parsed: Parsed, chance: random.Random) -> bytes:
    """Repeat, drop or empty an item of a sequence (per-frame groups) or of the compressed pixels."""
    items = [element for element in parsed.elements if element.tag == _ITEM]
    if not items:
        return _nest(data, parsed, chance)
    item = chance.choice(items)
    later = [element.start for element in parsed.elements if element.start > item.start and element.tag[0] == 0xFFFE]
    end = min((place for place in later if place >= item.end), default=len(data))
    body = data[item.start : end]
    made = chance.choice((b"", body * 2, body * 20, body[:8], body[: len(body) // 2]))
    return data[: item.start] + made + data[end:]


def _frames(data: bytes, parsed: Parsed, chance: random.Random) -> bytes:
    """Break the compressed frames: offset table, fragments, run lengths, JPEG markers; or cut plain pixels short."""
    found = next((element for element in parsed.elements if element.tag == _PIXELS), None)
    if found is None:
        return _shorts(data, parsed, chance)
    if found.length != _UNDEFINED:
        at = chance.randrange(found.value, max(found.value + 1, len(data)))
        return chance.choice((data[:at], data + bytes(chance.randrange(4000)), data[: found.value]))
    items = [element for element in parsed.elements if element.start > found.start and element.tag == _ITEM]
    way = chance.randrange(6)
    if not items or way == 0:
        return data[: found.value + chance.choice((0, 4, 8, 12, 16, 40))]
    if way == 1:
        table = b"".join(parsed.packed(chance.choice(BAD_COUNTS), 4) for _ in range(chance.choice((1, 2, 50))))
        return data[: items[0].start] + parsed.encode(_ITEM, b"", table) + data[items[0].end :]
    item = chance.choice(items)
    if way == 2:
        return poke(data, item.length_at, parsed.packed(chance.choice([*BAD_COUNTS, item.length - 2]), 4))
    if way == 3:  # the run-length header: how many segments, and where each begins
        place = item.value + 4 * chance.randrange(16)
        return poke(data, place, parsed.packed(chance.choice([*BAD_COUNTS, item.length]), 4))
    body = data[item.value : item.end]
    broken = jpeg_markers(body, chance) if way == 4 else any_bytes(body, chance)
    return data[: item.start] + parsed.encode(_ITEM, b"", broken) + data[item.end :]


def _private(data: bytes, parsed: Parsed, chance: random.Random) -> bytes:
    """Break a Siemens CSA header (or put one that is broken from the start)."""
    found = [element for element in parsed.elements if element.tag[0] == 0x0029 and element.length > 100]
    if not found:
        body = b"SV10\4\3\2\1" + parsed.packed(chance.choice(BAD_COUNTS), 4) + b"M" + bytes(200)
        return _put(data, parsed, (0x0029, 0x1010), b"OB", body)
    element = chance.choice(found)
    at = element.value + chance.choice((0, 8, 12, 16 + 4 * chance.randrange(50)))
    return poke(data, at, parsed.packed(chance.choice(BAD_COUNTS), 4))


def _table(data: bytes, parsed: Parsed, chance: random.Random) -> bytes:
    """Break a palette or lookup table: its data's length, or its segments."""
    tags = [(0x0028, number) for number in (0x1201, 0x1202, 0x1203, 0x1221, 0x1222, 0x1223, 0x3006)]
    data = _put(data, parsed, (0x0028, 0x0004), b"CS", b"PALETTE COLOR")
    body = bytes(chance.randrange(256) for _ in range(chance.choice((0, 2, 6, 100, 512, 600))))
    return _put(data, Parsed(data), chance.choice(tags), b"OW", body)


def _whole(data: bytes, parsed: Parsed, chance: random.Random) -> bytes:
    return any_bytes(data, chance)


def _front(data: bytes, parsed: Parsed, chance: random.Random) -> bytes:
    """Take the preamble, the meta group or a part of it away."""
    return chance.choice((data[128:], data[132:], data[parsed.start :], data[:132] + data[parsed.start :]))


_Way = Callable[[bytes, Parsed, random.Random], bytes]
_WAYS: list[_Way] = [
    _shorts, _shorts, _shorts, _numbers, _numbers, _words, _syntax, _length, _length, _type, _tag, _drop, _copy,
    _value, _value, _nest, _items, _items, _frames, _frames, _frames, _private, _table, _whole, _front,
]  # fmt: skip
