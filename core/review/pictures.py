"""Pictures for people: scan and mask, scan, truth and prediction, scan, mask and stripped brain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import MeninxError
from core.geometry import Array, PlaneView
from core.late import cv2
from core.letters import plain
from core.review.strip import apply_mask
from core.volume import Volume, Window, auto_window

Picture = NDArray[np.uint8]
"""``[rows, columns, 3]`` RGB."""

TRUTH = (46, 196, 182)
PREDICTED = (255, 176, 0)
_HEIGHT = 320
_TITLE = 26
_FILL = 0.2


@dataclass(frozen=True, eq=False)
class Tint:
    """Values of a mask in colours.

    Parameters
    ----------
    mask
        uint8 ``[z, y, x]``.
    colors
        RGB by value; a value without a colour is not drawn.
    opacity
        Of the fill, 0..1.
    outline
        Whether the edge of each value is drawn as a line.
    """

    mask: Array
    colors: Mapping[int, tuple[int, int, int]]
    opacity: float
    outline: bool = True


@dataclass(frozen=True, eq=False)
class Panel:
    """One part of a picture.

    Parameters
    ----------
    title
        Word above it.
    volume
        What is shown.
    masks
        (bool ``[z, y, x]``, RGB colour) drawn over it as outline and light fill.
    tints
        What is drawn otherwise, below the masks.
    """

    title: str
    volume: Volume
    masks: tuple[tuple[Array, tuple[int, int, int]], ...] = ()
    tints: tuple[Tint, ...] = ()


def row(panels: Sequence[Panel], index: int, *, window: Window | None = None, height: int = _HEIGHT) -> Picture:
    """Draw panels of one native slice beside each other, in display orientation and true proportions.

    Parameters
    ----------
    panels
        Left to right; all on the grid of the first.
    index
        Native slice.
    window
        Grey levels; those that suit the first panel's scan if not given.
    height
        Of a slice, in pixels.
    """
    geometry = panels[0].volume.geometry
    view = geometry.view(geometry.native_plane)
    levels = window or auto_window(panels[0].volume)
    return np.hstack([_titled(_drawn(panel, view, index, levels, height), panel.title) for panel in panels])


def stripped_panel(title: str, volume: Volume, mask: Array) -> Panel:
    """Return the panel of a stripped brain."""
    return Panel(title, apply_mask(volume, mask))


def show_slice(mask: Array) -> int:
    """Return the slice that shows most of a mask; the middle where it is empty."""
    areas = np.count_nonzero(mask, axis=(1, 2))
    return int(areas.argmax()) if areas.any() else mask.shape[0] // 2


def sheet(rows: Sequence[Picture]) -> Picture:
    """Stack rows of equal width."""
    width = max(one.shape[1] for one in rows)
    return np.vstack([np.pad(one, ((0, 0), (0, width - one.shape[1]), (0, 0))) for one in rows])


def encode_png(picture: Picture) -> bytes:
    """Return a picture as PNG.

    Raises
    ------
    MeninxError
        ``picture-not-made`` if OpenCV refuses.
    """
    made, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not made:
        raise MeninxError("picture-not-made")
    return data.tobytes()


def _drawn(panel: Panel, view: PlaneView, index: int, levels: Window, height: int) -> Picture:
    stored = view.extract(panel.volume.array, index)
    base = _grey(panel.volume, stored, levels)
    rows, columns = round(view.rows * view.row_size), round(view.columns * view.column_size)
    scale = height / max(rows, 1)
    size = (max(1, round(columns * scale)), height)
    picture: Picture = np.asarray(cv2.resize(base, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    for tint in panel.tints:
        flat = np.ascontiguousarray(view.extract(tint.mask, index), dtype=np.uint8)
        large = np.asarray(cv2.resize(flat, size, interpolation=cv2.INTER_NEAREST))
        for value, colour in tint.colors.items():
            _lay(picture, large == value, colour, tint.opacity, outline=tint.outline)
    for mask, colour in panel.masks:
        flat = np.ascontiguousarray(view.extract(mask, index) != 0, dtype=np.uint8)
        large = np.asarray(cv2.resize(flat, size, interpolation=cv2.INTER_NEAREST))
        _lay(picture, large > 0, colour, _FILL, outline=True)
    return picture


def _lay(
    picture: Picture, inside: NDArray[np.bool_], colour: tuple[int, int, int], opacity: float, *, outline: bool
) -> None:
    """Draw a mask of the picture's size into it."""
    tint = np.array(colour, dtype=np.float32)
    picture[inside] = np.rint(picture[inside] * (1 - opacity) + tint * opacity).astype(np.uint8)
    if outline:
        edges, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, edges, -1, colour, 1, cv2.LINE_AA)


def _grey(volume: Volume, stored: Array, levels: Window) -> Picture:
    if stored.ndim == 3 and stored.dtype == np.uint8 and stored.shape[2] >= 3:
        return np.ascontiguousarray(stored[..., :3])
    flat = stored if stored.ndim == 2 else stored[..., 0]
    values = np.nan_to_num(volume.values(flat))
    share = np.clip((values - levels.low) / (levels.high - levels.low), 0, 1)
    if volume.inverted:
        share = 1 - share
    shade = np.rint(share * 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(shade[..., None], 3, axis=2))


def _titled(picture: Picture, title: str) -> Picture:
    bar = np.full((_TITLE, picture.shape[1], 3), 18, dtype=np.uint8)
    # OpenCV's own letters are plain ASCII
    cv2.putText(bar, plain(title), (6, _TITLE - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (205, 210, 216), 1, cv2.LINE_AA)
    edged = np.vstack([bar, picture])
    return np.pad(edged, ((0, 2), (0, 2), (0, 0)), constant_values=10)
