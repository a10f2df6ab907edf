"""A mask seen from outside: a shaded picture, and which voxel each of its pixels shows.

The mask is turned and looked at along parallel rays; the first voxel a ray meets is
lit by its slope (Lambert). No graphics hardware is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.geometry import Geometry, bounding_box

_FINEST = 140
"""Samples along the longest edge: an eighth of a second to turn, fine enough to see a bump of 2 mm on a head."""
_RIM = 4
_SOFT = 1.2
_LIGHT = np.array([-0.35, 0.5, 0.8])
"""From the upper left: (right, up, to the eye)."""
_AMBIENT = 0.25


@dataclass(frozen=True, eq=False)
class Body:
    """A mask sampled evenly in space, ready to be looked at from anywhere.

    Parameters
    ----------
    density
        float32 ``[s, a, r]`` in 0..1, softened: superior, anterior, right.
    size
        Edge of a sample in mm (pixels where the spacing is unknown).
    origin
        RAS mm of the first sample.
    """

    density: NDArray[np.float32]
    size: float
    origin: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Picture:
    """What is seen.

    Parameters
    ----------
    grey
        uint8 ``[row, column]``, 0 where nothing is.
    voxels
        float32 ``[row, column, 3]``: voxel (x, y, z) seen there, NaN where nothing is.
    """

    grey: NDArray[np.uint8]
    voxels: NDArray[np.float32]


def body_of(mask: NDArray[np.bool_], geometry: Geometry) -> Body | None:
    """Sample a mask ``[z, y, x]`` on an even grid along the patient's axes; None if it is empty."""
    from scipy import ndimage  # slow to load: not before it is needed

    box = bounding_box(mask)
    if box is None:
        return None
    low, high = np.array(box.low[::-1]) - 0.5, np.array(box.high[::-1]) - 0.5
    corners = np.array([[(low, high)[(n >> axis) & 1][axis] for axis in range(3)] for n in range(8)])
    world = geometry.to_world(corners)
    extent = world.max(axis=0) - world.min(axis=0)
    size = max(float(extent.max()) / _FINEST, min(geometry.spacing))
    counts = np.ceil(extent / size).astype(int) + 2 * _RIM
    origin = (world.min(axis=0) + world.max(axis=0)) / 2 - (counts - 1) * size / 2
    # sample (right, anterior, superior) -> voxel (x, y, z); scipy counts axes the other way round
    inverse = np.linalg.inv(geometry.affine)
    matrix = inverse[:3, :3] * size
    offset = inverse[:3, :3] @ origin + inverse[:3, 3]
    # averaging first keeps thin parts that samples would miss
    widths = [max(0.0, 0.4 * size / spacing) for spacing in geometry.spacing]
    soft = ndimage.gaussian_filter(mask.astype(np.float32), widths)
    density = ndimage.affine_transform(
        soft, matrix[::-1, ::-1], offset[::-1], output_shape=tuple(counts[::-1]), order=1, mode="constant"
    )
    # thick slices make steps, which would be all that is seen
    density = ndimage.gaussian_filter(density, _SOFT)
    return Body(np.asarray(density, dtype=np.float32), size, origin)


def look(body: Body, geometry: Geometry, turn: float, tilt: float, side: int) -> Picture:
    """Look at a body.

    Parameters
    ----------
    body
        From :func:`body_of`.
    geometry
        Grid of the mask.
    turn, tilt
        Degrees about the body's axis (0: from in front, 90: from its left) and upwards.
    side
        Rows and columns of the picture.
    """
    from scipy import ndimage  # slow to load: not before it is needed

    axes = _axes(turn, tilt)
    shape = np.array(body.density.shape)
    middle = (shape - 1) / 2
    reach = float(np.linalg.norm(shape)) / 2
    step = 2 * reach / side
    depth = int(np.ceil(2 * reach))
    # picture (depth, row, column) -> sample (s, a, r)
    matrix = np.stack((axes[0], axes[1] * step, axes[2] * step), axis=1)[::-1]
    offset = middle - matrix @ np.array([(depth - 1) / 2, (side - 1) / 2, (side - 1) / 2])
    turned = ndimage.affine_transform(body.density, matrix, offset, output_shape=(depth, side, side), order=1)
    hit = turned >= 0.5
    seen = np.asarray(hit.any(axis=0))
    first = hit.argmax(axis=0)
    grey = _shade(turned, first, seen, step)
    rows, columns = np.indices((side, side))
    places = np.stack((first, rows, columns), axis=-1) @ matrix.T + offset
    voxels = geometry.to_voxel(places[..., ::-1] * body.size + body.origin).astype(np.float32)
    voxels[~seen] = np.nan
    return Picture(grey, voxels)


def _axes(turn: float, tilt: float) -> NDArray[np.float64]:
    """Return where depth, rows and columns of the picture point, as (right, anterior, superior)."""
    around, up = np.radians(turn), np.radians(tilt)
    # from in front one looks backwards, the patient's left at the right of the picture
    away = np.array([np.sin(around) * np.cos(up), -np.cos(around) * np.cos(up), -np.sin(up)])
    across = np.array([-np.cos(around), -np.sin(around), 0.0])
    down = np.cross(away, across)
    return np.stack((away, down, across))


def _shade(
    turned: NDArray[np.float32], first: NDArray[np.intp], seen: NDArray[np.bool_], step: float
) -> NDArray[np.uint8]:
    """Light the first voxels met: ``turned`` is ``[depth, row, column]``, ``first`` the depth where it begins."""
    front = np.clip(first, 1, turned.shape[0] - 2)
    rows, columns = np.indices(first.shape)
    above, below = np.maximum(rows - 1, 0), np.minimum(rows + 1, first.shape[0] - 1)
    left, right = np.maximum(columns - 1, 0), np.minimum(columns + 1, first.shape[1] - 1)
    # density grows inwards, so the outward normal is its falling: to the right, up, and to the eye
    normal = np.stack(
        (
            (turned[front, rows, left] - turned[front, rows, right]) / step,
            (turned[front, below, columns] - turned[front, above, columns]) / step,
            turned[front + 1, rows, columns] - turned[front - 1, rows, columns],
        ),
        axis=-1,
    )
    normal = normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    lit = np.clip(normal @ (_LIGHT / np.linalg.norm(_LIGHT)), 0.0, 1.0)
    return np.asarray(np.where(seen, 255 * (_AMBIENT + (1 - _AMBIENT) * lit), 0)).astype(np.uint8)
