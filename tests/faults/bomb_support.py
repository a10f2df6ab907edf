"""Files that ask for far more than they hold: small on the disk, gigabytes or hours in a reader that believes them."""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pydicom
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from reader_support import AXIAL, noise, picture_bytes, write_dicom

MB = 1 << 20


def zeros(count: int) -> bytes:
    """Return raw deflate data that inflates to ``count`` MB of zeros, made in no time."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(MB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * count + b"\x03\x00"


def zlib_zeros(count: int) -> bytes:
    """Return a whole zlib stream of ``count`` MB of zeros."""
    return b"\x78\xda" + zeros(count) + ((count * MB % 65521) << 16 | 1).to_bytes(4, "big")


def gzip_of(head: bytes, count: int) -> bytes:
    """Return a gzip of some bytes and ``count`` MB of zeros (its checksum is wrong: nobody should get there)."""
    packer = zlib.compressobj(9, wbits=-15)
    first = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + first + zeros(count) + bytes(8)


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a PNG chunk."""
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def png(width: int, height: int, *extra: bytes, data: bytes = b"", depth: int = 8) -> bytes:
    """Return a grey PNG of a size, with what else it holds before the pixels."""
    head = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(extra) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def small_dicom(path: Path, **elements: object) -> pydicom.FileDataset:
    """Write a whole DICOM file of 48 x 40 pixels."""
    place = {"ImagePositionPatient": [0, 0, 0], "ImageOrientationPatient": list(AXIAL), "PixelSpacing": [1, 1]}
    return write_dicom(path, noise((48, 40), top=4096, dtype="uint16"), **(place | elements))


def packed_dicom(path: Path, syntax: str, frame: bytes, rows: int = 48, columns: int = 40, **elements: object) -> None:
    """Write a DICOM file whose only frame is the given bytes."""
    dataset = small_dicom(path)
    dataset.Rows, dataset.Columns = rows, columns
    for name, value in elements.items():
        setattr(dataset, name, value)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([frame + b"\0" * (len(frame) % 2)])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)


def j2k(path: Path) -> bytes:
    """Return the frame of a small JPEG 2000 file."""
    dataset = small_dicom(path)
    dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
    return bytes(next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1)))


def jls(path: Path) -> bytes:
    """Return the frame of a small JPEG-LS file."""
    dataset = small_dicom(path)
    dataset.compress(JPEGLSLossless, generate_instance_uid=False)
    return bytes(next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1)))


def sized_j2k(frame: bytes, width: int, height: int, tile: int) -> bytes:
    """Return a JPEG 2000 frame whose SIZ marker tells another size and tiling."""
    at = frame.index(b"\xff\x51") + 6
    place = struct.pack(">IIIIIIII", width, height, 0, 0, tile, tile, 0, 0)
    return frame[:at] + place + frame[at + 32 :]


def sized_jpeg(frame: bytes, width: int, height: int) -> bytes:
    """Return a JPEG (or JPEG-LS) whose frame header tells another size."""
    at = next(at for at in range(len(frame)) if frame[at] == 0xFF and frame[at + 1] in (0xC0, 0xC1, 0xC3, 0xF7))
    return frame[: at + 5] + struct.pack(">HH", height, width) + frame[at + 9 :]


def nested(depth: int) -> bytes:
    """Return sequences within sequences, all of undefined length."""
    opening = b"\x40\x00\x30\xa7SQ\0\0" + b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4
    return opening * depth + (b"\xfe\xff\x0d\xe0" + bytes(4) + b"\xfe\xff\xdd\xe0" + bytes(4)) * depth


def with_header_bytes(path: Path, extra: bytes) -> None:
    """Put bytes into a DICOM file before its pixels."""
    small_dicom(path)
    data = path.read_bytes()
    at = data.index(b"\xe0\x7f\x10\x00")
    path.write_bytes(data[:at] + extra + data[at:])


