"""Philips' PAR/REC pairs, header first: a table of slices in any order, and their numbers."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.parrec import PARRECError, PARRECHeader
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from core.errors import InputError
from core.geometry import Array, Geometry
from core.io.files import check_budget, opened
from core.io.pairs import numbers_of
from core.io.source import OpenScan, Source
from core.io.voxels import Layout, choose, packing_of, slices_of
from core.volume import Volume

MAX_HEADER = 8 << 20
_FAULTS = (OSError, ValueError, TypeError, KeyError, IndexError, OverflowError, ArithmeticError, AttributeError)


def open_parrec(source: Source) -> OpenScan:
    """Open a PAR/REC pair as one scan.

    Parameters
    ----------
    source
        Its file is the ``.PAR``; ``source.volume`` picks one of several volumes.

    Raises
    ------
    InputError
        ``par-rec-unreadable`` (also where slices of the table are missing),
        ``data-missing`` (no ``.REC`` beside it), ``volume-needed``, ``volume-unknown``,
        those of :mod:`core.io.voxels`.
    """
    path = source.files[0]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _open(path, source)
    except (PARRECError, HeaderDataError, *_FAULTS) as error:
        raise InputError("par-rec-unreadable", file=path.name) from error


def _open(path: Path, source: Source) -> OpenScan:
    with opened(path) as file:
        words = file.read(MAX_HEADER).decode("latin-1")
    header = _header(words)
    shape = tuple(int(count) for count in header.get_data_shape())
    x, y, z = (*shape, 1)[:3]
    volumes = int(np.prod(shape[3:], dtype=object)) if len(shape) > 3 else 1
    stored: np.dtype[Any] = np.dtype(header.get_data_dtype()).newbyteorder("<")
    if min(shape) < 1 or stored.kind not in "iu":
        raise InputError("par-rec-unreadable", file=path.name)
    index = choose(path, source.volume, volumes)
    numbers = numbers_of(path, ".REC", ".rec", ".REC.gz")
    places = np.asarray(header.get_sorted_slice_indices())[index * z : (index + 1) * z]
    everything = Layout(
        path=numbers,
        shape=(len(header.image_defs), y, x),
        stored=stored,
        packing=packing_of(numbers),
    )
    read = slices_of(everything)
    slopes, intercepts = (_of_volume(each, index, z) for each in header.get_data_scaling())
    common = bool((slopes == slopes[0]).all() and (intercepts == intercepts[0]).all())
    dtype: np.dtype[Any] = everything.dtype if common else np.dtype("float32")
    check_budget(path, z * y * x * dtype.itemsize)

    def one_slice(number: int) -> Array:
        pixels = read(int(places[number]))
        if common:
            return pixels
        return np.asarray(pixels * np.float32(slopes[number]) + np.float32(intercepts[number]), dtype=dtype)

    volume = Volume(
        array=np.empty(0, dtype),
        geometry=Geometry((z, y, x), np.array(header.get_affine(), dtype=np.float64)),
        slope=float(slopes[0]) if common else 1.0,
        intercept=float(intercepts[0]) if common else 0.0,
        modality="MR",
        facts=_facts(header, index, volumes, int(places[0])),
    )
    return OpenScan(volume, (z, y, x), dtype, one_slice)


def _header(words: str) -> Any:
    try:
        return PARRECHeader.from_fileobj(io.StringIO(words), strict_sort=True)
    except PARRECError:
        # some tables mix kinds of pictures that the strict order cannot place
        return PARRECHeader.from_fileobj(io.StringIO(words), strict_sort=False)


def _of_volume(scaling: NDArray[Any], index: int, slices: int) -> NDArray[np.float64]:
    """Return the scale of each slice of one volume, from an array that is shaped like the data."""
    flat = np.asarray(scaling, dtype=np.float64).reshape(-1, order="F")
    if flat.size == 1:
        return np.repeat(flat, slices)
    return flat[index * slices : (index + 1) * slices]


def _facts(header: Any, index: int, volumes: int, place: int) -> dict[str, str | int | float]:
    facts: dict[str, str | int | float] = {"format": "par-rec", "pair": 1}
    if volumes > 1:
        facts |= {"volume": index, "volumes": volumes}
    echo = float(header.image_defs["echo_time"][place])
    repeat = float(np.atleast_1d(header.general_info.get("repetition_time", 0.0))[0])
    facts |= {"echo_time": echo} if np.isfinite(echo) and echo > 0 else {}
    facts |= {"repetition_time": repeat} if np.isfinite(repeat) and repeat > 0 else {}
    return facts
