"""The slice that a pane shows, made ready for painting: windowed, shrunk, masks copied out.

No widget in here. Everything is made when it is first painted and kept until
something it depends on changes, so that ten wheel notches between two frames
cost one slice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.geometry import Array, Box, Plane, PlaneView
from core.volume import Volume, Window, auto_window
from gui.viewer import pixels
from gui.viewer.overlay import Overlay, OverlaySlice

_COLORS = 3


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
        self._shown: pixels.Bytes | None = None
        self._small: tuple[pixels.Bytes, tuple[float, float]] | None = None
        self._small_for = (0.0, 0.0)
        self._overlays_loaded = False

    # ------------------------------------------------------------------ changes

    def set_volume(self, volume: Volume) -> None:
        """Take another volume of the same grid."""
        self.volume = volume
        self._array = _shown_array(volume)
        self._shown = self._small = None

    def set_index(self, index: int) -> bool:
        """Choose a slice, kept within the scan; return whether it is another one."""
        index = min(max(int(index), 0), self.view.slices - 1)
        if index == self.index:
            return False
        self.index = index
        self._shown = self._small = None
        self._overlays_loaded = False
        return True

    def set_radiological(self, radiological: bool) -> None:
        """Lay the plane on the screen anew."""
        self.view = self.volume.geometry.view(self.view.plane, radiological=radiological)
        self._shown = self._small = None
        self._overlays_loaded = False

    def set_window(self, window: Window) -> None:
        """Choose grey levels."""
        self.window = window
        self._shown = self._small = None

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

    def picture(self, grid: pixels.Grid, rect: tuple[int, int, int, int], *, smooth: bool) -> pixels.Bytes:
        """Return the scan in a rectangle (x, y, width, height) of device pixels, ``[height, width, 4]`` BGRX."""
        small, shrink = self._minified(grid)
        return pixels.picture(small, grid, rect, smooth=smooth, shrink=shrink)

    def masks(self, grid: pixels.Grid, rect: tuple[int, int, int, int], thickness: int) -> list[pixels.Words]:
        """Return the masks in a rectangle of device pixels, premultiplied ARGB, lowest first."""
        if not self._overlays_loaded:
            for overlay in self.overlays:
                overlay.load(self.view, self.index)
            self._overlays_loaded = True
        pictures = (overlay.picture(grid, rect, thickness) for overlay in self.overlays)
        return [picture for picture in pictures if picture is not None]

    def _windowed(self) -> pixels.Bytes:
        if self._shown is None:
            stored = np.ascontiguousarray(self.view.extract(self._array, self.index))
            self._shown = pixels.windowed(stored, self.volume, self.window)
        return self._shown

    def _minified(self, grid: pixels.Grid) -> tuple[pixels.Bytes, tuple[float, float]]:
        scale = (grid.down, grid.across)
        if self._small is None or self._small_for != scale:
            self._small = pixels.minified(self._windowed(), grid)
            self._small_for = scale
        return self._small


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