def nifti(shape: tuple[int, ...], *, two: bool = False) -> bytes:
    """Return the header of a NIfTI that claims a shape."""
    kind = nibabel.Nifti2Header if two else nibabel.Nifti1Header
    header = kind()
    header["dim"] = [len(shape), *shape, *[1] * (7 - len(shape))]
    header["datatype"], header["bitpix"] = 4, 16
    header["vox_offset"] = 544 if two else 352
    header["sform_code"], header["magic"] = 1, b"n+2\0\r\n\x1a\n" if two else b"n+1"
    header["srow_x"], header["srow_y"], header["srow_z"] = np.eye(4)[:3]
    return bytes(header.binaryblock) + bytes(4)


def tiff(width: int, height: int, *, strip: bytes = b"", compression: int = 8, entries: int = 0) -> bytes:
    """Return a grey TIFF of a size, with one strip."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, compression), (262, 3, 1), (273, 4, 8),
            (277, 3, 1), (278, 4, height), (279, 4, len(strip))]  # fmt: skip
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return (
        b"II*\0"
        + struct.pack("<I", 8 + len(strip))
        + strip
        + struct.pack("<H", entries or len(tags))
        + table
        + bytes(4)
    )


def zip_of(path: Path, inside: dict[str, bytes]) -> None:
    """Write a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in inside.items():
            bundle.writestr(name, data)


def raw_member_zip(path: Path, name: str, packed: bytes, told: int, copies: int = 1) -> None:
    """Write a zip of members with given deflate data and the size that they are said to have."""
    body, directory = b"", b""
    for number in range(copies):
        called = f"{number}{name}".encode()
        facts = struct.pack("<HHHHHIII", 20, 0, 8, 0, 0x5A21, 0, len(packed), told) + struct.pack("<H", len(called))
        directory += b"PK\x01\x02\x14\0" + facts + bytes(12) + struct.pack("<I", len(body)) + called
        body += b"PK\x03\x04" + facts + b"\0\0" + called + packed
    end = b"PK\x05\x06" + bytes(4) + struct.pack("<HHIIH", copies, copies, len(directory), len(body), 0)
    path.write_bytes(body + directory + end)


def _heaps(path: Path) -> None:
    """Write a text, and an array that looks like two million heaps of texts that lie in one another."""
    one = b"GCOL\x01\0\0\0" + (1 << 40).to_bytes(8, "little")
    with h5py.File(path, "w") as file:
        file.attrs["spacing"] = "a text of varying length"
        file["image"] = np.arange(512, dtype=np.uint8).reshape(8, 8, 8)
        file["odd"] = np.frombuffer(one * 2_000_000, np.uint8)


def _long_text(path: Path) -> None:
    """Write a text that says it has 4 GB."""
    with h5py.File(path, "w") as file:
        file.attrs["spacing"] = "a text of varying length"
        file["image"] = np.arange(512, dtype=np.uint8).reshape(8, 8, 8)
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(struct.pack("<Q", data.index(b"GCOL"))) - 4, 0xFFFF0000)
    path.write_bytes(data)


def _hdf5(path: Path, shape: tuple[int, ...], **options: object) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("volume", shape, "int16", **options)


def _deflated(path: Path, *, count: int) -> None:
    dataset = small_dicom(path)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    data = path.read_bytes()
    start = 144 + int.from_bytes(data[140:144], "little")
    plain = zlib.decompress(data[start:], wbits=-15)
    packer = zlib.compressobj(9, wbits=-15)
    path.write_bytes(data[:start] + packer.compress(plain) + packer.flush(zlib.Z_FULL_FLUSH) + zeros(count))


def _deflated_unmeasured(path: Path) -> None:
    _deflated(path, count=2000)
    data = path.read_bytes()
    # the meta group's length is taken out: where the deflated part begins must be found otherwise
    path.write_bytes(data[:132] + data[144:])


