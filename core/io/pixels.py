"""The pixels of one DICOM frame, from the bytes of its file to stored numbers.

Uncompressed grey frames, which most are, are read straight from their place in
the file; compressed ones go to the decoder that is best for their kind.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
from pydicom.pixels.utils import get_expected_length, get_j2k_parameters, pixel_array
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from core.errors import InputError
from core.geometry import Array
from core.io.files import opened

ENCAPSULATED_PLAIN = "1.2.840.10008.1.2.1.98"
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
NATIVE = frozenset(
    {
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.2",
    }
)
_JPEG_2000 = frozenset({JPEG2000Lossless, JPEG2000, HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K})
_JPEG_LS = frozenset({JPEGLSLossless, JPEGLSNearLossless})
_JPEG = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1})
PACKED = _JPEG_2000 | _JPEG_LS | _JPEG | {RLELossless, ENCAPSULATED_PLAIN, DEFLATED_FRAMES}
"""Every compression that is read."""
PACKINGS = {
    "1.2.840.10008.1.2.1.99": "deflate",
    RLELossless: "RLE",
    JPEGBaseline8Bit: "JPEG (with loss)",
    JPEGExtended12Bit: "JPEG (with loss)",
    JPEGLossless: "JPEG (without loss)",
    JPEGLosslessSV1: "JPEG (without loss)",
    JPEGLSLossless: "JPEG-LS (without loss)",
    JPEGLSNearLossless: "JPEG-LS (with loss)",
    JPEG2000Lossless: "JPEG 2000 (without loss)",
    JPEG2000: "JPEG 2000",
    HTJ2KLossless: "HTJ2K (without loss)",
    HTJ2KLosslessRPCL: "HTJ2K (without loss)",
    HTJ2K: "HTJ2K",
    DEFLATED_FRAMES: "deflate",
}
"""What a compression is called, by transfer syntax; JPEG 2000 alone may be with or without loss."""
_BY_MARKER = {0xC0: JPEGBaseline8Bit, 0xC1: JPEGExtended12Bit, 0xC3: JPEGLosslessSV1, 0xF7: JPEGLSLossless}
_SCAN = 0xDA
_TALES = frozenset({0xC4, 0xC8, 0xCC})
"""Markers among those of a JPEG frame that begin none."""
_PLUGINS = {
    JPEGBaseline8Bit: ("pillow",),
    JPEGExtended12Bit: ("pillow",),
    JPEGLossless: ("gdcm",),
    JPEGLosslessSV1: ("gdcm",),
    JPEGLSLossless: ("pyjpegls", "gdcm"),
    JPEGLSNearLossless: ("pyjpegls", "gdcm"),
    RLELossless: ("pydicom",),
}
"""Decoders by transfer syntax, ``pylibjpeg`` else. gdcm has had an unbounded allocation
bug and ends the process over frames that are not quite sound, so it gets only what
nothing else decodes (a sound JPEG-LS file of the wg04 set among it); Pillow's JPEG 2000 loses signs."""


