"""Grow labels from scribbles: every voxel goes to the seed that reaches it over the least change of values.

In a slice an image foresting transform by least-cost paths (Falcao, Stolfi and de
Alencar Lotufo, IEEE Trans. PAMI 26:19, 2004); in space a watershed from markers on the
gradient (Vincent and Soille, IEEE Trans. PAMI 13:583, 1991), see :mod:`core.editing.tools.flooding`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.editing.counts import histogram
from core.editing.tools.flooding import Slabs, flood
from core.editing.tools.stopping import OnSlice, quiet
from core.errors import InputError
from core.geometry import bounding_box
from core.late import cv2

_STEP = 0.02
"""What a pixel costs where nothing changes: paths stay short where values tell nothing."""
_SAMPLE = 300_000
"""Voxels that the usual range of values is found on."""


def check_seeds(seeds: NDArray[np.uint8]) -> None:
    """Refuse seeds that leave nothing to decide.

    Raises
    ------
    InputError
        ``seeds-none``, ``seeds-one-kind``: at least two kinds must be there.
    """
    counts = np.zeros(256, dtype=np.int64)
    for plane in seeds.reshape(-1, *seeds.shape[-2:]):
        counts += histogram(plane)
    kinds = int(np.count_nonzero(counts[1:]))
    if kinds < 2:
        raise InputError("seeds-one-kind" if kinds else "seeds-none")


def usual_range(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return the 1st and the 99th percentile of what is a number; (0, 1) if nothing is."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(finite, (1.0, 99.0))
    return float(low), float(high)


def scaled(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """Bring values to 0..1 between ``low`` and ``high``; what is no number counts as low."""
    inside = (np.nan_to_num(values, nan=low) - np.float32(low)) / np.float32(max(high - low, 1e-6))
    return np.asarray(np.clip(inside, 0.0, 1.0), dtype=np.float32)


def slice_cost(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what a path pays per pixel of a slice, float32 ``[row, column]``: little where nothing changes."""
    soft = cv2.GaussianBlur(scaled(values, *usual_range(values)), (0, 0), 1.0)
    return np.asarray(_STEP + np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)))


def grow_in_slice(values: NDArray[np.float32], seeds: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give every pixel of a slice the value of the seed that is nearest over the least change.

    Parameters
    ----------
    values
        Real values ``[row, column]``.
    seeds
        uint8 of the same shape: 0 nothing said, else the value of a seed.

    Returns
    -------
    ndarray
        uint8 ``[row, column]`` of seed values; seeds keep their own.

    Raises
    ------
    InputError
        ``seeds-none``, ``seeds-one-kind``: at least two kinds must be there.
    """
    # half a second that only those pay who use it
    from skimage.graph import MCP_Geometric

    check_seeds(seeds)
    paths = MCP_Geometric(slice_cost(values), fully_connected=True)
    _costs, steps = paths.find_costs(np.argwhere(seeds > 0))
    # all seeds at once, however many kinds there are: each pixel knows the one before it on its path
    moves = np.array([row * seeds.shape[1] + column for row, column in paths.offsets], dtype=np.int64)
    before = np.arange(seeds.size)
    flat = np.asarray(steps).ravel()
    before[flat >= 0] -= moves[flat[flat >= 0]]
    while True:
        # twice as far back each time, until all have come to a seed
        further = before[before]
        if np.array_equal(further, before):
            return np.asarray(seeds.ravel()[before].reshape(seeds.shape))
        before = further


def grow_in_space(
    values: NDArray[np.float32],
    seeds: NDArray[np.uint8],
    spacing: tuple[float, float, float],
    on: OnSlice = quiet,
) -> NDArray[np.uint8]:
    """Give every voxel in the seeds' box the value of the seed that floods it first.

    Parameters
    ----------
    values
        Real values ``[z, y, x]``.
    seeds
        uint8 of the same shape: 0 nothing said, else the value of a seed.
    spacing
        Voxel size along (z, y, x).
    on
        Told (done, total); False stops.

    Returns
    -------
    ndarray
        uint8 ``[z, y, x]``, 0 outside of the box of the seeds.

    Raises
    ------
    InputError
        ``seeds-none``, ``seeds-one-kind``.
    Stopped
        If ``on`` said so.
    """
    check_seeds(seeds)
    result: NDArray[np.uint8] = np.zeros(seeds.shape, dtype=np.uint8)
    box = bounding_box(seeds)
    assert box is not None
    inner = values[box.slices]
    result[box.slices] = grow_in_slabs(lambda start, end: inner[start:end], seeds[box.slices], spacing, on)
    return result


def grow_in_slabs(
    values: Slabs, seeds: NDArray[np.uint8], spacing: tuple[float, float, float], on: OnSlice = quiet
) -> NDArray[np.uint8]:
    """Do as :func:`grow_in_space` for values that are asked for slab by slab, and without cutting to a box.

    Parameters
    ----------
    values
        Gives the real values of slices ``start`` to ``end`` (without it), float32 ``[z, y, x]``.
    """
    depth = len(seeds)
    step = max(1, round((seeds.size / _SAMPLE) ** (1 / 3)))
    sample = [values(z, z + 1)[:, ::step, ::step].ravel() for z in range(0, depth, step)]
    low, high = usual_range(np.concatenate(sample))
    return flood(lambda start, end: scaled(values(start, end), low, high), seeds, spacing, on)
