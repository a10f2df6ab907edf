"""NIfTI, NRRD, MetaImage, MGH and HDF5 broken in their headers; gzip and zip in theirs."""

from __future__ import annotations

import random
import re
import struct
import zlib
from collections.abc import Callable

from fuzz_bytes import BAD_COUNTS, any_bytes, poke

_FLOATS = [0.0, 1.0, -1.0, 1e-30, 1e30, 3e38, float("nan"), float("inf"), float("-inf"), 0.5, 352.0, 1e9, -352.0]
_INTS = [0, 1, 2, 3, 4, 5, 7, 8, 9, -1, -2, 100, 255, 256, 511, 1024, 2048, 32767, 32768, 65535, 2**31 - 1, 2**31,
         2**32 - 1, 2**40, 2**62, 2**63 - 1]  # fmt: skip
_TYPES = [0, 1, 2, 4, 8, 16, 32, 64, 128, 255, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2304, 999]
# (offset, kind, how many): the fields of NIfTI-1 and NIfTI-2 that say what the file holds and where
_ONE = [(0, "i", 1), (40, "h", 8), (70, "h", 1), (72, "h", 1), (76, "f", 8), (108, "f", 1), (112, "f", 1),
        (116, "f", 1), (123, "B", 1), (252, "h", 1), (254, "h", 1), (256, "f", 6), (280, "f", 12),
        (344, "i", 1)]  # fmt: skip
_TWO = [(0, "i", 1), (4, "q", 1), (12, "h", 1), (14, "h", 1), (16, "q", 8), (104, "d", 8), (168, "q", 1),
        (176, "d", 1), (184, "d", 1), (344, "i", 1), (348, "i", 1), (352, "d", 6), (400, "d", 12)]  # fmt: skip


def _field(data: bytes, fields: list[tuple[int, str, int]], order: str, chance: random.Random) -> bytes:
    """Set one number of a binary header to one that no file should hold."""
    start, kind, count = chance.choice(fields)
    at = start + chance.randrange(count) * struct.calcsize(kind)
    if kind in "fd":
        return poke(data, at, struct.pack(order + kind, chance.choice(_FLOATS)))
    value = chance.choice(_TYPES if start in (70, 12) else _INTS)
    size = struct.calcsize(kind)
    return poke(data, at, (value % (1 << 8 * size)).to_bytes(size, "little" if order == "<" else "big"))


def _through_gzip(change: Callable[[bytes, random.Random], bytes]) -> Callable[[bytes, random.Random], bytes]:
    """Break what is inside a gzip, packed again, or the gzip itself."""

    def mutate(data: bytes, chance: random.Random) -> bytes:
        if data[:2] != b"\x1f\x8b":
            return change(data, chance)
        if chance.random() < 0.3:
            return mutate_gzip(data, chance)
        try:
            inside = zlib.decompress(data, wbits=31)
        except zlib.error:
            return mutate_gzip(data, chance)
        packer = zlib.compressobj(wbits=31)
        return packer.compress(change(inside, chance)) + packer.flush()

    return mutate


def mutate_gzip(data: bytes, chance: random.Random) -> bytes:
    """Break a gzip: flags, extra fields, sizes at the end, the stream, a second member."""
    way = chance.randrange(6)
    if way == 0:
        return poke(data, 3, bytes([chance.randrange(256)]))
    if way == 1:
        return data[:-8] + bytes(chance.randrange(256) for _ in range(8))
    if way == 2:
        return data[: chance.randrange(2, len(data))]
    if way == 3:
        return data + chance.choice((data, data[:20], b"\0" * 100, b"\x1f\x8b"))
    if way == 4:
        return data[:2] + bytes([chance.randrange(256)]) + data[3:]
    return any_bytes(data, chance)


