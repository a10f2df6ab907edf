"""AFNI's volumes (.HEAD and .BRIK), header first."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from nibabel.brikhead import AFNIHeader, AFNIHeaderError, AFNIImageError, parse_AFNI_header
from nibabel.spatialimages import HeaderDataError

from core.errors import InputError
from core.geometry import Geometry
from core.io.files import opened
from core.io.pairs import numbers_of
from core.io.source import OpenScan, Source
from core.io.voxels import Layout, choose, packing_of, scan_of

MAX_HEADER = 4 << 20
_FAULTS = (OSError, ValueError, TypeError, KeyError, IndexError, OverflowError, ArithmeticError, AttributeError)


def open_afni(source: Source) -> OpenScan:
    """Open an AFNI data set as one scan.

    Parameters
    ----------
    source
        Its file is the ``.HEAD``; ``source.volume`` picks one of several sub-bricks.

    Raises
    ------
    InputError
        ``afni-unreadable``, ``data-missing`` (no ``.BRIK`` beside it), ``volume-needed``,
        ``volume-unknown``, those of :mod:`core.io.voxels`.
    """
    path = source.files[0]
    try:
        return _open(path, source)
    except (AFNIHeaderError, AFNIImageError, HeaderDataError, *_FAULTS) as error:
        raise InputError("afni-unreadable", file=path.name) from error


def _open(path: Path, source: Source) -> OpenScan:
    with opened(path) as file:
        words = file.read(MAX_HEADER).decode("latin-1")
    header = AFNIHeader(parse_AFNI_header(io.StringIO(words)))
    x, y, z, volumes = (int(count) for count in header.get_data_shape())
    stored: np.dtype[Any] = np.dtype(header.get_data_dtype())
    if min(x, y, z, volumes) < 1 or stored.kind not in "iuf":
        raise InputError("afni-unreadable", file=path.name)
    index = choose(path, source.volume, volumes)
    numbers = numbers_of(path, ".BRIK", ".BRIK.gz", ".BRIK.bz2")
    layout = Layout(path=numbers, shape=(z, y, x), stored=stored, packing=packing_of(numbers), volume=index)
    scales = header.get_data_scaling()
    facts: dict[str, str | int | float] = {"format": "afni", "pair": 1}
    if volumes > 1:
        facts |= {"volume": index, "volumes": volumes}
    if stored.itemsize > 1 and stored.byteorder == ">":
        facts["big_endian"] = 1
    geometry = Geometry((z, y, x), np.array(header.get_affine(), dtype=np.float64))
    return scan_of(layout, geometry, facts, slope=1.0 if scales is None else float(scales[index]))
