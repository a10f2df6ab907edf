"""Bringing a mask onto its scan's grid: as it is, turned exactly, or by nearest neighbour when asked.

Nothing is interpolated and nothing happens in silence: a mask whose voxels are
the scan's own, only stored in another order, is reordered without a loss; a mask
of another grid is refused in one sentence unless the person said otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.events import Notice
from core.geometry import MATCH_MM, Array, Geometry

MATCH_VOXEL = 0.01
"""Corners may lie apart by this share of a voxel as well: headers round differently."""
MOST_SHRUNK = 0.05
"""A mask that loses more of its volume than this on the scan's grid is told of."""


@dataclass(frozen=True)
class Brought:
    """A mask on its scan's grid.

    Parameters
    ----------
    array
        ``[z, y, x]`` on the scan's grid.
    covered
        Per slice of the scan: whether the mask's own grid reaches it.
    resampled
        Whether it was on another grid.
    notices
        What the person should know.
    partly
        Whether its grid reaches only a part of some slices.
    """

    array: Array
    covered: tuple[bool, ...]
    resampled: bool = False
    notices: tuple[Notice, ...] = ()
    partly: bool = False


def bring(array: Array, theirs: Geometry, ours: Geometry, name: str, *, resample: bool = False) -> Brought:
    """Bring a mask onto a scan's grid.

    Parameters
    ----------
    array
        ``[z, y, x]`` label values on its own grid.
    theirs, ours
        The mask's grid, and the scan's.
    name
        The file, for errors and notices.
    resample
        Whether a mask of another grid in the same space is taken by nearest neighbour.

    Raises
    ------
    InputError
        ``mask-size`` or ``mask-slices`` where one of them has no place in space and the counts differ;
        ``mask-grid`` for another grid (unless ``resample``); ``mask-elsewhere`` where they do not overlap at all.
    """
    whole = (True,) * ours.shape[0]
    if not (theirs.orientation_known and ours.orientation_known):
        check_size(array.shape, ours.shape, name)
        return Brought(array, whole)
    if theirs.shape == ours.shape and same_place(theirs, ours):
        return Brought(array, whole)
    turned = reordered(array, theirs, ours)
    if turned is not None:
        return Brought(turned, whole, notices=(Notice("mask-reordered", {"file": name}),))
    if not _overlap(theirs, ours):
        raise InputError("mask-elsewhere", file=name, apart=_length(_apart(theirs, ours)))
    if not resample:
        raise InputError("mask-grid", file=name, difference=difference(theirs, ours))
    return _nearest(array, theirs, ours, name)


def check_size(shape: tuple[int, ...], wanted: tuple[int, int, int], name: str) -> None:
    """Refuse a mask that has not its scan's size.

    Raises
    ------
    InputError
        ``mask-slices`` where only the number of slices differs, else ``mask-size``.
    """
    if shape[1:] == wanted[1:] and shape[0] != wanted[0]:
        raise InputError("mask-slices", file=name, slices=shape[0], scan=wanted[0])
    if shape != wanted:
        raise InputError("mask-size", file=name, size=size_words(shape), scan=size_words(wanted))


def size_words(shape: tuple[int, ...]) -> str:
    """Return ``[z, y, x]`` counts in words: ``8 x 6 x 4``, ``8 x 6`` for a picture."""
    z, y, x = shape[:3]
    return f"{x} x {y}" + (f" x {z}" if z > 1 else "")


def same_place(one: Geometry, other: Geometry) -> bool:
    """Whether grids of one shape lie within 0.001 mm, or a hundredth of a voxel, of one another."""
    corners = _corners(one)
    return bool(np.abs(one.to_world(corners) - other.to_world(corners)).max() <= _tolerance(one))


def _tolerance(geometry: Geometry) -> float:
    return max(MATCH_MM, MATCH_VOXEL * min(geometry.spacing))


def _corners(geometry: Geometry) -> NDArray[np.float64]:
    last = np.array(geometry.shape[::-1], dtype=np.float64) - 1
    return np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * last


