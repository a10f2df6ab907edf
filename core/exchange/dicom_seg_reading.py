"""DICOM SEG coming in: one file, or a folder of them. Runs in the decoding child only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.events import Notice
from core.exchange.incoming import Incoming, IncomingMask, Limits
from core.exchange.own import OwnScan, is_own, load
from core.exchange.places import files_of
from core.geometry import Geometry
from core.io.dicom_seg import Segment, Segmentation, is_segmentation, read_segmentation
from core.io.regrid import lies_within, padded

_FORMATS = ("dicom-seg",)
ENDING = "_seg.dcm"
"""Of the files that we write."""
_ASKED = 50
"""Files of a folder that are looked at for a segmentation."""


def fits(path: Path) -> bool:
    """Whether a file is a DICOM SEG, or a folder holds some right in it."""
    if path.is_dir():
        return is_own(path, _FORMATS) or any(_is_one(file) for file in files_of(path, _ASKED))
    return is_segmentation(path)


def read(path: Path, limits: Limits) -> Iterator[Incoming]:
    """Yield what each file holds; which scan it is for is said by the series it was drawn on, or by our manifest."""
    if not path.is_dir():
        yield _incoming(path, limits, None)
        return
    ours = load(path, limits).scans if is_own(path, _FORMATS) else ()
    by_file = {f"{scan.name}{ENDING}": scan for scan in ours}
    for file in files_of(path, limits.items):
        if file.name in by_file or _is_one(file):
            yield _incoming(file, limits, by_file.get(file.name))


def _is_one(file: Path) -> bool:
    try:
        return is_segmentation(file)
    except (InputError, OSError):
        return False


def _incoming(file: Path, limits: Limits, own: OwnScan | None) -> Incoming:
    found = read_segmentation(file)
    limits.check_shape(found.geometry.shape, file.name)
    notices: tuple[Notice, ...] = ()
    if found.fraction:
        notices = (Notice("seg-threshold", {"name": file.name, "percent": round(100 * found.fraction)}),)
    grid = found.geometry
    whole = None if own is None or own.affine is None else Geometry(own.shape, np.array(own.affine, dtype=float))
    if own is None or whole is None or not lies_within(grid, whole):
        masks = tuple(_mask(found, segment) for segment in found.segments)
        return Incoming(
            None,
            file.name,
            grid.shape,
            masks,
            affine=grid.affine,
            series=found.series,
            frame=found.frame,
            notices=notices,
        )
    # planes without a voxel are left out of the file: our manifest says which of them are known to be empty
    masks = tuple(_whole(_mask(found, segment), grid, whole, own) for segment in found.segments)
    return Incoming(None, file.name, own.shape, masks, affine=whole.affine, digest=own.digest, notices=notices)


def _mask(found: Segmentation, segment: Segment) -> IncomingMask:
    mask = found.masks[segment.number]
    array = np.zeros(found.geometry.shape, np.uint8) if mask is None else mask.astype(np.uint8)
    return IncomingMask(segment.name, array, predicted=segment.automatic, color=segment.color)


def _whole(mask: IncomingMask, grid: Geometry, whole: Geometry, own: OwnScan) -> IncomingMask:
    array = padded(mask.array, grid, whole)
    if array is None:
        return mask
    known = own.finished.get(mask.label, ())
    # what a program alone made was somebody's annotation when we wrote it
    return replace(mask, array=array, reader=own.reader, predicted=False, finished=known)
