"""The file of a scan, ``scans/<scan>.h5``: written once, chunked per slice, without identity."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError, ProjectError, StorageError
from core.geometry import Array, Geometry
from core.io import chunks, hdf5
from core.io.handover import decode_order
from core.late import cv2, h5py
from core.volume import Volume, Window, auto_window

FORMAT = 1
THUMBNAIL = 64
_VOXELS = "voxels"
_THUMBNAIL = "thumbnail"
_CHUNK_BYTES = 1 << 26
_KINDS = "uif"


def pixel_hash(volume: Volume) -> str:
    """Return the SHA-256 of a scan's voxels, their dtype and shape.

    Byte order does not count, so that the same pixels read from two formats are
    recognised.
    """
    return _digest(volume.array)


def _digest(voxels: Any) -> str:
    # an array, or an HDF5 data set that is read slice by slice
    kind = np.dtype(voxels.dtype).newbyteorder("<").str
    digest = hashlib.sha256(f"{[int(count) for count in voxels.shape]} {kind}".encode())
    for one in chunks.slices(voxels) if isinstance(voxels, h5py.Dataset) else voxels:
        digest.update(_bytes(np.asarray(one)))
    return digest.hexdigest()


def _bytes(array: Array) -> memoryview:
    little = array.dtype.newbyteorder("<")
    return np.ascontiguousarray(array, dtype=little).data.cast("B")


def thumbnail_of(volume: Volume) -> NDArray[np.uint8]:
    """Return the middle slice as shown, letter-boxed into ``[64, 64]`` greys."""
    view = volume.geometry.view(volume.geometry.native_plane)
    # float scans may hold numbers that overflow; they are white
    with np.errstate(over="ignore", invalid="ignore"):
        picked = view.extract(volume.grey(), view.slices // 2)
        values = np.nan_to_num(volume.values(picked))
        window = auto_window(volume)
        grey = np.nan_to_num(np.clip((values - window.low) / max(window.width, 1e-6), 0.0, 1.0))
    if volume.inverted:
        grey = 1.0 - grey
    high, wide = view.rows * view.row_size, view.columns * view.column_size
    scale = THUMBNAIL / max(high, wide)
    rows, columns = max(1, round(high * scale)), max(1, round(wide * scale))
    small = cv2.resize(np.ascontiguousarray(grey, dtype=np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    result = np.zeros((THUMBNAIL, THUMBNAIL), dtype=np.uint8)
    top, left = (THUMBNAIL - rows) // 2, (THUMBNAIL - columns) // 2
    result[top : top + rows, left : left + columns] = np.rint(small * 255.0)
    return result


def _check(volume: Volume) -> None:
    array = volume.array
    usable = array.dtype.kind in _KINDS and array.ndim in {3, 4} and array.size > 0
    if not usable or array.shape[:3] != volume.shape:
        raise InputError("scan-array-bad", shape=str(list(array.shape)), dtype=str(array.dtype))


def write(target: Path, volume: Volume) -> str:
    """Write a scan's file and read it back whole.

    Parameters
    ----------
    target
        ``scans/<scan>.h5``; must not exist.
    volume
        The scan; its facts hold no identity.

    Returns
    -------
    str
        The pixel hash (:func:`pixel_hash`).

    Raises
    ------
    InputError
        ``scan-array-bad`` if the array is not ``[z, y, x]`` or ``[z, y, x, c]`` of numbers.
    StorageError
        ``disk-full``, ``read-only``, ``write-failed``; nothing is left behind.
    """
    _check(volume)
    digest = pixel_hash(volume)
    with hdf5.written(target) as file:
        _write_into(file, volume, digest)
        # here already: what HDF5 made must give the voxels back before a file of it exists
        if _digest(file[_VOXELS]) != digest:
            raise StorageError("write-failed", file=target, reason="read-back")
    return digest


def _write_into(file: h5py.File, volume: Volume, digest: str) -> None:
    array = volume.array
    shape, dtype = array.shape, array.dtype.newbyteorder("<")
    rows = min(shape[1], max(1, _CHUNK_BYTES // max(1, int(np.prod(shape[2:])) * dtype.itemsize)))
    voxels = file.create_dataset(
        _VOXELS,
        shape,
        dtype,
        chunks=(1, rows, *shape[2:]),
        compression="gzip",
        compression_opts=chunks.LEVEL,
        shuffle=True,
    )
    chunks.write(voxels, array)
    file.create_dataset(_THUMBNAIL, data=thumbnail_of(volume))
    geometry = volume.geometry
    file.attrs["format"] = FORMAT
    file.attrs["pixel_sha256"] = digest
    file.attrs["affine"] = geometry.affine
    file.attrs["header"] = json.dumps(
        {
            "spacing_known": geometry.spacing_known,
            "orientation_known": geometry.orientation_known,
            "depth_known": geometry.depth_known,
            "slope": float(volume.slope),
            "intercept": float(volume.intercept),
            "modality": volume.modality,
            "windows": [[window.center, window.width, window.name] for window in volume.windows],
            "channels": list(volume.channels),
            "padding": None if volume.padding is None else float(volume.padding),
            "inverted": bool(volume.inverted),
            "facts": _plain(volume.facts),
        }
    )


def _plain(facts: Mapping[str, Any]) -> dict[str, str | int | float]:
    return {
        str(name): value.item() if isinstance(value, np.generic) else value
        for name, value in facts.items()
        if isinstance(value, (str, int, float, np.generic))
    }


def file_hash(file: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def read_slices(file: Path, start: int, stop: int) -> Array:
    """Return the slices ``start <= z < stop`` as stored, ``[z, y, x(, c)]``.

    Raises
    ------
    ProjectError
        ``scan-corrupt`` names the file.
    """
    try:
        with h5py.File(file, "r") as opened:
            return chunks.read(opened[_VOXELS], start, stop)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise ProjectError("scan-corrupt", file=file) from error


class Watcher(Protocol):
    """Whoever looks on while a scan is read."""

    def begin(self, volume: Volume) -> None:
        """Take the scan; its array is still zero and goes on filling."""

    def slice_came(self, index: int) -> None:
        """Hear that a slice is there, the middle one first."""


def read(file: Path, watcher: Watcher | None = None) -> Volume:
    """Return a scan whole.

    Parameters
    ----------
    watcher
        Told of the slices as they come, in this thread.

    Raises
    ------
    ProjectError
        ``scan-corrupt`` names the file.
    """
    try:
        with h5py.File(file, "r") as opened:
            voxels = opened[_VOXELS]
            affine = np.asarray(opened.attrs["affine"], dtype=np.float64)
            header = json.loads(opened.attrs["header"])
            if watcher is None:
                return _volume(chunks.read(voxels, 0, voxels.shape[0]), affine, header)
            volume = _volume(np.empty(voxels.shape, voxels.dtype), affine, header)
            for one in volume.array:
                # a plane across slices that were only promised would ask for all their memory at once
                one[...] = 0
            watcher.begin(volume)
            chunks.read_into(volume.array, voxels, decode_order(voxels.shape[0]), watcher.slice_came)
            return volume
    except (OSError, KeyError, ValueError, RuntimeError, TypeError, InputError) as error:
        raise ProjectError("scan-corrupt", file=file) from error


def read_header(file: Path) -> tuple[Geometry, str]:
    """Return the grid and the pixel hash that a scan's file names.

    Raises
    ------
    ProjectError
        ``scan-corrupt`` names the file.
    """
    try:
        with h5py.File(file, "r") as opened:
            header = json.loads(opened.attrs["header"])
            depth, height, width = (int(count) for count in opened[_VOXELS].shape[:3])
            affine = np.asarray(opened.attrs["affine"], dtype=np.float64)
            digest = str(opened.attrs["pixel_sha256"])
        geometry = _geometry((depth, height, width), affine, header)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError, InputError) as error:
        raise ProjectError("scan-corrupt", file=file) from error
    return geometry, digest


def _geometry(shape: tuple[int, int, int], affine: NDArray[np.float64], header: Mapping[str, Any]) -> Geometry:
    spacing, orientation = bool(header["spacing_known"]), bool(header["orientation_known"])
    # files of before the distance between slices was doubted do not say
    return Geometry(shape, affine, spacing, orientation, bool(header.get("depth_known", True)))


def _volume(array: Array, affine: NDArray[np.float64], header: Mapping[str, Any]) -> Volume:
    depth, height, width = array.shape[:3]
    return Volume(
        array=array,
        geometry=_geometry((depth, height, width), affine, header),
        slope=header["slope"],
        intercept=header["intercept"],
        modality=header["modality"],
        windows=tuple(Window(center, width_, name) for center, width_, name in header["windows"]),
        channels=tuple(header["channels"]),
        padding=header["padding"],
        inverted=header["inverted"],
        facts=header["facts"],
    )


def read_thumbnail(file: Path) -> NDArray[np.uint8]:
    """Return the thumbnail, uint8 ``[64, 64]``.

    Raises
    ------
    ProjectError
        ``scan-corrupt`` names the file.
    """
    try:
        with h5py.File(file, "r") as opened:
            return np.asarray(opened[_THUMBNAIL][()], dtype=np.uint8)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise ProjectError("scan-corrupt", file=file) from error
