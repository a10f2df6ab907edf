"""A DICOM scan, header first, slices one by one: series, multi-frame, mosaic."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import InputError
from core.geometry import Array, Geometry
from core.io import grouping, stacking
from core.io.dicom_file import SliceHeader, decode, headers, load, number, one_sentence, word
from core.io.files import check_budget
from core.io.pixels import PACKINGS, FrameReader
from core.io.source import NotGrey, OpenScan, Source
from core.io.windows import header_windows
from core.volume import Volume

_MODALITIES = ("MR", "CT")
_FACTS = {
    "echo_time": "EchoTime",
    "repetition_time": "RepetitionTime",
    "inversion_time": "InversionTime",
    "flip_angle": "FlipAngle",
    "field_strength": "MagneticFieldStrength",
    "slice_thickness": "SliceThickness",
    "kvp": "KVP",
    "bits_stored": "BitsStored",
}
"""Numbers only: free text of a header may hold a name."""
_AIR_HU = -1024.0
_LONG = 24
"""Compressed slices from which on a second process helps."""


@dataclass(frozen=True)
class _Rescale:
    """How stored numbers become real values: once for the scan, or slice by slice to float32."""

    common: bool
    slope: float
    intercept: float


@dataclass(frozen=True)
class _Slices:
    """Decodes the slices of a scan by their number; can be sent to another process."""

    slots: tuple[SliceHeader | None, ...]
    rescale: _Rescale
    padding: float | None
    blank: float
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    colour: bool
    reader: FrameReader

    def __call__(self, index: int) -> Array:
        header = self.slots[index]
        if header is None:
            return np.full(self.shape, self.blank, self.dtype)
        pixels = _real(decode(header, self.reader), header, self.rescale, self.padding)
        return _fit(pixels, self.colour, self.dtype)


def open_dicom(source: Source, *, colour: bool = False) -> OpenScan:
    """Open the files of one DICOM scan.

    Parameters
    ----------
    source
        Its files (any order; they are sorted again by what they say).
    colour
        Keep three equal channels as colour.

    Raises
    ------
    InputError
        ``dicom-unreadable``, ``dicom-pixels``, ``file-too-large``, ``volume-needed``,
        ``volume-unknown``, ``dicom-mosaic``, and those of
        :func:`core.io.dicom_file.headers`.
    """
    found = [header for path in source.files for header in headers(path)]
    with one_sentence(source.files[0]):
        if found[0].mosaic:
            return _open_mosaic(source, found)
        # the finder has compared all with one slice, perhaps another one than the first here
        volumes = grouping.volumes_of(found, tolerance=3 * grouping.ORIENTATION_MATCH)
        slices = volumes[_choose(source, len(volumes))]
        grid = stacking.lay(slices, source.name)
        return _open_grid(source, grid, colour)


def _choose(source: Source, volumes: int) -> int:
    if volumes == 1:
        return 0
    if source.volume is None:
        raise InputError("volume-needed", file=source.name, volumes=volumes, last=volumes - 1)
    if not 0 <= source.volume < volumes:
        raise InputError("volume-unknown", file=source.name, volume=source.volume, last=volumes - 1)
    return source.volume


def _open_grid(source: Source, grid: stacking.Grid, colour: bool) -> OpenScan:
    slices = [slot for slot in grid.slots if slot is not None]
    first = slices[len(slices) // 2]
    three = first.samples == 3
    reader = FrameReader(load)
    if three and not colour:
        pixels = decode(first, reader)
        colour = pixels.ndim == 3 and not _equal_channels(pixels)
    rescale = _rescale(slices)
    dtype = np.dtype(np.result_type(*(header.dtype for header in slices))) if rescale.common else np.dtype("float32")
    if any(header.table for header in slices):
        dtype = np.dtype("float32")
    shape = grid.geometry.shape + ((3,) if colour and three else ())
    check_budget(first.path, int(np.prod(shape, dtype=object)) * dtype.itemsize)
    padding = _padding(first, rescale)
    blank = _blank(first, padding, rescale, dtype)

    decoded = _Slices(tuple(grid.slots), rescale, padding, blank, shape[1:], dtype, colour and three, reader)
    volume = Volume(
        array=np.empty(0, dtype),
        geometry=grid.geometry,
        slope=rescale.slope,
        intercept=rescale.intercept,
        modality=_modality(first),
        windows=header_windows(first),
        channels=("R", "G", "B") if colour and three else (),
        padding=padding,
        inverted=all(word(one.dataset, "PhotometricInterpretation") == "MONOCHROME1" for one in slices),
        facts=_facts(first, grid) | _padding_range(first, rescale),
    )
    return OpenScan(volume, shape, dtype, decoded, _takes_long(slices) and (colour or not three))


def _takes_long(slices: Sequence[SliceHeader]) -> bool:
    """Whether a scan is compressed and long, so that a second process is worth its start."""
    return len(slices) >= _LONG and slices[0].layout.length < 0


def _rescale(slices: Sequence[SliceHeader]) -> _Rescale:
    pairs = {(header.slope, header.intercept) for header in slices}
    if len(pairs) == 1 and not any(header.table for header in slices):
        slope, intercept = pairs.pop()
        return _Rescale(True, slope, intercept)
    return _Rescale(False, 1.0, 0.0)


def _real(pixels: Array, header: SliceHeader, rescale: _Rescale, padding: float | None) -> Array:
    """Make real values of a slice that has a rescale of its own; padding is one value for the whole scan."""
    if rescale.common or header.table:
        return pixels
    real = pixels.astype(np.float32) * np.float32(header.slope) + np.float32(header.intercept)
    limits = _padded(header)
    if limits is not None and padding is not None:
        real[(pixels >= limits[0]) & (pixels <= limits[1])] = padding
    return real


def _fit(pixels: Array, colour: bool, dtype: np.dtype[np.generic]) -> Array:
    if pixels.ndim == 3 and not colour:
        if not _equal_channels(pixels):
            raise NotGrey
        pixels = pixels[..., 0]
    elif pixels.ndim == 2 and colour:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return pixels.astype(dtype, copy=False)


def _equal_channels(pixels: Array) -> bool:
    return bool((pixels[..., :1] == pixels[..., 1:3]).all())


def _padding(header: SliceHeader, rescale: _Rescale) -> float | None:
    limits = _padded(header)
    if limits is None or header.table:
        return None
    return limits[0] if rescale.common else limits[0] * header.slope + header.intercept


def _padding_range(header: SliceHeader, rescale: _Rescale) -> dict[str, float]:
    """Return the other end of the stored numbers that mean "outside", where there is a range of them."""
    limits = _padded(header)
    if limits is None or header.table or not rescale.common or limits[0] == limits[1]:
        return {}
    return {"padding_limit": limits[1]}


def _padded(header: SliceHeader) -> tuple[float, float] | None:
    """Return the least and greatest stored value that mean "outside the picture"."""
    value = _signed_right(header, "PixelPaddingValue")
    if value is None:
        return None
    limit = _signed_right(header, "PixelPaddingRangeLimit")
    limit = value if limit is None else limit
    return min(value, limit), max(value, limit)


def _signed_right(header: SliceHeader, name: str) -> float | None:
    """Return a number of the header in the sign of the pixels: it may be written in the other one."""
    kinds = {"FloatPixelData": "Float", "DoubleFloatPixelData": "DoubleFloat"}
    value = number(header.dataset, kinds.get(header.layout.keyword, "") + name)
    if value is None or header.dtype.startswith("float"):
        return value
    size = 2 ** (8 * np.dtype(header.dtype).itemsize)
    if header.dtype.startswith("int"):
        return value - size if value >= size / 2 else value
    return value + size if value < 0 else value


def _blank(header: SliceHeader, padding: float | None, rescale: _Rescale, dtype: np.dtype[np.generic]) -> float:
    """Return the stored value that fills a missing slice: padding, air for CT, else zero."""
    value = padding
    if value is None:
        value = (_AIR_HU - rescale.intercept) / rescale.slope if _modality(header) == "CT" else 0.0
    if dtype.kind in "ui":
        limits = np.iinfo(str(dtype))
        value = float(np.clip(np.rint(value), limits.min, limits.max))
    return value


def _modality(header: SliceHeader) -> str:
    modality = word(header.dataset, "Modality")
    return modality if modality in _MODALITIES else ""


def _facts(header: SliceHeader, grid: stacking.Grid) -> dict[str, str | int | float]:
    facts: dict[str, str | int | float] = {"format": "dicom"}
    for name, element in _FACTS.items():
        value = number(header.dataset, element)
        if value is not None:
            facts[name] = value
    packing = PACKINGS.get(header.layout.syntax)
    return facts | ({"packing": packing} if packing else {}) | grid.facts


def _open_mosaic(source: Source, found: list[SliceHeader]) -> OpenScan:
    """Open a Siemens mosaic: many slices tiled in one picture, placed by the private CSA header."""
    from nibabel.nicom.dicomwrappers import MosaicWrapper, WrapperError, wrapper_from_data

    header = found[_choose(source, len(found))]
    dataset, reader = load(header.path), FrameReader(load)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wrapper = wrapper_from_data(dataset)
            if not isinstance(wrapper, MosaicWrapper):
                raise InputError("dicom-mosaic", file=header.path.name)
            affine = np.array(wrapper.affine, dtype=float)
            rows, columns, count = (int(size) for size in wrapper.image_shape)
    except (WrapperError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError("dicom-mosaic", file=header.path.name) from error
    # nibabel's first voxel axis runs down the rows, ours along the columns
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine[:, [1, 0, 2, 3]]
    across = header.columns // columns
    if count < 1 or across < 1 or count > across * (header.rows // rows):
        raise InputError("dicom-mosaic", file=header.path.name)
    tiles: list[Array] = []

    def one_slice(index: int) -> Array:
        if not tiles:
            tiles.append(decode(header, reader))
        top, left = index // across * rows, index % across * columns
        return tiles[0][top : top + rows, left : left + columns]

    geometry = Geometry((count, rows, columns), affine)
    grid = stacking.Grid((), geometry, ())
    volume = Volume(
        array=np.empty(0, header.dtype),
        geometry=geometry,
        slope=header.slope,
        intercept=header.intercept,
        modality=_modality(header),
        windows=header_windows(header),
        facts=_facts(header, grid) | ({"volume": source.volume} if source.volume is not None else {}),
    )
    return OpenScan(volume, geometry.shape, np.dtype(header.dtype), one_slice)
