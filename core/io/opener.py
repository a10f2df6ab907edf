"""From a source to its open scan: one reader per format, and what no format may claim."""

from __future__ import annotations

import numpy as np

from core.errors import InputError
from core.io import nifti, raster
from core.io.dicom import open_dicom
from core.io.sniff import PICTURES, Format
from core.io.source import OpenScan, Source

MIN_SPACING, MAX_SPACING = 1e-4, 1e4
"""Voxel sizes (mm) outside of this are damage, not anatomy."""


def open_source(source: Source, *, colour: bool = False) -> OpenScan:
    """Read the header of a scan and be ready to decode its slices.

    Raises
    ------
    InputError
        What the format's reader says; ``affine-bad`` for absurd voxel sizes.
    """
    try:
        scan = _open(source, colour)
    except InputError as error:
        # a geometry knows no files
        raise InputError(error.code, **(error.fields | {"file": error.fields.get("file") or source.name})) from error
    with np.errstate(all="ignore"):
        sizes = scan.volume.geometry.spacing
    if not MIN_SPACING <= min(sizes) <= max(sizes) <= MAX_SPACING:
        raise InputError("affine-bad", file=source.name)
    return scan


def _open(source: Source, colour: bool) -> OpenScan:
    if source.format in PICTURES:
        return raster.open_pictures(source, colour=colour)
    if source.format is Format.NIFTI:
        return nifti.open_nifti(source)
    if source.format is Format.DICOM:
        return open_dicom(source, colour=colour)
    raise InputError("file-foreign", file=source.name)


def decode_order(slices: int) -> list[int]:
    """Return the middle slice, then the rest from the first."""
    middle = slices // 2
    return [middle, *(index for index in range(slices) if index != middle)]
