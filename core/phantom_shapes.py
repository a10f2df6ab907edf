"""Soft bodies of the phantom: signed distances in mm (negative inside) and random fields.

Points are a tuple of three equally shaped float32 arrays ``(x, y, z)`` in head
millimetres: +x right, +y anterior, +z superior.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

Floats: TypeAlias = NDArray[Any]
"""float32 throughout; named loosely because mixed arithmetic widens in the checker."""
Points: TypeAlias = tuple[Floats, Floats, Floats]
Triple: TypeAlias = tuple[float, float, float]


def ellipsoid(points: Points, centre: Triple, radii: Triple) -> Floats:
    """Return the approximate distance to an ellipsoid (exact on its surface)."""
    inner = np.zeros_like(points[0])
    slope = np.zeros_like(points[0])
    for axis in range(3):
        scaled = (points[axis] - np.float32(centre[axis])) / np.float32(radii[axis])
        inner += scaled * scaled
        scaled /= np.float32(radii[axis])
        slope += scaled * scaled
    np.sqrt(inner, out=inner)
    np.sqrt(slope, out=slope)
    return np.asarray(inner * (inner - 1) / np.maximum(slope, np.float32(1e-6)))


def capsule(points: Points, start: Triple, end: Triple, start_radius: float, end_radius: float) -> Floats:
    """Return the distance to a round-ended rod whose radius changes along it."""
    axis = np.subtract(end, start, dtype=np.float32)
    offsets = [points[i] - np.float32(start[i]) for i in range(3)]
    along = (offsets[0] * axis[0] + offsets[1] * axis[1] + offsets[2] * axis[2]) / np.float32(axis @ axis)
    np.clip(along, 0, 1, out=along)
    square = np.zeros_like(along)
    for i in range(3):
        rest = offsets[i] - along * axis[i]
        square += rest * rest
    return np.asarray(np.sqrt(square) - (np.float32(start_radius) + along * np.float32(end_radius - start_radius)))


def union(first: Floats, second: Floats, blend: float = 0.0) -> Floats:
    """Join two bodies; ``blend`` mm of rounding where they meet."""
    if blend <= 0:
        return np.minimum(first, second)
    weight = np.clip(0.5 + (second - first) * np.float32(0.5 / blend), 0, 1)
    return np.asarray(second + (first - second) * weight - np.float32(blend) * weight * (1 - weight))


def cut(body: Floats, other: Floats, blend: float = 0.0) -> Floats:
    """Return what two bodies share, with ``blend`` mm of rounding at the edge."""
    return -union(-body, -other, blend)


def coverage(distance: Floats, edge: float) -> Floats:
    """Return how much of a voxel lies inside (0..1), the border ``edge`` mm wide."""
    return np.clip(np.float32(0.5) - distance / np.float32(edge), 0, 1)


class Field:
    """A random field in space that repeats after ``period`` mm; mean 0, deviation 1.

    Parameters
    ----------
    random
        Source of randomness.
    wavelength
        Size of the pattern in mm.
    band
        Relative width of the band of wavelengths; 0 for everything coarser too.
    count, period
        Lattice points per axis and the length after which it repeats.
    """

    def __init__(
        self,
        random: np.random.Generator,
        wavelength: float,
        *,
        band: float = 0.0,
        count: int = 32,
        period: float = 256.0,
    ) -> None:
        self.step = period / count
        noise = random.standard_normal((count, count, count), dtype=np.float32)
        spectrum: Any = scipy.fft.rfftn(noise)
        full = np.fft.fftfreq(count, self.step).astype(np.float32)
        half = np.fft.rfftfreq(count, self.step).astype(np.float32)
        frequency = np.sqrt(full[:, None, None] ** 2 + full[None, :, None] ** 2 + half[None, None, :] ** 2)
        centre = np.float32(1.0 / wavelength)
        if band > 0:
            spectrum *= np.exp(-0.5 * ((frequency - centre) / (band * centre)) ** 2)
        else:
            spectrum *= np.exp(-0.5 * (frequency / centre) ** 2)
        spectrum[0, 0, 0] = 0
        lattice = scipy.fft.irfftn(spectrum, s=noise.shape)
        self.lattice: Floats = (lattice / lattice.std()).astype(np.float32)

    def as_distance(self) -> Field:
        """Turn values into mm from the field's zero surface (clear of its flat spots)."""
        square = np.zeros_like(self.lattice)
        for axis in range(3):
            slope = (np.roll(self.lattice, -1, axis) - np.roll(self.lattice, 1, axis)) / np.float32(2 * self.step)
            square += slope * slope
        floor = np.float32(0.15) * square.mean()
        made = object.__new__(Field)
        made.step = self.step
        made.lattice = self.lattice / np.sqrt(square + floor)
        return made

    def at(self, points: Points) -> Floats:
        """Return the field at points, float32 of their shape."""
        places = np.stack([points[0].ravel(), points[1].ravel(), points[2].ravel()]) * np.float32(1 / self.step)
        values = map_coordinates(self.lattice, places, order=1, mode="grid-wrap", prefilter=False, output=np.float32)
        return np.asarray(values, dtype=np.float32).reshape(points[0].shape)
