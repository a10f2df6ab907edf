"""A rough brain mask where there is no model yet."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.geometry import Geometry
from core.review.strip import offset
from core.volume import Volume

Bools = NDArray[np.bool_]

_WORKING_MM = 2.0
"""Grid of the rough method: fine enough for its errors, coarse enough to be quick."""
_BRIDGE_MM = 5.5
"""Half the thickness of what joins brain and scalp (vessels, nerves, dura) and is cut."""
_SCALP_MM = 7.0
_CLOSE_MM = 9.0
_BRAIN_HU = (0.0, 90.0)
_BONE_HU = 160.0


def classical_brain(volume: Volume) -> Bools:
    """Return a rough brain mask without any model: Otsu, largest component, fill.

    Good enough to start drawing from, not to measure with: it follows grey values and
    knows nothing about brains. CT is taken between fixed Hounsfield values inside the bone.

    Returns
    -------
    numpy.ndarray
        Bool ``[z, y, x]``; empty if there is no tissue at all.
    """
    grey = np.asarray(volume.values(volume.grey()), dtype=np.float32)
    grey = np.nan_to_num(grey, nan=float(np.nanmin(grey)) if np.isfinite(grey).any() else 0.0)
    steps, spacing = _steps(volume.geometry)
    small: NDArray[np.float32] = grey[tuple(slice(step // 2, None, step) for step in steps)]
    blurred: NDArray[np.float32] = ndimage.gaussian_filter(small, [0.6 if count > 1 else 0 for count in small.shape])
    if volume.modality == "CT":
        tissue = _tissue_ct(blurred)
        depth = _depth(np.ones_like(tissue), spacing)
    else:
        tissue, depth = _tissue_mr(blurred, spacing)
    brain = _largest_core(tissue, depth, spacing)
    if not brain.any():
        return np.zeros(volume.shape, dtype=bool)
    return _restored(brain, steps, volume.shape)


def _steps(geometry: Geometry) -> tuple[tuple[int, int, int], tuple[float, float, float]]:
    """Return the stride along each axis for the working grid, and its spacing.

    Where the spacing is unknown a picture is taken to show a head 220 mm high.
    """
    size = geometry.spacing
    if not geometry.spacing_known:
        pixel = 220.0 / max(geometry.shape[1:])
        size = (4.0, pixel, pixel)
    steps = [max(1, round(_WORKING_MM / one)) for one in size]
    steps = [1 if count < 8 * step else step for step, count in zip(steps, geometry.shape, strict=True)]
    spacing = [one * step for one, step in zip(size, steps, strict=True)]
    return (steps[0], steps[1], steps[2]), (spacing[0], spacing[1], spacing[2])


def otsu(values: NDArray[np.float32], bins: int = 256) -> float:
    """Return the threshold that parts values into two classes of least spread (Otsu 1979)."""
    low, high = float(values.min()), float(values.max())
    if high <= low:
        return low
    counts, edges = np.histogram(values, bins=bins, range=(low, high))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts).astype(float)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    between = np.nan_to_num(between[:-1])
    # where a gap makes many thresholds equally good, the middle of them
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    return float(edges[1:][best].mean())


def _tissue_mr(image: NDArray[np.float32], spacing: tuple[float, float, float]) -> tuple[Bools, NDArray[np.float32]]:
    """Return what is neither air, fluid-dark nor fat-bright, and how deep in the head each voxel lies."""
    clipped = np.minimum(image, float(np.percentile(image, 99.5)))
    head = clipped > otsu(clipped) * 0.5
    solid = np.stack([ndimage.binary_fill_holes(plane) for plane in _largest(head)])
    depth = _depth(solid, spacing)
    deep = depth > _SCALP_MM
    if not deep.any():
        return head, depth
    # fat would draw the threshold up: only what lies deep is parted, and its brightest part is clipped
    values = clipped[deep]
    middle = float(np.median(values[values >= otsu(values)]))
    threshold = otsu(np.minimum(values, 0.85 * middle))
    return np.asarray((clipped > threshold) & (clipped < 1.9 * middle) & deep), depth


def _depth(head: Bools, spacing: tuple[float, float, float]) -> NDArray[np.float32]:
    """Return the distance to the air in mm; the cut ends of the field of view are not air."""
    padded = np.pad(head, [(1, 1)] * 3, mode="edge") if head.shape[0] > 1 else np.pad(head, [(0, 0), (1, 1), (1, 1)])
    distance: Any = ndimage.distance_transform_edt(padded, sampling=spacing)
    inner = distance[1:-1, 1:-1, 1:-1] if head.shape[0] > 1 else distance[:, 1:-1, 1:-1]
    return np.asarray(inner, dtype=np.float32)


def _tissue_ct(image: NDArray[np.float32]) -> Bools:
    """Return soft tissue inside the skull."""
    soft = (image > _BRAIN_HU[0]) & (image < _BRAIN_HU[1])
    bone = image > _BONE_HU
    skull = ndimage.binary_closing(np.pad(bone, 3), iterations=2)[3:-3, 3:-3, 3:-3]
    inside = np.zeros_like(soft)
    for z in range(image.shape[0]):
        inside[z] = ndimage.binary_fill_holes(skull[z]) & ~skull[z]
    return np.asarray(soft & inside)


def _largest_core(tissue: Bools, depth: NDArray[np.float32], spacing: tuple[float, float, float]) -> Bools:
    """Cut thin bridges, keep the largest piece, give it back its thickness, and fill it."""
    if not tissue.any():
        return tissue
    core = _largest(offset(tissue, spacing, -_BRIDGE_MM), depth)
    if not core.any():
        core = _largest(tissue, depth)
    brain = offset(core, spacing, _BRIDGE_MM + 0.5) & tissue
    padding = [
        int(np.ceil(_CLOSE_MM / size)) + 1 if count > 1 else 0
        for size, count in zip(spacing, tissue.shape, strict=True)
    ]
    padded = np.pad(brain, [(more, more) for more in padding])
    closed = offset(offset(padded, spacing, _CLOSE_MM), spacing, -_CLOSE_MM)
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in closed])
    trimmed = filled[tuple(slice(more, more + count) for more, count in zip(padding, tissue.shape, strict=True))]
    return np.asarray(trimmed)


def _largest(mask: Bools, depth: NDArray[np.float32] | None = None) -> Bools:
    """Return the largest piece; deep voxels weigh more, for the brain is what lies deepest."""
    parts, count = ndimage.label(mask)
    if count == 0:
        return mask
    weights = None if depth is None else (depth.ravel().astype(np.float64) ** 2)
    sizes = np.bincount(parts.ravel(), weights=weights)
    sizes[0] = 0
    return np.asarray(parts == int(sizes.argmax()))


def _restored(brain: Bools, steps: tuple[int, int, int], shape: tuple[int, int, int]) -> Bools:
    """Bring a mask of the working grid back to the scan's grid, its edges smooth."""
    if steps == (1, 1, 1):
        return brain
    places = [
        np.clip((np.arange(count) - step // 2) / step, 0, have - 1)
        for count, step, have in zip(shape, steps, brain.shape, strict=True)
    ]
    soft = brain.astype(np.float32)
    for axis, place in enumerate(places):
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, brain.shape[axis] - 1)
        share = (place - low).astype(np.float32)
        share = share.reshape([-1 if other == axis else 1 for other in range(3)])
        soft = np.take(soft, low, axis) * (1 - share) + np.take(soft, high, axis) * share
    return np.asarray(soft > 0.5)
