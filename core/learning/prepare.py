"""From a native slice to what a network sees, and back: one code for training and prediction.

A slice is normalised by its whole scan, resized with its true aspect into a square and
padded. The way back is exact in shape and position: the square is cropped and resized
with the same pixel-centre convention.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.geometry import Array, Geometry
from core.volume import Volume

SAMPLE_VOXELS = 2_000_000
"""Intensity statistics are taken from at most about this many voxels of a scan."""
AIR = 0.05
"""Below this part of the way from darkest to brightest a voxel counts as air."""
CT_RANGE = (-100.0, 200.0)
"""Hounsfield units kept of a CT: fat to fresh blood; bone and air are cut off."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """How slices are prepared; stored with the model, so that prediction does the same.

    Parameters
    ----------
    size
        Rows and columns of a prepared slice.
    slices
        The slice with its neighbours: 1, 3 or 5 channels.
    low, high
        Percentiles of what is not air that grey values are cut off at (MR and pictures).
    """

    size: int = 256
    slices: int = 3
    low: float = 0.5
    high: float = 99.5

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Preparation:
        """Read what :meth:`to_json` wrote."""
        return cls(int(data["size"]), int(data["slices"]), float(data["low"]), float(data["high"]))


@dataclass(frozen=True, slots=True)
class Intensity:
    """Grey scale of one scan: cut off at ``low``/``high``, then ``(value - mean) / deviation``."""

    low: float
    high: float
    mean: float
    deviation: float
    sign: float = 1.0

    @property
    def background(self) -> float:
        """Prepared value of air, which padding takes."""
        return (self.low - self.mean) / self.deviation

    def apply(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalise real values of any shape."""
        clipped = np.clip(np.nan_to_num(values * np.float32(self.sign), nan=self.low), self.low, self.high)
        return np.asarray((clipped - np.float32(self.mean)) / np.float32(self.deviation), dtype=np.float32)


def intensity_of(volume: Volume, preparation: Preparation) -> Intensity:
    """Measure a scan's grey scale.

    MR and pictures: percentiles of what is not air. CT: :data:`CT_RANGE`. Mean and
    deviation are those of the cut-off values that are not air. A scan of one value gets
    deviation 1.
    """
    stored = volume.grey()
    step = max(1, int(np.ceil((stored.size / SAMPLE_VOXELS) ** 0.5)))
    sample = stored[:, ::step, ::step].ravel()
    if volume.padding is not None:
        sample = sample[~volume.is_padding(sample)]
    sign = -1.0 if volume.inverted else 1.0
    values = volume.values(sample) * np.float32(sign)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return Intensity(0.0, 1.0, 0.0, 1.0, sign)
    if volume.modality == "CT":
        low, high = CT_RANGE
        tissue = values[values > low]
    else:
        darkest, brightest = float(values.min()), float(np.percentile(values, 99.5))
        tissue = values[values > darkest + AIR * (brightest - darkest)]
        low, high = darkest, brightest
        if tissue.size:
            low, high = (float(value) for value in np.percentile(tissue, (preparation.low, preparation.high)))
    kept = np.clip(tissue, low, high).astype(np.float64)
    deviation = float(kept.std()) if kept.size else 0.0
    mean = float(kept.mean()) if kept.size else low
    if deviation < 1e-6 * max(1.0, abs(mean)):
        deviation = 1.0
    return Intensity(low, max(high, low), mean, deviation, sign)


@dataclass(frozen=True, slots=True)
class Fit:
    """Where a native slice lies in the prepared square.

    Parameters
    ----------
    rows, columns
        Of the native slice.
    height, width
        Of its resized picture.
    top, left
        Its first row and column in the square.
    size
        Rows and columns of the square.
    """

    rows: int
    columns: int
    height: int
    width: int
    top: int
    left: int
    size: int

    @classmethod
    def of(cls, geometry: Geometry, size: int) -> Fit:
        """Return the largest centred fit with true aspect (pixel sizes honoured)."""
        _, rows, columns = geometry.shape
        _, row_size, column_size = geometry.spacing
        tall, wide = rows * row_size, columns * column_size
        scale = size / max(tall, wide)
        height = min(size, max(1, round(tall * scale)))
        width = min(size, max(1, round(wide * scale)))
        return cls(rows, columns, height, width, (size - height) // 2, (size - width) // 2, size)

    @property
    def exact(self) -> bool:
        """Whether nothing is resampled."""
        return (self.rows, self.columns) == (self.height, self.width)

    def forward(self, plane: NDArray[np.float32], background: float) -> NDArray[np.float32]:
        """Lay a slice ``[rows, columns]`` into the square ``[size, size]``."""
        square = np.full((self.size, self.size), background, dtype=np.float32)
        square[self._window] = _resize(plane, self.height, self.width)
        return square

    def forward_mask(self, plane: Array) -> NDArray[np.uint8]:
        """Lay a mask (any non-zero) into the square as 0/1; a pixel is set where at least half is covered."""
        square = np.zeros((self.size, self.size), dtype=np.uint8)
        covered = _resize(np.asarray(plane != 0, dtype=np.float32), self.height, self.width)
        square[self._window] = covered >= 0.5
        return square

    def inverse(self, square: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the native slice ``[rows, columns]`` back out of a square ``[size, size]``."""
        return _resize(np.ascontiguousarray(square[self._window]), self.rows, self.columns)

    @property
    def _window(self) -> tuple[slice, slice]:
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


def _resize(plane: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Resize with pixel centres aligned as areas; averaging where it shrinks."""
    if plane.shape == (height, width):
        return plane
    shrinks = height < plane.shape[0] or width < plane.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(plane), (width, height), interpolation=how), dtype=np.float32)


def neighbours(index: int, slices: int, total: int) -> tuple[int, ...]:
    """Return the native indices that a prepared slice is stacked of; the ends are repeated."""
    reach = slices // 2
    return tuple(min(max(index + offset, 0), total - 1) for offset in range(-reach, reach + 1))


def prepare_slices(volume: Volume, intensity: Intensity, fit: Fit, indices: Iterable[int]) -> NDArray[np.float16]:
    """Return native slices as ``[n, size, size]`` float16: normalised, resized, padded."""
    wanted = list(indices)
    prepared = np.empty((len(wanted), fit.size, fit.size), dtype=np.float16)
    for position, index in enumerate(wanted):
        plane = intensity.apply(volume.values(_grey_slice(volume, index)))
        prepared[position] = fit.forward(plane, intensity.background)
    return prepared


def _grey_slice(volume: Volume, index: int) -> Array:
    """One slice of ``volume.grey()`` without turning the whole scan grey."""
    if volume.array.ndim == 3:
        return np.asarray(volume.array[index])
    one = Geometry((1, *volume.shape[1:]), volume.geometry.affine)
    return np.asarray(Volume(volume.array[index : index + 1], one).grey()[0])
