"""Another scan's values on the slices of the scan that is drawn on, worked out slice by slice.

No Qt in here. Both grids are taken at their word: the affines say where a voxel
is in the world, and nothing is registered. Only the slice shown is computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.geometry import Geometry, PlaneView
from core.late import cv2
from core.volume import Volume
from gui.viewer import pixels

Floats = NDArray[np.float32]
Inside = NDArray[np.uint8]
_LEVEL = 0.02
"""Of a voxel: less than this across the whole slice and the two grids' slices are parallel."""
_FINEST = 4
_MOST_PIXELS = 1 << 20
_QUICK_PIXELS = 60_000
"""A tilted slice of so many pixels is done in some 4 ms."""
_KEPT = 24
"""Slices of the other scan kept as floats: neighbours are asked for again at once."""


@dataclass(frozen=True)
class Laid:
    """A slice of the other scan laid on the plane shown.

    Parameters
    ----------
    values
        Stored numbers, float32 ``[row, column]``.
    inside
        uint8, 1 where the other scan has voxels; None where it has them everywhere.
    finer
        Pixels per slice pixel (down, across); below 1 for a quick coarse look.
    """

    values: Floats
    inside: Inside | None
    finer: tuple[float, float]


@dataclass(frozen=True)
class _Steps:
    """Where pixels of the result are in the other scan, as voxel (x, y, z): start + row * down + column * across."""

    start: NDArray[np.float64]
    down: NDArray[np.float64]
    across: NDArray[np.float64]
    rows: int
    columns: int

    def along(self, axis: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return a coordinate as a column of rows and a row of columns, to be added."""
        rows = self.start[axis] + self.down[axis] * np.arange(self.rows)
        return rows[:, None], (self.across[axis] * np.arange(self.columns))[None, :]

    def span(self, axis: int) -> tuple[float, float]:
        """Return the least and largest value of a coordinate."""
        down, across = self.down[axis] * (self.rows - 1), self.across[axis] * (self.columns - 1)
        low = self.start[axis] + min(0.0, down) + min(0.0, across)
        return float(low), float(low + abs(down) + abs(across))


class Reslicer:
    """Lays another scan on planes of a grid.

    Parameters
    ----------
    volume
        The other scan; colour is shown as its luminance.
    onto
        Grid of the scan that is drawn on.
    pixel_on_pixel
        Neither says where it lies: voxel (x, y, z) is laid on voxel (x, y, z).
    """

    def __init__(self, volume: Volume, onto: Geometry, *, pixel_on_pixel: bool = False) -> None:
        self.volume = volume
        self.onto = onto
        self._array = pixels.displayable(volume.grey())
        self._map = np.eye(4) if pixel_on_pixel else np.linalg.inv(volume.geometry.affine) @ onto.affine
        self._cuts: dict[tuple[int, int], Floats] = {}

    def voxel_at(self, xyz: tuple[int, int, int]) -> tuple[int, int, int] | None:
        """Return the other scan's voxel (x, y, z) where a voxel of the grid is, None outside of it."""
        found = np.rint(self._map[:3, :3] @ np.asarray(xyz, np.float64) + self._map[:3, 3]).astype(int)
        if not all(0 <= at < count for at, count in zip(found, self.volume.shape[::-1], strict=True)):
            return None
        return int(found[0]), int(found[1]), int(found[2])

    def finer(self, view: PlaneView) -> tuple[int, int]:
        """Return how many pixels per slice pixel show the other scan as sharp as it is, (down, across)."""
        least = min(self.volume.geometry.spacing)
        found = [min(max(round(size / least), 1), _FINEST) for size in (view.row_size, view.column_size)]
        while found[0] * view.rows * found[1] * view.columns > _MOST_PIXELS and max(found) > 1:
            found[found.index(max(found))] -= 1
        return found[0], found[1]

    def slow(self, view: PlaneView, *, nearest: bool = False) -> bool:
        """Return whether a slice takes longer than a frame has room for."""
        finer = self.finer(view)
        if finer[0] * view.rows * finer[1] * view.columns <= _QUICK_PIXELS:
            return False
        steps = self._steps(view, view.slices // 2, finer)
        low, high = steps.span(self._through(steps))
        return nearest or high - low >= _LEVEL

    def lay(
        self, view: PlaneView, index: int, finer: tuple[float, float] | None = None, *, nearest: bool = False
    ) -> Laid:
        """Return a slice of the plane from the other scan, trilinear or (``nearest``) voxel by voxel."""
        finer = finer or self.finer(view)
        steps = self._steps(view, index, finer)
        axis = self._through(steps)
        low, high = steps.span(axis)
        if nearest:
            values = self._tilted(steps, order=0)
        elif high - low < _LEVEL:
            values = self._parallel(steps, axis, (low + high) / 2)
        else:
            values = self._tilted(steps, order=1)
        # whole pixels: of 36 slices at 0.34 there are 12, and they cover all of it
        exact = steps.rows / view.rows, steps.columns / view.columns
        return Laid(values, self._inside(steps), exact)

    # ------------------------------------------------------------------ where

    def _steps(self, view: PlaneView, index: int, finer: tuple[float, float]) -> _Steps:
        """Return where the pixels are; pixel edges of both sizes coincide."""
        rows, columns = max(1, round(view.rows * finer[0])), max(1, round(view.columns * finer[1]))
        down, across = view.rows / rows, view.columns / columns

        def place(row: float, column: float) -> NDArray[np.float64]:
            xyz = np.array([*view.to_voxel(row, column, index), 1.0])
            return np.asarray((self._map @ xyz)[:3])

        start = place(down / 2 - 0.5, across / 2 - 0.5)
        return _Steps(
            start,
            place(down * 1.5 - 0.5, across / 2 - 0.5) - start,
            place(down / 2 - 0.5, across * 1.5 - 0.5) - start,
            rows,
            columns,
        )

    @staticmethod
    def _through(steps: _Steps) -> int:
        """Return the axis (x, y, z) of the other scan that the plane runs along least."""
        spans = [steps.span(axis) for axis in range(3)]
        return min(range(3), key=lambda axis: spans[axis][1] - spans[axis][0])

    def _inside(self, steps: _Steps) -> Inside | None:
        counts = self._array.shape[::-1]
        spans = [steps.span(axis) for axis in range(3)]
        if all(low >= -0.5 and high <= count - 0.5 for (low, high), count in zip(spans, counts, strict=True)):
            return None
        there = np.ones((steps.rows, steps.columns), np.bool_)
        for axis, count in enumerate(counts):
            rows, columns = steps.along(axis)
            place = rows + columns
            there &= (place >= -0.5) & (place <= count - 0.5)
        return there.view(np.uint8)

    # ------------------------------------------------------------------ values

    def _cut(self, axis: int, index: int) -> Floats:
        """Return a slice across voxel axis (x, y, z), the two others in the order of the array."""
        # read once: the thread may be putting another one in
        found = self._cuts.get((axis, index))
        if found is None:
            found = np.ascontiguousarray(np.take(self._array, index, axis=2 - axis), dtype=np.float32)
            if len(self._cuts) >= _KEPT:
                self._cuts = {}
            self._cuts[axis, index] = found
        return found

    def _parallel(self, steps: _Steps, axis: int, at: float) -> Floats:
        """Return the plane between two slices of the other scan: blended, then warped, in a millisecond."""
        count = self._array.shape[2 - axis]
        at = min(max(at, 0.0), count - 1.0)
        below = int(at)
        share = at - below
        cut = self._cut(axis, below)
        if share > _LEVEL:
            cut = np.asarray(cv2.addWeighted(cut, 1 - share, self._cut(axis, below + 1), share, 0.0), dtype=np.float32)
        # the array's later axis is the picture's x: voxel axes count the other way round
        matrix = [[steps.across[other], steps.down[other], steps.start[other]] for other in range(3) if other != axis]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (steps.columns, steps.rows)
        warped = cv2.warpAffine(cut, np.array(matrix), size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(warped, dtype=np.float32)

    def _tilted(self, steps: _Steps, order: Literal[0, 1]) -> Floats:
        """Return the plane through any tilt: some 15 ms for 512 x 512, whatever the tilt is."""
        from scipy.ndimage import affine_transform  # here: half a second that most starts do without

        # scipy counts the array's axes, z first; the made-up first axis has one entry
        matrix = np.stack([np.zeros(3), steps.down[::-1], steps.across[::-1]], axis=1)
        found = np.empty((1, steps.rows, steps.columns), np.float32)
        affine_transform(
            self._array,
            matrix,
            offset=steps.start[::-1],
            output_shape=found.shape,
            output=found,
            order=order,
            mode="nearest",
            prefilter=False,
        )
        return found[0]


def places_agree(one: Geometry, other: Geometry) -> bool | None:
    """Return whether two scans can be laid on each other.

    True: both say where they lie. None: neither does, but they have the same size, so
    pixel can be laid on pixel. False: there is no honest way.
    """
    if one.orientation_known and other.orientation_known:
        return True
    if not one.orientation_known and not other.orientation_known and one.shape == other.shape:
        return None
    return False
