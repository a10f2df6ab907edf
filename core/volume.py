"""A scan in memory: the stored array, its grid and what its header says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from core.geometry import Array, Geometry


@dataclass(frozen=True, slots=True)
class Window:
    """Grey levels shown, in real values (HU for CT)."""

    center: float
    width: float
    name: str = ""

    @property
    def low(self) -> float:
        """Value shown black."""
        return self.center - self.width / 2

    @property
    def high(self) -> float:
        """Value shown white."""
        return self.center + self.width / 2

    @classmethod
    def between(cls, low: float, high: float, name: str = "") -> Window:
        """Return the window from black to white, at least a hair wide."""
        return cls((low + high) / 2, max(high - low, 1e-6), name)


@dataclass(frozen=True, eq=False)
class Volume:
    """An imported scan.

    Parameters
    ----------
    array
        ``[z, y, x]`` or ``[z, y, x, c]``, the stored dtype, read-only by custom.
    geometry
        Its grid.
    slope, intercept
        Real value = stored * slope + intercept.
    modality
        ``"MR"``, ``"CT"`` or ``""``.
    windows
        Window presets of the header.
    channels
        Names of the channels where there is a fourth axis (``("R", "G", "B")``).
    padding
        Stored value that means "outside the picture", or None.
    inverted
        MONOCHROME1: shown inverted, stored values untouched.
    facts
        Header facts without identity (never a name, ID, date or UID).
    """

    array: Array
    geometry: Geometry
    slope: float = 1.0
    intercept: float = 0.0
    modality: str = ""
    windows: tuple[Window, ...] = ()
    channels: tuple[str, ...] = ()
    padding: float | None = None
    inverted: bool = False
    facts: Mapping[str, str | int | float] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (z, y, x)."""
        return self.geometry.shape

    @property
    def is_picture(self) -> bool:
        """Whether it is a single picture."""
        return self.shape[0] == 1

    def values(self, stored: Array) -> NDArray[np.float32]:
        """Turn stored numbers into real values (HU for CT) as float32."""
        return np.asarray(stored, dtype=np.float32) * np.float32(self.slope) + np.float32(self.intercept)

    def grey(self) -> Array:
        """Return ``[z, y, x]``: the array itself, or the luminance of a colour scan (Rec. 601)."""
        if self.array.ndim == 3:
            return self.array
        if self.array.shape[3] < 3:
            return self.array[..., 0]
        weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
        luminance = self.array[..., :3].astype(np.float32) @ weights
        return np.asarray(np.rint(luminance)).astype(self.array.dtype)


_AUTO: WeakKeyDictionary[Volume, Window] = WeakKeyDictionary()


def auto_window(volume: Volume) -> Window:
    """Return the window that shows a scan well: the 1st to 99.5th percentile of what is not air.

    A sample of at most about a million voxels is looked at; padding is left out. It
    is worked out once per volume: several panes ask, in the thread that must not wait.
    """
    found = _AUTO.get(volume)
    if found is None:
        found = _AUTO[volume] = _fitting_window(volume)
    return found


def _fitting_window(volume: Volume) -> Window:
    stored = volume.grey()
    step = max(1, int(np.ceil((stored.size / 1_000_000) ** (1 / 3))))
    sample = stored[:: step if stored.shape[0] > step else 1, ::step, ::step].ravel()
    if volume.padding is not None:
        sample = sample[sample != volume.padding]
    values = volume.values(sample)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return Window(0.5, 1.0)
    if volume.modality == "CT":
        return Window(40.0, 80.0)
    low, high = float(values.min()), float(np.percentile(values, 99.5))
    tissue = values[values > low]
    if tissue.size:
        low, high = (float(value) for value in np.percentile(tissue, (1.0, 99.5)))
        low = min(low, float(np.percentile(values, 50)))
    return Window.between(low, high if high > low else low + 1.0)
