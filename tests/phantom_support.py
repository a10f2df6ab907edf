"""A head with three marks that no flip, swap or shift leaves in place: left, front and top, each of its own size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import generate_uid
from reader_support import write_dicom

MARKS = {"L": 100, "A": 200, "S": 300}
"""Stored value of each mark, by the letter of the side on which it lies."""
CENTRES = {"L": (-24.0, 3.0, -2.0), "A": (4.0, 27.0, 2.0), "S": (-3.0, -4.0, 25.0)}
"""RAS mm."""
RADII = {"L": 11.0, "A": 8.5, "S": 6.5}


def paint(world: NDArray[np.float64]) -> NDArray[np.int16]:
    """Return the stored values at RAS positions ``[..., 3]``: 0 outside the head, 20 inside, the marks."""
    values = np.where((np.square(world / [38.0, 42.0, 38.0])).sum(axis=-1) <= 1.0, 20, 0).astype(np.int16)
    for letter, centre in CENTRES.items():
        values[np.square(world - np.array(centre)).sum(axis=-1) <= RADII[letter] ** 2] = MARKS[letter]
    return values


def on_grid(affine: NDArray[np.float64], shape: tuple[int, int, int]) -> NDArray[np.int16]:
    """Return the phantom ``[z, y, x]`` on a grid: ``affine`` maps (x, y, z) to RAS mm."""
    z, y, x = np.indices(shape)
    points = np.stack([x, y, z], axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    return paint(points)


def centre_of(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean voxel (x, y, z) of a mask ``[z, y, x]``."""
    return np.argwhere(mask).mean(axis=0)[::-1]


@dataclass(frozen=True)
class Series:
    """A series on disk.

    Parameters
    ----------
    folder
        Its files.
    affine
        RAS, slices counted in the order in which they were laid out.
    array
        ``[z, y, x]`` in that order.
    """

    folder: Path
    affine: NDArray[np.float64]
    array: NDArray[np.int16]


def write_series(
    folder: Path,
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    step: NDArray[np.float64],
    *,
    spacing: tuple[float, float] = (3.0, 2.0),
    shape: tuple[int, int, int] = (25, 30, 44),
    seed: int = 0,
) -> Series:
    """Write the phantom as DICOM, file names and instance numbers in no order.

    Parameters
    ----------
    rows, columns
        Directions (LPS) in which a row and a column run.
    step
        From slice to slice (LPS mm).
    spacing
        (between rows, between columns).
    shape
        (z, y, x); the head's middle is the grid's.
    """
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = rows * spacing[1], columns * spacing[0], step
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    # each series a little beside the others: a mirrored copy of one grid would be the same scan again
    affine[:3, 3] += np.array([0.37, -0.61, 0.23]) + 0.02 * seed
    ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    array = on_grid(ras, shape)
    series, frame, study = generate_uid(), generate_uid(), generate_uid()
    order = np.random.default_rng(seed).permutation(shape[0])
    for index in range(shape[0]):
        write_dicom(
            folder / f"{order[index]:03d}.dcm",
            array[index],
            SeriesInstanceUID=series,
            FrameOfReferenceUID=frame,
            StudyInstanceUID=study,
            ImagePositionPatient=[f"{value:.9g}" for value in affine[:3, 3] + affine[:3, 2] * index],
            ImageOrientationPatient=[f"{value:.12g}" for value in (*rows, *columns)],
            PixelSpacing=list(spacing),
            SliceThickness=f"{np.linalg.norm(step):.6g}",
            InstanceNumber=int(order[(index * 7) % shape[0]]) + 1,
        )
    return Series(folder, ras, array)
