"""FreeSurfer's volumes (.mgh, .mgz), header first: 284 bytes, then big-endian numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nibabel.freesurfer.mghformat import MGHHeader
from nibabel.spatialimages import HeaderDataError

from core.errors import InputError
from core.geometry import Geometry
from core.io.source import OpenScan, Source
from core.io.voxels import Layout, choose, head_of, packing_of, scan_of

_HEAD = 284
_TYPES = {0: "u1", 1: ">i4", 3: ">f4", 4: ">i2", 10: ">u2"}


def open_mgh(source: Source) -> OpenScan:
    """Open an MGH or MGZ file as one scan.

    Parameters
    ----------
    source
        ``source.volume`` picks one of several volumes (frames).

    Raises
    ------
    InputError
        ``mgh-unreadable``, ``volume-needed``, ``volume-unknown``, those of
        :mod:`core.io.voxels`.
    """
    path = source.files[0]
    try:
        return _open(path, source)
    except (HeaderDataError, OSError, ValueError, TypeError, KeyError, OverflowError, ArithmeticError) as error:
        raise InputError("mgh-unreadable", file=path.name) from error


def _open(path: Path, source: Source) -> OpenScan:
    head = head_of(path, _HEAD)
    if len(head) < _HEAD:
        raise InputError("file-truncated", file=path.name)
    header = MGHHeader(head, check=False)
    kind = int(header["type"])
    x, y, z, volumes = (int(count) for count in header["dims"])
    if int(header["version"]) != 1 or kind not in _TYPES or min(x, y, z, volumes) < 1:
        raise InputError("mgh-unreadable", file=path.name)
    index = choose(path, source.volume, volumes)
    layout = Layout(
        path=path,
        shape=(z, y, x),
        stored=np.dtype(_TYPES[kind]),
        packing=packing_of(path),
        skip=_HEAD,
        volume=index,
    )
    facts: dict[str, str | int | float] = {"format": "mgh"}
    if volumes > 1:
        facts |= {"volume": index, "volumes": volumes}
    affine = np.array(header.get_affine(), dtype=np.float64)
    # without its flag FreeSurfer takes a coronal head with voxels of 1 mm: a guess, so no letters are shown
    placed = bool(header["goodRASFlag"]) and int.from_bytes(head[28:30], "big") > 0
    return scan_of(layout, Geometry((z, y, x), affine, placed, placed), facts)
