"""From a native slice to what a network sees, and back: one code for training and prediction.

A slice is normalised by its whole scan, laid into a square (:mod:`core.learning.prepare_fit`)
and stacked with its neighbours. Which steps are done stands in the :class:`Preparation`
(:mod:`core.learning.prepare_steps`), which is stored with the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import LearningError
from core.geometry import Array, Geometry
from core.late import cv2
from core.learning.config import TrainingConfig
from core.learning.prepare_clear import Head, bone_on
from core.learning.prepare_fit import Fit
from core.learning.prepare_head import Skin, head_box, middle_of
from core.learning.prepare_steps import COLOUR, DEFAULT_STEPS, GREY, canonical, check_channels, value_of, windows_of
from core.volume import Volume

SAMPLE_VOXELS = 2_000_000
"""Intensity statistics are taken from at most about this many voxels of a scan."""
AIR = 0.05
"""Below this part of the way from darkest to brightest a voxel counts as air."""
CT_RANGE = (-100.0, 200.0)
"""Hounsfield units kept of a CT: fat to fresh blood; bone and air are cut off."""
_NOISE_IN_MEDIAN = 1.03
"""Deviation of white noise by that of its difference to the median of nine (1 + 0.169 - 2 / 9 of the variance)."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """How slices are prepared; stored with the model, so that prediction does the same.

    Parameters
    ----------
    size
        Rows and columns of a prepared slice.
    slices
        The slice with its neighbours: 1, 3 or 5.
    low, high
        Percentiles of what is not air that grey values are cut off at (MR and pictures).
    steps
        What is done, in the order of :data:`core.learning.prepare_steps.ORDER`.
    channels
        What each slice is shown as: ``("grey",)``, ``("red", "green", "blue")``, or CT windows.
    """

    size: int = 256
    slices: int = 3
    low: float = 0.5
    high: float = 99.5
    steps: tuple[str, ...] = DEFAULT_STEPS
    channels: tuple[str, ...] = GREY

    @classmethod
    def of(cls, config: TrainingConfig) -> Preparation:
        """Return the preparation that a training asks for."""
        return cls(config.size, config.slices, steps=canonical(config.prepare), channels=config.channels)

    @property
    def inputs(self) -> int:
        """Input channels of the network: neighbours times channels, slice by slice."""
        return self.slices * len(self.channels)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Preparation:
        """Read what :meth:`to_json` wrote; a model of before there were steps has the usual ones.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is something else.
        LearningError
            ``prepare-unknown`` and others for steps that this version does not know.
        """
        channels = tuple(str(name) for name in data.get("channels", GREY))
        check_channels(channels)
        return cls(
            int(data["size"]),
            int(data["slices"]),
            float(data["low"]),
            float(data["high"]),
            canonical(data.get("steps", DEFAULT_STEPS)),
            channels,
        )


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
    deviation 1. Without the step ``clip`` nothing is cut off, without ``zscore`` the
    scale is 0..1 from darkest to brightest.
    """
    values = _sample(volume, preparation)
    sign = -1.0 if volume.inverted else 1.0
    if values.size == 0:
        return Intensity(0.0, 1.0, 0.0, 1.0, sign)
    clips = value_of(preparation.steps, "clip") is not None
    if volume.modality == "CT" and clips:
        low, high = CT_RANGE
        tissue = values[values > low]
    else:
        darkest, brightest = float(values.min()), float(np.percentile(values, 99.5))
        tissue = values[values > darkest + AIR * (brightest - darkest)]
        low, high = darkest, brightest
        if tissue.size and clips:
            low, high = (float(value) for value in np.percentile(tissue, (preparation.low, preparation.high)))
        elif not clips:
            high = float(values.max())
    if value_of(preparation.steps, "zscore") is None:
        high = max(high, low)
        return Intensity(low, high, low, high - low if high > low else 1.0, sign)
    kept = np.clip(tissue, low, high).astype(np.float64)
    deviation = float(kept.std()) if kept.size else 0.0
    mean = float(kept.mean()) if kept.size else low
    if deviation < 1e-6 * max(1.0, abs(mean)):
        deviation = 1.0
    return Intensity(low, max(high, low), mean, deviation, sign)


