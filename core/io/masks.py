"""What the numbers in a mask file mean.

Masks come as 0/1, 0/255, 0/65535, 0/anything, with softened edges, or as a map
of several labels. One rule for each, applied over the whole scan at once, so
that all its slices are read alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.geometry import MATCH_MM, Array, Geometry
from core.io import nifti, raster
from core.io.dicom import open_dicom
from core.io.sniff import PICTURES, Format, sniff
from core.io.source import MaskData, OpenScan, Passed, Source

MAX_MAP_VALUES = 64
MAX_MAP_VALUE = 127
"""A picture with more distinct values than the first, or values above the second, is no label map."""
FULL_SCALES = (255, 65535)


def read_masks(source: Source, scan: OpenScan) -> MaskData:
    """Read the mask files of a scan and check that they fit it.

    Parameters
    ----------
    source
        With its masks.
    scan
        The scan they belong to.

    Raises
    ------
    InputError
        ``mask-size``, ``mask-place`` (another affine), ``mask-lossy``,
        ``mask-unreadable``, ``mask-values`` (negative or too large numbers).
    """
    shape = scan.volume.shape
    if len(source.masks) == 1 and source.masks[0] is not None:
        return read_single_mask(source.masks[0], scan.volume.geometry)
    array = np.zeros(shape, np.int64)
    present = [False] * shape[0]
    passed: list[Passed] = []
    one = Geometry.of_picture(shape[1], shape[2])
    for index, mask in enumerate(source.masks):
        if mask is None:
            continue
        try:
            array[index] = read_mask_file(mask, one)[0]
            present[index] = True
        except InputError as error:
            # the other slices are still true; this one stays unknown
            passed.append(Passed(mask.name, error))
    if passed and not any(present):
        raise passed[0].error
    first = next(mask for mask in source.masks if mask is not None)
    return replace(meaning(array, tuple(present), first, picture=True), passed=tuple(passed))


def read_single_mask(path: Path, geometry: Geometry) -> MaskData:
    """Read one mask file for a scan of the given grid.

    Raises
    ------
    InputError
        As :func:`read_masks`.
    """
    array = read_mask_file(path, geometry)
    return meaning(array, (True,) * geometry.shape[0], path, picture=sniff(path) is not Format.NIFTI)


def read_mask_file(path: Path, geometry: Geometry) -> Array:
    """Read one mask file as ``[z, y, x]`` whole numbers as they stand.

    Raises
    ------
    InputError
        As :func:`read_masks`.
    """
    kind = sniff(path)
    if kind in PICTURES:
        array = raster.decode_mask(path)
        _same_size(path, array, geometry)
        return array
    if kind not in (Format.NIFTI, Format.DICOM):
        raise InputError("mask-unreadable", file=path.name)
    if kind is Format.NIFTI:
        opened = nifti.open_nifti(Source(Format.NIFTI, (path,), path.name))
    else:
        opened = open_dicom(Source(Format.DICOM, (path,), path.name))
    array = np.stack([opened.slice(index) for index in range(opened.shape[0])])
    if array.ndim == 4:
        array = array.max(axis=3)
    _same_size(path, array, geometry)
    theirs = opened.volume.geometry
    if theirs.orientation_known and geometry.orientation_known and not _same_place(theirs, geometry):
        raise InputError("mask-place", file=path.name)
    values = array if opened.volume.slope == 1 and opened.volume.intercept == 0 else opened.volume.values(array)
    return _whole(path, values)


def _same_size(path: Path, array: Array, geometry: Geometry) -> None:
    if array.shape != geometry.shape:
        raise InputError("mask-size", file=path.name, size=_size(array.shape), scan=_size(geometry.shape))


def _size(shape: Sequence[int]) -> str:
    z, y, x = shape[:3]
    return f"{x} x {y}" + (f" x {z}" if z > 1 else "")


def _same_place(one: Geometry, other: Geometry) -> bool:
    """Whether two grids lie within a hundredth of a voxel (headers round differently)."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * (np.array(one.shape[::-1]) - 1)
    apart = np.abs(one.to_world(corners) - other.to_world(corners)).max()
    return bool(apart <= max(MATCH_MM, 0.01 * min(one.spacing)))


def _whole(path: Path, values: Array) -> Array:
    if values.dtype.kind in "bui":
        return values
    if not np.isfinite(values).all():
        raise InputError("mask-values", file=path.name)
    rounded = np.rint(values)
    if np.abs(values - rounded).max(initial=0.0) > 1e-3:
        # a probability map: drawn where it is more likely than not
        return (values > 0.5 * max(1.0, float(values.max()))).astype(np.uint8)
    return rounded.astype(np.int64)


def meaning(array: Array, present: tuple[bool, ...], path: Path, *, picture: bool) -> MaskData:
    """Turn raw numbers into label values by the conventions of this module.

    Parameters
    ----------
    array
        ``[z, y, x]`` whole numbers of the whole scan.
    present
        Slices that have a mask.
    path
        Named in errors.
    picture
        Whether the files are pictures (or single DICOM slices): there a large number
        is a grey level. A volume's numbers are labels.

    Returns
    -------
    MaskData
        One-valued (1) unless it is a map of several labels.
    """
    values = _distinct(array)
    if values and values[0] < 0:
        raise InputError("mask-values", file=path.name)
    values = [value for value in values if value]
    if not values:
        return MaskData(np.zeros(array.shape, np.uint8), present)
    top = values[-1]
    if len(values) == 1:
        # 0/1, 0/255, 0/65535, 0/M: the one value is the mask, and its number is kept where it may be a label
        kept = top if top <= MAX_MAP_VALUE else 1
        return MaskData((array == top).astype(np.uint8) * np.uint8(kept), present, (kept,))
    if _softened(values, picture):
        # edges softened by resizing: above the middle is in, which for 8 bits is the usual > 127
        middle = 127 if 127 < top <= 255 else top / 2
        return MaskData((array > middle).astype(np.uint8), present, (1,))
    if top > np.iinfo(np.uint16).max:
        raise InputError("mask-values", file=path.name)
    return MaskData(array.astype(np.uint16 if top > 255 else np.uint8), present, tuple(values))


def _softened(values: list[int], picture: bool) -> bool:
    """Whether several values are one mask with softened edges rather than a map of labels."""
    top = values[-1]
    if picture:
        return len(values) > MAX_MAP_VALUES or top > MAX_MAP_VALUE
    return len(values) > MAX_MAP_VALUES and top in FULL_SCALES


def _distinct(array: Array) -> list[int]:
    if array.dtype == np.uint8:
        return [int(value) for value in np.flatnonzero(np.bincount(array.ravel(), minlength=256))]
    return [int(value) for value in np.unique(array)]