def _palette(path: Path, words: int) -> None:
    dataset = small_dicom(path, PhotometricInterpretation="PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [0, 0, 16])
        setattr(dataset, f"{colour}PaletteColorLookupTableData", bytes(2 * words))
    dataset.save_as(path)


def _segmented_palette(path: Path) -> None:
    """A palette whose segments repeat themselves: an indirect segment doubles what stands before it."""
    dataset = small_dicom(path, PhotometricInterpretation="PALETTE COLOR")
    words = [1, 65535, 1] + [2, 60000, 0, 0] * 16000
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [0, 0, 16])
        setattr(dataset, f"Segmented{colour}PaletteColorLookupTableData", np.array(words, "<u2").tobytes())
    dataset.save_as(path)


def _many_items(path: Path, count: int) -> None:
    item = b"\xfe\xff\x00\xe0" + bytes(4)
    with_header_bytes(path, b"\x40\x00\x30\xa7SQ\0\0" + (8 * count).to_bytes(4, "little") + item * count)


def _many_elements(path: Path, count: int) -> None:
    # private, each one its own number, all of length 0
    made = (struct.pack("<HH", 0x0061 + 2 * (n >> 15), 0x1000 + (n & 0x7FFF)) + b"LO\0\0" for n in range(count))
    with_header_bytes(path, b"".join(made))


def _tiff_chain(path: Path, count: int) -> None:
    one = 2 + 4
    body = b"".join(struct.pack("<HI", 0, 8 + one * (n + 1) if n + 1 < count else 0) for n in range(count))
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + body)


def _tiff_loop(path: Path) -> None:
    data = tiff(8, 8, strip=zlib.compress(bytes(64)))
    path.write_bytes(data[:-4] + data[4:8])


def _webp(path: Path) -> None:
    inside = picture_bytes(noise((8, 8, 3)), "WEBP")[12:]
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xfe\x3f\0" * 1 + b"\xff\xff\x3f"[:3]
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(canvas) + len(inside)) + b"WEBP" + canvas + inside)


def _webp_large(path: Path) -> None:
    path.write_bytes(
        b"RIFF"
        + struct.pack("<I", 30)
        + b"WEBPVP8L"
        + struct.pack("<I", 17)
        + b"\x2f"
        + b"\xff\xff\xff\x0f"
        + bytes(13)
    )


def _bmp(path: Path) -> None:
    head = struct.pack("<IiiHHIIiiII", 40, 65535, 65535, 1, 8, 1, 4, 0, 0, 256, 0)
    path.write_bytes(b"BM" + struct.pack("<IHHI", 2000, 0, 0, 54 + 1024) + head + bytes(1024) + b"\0\1\0\1")


def _mgh(shape: tuple[int, int, int, int]) -> bytes:
    return struct.pack(">iiiiiii", 1, *shape, 3, 0) + bytes(256) + bytes(100)


_NRRD = """NRRD0004
type: short
dimension: 3
sizes: {}
space: left-posterior-superior
space directions: (1,0,0) (0,1,0) (0,0,1)
endian: little
encoding: {}

"""
_MHA = """ObjectType = Image
NDims = 3
BinaryData = True
BinaryDataByteOrderMSB = False
CompressedData = {}
DimSize = {}
ElementSpacing = 1 1 1
ElementType = MET_SHORT
ElementDataFile = LOCAL
"""


def _jpeg(path: Path, width: int, height: int) -> None:
    path.write_bytes(sized_jpeg(picture_bytes(noise((16, 16)), "JPEG"), width, height))


def _gap() -> bytes:
    """A lossless JPEG with nonsense between its segments, over which gdcm ends its process."""
    head = b"\xff\xd8\xff\xc3\0\x0b\x08" + struct.pack(">HH", 48, 40) + b"\1\1\x11\0"
    return head + bytes(25) + b"\xff\xda\0\x08\1\1\0\1\0\0" + bytes(4000) + b"\xff\xd9"


def _rle(segments: int, offset: int, body: bytes = b"\x00\x01" * 20) -> bytes:
    return struct.pack("<I", segments) + struct.pack("<I", offset) * 15 + body


def _write(data: Callable[[], bytes]) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data()) and None