@dataclass(frozen=True)
class Layout:
    """How a file holds its pixels.

    Parameters
    ----------
    syntax
        Transfer syntax UID.
    keyword, vr
        Name and kind of the element.
    start
        Byte at which its value begins, or -1 if the file must be read as a whole
        (packed as a whole, or with a palette or table).
    length
        Bytes of its value; -1 if it is encapsulated.
    rows, columns, samples, frames
        Counts.
    photometric, planar
        How samples are to be understood.
    allocated, stored, high, signed
        Bits of a sample; ``high`` is the number of its highest used bit.
    offsets
        Extended offset table, if there is one.
    """

    syntax: str
    keyword: str
    vr: str
    start: int
    length: int
    rows: int
    columns: int
    samples: int
    frames: int
    photometric: str
    planar: int
    allocated: int
    stored: int
    high: int
    signed: bool
    offsets: tuple[bytes, bytes] | None = None

    @property
    def big(self) -> bool:
        """Whether numbers stand with their highest byte first."""
        return self.syntax == "1.2.840.10008.1.2.2"

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Of the decoded samples."""
        if self.keyword != "PixelData":
            return np.dtype("float32" if self.keyword == "FloatPixelData" else "float64")
        size = 1 if self.allocated <= 8 else 2 if self.allocated <= 16 else 4
        return np.dtype(f"{'i' if self.signed and self.allocated > 1 else 'u'}{size}")

    @property
    def direct(self) -> bool:
        """Whether a frame is a run of whole numbers at a known byte."""
        return (
            self.syntax in NATIVE
            and self.start >= 0
            and self.length >= 0
            and self.samples == 1
            and (self.allocated == 1 or self.allocated == self.dtype.itemsize * 8)
            and not (self.big and self.allocated <= 8)
            and self.photometric != "PALETTE COLOR"
        )


class FrameReader:
    """Decodes frames; keeps the last file where a frame is not read on its own.

    Parameters
    ----------
    load
        Reads a file whole, with its pixels (:func:`core.io.dicom_file.load`).
    """

    def __init__(self, load: Callable[[Path], Any]) -> None:
        self._load = load
        self._dataset: tuple[Path, Any] | None = None
        self._frames: tuple[Path, list[bytes]] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process reads the files for itself."""
        return FrameReader, (self._load,)

    def frame(self, path: Path, layout: Layout, index: int, *, table: bool) -> Array:
        """Decode one frame to ``[y, x]`` or ``[y, x, 3]`` of stored numbers.

        Parameters
        ----------
        path, layout, index
            Which frame of which file.
        table
            Whether a modality LUT makes real values of them.

        Raises
        ------
        InputError
            ``file-truncated``; other faults are those of the decoders.
        """
        if table or layout.photometric == "PALETTE COLOR":
            pixels = self._with_table(path, layout, index, table)
        elif layout.direct:
            pixels = _direct(path, layout, index)
        elif layout.start >= 0 and layout.length < 0:
            pixels = self._packed(path, layout, index)
        else:
            pixels = self._whole(path, layout, index)
        return pixels[..., :3] if pixels.ndim == 3 else pixels

    def _with_table(self, path: Path, layout: Layout, index: int, table: bool) -> Array:
        pixels = (
            self._packed(path, layout, index) if layout.length < 0 <= layout.start else self._whole(path, layout, index)
        )
        dataset = self._file(path)
        if layout.photometric == "PALETTE COLOR":
            pixels = np.asarray(apply_color_lut(pixels, dataset))
            # 16-bit colours of a palette are shown as 8
            pixels = (pixels >> 8).astype(np.uint8) if pixels.dtype.itemsize > 1 else pixels
        return np.asarray(apply_modality_lut(pixels, dataset)) if table else pixels

    def _file(self, path: Path) -> Any:
        if self._dataset is None or self._dataset[0] != path:
            self._dataset = None
            self._dataset = (path, self._load(path))
        return self._dataset[1]

    def _whole(self, path: Path, layout: Layout, index: int) -> Array:
        """Decode a frame of a file that was read as a whole."""
        dataset = self._file(path)
        if layout.syntax not in NATIVE:
            frames = generate_frames(dataset.PixelData, number_of_frames=layout.frames, extended_offsets=layout.offsets)
            return unpacked(next(frame for number, frame in enumerate(frames) if number == index), layout)
        data = dataset.get("PixelData")
        if data is not None and len(data) < get_expected_length(dataset) - 1:
            raise InputError("file-truncated", file=path.name)
        pixels = np.asarray(pixel_array(dataset, index=index, correct_unused_bits=layout.samples > 1))
        return _used_bits(pixels, layout, layout.stored, layout.high) if layout.samples == 1 else pixels

    def _packed(self, path: Path, layout: Layout, index: int) -> Array:
        if layout.frames == 1:
            return unpacked(_packed_frames(path, layout)[0], layout)
        if self._frames is None or self._frames[0] != path:
            self._frames = None
            self._frames = (path, _packed_frames(path, layout))
        return unpacked(self._frames[1][index], layout)