def _sample(volume: Volume, preparation: Preparation) -> NDArray[np.float32]:
    """Return real values of a scan, thinned out, of grey or of all three colours; MONOCHROME1 turned round."""
    coloured = preparation.channels == COLOUR and volume.array.ndim == 4 and volume.array.shape[3] >= 3
    stored = volume.array[..., :3] if coloured else volume.grey()
    step = max(1, int(np.ceil((stored.size / SAMPLE_VOXELS) ** 0.5)))
    sample = stored[:, ::step, ::step].ravel()
    if volume.padding is not None:
        sample = sample[~volume.is_padding(sample)]
    values = volume.values(sample) * np.float32(-1.0 if volume.inverted else 1.0)
    return np.asarray(values[np.isfinite(values)], dtype=np.float32)


def neighbours(index: int, slices: int, total: int) -> tuple[int, ...]:
    """Return the native indices that a prepared slice is stacked of; the ends are repeated."""
    reach = slices // 2
    return tuple(min(max(index + offset, 0), total - 1) for offset in range(-reach, reach + 1))


class Preparer:
    """One scan, ready to give prepared slices and to take masks back.

    Parameters
    ----------
    volume
        The scan.
    preparation
        What is done.
    name
        Of the scan, for errors.

    Raises
    ------
    LearningError
        ``prepare-not-ct`` for Hounsfield windows of a scan that has no Hounsfield values, ``prepare-no-bone``
        for one whose bone cannot be told,
        ``prepare-no-spacing`` for mm per pixel where nothing says how large a pixel is.
    """

    def __init__(self, volume: Volume, preparation: Preparation, *, name: str = "") -> None:
        self.volume, self.preparation = volume, preparation
        steps = preparation.steps
        millimetres = value_of(steps, "resample")
        if windows_of(preparation.channels) and volume.modality != "CT":
            raise LearningError("prepare-not-ct", name=name or "-", channels=", ".join(preparation.channels))
        self._bone = value_of(steps, "bone") is not None
        if self._bone and volume.modality != "CT":
            raise LearningError("prepare-no-bone", name=name or "-")
        if millimetres is not None and not volume.geometry.spacing_known:
            raise LearningError("prepare-no-spacing", name=name or "-")
        self._scales = _scales(volume, preparation)
        self._denoise = value_of(steps, "denoise")
        cut = head_box(volume) if value_of(steps, "crop") is not None else None
        natural = value_of(steps, "pad") is not None
        self._fit = Fit.of(volume.geometry, preparation.size, cut=cut, pixel=float(millimetres or 0), natural=natural)
        self._skin = Skin.of(volume) if value_of(steps, "centre") is not None else None
        self._head = Head.of(volume) if value_of(steps, "table") is not None else None

    def fit(self, index: int) -> Fit:
        """Return where a native slice lies in the square."""
        if self._skin is None:
            return self._fit
        middle = middle_of(self._skin.head(self.volume, index), self.volume.geometry)
        row, column = self._fit.to_square(*middle)
        centre = (self._fit.size - 1) / 2
        return self._fit.moved(round(centre - row), round(centre - column))

    def slices(self, indices: Iterable[int]) -> NDArray[np.float16]:
        """Return native slices as ``[n * channels, size, size]`` float16, the channels of a slice beside each other."""
        wanted = list(indices)
        size, channels = self._fit.size, len(self.preparation.channels)
        prepared = np.empty((len(wanted) * channels, size, size), dtype=np.float16)
        for position, index in enumerate(wanted):
            fit = self.fit(index)
            planes = self._planes(index)
            cleared = self._cleared(index)
            for channel, (plane, scale) in enumerate(zip(planes, self._scales, strict=True)):
                shown = scale.apply(self.volume.values(plane))
                if self._denoise is not None:
                    shown = denoised(shown, self._denoise)
                if cleared is not None:
                    shown = np.where(cleared, np.float32(scale.background), shown)
                prepared[position * channels + channel] = fit.forward(shown, scale.background)
        return prepared

    def stacks(self, indices: Iterable[int]) -> tuple[list[int], NDArray[np.int32]]:
        """Say which native slices must be prepared for examples, and which rows of them each is stacked of.

        Returns
        -------
        tuple
            Native indices in order, for :meth:`slices`; and ``[n, slices * channels]`` int32.
        """
        total = self.volume.shape[0]
        stacks = [neighbours(index, self.preparation.slices, total) for index in indices]
        needed = sorted({index for stack in stacks for index in stack})
        row_of = {index: row for row, index in enumerate(needed)}
        channels = len(self.preparation.channels)
        rows = [
            [row_of[index] * channels + channel for index in stack for channel in range(channels)] for stack in stacks
        ]
        return needed, np.array(rows, dtype=np.int32).reshape(len(stacks), self.preparation.inputs)

    def _cleared(self, index: int) -> NDArray[np.bool_] | None:
        """Return what becomes air of a native slice; None for nothing."""
        if self._head is None and not self._bone:
            return None
        gone = np.zeros(self.volume.shape[1:], dtype=np.bool_)
        if self._head is not None:
            gone |= ~self._head.on(self.volume, index)
        return gone | bone_on(self.volume, index) if self._bone else gone

    def _planes(self, index: int) -> list[Array]:
        """Return the stored slice for each channel."""
        channels = self.preparation.channels
        colours = self.volume.array.ndim == 4 and self.volume.array.shape[3] >= 3
        if channels == COLOUR and colours:
            return [np.asarray(self.volume.array[index, :, :, channel]) for channel in range(3)]
        return [_grey_slice(self.volume, index)] * len(channels)