def order_between(theirs: Geometry, ours: Geometry) -> tuple[tuple[int, ...], tuple[bool, ...]] | None:
    """Return how an array ``[z, y, x]`` of one grid is turned into the other's order, or None.

    Returns
    -------
    tuple or None
        The axes for ``transpose``, then per axis of the result whether it is flipped;
        None where the grids are not one another's voxels in another order.
    """
    to_ours = np.linalg.inv(ours.affine) @ theirs.affine
    steps = np.rint(to_ours[:3, :3]).astype(int)
    if not (np.abs(steps).sum(axis=0) == 1).all() or not (np.abs(steps).sum(axis=1) == 1).all():
        return None
    # column of each row: the axis of theirs (x, y, z) that runs along ours
    source = [int(np.flatnonzero(row)[0]) for row in steps]
    axes = tuple(2 - source[2 - axis] for axis in range(3))
    if tuple(theirs.shape[axis] for axis in axes) != ours.shape:
        return None
    flips = tuple(bool(steps[2 - axis, source[2 - axis]] < 0) for axis in range(3))
    # where their corners must come to lie, if every voxel of theirs is one of ours
    corners = _corners(theirs)
    last = np.array(ours.shape[::-1]) - 1
    turned = np.stack(
        [last[row] - corners[:, source[row]] if flips[2 - row] else corners[:, source[row]] for row in range(3)], axis=1
    )
    apart = np.abs(theirs.to_world(corners) - ours.to_world(turned)).max()
    return (axes, flips) if apart <= _tolerance(ours) else None


def reordered(array: Array, theirs: Geometry, ours: Geometry) -> Array | None:
    """Return the same voxels in the order of another grid (a copy), or None where they are not the same."""
    order = order_between(theirs, ours)
    if order is None:
        return None
    axes, flips = order
    turned = array.transpose(*axes)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
    return np.ascontiguousarray(turned)


def padded(array: Array, theirs: Geometry, ours: Geometry) -> Array | None:
    """Return a mask whose voxels are the scan's own on the scan's grid, zero elsewhere; None for any other.

    Parameters
    ----------
    array
        ``[z, y, x]`` on ``theirs``.
    theirs, ours
        A grid cut out of the scan's (in another order perhaps), and the scan's. It may reach beyond the
        scan where nothing is drawn.
    """
    way = _way_into(theirs, ours)
    if way is None:
        return None
    steps, low = way
    source = [int(np.flatnonzero(row)[0]) for row in steps]
    axes = tuple(2 - source[2 - axis] for axis in range(3))
    flips = tuple(bool(steps[2 - axis, source[2 - axis]] < 0) for axis in range(3))
    block = array.transpose(*axes)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
    made = np.zeros(ours.shape, array.dtype)
    # from where to where the two share voxels, in the scan
    shared = [
        (max(0, start), max(0, min(start + n, most)))
        for start, n, most in zip(low, block.shape, ours.shape, strict=True)
    ]
    kept = block[tuple(slice(first - start, last - start) for (first, last), start in zip(shared, low, strict=True))]
    if not kept.size or (kept.size < block.size and np.count_nonzero(kept) < np.count_nonzero(block)):
        return None
    made[tuple(slice(first, last) for first, last in shared)] = kept
    return made


def lies_within(theirs: Geometry, ours: Geometry) -> bool:
    """Whether every voxel of a grid is one of the scan's."""
    way = _way_into(theirs, ours)
    if way is None:
        return False
    steps, low = way
    counts = (np.abs(steps) @ np.array(theirs.shape[::-1]))[::-1]
    return min(low) >= 0 and bool((np.array(low) + counts <= np.array(ours.shape)).all())