def _direct(path: Path, layout: Layout, index: int) -> Array:
    """Read one uncompressed frame from its place."""
    count = layout.rows * layout.columns
    bits = count * layout.allocated
    # frames of single bits begin anywhere in a byte
    begin, end = index * bits // 8, -(-(index + 1) * bits // 8)
    dtype = layout.dtype.newbyteorder(">" if layout.big else "<")
    with opened(path) as file:
        there = min(layout.length, file.seek(0, io.SEEK_END) - layout.start)
        # nothing is made up at the end of a slice
        if there < -(-bits * layout.frames // 8):
            raise InputError("file-truncated", file=path.name)
        file.seek(layout.start + begin)
        data = bytearray(end - begin)
        file.readinto(data)  # type: ignore[attr-defined] # both kinds of file that `opened` gives have it
    if layout.allocated == 1:
        first = index * bits - begin * 8
        single = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[first : first + count]
        return single.reshape(layout.rows, layout.columns)
    pixels: Array = np.frombuffer(data, dtype).reshape(layout.rows, layout.columns)
    if layout.big:
        pixels = pixels.astype(layout.dtype)
    return _used_bits(pixels, layout, layout.stored, layout.high)


def _packed_frames(path: Path, layout: Layout) -> list[bytes]:
    """Return the compressed frames of a file."""
    with opened(path) as file:
        file.seek(layout.start)
        data = file.read()
    frames = list(generate_frames(data, number_of_frames=layout.frames, extended_offsets=layout.offsets))
    if len(frames) < layout.frames:
        raise InputError("file-truncated", file=path.name)
    return frames


def _used_bits(pixels: Array, layout: Layout, stored: int, high: int) -> Array:
    """Keep the used bits of each number and spread its sign, in place: the others may hold overlays or nonsense."""
    width = pixels.dtype.itemsize * 8
    if layout.keyword != "PixelData" or stored >= width or pixels.dtype.kind not in "ui":
        return pixels
    if not layout.signed and high == stored - 1:
        np.bitwise_and(pixels, pixels.dtype.type((1 << stored) - 1), out=pixels)
        return pixels
    np.left_shift(pixels, width - 1 - high, out=pixels)
    np.right_shift(pixels, width - stored, out=pixels)
    return pixels


def unpacked(frame: bytes, layout: Layout) -> Array:
    """Decode a compressed frame to ``[y, x]`` or ``[y, x, c]``.

    What the frame itself says it is goes before what its file says.

    Raises
    ------
    Exception
        Whatever the decoder raises on a broken frame.
    """
    if layout.syntax in (ENCAPSULATED_PLAIN, DEFLATED_FRAMES):
        return _plain_frame(frame, layout)
    _check_told_size(frame, layout)
    if layout.syntax == RLELossless:
        pixels = _by_plugins(frame, layout, layout.syntax)
        return _used_bits(pixels, layout, layout.stored, layout.high) if layout.samples == 1 else pixels
    if frame[:2] == b"\xff\xd8":
        marker, precision, *_size = _jpeg_frame(frame)
        syntax = layout.syntax if layout.syntax in _families(marker) else _BY_MARKER.get(marker, layout.syntax)
        if layout.samples == 1 and (syntax in (JPEGLossless, JPEGLosslessSV1) or precision > 8) and marker != 0xF7:
            pixels = _by_gdcm(frame, layout, precision).astype(layout.dtype)
        else:
            pixels = _by_plugins(frame, layout, syntax)
    else:
        facts = get_j2k_parameters(frame)
        precision = int(facts.get("precision", layout.stored))
        syntax = layout.syntax if layout.syntax in _JPEG_2000 else JPEG2000
        pixels = _by_plugins(frame, layout, syntax)
    if layout.samples > 1:
        return pixels
    bits = min(layout.stored, precision)
    return _used_bits(pixels, layout, bits, bits - 1)


def _check_told_size(frame: bytes, layout: Layout) -> None:
    """Refuse a frame that tells another size than its file, or is too short for its pixels, before memory is claimed.

    A run makes at most 64 bytes of one; a Huffman code has at least a bit, for each block of 8 x 8 or each pixel.
    """
    count, most = layout.rows * layout.columns, len(frame)
    told = (0, 0)
    if layout.syntax == RLELossless:
        most *= 64
    elif frame[:2] == b"\xff\xd8":
        marker, precision, *size = _jpeg_frame(frame)
        told = (size[0], size[1])
        most = count if marker == 0xF7 else most * (8 if marker == 0xC3 else 512)
        if marker == 0xF7 and b"\xff\xd9" not in frame:
            # CharLS would refuse it too, after looking for the end for many seconds
            raise ValueError("the frame ends too early")
        if (marker in (0xC3, 0xF7) or precision > 8) and not _sound_header(frame, layout.samples):
            # gdcm ends the process over it
            raise ValueError("the frame's header is damaged")
    else:
        at = frame.find(b"\xff\x51", 0, 512) + 6
        x1, y1, x0, y0 = (int.from_bytes(frame[at + 4 * n : at + 4 * n + 4], "big") for n in range(4))
        told, most = (y1 - y0, x1 - x0), count
    if told[0] > 0 and told != (layout.rows, layout.columns):
        raise ValueError("the frame has another size than its header says")
    if count > most:
        raise ValueError("the frame is too short for its pixels")


def _families(marker: int) -> frozenset[str]:
    """Return the transfer syntaxes that frames with a marker are of."""
    if marker == 0xF7:
        return _JPEG_LS
    if marker == 0xC3:
        return frozenset({JPEGLossless, JPEGLosslessSV1})
    return frozenset({JPEGBaseline8Bit, JPEGExtended12Bit})


def _jpeg_start(frame: bytes) -> int:
    """Return where a JPEG's frame header begins."""
    at = 2
    while at + 9 < len(frame):
        marker = frame[at + 1]
        if frame[at] != 0xFF or marker == 0xFF:
            at += 1
            continue
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in _TALES):
            return at
        at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    raise ValueError("a JPEG without a frame")


def _jpeg_frame(frame: bytes) -> tuple[int, int, int, int]:
    """Return a JPEG's frame marker, precision, rows and columns."""
    at = _jpeg_start(frame)
    rows, columns = (int.from_bytes(frame[at + place : at + place + 2], "big") for place in (5, 7))
    return frame[at + 1], frame[at + 4], rows, columns


