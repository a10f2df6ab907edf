"""From stored numbers to screen pixels: window, scaling, mask fill and outline.

All drawing of scans happens here, at the resolution of the screen and only for
the rectangle that has to be painted. OpenCV does the scaling (docs/adr/0007),
which lets the mask's outline have the same width on screen at any zoom.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.geometry import Array
from core.late import cv2
from core.volume import Volume, Window

Bytes: TypeAlias = NDArray[np.uint8]
Rect: TypeAlias = tuple[int, int, int, int]
"""x, y, width, height in device pixels."""

_DIRECT = frozenset({"uint8", "int8", "uint16", "int16", "float32", "float64"})
_SAFE = 1e9
_MINIFY = 0.75
"""Below this scale a slice is shrunk by averaging."""


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
    if stored.dtype.kind == "f":
        # beyond the range of int the conversion below would wrap around to black
        most = _SAFE / max(abs(gain), 1e-12)
        stored = np.clip(stored, -most, most)
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

    def covered(self, rows: tuple[int, int], columns: tuple[int, int], rect: Rect) -> Rect | None:
        """Return the part of a rectangle that a range of rows and columns can touch."""
        x, y, width, height = rect
        left = max(x, math.floor(self.left + columns[0] * self.across))
        top = max(y, math.floor(self.top + rows[0] * self.down))
        right = min(x + width, math.ceil(self.left + columns[1] * self.across))
        bottom = min(y + height, math.ceil(self.top + rows[1] * self.down))
        if right <= left or bottom <= top:
            return None
        return left, top, right - left, bottom - top

    def matrix(self, x: int, y: int) -> NDArray[np.float64]:
        """Return the 2 x 3 map from pixels of a rectangle at (x, y) to slice pixels (centres whole numbers)."""
        return np.array(
            [
                [1 / self.across, 0.0, (x + 0.5 - self.left) / self.across - 0.5],
                [0.0, 1 / self.down, (y + 0.5 - self.top) / self.down - 0.5],
            ]
        )


def whole_picture(shown: Bytes, grid: Grid) -> Bytes:
    """Return a whole slice at the size the screen shows it: interpolated, or averaged if shrunk."""
    rows, columns = shown.shape[:2]
    size = (max(1, round(columns * grid.across)), max(1, round(rows * grid.down)))
    if min(grid.down, grid.across) < _MINIFY:
        # averaging keeps thin things from flickering away where several pixels fall on one; along an axis that grows
        # beside one that shrinks it would show blocks, and no averages of the other
        least = (min(columns, size[0]), min(rows, size[1]))
        shown = np.asarray(cv2.resize(shown, least, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def picture(shown: Bytes, grid: Grid, rect: Rect, *, smooth: bool) -> Bytes:
    """Return a rectangle of the screen within the slice, grey or RGB like the slice."""
    x, y, width, height = rect
    flags = (cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST) | cv2.WARP_INVERSE_MAP
    part = cv2.warpAffine(shown, grid.matrix(x, y), (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(part, dtype=np.uint8)


def bgrx(shown: Array) -> Bytes:
    """Return grey levels or RGB as ``[height, width, 4]`` BGRX, the screen's own format."""
    code = cv2.COLOR_GRAY2BGRA if shown.ndim == 2 else cv2.COLOR_RGB2BGRA
    return np.asarray(cv2.cvtColor(shown, code), dtype=np.uint8)


def mask_labels(mask: Bytes, grid: Grid, rect: Rect) -> Bytes:
    """Return the labels of a slice on a rectangle of the screen: voxels are squares, never smoothed."""
    x, y, width, height = rect
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(mask, grid.matrix(x, y), (width, height), flags=flags), dtype=np.uint8)


def edge_labels(labels: Bytes, thickness: int) -> Bytes:
    """Return the labels kept only where another label (or none) is within ``thickness`` pixels."""
    size = 2 * thickness + 1
    # a disc keeps the line as wide on slopes as on steps
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE if thickness > 1 else cv2.MORPH_RECT, (size, size))
    lowest = cv2.erode(labels, kernel, borderType=cv2.BORDER_REPLICATE)
    edge = cv2.compare(labels, lowest, cv2.CMP_GT)
    if int(labels.max()) > 1:
        # two labels side by side: the lower one has its line too
        highest = cv2.dilate(labels, kernel, borderType=cv2.BORDER_REPLICATE)
        edge = cv2.bitwise_or(edge, cv2.compare(highest, labels, cv2.CMP_GT))
    return np.asarray(cv2.min(edge, labels), dtype=np.uint8)
