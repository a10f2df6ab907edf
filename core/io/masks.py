"""Mask files of every format: read, given their meaning, and brought onto their scan's grid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.errors import InputError
from core.events import Notice
from core.geometry import Array, Geometry
from core.io.archive import entries_of
from core.io.conventions import Numbers, meaning, of_pages
from core.io.dicom_seg import is_segmentation, read_segmentation
from core.io.finding import find_sources
from core.io.mask_pictures import MaskPages, read_mask_picture
from core.io.opener import open_source
from core.io.pairs import header_beside
from core.io.regrid import bring, check_size, padded, size_words
from core.io.sniff import PICTURES, READABLE, VOLUMES, Format, sniff
from core.io.source import FindOptions, MaskData, NotGrey, OpenScan, Passed, Source
from core.volume import Volume

_OF_A_MASK = {"volume-needed": "mask-volumes", "dataset-needed": "mask-datasets"}


def read_masks(source: Source, scan: OpenScan, *, resample: bool = False) -> MaskData:
    """Read the mask files of a scan and check that they fit it.

    Parameters
    ----------
    source
        With its masks.
    scan
        The scan they belong to.
    resample
        Whether a mask of another grid in the same space is taken by nearest neighbour.

    Raises
    ------
    InputError
        ``mask-size``, ``mask-slices``, ``mask-grid`` (another grid), ``mask-elsewhere``, ``mask-lossy``,
        ``mask-unreadable``, and what :func:`core.io.conventions.meaning` says of their numbers.
    """
    if len(source.masks) == 1 and source.masks[0] is not None:
        return read_single_mask(source.masks[0], scan.volume.geometry, resample=resample)
    shape = scan.volume.shape
    pages: list[Array] = []
    read: list[MaskPages] = []
    present = [False] * shape[0]
    passed: list[Passed] = []
    for index, mask in enumerate(source.masks):
        if mask is None:
            continue
        try:
            found = _picture_slice(mask, shape)
        except InputError as error:
            # the other slices are still true; this one stays unknown
            passed.append(Passed(mask.name, error))
            continue
        pages.append(found.pages[0])
        read.append(found)
        present[index] = True
    if not pages:
        raise passed[0].error
    first = next(mask for mask in source.masks if mask is not None)
    there = np.flatnonzero(present)
    # read together, so that all slices are read alike; those without a mask are put between them afterwards
    numbers = _numbers(read, pages, first.name)
    masks = meaning(numbers, (True,) * len(pages), first.name)
    array = np.zeros(shape, masks.array.dtype)
    array[there] = masks.array
    notices = (*masks.notices, *_notes(read, first.name))
    return replace(masks, array=array, present=tuple(present), passed=tuple(passed), notices=notices)


def _picture_slice(path: Path, shape: tuple[int, int, int]) -> MaskPages:
    kind = sniff(path)
    if kind in PICTURES:
        found = read_mask_picture(path)
        _check_pages(found, (1, *shape[1:]), path.name)
        return found
    numbers, theirs = _volume_numbers(path, kind)
    check_size(theirs.shape, (1, *shape[1:]), path.name)
    return MaskPages((numbers.array[0],))


def _check_pages(found: MaskPages, wanted: tuple[int, int, int], name: str) -> None:
    check_size((len(found.pages), *found.pages[0].shape[:2]), wanted, name)


def _numbers(read: list[MaskPages], pages: list[Array], name: str) -> Numbers:
    palette, bits = all(one.palette for one in read), all(one.bits for one in read)
    return of_pages(pages, palette=palette, bits=bits, name=name)


def _notes(read: list[MaskPages], name: str) -> tuple[Notice, ...]:
    counts = Counter(note for one in read for note in one.notes)
    return tuple(Notice(note, {"name": name}) for note in counts)


def read_single_mask(path: Path, geometry: Geometry, *, resample: bool = False) -> MaskData:
    """Read one mask file, or a folder that holds one, for a scan of the given grid.

    Parameters
    ----------
    path
        A file of any format, or a folder with the slices of one mask.
    geometry
        The scan's.
    resample
        As :func:`read_masks`.

    Raises
    ------
    InputError
        As :func:`read_masks`.
    """
    notes: tuple[Notice, ...] = ()
    if path.is_file() and is_segmentation(path):
        return _read_segmentation(path, geometry, resample)
    if path.is_dir():
        numbers, theirs = _folder_numbers(path)
    else:
        kind = sniff(path)
        if kind in PICTURES:
            found = read_mask_picture(path)
            numbers = _numbers([found], list(found.pages), path.name)
            rows, columns = found.pages[0].shape[:2]
            theirs = Geometry.of_picture(rows, columns, len(found.pages))
            notes = _notes([found], path.name)
        else:
            numbers, theirs = _volume_numbers(path, kind)
    if not (theirs.orientation_known and geometry.orientation_known):
        # before anything is read into the numbers: another size is the plainer reason
        check_size(theirs.shape, geometry.shape, path.name)
    masks = meaning(numbers, (True,) * theirs.shape[0], path.name)
    return _brought(masks, theirs, geometry, path.name, resample, notes)


def _read_segmentation(path: Path, geometry: Geometry, resample: bool) -> MaskData:
    """Read a DICOM SEG: the numbers are those of its segments; where it has no plane, nothing is there."""
    found = read_segmentation(path)
    masks = meaning(Numbers(found.numbers(path.name), picture=False), (True,) * found.geometry.shape[0], path.name)
    notes = []
    if found.fraction:
        notes.append(Notice("seg-threshold", {"name": path.name, "percent": round(100 * found.fraction)}))
    if len(found.segments) > 1:
        listed = ", ".join(f"{one.number} = {one.name}" for one in found.segments)
        notes.append(Notice("seg-segments", {"name": path.name, "segments": listed}))
    named = {one.number: one.name for one in found.segments}
    if masks.values == (1,) and masks.top in named:
        named = {1: named[masks.top]}
    masks = replace(masks, names=tuple(named.items()))
    array = padded(masks.array, found.geometry, geometry) if geometry.orientation_known else None
    if array is not None:
        present = (True,) * geometry.shape[0]
        return replace(masks, array=array, present=present, notices=(*masks.notices, *notes))
    return _brought(masks, found.geometry, geometry, path.name, resample, notes)


def _brought(
    masks: MaskData, theirs: Geometry, geometry: Geometry, name: str, resample: bool, notes: Sequence[Notice]
) -> MaskData:
    """Bring masks to the grid of the scan, and say what was done to them."""
    brought = bring(masks.array, theirs, geometry, name, resample=resample)
    return replace(
        masks,
        array=brought.array,
        present=brought.covered,
        resampled=brought.resampled,
        notices=(*masks.notices, *notes, *brought.notices),
        grid=theirs if brought.partly else None,
    )


def _volume_numbers(path: Path, kind: Format | None) -> tuple[Numbers, Geometry]:
    """Read a volume (or a single DICOM file) as numbers on its own grid."""
    lead = header_beside(path)
    if lead is not None:
        kind, path = sniff(lead), lead
    if kind is None or kind not in READABLE:
        raise InputError("mask-unreadable", file=path.name)
    dataset = ""
    if kind is Format.HDF5:
        # an archive that holds a scan and its mask: the array that is called one
        named = [entry.name for entry in entries_of(path) if entry.mask]
        dataset = named[0] if len(named) == 1 else ""
    return _source_numbers(Source(kind, (path,), path.name, dataset=dataset))


def _folder_numbers(folder: Path) -> tuple[Numbers, Geometry]:
    """Read the one mask that a folder holds: a DICOM series, or numbered pictures."""
    found = find_sources([folder], FindOptions(as_="stack", pair_masks=False))
    if len(found.sources) != 1:
        raise InputError("mask-folder", file=folder.name, count=len(found.sources))
    source = found.sources[0]
    if source.format not in PICTURES:
        return _source_numbers(source)
    read = [read_mask_picture(path) for path in source.files]
    pages = [page for one in read for page in one.pages]
    shapes = {page.shape[:2] for page in pages}
    if len(shapes) > 1:
        sizes = sorted(size_words((1, *shape)) for shape in shapes)
        raise InputError("mask-size", file=folder.name, size=sizes[0], scan=sizes[1])
    rows, columns = pages[0].shape[:2]
    return _numbers(read, pages, folder.name), Geometry.of_picture(rows, columns, len(pages))


def _whole(source: Source) -> tuple[Volume, Array]:
    """Read all slices; one that has colour where the middle one has none makes it a mask in colours."""
    for colour in (False, True):
        opened = open_source(source, colour=colour)
        try:
            return opened.volume, np.stack([opened.slice(index) for index in range(opened.shape[0])])
        except NotGrey:
            continue
    raise InputError("mask-unreadable", file=source.name)


def _source_numbers(source: Source) -> tuple[Numbers, Geometry]:
    try:
        volume, array = _whole(source)
    except InputError as error:
        code = _OF_A_MASK.get(error.code, error.code)
        raise InputError(code, **error.fields) from error
    if array.ndim == 4:
        return of_pages(list(array), palette=False, bits=False, name=source.name), volume.geometry
    if volume.slope != 1 or volume.intercept != 0:
        array = volume.values(array)
    return Numbers(array, picture=source.format not in VOLUMES), volume.geometry
