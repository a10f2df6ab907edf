"""PNG, TIFF, WebP, JPEG and BMP, single or as a stack.

Headers are read without decoding, so sizes are judged first. Pixels keep their
depth (8 to 64 bits, signed or not, float) and their numbers: TIFF is read by
:mod:`core.io.tiff`, 16-bit PNG colours by OpenCV, the rest by Pillow. Three
equal channels are grey. Nothing is turned, whatever EXIF says.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import (
    BmpImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from core.errors import InputError
from core.events import Notice
from core.geometry import Array, Geometry
from core.io import tiff
from core.io.files import MAX_PIXELS, check_budget, opened, read_bytes
from core.io.hyperstack import Hyperstack, hyperstack_of, with_all_pages
from core.io.source import NotGrey, OpenScan, Source
from core.late import cv2
from core.volume import Volume

_GREY_DTYPES = {
    "1": "uint8",
    "L": "uint8",
    "I;16": "uint16",
    "I;16L": "uint16",
    "I;16B": "uint16",
    "I;16N": "uint16",
    "I": "int32",
    "F": "float32",
}
_READERS = (
    PngImagePlugin.PngImageFile,
    TiffImagePlugin.TiffImageFile,
    WebPImagePlugin.WebPImageFile,
    JpegImagePlugin.JpegImageFile,
    BmpImagePlugin.BmpImageFile,
)
_PILLOW_FORMATS = [reader.format for reader in _READERS]
"""Only these of Pillow's many readers are ever tried; importing them registers them."""
_FAULTS = (OSError, ValueError, SyntaxError, struct.error, EOFError, TypeError, KeyError, IndexError, OverflowError)
"""What Pillow raises on broken files, besides its own bomb error."""
_TIFF_HEADS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_PNG_COLOURS = {0: 1, 2: 3, 4: 2, 6: 4}
_EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True)
class PictureHeader:
    """What a picture's header says.

    Parameters
    ----------
    rows, columns, pages
        Size; pages of one volume.
    dtype
        Of one channel.
    channels
        1 or 3 (alpha is not kept).
    volumes
        How many volumes (channels, times of a hyperstack) there are to choose from.
    notes
        Keys of notices about this file.
    spacing
        (z, y, x) in mm where the program that wrote it said so in words, else None.
    inverted
        Zero is white: shown inverted, numbers untouched.
    named
        ``imagej`` or ``ome``, where it says so.
    """

    rows: int
    columns: int
    pages: int
    dtype: str
    channels: int
    volumes: int = 1
    notes: tuple[str, ...] = ()
    spacing: tuple[float, float, float] | None = None
    inverted: bool = False
    named: str = ""

    @property
    def nbytes(self) -> int:
        """Bytes of all decoded pages."""
        return self.rows * self.columns * self.pages * self.channels * np.dtype(self.dtype).itemsize

    def notices(self, name: str) -> tuple[Notice, ...]:
        """Return what the person should know of this file."""
        return tuple(Notice(note, {"name": name}) for note in self.notes)


@contextmanager
def worded(path: Path) -> Iterator[None]:
    """Turn every fault of the decoders into one sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (Image.DecompressionBombError, MemoryError) as error:
        raise InputError("file-too-large", file=path.name) from error
    except (*_FAULTS, cv2.error) as error:
        raise InputError("picture-unreadable", file=path.name) from error


@contextmanager
def pillow(path: Path) -> Iterator[Image.Image]:
    """Open a picture with Pillow, its size judged.

    Raises
    ------
    InputError
        ``picture-unreadable``, ``file-too-large``.
    """
    with worded(path), opened(path) as file, Image.open(file, formats=_PILLOW_FORMATS) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise InputError("file-too-large", file=path.name)
        # every block of 8 x 8 takes at least a bit; what is not there Pillow would make up in grey
        if picture.format == "JPEG" and picture.width * picture.height > 512 * file.seek(0, io.SEEK_END):
            raise InputError("picture-unreadable", file=path.name)
        yield picture


def head_of(path: Path) -> bytes:
    """Return the first bytes of a file."""
    with opened(path) as file:
        return file.read(64)


def is_tiff(head: bytes) -> bool:
    """Whether a file begins like a TIFF."""
    return head[:4] in _TIFF_HEADS


def png_layout(head: bytes) -> tuple[int, int]:
    """Return a PNG's bits per sample and samples per pixel (1 for a palette); zeros for other files."""
    if head[:8] != _PNG_HEAD or len(head) < 26:
        return 0, 0
    return head[24], _PNG_COLOURS.get(head[25], 1)


