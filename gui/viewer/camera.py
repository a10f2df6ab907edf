"""Which part of a slice a pane shows: zoom and centre, with the maths between screen and slice.

No Qt in here. Points are logical screen pixels with the origin at the pane's top
left; rows and columns count from the slice's top left with pixel centres at
whole numbers, as in :class:`core.geometry.PlaneView`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.geometry import PlaneView

SMALLEST_SHOWN = 24.0
"""A slice is never zoomed out below this many screen pixels across."""
LARGEST_VOXEL = 160.0
"""A voxel is never zoomed in beyond this many screen pixels."""


@dataclass(frozen=True, slots=True)
class Camera:
    """What a pane looks at.

    Parameters
    ----------
    zoom
        Screen pixels per unit (mm, or picture pixels where the spacing is unknown).
    down, across
        The point at the centre of the pane, in units from the slice's top left corner.
    """

    zoom: float
    down: float
    across: float

    @classmethod
    def fitted(cls, view: PlaneView, width: float, height: float, margin: float = 0.0) -> Camera:
        """Return the camera that shows the whole slice, centred, with a margin in screen pixels."""
        tall, wide = extent(view)
        room_across = max(width - 2 * margin, width * 0.5, 1.0)
        room_down = max(height - 2 * margin, height * 0.5, 1.0)
        return cls(min(room_across / wide, room_down / tall), tall / 2, wide / 2)

    def to_point(self, view: PlaneView, width: float, height: float, row: float, column: float) -> tuple[float, float]:
        """Return the screen point (x, y) of a row and column."""
        x = width / 2 + ((column + 0.5) * view.column_size - self.across) * self.zoom
        y = height / 2 + ((row + 0.5) * view.row_size - self.down) * self.zoom
        return x, y

    def to_slice(self, view: PlaneView, width: float, height: float, x: float, y: float) -> tuple[float, float]:
        """Return the row and column under a screen point."""
        column = ((x - width / 2) / self.zoom + self.across) / view.column_size - 0.5
        row = ((y - height / 2) / self.zoom + self.down) / view.row_size - 0.5
        return row, column

    def panned(self, dx: float, dy: float) -> Camera:
        """Return the camera after the slice was dragged by a screen distance."""
        return replace(self, down=self.down - dy / self.zoom, across=self.across - dx / self.zoom)

    def zoomed(self, factor: float, dx: float, dy: float) -> Camera:
        """Return the camera zoomed by a factor; the point at (dx, dy) from the pane's centre stays put."""
        zoom = self.zoom * factor
        keep = 1 / self.zoom - 1 / zoom
        return Camera(zoom, self.down + dy * keep, self.across + dx * keep)

    def within(self, view: PlaneView) -> Camera:
        """Return the camera with its zoom and centre kept to what makes sense for a slice."""
        tall, wide = extent(view)
        smallest = SMALLEST_SHOWN / max(tall, wide)
        largest = max(LARGEST_VOXEL / min(view.row_size, view.column_size), smallest)
        return Camera(
            min(max(self.zoom, smallest), largest),
            min(max(self.down, 0.0), tall),
            min(max(self.across, 0.0), wide),
        )


def extent(view: PlaneView) -> tuple[float, float]:
    """Return the height and width of a slice in units."""
    return view.rows * view.row_size, view.columns * view.column_size
