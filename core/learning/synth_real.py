"""Slices of real heads whose Brain somebody drew, bent and spoilt like made-up ones, to be learnt beside them.

A real head is laid on a grid of 1 mm and cut like a map of tissues (:mod:`core.learning.synth_plane`), but what is
seen on a slice is the scan's own. Where the brainstem ends is a convention that differs from reader to reader: right
below the lowest drawn slice nothing is taken for known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from core.geometry import bounding_box
from core.learning.prepare_head import Skin
from core.learning.synth import MadeUp, finished
from core.learning.synth_contrast import Contrast
from core.learning.synth_maps import signed_distance
from core.learning.synth_plane import Cut, Float, Random, planned
from core.volume import Volume

Bool = NDArray[np.bool_]
UNSURE_BELOW = 8
"""mm below the lowest Brain of a mask that count as unknown."""
_REMAPPED = 0.3
"""How many of the stacks get another contrast than the scan's."""
_KNOTS = 6


@dataclass(frozen=True, slots=True, eq=False)
class RealHead:
    """A scan and its Brain on a grid of 1 mm, axes to superior, anterior and right.

    Parameters
    ----------
    name
        Of the scan.
    person
        Whose it is: people are drawn alike, however many scans there are of each.
    trust
        How often it is drawn, in parts of how often one is whose mask people made.
    grey
        float32 ``[z, y, x]``, about 0 (air) to 1 (bright).
    distance
        int8, the same shape: as of :class:`core.learning.synth_maps.HeadMap`.
    known
        The same shape: where the Brain is known.
    """

    name: str
    person: str
    trust: float
    grey: Float
    distance: NDArray[np.int8]
    known: Bool

    @property
    def reach(self) -> tuple[tuple[int, int], ...]:
        """First and last slice with Brain along z, y and x."""
        box = bounding_box(self.distance < 0)
        assert box is not None, self.name
        return tuple((part.start, part.stop - 1) for part in box.slices)


def real_head(name: str, person: str, volume: Volume, brain: Bool, trust: float = 1.0) -> RealHead:
    """Lay a scan and its Brain on a grid of 1 mm.

    Parameters
    ----------
    name, person, trust
        See :class:`RealHead`.
    volume
        The scan, in mm.
    brain
        ``[z, y, x]`` on the scan's grid.

    Raises
    ------
    ValueError
        If there is no Brain.
    """
    if not brain.any():
        raise ValueError(name)
    values = np.nan_to_num(np.asarray(volume.values(volume.grey()), dtype=np.float32))
    low, high = (float(one) for one in np.percentile(values, (0.5, 99.5)))
    skin = (Skin.of(volume).level - low) / max(high - low, 1e-6)
    grey = (values - low) / max(high - low, 1e-6)
    far = _signed(brain, volume.geometry.spacing)
    at, shape = _grid(volume)
    inside = np.asarray(ndimage.map_coordinates(far, at, order=1, mode="constant", cval=99.0)) < 0
    there = np.asarray(ndimage.map_coordinates(grey, at, order=1, mode="constant"))
    head = _head(there.reshape(shape) > skin, inside.reshape(shape))
    there, inside = np.pad(there.reshape(shape)[head], 1), np.pad(inside.reshape(shape)[head], 1)
    distance = signed_distance(inside)
    lowest = int(np.flatnonzero((distance < 0).any(axis=(1, 2)))[0])
    known = np.ones(distance.shape, dtype=np.bool_)
    known[max(0, lowest - UNSURE_BELOW) : lowest] = False
    return RealHead(name, person, trust, there.astype(np.float32), distance, known)


def _head(above: Bool, brain: Bool) -> tuple[slice, ...]:
    """Return the box around the head: the largest piece that is not air, with all of the Brain."""
    pieces, count = ndimage.label(ndimage.binary_opening(above))
    if count:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        brain = brain | (pieces == sizes.argmax())
    box = bounding_box(brain)
    assert box is not None
    return box.slices


