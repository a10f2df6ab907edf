"""From a source to its open scan: one reader per format, and what no format may claim."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.io import raster
from core.io.afni import open_afni
from core.io.archive import open_archive
from core.io.dicom import open_dicom
from core.io.metaimage import open_metaimage
from core.io.mgh import open_mgh
from core.io.minc import open_minc
from core.io.nifti import open_nifti
from core.io.nrrd import open_nrrd
from core.io.pairs import header_beside
from core.io.parrec import open_parrec
from core.io.sniff import PICTURES, READABLE, Format, sniff
from core.io.source import OpenScan, Source

_VOLUMES: dict[Format, Callable[[Source], OpenScan]] = {
    Format.NIFTI: open_nifti,
    Format.NIFTI_PAIR: open_nifti,
    Format.ANALYZE: open_nifti,
    Format.NRRD: open_nrrd,
    Format.METAIMAGE: open_metaimage,
    Format.MGH: open_mgh,
    Format.MINC: open_minc,
    Format.AFNI: open_afni,
    Format.PAR_REC: open_parrec,
    Format.HDF5: open_archive,
}

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
    if source.format in _VOLUMES:
        return _VOLUMES[source.format](source)
    if source.format is Format.DICOM:
        return open_dicom(source, colour=colour)
    raise InputError("file-foreign", file=source.name)


def open_whole(path: Path, volume: int | None = None, dataset: str = "") -> OpenScan:
    """Open any one file that is a volume by itself: the door for masks, which may come in every format.

    Raises
    ------
    InputError
        ``file-foreign`` if it is no volume that is read, or what its reader says.
    """
    lead = header_beside(path) or path
    kind = sniff(lead)
    if kind is None or kind not in READABLE:
        raise InputError("file-foreign", file=path.name)
    return open_source(Source(kind, (lead,), lead.name, volume=volume, dataset=dataset))
