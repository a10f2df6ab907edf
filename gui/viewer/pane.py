"""What a pane holds, where it looks and how it is painted; mouse and keys are :mod:`gui.viewer.slice_view`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import QCursor, QPainter, QPaintEvent, QRegion, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from core.geometry import Box, Plane, PlaneView
from core.volume import Volume, Window
from gui import theme
from gui.viewer.camera import Camera
from gui.viewer.corner import Corner
from gui.viewer.cursor import Marks
from gui.viewer.events import ViewEvent, ViewTool
from gui.viewer.overlay import Overlay
from gui.viewer.pixels import Grid
from gui.viewer.remarks import NOTHING, Remarks
from gui.viewer.second import Second
from gui.viewer.sketch import Sketch, SketchPainter, is_sketching
from gui.viewer.slice_source import SliceSource

Voxel = tuple[float, float, float]
"""Voxel (x, y, z)."""

FIT_MARGIN = 24.0
"""Room for the orientation letters around a fitted slice, in screen pixels."""
_MOST_RECTS = 8


class Pane(QWidget):
    """A pane that shows one slice of a scan.

    Everything is painted at the resolution of the screen and only where it
    changed: a dab of the brush repaints its own square, a wheel notch one pane.
    Setters say what changed by the same signals as the mouse does.
    """

    index_changed = Signal(int)
    """Another slice is shown."""
    window_changed = Signal(object)
    """Other grey levels (:class:`core.volume.Window`)."""
    view_range_changed = Signal()
    """Zoom or centre changed (:attr:`camera`)."""
    second_window_asked = Signal(object)
    """Other grey levels for the second scan, which is alone in this pane."""
    crosshair_moved = Signal(object)
    """The person moved the crosshair to this voxel (x, y, z)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(64, 64)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self._source: SliceSource | None = None
        self._plane = Plane.AXIAL
        self._radiological = True
        self._smooth = True
        self._overlays_shown = True
        self._camera = Camera(1.0, 0.0, 0.0)
        self._fitted = True
        self._tool: ViewTool | None = None
        self._details = True
        self._own_title: tuple[str, str] | None = None
        self._corner = Corner()
        self._marks = Marks(self)
        self._sketch = SketchPainter(self._point)
        self._remarks = NOTHING
        self._second_name = ""
        self._background = theme.scan_qcolor("viewer")

    def sizeHint(self) -> QSize:
        return QSize(480, 480)

    # ------------------------------------------------------------------ what is shown

    def show_volume(self, volume: Volume | None, plane: Plane = Plane.AXIAL) -> None:
        """Show a scan in a plane: its middle slice, fitted, in the window that shows it well.

        Masks and crosshair of the scan before are taken away. None empties the pane.
        """
        self._plane = plane
        self._marks.clear()
        colors = None if self._source is None else self._source.base.colors
        self._source = None if volume is None else SliceSource(volume, plane, radiological=self._radiological)
        if self._source is not None and colors is not None:
            self._source.base.set_colors(colors)
        self._second_name = ""
        self._update_words()
        self.update()
        if self._source is not None:
            self.fit()
            self.index_changed.emit(self._source.index)

    def replace_volume(self, volume: Volume) -> None:
        """Show another volume of the same grid; slice, zoom, window and masks stay."""
        if self._source is not None:
            self._source.base.set_volume(volume)
            self.update()

    def set_radiological(self, radiological: bool) -> None:
        """Show the patient's right on the screen's left (radiological) or right."""
        if radiological != self._radiological:
            self._radiological = radiological
            if self._source is not None:
                self._source.set_radiological(radiological)
                self.fit()
            self._update_words()
            self.update()

    def set_index(self, index: int) -> None:
        """Show a slice (kept within the scan)."""
        if self._source is not None and self._source.set_index(index):
            self._update_words()
            self.update()
            self.index_changed.emit(self._source.index)

    def step(self, count: int) -> None:
        """Go some slices on or back."""
        self.set_index(self.index + count)

    def set_window(self, window: Window) -> None:
        """Show other grey levels."""
        if self._source is not None and window != self._source.base.window:
            self._source.base.set_window(window)
            self._update_words()
            self.update()
            self.window_changed.emit(window)

    def drag_window(self, window: Window) -> None:
        """Take grey levels from the mouse: they are those of the scan that is seen here."""
        if self._source is not None and self._source.second_alone:
            self.second_window_asked.emit(window)
        else:
            self.set_window(window)

    def set_colors(self, name: str) -> None:
        """Show the scan in another colour map (:mod:`gui.viewer.colormaps`)."""
        if self._source is not None:
            self._source.base.set_colors(name)
            self.update()

    def set_second(self, second: Second | None, *, alone: bool = False) -> None:
        """Blend another scan with this one, or (``alone``) show it instead; None takes it away.

        Places, masks and tools stay those of the scan of :meth:`show_volume`.
        """
        if self._source is not None:
            self._source.set_second(second, alone=alone)
            self._second_name = "" if second is None else second.name
            self._update_words()
            self.update()

    def refresh_second(self) -> None:
        """Paint the second scan anew: its fine pixels are there."""
        if self._source is not None and self._source.second is not None:
            self._source.drop_second()
            self.update()

    def set_remarks(self, remarks: Remarks) -> None:
        """Put into the corner what the scan says about itself."""
        self._remarks = remarks
        self._update_words()
        self.update()

    def set_overlays(self, overlays: Sequence[Overlay]) -> None:
        """Lay masks over the scan, the last one on top."""
        if self._source is not None:
            self._source.set_overlays(overlays)
            self.update()

    def set_overlays_visible(self, visible: bool) -> None:
        """Show or hide all masks at once: a peek at the bare scan."""
        if visible != self._overlays_shown:
            self._overlays_shown = visible
            self.update()

    def refresh(self, box: Box | None = None) -> None:
        """Draw the masks anew where a box of voxels was touched, or all of them."""
        if self._source is None:
            return
        if box is None:
            self._source.reload_overlays()
            self.update()
            return
        touched = self._source.reload_part(box)
        if touched is None:
            return
        rows, columns = touched
        low = self._point(rows.start - 0.5, columns.start - 0.5)
        high = self._point(rows.stop - 0.5, columns.stop - 0.5)
        # the outline of the untouched neighbours may change as well
        left, top = int(low.x()) - 3, int(low.y()) - 3
        self.update(QRect(left, top, int(high.x()) + 4 - left, int(high.y()) + 4 - top))

    def set_smooth(self, smooth: bool) -> None:
        """Interpolate between the pixels of the scan, or show them as squares."""
        if smooth != self._smooth:
            self._smooth = smooth
            if self._source is not None:
                self._source.drop_second()
            self.update()

    def set_crosshair(self, xyz: Voxel | None) -> None:
        """Put the crosshair on a voxel, or take it away."""
        self._marks.set_crosshair(xyz)

    def set_crosshair_visible(self, visible: bool) -> None:
        """Show or hide the crosshair without moving it."""
        self._marks.set_crosshair_visible(visible)

    def set_pointer(self, xyz: Voxel | None) -> None:
        """Mark where the pointer of a linked pane is."""
        self._marks.set_pointer(xyz)

    def set_title(self, title: str | None, subtitle: str = "") -> None:
        """Put own words into the corner; None for plane, slice and window."""
        self._own_title = None if title is None else (title, subtitle)
        self._update_words()

    def set_details(self, shown: bool) -> None:
        """Show or hide the second line below plane and slice."""
        self._details = shown
        self._update_words()

    def set_words_visible(self, visible: bool) -> None:
        """Show or hide all words, letters and the scale bar."""
        self._corner.shown = visible
        self.update()

    # ------------------------------------------------------------------ facts

    @property
    def volume(self) -> Volume | None:
        """The scan shown."""
        return None if self._source is None else self._source.volume

    @property
    def plane(self) -> Plane:
        """The plane shown."""
        return self._plane

    @property
    def plane_view(self) -> PlaneView | None:
        """How the plane lies on the screen; None without a scan."""
        return None if self._source is None else self._source.view

    @property
    def index(self) -> int:
        """The slice shown."""
        return 0 if self._source is None else self._source.index

    @property
    def slices(self) -> int:
        """Slices of this plane."""
        return 0 if self._source is None else self._source.view.slices

    @property
    def window_shown(self) -> Window | None:
        """The grey levels seen (``window()`` is Qt's word for the top-level widget)."""
        return None if self._source is None else self._source.window

    @property
    def second(self) -> tuple[str, bool]:
        """Name of the second scan in this pane (empty for none), and whether it is alone."""
        return self._second_name, self._source is not None and self._source.second_alone

    @property
    def camera(self) -> Camera:
        """Zoom and centre."""
        return self._camera

    @property
    def is_fitted(self) -> bool:
        """Whether the whole slice is shown and stays so when the pane changes its size."""
        return self._fitted

    @property
    def magnification(self) -> float:
        """Screen pixels per slice pixel (1.0 = 100 %)."""
        return 0.0 if self._source is None else self._camera.zoom * self._source.view.column_size

    @property
    def words(self) -> tuple[str, str]:
        """Title and second line as they are shown."""
        return self._corner.title, self._corner.subtitle

    @property
    def note(self) -> str:
        """Line of remarks shown below them."""
        return self._corner.note

    @property
    def letters(self) -> tuple[str, str, str, str]:
        """Orientation letters shown (left, right, top, bottom)."""
        return self._corner.letters

    @property
    def tool(self) -> ViewTool | None:
        """The tool in the hand; None moves the crosshair."""
        return self._tool

    @tool.setter
    def tool(self, tool: ViewTool | None) -> None:
        self._tool = tool
        self.cursor_changed()
        self.sketch_changed()

    # ------------------------------------------------------------------ camera

    def fit(self) -> None:
        """Show the whole slice; it stays fitted when the pane changes its size."""
        if self._source is not None:
            self._fitted = True
            self._look(Camera.fitted(self._source.view, self.width(), self.height(), FIT_MARGIN))

    def set_camera(self, camera: Camera, *, fitted: bool = False) -> None:
        """Look at another part (for linked panes)."""
        self._fitted = fitted
        self._look(camera)

    def pan(self, dx: float, dy: float) -> None:
        """Drag the slice by a distance on the screen."""
        if self._source is not None:
            self._fitted = False
            self._look(self._camera.panned(dx, dy).within(self._source.view))

    def zoom_about(self, place: QPointF, factor: float) -> None:
        """Zoom; what is under the place stays there."""
        if self._source is None:
            return
        wanted = Camera(self._camera.zoom * factor, 0.0, 0.0).within(self._source.view).zoom
        self._fitted = False
        dx, dy = place.x() - self.width() / 2, place.y() - self.height() / 2
        self._look(self._camera.zoomed(wanted / self._camera.zoom, dx, dy))

    def zoom_by(self, factor: float) -> None:
        """Zoom about the middle of the pane."""
        self.zoom_about(QPointF(self.width() / 2, self.height() / 2), factor)

    def _look(self, camera: Camera) -> None:
        if camera != self._camera:
            self._camera = camera
            self._place_ring(None if self._marks.ring is None else self._marks.ring.center)
            self.update()
            self.view_range_changed.emit()

    # ------------------------------------------------------------------ places

    def voxel_at(self, place: QPointF) -> Voxel | None:
        """Return the voxel (x, y, z), not rounded, under a point of the pane; it may lie outside the scan."""
        if self._source is None:
            return None
        row, column = self._row_column(self._source.view, place)
        return self._source.view.to_voxel(row, column, self._source.index)

    def point_of(self, xyz: Sequence[float]) -> QPointF:
        """Return the point of the pane where a voxel's centre is, whatever slice is shown."""
        if self._source is None:
            return QPointF()
        row, column, _ = self._source.view.to_screen(xyz)
        return self._point(row, column)

    def event_at(
        self,
        place: QPointF,
        buttons: Qt.MouseButton,
        modifiers: Qt.KeyboardModifier,
        pen: tuple[float, bool] = (1.0, False),
    ) -> ViewEvent:
        """Return what a tool is told about the pointer; ``pen`` is its pressure and whether it is turned round.

        Raises
        ------
        RuntimeError
            Without a scan; the pane ignores the mouse then.
        """
        if self._source is None:
            raise RuntimeError("no scan is shown")
        view = self._source.view
        row, column = self._row_column(view, place)
        return ViewEvent(view, self._source.index, row, column, buttons, modifiers, *pen, self._camera.zoom)

    def point_crosshair(self, place: QPointF) -> None:
        """Move the crosshair under a point, kept within the scan, and say so to linked panes."""
        if self._source is None:
            return
        view = self._source.view
        row, column = self._row_column(view, place)
        row, column = min(max(round(row), 0), view.rows - 1), min(max(round(column), 0), view.columns - 1)
        xyz = view.to_voxel(row, column, self._source.index)
        self.set_crosshair(xyz)
        self.crosshair_moved.emit(xyz)

    def _row_column(self, view: PlaneView, place: QPointF) -> tuple[float, float]:
        return self._camera.to_slice(view, self.width(), self.height(), place.x(), place.y())

    def _point(self, row: float, column: float) -> QPointF:
        if self._source is None:
            return QPointF()
        return QPointF(*self._camera.to_point(self._source.view, self.width(), self.height(), row, column))

    # ------------------------------------------------------------------ what is repainted

    def cursor_changed(self) -> None:
        """Draw the ring anew: the brush has another size, or the label another colour."""
        ring = self._marks.ring
        place = None if ring is None else ring.center
        if place is None and self.underMouse():
            place = QPointF(self.mapFromGlobal(QCursor.pos()))
        self._place_ring(place)
        self.setCursor(self._cursor_shape())

    def sketch_changed(self) -> None:
        """Draw what the tool shows of its work anew."""
        covered = self._sketch.cover(self._sketched())
        if not covered.isEmpty():
            self.update(covered)

    def _sketched(self) -> Sketch | None:
        source = self._source
        if source is None or not is_sketching(self._tool):
            return None
        return self._tool.sketch(source.view, source.index)

    def _cursor_shape(self) -> Qt.CursorShape:
        ringed = self._tool is not None and self._tool.cursor_radius_px > 0
        return Qt.CursorShape.BlankCursor if ringed else Qt.CursorShape.CrossCursor

    def _place_ring(self, place: QPointF | None, *, erasing: bool = False) -> None:
        self._marks.place_ring(place, None if self._source is None else self._tool, self._camera.zoom, erasing=erasing)

    def _update_words(self) -> None:
        corner, source = self._corner, self._source
        before = corner.said
        if source is None:
            corner.say_nothing()
        else:
            corner.say(source, self._second_name, self._remarks, details=self._details)
        if self._own_title is not None:
            corner.title, corner.subtitle = self._own_title
            corner.note = ""
        if before != corner.said:
            self.update()

    # ------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:
        region = event.region()
        painter = QPainter(self)
        rects = [event.rect()] if region.rectCount() > _MOST_RECTS else _rects(region)
        for rect in rects:
            painter.fillRect(rect, self._background)
            if self._source is not None:
                self._paint_scan(painter, rect, self._source)
        if self._source is not None:
            sketch = self._sketched()
            if sketch is not None:
                self._sketch.paint(painter, sketch)
            self._marks.paint_below(painter, self._corner.inset, self._corner.top_inset(self.rect()))
            if self._shows_missing(self._source):
                self._corner.paint_missing(painter, region, self.rect())
            self._corner.paint(painter, region, self.rect(), self._camera.zoom)
            self._marks.paint_above(painter, region)
        painter.end()

    def _shows_missing(self, source: SliceSource) -> bool:
        """Whether the slice shown is one that no file holds."""
        native = source.view.slice_axis == 0 and not source.second_alone
        return native and source.index in self._remarks.missing

    def _paint_scan(self, painter: QPainter, rect: QRect, source: SliceSource) -> None:
        """Paint scan and masks of one rectangle, in device pixels."""
        ratio = self.devicePixelRatioF()
        x, y = int(rect.x() * ratio), int(rect.y() * ratio)
        right, bottom = ((rect.x() + rect.width()) * ratio, (rect.y() + rect.height()) * ratio)
        part = (x, y, math.ceil(right) - x, math.ceil(bottom) - y)
        corner = self._point(-0.5, -0.5)
        zoom = self._camera.zoom * ratio
        # on whole device pixels, so that panning never resamples
        left, top = round(corner.x() * ratio), round(corner.y() * ratio)
        grid = Grid(left, top, source.view.column_size * zoom, source.view.row_size * zoom)
        source.paint_scan(painter, grid, part, ratio, self._smooth)
        if self._overlays_shown:
            source.paint_masks(painter, grid, part, ratio, max(1, round(1.5 * ratio)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._fitted:
            self.fit()
        self.update()


def _rects(region: QRegion) -> list[QRect]:
    return [*region]  # type: ignore[misc]  # PySide6's stubs do not know that a region is iterable