def _nifti(data: bytes, chance: random.Random) -> bytes:
    order = "<" if data[:4] in (b"\x5c\x01\0\0", b"\x1c\x02\0\0") else ">"
    two = 540 in (int.from_bytes(data[:4], "little"), int.from_bytes(data[:4], "big"))
    for _ in range(chance.choice((1, 1, 2, 3))):
        data = any_bytes(data, chance) if chance.random() < 0.15 else _field(data, _TWO if two else _ONE, order, chance)
    return data[: chance.randrange(len(data))] if chance.random() < 0.1 else data


_MGH = [(0, "i", 1), (4, "i", 4), (20, "i", 1), (24, "i", 1), (28, "h", 1), (30, "f", 3), (42, "f", 9), (78, "f", 3)]


def _mgh(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 3))):
        data = any_bytes(data, chance) if chance.random() < 0.15 else _field(data, _MGH, ">", chance)
    return data[: chance.randrange(len(data))] if chance.random() < 0.1 else data


_VALUES = [b"", b"0", b"-1", b"1", b"3", b"4", b"16", b"1000000", b"99999999999", b"4294967296", b"nan", b"inf",
           b"1e999", b"raw", b"gzip", b"bzip2", b"ascii", b"hex", b"little", b"big", b"short", b"float", b"double",
           b"block", b"uint64", b"MET_UCHAR", b"MET_DOUBLE", b"MET_LONG_LONG", b"MET_OTHER", b"True", b"False", b"LIST",
           b"LOCAL", b"../other.raw", b"/etc/passwd", b"C:\\x.raw", b"slice%03d.raw 1 5 1", b"(1,0,0) (0,1,0) (0,0,1)",
           b"(1,0,0) none (0,0,1)", b"none", b"(nan,0,0) (0,nan,0) (0,0,nan)", b"(0,0,0) (0,0,0) (0,0,0)",
           b"(1,0) (0,1)", b"left-posterior-superior", b"scanner-xyz", b"domain domain domain",
           b"RGB-color domain domain",
           b"vector domain domain", b"7 6 5", b"7 6 -5", b"0 0 0", b"7 6", b"65535 65535 65535", b"7 6 5 2",
           b"1 0 0 0 1 0 0 0 1", b"1 0 0 1 0 0 1 0 0", b"0 0 0 0 0 0 0 0 0", b"x" * 5000, b"\xff\xfe\xff"]  # fmt: skip
_KEYS = [b"type", b"dimension", b"sizes", b"space", b"space directions", b"space origin", b"space dimension", b"kinds",
         b"endian", b"encoding", b"data file", b"line skip", b"byte skip", b"spacings", b"measurement frame",
         b"NDims", b"DimSize", b"ElementType", b"ElementDataFile", b"CompressedData", b"CompressedDataSize",
         b"HeaderSize", b"ElementNumberOfChannels", b"TransformMatrix", b"ElementSpacing", b"Offset",
         b"ElementByteOrderMSB"]  # fmt: skip


def _text(separator: bytes, end: re.Pattern[bytes]) -> Callable[[bytes, random.Random], bytes]:
    """Return what breaks a header of ``key: value`` lines before the voxels."""

    def mutate(data: bytes, chance: random.Random) -> bytes:
        found = end.search(data)
        cut = found.start() if found else min(len(data), 1000)
        lines, rest = data[:cut].split(b"\n"), data[cut:]
        for _ in range(chance.choice((1, 1, 2, 3))):
            at = chance.randrange(len(lines))
            key = lines[at].split(separator)[0]
            way = chance.randrange(7)
            if way < 3:
                lines[at] = key + separator + chance.choice(_VALUES)
            elif way == 3:
                lines.insert(at, chance.choice(_KEYS) + separator + chance.choice(_VALUES))
            elif way == 4:
                lines.insert(at, lines[chance.randrange(len(lines))])
            elif way == 5 and len(lines) > 1:
                del lines[at]
            else:
                lines[at] = any_bytes(lines[at], chance)
        if chance.random() < 0.25:
            rest = any_bytes(rest, chance)
        return b"\n".join(lines) + rest

    return mutate


_SIGNATURES = re.compile(rb"OHDR|OCHK|TREE|HEAP|SNOD|FRHP|BTHD|FADB|EAHD|GCOL|FSHD|\x89HDF")


