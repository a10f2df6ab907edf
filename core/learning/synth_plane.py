"""Cutting slices out of a head that nobody has: a map, turned, stretched and bent anew for every stack."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.late import cv2
from core.learning.synth_maps import STEPS_PER_MM, HeadMap

Reach = tuple[tuple[int, int], ...]

Random = np.random.Generator
Float = NDArray[np.float32]
STACK = 3
"""Slices of a stack: the one that is asked for, and its neighbours."""
_VIEWS = (0.46, 0.27, 0.27)
"""How often axial, coronal and sagittal slices are cut."""
_LATTICE = 8
"""The bend is worked out every so many pixels and laid between them."""
_WAVES = 10
_SHORTEST, _LONGEST = 35.0, 160.0
"""mm: wavelengths of the bend."""


@dataclass(frozen=True, slots=True, eq=False)
class Waves:
    """A smooth random field in space: a sum of plane waves.

    Parameters
    ----------
    vectors
        ``[n, 3]`` radians per mm, for x, y, z.
    phases
        ``[n]``.
    amplitudes
        ``[n, channels]``.
    """

    vectors: Float
    phases: Float
    amplitudes: Float

    @classmethod
    def draw(cls, random: Random, count: int, shortest: float, longest: float, channels: int) -> Waves:
        """Draw waves of equal steepness, whatever their length (log-uniform)."""
        directions = random.standard_normal((count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths = shortest * (longest / shortest) ** random.random(count)
        vectors = directions * (2 * np.pi / lengths)[:, None]
        steep = lengths / (2 * np.pi)
        amplitudes = random.standard_normal((count, channels)) * steep[:, None] / np.sqrt(count)
        return cls(
            vectors.astype(np.float32),
            (2 * np.pi * random.random(count)).astype(np.float32),
            amplitudes.astype(np.float32),
        )

    def at(self, points: Float) -> Float:
        """Return the field ``[..., channels]`` at points ``[..., 3]`` in mm."""
        return np.asarray(np.sin(points @ self.vectors.T + self.phases) @ self.amplitudes, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A stack of slices through a head.

    Parameters
    ----------
    distance
        float32 ``[3, size, size]``: signed distance to the Brain in mm of the head as it is shown, negative inside.
    points
        float32 ``[3, size, size, 3]``: where in the head (x right, y anterior, z superior; mm) each pixel is.
    pixel
        mm of a pixel.
    gap
        mm from slice to slice.
    view
        0 axial, 1 coronal, 2 sagittal, before it was tilted.
    """

    distance: Float
    points: Float
    pixel: float
    gap: float
    view: int


