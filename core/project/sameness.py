"""Whether a scan is in the project already: known by what it holds, not by its name or its format.

A DICOM series and the NIfTI that was made of it hold the same values at the same
places, in another order and often as other numbers (stored with a slope). A
sample of the values, in the body's own order, finds the candidates in the index;
then all values are compared. Scans that only lie elsewhere in space are told apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import ProjectError
from core.geometry import Array, Geometry, io_orientation
from core.io.regrid import order_between, reordered
from core.project.scanfile import pixel_hash
from core.project.store import Store
from core.volume import Volume

_SAMPLES = 24
"""Planes looked at along each axis."""


@dataclass(frozen=True)
class Same:
    """What the index knows of a volume.

    Parameters
    ----------
    scan
        Id of the scan that holds the same, or None.
    elsewhere
        Id of one that holds the same voxels at another place in space, or None.
    """

    scan: str | None = None
    elsewhere: str | None = None


def fingerprint(volume: Volume) -> str:
    """Return a hash of a sample of the values, the same in whatever order and form they are stored."""
    array = _upright(volume.array, volume.geometry)
    depth, height, width = (max(1, count // _SAMPLES) for count in array.shape[:3])
    sample = _values(volume, array[::depth, ::height, ::width])
    head = f"{list(array.shape)} {volume.geometry.orientation_known}"
    digest = hashlib.sha256(head.encode())
    digest.update(np.ascontiguousarray(sample, dtype="<f4").data.cast("B"))
    return digest.hexdigest()


def _upright(array: Array, geometry: Geometry) -> Array:
    """Return a view whose axes are (nearest) superior, anterior, right; as stored where nobody knows."""
    if not geometry.orientation_known:
        return array
    orientation = io_orientation(geometry.affine)
    voxel_axis = {int(world): axis for axis, (world, _) in enumerate(orientation)}
    order = [2 - voxel_axis[world] for world in (2, 1, 0)]
    flips = [slice(None, None, 1 if orientation[voxel_axis[world]][1] > 0 else -1) for world in (2, 1, 0)]
    return np.transpose(array, (*order, *range(3, array.ndim)))[tuple(flips)]


def _values(volume: Volume, array: Array) -> NDArray[np.float32]:
    # plus zero: minus zero is zero
    with np.errstate(over="ignore", invalid="ignore"):
        return volume.values(array) + np.float32(0)


def find_same(store: Store, volume: Volume, geometry: Callable[[str], Geometry], read: Callable[[str], Volume]) -> Same:
    """Look a volume up.

    Parameters
    ----------
    store
        The index.
    volume
        With its voxels.
    geometry, read
        Give the grid, and the whole, of a scan by its id.
    """
    digest = pixel_hash(volume)
    elsewhere = None
    rows = store.rows(
        "SELECT id, sha256 FROM scan WHERE content = ? OR sha256 = ? ORDER BY number", fingerprint(volume), digest
    )
    for scan, sha256 in rows:
        theirs, ours = geometry(scan), volume.geometry
        if theirs.orientation_known == ours.orientation_known and theirs.matches(ours) and sha256 == digest:
            return Same(scan)
        if _same_grid(theirs, ours) and sha256 != digest:
            try:
                known = read(scan)
            except ProjectError:
                # a damaged scan is no reason to keep its replacement out
                continue
            if _same_values(known, volume):
                return Same(scan)
        elif sha256 == digest:
            elsewhere = elsewhere or scan
    return Same(None, elsewhere)


def _same_grid(one: Geometry, other: Geometry) -> bool:
    if one.orientation_known != other.orientation_known:
        return False
    if not one.orientation_known:
        return one.shape == other.shape
    return order_between(one, other) is not None


def _same_values(one: Volume, other: Volume) -> bool:
    if one.array.ndim != other.array.ndim:
        return False
    array: Array | None = one.array
    if one.geometry.orientation_known:
        if one.array.ndim == 4:
            parts = [
                reordered(one.array[..., part], one.geometry, other.geometry) for part in range(one.array.shape[3])
            ]
            array = (
                None if any(part is None for part in parts) else np.stack([p for p in parts if p is not None], axis=3)
            )
        else:
            array = reordered(one.array, one.geometry, other.geometry)
    if array is None or array.shape != other.array.shape:
        return False
    return all(
        np.array_equal(_values(one, mine), _values(other, theirs), equal_nan=True)
        for mine, theirs in zip(array, other.array, strict=True)
    )
