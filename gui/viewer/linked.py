"""Three linked planes of a scan, or one pane for pictures, and a second scan beside them or blended in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QAbstractItemView, QApplication, QHBoxLayout, QSplitter, QWidget

from core.geometry import Box, Plane
from core.volume import Volume, Window
from gui import theme
from gui.viewer.colormaps import GREY
from gui.viewer.events import ViewTool
from gui.viewer.linking import Look, follow_zoom, keep_seen, look_again, look_of
from gui.viewer.overlay import Overlay
from gui.viewer.remarks import NOTHING, remarks_on
from gui.viewer.second import Second
from gui.viewer.slice_view import SliceView, Voxel


class LinkedViews(QWidget):
    """The native plane large on the left, the two others on the right; one crosshair, one window, one zoom.

    Pictures, and stacks of which nobody knows how the patient lies, have one
    pane. A fourth pane shows a second scan beside the plane that is worked in.
    The panes are made once and only shown and hidden.
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
    picked = Signal(object)
    """Alt+click on this voxel (x, y, z): take the label that is there."""
    space_tapped = Signal()
    """Space was tapped over a pane without dragging: free for an action."""
    second_window_asked = Signal(object)
    """Other grey levels for the second scan."""
    active_changed = Signal()
    """Another pane is the one last worked in."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._main = SliceView()
        self._side = (SliceView(), SliceView())
        self._beside = SliceView()
        self._second: Second | None = None
        self._second_beside = True
        self._flipped = False
        self._zoom_linked = True
        self._crosshair_wanted = True
        self._colors = GREY
        self._overlays: tuple[Overlay, ...] = ()
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
        for column in (self._main, self._beside, self._rows):
            self._columns.addWidget(column)
        # with and without the pane beside
        self._shares = {False: [2000, 0, 1000], True: [1150, 1150, 800]}
        self._row_shares = [1000, 1000]
        for place, share in enumerate((2000, 2000, 1000)):
            self._columns.setStretchFactor(place, share)
        self._columns.splitterMoved.connect(self._on_divided)
        self._rows.splitterMoved.connect(self._on_divided)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._columns)
        for view in self._panes:
            view.index_changed.connect(self._on_index)
            view.window_changed.connect(self.set_window)
            view.second_window_asked.connect(self.second_window_asked)
            view.picked.connect(self.picked)
            view.space_tapped.connect(self.space_tapped)
            view.crosshair_moved.connect(self._on_crosshair)
            view.maximise_requested.connect(self._on_maximise)
            view.pressed.connect(self._on_pressed)
            view.hovered.connect(self._on_hovered)
            view.brush_size_step.connect(self.brush_size_step)
            view.menu_requested.connect(self.menu_requested)
            view.view_range_changed.connect(self._on_range)
        self._arrange()

    # ------------------------------------------------------------------ what is shown

    def set_volume(
        self,
        volume: Volume | None,
        window: Window | None = None,
        start: tuple[int, int, int] | None = None,
        *,
        same_person: bool = False,
    ) -> None:
        """Show a scan at a voxel (x, y, z; None: its middle) in a window (None: its own); no scan empties the panes.

        Zoom and place stay as they were, for the same person at the same place of the body.
        """
        looks = self._looks()
        first = self._volume is None
        self._volume = volume
        self._second, self._flipped = None, False
        self._maximised = None
        self._active = self._main
        self._overlays = ()
        self._linking = True
        if volume is None:
            for view in self._panes:
                view.show_volume(None)
        else:
            native = volume.geometry.native_plane
            others = [plane for plane in Plane if plane is not native]
            for view, plane in zip(self.views, (native, *others), strict=True):
                self._fill(view, volume if view is self._main or self._has_planes else None, plane, window)
            remarks = remarks_on(volume)
            for view in self.views:
                view.set_remarks(remarks)
            z, y, x = volume.shape
            self._position = start if start is not None else (x // 2, y // 2, z // 2)
        self._window = self._main.window_shown
        self._arrange()
        for view in self.views:
            look_again(view, looks.get(view.plane), same_person=same_person)
        self._linking = False
        if volume is not None:
            if first and not isinstance(QApplication.focusWidget(), QAbstractItemView):
                # Enter and Esc of the tool in the hand count also before the pointer was over a pane
                self._main.take_keys()
            self._follow()
            self.position_changed.emit(self._position)
            self.window_changed.emit(self._window)
        self.view_range_changed.emit()

    def _looks(self) -> dict[Plane, Look | None]:
        """Return where each plane looks; one pane alone says nothing of the planes it hides."""
        return {view.plane: look_of(view) for view in self.views if view.volume is not None}

    def _fill(self, view: SliceView, volume: Volume | None, plane: Plane, window: Window | None) -> None:
        view.show_volume(volume, plane)
        view.set_remarks(NOTHING)
        if window is not None:
            view.set_window(window)
        view.set_colors(self._colors)

    def set_second(self, second: Second | None, *, beside: bool = True) -> None:
        """Show another scan in a pane beside the plane worked in, or blended into every plane; None: neither."""
        if self._volume is None:
            second = None
        if second is None:
            self._flipped = False
        rearranged = (second is None) != (self._second is None) or beside != self._second_beside
        if self._second is not None and (second is None or second.planes is not self._second.planes):
            self._second.planes.refined.disconnect(self._on_refined)
            self._second = None
        if second is not None and self._second is None:
            second.planes.refined.connect(self._on_refined)
        self._second, self._second_beside = second, beside
        if rearranged:
            self._arrange()
            self._follow()
        self._show_second()

    def flip(self, flipped: bool) -> None:
        """Show the second scan in every pane in place of the first, or the first again."""
        if self._second is not None and flipped != self._flipped:
            self._flipped = flipped
            self._show_second()

    @property
    def flipped(self) -> bool:
        """Whether the second scan is shown in place of the first."""
        return self._flipped

    @property
    def beside(self) -> SliceView | None:
        """The pane of the second scan, or None while it is not shown."""
        return self._beside if self._second is not None and self._second_beside else None

    def _show_second(self) -> None:
        blended = None if self._second_beside else self._second
        for view in self.views:
            view.set_second(self._second if self._flipped else blended, alone=self._flipped)
        if self.beside is not None:
            self._beside.set_second(self._second, alone=True)

    @Slot()
    def _on_refined(self) -> None:
        for view in self._panes:
            view.refresh_second()

    def set_overlays(self, overlays: Sequence[Overlay]) -> None:
        """Lay masks over the scan in every pane, the last one on top."""
        self._overlays = tuple(overlays)
        for view in self._panes:
            view.set_overlays(overlays)

    def set_overlays_visible(self, visible: bool) -> None:
        """Show or hide all masks at once."""
        for view in self._panes:
            view.set_overlays_visible(visible)

    def refresh(self, box: Box | None = None) -> None:
        """Draw the masks anew where a box of voxels was touched, or all of them."""
        for view in self._panes:
            view.refresh(box)

    @Slot(object)
    def set_window(self, window: Window) -> None:
        """Show other grey levels in every pane."""
        if self._linking or window == self._window or self._volume is None:
            return
        self._window = window
        self._linking = True
        for view in self._panes:
            view.set_window(window)
        self._linking = False
        self.window_changed.emit(window)

    def set_tool(self, tool: ViewTool | None) -> None:
        """Take a tool into the hand; None moves the crosshair."""
        for view in self._panes:
            view.tool = tool
        self._show_crosshair()

    def set_mouse(self, ways: Mapping[str, str]) -> None:
        """Let the mouse do what a keymap says."""
        for view in self._panes:
            view.set_mouse(ways)

    def cursor_changed(self) -> None:
        """Draw the ring anew: another brush size or label."""
        for view in self._panes:
            view.cursor_changed()

    def sketch_changed(self) -> None:
        """Draw what the tool shows of its work anew."""
        for view in self._panes:
            view.sketch_changed()

    def set_smooth(self, smooth: bool) -> None:
        """Interpolate between pixels, or show them as squares."""
        for view in self._panes:
            view.set_smooth(smooth)

    def set_radiological(self, radiological: bool) -> None:
        """Show the patient's right on the screen's left (radiological) or right."""
        for view in self._panes:
            view.set_radiological(radiological)

    def set_colors(self, name: str) -> None:
        """Show the scan in another colour map (:mod:`gui.viewer.colormaps`)."""
        self._colors = name
        for view in self._panes:
            view.set_colors(name)

    def set_zoom_linked(self, linked: bool) -> None:
        """Zoom and move the planes together, or each alone."""
        self._zoom_linked = linked

    def set_crosshair_wanted(self, wanted: bool) -> None:
        """Draw the crosshair where it helps, or nowhere."""
        self._crosshair_wanted = wanted
        self._show_crosshair()

    def fit(self) -> None:
        """Show whole slices in every pane."""
        self._linking = True
        for view in self._panes:
            view.fit()
        self._linking = False
        self.view_range_changed.emit()

    # ------------------------------------------------------------------ place

    @property
    def views(self) -> tuple[SliceView, SliceView, SliceView]:
        """The panes: main, upper right, lower right."""
        return (self._main, *self._side)

    @property
    def _panes(self) -> tuple[SliceView, ...]:
        return (*self.views, self._beside)

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
        """Give one pane (with the second scan beside it) all the room, or (None) every pane its own."""
        if view is self._beside:
            view = self._maximised or self._main
        if view is not None and not self._has_planes:
            return
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
        for view in self._panes:
            layout = view.plane_view
            if layout is not None:
                view.set_index(int(layout.to_screen(place)[2]))
                view.set_crosshair(place)
                if view is not self._active and not self._is_pair(view, self._active):
                    keep_seen(view, place)
        self._linking = False

    def _is_pair(self, one: SliceView, other: SliceView) -> bool:
        """Whether two panes show the same plane, of the first and of the second scan."""
        return self._beside in (one, other) and one.plane is other.plane and one is not other

    def _arrange(self) -> None:
        """Show the panes there is something in, or the maximised one alone; a second scan is beside it."""
        alone = self._maximised or (None if self._has_planes else self._main)
        for view in self.views:
            view.setVisible(alone is None or view is alone)
            view.set_details(view is self._main or view is alone)
        self._rows.setVisible(alone is None or alone in self._side)
        self._arrange_beside(alone or self._main)
        if alone is None:
            # Qt gives a pane that was hidden hardly any room when it comes back
            self._columns.setSizes(self._shares[self.beside is not None])
            self._rows.setSizes(self._row_shares)
        elif self.beside is not None:
            self._columns.setSizes([1000, 1000, 1000])
        self._show_crosshair()

    def _arrange_beside(self, first: SliceView) -> None:
        """Put the second scan to the right of the pane it belongs to, on the same plane."""
        beside, volume = self.beside, self._volume
        self._beside.setVisible(beside is not None)
        if beside is None or volume is None:
            if self._active is self._beside:
                self._activate(self._main)
            self._beside.show_volume(None)
            return
        self._columns.insertWidget(2 if first in self._side else 1, beside)
        if beside.volume is not volume or beside.plane is not first.plane:
            linking, self._linking = self._linking, True
            self._fill(beside, volume, first.plane, self._window)
            beside.set_overlays(self._overlays)
            beside.set_second(self._second, alone=True)
            beside.set_camera(first.camera, fitted=first.is_fitted)
            self._linking = linking

    def _show_crosshair(self) -> None:
        """Keep the crosshair out of the pane that is drawn in, and out of single pictures."""
        for view in self._panes:
            drawing = view.tool is not None and (view is self._active or self._is_pair(view, self._active))
            # in the pane beside, the cross says where the pointer's place is in the other scan
            useful = self._has_planes or view is self._beside
            view.set_crosshair_visible(self._crosshair_wanted and useful and not drawing)

    def _activate(self, view: SliceView) -> None:
        if view is not self._active:
            self._active = view
            self._show_crosshair()
            # a tool may show its work in the pane alone that is worked in
            self.sketch_changed()
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
        if self._maximised is None and self._has_planes:
            self._shares[self.beside is not None] = self._columns.sizes()
            self._row_shares = self._rows.sizes()

    @Slot()
    def _on_range(self) -> None:
        leader = self.sender()
        if self._linking or not isinstance(leader, SliceView):
            return
        self._linking = True
        crosshair = (float(self._position[0]), float(self._position[1]), float(self._position[2]))
        # a pane that fits itself to its own size does not move the others
        for view in self._panes if not leader.is_fitted else ():
            if view is leader or view.isHidden():
                continue
            if self._is_pair(view, leader):
                view.set_camera(leader.camera)
            elif self._zoom_linked:
                follow_zoom(view, leader, crosshair)
        self._linking = False
        self.view_range_changed.emit()

    @Slot(object)
    def _on_hovered(self, xyz: Voxel | None) -> None:
        source = self.sender()
        if self.beside is not None:
            for view in self._panes:
                view.set_pointer(xyz if isinstance(source, SliceView) and self._is_pair(view, source) else None)
        self.hovered.emit(xyz)

    @Slot()
    def _on_maximise(self) -> None:
        view = self.sender()
        if view is self._beside:
            view = self._maximised or self._main
        if isinstance(view, SliceView):
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
    made.setStyleSheet(f"QSplitter::handle {{ background: {theme.scan_color('panel')}; }}")
    return made