def _sound_header(frame: bytes, samples: int) -> bool:
    """Whether a JPEG has the components that its file tells, all of one size, and nothing between its segments."""
    at = _jpeg_start(frame)
    if frame[at + 9] != samples or (samples > 1 and set(frame[at + 11 : at + 10 + 3 * samples : 3]) != {0x11}):
        return False
    at = 2
    while at + 4 < len(frame) and frame[at] == 0xFF:
        if frame[at + 1] == _SCAN:
            return True
        at += 1 if frame[at + 1] == 0xFF else 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return False


def _by_plugins(frame: bytes, layout: Layout, syntax: str) -> Array:
    """Decode a frame with the first of pydicom's plugins that can."""
    decoder = get_decoder(UID(syntax))
    item = b"\xfe\xff\x00\xe0"
    data = b"".join((item, bytes(4), item, len(frame).to_bytes(4, "little"), frame))
    grey = layout.samples == 1
    options: dict[str, Any] = {
        "rows": layout.rows,
        "columns": layout.columns,
        "samples_per_pixel": layout.samples,
        "number_of_frames": 1,
        "photometric_interpretation": layout.photometric,
        "planar_configuration": layout.planar,
        "bits_allocated": layout.allocated,
        "bits_stored": layout.stored,
        "pixel_representation": int(layout.signed),
        "pixel_keyword": layout.keyword,
        "pixel_vr": layout.vr,
        # grey: seen to by the caller, who also knows what the highest bit is
        "correct_unused_bits": not grey,
        "apply_j2k_sign_correction": False,
        "apply_jls_sign_correction": False,
    }
    plugins = _PLUGINS.get(UID(syntax), ("pylibjpeg",))
    for number, plugin in enumerate(plugins, 1):
        try:
            return np.asarray(decoder.as_array(data, index=0, decoding_plugin=plugin, **options)[0])
        except (RuntimeError, ValueError):
            if number == len(plugins):
                raise
    raise ValueError(syntax)


def _by_gdcm(frame: bytes, layout: Layout, precision: int) -> Array:
    """Decode a grey JPEG frame with gdcm's codec: lossless ones, and those of 12 bits, which its plugin refuses.

    The bytes are taken where gdcm has them: as text, which is the other way that it
    offers, they take half as long again as the decoding.
    """
    import ctypes

    import gdcm

    gdcm.Trace.WarningOff()
    gdcm.Trace.ErrorOff()
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    tag = gdcm.Tag(0x7FE0, 0x0010)
    packed, plain = gdcm.DataElement(tag), gdcm.DataElement(tag)
    packed.SetValue(fragments.__ref__())
    dtype = np.dtype("u1" if precision <= 8 else "<u2")
    grey = gdcm.PhotometricInterpretation.MONOCHROME2
    codec = gdcm.JPEGCodec()
    codec.SetNumberOfDimensions(2)
    codec.SetDimensions((layout.columns, layout.rows, 1))
    codec.SetPlanarConfiguration(0)
    codec.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(grey))
    codec.SetPixelFormat(gdcm.PixelFormat(1, dtype.itemsize * 8, precision, precision - 1, 0))
    if not codec.Decode(packed, plain):
        raise ValueError("gdcm cannot decode it")
    held = plain.GetByteValue()
    size = layout.rows * layout.columns * dtype.itemsize
    if held is None or int(str(held.GetLength())) < size:
        raise ValueError("gdcm decoded too little")
    data = ctypes.string_at(int(held.GetVoidPointer()), size)
    return np.frombuffer(data, dtype).reshape(layout.rows, layout.columns)


def _plain_frame(frame: bytes, layout: Layout) -> Array:
    """Take a frame that is not compressed, or deflated alone."""
    if layout.allocated not in (8, 16, 32):
        raise ValueError("frames of such bits are not read")
    count = layout.rows * layout.columns * layout.samples
    size = count * layout.allocated // 8
    if layout.syntax == DEFLATED_FRAMES:
        frame = zlib.decompressobj(wbits=-zlib.MAX_WBITS).decompress(frame, size)
    if len(frame) < size:
        raise ValueError("the frame ends too early")
    pixels: Array = np.frombuffer(bytearray(frame[:size]), layout.dtype)
    if layout.samples > 1:
        if layout.photometric != "RGB":
            raise ValueError("colours other than RGB are not read from such frames")
        shape = (layout.rows, layout.columns, layout.samples)
        return pixels.reshape(shape) if not layout.planar else pixels.reshape(shape[2], *shape[:2]).transpose(1, 2, 0)
    return _used_bits(pixels.reshape(layout.rows, layout.columns), layout, layout.stored, layout.high)
