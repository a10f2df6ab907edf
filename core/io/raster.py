"""PNG, TIFF, WebP, JPEG and BMP, single or as a stack, through Pillow.

Pillow reads the header without decoding, so sizes are judged first. Pixels keep
their depth (8 or 16 bit, 32-bit integer, float). Three equal channels are grey.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator, Sequence
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
from core.geometry import Array, Geometry
from core.io.files import MAX_PIXELS, check_budget, opened, read_bytes
from core.io.source import NotGrey, OpenScan, Source
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


@dataclass(frozen=True)
class PictureHeader:
    """What a picture's header says.

    Parameters
    ----------
    rows, columns, pages
        Size.
    dtype
        Of one channel.
    channels
        1 or 3 (alpha is not kept).
    """

    rows: int
    columns: int
    pages: int
    dtype: str
    channels: int

    @property
    def nbytes(self) -> int:
        """Bytes of all decoded pages."""
        return self.rows * self.columns * self.pages * self.channels * np.dtype(self.dtype).itemsize


@contextmanager
def _picture(path: Path) -> Iterator[Image.Image]:
    """Open a picture with every fault of Pillow turned into one sentence."""
    try:
        with opened(path) as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file, formats=_PILLOW_FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise InputError("file-too-large", file=path.name)
                yield picture
    except (Image.DecompressionBombError, MemoryError) as error:
        raise InputError("file-too-large", file=path.name) from error
    except _FAULTS as error:
        raise InputError("picture-unreadable", file=path.name) from error


def read_header(path: Path) -> PictureHeader:
    """Read a picture's size and kind without decoding it.

    Raises
    ------
    InputError
        ``picture-unreadable``, ``file-too-large``.
    """
    with _picture(path) as picture:
        pages = int(getattr(picture, "n_frames", 1)) if picture.format == "TIFF" else 1
        dtype = _GREY_DTYPES.get(picture.mode, "uint8")
        channels = 1 if picture.mode in _GREY_DTYPES or picture.mode in {"LA", "La"} else 3
        return PictureHeader(picture.height, picture.width, pages, dtype, channels)


def _decode(path: Path, page: int) -> Array:
    """Decode one page to ``[y, x]`` or ``[y, x, 3]``."""
    with _picture(path) as picture:
        if page:
            picture.seek(page)
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
        Files in slice order.
    colour
        Keep three channels. Otherwise the middle slice decides, and decoding a
        slice that disagrees raises :class:`core.io.source.NotGrey`.

    Raises
    ------
    InputError
        ``picture-unreadable``, ``file-too-large``, ``stack-sizes``.
    """
    headers = [read_header(path) for path in source.files]
    first = headers[0]
    for path, header in zip(source.files, headers, strict=True):
        if (header.rows, header.columns) != (first.rows, first.columns):
            raise InputError("stack-sizes", file=path.name)
    slots = [(path, page) for path, header in zip(source.files, headers, strict=True) for page in range(header.pages)]
    check_budget(source.files[0], sum(header.nbytes for header in headers))
    dtype = np.dtype(np.result_type(*(header.dtype for header in headers)))
    three = any(header.channels == 3 for header in headers)
    if three and not colour:
        colour = not _equal_channels(_decode(*slots[len(slots) // 2]))

    def one_slice(index: int) -> Array:
        pixels = _decode(*slots[index])
        if pixels.shape[:2] != (first.rows, first.columns):
            raise InputError("stack-sizes", file=slots[index][0].name)
        return _fit(pixels, colour, dtype)

    shape = (len(slots), first.rows, first.columns) + ((3,) if colour else ())
    volume = Volume(
        array=np.empty(0, dtype),
        geometry=Geometry.of_picture(first.rows, first.columns, len(slots)),
        channels=("R", "G", "B") if colour else (),
        facts={"format": str(source.format)},
    )
    return OpenScan(volume, shape, dtype, one_slice)


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


def decode_mask(path: Path) -> Array:
    """Decode a mask picture to ``[z, y, x]`` whole numbers (palette index kept, colours to their maximum).

    Raises
    ------
    InputError
        ``mask-lossy`` for JPEG and lossy WebP: their edges are not what was drawn.
    """
    refuse_lossy(path)
    pages = read_header(path).pages
    with _picture(path) as picture:
        frames = []
        for page in range(pages):
            if page:
                picture.seek(page)
            frames.append(_mask_page(picture))
        return np.stack(frames)


def _mask_page(picture: Image.Image) -> Array:
    if picture.mode in {"P", "PA"}:
        return np.asarray(picture if picture.mode == "P" else picture.getchannel("P"))
    if picture.mode == "1":
        return np.asarray(picture.convert("L"))
    if picture.mode in {"LA", "La"}:
        return np.asarray(picture.convert("LA"))[..., 0]
    if picture.mode in _GREY_DTYPES:
        array = np.asarray(picture)
        return array.astype(array.dtype.newbyteorder("="), copy=False)
    return np.asarray(np.asarray(picture.convert("RGB")).max(axis=2))


def refuse_lossy(path: Path) -> None:
    """Refuse a file whose compression changes values, as a mask."""
    with opened(path) as file:
        head = file.read(64)
    if head.startswith(b"\xff\xd8\xff") or (head[8:12] == b"WEBP" and _lossy_webp(path, head)):
        raise InputError("mask-lossy", file=path.name)


def _lossy_webp(path: Path, head: bytes) -> bool:
    if head[12:16] in (b"VP8 ", b"VP8L"):
        return head[12:16] == b"VP8 "
    # extended file: walk the chunks to the one that holds the pixels
    data = io.BytesIO(read_bytes(path))
    data.seek(12)
    while len(chunk := data.read(8)) == 8:
        if chunk[:4] in (b"VP8 ", b"VP8L"):
            return chunk[:4] == b"VP8 "
        size = int.from_bytes(chunk[4:], "little")
        data.seek(size + size % 2, io.SEEK_CUR)
    return False


def same_kind(headers: Sequence[PictureHeader]) -> bool:
    """Whether pictures could be slices of one scan (size and depth alike)."""
    return len({(header.rows, header.columns, header.dtype, header.channels) for header in headers}) <= 1