def _signed(brain: Bool, spacing: tuple[float, float, float]) -> Float:
    """Return the distance to the surface in mm, negative inside: between thick slices it gives the shape between."""
    outside = ndimage.distance_transform_edt(~brain, sampling=spacing)
    within = ndimage.distance_transform_edt(brain, sampling=spacing)
    return np.asarray(outside - within, dtype=np.float32)


def _grid(volume: Volume) -> tuple[Float, tuple[int, int, int]]:
    """Return voxel coordinates ``[3, n]`` (z, y, x) of a grid of 1 mm around a scan, and its shape."""
    affine = np.asarray(volume.geometry.affine, dtype=np.float64)
    far = np.array(volume.shape[::-1], dtype=np.float64) - 0.5
    corners = np.array([[x, y, z, 1] for x in (-0.5, far[0]) for y in (-0.5, far[1]) for z in (-0.5, far[2])])
    places = (affine @ corners.T)[:3]
    first, last = np.floor(places.min(axis=1)), np.ceil(places.max(axis=1))
    x, y, z = (np.arange(low, high + 1) for low, high in zip(first, last, strict=True))
    world = np.stack([part.ravel() for part in np.meshgrid(z, y, x, indexing="ij")])[::-1]
    inverse = np.linalg.inv(affine)
    voxel = inverse[:3, :3] @ world + inverse[:3, 3:]
    return voxel[::-1].astype(np.float32), (len(z), len(y), len(x))


def make_real(heads: Sequence[RealHead], seed: Sequence[int], size: int) -> MadeUp:
    """Return one example that shows a real head.

    Parameters
    ----------
    heads
        To choose from.
    seed
        Whole numbers from 0; the same ones make the same example.
    size
        Rows and columns.
    """
    random = np.random.default_rng(list(seed))
    head = _chosen(heads, random)
    plan = planned(head.grey.shape, head.reach, random, size)
    seen = [_looked_up(head, plan.points + within) for within in plan.within]
    picture = np.asarray(np.mean([grey for grey, _ in seen], axis=0), dtype=np.float32)
    found = Cut(plan.distance([far for _, far in seen]), plan.points, plan.pixel, plan.gap, plan.view)
    if random.random() < _REMAPPED:
        picture = _remapped(picture, random)
    none = np.zeros((0, 0), dtype=np.float32)
    return finished(picture, found, Contrast("real", none, none), random)


def _chosen(heads: Sequence[RealHead], random: Random) -> RealHead:
    people = sorted({head.person for head in heads})
    share = np.array([max(head.trust for head in heads if head.person == one) for one in people])
    person = people[int(random.choice(len(people), p=share / share.sum()))]
    own = [head for head in heads if head.person == person]
    return own[int(random.integers(len(own)))]


def _looked_up(head: RealHead, points: Float) -> tuple[Float, Float]:
    """Return grey values and distance (in steps, nan where it is not known) at points ``[..., 3]`` (x, y, z)."""
    at = points[..., ::-1].reshape(-1, 3).T
    grey = ndimage.map_coordinates(head.grey, at, order=1, mode="constant")
    index = np.rint(at).astype(np.int64)
    last = np.array(head.grey.shape)[:, None] - 1
    z, y, x = np.clip(index, 0, last)
    far = np.where(head.known[z, y, x], head.distance[z, y, x].astype(np.float32), np.float32("nan"))
    shape = points.shape[:-1]
    return grey.reshape(shape).astype(np.float32), far.reshape(shape)


def _remapped(picture: Float, random: Random) -> Float:
    """Give tissues another brightness, in order or not: a curve through random points, air staying dark."""
    knots = np.linspace(0, 1, _KNOTS)
    curve = np.sort(random.random(_KNOTS)) if random.random() < 0.6 else random.random(_KNOTS)
    curve[0] = random.uniform(0, 0.1)
    weight = random.uniform(0.3, 1.0)
    bent = np.interp(np.clip(picture, 0, 1), knots, curve)
    return np.asarray((1 - weight) * picture + weight * bent, dtype=np.float32)
