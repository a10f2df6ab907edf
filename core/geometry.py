"""Where voxels are: affines, planes, display orientation.

Arrays are ``[z, y, x]``; the affine maps voxel centres ``(x, y, z)`` to RAS
millimetres (+x right, +y anterior, +z superior of the patient). Nothing is ever
reoriented on disk: planes are views chosen by the nearest anatomical axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import InputError

Array: TypeAlias = NDArray[Any]

_LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))
OBLIQUE_DEGREES = 1.0
"""A grid that is turned by more against the body's axes is called oblique."""
MATCH_MM = 1e-3
"""Two grids are the same if no affine entry differs by more (the field's usual tolerance)."""


SHEAR = 1e-3
"""Axes are perpendicular if no cosine between two is larger: rounding stays below it, a tilted gantry does not."""


def sheared(axes: NDArray[np.float64]) -> bool:
    """Return whether any two of the axes (rows, in mm) are not perpendicular."""
    unit = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    return bool(np.abs(unit @ unit.T - np.eye(len(axes))).max() > SHEAR)


def io_orientation(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, per voxel axis (x, y, z), the nearest world axis and its sign, shape (3, 2).

    The rule of ``nibabel.orientations.io_orientation`` (tested against it); here
    because importing nibabel for it cost every start of the program 0.7 s.
    """
    columns = affine[:3, :3]
    left, _, right = np.linalg.svd(columns / np.linalg.norm(columns, axis=0))
    # the nearest rotation, so that shear does not sway the choice
    rotation = left @ right
    result = np.zeros((3, 2))
    for axis in np.argsort(-np.abs(rotation).max(axis=0), kind="stable"):
        world = int(np.argmax(np.abs(rotation[:, axis])))
        result[axis] = world, 1.0 if rotation[world, axis] > 0 else -1.0
        rotation[world, :] = 0.0
    return result


class Plane(StrEnum):
    """The three display planes."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"


# world axis looked along, world axis down the screen, world axis across the screen
_PLANE_AXES = {Plane.AXIAL: (2, 1, 0), Plane.CORONAL: (1, 2, 0), Plane.SAGITTAL: (0, 2, 1)}


@dataclass(frozen=True, slots=True)
class PlaneView:
    """How one plane of an array is laid on the screen.

    Parameters
    ----------
    plane
        Which plane.
    slice_axis, row_axis, column_axis
        Array axes (0 = z, 1 = y, 2 = x) looked along, down and across.
    flip_rows, flip_columns
        Whether screen rows/columns run against the array axis.
    slices, rows, columns
        Counts.
    slice_size, row_size, column_size
        Millimetres (pixels where the spacing is unknown).
    letters
        Orientation letters (left, right, top, bottom); empty strings if unknown.
    """

    plane: Plane
    slice_axis: int
    row_axis: int
    column_axis: int
    flip_rows: bool
    flip_columns: bool
    slices: int
    rows: int
    columns: int
    slice_size: float
    row_size: float
    column_size: float
    letters: tuple[str, str, str, str]

    def extract(self, array: Array, index: int) -> Array:
        """Return one slice as a ``[row, column(, c)]`` view in screen order (no copy).

        Writing into the view writes into the array.
        """
        picked: Array = np.moveaxis(array, self.slice_axis, 0)[index]
        if self.row_axis > self.column_axis:
            picked = np.swapaxes(picked, 0, 1)
        step_rows = -1 if self.flip_rows else 1
        step_columns = -1 if self.flip_columns else 1
        return picked[::step_rows, ::step_columns]

    def to_voxel(self, row: float, column: float, index: float) -> tuple[float, float, float]:
        """Turn screen row/column/slice (pixel centres are whole numbers) into voxel (x, y, z)."""
        zyx = [0.0, 0.0, 0.0]
        zyx[self.slice_axis] = index
        zyx[self.row_axis] = self.rows - 1 - row if self.flip_rows else row
        zyx[self.column_axis] = self.columns - 1 - column if self.flip_columns else column
        return zyx[2], zyx[1], zyx[0]

    def to_screen(self, xyz: ArrayLike) -> tuple[float, float, float]:
        """Turn voxel (x, y, z) into screen (row, column, slice)."""
        x, y, z = (float(value) for value in np.asarray(xyz, dtype=float))
        zyx = (z, y, x)
        row = zyx[self.row_axis]
        column = zyx[self.column_axis]
        return (
            self.rows - 1 - row if self.flip_rows else row,
            self.columns - 1 - column if self.flip_columns else column,
            zyx[self.slice_axis],
        )

    def screen_box(self, box: Box) -> tuple[slice, slice, range]:
        """Return the screen rows, screen columns and slice indices that a box touches."""
        low, high = box.low, box.high

        def span(axis: int, count: int, flipped: bool) -> slice:
            start, stop = low[axis], high[axis]
            return slice(count - stop, count - start) if flipped else slice(start, stop)

        return (
            span(self.row_axis, self.rows, self.flip_rows),
            span(self.column_axis, self.columns, self.flip_columns),
            range(low[self.slice_axis], high[self.slice_axis]),
        )


@dataclass(frozen=True, slots=True)
class Box:
    """A half-open box of voxels: ``low <= (z, y, x) < high``."""

    low: tuple[int, int, int]
    high: tuple[int, int, int]

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """The box as an index into a ``[z, y, x]`` array."""
        return (
            slice(self.low[0], self.high[0]),
            slice(self.low[1], self.high[1]),
            slice(self.low[2], self.high[2]),
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Extent along z, y, x."""
        return (self.high[0] - self.low[0], self.high[1] - self.low[1], self.high[2] - self.low[2])

    def union(self, other: Box) -> Box:
        """Return the smallest box that holds both."""
        low = (min(self.low[0], other.low[0]), min(self.low[1], other.low[1]), min(self.low[2], other.low[2]))
        high = (max(self.high[0], other.high[0]), max(self.high[1], other.high[1]), max(self.high[2], other.high[2]))
        return Box(low, high)


def bounding_box(mask: Array) -> Box | None:
    """Return the smallest box around the non-zero voxels of ``[z, y, x]``, or None."""
    spans: list[tuple[int, int]] = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        hits = np.flatnonzero(mask.any(axis=others))
        if hits.size == 0:
            return None
        spans.append((int(hits[0]), int(hits[-1]) + 1))
    (z0, z1), (y0, y1), (x0, x1) = spans
    return Box((z0, y0, x0), (z1, y1, x1))


@dataclass(frozen=True, eq=False)
class Geometry:
    """Grid of a volume.

    Parameters
    ----------
    shape
        Voxels along (z, y, x).
    affine
        4 x 4, voxel (x, y, z) to RAS mm; pixels where the spacing is unknown.
    spacing_known
        False for pictures: distances are then pixels, never mm.
    orientation_known
        False where no header says how the patient lies: then no letters are drawn
        and the display never flips.
    depth_known
        False where slices lie unevenly, or a single one has no thickness: then the
        third voxel size is only a mean, and no volume in mL follows from it.

    Raises
    ------
    InputError
        ``affine-bad`` for a singular or non-finite affine.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    spacing_known: bool = True
    orientation_known: bool = True
    depth_known: bool = True

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
            raise InputError("affine-bad", file="")
        affine.setflags(write=False)
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", tuple(int(count) for count in self.shape))

    @classmethod
    def of_picture(cls, rows: int, columns: int, slices: int = 1) -> Geometry:
        """Return the grid of a picture or picture stack: shown as stored, unit pixels."""
        return cls((slices, rows, columns), np.diag([-1.0, -1.0, 1.0, 1.0]), False, False)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size along (z, y, x) in mm (1.0 pixels where unknown)."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(z), float(y), float(x)

    @property
    def steps(self) -> NDArray[np.float64]:
        """Where one voxel along z, y and x leads in RAS mm, one row each."""
        return np.asarray(self.affine[:3, 2::-1].T)

    @property
    def sheared(self) -> bool:
        """Whether the axes are not perpendicular (tilted gantry): lengths along them do not make up a distance."""
        return sheared(self.steps)

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in mL; meaningless unless ``spacing_known``."""
        return abs(float(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    @property
    def measurable(self) -> bool:
        """Whether volumes in mL and distances through slices may be told."""
        return self.spacing_known and self.depth_known

    @property
    def oblique_degrees(self) -> float:
        """Largest angle between a voxel axis and the anatomical axis that it is named after."""
        columns = self.affine[:3, :3] / np.linalg.norm(self.affine[:3, :3], axis=0)
        nearest = [abs(columns[int(world), axis]) for axis, (world, _) in enumerate(io_orientation(self.affine))]
        # by the part that is off the axis: the arc cosine of nearly one is rounding
        off = np.sqrt(np.maximum(0.0, (columns**2).sum(axis=0) - np.square(nearest)))
        return float(np.degrees(np.arctan2(off, nearest)).max())

    @property
    def unit(self) -> str:
        """``mm`` or ``px``."""
        return "mm" if self.spacing_known else "px"

    @property
    def axis_codes(self) -> str:
        """Directions in which x, y, z grow, such as ``RAS`` or ``LPS``."""
        orientation = io_orientation(self.affine)
        return "".join(_LETTERS[int(axis)][1 if sign > 0 else 0] for axis, sign in orientation)

    @property
    def native_plane(self) -> Plane:
        """The plane whose slices are the array's z slices."""
        world = int(io_orientation(self.affine)[2][0])
        return next(plane for plane, axes in _PLANE_AXES.items() if axes[0] == world)

    def to_world(self, xyz: ArrayLike) -> NDArray[np.float64]:
        """Map voxel (x, y, z), shape (..., 3), to RAS mm."""
        points = np.asarray(xyz, dtype=np.float64)
        return np.asarray(points @ self.affine[:3, :3].T + self.affine[:3, 3])

    def to_voxel(self, world: ArrayLike) -> NDArray[np.float64]:
        """Map RAS mm, shape (..., 3), to voxel (x, y, z)."""
        inverse = np.linalg.inv(self.affine)
        points = np.asarray(world, dtype=np.float64)
        return np.asarray(points @ inverse[:3, :3].T + inverse[:3, 3])

    def matches(self, other: Geometry) -> bool:
        """Whether two grids are one: same shape, affine within :data:`MATCH_MM`.

        Where one of them has no known position only the shape is compared.
        """
        if self.shape != other.shape:
            return False
        if not (self.orientation_known and other.orientation_known):
            return True
        return bool(np.abs(self.affine - other.affine).max() <= MATCH_MM)

    def view(self, plane: Plane, *, radiological: bool = True) -> PlaneView:
        """Return how a plane is shown.

        Radiological: the patient's right is on screen left, anterior is up;
        sagittal shows anterior on the left. Neurological only swaps left and right
        of axial and coronal views. Without a known orientation nothing is flipped.
        """
        orientation = io_orientation(self.affine)
        voxel_axis = {int(axis): position for position, (axis, _) in enumerate(orientation)}
        along, down, across = _PLANE_AXES[plane]

        def grows(world: int) -> bool:
            return bool(orientation[voxel_axis[world]][1] > 0)

        # screen down is posterior or inferior; screen right is the patient's left or posterior
        rightwards_positive = across == 0 and not radiological and self.orientation_known
        letters = ("", "", "", "")
        if self.orientation_known:
            low, high = _LETTERS[across]
            left, right = (low, high) if rightwards_positive else (high, low)
            letters = (left, right, _LETTERS[down][1], _LETTERS[down][0])
        slice_axis, row_axis, column_axis = (2 - voxel_axis[world] for world in (along, down, across))
        size = self.spacing
        return PlaneView(
            plane=plane,
            slice_axis=slice_axis,
            row_axis=row_axis,
            column_axis=column_axis,
            flip_rows=grows(down),
            flip_columns=grows(across) != rightwards_positive,
            slices=self.shape[slice_axis],
            rows=self.shape[row_axis],
            columns=self.shape[column_axis],
            slice_size=size[slice_axis],
            row_size=size[row_axis],
            column_size=size[column_axis],
            letters=letters,
        )
