"""Three linked planes of a scan, or one pane for pictures."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QWidget

from core.geometry import Box, Plane
from core.volume import Volume, Window
from gui import theme
from gui.viewer.events import ViewTool
from gui.viewer.overlay import Overlay
from gui.viewer.slice_view import SliceView, Voxel


class LinkedViews(QWidget):
    """The native plane large on the left, the two others on the right; one crosshair, one window.

    Pictures, and stacks of which nobody knows how the patient lies, have one
    pane. The three panes are made once and only shown and hidden.
    """

    hovered = Signal(object)
    """Voxel (x, y, z) under the pointer as whole numbers, or None."""
    position_changed = Signal(object)
    """The crosshair is on another voxel (x, y, z), whole numbers."""
    index_changed = Signal(int)
    """The active pane shows another slice."""
    window_changed = Signal(object)
    """Other grey levels (:class:`core.volume.Window`)."""
    view_range_changed = Signal()
    """A pane was zoomed or moved."""
    brush_size_step = Signal(int)
    """Shift+wheel in any pane: +1 larger, -1 smaller."""
    menu_requested = Signal(object)
    """Right click without dragging, at this global point."""
    active_changed = Signal()
    """Another pane is the one last worked in."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._main = SliceView()
        self._side = (SliceView(), SliceView())
        self._active = self._main
        self._maximised: SliceView | None = None
        self._volume: Volume | None = None
        self._position: tuple[int, int, int] = (0, 0, 0)
        self._window: Window | None = None
        self._linking = False
        self._columns = _splitter(Qt.Orientation.Horizontal)
        self._rows = _splitter(Qt.Orientation.Vertical)
        for view in self._side:
            self._rows.addWidget(view)
        self._columns.addWidget(self._main)
        self._columns.addWidget(self._rows)
        self._shares = ([2000, 1000], [1000, 1000])
        for place, share in enumerate(self._shares[0]):
            self._columns.setStretchFactor(place, share)
            self._rows.setStretchFactor(place, 1)
        self._columns.splitterMoved.connect(self._on_divided)
        self._rows.splitterMoved.connect(self._on_divided)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._columns)
        for view in self.views:
            view.index_changed.connect(self._on_index)
            view.window_changed.connect(self.set_window)
            view.crosshair_moved.connect(self._on_crosshair)
            view.maximise_requested.connect(self._on_maximise)
            view.pressed.connect(self._on_pressed)
            view.hovered.connect(self.hovered)
            view.brush_size_step.connect(self.brush_size_step)
            view.menu_requested.connect(self.menu_requested)
            view.view_range_changed.connect(self.view_range_changed)
        self._arrange()

    # ------------------------------------------------------------------ what is shown

    def set_volume(
        self, volume: Volume | None, window: Window | None = None, start: tuple[int, int, int] | None = None
    ) -> None:
        """Show a scan at a voxel (x, y, z; None: its middle) in a window (None: its own); no scan empties the panes."""
        self._volume = volume
        self._maximised = None
        self._active = self._main
        self._linking = True
        if volume is None:
            for view in self.views:
                view.show_volume(None)
        else:
            native = volume.geometry.native_plane
            others = [plane for plane in Plane if plane is not native]
            for view, plane in zip(self.views, (native, *others), strict=True):
                view.show_volume(volume if view is self._main or self._has_planes else None, plane)
                if window is not None:
                    view.set_window(window)
            z, y, x = volume.shape
            self._position = start if start is not None else (x // 2, y // 2, z // 2)
        self._linking = False
        self._window = self._main.window_shown
        self._arrange()
        if volume is not None:
            self._follow()
            self.position_changed.emit(self._position)
            self.window_changed.emit(self._window)

    def set_overlays(self, overlays: Sequence[Overlay]) -> None:
        """Lay masks over the scan in every pane, the last one on top."""
        for view in self.views:
            view.set_overlays(overlays)

    def set_overlays_visible(self, visible: bool) -> None:
        """Show or hide all masks at once."""
        for view in self.views:
            view.set_overlays_visible(visible)

    def refresh(self, box: Box | None = None) -> None:
        """Draw the masks anew where a box of voxels was touched, or all of them."""
        for view in self.views:
            view.refresh(box)

    @Slot(object)
    def set_window(self, window: Window) -> None:
        """Show other grey levels in every pane."""
        if self._linking or window == self._window or self._volume is None:
            return
        self._window = window
        self._linking = True
        for view in self.views:
            view.set_window(window)
        self._linking = False
        self.window_changed.emit(window)

    def set_tool(self, tool: ViewTool | None) -> None:
        """Take a tool into the hand; None moves the crosshair."""
        for view in self.views:
            view.tool = tool
        self._show_crosshair()

    def cursor_changed(self) -> None:
        """Draw the ring anew: another brush size or label."""
        for view in self.views:
            view.cursor_changed()

    def set_smooth(self, smooth: bool) -> None:
        """Interpolate between pixels, or show them as squares."""
        for view in self.views:
            view.set_smooth(smooth)

    def set_radiological(self, radiological: bool) -> None:
        """Show the patient's right on the screen's left (radiological) or right."""
        for view in self.views:
            view.set_radiological(radiological)

    def fit(self) -> None:
        """Show whole slices in every pane."""
        for view in self.views:
            view.fit()

    # ------------------------------------------------------------------ place

    @property
    def views(self) -> tuple[SliceView, SliceView, SliceView]:
        """The panes: main, upper right, lower right."""
        return (self._main, *self._side)

    @property
    def main(self) -> SliceView:
        """The pane of the native plane."""
        return self._main

    @property
    def active(self) -> SliceView:
        """The pane last worked in; keys act on it."""
        return self._active

    @property
    def maximised(self) -> SliceView | None:
        """The pane that has all the room, or None."""
        return self._maximised

    @property
    def position(self) -> tuple[int, int, int]:
        """Voxel (x, y, z) of the crosshair."""
        return self._position

    @property
    def window_shown(self) -> Window | None:
        """The grey levels shown."""
        return self._window

    def go_to(self, xyz: Sequence[float]) -> None:
        """Put the crosshair on a voxel, kept within the scan, and show its slices."""
        if self._volume is None:
            return
        z, y, x = self._volume.shape
        limits = (x, y, z)
        place = tuple(min(max(round(float(at)), 0), most - 1) for at, most in zip(xyz, limits, strict=True))
        moved = place != self._position
        self._position = (place[0], place[1], place[2])
        self._follow()
        if moved:
            self.position_changed.emit(self._position)

    def step(self, count: int) -> None:
        """Go some slices on or back in the active pane."""
        self._active.step(count)

    def maximise(self, view: SliceView | None) -> None:
        """Give one pane all the room, or (None) every pane its own."""
        self._maximised = view
        if view is not None:
            self._activate(view)
        self._arrange()

    @property
    def _has_planes(self) -> bool:
        volume = self._volume
        return volume is not None and volume.geometry.orientation_known and min(volume.shape) > 1

    def _follow(self) -> None:
        """Let every pane show the crosshair's slice."""
        self._linking = True
        place = (float(self._position[0]), float(self._position[1]), float(self._position[2]))
        for view in self.views:
            layout = view.plane_view
            if layout is not None:
                view.set_index(int(layout.to_screen(place)[2]))
                view.set_crosshair(place)
        self._linking = False

    def _arrange(self) -> None:
        """Show the panes there is something in, or the maximised one alone."""
        alone = self._maximised or (None if self._has_planes else self._main)
        for view in self.views:
            view.setVisible(alone is None or view is alone)
            view.set_details(view is self._main or view is alone)
        self._rows.setVisible(alone is None or alone in self._side)
        if alone is None:
            # Qt gives a pane that was hidden hardly any room when it comes back
            self._columns.setSizes(self._shares[0])
            self._rows.setSizes(self._shares[1])
        self._show_crosshair()

    def _show_crosshair(self) -> None:
        """Keep the crosshair out of the pane that is drawn in, and out of single pictures."""
        for view in self.views:
            drawing = view.tool is not None and view is self._active
            view.set_crosshair_visible(self._has_planes and not drawing)

    def _activate(self, view: SliceView) -> None:
        if view is not self._active:
            self._active = view
            self._show_crosshair()
            self.active_changed.emit()

    # ------------------------------------------------------------------ what the panes say

    @Slot(int)
    def _on_index(self, index: int) -> None:
        view = self.sender()
        if self._linking or not isinstance(view, SliceView) or view.plane_view is None:
            return
        place = list(self._position)
        place[2 - view.plane_view.slice_axis] = index
        self.go_to(place)
        if view is self._active:
            self.index_changed.emit(index)

    @Slot(object)
    def _on_crosshair(self, xyz: Voxel) -> None:
        self.go_to(xyz)

    @Slot()
    def _on_divided(self) -> None:
        self._shares = (self._columns.sizes(), self._rows.sizes())

    @Slot()
    def _on_maximise(self) -> None:
        view = self.sender()
        if isinstance(view, SliceView) and self._has_planes:
            self.maximise(None if self._maximised is view else view)

    @Slot()
    def _on_pressed(self) -> None:
        view = self.sender()
        if isinstance(view, SliceView):
            self._activate(view)


def _splitter(orientation: Qt.Orientation) -> QSplitter:
    made = QSplitter(orientation)
    made.setHandleWidth(2)
    made.setChildrenCollapsible(False)
    made.setStyleSheet(f"QSplitter::handle {{ background: {theme.color('panel')}; }}")
    return made
