"""From stored numbers to screen pixels: window, scaling, mask fill and outline.

All drawing of scans happens here, at the resolution of the screen and only for
the rectangle that has to be painted. OpenCV does the scaling: measured on this
program's three panes it takes a half to a third of the time of Qt's own scaling,
and it lets the mask's outline be one screen pixel wide at any zoom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from core.geometry import Array
from core.volume import Volume, Window

Bytes: TypeAlias = NDArray[np.uint8]
Words: TypeAlias = NDArray[np.uint32]

_DIRECT = frozenset({"uint8", "int8", "uint16", "int16", "float32", "float64"})
_MINIFY = 0.75
"""Below this scale a slice is shrunk by area first, so that thin things do not flicker away."""


def displayable(array: Array) -> Array:
    """Return an array whose slices OpenCV can read; done once per volume, not per frame."""
    if array.dtype == np.bool_:
        return array.view(np.uint8)
    if array.dtype.name in _DIRECT and array.dtype.isnative:
        return array
    return array.astype(np.float32)


def windowed(stored: Array, volume: Volume, window: Window) -> Bytes:
    """Turn a slice of stored numbers into grey levels (or RGB) 0..255.

    Parameters
    ----------
    stored
        ``[row, column]`` or ``[row, column, 3]``, contiguous.
    volume
        Gives slope, intercept and whether it is shown inverted.
    window
        In real values.
    """
    gain = 255.0 / max(window.width, 1e-9)
    offset = (volume.intercept - window.low) * gain
    gain *= volume.slope
    if volume.inverted:
        gain, offset = -gain, 255.0 - offset
    # saturates and rounds in one pass over any of the types above
    shown = cv2.addWeighted(stored, gain, stored, 0.0, offset, dtype=cv2.CV_8U)
    return np.asarray(shown, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Grid:
    """Where slice pixels lie on a grid of device pixels.

    Parameters
    ----------
    left, top
        Device coordinates of the slice's top left corner.
    across, down
        Device pixels per slice column and row.
    """

    left: float
    top: float
    across: float
    down: float

    def matrix(self, x: int, y: int, shrink: tuple[float, float] = (1.0, 1.0)) -> NDArray[np.float64]:
        """Return the 2 x 3 map from pixels of a rectangle at (x, y) to slice pixels (centres whole numbers).

        ``shrink`` is (down, across) of a slice that was made smaller first.
        """
        down, across = self.down / shrink[0], self.across / shrink[1]
        return np.array(
            [
                [1 / across, 0.0, (x + 0.5 - self.left) / across - 0.5],
                [0.0, 1 / down, (y + 0.5 - self.top) / down - 0.5],
            ]
        )


def minified(shown: Bytes, grid: Grid) -> tuple[Bytes, tuple[float, float]]:
    """Return a slice shrunk by area averaging where the screen shows it much smaller, and the factors."""
    if min(grid.down, grid.across) >= _MINIFY:
        return shown, (1.0, 1.0)
    rows, columns = shown.shape[:2]
    fewer_rows = max(1, round(rows * min(1.0, grid.down)))
    fewer_columns = max(1, round(columns * min(1.0, grid.across)))
    small = cv2.resize(shown, (fewer_columns, fewer_rows), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8), (fewer_rows / rows, fewer_columns / columns)


def picture(
    shown: Bytes, grid: Grid, rect: tuple[int, int, int, int], *, smooth: bool, shrink: tuple[float, float] = (1.0, 1.0)
) -> Bytes:
    """Return a rectangle (x, y, width, height) of the screen as ``[height, width, 4]`` BGRX."""
    x, y, width, height = rect
    flags = (cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST) | cv2.WARP_INVERSE_MAP
    scaled = cv2.warpAffine(shown, grid.matrix(x, y, shrink), (width, height), flags=flags)
    code = cv2.COLOR_GRAY2BGRA if shown.ndim == 2 else cv2.COLOR_RGB2BGRA
    return np.asarray(cv2.cvtColor(scaled, code), dtype=np.uint8)


def mask_picture(
    mask: Bytes, grid: Grid, rect: tuple[int, int, int, int], fill: Words, line: Words | None, thickness: int
) -> Words | None:
    """Return a mask slice coloured for a rectangle of the screen.

    Parameters
    ----------
    mask
        ``[row, column]`` labels.
    grid, rect
        As for :func:`picture`.
    fill, line
        256 premultiplied ARGB words by label, inside and on the edge; line None for no outline.
    thickness
        Width of the outline in device pixels, drawn inside the label.

    Returns
    -------
    array or None
        ``[height, width]`` premultiplied ARGB, or None where nothing is drawn.
    """
    x, y, width, height = rect
    more = thickness if line is not None else 0
    size = (width + 2 * more, height + 2 * more)
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    labels = np.asarray(cv2.warpAffine(mask, grid.matrix(x - more, y - more), size, flags=flags), dtype=np.uint8)
    inner = labels[more : more + height, more : more + width]
    if not inner.any():
        return None
    colored = np.take(fill, inner)
    if line is not None:
        edge = edges(labels, thickness)[more : more + height, more : more + width]
        where = np.flatnonzero(edge)
        flat = colored.reshape(-1)
        flat[where] = line[inner[edge.astype(bool)]]
    return colored


def edges(labels: Bytes, thickness: int) -> Bytes:
    """Return non-zero where a labelled pixel has another label (or none) within ``thickness`` pixels."""
    size = 2 * thickness + 1
    # a disc keeps the line as wide on slopes as on steps
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE if thickness > 1 else cv2.MORPH_RECT, (size, size))
    lowest = cv2.erode(labels, kernel, borderType=cv2.BORDER_REPLICATE)
    edge = cv2.compare(labels, lowest, cv2.CMP_GT)
    if int(labels.max()) > 1:
        # two labels side by side: the lower one has its line too
        highest = cv2.dilate(labels, kernel, borderType=cv2.BORDER_REPLICATE)
        edge = cv2.bitwise_or(edge, cv2.compare(highest, labels, cv2.CMP_GT))
        edge = cv2.min(edge, labels)
    return np.asarray(edge, dtype=np.uint8)


def argb(color: tuple[int, int, int], alpha: float) -> int:
    """Return one premultiplied ARGB word."""
    alpha = min(max(alpha, 0.0), 1.0)
    red, green, blue = (round(channel * alpha) for channel in color)
    return round(255 * alpha) << 24 | red << 16 | green << 8 | blue