def _hdf5(data: bytes, chance: random.Random) -> bytes:
    """Break HDF5 near its structures and in the numbers that are sizes and addresses."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        if chance.random() < 0.25:
            data = any_bytes(data, chance)
            continue
        places = [found.start() for found in _SIGNATURES.finditer(data[:100_000])]
        near = chance.choice(places) if places and chance.random() < 0.6 else chance.randrange(min(len(data), 4096))
        size = chance.choice((1, 2, 4, 8))
        value = chance.choice([*_INTS, chance.randrange(256), len(data), chance.randrange(len(data) + 1)])
        shift = chance.randrange(64) // size * size if chance.random() < 0.7 else chance.randrange(64)
        data = poke(data, near + shift, (value % (1 << 8 * size)).to_bytes(size, "little"))
    return data[: chance.randrange(len(data))] if chance.random() < 0.05 else data


def mutate_zip(data: bytes, chance: random.Random) -> bytes:
    """Break a zip in its headers: names, sizes, methods, flags, offsets; here or in the directory at its end."""
    names = [
        b"../out.png",
        b"/out.png",
        b"C:\\out.png",
        b"a\0b.png",
        b"CON.png",
        b"",
        b"x" * 300 + b".png",
        b"\xff.png",
    ]
    for _ in range(chance.choice((1, 1, 2, 3))):
        places = [found.start() for found in re.finditer(rb"PK(\x01\x02|\x03\x04|\x05\x06)", data)]
        if not places or chance.random() < 0.2:
            data = any_bytes(data, chance)
            continue
        at = chance.choice(places)
        kind = data[at + 2]
        if chance.random() < 0.25 and kind != 5:
            name = chance.choice(names)
            start, length_at = (at + 46, at + 28) if kind == 1 else (at + 30, at + 26)
            size = int.from_bytes(data[length_at : length_at + 2], "little")
            head = poke(data[:start], length_at, len(name).to_bytes(2, "little"))
            data = head + name + data[start + size :]
        else:
            value = chance.choice(BAD_COUNTS)
            data = poke(data, at + 4 + 2 * chance.randrange(20), value.to_bytes(4, "little")[: chance.choice((2, 4))])
    return data


mutate_nifti = _through_gzip(_nifti)
mutate_mgh = _through_gzip(_mgh)
mutate_hdf5 = _hdf5
mutate_nrrd = _text(b": ", re.compile(rb"\n\n"))
mutate_mha = _text(b" = ", re.compile(rb"\nElementDataFile"))


def mutate_words(data: bytes, chance: random.Random) -> bytes:
    """Break a header of words and numbers (AFNI's HEAD, Philips' PAR): a number, a name, a line."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        tokens = list(re.finditer(rb"-?\d+(\.\d+)?|[A-Z_]{4,}", data))
        way = chance.randrange(5)
        if not tokens or way == 0:
            data = any_bytes(data, chance)
        elif way == 1:
            lines = data.split(b"\n")
            at = chance.randrange(len(lines))
            data = b"\n".join(
                lines[:at] + [lines[chance.randrange(len(lines))]] * chance.randrange(3) + lines[at + 1 :]
            )
        else:
            token = chance.choice(tokens)
            data = data[: token.start()] + chance.choice(_VALUES) + data[token.end() :]
    return data


_HEADERS = {".hdr": mutate_nifti, ".mhd": mutate_mha, ".nhdr": mutate_nrrd, ".head": mutate_words, ".par": mutate_words}


def mutate_pair(files: dict[str, bytes], chance: random.Random) -> dict[str, bytes]:
    """Break the header of a volume of two files, or its numbers."""
    header, numbers = files
    broken = dict(files)
    if chance.random() < 0.8:
        ending = header[header.rindex(".") :].casefold()
        broken[header] = _HEADERS[ending](files[header], chance)
    else:
        broken[numbers] = any_bytes(files[numbers], chance)[: chance.choice((None, None, 1, 100))]
    return broken
