"""What is wrong with a scan as a picture: letters burnt in, grey levels cut off by a wrong window.

A network that reads letters learns who made the picture; what was cut off by a window is in
no grey value any more. Both are told, neither is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.events import Notice
from core.geometry import Geometry
from core.late import cv2
from core.learning.grey_look import GreyLook, look_at, other_windows, usual_of
from core.learning.prepare import Preparation
from core.learning.prepare_clear import Head
from core.learning.prepare_head import air_around, grey_of
from core.learning.prepare_steps import value_of, windows_of
from core.volume import Volume

LETTERS = "letters"
WINDOW = "window"
_LOOKED_AT = 3
"""Slices of a scan that are looked at: letters stand on all of them."""
_BRIGHT = 0.35
"""Letters are at least so bright, as a part of the brightest."""
_LOW, _HIGH = 0.012, 0.075
"""Height of a letter as a part of a slice's height."""
_FILLED = (0.12, 0.8)
"""Part of its box that a letter fills: less is a thin arc, more a block."""
_MERGED = 4.0
"""Small letters run into each other: a piece is at most so many times as wide as high."""
_LETTER = 0.8
"""Width of a letter by its height."""
_IN_A_ROW = 3
_NAMED = 5
_CUT = 0.75
"""Wrong window: so much of the head is at the very end of the scale."""


@dataclass(frozen=True)
class _Box:
    left: int
    top: int
    width: int
    height: int

    @property
    def foot(self) -> int:
        return self.top + self.height


def faults(volume: Volume, channels: tuple[str, ...] = ()) -> frozenset[str]:
    """Return :data:`LETTERS`, :data:`WINDOW`, both, or neither.

    Parameters
    ----------
    channels
        Hounsfield windows that the scan is to be shown in; a window in which all of its head is black or white
        is a wrong one too.
    """
    total = volume.shape[0]
    looked_at = np.unique(np.linspace(0, total - 1, min(total, _LOOKED_AT) + 2).round().astype(int)[1:-1])
    # a few slices stand for all: nobody waits for the others
    grid = Geometry((len(looked_at), *volume.shape[1:]), volume.geometry.affine)
    volume = replace(volume, array=np.asarray(volume.array[looked_at]), geometry=grid)
    head = Head.of(volume)
    found = set()
    lettered, cut = 0, []
    for index in range(len(looked_at)):
        values = np.nan_to_num(volume.values(grey_of(volume, np.asarray(volume.array[index]))))
        inside = head.on(volume, index)
        lettered += has_letters(values, inside)
        cut.append(_cut_off(volume, values[inside], channels))
    # one slice of several may show a wire that looks like letters
    if lettered * 2 > len(looked_at):
        found.add(LETTERS)
    if cut and sum(cut) * 2 > len(cut):
        found.add(WINDOW)
    return frozenset(found)


def has_letters(values: NDArray[np.float32], head: NDArray[np.bool_]) -> bool:
    """Whether letters stand beside the head: three or more small things of one height on one line.

    Parameters
    ----------
    values
        ``[rows, columns]``.
    head
        The same grid; where there is none nothing can be said, and the answer is no.
    """
    beside = air_around(head.astype(np.uint8)) & ~head
    low, high = float(values.min()), float(values.max())
    if not beside.any() or high <= low:
        return False
    bright = (beside & (values > low + _BRIGHT * (high - low))).astype(np.uint8)
    count, _, facts, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    rows = values.shape[0]
    boxes = []
    for left, top, width, height, area in facts[1:count]:
        tall = _LOW * rows <= height <= _HIGH * rows and height >= 5
        slim = 0.1 * height <= width <= _MERGED * height
        if tall and slim and (_FILLED[0] <= area / (width * height) <= _FILLED[1] or width < 0.45 * height):
            boxes.append(_Box(int(left), int(top), int(width), int(height)))
    return any(_row(box, boxes) >= _IN_A_ROW for box in boxes)


def _row(first: _Box, boxes: list[_Box]) -> int:
    """Return how many letters stand in a row from this one on; a piece alone is none."""
    row, pieces, last = _letters(first), 1, first
    for box in sorted(boxes, key=lambda one: one.left):
        gap = box.left - (last.left + last.width)
        if box is first or not 0 <= gap <= first.height:
            continue
        alike = abs(box.height - first.height) <= max(1, 0.25 * first.height)
        level = abs(box.foot - first.foot) <= max(1, 0.15 * first.height)
        if alike and level:
            row, pieces, last = row + _letters(box), pieces + 1, box
    return row if pieces > 1 else 0


def _letters(box: _Box) -> int:
    return max(1, round(box.width / (_LETTER * box.height)))


def _cut_off(volume: Volume, inside: NDArray[np.float32], channels: tuple[str, ...]) -> bool:
    """Whether the head is at the ends of the scale: of the picture's own, or of every window it is shown in."""
    if inside.size < 50:
        return False
    windows = windows_of(channels)
    if windows and volume.modality == "CT":
        shares = [float(np.mean((inside <= window.low) | (inside >= window.high))) for window in windows]
        return min(shares) > _CUT
    if volume.modality == "CT" or volume.array.dtype != np.uint8:
        # values that were never through a window
        return False
    stored = inside
    low, high = (float(volume.values(np.array([end]))[0]) for end in (0, 255))
    return max(float(np.mean(stored <= low)), float(np.mean(stored >= high))) > _CUT


class Faulty:
    """Scans with faults, as a training finds them while it reads.

    Parameters
    ----------
    preparation
        How they are prepared: letters beside the head do no harm where all but the head is taken off.
    """

    def __init__(self, preparation: Preparation) -> None:
        self._preparation = preparation
        self._names: dict[str, list[str]] = {LETTERS: [], WINDOW: []}
        self._looks: dict[str, GreyLook] = {}

    def look(self, volume: Volume, name: str) -> None:
        """Look at a scan."""
        found = faults(volume, self._preparation.channels)
        if value_of(self._preparation.steps, "table") is not None:
            found -= {LETTERS}
        for fault in found:
            self._names[fault].append(name)
        grey = look_at(volume, self._preparation.channels)
        if grey is not None:
            self._looks[name] = grey

    @property
    def usual(self) -> GreyLook | None:
        """How the grey levels of most of the scans lie."""
        return usual_of(list(self._looks.values()))

    def notices(self) -> list[Notice]:
        """Return ``training-letters``, ``training-window`` and ``training-other-window``, each with its scans."""
        told = [
            Notice(f"training-{fault}", {"count": len(names), "names": _named(names)})
            for fault, names in self._names.items()
            if names
        ]
        others = [name for name in other_windows(self._looks) if name not in self._names[WINDOW]]
        if others:
            fields = {"count": len(others), "total": len(self._looks), "names": _named(others)}
            told.append(Notice("training-other-window", fields))
        return told


def _named(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
