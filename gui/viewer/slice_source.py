"""What a pane shows of a slice: the scan, perhaps a second one, and masks copied out, ready for painting.

No widget in here. Everything is made when it is first painted and kept until
something it depends on changes.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtGui import QPainter

from core.geometry import Box, Plane, PlaneView
from core.volume import Volume, Window, auto_window
from gui.viewer import pixels
from gui.viewer.layer import Layer, is_color
from gui.viewer.overlay import Overlay, OverlaySlice
from gui.viewer.second import Second, SecondLayer


class SliceSource:
    """One slice of a scan in one plane, with its masks.

    Attributes
    ----------
    view
        How the plane lies on the screen.
    index
        The slice; 0 until one is chosen.
    base
        The scan that is drawn on.
    second
        Another scan on the same plane, or None.
    second_alone
        Whether the second one hides the first.
    """

    def __init__(self, volume: Volume, plane: Plane, *, radiological: bool = True) -> None:
        self.view: PlaneView = volume.geometry.view(plane, radiological=radiological)
        self.index = self.view.slices // 2
        self.base = Layer(volume, first_window(volume))
        self.second: SecondLayer | None = None
        self.second_alone = False
        self.overlays: list[OverlaySlice] = []
        self._overlays_loaded = False

    @property
    def volume(self) -> Volume:
        """The scan that is drawn on."""
        return self.base.volume

    @property
    def window(self) -> Window:
        """Grey levels of what is seen: of the second scan where it is alone."""
        return self._seen.window

    @property
    def seen(self) -> Volume:
        """The scan whose greys are seen."""
        return self._seen.volume

    @property
    def _seen(self) -> Layer:
        return self.second if self.second is not None and self.second_alone else self.base

    # ------------------------------------------------------------------ changes

    def set_index(self, index: int) -> bool:
        """Choose a slice, kept within the scan; return whether it is another one."""
        index = min(max(int(index), 0), self.view.slices - 1)
        if index == self.index:
            return False
        self.index = index
        self._drop()
        return True

    def set_radiological(self, radiological: bool) -> None:
        """Lay the plane on the screen anew."""
        self.view = self.volume.geometry.view(self.view.plane, radiological=radiological)
        self._drop()

    def set_second(self, second: Second | None, *, alone: bool) -> None:
        """Show another scan over this one, or (``alone``) in its place."""
        if second is None:
            self.second = None
        elif self.second is not None and self.second.planes is second.planes:
            self.second.take(second)
        else:
            self.second = SecondLayer(second)
        self.second_alone = alone and second is not None

    def drop_second(self) -> None:
        """Ask the second scan for its slice again: pixels are smooth now, or the fine ones came."""
        if self.second is not None:
            self.second.drop()

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

    def _drop(self) -> None:
        self.base.drop()
        self.drop_second()
        self._overlays_loaded = False

    # ------------------------------------------------------------------ painting

    def paint_scan(self, painter: QPainter, grid: pixels.Grid, rect: pixels.Rect, ratio: float, smooth: bool) -> None:
        """Draw the scan into a rectangle of device pixels; what lies beside the slice is left as it is.

        Parameters
        ----------
        painter
            Of a widget with ``ratio`` device pixels per logical pixel.
        """
        place = (self.view, self.index)
        if not self.second_alone:
            self.base.paint(painter, place, grid, rect, ratio, smooth=smooth)
        if self.second is None:
            return
        if self.second_alone:
            self.second.paint(painter, place, grid, rect, ratio, smooth=smooth)
        elif self.second.opacity > 0:
            painter.setOpacity(self.second.opacity)
            self.second.paint(painter, place, grid, rect, ratio, smooth=smooth)
            painter.setOpacity(1.0)

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


def first_window(volume: Volume) -> Window:
    """Return the window a scan is first shown with: its own colours as they are, else what shows it well."""
    if is_color(volume) and volume.array.dtype.name == "uint8":
        return Window.between(0.0, 255.0)
    return auto_window(volume)
