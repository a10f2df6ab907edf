"""Which window a scan was shown in, as far as its grey levels tell: a bone window among brain windows is noticed.

A network learns grey levels. In a brain window bone is white and the brain has many levels;
in a bone window nothing is white and the whole brain lies within a few of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from core.geometry import Geometry
from core.late import cv2
from core.learning.prepare import CT_RANGE
from core.learning.prepare_clear import Head
from core.learning.prepare_head import grey_of
from core.volume import Volume

_LOOKED_AT = 3
"""Slices of a scan that are looked at."""
_FEWEST = 50
"""Pixels of a head, and of its inside, that tell something."""
_CORE = 0.4
"""The inside: further from the edge of the head than this part of the furthest."""
_ENDS = (4.0, 250.0)
"""Of 256 levels: what lies beyond is cut off."""
_CUT = 0.06
"""Part of the head that is white where bone is cut off by a window; by none it is far less."""
_TIMES = 4.0
"""Another window: so many times less white, or so many times fewer levels."""
_NO_WHITE = 0.02
_ENOUGH = 24.0
"""With so many levels the brain is seen well: of more, as where most of a slice is bone, nothing follows."""


@dataclass(frozen=True)
class GreyLook:
    """How the grey levels of a scan lie, on a scale of 256.

    Parameters
    ----------
    white
        Part of the head that is at the white end.
    levels
        Half of the inside of the head lies within so many levels, what is cut off left out; None where
        nearly all of it is cut off.
    hounsfield
        Whether the values themselves are there: then no window was chosen, and levels tell of the anatomy alone.
    """

    white: float
    levels: float | None
    hounsfield: bool = False

    def other_window(self, usual: GreyLook) -> bool:
        """Whether it was shown in another window than what is usual."""
        if self.hounsfield and usual.hounsfield:
            return False
        if usual.white >= _CUT and self.white * _TIMES < usual.white:
            return True
        if usual.white < _NO_WHITE and self.white >= _CUT:
            return True
        if self.levels is None or usual.levels is None or self.hounsfield or usual.hounsfield:
            return False
        return (self.levels + 1) * _TIMES <= min(usual.levels, _ENOUGH)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {"white": round(self.white, 4), "levels": self.levels, "hounsfield": self.hounsfield}

    @classmethod
    def from_json(cls, data: object) -> GreyLook | None:
        """Read what :meth:`to_json` wrote; None if it is something else."""
        if not isinstance(data, Mapping):
            return None
        white, levels = data.get("white"), data.get("levels")
        if not isinstance(white, int | float) or not isinstance(levels, int | float | None):
            return None
        return cls(float(white), None if levels is None else float(levels), data.get("hounsfield") is True)


_LOOKS: WeakKeyDictionary[Volume, GreyLook | None] = WeakKeyDictionary()


def look_at(volume: Volume, channels: Sequence[str] = ("grey",)) -> GreyLook | None:
    """Return how the grey levels of a scan lie; None where no window was fixed, or no head is seen.

    It is worked out once per volume.

    Pictures of 256 levels went through a window when they were made; a CT goes through that of its preparation.

    Parameters
    ----------
    channels
        What the scan is shown as; Hounsfield windows are the same for all.
    """
    hounsfield = volume.modality == "CT"
    if tuple(channels) != ("grey",) or not (hounsfield or volume.array.dtype == np.uint8):
        return None
    if volume not in _LOOKS:
        _LOOKS[volume] = _look_at(volume, hounsfield=hounsfield)
    return _LOOKS[volume]


def _look_at(volume: Volume, *, hounsfield: bool) -> GreyLook | None:
    total = volume.shape[0]
    places = np.unique(np.linspace(0, total - 1, min(total, _LOOKED_AT) + 2).round().astype(int)[1:-1])
    grid = Geometry((len(places), *volume.shape[1:]), volume.geometry.affine)
    few = replace(volume, array=np.asarray(volume.array[places]), geometry=grid)
    head = Head.of(few)
    all_of_it, inside = [], []
    for index in range(len(places)):
        levels = _levels(few, index, hounsfield=hounsfield)
        mask = head.on(few, index)
        deep = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
        all_of_it.append(levels[mask])
        inside.append(levels[mask & (deep > _CORE * float(deep.max()))])
    whole, core = np.concatenate(all_of_it), np.concatenate(inside)
    if whole.size < _FEWEST:
        return None
    return GreyLook(float(np.mean(whole >= _ENDS[1])), _spread(core), hounsfield)


def usual_of(looks: Sequence[GreyLook]) -> GreyLook | None:
    """Return what is usual among scans: the middle one of each figure; None where none could be looked at."""
    if not looks:
        return None
    levels = [look.levels for look in looks if look.levels is not None]
    # the upper one of the two in the middle: of halves the brain windows are the measure
    hounsfield = 2 * sum(look.hounsfield for look in looks) > len(looks)
    return GreyLook(_upper([look.white for look in looks]), _upper(levels) if levels else None, hounsfield)


def other_windows(looks: Mapping[str, GreyLook]) -> tuple[str, ...]:
    """Return the names of scans that were shown in another window than most."""
    usual = usual_of(list(looks.values()))
    return () if usual is None else tuple(name for name, look in looks.items() if look.other_window(usual))


def _levels(volume: Volume, index: int, *, hounsfield: bool) -> NDArray[np.float32]:
    stored = np.asarray(volume.array[index])
    if not hounsfield:
        grey = np.asarray(grey_of(volume, stored), dtype=np.float32)
        return 255 - grey if volume.inverted else grey
    low, high = CT_RANGE
    values = np.nan_to_num(volume.values(grey_of(volume, stored)), nan=low)
    return np.asarray((np.clip(values, low, high) - low) * np.float32(255 / (high - low)), dtype=np.float32)


def _spread(inside: NDArray[np.float32]) -> float | None:
    """Return the least number of levels between which half of what is not cut off lies."""
    between = np.sort(inside[(inside > _ENDS[0]) & (inside < _ENDS[1])])
    half = len(between) // 2
    if half < _FEWEST or 4 * len(between) < len(inside):
        return None
    return round(float((between[half:] - between[: len(between) - half]).min()), 2)


def _upper(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
