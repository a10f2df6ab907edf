"""A look at a source before it is taken in: header, thumbnail, what there is to choose."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.geometry import Array
from core.io.opener import open_source
from core.io.source import NotGrey, OpenScan, Preview, Source
from core.volume import auto_window

SIDE = 96
"""Pixels of a thumbnail's side."""


def preview_source(source: Source) -> Preview:
    """Open a source and show its middle slice.

    Where the person has yet to choose one of several volumes, the first is shown.

    Raises
    ------
    InputError
        What the format's reader says.
    """
    volumes = 1
    try:
        scan, middle = _middle(source)
    except InputError as error:
        if error.code != "volume-needed":
            raise
        volumes = int(error.fields["volumes"])
        scan, middle = _middle(replace(source, volume=0))
    return Preview(scan.volume, scan.shape, scan.dtype.str, _thumbnail(scan, middle), volumes)


def _middle(source: Source) -> tuple[OpenScan, Array]:
    for colour in (False, True):
        scan = open_source(source, colour=colour)
        try:
            return scan, scan.slice(scan.shape[0] // 2)
        except NotGrey:
            continue
    raise InputError("picture-unreadable", file=source.name)


def _thumbnail(scan: OpenScan, pixels: Array) -> NDArray[np.uint8]:
    """Window a slice and fit it, in its own proportions, into a square with a black rim."""
    one = replace(scan.volume, array=pixels[None], geometry=replace(scan.volume.geometry, shape=(1, *pixels.shape[:2])))
    if pixels.ndim == 3 and pixels.dtype == np.uint8:
        shown = pixels[..., :3]
    else:
        window = auto_window(one)
        grey = one.values(one.grey())[0]
        shown = np.clip((np.nan_to_num(grey) - window.low) * (255.0 / window.width), 0, 255).astype(np.uint8)
        if scan.volume.inverted:
            shown = 255 - shown
    _, between_rows, between_columns = scan.volume.geometry.spacing
    height, width = pixels.shape[0] * between_rows, pixels.shape[1] * between_columns
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(np.ascontiguousarray(shown), size, interpolation=cv2.INTER_AREA)
    result: NDArray[np.uint8] = np.zeros((SIDE, SIDE, *small.shape[2:]), np.uint8)
    top, left = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
    result[top : top + size[1], left : left + size[0]] = small
    return result