def read_header(path: Path) -> PictureHeader:
    """Read a picture's size and kind without decoding it.

    Raises
    ------
    InputError
        ``picture-unreadable``, ``file-too-large``, ``picture-channels``.
    """
    head = head_of(path)
    if is_tiff(head):
        return _tiff_header(path, *tiff_pages(path))
    bits, samples = png_layout(head)
    with pillow(path) as picture:
        notes = []
        if getattr(picture, "n_frames", 1) > 1:
            notes.append("picture-animated")
        if picture.mode == "CMYK":
            notes.append("picture-cmyk")
        if "exif" in picture.info and picture.getexif().get(_EXIF_ORIENTATION, 1) not in (0, 1):
            notes.append("picture-turned")
        grey = picture.mode in _GREY_DTYPES or picture.mode in {"LA", "La"} or samples == 2
        dtype = "uint16" if bits == 16 else _GREY_DTYPES.get(picture.mode, "uint8")
        return PictureHeader(picture.height, picture.width, 1, dtype, 1 if grey else 3, notes=tuple(notes))


def tiff_pages(path: Path) -> tuple[tiff.Tiff, Hyperstack]:
    """Read the tags of a TIFF and what they say of its pages."""
    with worded(path):
        pages = with_all_pages(tiff.read_tiff(path))
        return pages, hyperstack_of(pages)


def _tiff_header(path: Path, pages: tiff.Tiff, stack: Hyperstack) -> PictureHeader:
    first = pages.first
    notes = ["picture-pages-left"] if len(pages.kept) < len(pages.pages) else []
    if first.number(tiff.ORIENTATION, 1) not in (0, 1):
        notes.append("picture-turned")
    if first.samples > 4:
        raise InputError("picture-channels", file=path.name, count=first.samples)
    if first.own and first.dtype is not None:
        palette = first.photometric == tiff.PALETTE
        dtype = "uint8" if palette else "float32" if first.dtype == np.float16 else first.dtype.name
        channels = 3 if palette or first.samples > 2 else 1
    else:
        with pillow(path) as picture:
            picture.seek(pages.places[pages.kept[0]])
            if picture.mode == "CMYK":
                notes.append("picture-cmyk")
            dtype = _GREY_DTYPES.get(picture.mode, "uint8")
            channels = 1 if picture.mode in _GREY_DTYPES or picture.mode in {"LA", "La"} else 3
    return PictureHeader(
        first.height,
        first.width,
        stack.slices,
        dtype,
        channels,
        stack.volumes,
        tuple(notes),
        stack.spacing,
        first.own and first.photometric == tiff.WHITE_IS_ZERO,
        stack.named,
    )


def decode(path: Path, page: int = 0, volume: int = 0) -> Array:
    """Decode one page to ``[y, x]`` or ``[y, x, 3]``, without alpha.

    Raises
    ------
    InputError
        ``picture-unreadable``, ``file-truncated``, ``file-too-large``.
    """
    head = head_of(path)
    if is_tiff(head):
        pages, stack = tiff_pages(path)
        return tiff_pixels(path, pages, pages.kept[stack.page(volume, page)])
    bits, samples = png_layout(head)
    if bits == 16 and samples > 1:
        pixels = deep_png(path)
        return pixels[..., 0] if samples == 2 else pixels[..., :3]
    with pillow(path) as picture:
        return _plain(picture)


def tiff_pixels(path: Path, pages: tiff.Tiff, index: int) -> Array:
    """Decode one page of a TIFF to ``[y, x]`` or ``[y, x, 3]``."""
    page = pages.pages[index]
    if not page.own:
        with pillow(path) as picture:
            picture.seek(pages.places[index])
            return _plain(picture)
    with worded(path):
        pixels = tiff.decode(path, page)
        if page.photometric == tiff.PALETTE:
            return tiff.colours_of(page, pixels)
        if page.bits == 1:
            pixels = pixels * np.uint8(255)
    if pixels.ndim == 3:
        return pixels[..., :3] if pixels.shape[2] > 2 else pixels[..., 0]
    return pixels


def deep_png(path: Path) -> Array:
    """Decode a PNG of 16-bit colours to ``[y, x, 3]``, or ``[y, x, 4]`` with alpha (Pillow would drop 8 bits)."""
    with pillow(path) as picture:
        # OpenCV hands over what it has of a file that ends too early; Pillow says so
        picture.load()
    with worded(path):
        raw = np.frombuffer(read_bytes(path), np.uint8)
        decoded = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED)
        if decoded is None or decoded.ndim != 3 or decoded.dtype != np.uint16:
            raise InputError("picture-unreadable", file=path.name)
    # OpenCV's order is blue, green, red
    return np.ascontiguousarray(decoded[..., [2, 1, 0, 3][: decoded.shape[2]]])