BOMBS: dict[str, Callable[[Path], object]] = {
    "huge.png": _write(lambda: png(30_000, 30_000, data=zlib_zeros(859))),
    "lying.png": _write(lambda: png(9_900, 9_900, data=zlib.compress(bytes(100)))),
    "text.png": _write(lambda: png(8, 8, chunk(b"zTXt", b"Comment\0\0" + zlib_zeros(1000)), data=b"")),
    "profile.png": _write(lambda: png(8, 8, chunk(b"iCCP", b"icc\0\0" + zlib_zeros(1000)), data=b"")),
    "inflates-2-gb.dcm": lambda path: _deflated(path, count=2000),
    "inflates-unmeasured.dcm": _deflated_unmeasured,
    "packed.dcm.gz": _write(lambda: gzip_of(bytes(128) + b"DICM\x02\0\0\0UL\x04\0\0\0\0\0", 1500)),
    "rle-65535.dcm": lambda path: packed_dicom(path, RLELossless, _rle(2, 64), 65535, 65535),
    "rle-30000.dcm": lambda path: packed_dicom(path, RLELossless, _rle(2, 64), 30000, 30000),
    "rle-segments.dcm": lambda path: packed_dicom(path, RLELossless, _rle(0xFFFFFFFF, 64)),
    "rle-offsets.dcm": lambda path: packed_dicom(path, RLELossless, _rle(2, 0xFFFFFFF0)),
    "native-40000.dcm": lambda path: small_dicom(path, Rows=30000, Columns=30000),
    "frames-million.dcm": lambda path: small_dicom(path, NumberOfFrames=1_000_000, Rows=4, Columns=4),
    "frames-billion.dcm": lambda path: small_dicom(path, NumberOfFrames=1_000_000_000, Rows=1, Columns=1),
    "j2k-size.dcm": lambda path: packed_dicom(path, JPEG2000Lossless, sized_j2k(j2k(path), 60_000, 60_000, 60_000)),
    "j2k-tiles.dcm": lambda path: packed_dicom(path, JPEG2000Lossless, sized_j2k(j2k(path), 60_000, 60_000, 240)),
    "j2k-told.dcm": lambda path: packed_dicom(
        path, JPEG2000Lossless, sized_j2k(j2k(path), 30_000, 30_000, 30_000), 30_000, 30_000
    ),
    "jpeg-in.dcm": lambda path: packed_dicom(
        path,
        JPEGBaseline8Bit,
        sized_jpeg(picture_bytes(noise((48, 40)), "JPEG"), 65_500, 65_500),
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
    ),
    "jpeg-told.dcm": lambda path: packed_dicom(
        path,
        JPEGBaseline8Bit,
        sized_jpeg(picture_bytes(noise((48, 40)), "JPEG"), 40_000, 40_000),
        40_000,
        40_000,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
    ),
    "jls-in.dcm": lambda path: packed_dicom(path, JPEGLSLossless, sized_jpeg(jls(path), 65_500, 65_500)),
    "jls-told.dcm": lambda path: packed_dicom(
        path, JPEGLSLossless, sized_jpeg(jls(path), 30_000, 30_000), 30_000, 30_000
    ),
    "lossless-told.dcm": lambda path: packed_dicom(
        path,
        JPEGLosslessSV1,
        b"\xff\xd8\xff\xc3\0\x0b\x0c" + struct.pack(">HH", 30_000, 30_000) + b"\1\1\x11\0" + bytes(90),
        30_000,
        30_000,
    ),
    "lossless-gap.dcm": lambda path: packed_dicom(path, JPEGLosslessSV1, _gap()),
    "jls-colours.dcm": lambda path: packed_dicom(path, JPEGLSLossless, jls(path), SamplesPerPixel=3),
    "palette.dcm": lambda path: _palette(path, 4_000_000),
    "segments-palette.dcm": _segmented_palette,
    "declared-8-gb.nii.gz": _write(lambda: gzip.compress(nifti((32767, 32767, 4)))),
    "inflates-8-gb.nii.gz": _write(lambda: gzip_of(nifti((32767, 32767, 4)), 8000)),
    "declared-2-gb.nii.gz": _write(lambda: gzip.compress(nifti((1000, 1000, 1000)))),
    "overflow.nii": _write(lambda: nifti((32767,) * 7)),
    "negative.nii": _write(lambda: nifti((-32768, 32767, 32767))),
    "overflow-2.nii": _write(lambda: nifti((2**62, 2**62, 8), two=True)),
    "huge.tif": _write(lambda: tiff(40_000, 40_000, strip=zlib_zeros(1526))),
    "lying.tif": _write(lambda: tiff(9_900, 9_900, strip=zlib.compress(bytes(100)))),
    "chain.tif": lambda path: _tiff_chain(path, 200_000),
    "entries.tif": _write(lambda: tiff(8, 8, strip=b"x", entries=65_535)),
    "nested.zip": lambda path: zip_of(path, {f"{n}.zip": zeros(4) * 16 for n in range(16)}),
    "lies.zip": lambda path: raw_member_zip(path, ".dcm", zeros(2000), 1000),
    "tells.zip": lambda path: raw_member_zip(path, ".dcm", zeros(2000), 2000 * MB),
    "many-large.zip": lambda path: raw_member_zip(path, ".dcm", zeros(250), 250 * MB, copies=40),
    "many.zip": lambda path: zip_of(path, {f"{n}.dcm": b"" for n in range(30_000)}),
    "voxels.h5": lambda path: _hdf5(path, (10_000, 10_000, 10_000), chunks=(1, 1000, 1000), compression="gzip"),
    "chunk.h5": lambda path: _hdf5(path, (1000, 30_000, 30_000), chunks=(1, 30_000, 30_000), compression="gzip"),
    "promised.h5": lambda path: _hdf5(path, (40_000, 5_000, 5_000), chunks=(1, 500, 500)),
    "lying.nrrd": _write(lambda: _NRRD.format("100000 100000 100", "raw").encode() + bytes(100)),
    "lying-gzip.nrrd": _write(lambda: _NRRD.format("1000 1000 1000", "gzip").encode() + gzip.compress(bytes(100))),
    "words.nrrd": _write(lambda: _NRRD.format("8 8 8", "ascii").encode() + b"1" * 30_000_000),
    "lying.mha": _write(lambda: _MHA.format("False", "100000 100000 100").encode() + bytes(100)),
    "inflates.mha": _write(lambda: _MHA.format("True", "10000 10000 100").encode() + zlib_zeros(2000)),
    "lying.mgh": _write(lambda: _mgh((2**31 - 1, 2**31 - 1, 2**31 - 1, 1))),
    "lying.mgz": _write(lambda: gzip.compress(_mgh((30_000, 30_000, 1, 1)))),
    "huge.jpg": lambda path: _jpeg(path, 65_500, 65_500),
    "lying.jpg": lambda path: _jpeg(path, 9_900, 9_900),
    "canvas.webp": _webp,
    "huge.webp": _webp_large,
    "huge.bmp": _bmp,
}
"""By file name: what writes it. Each must be refused."""

HEAVY: dict[str, Callable[[Path], object]] = {
    "nested-500.dcm": lambda path: with_header_bytes(path, nested(500)),
    "nested-20000.dcm": lambda path: with_header_bytes(path, nested(20_000)),
    "items.dcm": lambda path: _many_items(path, 100_000),
    "elements.dcm": lambda path: _many_elements(path, 200_000),
    "loop.tif": _tiff_loop,
    "heaps.h5": _heaps,
    "text.h5": _long_text,
    "strip.tif": _write(lambda: tiff(64, 64, strip=zlib_zeros(1500))),
    "inflates.nrrd": _write(lambda: _NRRD.format("8 8 8", "gzip").encode() + gzip_of(b"", 2000)),
    "inflates-8-mb.mha": _write(lambda: _MHA.format("True", "8 8 8").encode() + zlib_zeros(2000)),
}
"""By file name: heavy in a part that no pixel needs. Read or refused, either is right."""