def _scales(volume: Volume, preparation: Preparation) -> list[Intensity]:
    """Return the scale of each channel; a window goes from -1 to 1, the same for every scan."""
    windows = windows_of(preparation.channels)
    if windows:
        sign = -1.0 if volume.inverted else 1.0
        return [Intensity(w.low, w.high, w.center, w.width / 2, sign) for w in windows]
    return [intensity_of(volume, preparation)] * len(preparation.channels)


def denoised(plane: NDArray[np.float32], how: str) -> NDArray[np.float32]:
    """Return a normalised slice without its noise.

    Parameters
    ----------
    plane
        ``[rows, columns]``.
    how
        ``median`` of 3 x 3 pixels, or ``nlm``: non-local means as strong as the noise found in the slice.
    """
    smooth = np.asarray(cv2.medianBlur(np.ascontiguousarray(plane), 3), dtype=np.float32)
    if how == "median":
        return smooth
    low, high = float(plane.min()), float(plane.max())
    # what is cut off at either end, such as the bone of a high slice, has no noise of its own
    rest = np.abs(plane - smooth)[(plane > low) & (plane < high)]
    if not rest.size or high <= low:
        return plane
    # 1.4826: from the median of absolute differences to the deviation
    noise = 1.4826 * float(np.median(rest)) * _NOISE_IN_MEDIAN
    if noise <= 0:
        return plane
    steps = np.float32(65535 / (high - low))
    coded = np.rint((plane - low) * steps).astype(np.uint16)
    strength = [max(1.0, noise * float(steps))]
    found = np.asarray(cv2.fastNlMeansDenoising(coded, strength, None, 5, 15, cv2.NORM_L1))
    return np.asarray(found.astype(np.float32) / steps + np.float32(low), dtype=np.float32)


def _grey_slice(volume: Volume, index: int) -> Array:
    """One slice of ``volume.grey()`` without turning the whole scan grey."""
    if volume.array.ndim == 3:
        return np.asarray(volume.array[index])
    one = Geometry((1, *volume.shape[1:]), volume.geometry.affine)
    return np.asarray(Volume(volume.array[index : index + 1], one).grey()[0])
