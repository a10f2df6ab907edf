"""The slice that a pane shows, made ready for painting: windowed, shrunk, masks copied out.

No widget in here. Everything is made when it is first painted and kept until
something it depends on changes, so that ten wheel notches between two frames
cost one slice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage, QPainter

from core.geometry import Array, Box, Plane, PlaneView
from core.volume import Volume, Window, auto_window
from gui.viewer import pixels
from gui.viewer.overlay import Overlay, OverlaySlice

_COLORS = 3
_WHOLE_AREA = 3_000_000
"""Up to this many device pixels a slice is scaled whole and kept; beyond (zoomed in), only what is painted."""


class SliceSource:
    """One slice of a scan in one plane, with its masks.

    Attributes
    ----------
    volume
        The scan.
    view
        How the plane lies on the screen.
    index
        The slice; 0 until one is chosen.
    window
        Grey levels; to begin with those that show the scan well.
    """

    def __init__(self, volume: Volume, plane: Plane, *, radiological: bool = True) -> None:
        self.volume = volume
        self.view: PlaneView = volume.geometry.view(plane, radiological=radiological)
        self.index = self.view.slices // 2
        self.window: Window = first_window(volume)
        self.overlays: list[OverlaySlice] = []
        self._array: Array = _shown_array(volume)
        self._stored: Array | None = None
        self._shown: pixels.Bytes | None = None
        self._scaled: pixels.Bytes | None = None
        self._scaled_for = (0.0, 0.0)
        self._overlays_loaded = False

    # ------------------------------------------------------------------ changes

    def set_volume(self, volume: Volume) -> None:
        """Take another volume of the same grid."""
        self.volume = volume
        self._array = _shown_array(volume)
        self._stored = self._shown = self._scaled = None

    def set_index(self, index: int) -> bool:
        """Choose a slice, kept within the scan; return whether it is another one."""
        index = min(max(int(index), 0), self.view.slices - 1)
        if index == self.index:
            return False
        self.index = index
        self._stored = self._shown = self._scaled = None
        self._overlays_loaded = False
        return True

    def set_radiological(self, radiological: bool) -> None:
        """Lay the plane on the screen anew."""
        self.view = self.volume.geometry.view(self.view.plane, radiological=radiological)
        self._stored = self._shown = self._scaled = None
        self._overlays_loaded = False

    def set_window(self, window: Window) -> None:
        """Choose grey levels."""
        self.window = window
        self._shown = self._scaled = None

    def set_overlays(self, overlays: Sequence[Overlay]) -> None:
        """Lay masks over the scan, the last one on top."""
        self.overlays = [OverlaySlice(overlay) for overlay in overlays]
        self._overlays_loaded = False

    def reload_overlays(self) -> None:
        """Look at the whole of every mask again when it is next painted."""
        self._overlays_loaded = False

    def reload_part(self, box: Box) -> tuple[slice, slice] | None:
        """Look again at what a box of voxels touches.

        Returns
        -------
        tuple or None
            Screen rows and columns to be painted; None where the slice shown is not touched.
        """
        rows, columns, slices = self.view.screen_box(box)
        if self.index not in slices or rows.start >= rows.stop or columns.start >= columns.stop:
            return None
        if self._overlays_loaded:
            for overlay in self.overlays:
                overlay.load_part(self.view, self.index, box)
        return rows, columns

    # ------------------------------------------------------------------ painting

    def paint_scan(self, painter: QPainter, grid: pixels.Grid, rect: pixels.Rect, ratio: float, smooth: bool) -> None:
        """Draw the scan into a rectangle of device pixels; what lies beside the slice is left as it is.

        Parameters
        ----------
        painter
            Of a widget with ``ratio`` device pixels per logical pixel.
        """
        part = grid.covered((0, self.view.rows), (0, self.view.columns), rect)
        if part is None:
            return
        x, y, width, height = part
        area = self.view.rows * grid.down * self.view.columns * grid.across
        if smooth and area <= _WHOLE_AREA:
            array = self._scaled_to(grid)
            source = QRectF(x - grid.left, y - grid.top, width, height)
        else:
            array = pixels.picture(self._windowed(), grid, part, smooth=smooth)
            source = QRectF(0, 0, width, height)
        # the array outlives the image: the painter has copied it when this returns
        image = QImage(array.data, array.shape[1], array.shape[0], array.strides[0], QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(ratio)
        painter.drawImage(QPointF(x / ratio, y / ratio), image, source)

    def paint_masks(
        self, painter: QPainter, grid: pixels.Grid, rect: pixels.Rect, ratio: float, thickness: int
    ) -> None:
        """Draw the masks of a rectangle of device pixels, the lowest first; see :meth:`OverlaySlice.paint`."""
        if not self._overlays_loaded:
            for overlay in self.overlays:
                overlay.load(self.view, self.index)
            self._overlays_loaded = True
        for overlay in self.overlays:
            overlay.paint(painter, grid, rect, ratio, thickness)

    def _windowed(self) -> pixels.Bytes:
        if self._stored is None:
            self._stored = np.ascontiguousarray(self.view.extract(self._array, self.index))
        if self._shown is None:
            self._shown = pixels.windowed(self._stored, self.volume, self.window)
        return self._shown

    def _scaled_to(self, grid: pixels.Grid) -> pixels.Bytes:
        """Return the whole slice at the size the screen shows it, kept while it is panned and drawn on."""
        scale = (grid.down, grid.across)
        if self._scaled is None or self._scaled_for != scale:
            self._scaled = pixels.whole_picture(self._windowed(), grid)
            self._scaled_for = scale
        return self._scaled


def is_color(volume: Volume) -> bool:
    """Whether a scan is shown in its own colours."""
    return volume.array.ndim == 4 and volume.array.shape[3] >= _COLORS


def first_window(volume: Volume) -> Window:
    """Return the window a scan is first shown with: its own colours as they are, else what shows it well."""
    if is_color(volume) and volume.array.dtype == np.uint8:
        return Window.between(0.0, 255.0)
    return auto_window(volume)


def _shown_array(volume: Volume) -> Array:
    """Return ``[z, y, x]`` or ``[z, y, x, 3]`` in a type that can be painted."""
    if is_color(volume):
        return pixels.displayable(volume.array[..., :_COLORS])
    return pixels.displayable(volume.grey())
