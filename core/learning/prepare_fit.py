"""Where a native slice lies in the square that a network sees, there and back.

The way back is exact in shape and position: forward and inverse use the same window and
the same pixel-centre convention.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.geometry import Array, Geometry
from core.late import cv2

UNKNOWN = 255
"""Value of a prepared mask where nobody has said what is there."""
_SEEN = 0.25
"""From this part of a prepared pixel on, what is known of it speaks for it: strokes are thin."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Half-open rows and columns of a native slice that are used."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class Fit:
    """Where a native slice lies in the prepared square.

    Parameters
    ----------
    rows, columns
        Of the native slice.
    height, width
        Of its resized picture.
    top, left
        Its first row and column in the square; negative where its rim is cut off.
    size
        Rows and columns of the square.
    cut
        The part of the native slice that was resized; None for all of it.
    """

    rows: int
    columns: int
    height: int
    width: int
    top: int
    left: int
    size: int
    cut: Cut | None = None

    @classmethod
    def of(
        cls, geometry: Geometry, size: int, *, cut: Cut | None = None, pixel: float = 0.0, natural: bool = False
    ) -> Fit:
        """Return the largest centred fit with true aspect (pixel sizes honoured).

        Parameters
        ----------
        cut
            Only this part of the slice.
        pixel
            If above 0, a prepared pixel measures so many mm; what does not fit is cut off at the rim.
        natural
            Native pixels as they are (not square ones stay so); likewise.
        """
        _, rows, columns = geometry.shape
        used = cut or Cut(0, rows, 0, columns)
        _, row_size, column_size = geometry.spacing
        tall, wide = (used.bottom - used.top) * row_size, (used.right - used.left) * column_size
        if natural:
            height, width = used.bottom - used.top, used.right - used.left
        elif pixel > 0:
            height, width = max(1, round(tall / pixel)), max(1, round(wide / pixel))
        else:
            scale = size / max(tall, wide)
            height = min(size, max(1, round(tall * scale)))
            width = min(size, max(1, round(wide * scale)))
        return cls(rows, columns, height, width, (size - height) // 2, (size - width) // 2, size, cut)

    @property
    def exact(self) -> bool:
        """Whether nothing is resampled."""
        return self._native_size == (self.height, self.width)

    @property
    def whole(self) -> bool:
        """Whether every native pixel is in the square."""
        inside = self.top >= 0 and self.left >= 0
        return self.cut is None and inside and max(self.top + self.height, self.left + self.width) <= self.size

    def pixel(self, geometry: Geometry) -> float:
        """Return mm (px where the spacing is unknown) of a prepared pixel, the mean of its two sides."""
        tall, wide = self._native_size
        _, row_size, column_size = geometry.spacing
        return float((tall * row_size / self.height + wide * column_size / self.width) / 2)

    def moved(self, down: int, right: int) -> Fit:
        """Return the fit with the picture moved by so many prepared pixels."""
        return replace(self, top=self.top + down, left=self.left + right)

    def to_square(self, row: float, column: float) -> tuple[float, float]:
        """Return where a native point lies in the square (pixel centres are whole numbers)."""
        top, left = (self.cut.top, self.cut.left) if self.cut else (0, 0)
        tall, wide = self._native_size
        down = (row - top + 0.5) * self.height / tall - 0.5 + self.top
        right = (column - left + 0.5) * self.width / wide - 0.5 + self.left
        return down, right

    def forward(self, plane: NDArray[np.float32], background: float) -> NDArray[np.float32]:
        """Lay a slice ``[rows, columns]`` into the square ``[size, size]``."""
        square = np.full((self.size, self.size), background, dtype=np.float32)
        inside, outside = self._window
        square[inside] = resize(self._used(plane), self.height, self.width)[outside]
        return square

    def forward_mask(self, plane: Array) -> NDArray[np.uint8]:
        """Lay a mask (any non-zero) into the square as 0/1; a pixel is set where at least half is covered."""
        return np.asarray(self.forward((plane != 0).astype(np.float32), 0.0) >= 0.5, dtype=np.uint8)

    def forward_strokes(self, label: Array, other: Array) -> NDArray[np.uint8]:
        """Lay strokes into the square: 1 label, 0 known not to be it, :data:`UNKNOWN` elsewhere.

        Parameters
        ----------
        label, other
            ``[rows, columns]``, non-zero where somebody said that it is, and that it is not.
        """
        yes = self.forward((label != 0).astype(np.float32), 0.0)
        no = self.forward((other != 0).astype(np.float32), 0.0)
        square = np.full((self.size, self.size), UNKNOWN, dtype=np.uint8)
        seen = yes + no >= _SEEN
        square[seen] = (yes > no)[seen]
        return square

    def kept(self, plane: Array) -> int:
        """Return how many non-zero pixels of a native mask lie in the square."""
        mine = self._used(plane)
        _, (rows, columns) = self._window
        tall, wide = mine.shape
        down, right = tall / self.height, wide / self.width
        seen = mine[
            round(rows.start * down) : round(rows.stop * down),
            round(columns.start * right) : round(columns.stop * right),
        ]
        return int(np.count_nonzero(seen))

    def inverse(self, square: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the native slice ``[rows, columns]`` back out of a square ``[size, size]``; 0 where it was cut off."""
        inside, outside = self._window
        picture = square[inside]
        if picture.shape != (self.height, self.width):
            canvas = np.zeros((self.height, self.width), dtype=np.float32)
            canvas[outside] = picture
            picture = canvas
        native = resize(np.ascontiguousarray(picture), *self._native_size)
        if self.cut is None:
            return native
        plane = np.zeros((self.rows, self.columns), dtype=np.float32)
        plane[self.cut.top : self.cut.bottom, self.cut.left : self.cut.right] = native
        return plane

    def _used(self, plane: Array) -> Array:
        if self.cut is None:
            return plane
        return plane[self.cut.top : self.cut.bottom, self.cut.left : self.cut.right]

    @property
    def _native_size(self) -> tuple[int, int]:
        if self.cut is None:
            return self.rows, self.columns
        return self.cut.bottom - self.cut.top, self.cut.right - self.cut.left

    @property
    def _window(self) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Where the picture lies in the square, and which part of the picture that is."""
        down, down_there = _overlap(self.top, self.height, self.size)
        right, right_there = _overlap(self.left, self.width, self.size)
        return (down, right), (down_there, right_there)


def _overlap(start: int, length: int, size: int) -> tuple[slice, slice]:
    first = min(max(start, 0), size)
    last = max(first, min(start + length, size))
    return slice(first, last), slice(first - start, last - start)


def resize(plane: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Resize with pixel centres aligned as areas; averaging along an axis that shrinks."""
    if plane.shape == (height, width):
        return plane
    # in two steps: where one axis shrinks and the other grows OpenCV neither averages nor keeps places
    least = min(width, plane.shape[1]), min(height, plane.shape[0])
    smaller = cv2.resize(np.ascontiguousarray(plane), least, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(smaller, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
