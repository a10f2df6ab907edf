"""A look at a source before it is taken in: header, thumbnail, what there is to choose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.geometry import Array
from core.io import archive
from core.io.opener import open_source
from core.io.sniff import Format
from core.io.source import NotGrey, OpenScan, Preview, Source
from core.late import cv2
from core.volume import Volume, Window, auto_window

SIDE = 96
"""Pixels of a thumbnail's side."""


def preview_source(source: Source) -> Preview:
    """Open a source and show its middle slice.

    Where the person has yet to choose one of several volumes or arrays, the first is shown.

    Raises
    ------
    InputError
        What the format's reader says.
    """
    datasets: tuple[str, ...] = ()
    beside = taken = ""
    if source.format is Format.HDF5:
        source, datasets, beside, taken = _array(source)
    volumes = 1
    try:
        scan, middle = _middle(source)
    except InputError as error:
        if error.code != "volume-needed":
            raise
        volumes = int(error.fields["volumes"])
        scan, middle = _middle(replace(source, volume=0))
    one = replace(scan.volume, array=middle[None], geometry=replace(scan.volume.geometry, shape=(1, *middle.shape[:2])))
    window = None if middle.ndim == 3 and middle.dtype == np.uint8 else auto_window(one)
    low, high = _range(one)
    return Preview(
        volume=scan.volume,
        shape=scan.shape,
        dtype=scan.dtype.str,
        thumbnail=_thumbnail(one, window),
        volumes=volumes,
        datasets=datasets,
        low=low,
        high=high,
        window=window,
        mask_dataset=beside,
        dataset=taken,
    )


def _array(source: Source) -> tuple[Source, tuple[str, ...], str, str]:
    """Return an archive's source with the array to show, all arrays, the one with its mask, and what is taken."""
    path = source.files[0]
    entries = archive.entries_of(path)
    names = tuple(entry.name for entry in entries)
    try:
        name, beside = archive.pick(path, source.dataset, entries)
    except InputError as error:
        if error.code != "dataset-needed":
            raise
        # the person has yet to choose: the first that is no mask is shown
        first = next((entry.name for entry in entries if not entry.mask), names[0])
        return replace(source, dataset=first), names, archive.pick(path, first, entries)[1], ""
    return replace(source, dataset=name), names if len(names) > 1 else (), beside, name


def _range(one: Volume) -> tuple[float, float]:
    """Return the least and the greatest real value of a slice, without padding and what is no number."""
    stored = one.array
    known = np.isfinite(stored)
    if one.padding is not None:
        known &= stored != one.padding
    if not known.any():
        return 0.0, 0.0
    inside = stored[known]
    ends = sorted(float(end) * one.slope + one.intercept for end in (inside.min(), inside.max()))
    return ends[0], ends[1]


def _middle(source: Source) -> tuple[OpenScan, Array]:
    for colour in (False, True):
        scan = open_source(source, colour=colour)
        try:
            return scan, scan.slice(scan.shape[0] // 2)
        except NotGrey:
            continue
    raise InputError("picture-unreadable", file=source.name)


def _thumbnail(one: Volume, window: Window | None) -> NDArray[np.uint8]:
    """Window a slice, turn it as the window shows it, and fit it in its proportions into a square with a black rim."""
    view = one.geometry.view(one.geometry.native_plane)
    if window is None:
        shown = view.extract(one.array, 0)[..., :3]
    else:
        grey = view.extract(one.values(one.grey()), 0)
        shown = np.clip((np.nan_to_num(grey) - window.low) * (255.0 / window.width), 0, 255).astype(np.uint8)
        if one.inverted:
            shown = 255 - shown
    height, width = view.rows * view.row_size, view.columns * view.column_size
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(np.ascontiguousarray(shown), size, interpolation=cv2.INTER_AREA)
    result: NDArray[np.uint8] = np.zeros((SIDE, SIDE, *small.shape[2:]), np.uint8)
    top, left = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
    result[top : top + size[1], left : left + size[0]] = small
    return result
