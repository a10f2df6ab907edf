"""How well two masks agree. Our own, because the usual libraries drop failures as NaN.

Conventions, each tested by a case computed by hand:

- Both masks empty: overlap and distance have no value (None) and the scan is counted as ``empty``.
- Exactly one empty: Dice and IoU are 0, HD95 and ASSD are the image's diagonal. A miss
  makes the mean worse, never better.
- Surface: the mask's voxels that touch background through a face, or the image's
  edge, measured between voxel centres. Flat pictures use in-plane neighbours only.
- HD95: the larger of the two directed 95th percentiles. ASSD: mean over both surfaces' points.
- Distances are mm where the spacing is known, else px; never mixed. They are straight ones in
  space, on the sheared grid of a tilted gantry too.
- Accuracy is always given beside the accuracy of calling everything background.
- Slices and lesions are counted besides: :mod:`core.review.lesions`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.geometry import Array, Box, Geometry, bounding_box
from core.review.lesions import LesionScores, SliceScores, score_lesions, score_slices

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Measures:
    """Agreement of one predicted mask with the truth, for one label on one scan.

    Parameters
    ----------
    dice, iou
        Overlap, 0..1; None where both masks are empty.
    hd95, assd
        Distances of the surfaces in ``unit``; None where both masks are empty.
    sensitivity
        Share of the truth that was found; None where the truth is empty.
    specificity
        Share of the background left alone; None where there is no background.
    precision
        Share of the prediction that is true; None where the prediction is empty.
    accuracy, baseline_accuracy
        Share of voxels called right, and the same for calling all background.
    truth_voxels, predicted_voxels, shared_voxels, voxels
        Counts.
    truth_ml, predicted_ml, difference_ml
        Volumes (predicted minus truth); None where the spacing is unknown.
    difference_percent
        Predicted minus truth in percent of the truth; None where the truth is empty.
    unit
        ``"mm"`` or ``"px"``.
    by_slice, lesions
        What was missed and made up, slice by slice and lesion by lesion.
    """

    dice: float | None
    iou: float | None
    hd95: float | None
    assd: float | None
    sensitivity: float | None
    specificity: float | None
    precision: float | None
    accuracy: float
    baseline_accuracy: float
    truth_voxels: int
    predicted_voxels: int
    shared_voxels: int
    voxels: int
    truth_ml: float | None
    predicted_ml: float | None
    difference_ml: float | None
    difference_percent: float | None
    unit: str
    by_slice: SliceScores
    lesions: LesionScores

    @property
    def empty(self) -> bool:
        """Whether there was nothing to find and nothing was predicted."""
        return self.truth_voxels == 0 and self.predicted_voxels == 0

    @property
    def missed(self) -> bool:
        """Whether there was something to find and nothing of it was found."""
        return self.truth_voxels > 0 and self.shared_voxels == 0

    @property
    def spurious(self) -> bool:
        """Whether something was predicted where there was nothing."""
        return self.truth_voxels == 0 and self.predicted_voxels > 0

    def facts(self) -> dict[str, Any]:
        """Return plain data; the distances carry their unit in their names."""
        facts: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        unit = facts.pop("unit")
        by_slice, lesions = self.by_slice.facts(), self.lesions.facts()
        del facts["by_slice"], facts["lesions"]
        for name in ("hd95", "assd"):
            facts[f"{name}_{unit}"] = facts.pop(name)
        flags = {"empty": self.empty, "missed": self.missed, "spurious": self.spurious}
        return facts | by_slice | lesions | flags


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def measure(truth: Array, predicted: Array, geometry: Geometry, *, known: Bools | None = None) -> Measures:
    """Compare a prediction with the truth.

    Parameters
    ----------
    truth, predicted
        Masks ``[z, y, x]``; non-zero is inside.
    geometry
        Their grid.
    known
        Bool per z slice: where the truth says something. Elsewhere neither mask
        counts, nor does the edge of the known part count as a surface. None: everywhere.

    Raises
    ------
    InputError
        ``mask-size-differs`` if a mask has not the grid's shape.
    """
    true, guess = _checked(truth, geometry), _checked(predicted, geometry)
    slices = geometry.shape[0]
    if known is not None and not known.all():
        true, guess = true.copy(), guess.copy()
        true[~known] = False
        guess[~known] = False
        slices = int(np.count_nonzero(known))
    voxels = slices * geometry.shape[1] * geometry.shape[2]
    truth_count, guess_count = int(np.count_nonzero(true)), int(np.count_nonzero(guess))
    shared = int(np.count_nonzero(true & guess))
    hd95, assd = surface_distances(true, guess, geometry, known=known)
    wrong = truth_count + guess_count - 2 * shared
    background = voxels - truth_count
    ml = geometry.voxel_ml if geometry.measurable else None
    return Measures(
        dice=_ratio(2 * shared, truth_count + guess_count),
        iou=_ratio(shared, truth_count + guess_count - shared),
        hd95=hd95,
        assd=assd,
        sensitivity=_ratio(shared, truth_count),
        specificity=_ratio(background - (guess_count - shared), background),
        precision=_ratio(shared, guess_count),
        accuracy=(voxels - wrong) / voxels if voxels else 1.0,
        baseline_accuracy=background / voxels if voxels else 1.0,
        truth_voxels=truth_count,
        predicted_voxels=guess_count,
        shared_voxels=shared,
        voxels=voxels,
        truth_ml=None if ml is None else truth_count * ml,
        predicted_ml=None if ml is None else guess_count * ml,
        difference_ml=None if ml is None else (guess_count - truth_count) * ml,
        difference_percent=_ratio(100.0 * (guess_count - truth_count), truth_count),
        unit=sizes_of(geometry)[1],
        by_slice=score_slices(true, guess, known=known),
        lesions=score_lesions(true, guess),
    )


def _checked(mask: Array, geometry: Geometry) -> Bools:
    if mask.shape != geometry.shape:
        size, wanted = ("x".join(str(count) for count in shape) for shape in (mask.shape, geometry.shape))
        raise InputError("mask-size-differs", size=size, wanted=wanted)
    return mask if mask.dtype == np.bool_ else mask != 0


def dice_per_slice(truth: Array, predicted: Array, *, axis: int = 0, known: Bools | None = None) -> NDArray[np.float64]:
    """Return the Dice of every slice along an axis; NaN where both are empty or the truth is unknown.

    Parameters
    ----------
    truth, predicted
        Masks ``[z, y, x]``; non-zero is inside.
    axis
        Array axis looked along.
    known
        Bool per z slice, used where ``axis`` is 0.
    """
    others = tuple(other for other in range(truth.ndim) if other != axis)
    true, guess = truth != 0, predicted != 0
    shared = np.count_nonzero(true & guess, axis=others)
    total = np.count_nonzero(true, axis=others) + np.count_nonzero(guess, axis=others)
    scores = np.full(truth.shape[axis], np.nan)
    np.divide(2.0 * shared, total, out=scores, where=total > 0)
    if known is not None and axis == 0:
        scores[~known] = np.nan
    return scores


def diagonal(geometry: Geometry) -> float:
    """Return the diagonal of the image in mm (px where the spacing is unknown)."""
    # the longest of the four, which differ where the axes are not perpendicular
    corners = [(1, 1, 1), (1, 1, -1), (1, -1, 1), (-1, 1, 1)] if geometry.sheared else [(1, 1, 1)]
    return max(float(np.linalg.norm(places(np.multiply(geometry.shape, corner), geometry))) for corner in corners)


def sizes_of(geometry: Geometry) -> tuple[tuple[float, float, float], str]:
    """Return the voxel size (z, y, x) that distances are told in, and its unit: voxels where slices lie unevenly."""
    if geometry.spacing_known and not geometry.depth_known and geometry.shape[0] > 1:
        return (1.0, 1.0, 1.0), "px"
    return geometry.spacing, geometry.unit


def places(voxels: Array, geometry: Geometry) -> NDArray[np.float64]:
    """Return voxels (z, y, x), shape (..., 3), as points that lie as far apart as is told, see :func:`sizes_of`."""
    sizes, unit = sizes_of(geometry)
    if unit == "mm" and geometry.sheared:
        return np.asarray(voxels @ geometry.steps)
    return np.asarray(voxels * np.array(sizes))


def surface(mask: Bools, *, known: Bools | None = None) -> Bools:
    """Return the voxels of a mask that touch background through a face.

    The image's edge is background; a slice that is not ``known`` is neither, so that
    the cut between finished and unfinished slices is no surface. Along an axis of one
    voxel there are no faces (a flat picture).
    """
    inner = mask.copy()
    for axis in range(mask.ndim):
        if mask.shape[axis] == 1:
            continue
        inside = mask
        if axis == 0 and known is not None and not known.all():
            inside = mask | ~known[:, None, None]
        low: list[slice] = [slice(None)] * mask.ndim
        high = low.copy()
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        inner[tuple(low)] &= inside[tuple(high)]
        inner[tuple(high)] &= inside[tuple(low)]
        for edge in (0, -1):
            outermost = low.copy()
            outermost[axis] = slice(edge, None) if edge else slice(0, 1)
            inner[tuple(outermost)] = False
    border: Bools = mask & ~inner
    # a picture of a single voxel, or of single unfinished neighbours, has no faces at all
    return border if border.any() else mask


def surface_distances(
    truth: Bools, predicted: Bools, geometry: Geometry, *, known: Bools | None = None
) -> tuple[float | None, float | None]:
    """Return HD95 and ASSD in mm (px where the spacing is unknown).

    None, None where both masks are empty; the image's diagonal where one is.
    """
    boxes = [box for box in (bounding_box(truth), bounding_box(predicted)) if box is not None]
    if not boxes:
        return None, None
    if len(boxes) == 1:
        return diagonal(geometry), diagonal(geometry)
    # one voxel of margin, so that only the image's own edge is taken for an edge
    box = _widened(boxes[0].union(boxes[1]), geometry.shape)
    part = None if known is None else known[box.slices[0]]
    first, second = (surface(mask[box.slices], known=part) for mask in (truth, predicted))
    one, other = _directed(first, second, geometry), _directed(second, first, geometry)
    hd95 = max(float(np.percentile(one, 95)), float(np.percentile(other, 95)))
    return hd95, float((one.sum() + other.sum()) / (one.size + other.size))


def _widened(box: Box, shape: tuple[int, int, int]) -> Box:
    """Grow a box by a voxel, along flat axes not at all."""
    low = [max(0, start - 1) for start in box.low]
    high = [min(count, stop + 1) for stop, count in zip(box.high, shape, strict=True)]
    return Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))


def _directed(points: Bools, targets: Bools, geometry: Geometry) -> NDArray[np.float64]:
    """Return the distance of every surface point to the other surface."""
    lonely = points & ~targets
    distances = np.zeros(int(np.count_nonzero(points)))
    if lonely.any():
        from scipy.spatial import KDTree  # slow to load: not before it is needed

        tree = KDTree(places(np.argwhere(targets), geometry), balanced_tree=False, compact_nodes=False)
        found, _ = tree.query(places(np.argwhere(lonely), geometry), workers=-1)
        distances[: np.size(found)] = found
    return distances