def _way_into(theirs: Geometry, ours: Geometry) -> tuple[NDArray[np.int_], tuple[int, ...]] | None:
    """Return which way the axes (x, y, z) of another part of a lattice run in a grid, and its first voxel (z, y, x)."""
    to_voxel = np.linalg.inv(ours.affine)
    if theirs.shape[0] == 1:
        # a single plane does not say how far the next one is: perhaps it is one of ours
        along = to_voxel[:3, :3] @ theirs.affine[:3, 2]
        axis = int(np.abs(along).argmax())
        affine = theirs.affine.copy()
        affine[:3, 2] = ours.affine[:3, axis] * np.sign(along[axis])
        theirs = Geometry(theirs.shape, affine)
    to_ours = to_voxel @ theirs.affine
    steps = np.rint(to_ours[:3, :3]).astype(int)
    if not (np.abs(steps).sum(axis=0) == 1).all() or not (np.abs(steps).sum(axis=1) == 1).all():
        return None
    corners = _corners(theirs)
    turned = corners @ steps.T + np.rint(to_ours[:3, 3])
    if np.abs(theirs.to_world(corners) - ours.to_world(turned)).max() > _tolerance(ours):
        return None
    x, y, z = (int(part) for part in turned.min(axis=0))
    return steps, (z, y, x)


def difference(theirs: Geometry, ours: Geometry) -> str:
    """Say how two grids differ: sizes, spacing, turn, and how far their middles lie apart."""
    parts = []
    if theirs.shape != ours.shape:
        parts.append(f"{size_words(theirs.shape)} / {size_words(ours.shape)}")
    if not np.allclose(theirs.spacing, ours.spacing, rtol=1e-3):
        parts.append(f"{_spacing(theirs)} / {_spacing(ours)} mm")
    turn = _turn(theirs, ours)
    if turn > 0.05:
        parts.append(f"{turn:.1f}\N{DEGREE SIGN}")
    apart = _apart(theirs, ours)
    if apart > MATCH_MM or not parts:
        parts.append(f"{_length(apart)} mm")
    return ", ".join(parts)


def _spacing(geometry: Geometry) -> str:
    return " x ".join(f"{size:.4g}" for size in geometry.spacing[::-1])


def keep_outside(
    new: NDArray[np.uint8], old: NDArray[np.uint8], theirs: Geometry, ours: Geometry, slices: Iterable[int]
) -> list[int]:
    """Let a layer be what it was where the grid of a mask does not reach, which says nothing of it.

    Parameters
    ----------
    new, old
        The layer with the mask (written into), and without, uint8 ``[z, y, x]``.
    theirs, ours
        The mask's grid, and the scan's, which the layer is on.
    slices
        Native slices to look at.

    Returns
    -------
    list of int
        Those of them where something was drawn outside.
    """
    stayed = []
    for index, points in _points(theirs, ours, slices):
        outside = ~_inside(points, theirs.shape)
        np.copyto(new[index], old[index], where=outside)
        if old[index][outside].any():
            stayed.append(index)
    return stayed


