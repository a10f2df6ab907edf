"""One scan as a pane paints it: the slice shown, windowed, coloured, scaled to the screen.

No widget in here. Everything is made when it is first painted and kept until
something it depends on changes, so that ten wheel notches between two frames
cost one slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage, QPainter

from core.geometry import Array, PlaneView
from core.volume import Volume, Window
from gui.viewer import colormaps, pixels

_COLORS = 3
_WHOLE_AREA = 3_000_000
"""Up to this many device pixels a slice is scaled whole and kept; beyond (zoomed in), only what is painted."""


@dataclass(frozen=True)
class Fetched:
    """A slice as stored.

    Parameters
    ----------
    stored
        ``[row, column]`` or ``[row, column, 3]``, contiguous.
    finer
        Its pixels per slice pixel of the plane (down, across).
    inside
        uint8, 0 where there is nothing; None where there is something everywhere.
    """

    stored: Array
    finer: tuple[float, float] = (1.0, 1.0)
    inside: pixels.Bytes | None = None


@dataclass(frozen=True)
class _Picture:
    """A picture, and the array that its pixels may lie in: it must live as long."""

    image: QImage
    array: pixels.Bytes


class Layer:
    """The slices of a scan on its own grid.

    Attributes
    ----------
    volume
        The scan.
    window
        Grey levels.
    colors
        Colour map (:mod:`gui.viewer.colormaps`); scans in colour have none.
    """

    def __init__(self, volume: Volume, window: Window) -> None:
        self.volume = volume
        self.window = window
        self.colors = colormaps.GREY
        self._fetched: Fetched | None = None
        self._shown: pixels.Bytes | None = None
        self._scaled: _Picture | None = None
        self._scaled_for: tuple[float, ...] = ()

    def set_volume(self, volume: Volume) -> None:
        """Take another volume of the same grid."""
        self.volume = volume
        self.drop()

    def set_window(self, window: Window) -> None:
        """Choose grey levels."""
        if window != self.window:
            self.window = window
            self._shown = self._scaled = None

    def set_colors(self, name: str) -> None:
        """Choose a colour map."""
        if name != self.colors:
            self.colors = name
            self._scaled = None

    def drop(self) -> None:
        """Forget the slice: another one is shown."""
        self._fetched = self._shown = self._scaled = None

    # ------------------------------------------------------------------ painting

    def paint(
        self,
        painter: QPainter,
        place: tuple[PlaneView, int],
        grid: pixels.Grid,
        rect: pixels.Rect,
        ratio: float,
        *,
        smooth: bool,
    ) -> None:
        """Draw into a rectangle of device pixels; what lies beside the slice is left as it is.

        Parameters
        ----------
        painter
            Of a widget with ``ratio`` device pixels per logical pixel; its opacity counts.
        place
            Plane and slice.
        grid
            Where the slice pixels of the plane lie.
        """
        view, index = place
        part = grid.covered((0, view.rows), (0, view.columns), rect)
        if part is None:
            return
        if self._fetched is None:
            self._fetched = self.fetch(view, index, smooth=smooth)
        down, across = self._fetched.finer
        fine = pixels.Grid(grid.left, grid.top, grid.across / across, grid.down / down)
        x, y, width, height = part
        if smooth and view.rows * grid.down * view.columns * grid.across <= _WHOLE_AREA:
            picture = self._scaled_to(fine)
            source = QRectF(x - grid.left, y - grid.top, width, height)
        else:
            shown = pixels.picture(self._windowed(), fine, part, smooth=smooth)
            picture = self._picture(shown, self._hole(fine, part))
            source = QRectF(0, 0, width, height)
        picture.image.setDevicePixelRatio(ratio)
        painter.drawImage(QPointF(x / ratio, y / ratio), picture.image, source)

    def fetch(self, view: PlaneView, index: int, *, smooth: bool) -> Fetched:
        """Return a slice as stored."""
        return Fetched(np.ascontiguousarray(view.extract(shown_array(self.volume), index)))

    def _windowed(self) -> pixels.Bytes:
        if self._shown is None:
            assert self._fetched is not None
            self._shown = pixels.windowed(self._fetched.stored, self.volume, self.window)
        return self._shown

    def _scaled_to(self, grid: pixels.Grid) -> _Picture:
        """Return the whole slice at the size the screen shows it, kept while it is panned and drawn on."""
        scale = (grid.down, grid.across)
        if self._scaled is None or self._scaled_for != scale:
            shown = pixels.whole_picture(self._windowed(), grid)
            rows, columns = shown.shape[:2]
            whole = pixels.Grid(0.0, 0.0, grid.across, grid.down)
            self._scaled = self._picture(shown, self._hole(whole, (0, 0, columns, rows)))
            self._scaled_for = scale
        return self._scaled

    def _hole(self, grid: pixels.Grid, rect: pixels.Rect) -> pixels.Bytes | None:
        inside = self._fetched.inside if self._fetched is not None else None
        return None if inside is None else pixels.mask_labels(inside, grid, rect)

    def _picture(self, shown: pixels.Bytes, inside: pixels.Bytes | None) -> _Picture:
        """Turn grey levels (or RGB) into a picture in the screen's own format."""
        height, width = shown.shape[:2]
        if shown.ndim == _COLORS or (self.colors == colormaps.GREY and inside is None):
            array = pixels.bgrx(shown)
            return _Picture(QImage(array.data, width, height, array.strides[0], QImage.Format.Format_RGB32), array)
        if inside is not None:
            # level 0 is kept for where nothing is
            shown = np.maximum(shown, 1) * inside
        image = QImage(shown.data, width, height, shown.strides[0], QImage.Format.Format_Indexed8)
        image.setColorTable(list(colormaps.table(self.colors, hole=inside is not None)))
        kind = QImage.Format.Format_RGB32 if inside is None else QImage.Format.Format_ARGB32_Premultiplied
        return _Picture(image.convertToFormat(kind), shown)


def is_color(volume: Volume) -> bool:
    """Whether a scan is shown in its own colours."""
    return volume.array.ndim == 4 and volume.array.shape[3] >= _COLORS


_SHOWN: WeakKeyDictionary[Volume, Array] = WeakKeyDictionary()


def shown_array(volume: Volume) -> Array:
    """Return ``[z, y, x]`` or ``[z, y, x, 3]`` in a type that can be painted; converted once for all panes."""
    found = _SHOWN.get(volume)
    if found is None:
        array = volume.array[..., :_COLORS] if is_color(volume) else volume.grey()
        found = _SHOWN[volume] = pixels.displayable(array)
    return found