def _plain(picture: Image.Image) -> Array:
    if picture.mode in {"LA", "La"}:
        return np.asarray(picture.convert("LA"))[..., 0]
    if picture.mode == "1":
        return np.asarray(picture.convert("L"))
    if picture.mode in _GREY_DTYPES:
        # Pillow hands big-endian 16-bit modes over as such; ours are native
        array = np.asarray(picture)
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    return np.asarray(picture.convert("RGB"))


def open_pictures(source: Source, *, colour: bool = False) -> OpenScan:
    """Open a picture, a multi-page TIFF or a stack of pictures as one scan.

    Parameters
    ----------
    source
        Files in slice order; ``source.volume`` picks one of several volumes of a hyperstack.
    colour
        Keep three channels. Otherwise the middle slice decides, and decoding a
        slice that disagrees raises :class:`core.io.source.NotGrey`.

    Raises
    ------
    InputError
        ``picture-unreadable``, ``file-too-large``, ``stack-sizes``, ``volume-needed``, ``volume-unknown``.
    """
    headers = [read_header(path) for path in source.files]
    first = headers[0]
    for path, header in zip(source.files, headers, strict=True):
        if (header.rows, header.columns) != (first.rows, first.columns):
            raise InputError("stack-sizes", file=path.name)
    chosen = _volume(source, first)
    slots = [(path, page) for path, header in zip(source.files, headers, strict=True) for page in range(header.pages)]
    check_budget(source.files[0], sum(header.nbytes for header in headers))
    dtype = np.dtype(np.result_type(*(header.dtype for header in headers)))
    # the tags of a file of many pages are read once
    tiffs: dict[Path, tuple[tiff.Tiff, Hyperstack]] = {}

    def pixels_of(index: int) -> Array:
        path, page = slots[index]
        if len(slots) == len(source.files):
            return decode(path)
        if path not in tiffs:
            tiffs[path] = tiff_pages(path)
        pages, stack = tiffs[path]
        return tiff_pixels(path, pages, pages.kept[stack.page(chosen, page)])

    three = any(header.channels == 3 for header in headers)
    if three and not colour:
        colour = not _equal_channels(pixels_of(len(slots) // 2))

    def one_slice(index: int) -> Array:
        pixels = pixels_of(index)
        if pixels.shape[:2] != (first.rows, first.columns):
            raise InputError("stack-sizes", file=slots[index][0].name)
        return _fit(pixels, colour, dtype)

    volume = Volume(
        array=np.empty(0, dtype),
        geometry=_geometry(first, len(slots), len(source.files)),
        channels=("R", "G", "B") if colour else (),
        inverted=first.inverted,
        facts=_facts(source, first, chosen),
    )
    shape = (len(slots), first.rows, first.columns) + ((3,) if colour else ())
    return OpenScan(volume, shape, dtype, one_slice)


def _volume(source: Source, header: PictureHeader) -> int:
    if header.volumes == 1 or len(source.files) > 1:
        return 0
    if source.volume is None:
        raise InputError("volume-needed", file=source.name, volumes=header.volumes, last=header.volumes - 1)
    if not 0 <= source.volume < header.volumes:
        raise InputError("volume-unknown", file=source.name, volume=source.volume, last=header.volumes - 1)
    return source.volume


def _geometry(header: PictureHeader, slices: int, files: int) -> Geometry:
    if header.spacing is None or files > 1:
        # resolution tags are of the printed page, not of the head
        return Geometry.of_picture(header.rows, header.columns, slices)
    z, y, x = header.spacing
    return Geometry((slices, header.rows, header.columns), np.diag([-x, -y, z, 1.0]), True, False)


def _facts(source: Source, header: PictureHeader, chosen: int) -> dict[str, str | int | float]:
    facts: dict[str, str | int | float] = {"format": str(source.format)}
    if header.named:
        facts["written_as"] = header.named
    if header.volumes > 1 and len(source.files) == 1:
        facts |= {"volume": chosen, "volumes": header.volumes}
    return facts


def _fit(pixels: Array, colour: bool, dtype: np.dtype[np.generic]) -> Array:
    if colour and pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    elif not colour and pixels.ndim == 3:
        if not _equal_channels(pixels):
            raise NotGrey
        pixels = pixels[..., 0]
    return pixels.astype(dtype, copy=False)


def _equal_channels(pixels: Array) -> bool:
    return pixels.ndim == 2 or bool((pixels[..., :1] == pixels[..., 1:3]).all())