def _points(theirs: Geometry, ours: Geometry, slices: Iterable[int]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield slices of our grid with where its voxels lie among those of the other, ``[y, x, 3]`` (x, y, z)."""
    to_theirs = np.linalg.inv(theirs.affine) @ ours.affine
    _, height, width = ours.shape
    rows, columns = np.mgrid[:height, :width]
    in_plane = columns[..., None] * to_theirs[:3, 0] + rows[..., None] * to_theirs[:3, 1] + to_theirs[:3, 3]
    for index in slices:
        # a hair more, so that middles between two voxels always fall to the same side
        yield index, in_plane + to_theirs[:3, 2] * index + 1e-9


def _length(mm: float) -> str:
    return f"{mm:.3g}" if mm < 100 else f"{mm:.0f}"


def _apart(theirs: Geometry, ours: Geometry) -> float:
    """Return how far the middles of two grids lie apart, in mm."""
    middles = [grid.to_world((np.array(grid.shape[::-1]) - 1) / 2) for grid in (theirs, ours)]
    return float(np.linalg.norm(middles[0] - middles[1]))


def _turn(theirs: Geometry, ours: Geometry) -> float:
    """Return the largest angle, in degrees, between the axes of two grids, whatever their order."""
    units = [grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0) for grid in (theirs, ours)]
    nearest = np.abs(units[0].T @ units[1]).max(axis=1)
    return float(np.degrees(np.arccos(np.clip(nearest, -1.0, 1.0))).max())


def _inside(points: NDArray[np.float64], shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Whether voxel positions ``(..., 3)`` (x, y, z) lie in a voxel of a grid."""
    most = np.array(shape[::-1], dtype=np.float64) - 0.5
    return np.asarray(((points >= -0.5) & (points < most)).all(axis=-1))


def _overlap(theirs: Geometry, ours: Geometry) -> bool:
    """Whether the boxes of two grids share any space: no axis of either keeps them apart."""
    corners = [_box_corners(grid) for grid in (theirs, ours)]
    normals = []
    for grid in (theirs, ours):
        x, y, z = grid.affine[:3, :3].T
        normals += [np.cross(x, y), np.cross(y, z), np.cross(z, x)]
    edges = [grid.affine[:3, :3].T for grid in (theirs, ours)]
    normals += [np.cross(one, other) for one in edges[0] for other in edges[1]]
    for normal in normals:
        length = float(np.linalg.norm(normal))
        if length < 1e-9:
            continue
        one, other = (points @ (normal / length) for points in corners)
        if one.max() <= other.min() or other.max() <= one.min():
            return False
    return True


def _box_corners(geometry: Geometry) -> NDArray[np.float64]:
    counts = np.array(geometry.shape[::-1], dtype=np.float64)
    unit = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=np.float64)
    return geometry.to_world(unit * counts - 0.5)


def _nearest(array: Array, theirs: Geometry, ours: Geometry, name: str) -> Brought:
    """Take at every voxel of the scan the mask's nearest value; outside of the mask's grid there is none."""
    result = np.zeros(ours.shape, array.dtype)
    covered = []
    partly = False
    for index, points in _points(theirs, ours, range(ours.shape[0])):
        hits = _inside(points, theirs.shape)
        covered.append(bool(hits.any()))
        partly |= covered[-1] and not hits.all()
        x, y, z = np.rint(points[hits]).astype(np.intp).T
        result[index][hits] = array[z, y, x]
    if not any(covered):
        raise InputError("mask-elsewhere", file=name, apart=_length(_apart(theirs, ours)))
    notices = [Notice("masks-resampled", {"file": name, "difference": difference(theirs, ours)})]
    notices += _losses(array, result, theirs, ours, name)
    left = covered.count(False)
    if left:
        notices.append(Notice("mask-slices-outside", {"file": name, "slices": left}))
    if partly:
        notices.append(Notice("mask-edge-empty", {"file": name}))
    return Brought(result, tuple(covered), True, tuple(notices), partly)


def _losses(before: Array, after: Array, theirs: Geometry, ours: Geometry, name: str) -> list[Notice]:
    """Tell of a mask that lies partly outside of the scan, or that lost volume."""
    count = int(np.count_nonzero(before))
    if not count:
        return []
    to_ours = np.linalg.inv(ours.affine) @ theirs.affine
    outside = 0
    for index in range(before.shape[0]):
        y, x = np.nonzero(before[index])
        voxels = np.stack([x, y, np.full(len(x), index)], axis=1)
        outside += len(x) - int(_inside(voxels @ to_ours[:3, :3].T + to_ours[:3, 3], ours.shape).sum())
    notices = []
    if outside:
        notices.append(Notice("mask-cut-off", {"file": name, "percent": _percent(outside / count)}))
    kept = np.count_nonzero(after) * ours.voxel_ml / ((count - outside) * theirs.voxel_ml) if count > outside else 0.0
    if kept < 1 - MOST_SHRUNK:
        notices.append(Notice("mask-shrunk", {"file": name, "percent": _percent(1 - kept)}))
    return notices


def _percent(share: float) -> str:
    return f"{100 * share:.0f}" if share >= 0.01 else f"{100 * share:.1g}"