@dataclass(frozen=True, slots=True, eq=False)
class TissueCut(Cut):
    """A stack of slices through a map.

    Parameters
    ----------
    tissue
        uint8 ``[3, parts, size, size]``: planes of which each slice is the mean (thick slices have several).
    """

    tissue: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Where a stack is cut, before anything is looked up there.

    Parameters
    ----------
    points
        float32 ``[3, size, size, 3]``: as of :class:`Cut`.
    within
        float32 ``[parts, 3]``: where the planes of which a slice is the mean lie, from its points on.
    shrunk
        How much smaller the head is there than it is shown.
    pixel, gap, view
        As of :class:`Cut`.
    """

    points: Float
    within: Float
    shrunk: float
    pixel: float
    gap: float
    view: int

    def distance(self, parts: list[Float]) -> Float:
        """Return the distance in mm of the head as it is shown, of those (in steps) in the planes of each slice."""
        scale = np.float32(1 / (len(parts) * STEPS_PER_MM * self.shrunk))
        total = np.zeros(self.points.shape[:3], dtype=np.float32)
        for part in parts:
            total = total + part
        return np.stack([cv2.GaussianBlur(plane * scale, (0, 0), 0.6) for plane in total])


def cut(head: HeadMap, random: Random, size: int) -> TissueCut:
    """Cut a stack at a random place in a random direction through a head that is bent at random.

    Parameters
    ----------
    head
        The map.
    random
        Whatever is drawn comes from it.
    size
        Rows and columns.
    """
    plan = planned(head.tissue.shape, head.reach, random, size)
    found = [_looked_up(head, plan.points + within) for within in plan.within]
    tissue = np.stack([part for part, _ in found], axis=1)
    distance = plan.distance([far for _, far in found])
    return TissueCut(distance, plan.points, plan.pixel, plan.gap, plan.view, tissue)


def planned(extent: tuple[int, ...], reach: Reach, random: Random, size: int) -> Plan:
    """Draw where a stack is cut through a head that is bent at random.

    Parameters
    ----------
    extent
        Voxels of 1 mm of the head along z, y and x.
    reach
        First and last slice with Brain along z, y and x.
    random
        Whatever is drawn comes from it.
    size
        Rows and columns.
    """
    shape = np.array(extent[::-1], dtype=np.float32)
    view = int(random.choice(3, p=_VIEWS))
    gap = _gap(random)
    single = random.random() < 0.12
    parts = 1 if gap < 2 or random.random() < 0.3 else 3
    shrink = np.exp(random.normal(0, 0.07, 3) + random.normal(0, 0.08)).astype(np.float32)
    turn = _basis(view) @ _rotation(random, 0.1 if random.random() < 0.75 else 0.35)
    columns, rows, normal = _flipped(turn, random)
    middle = _middle(shape, reach, view, random)
    pixel = _pixel(shape / shrink, view, random, size)
    shift = random.normal(0, 0.05, 2) * size * pixel
    # the picture shows the middle of the head, in the plane that goes through the chosen point
    centre = shape / 2 - normal * float(normal @ (shape / 2 - middle)) + columns * shift[0] + rows * shift[1]
    bend = Waves.draw(random, _WAVES, _SHORTEST, _LONGEST, 3)
    strength = random.choice((0.0, 0.35, 0.7, 1.0), p=(0.1, 0.3, 0.4, 0.2)) * 0.3
    stretch = random.normal(0, 0.06) if random.random() < 0.3 else 0.0
    wide, tall = pixel * np.exp(stretch), pixel * np.exp(-stretch)
    offsets = np.zeros(STACK) if single else (np.arange(STACK) - 1) * gap
    thick = gap * random.uniform(0.5, 1.0)
    within = (np.arange(parts) - (parts - 1) / 2) * thick / parts
    grid = (np.arange(size, dtype=np.float32) - (size - 1) / 2)[:, None]
    flat = (grid * columns * np.float32(wide))[None] + (grid * rows * np.float32(tall))[:, None]
    points = np.stack([flat + (centre + normal * offset).astype(np.float32) for offset in offsets])
    # into the map's own space: larger heads are shrunk to it, then bent
    mid = (shape / 2).astype(np.float32)
    points = (points - mid) * shrink + mid
    points += np.stack([_bent(bend, plane, strength) for plane in points])
    along = (normal * shrink).astype(np.float32)
    planes = np.stack([along * np.float32(offset) for offset in within])
    return Plan(points, planes, float(np.prod(shrink)) ** (1 / 3), float(pixel), 0.0 if single else gap, view)


def _gap(random: Random) -> float:
    """Distance of slices: as often thin as thick."""
    if random.random() < 0.45:
        return float(random.uniform(0.5, 2.0))
    return float(random.uniform(2.0, 6.5))


def _basis(view: int) -> Float:
    """Return columns, rows and normal of an upright slice as rows of a matrix."""
    basis = np.zeros((3, 3), dtype=np.float32)
    axes = ((0, 1, 2), (0, 2, 1), (1, 2, 0))[view]
    for row, axis in enumerate(axes):
        basis[row, axis] = 1
    return basis


def _rotation(random: Random, spread: float) -> Float:
    """Return a small random turn about all three axes."""
    angles = random.normal(0, spread, 3)
    vector, _ = cv2.Rodrigues(angles.astype(np.float64))
    return np.asarray(vector, dtype=np.float32)


def _flipped(turn: Float, random: Random) -> tuple[Float, Float, Float]:
    """Return columns, rows and normal turned round the normal and mirrored: scans lie in every way in their files."""
    columns, rows, normal = turn
    angle = random.normal(0, 0.15) + np.pi / 2 * random.integers(4)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    columns, rows = c * columns + s * rows, c * rows - s * columns
    if random.random() < 0.5:
        rows = -rows
    if random.random() < 0.5:
        normal = -normal
    return columns, rows, normal


def _middle(shape: Float, reach: Reach, view: int, random: Random) -> Float:
    """Return a point (x, y, z) that the slice goes through: mostly in the Brain, sometimes anywhere."""
    axis = (2, 1, 0)[view]
    first, last = reach[2 - axis]
    low, high = (first - 4, last + 4) if random.random() < 0.75 else (0, int(shape[axis]) - 1)
    point = shape / np.float32(2)
    point[axis] = random.uniform(low, high)
    return point


def _pixel(extent: Float, view: int, random: Random, size: int) -> float:
    """Return mm of a pixel: the head fills the picture, or half of it, or does not fit."""
    shown = max(float(extent[axis]) for axis in ((0, 1), (0, 2), (1, 2))[view])
    if random.random() < 0.12:
        # cropped to less than the head
        return shown * float(random.uniform(0.75, 1.0)) / size
    return shown * float(random.uniform(1.0, 1.65)) / size


def _bent(bend: Waves, plane: Float, strength: float) -> Float:
    """Return how far each point ``[size, size, 3]`` is moved, in mm."""
    size = plane.shape[0]
    few = max(2, size // _LATTICE)
    coarse = np.asarray(cv2.resize(plane, (few, few), interpolation=cv2.INTER_AREA), dtype=np.float32)
    moved = bend.at(coarse) * np.float32(strength)
    return np.asarray(cv2.resize(moved, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def _looked_up(head: HeadMap, points: Float) -> tuple[NDArray[np.uint8], Float]:
    """Return tissue and distance (in steps) at points ``[..., 3]`` (x, y, z), of the nearest voxel."""
    deep, tall, wide = head.tissue.shape
    index = np.rint(points).astype(np.int32)
    x = np.clip(index[..., 0], 0, wide - 1)
    y = np.clip(index[..., 1], 0, tall - 1)
    z = np.clip(index[..., 2], 0, deep - 1)
    at = (z * tall + y) * wide + x
    return head.tissue.ravel()[at], head.distance.ravel()[at].astype(np.float32)
