"""MINC volumes: version 1 is netCDF, version 2 HDF5; one slice at a time."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.externals.netcdf import netcdf_file
from nibabel.minc1 import Minc1File, MincError
from nibabel.minc2 import Minc2File

from core.errors import InputError
from core.geometry import Array, Geometry
from core.io.files import check_budget, opened, read_bytes, split_member
from core.io.hdf5_heaps import refuse_endless
from core.io.hdf5_reading import checked, opened_hdf5
from core.io.source import OpenScan, Source
from core.io.voxels import choose, native
from core.volume import Volume

_FAULTS = (
    MincError,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    RuntimeError,
)
_NETCDF = b"CDF"
_PARTS = ("image/0/image", "image/0/image-max", "image/0/image-min")


def open_minc(source: Source) -> OpenScan:
    """Open a MINC file as one scan.

    Parameters
    ----------
    source
        ``source.volume`` picks one of several volumes (times).

    Raises
    ------
    InputError
        ``minc-unreadable``, ``archive-elsewhere`` (its numbers are in another file),
        ``file-too-large``, ``volume-needed``, ``volume-unknown``.
    """
    path = source.files[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _open(path, source)
    except MemoryError as error:
        raise InputError("file-too-large", file=path.name) from error
    except _FAULTS as error:
        raise InputError("minc-unreadable", file=path.name) from error


def _open(path: Path, source: Source) -> OpenScan:
    file = _file(path)
    counts = tuple(int(count) for count in file.get_data_shape())
    names = list(file._dim_names)
    if sum(name.endswith("space") for name in names) != 3 or len(counts) not in (3, 4):
        raise InputError("minc-unreadable", file=path.name)
    if min(counts) < 1 or not all(name.endswith("space") for name in names[-3:]):
        raise InputError("minc-unreadable", file=path.name)
    volumes = counts[0] if len(counts) == 4 else 1
    index = choose(path, source.volume, volumes)
    shape = (counts[-3], counts[-2], counts[-1])
    stored: np.dtype[Any] = np.dtype(file.get_data_dtype())
    scale = _scale(file, stored)
    dtype: np.dtype[Any] = np.dtype("float32") if scale is None else native(stored)
    check_budget(path, int(np.prod(shape, dtype=object)) * dtype.itemsize)

    def one_slice(number: int) -> Array:
        place = (number,) if len(counts) == 3 else (index, number)
        try:
            pixels = file.get_scaled_data(place) if scale is None else _raw(file, place)
        except _FAULTS as error:
            raise InputError("minc-unreadable", file=path.name) from error
        return np.asarray(pixels, dtype=dtype)

    # nibabel's axes are those of the file, the slowest first; ours begin with the fastest
    affine = np.array(file.get_affine(), dtype=np.float64)[:, [2, 1, 0, 3]]
    facts: dict[str, str | int | float] = {"format": "minc", "version": 2 if isinstance(file, Minc2File) else 1}
    if volumes > 1:
        facts |= {"volume": index, "volumes": volumes}
    volume = Volume(
        array=np.empty(0, dtype),
        geometry=Geometry(shape, affine),
        slope=1.0 if scale is None else scale[0],
        intercept=0.0 if scale is None else scale[1],
        facts=facts,
    )
    return OpenScan(volume, shape, dtype, one_slice)


def _file(path: Path) -> Any:
    with opened(path) as file:
        head = file.read(4)
        if head[:3] == _NETCDF and split_member(path) is None:
            # mapped: a slice that is not asked for is never read
            file.seek(0)
            return Minc1File(netcdf_file(file, "r", mmap=True))
    if head[:2] == b"\x1f\x8b" or head[:3] == _NETCDF:
        return Minc1File(netcdf_file(io.BytesIO(read_bytes(path)), "r", mmap=False))
    archive = opened_hdf5(path)
    for part in _PARTS:
        checked(archive, f"minc-2.0/{part}", path)
    for name in archive["minc-2.0/dimensions"]:
        checked(archive, f"minc-2.0/dimensions/{name}", path)
    # nibabel reads attributes as it likes
    refuse_endless(path)
    return Minc2File(archive)


def _raw(file: Any, place: tuple[int, ...]) -> Array:
    image = file._image
    pixels = image.data[place] if hasattr(image, "typecode") else image[place]
    return np.asarray(pixels).view(np.dtype(file.get_data_dtype()))


def _scale(file: Any, stored: np.dtype[Any]) -> tuple[float, float] | None:
    """Return slope and intercept where they are the same for all slices and no number is out of range, else None."""
    if stored.kind == "f":
        return 1.0, 0.0
    get: Callable[[Any], Any] = file._get_array if len(file._get_dimensions(file._image_max)) else file._get_scalar
    highs, lows = (np.unique(np.asarray(get(part), np.float64)) for part in (file._image_max, file._image_min))
    least, most = (float(value) for value in file._get_valid_range())
    limits = np.iinfo(stored.type)
    if highs.size != 1 or lows.size != 1 or (least, most) != (float(limits.min), float(limits.max)):
        return None
    slope = float(highs[0] - lows[0]) / (most - least)
    if not np.isfinite(slope) or slope == 0:
        return None
    return slope, float(lows[0]) - least * slope
