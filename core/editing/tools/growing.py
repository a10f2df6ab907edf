"""Regions by their values: threshold, magic wand, level tracing; in a slice or in space."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.editing.tools.shapes import Mask, check_seed, connected, holes
from core.editing.tools.stopping import OnSlice, Stopped
from core.geometry import Array
from core.late import cv2

__all__ = ["OnSlice", "Stopped", "Values", "in_range", "level", "otsu", "wand", "wand_in_space"]

Values = NDArray[np.float32]


def in_range(values: Array, low: float, high: float, *, inverted: bool = False) -> Mask:
    """Return where values lie within ``low..high`` (both included), or outside of it if ``inverted``.

    What is no number lies in neither.
    """
    inside = (values >= low) & (values <= high)
    if not inverted:
        return np.asarray(inside, dtype=np.bool_)
    return np.asarray(~inside & ~np.isnan(values.astype(np.float32, copy=False)), dtype=np.bool_)


def otsu(values: Values) -> float:
    """Return the value that parts dark from bright best (Otsu, IEEE Trans. SMC 9:62, 1979).

    ``values`` may have any shape; 256 classes between the 0.1st and 99.9th percentile.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0
    low, high = (float(value) for value in np.percentile(finite, (0.1, 99.9)))
    if high <= low:
        return low
    counts, edges = np.histogram(finite, bins=256, range=(low, high))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1:][int(np.nanargmax(between[:-1]))])


def wand(values: Values, seed: tuple[int, int], tolerance: float) -> Mask:
    """Return the connected pixels whose values differ from the seed's by at most ``tolerance``.

    Parameters
    ----------
    values
        Real values ``[row, column]``.
    seed
        (row, column).
    tolerance
        In the unit of the values.

    Raises
    ------
    ValueError
        If the seed lies outside.
    """
    check_seed(seed, values.shape)
    middle = float(values[seed])
    return connected(in_range(values, middle - tolerance, middle + tolerance), seed)


def wand_in_space(
    slice_of: Callable[[int], Mask], shape: tuple[int, int, int], seed: tuple[int, int, int], on_slice: OnSlice
) -> NDArray[np.bool_]:
    """Return the voxels connected with the seed through faces (6), slice by slice.

    Each slice is parted once, and the parts of neighbours that touch are joined, so
    that the whole costs two passes and one label array, and can be stopped anywhere.

    Parameters
    ----------
    slice_of
        Gives what is allowed of slice z, bool ``[y, x]``.
    shape
        ``(z, y, x)``.
    seed
        ``(z, y, x)``.
    on_slice
        Progress; returning False stops.

    Returns
    -------
    ndarray
        bool ``[z, y, x]``; all False if the seed is not allowed.

    Raises
    ------
    ValueError
        If the seed lies outside.
    Stopped
        If ``on_slice`` said so.
    """
    check_seed(seed, shape)
    slices: list[Parts] = []
    # part p of slice z is number first[z] + p of all; the first number of all is no part
    first: list[int] = []
    parents = [0]
    for z in range(shape[0]):
        if not on_slice(z, 2 * shape[0]):
            raise Stopped
        count, found = cv2.connectedComponents(slice_of(z).astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
        slices.append(found.astype(np.min_scalar_type(count)))
        first.append(len(parents) - 1)
        parents.extend(range(len(parents), len(parents) + count - 1))
        if z:
            for above, below in _touching(slices[z - 1], slices[z]):
                one, other = _root(parents, first[z - 1] + above), _root(parents, first[z] + below)
                parents[max(one, other)] = min(one, other)
    result = np.zeros(shape, dtype=np.bool_)
    start = int(slices[seed[0]][seed[1:]])
    if start == 0:
        return result
    wanted = _root(parents, first[seed[0]] + start)
    for z, found in enumerate(slices):
        if not on_slice(shape[0] + z, 2 * shape[0]):
            raise Stopped
        own = range(first[z] + 1, first[z + 1] + 1 if z + 1 < shape[0] else len(parents))
        chosen = np.array([False, *(_root(parents, part) == wanted for part in own)])
        if chosen.any():
            result[z] = chosen[found]
    return result


Parts = NDArray[np.unsignedinteger[Any]]
_TABLE = 1 << 22


def _touching(above: Parts, below: Parts) -> list[tuple[int, int]]:
    """Return which parts of two slices lie on each other; 0 is no part."""
    width = int(below.max()) + 1
    pairs = above.astype(np.int64) * width
    pairs += below
    height = int(above.max()) + 1
    if height * width <= _TABLE:
        # marking a table costs a tenth of sorting
        seen = np.zeros(height * width, dtype=np.bool_)
        seen[pairs.ravel()] = True
        found = np.flatnonzero(seen)
    else:
        found = np.unique(pairs[(above > 0) & (below > 0)])
    both = [divmod(int(pair), width) for pair in found]
    return [(one, other) for one, other in both if one and other]


def _root(parents: list[int], part: int) -> int:
    while parents[part] != part:
        parents[part] = parents[parents[part]]
        part = parents[part]
    return part


def level(values: Values, seed: tuple[int, int]) -> Mask:
    """Return the region inside the level line through a point: level tracing.

    The line follows the value of the seed around what is at least as bright; where that
    runs out of the slice but what is at most as bright doesn't, around that. What the
    line encloses is filled.

    Parameters
    ----------
    values
        Real values ``[row, column]``.
    seed
        (row, column).

    Raises
    ------
    ValueError
        If the seed lies outside.
    """
    check_seed(seed, values.shape)
    middle = float(values[seed])
    brighter = connected(np.asarray(values >= middle), seed)
    darker = connected(np.asarray(values <= middle), seed)
    region = darker if _on_rim(brighter) and not _on_rim(darker) else brighter
    return region | holes(region)


def _on_rim(region: Mask) -> bool:
    return bool(region[0].any() or region[-1].any() or region[:, 0].any() or region[:, -1].any())
