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
    def even(self) -> bool:
        """Whether the slices lie at even, known distances; else nothing is told in mL until a person accepts it."""
        return self.geometry.depth_known

    @property
    def is_picture(self) -> bool:
        """Whether it is a single picture."""
        return self.shape[0] == 1

    def values(self, stored: Array) -> NDArray[np.float32]:
        """Turn stored numbers into real values (HU for CT) as float32."""
        # what is past float32 becomes infinite, and is shown as such
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(stored, dtype=np.float32) * np.float32(self.slope) + np.float32(self.intercept)

    def is_padding(self, stored: Array) -> NDArray[np.bool_]:
        """Tell which stored numbers mean "outside the picture": the padding value, or all of its range."""
        if self.padding is None:
            return np.zeros(stored.shape, dtype=bool)
        limit = self.facts.get("padding_limit")
        if limit is None:
            return np.asarray(stored == self.padding)
        return np.asarray((stored >= self.padding) & (stored <= float(limit)))

    def grey(self) -> Array:
        """Return ``[z, y, x]``: the array itself, or the luminance of a colour scan (Rec. 601)."""
        if self.array.ndim == 3:
            return self.array
        if self.array.shape[3] < 3:
            return self.array[..., 0]
        weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
        luminance = self.array[..., :3].astype(np.float32) @ weights
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(np.rint(luminance)).astype(self.array.dtype)


_AUTO: WeakKeyDictionary[Volume, Window] = WeakKeyDictionary()


def auto_window(volume: Volume) -> Window:
    """Return the window that shows a scan well.

    CT: the brain window. Else from the 1st percentile of what is not air to just above
    the brightest of the inside: fat under the skin and behind the eyes is several times
    as bright as the brain in much of MR, and would leave the brain dark; it is at the
    rim, and may be shown white. What is bright inside (a lesion, fluid) is not cut off.

    A sample of at most about a million voxels is looked at; padding is left out. It
    is worked out once per volume: several panes ask, in the thread that must not wait.
    """
    found = _AUTO.get(volume)
    if found is None:
        found = _AUTO[volume] = _fitting_window(volume)
    return found


_CORE = 0.7
"""Radius of the inside, as a share of the half axes of what is not air."""
_LARGE = 0.8
"""Slices that show at least this share of the largest one's area are looked at."""
_HEADROOM = 1.15


def _fitting_window(volume: Volume) -> Window:
    if volume.modality == "CT":
        return Window(40.0, 80.0)
    stored = volume.grey()
    step = max(1, int(np.ceil((stored.size / 1_000_000) ** (1 / 3))))
    sample = stored[:: step if stored.shape[0] > step else 1, ::step, ::step]
    values = volume.values(sample)
    known = np.isfinite(values)
    if volume.padding is not None:
        known &= ~volume.is_padding(sample)
    return Window.between(*fitting_levels(values, known))


def fitting_levels(values: NDArray[np.float32], known: NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """Return the values shown black and white, as :func:`auto_window` chooses them for MR.

    Parameters
    ----------
    values
        ``[z, y, x]``.
    known
        Which of them count; None for all.
    """
    if known is None:
        known = np.isfinite(values)
    if not known.any():
        return 0.0, 1.0
    shown = values[known]
    low, high = float(shown.min()), float(np.percentile(shown, 99.5))
    tissue = shown[shown > low]
    if tissue.size:
        low, high = (float(value) for value in np.percentile(tissue, (1.0, 99.5)))
        low = min(low, float(np.percentile(shown, 50)))
    high = min(high, _brightest_inside(values, known, low, high))
    if high <= low:
        # two values alone, such as a mask's: both ends are shown
        low, high = float(shown.min()), float(shown.max())
    return low, high if high > low else low + 1.0


def _brightest_inside(values: NDArray[np.float32], known: NDArray[np.bool_], low: float, high: float) -> float:
    """Return the value just above the 99.5th percentile of the middle of what is not air.

    ``values`` and ``known`` are ``[z, y, x]``. Infinite where there is no inside to speak of.
    """
    # air is dark against the mean of all that is not quite dark, however bright the fat is
    lit = known & (values > low + 0.1 * (high - low))
    if not lit.any():
        return np.inf
    body = lit & (values > low + 0.4 * (float(values[lit].mean()) - low))
    if not body.any():
        # numbers so large that their mean is none
        return np.inf
    areas = np.count_nonzero(body, axis=(1, 2))
    inside = [
        values[number][body[number] & _middle(body[number])]
        # near the crown a slice cuts the skin so flat that fat is everywhere
        for number in np.flatnonzero(areas >= _LARGE * areas.max())
    ]
    found = np.concatenate(inside)
    if found.size < 64:
        return np.inf
    return low + _HEADROOM * (float(np.percentile(found, 99.5)) - low)


def _middle(body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the middle of the ellipse around what is there, ``[y, x]``."""
    distance = np.zeros(body.shape, dtype=np.float32)
    for axis in (0, 1):
        places = np.flatnonzero(body.any(axis=1 - axis))
        centre, half = (places[0] + places[-1]) / 2, max((places[-1] - places[0]) / 2, 1.0)
        along = np.square((np.arange(body.shape[axis], dtype=np.float32) - centre) / half)
        distance = distance + (along[:, None] if axis == 0 else along[None, :])
    return np.asarray(distance <= _CORE**2)
