"""Titled panes of one plane that move together: scan, annotation, prediction, stripped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QGridLayout, QWidget

from core.geometry import Box, Plane
from core.volume import Volume, Window
from gui.viewer.overlay import Overlay
from gui.viewer.slice_view import SliceView, Voxel


class ComparePanes(QWidget):
    """Panes linked in slice, zoom, crosshair and window; each with its own masks and, if wanted, its own volume.

    Parameters
    ----------
    count
        Number of panes, laid out in two columns.
    """

    hovered = Signal(object)
    """Voxel (x, y, z) under the pointer as whole numbers, or None."""
    index_changed = Signal(int)
    """Another slice is shown."""
    window_changed = Signal(object)
    """Other grey levels (:class:`core.volume.Window`)."""

    def __init__(self, count: int = 4, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._views = tuple(SliceView() for _ in range(count))
        self._linking = False
        self._index = 0
        self._window: Window | None = None
        self._maximised: SliceView | None = None
        self._wanted = [True] * count
        # the hairlines between the panes are this widget's own ground
        self.setProperty("area", "gaps")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(2)
        columns = 1 if count == 1 else 2
        for place, view in enumerate(self._views):
            grid.addWidget(view, place // columns, place % columns)
            grid.setRowStretch(place // columns, 1)
            grid.setColumnStretch(place % columns, 1)
            view.index_changed.connect(self.set_index)
            view.window_changed.connect(self.set_window)
            view.view_range_changed.connect(self._on_range)
            view.hovered.connect(self._on_hovered)
            view.crosshair_moved.connect(self._on_crosshair)
            view.maximise_requested.connect(self._on_maximise)

    # ------------------------------------------------------------------ what is shown

    def set_volume(self, volume: Volume | None, plane: Plane | None = None, window: Window | None = None) -> None:
        """Show a scan in every pane: its native plane unless another is asked for; None empties them."""
        self._linking = True
        for view in self._views:
            view.show_volume(volume, plane or (volume.geometry.native_plane if volume else Plane.AXIAL))
            if window is not None:
                view.set_window(window)
        self._linking = False
        self._index, self._window = self.index, self._views[0].window_shown
        if volume is not None:
            self.index_changed.emit(self._index)

    def set_pane(
        self, place: int, title: str, subtitle: str = "", overlays: Sequence[Overlay] = (), volume: Volume | None = None
    ) -> None:
        """Give a pane its words and masks and, where it shows something else (the stripped brain), its volume.

        Parameters
        ----------
        place
            Number of the pane, from 0 at the top left, row by row.
        volume
            Of the same grid as the scan; None leaves what is there.
        """
        view = self._views[place]
        view.set_title(title.upper(), subtitle)
        if volume is not None:
            view.replace_volume(volume)
        view.set_overlays(overlays)

    def set_subtitle(self, place: int, subtitle: str) -> None:
        """Change the second line of a pane."""
        view = self._views[place]
        view.set_title(view.words[0], subtitle)

    def set_pane_visible(self, place: int, visible: bool) -> None:
        """Show or hide a pane."""
        self._wanted[place] = visible
        self._arrange()

    def refresh(self, box: Box | None = None) -> None:
        """Draw the masks anew where a box of voxels was touched, or all of them."""
        for view in self._views:
            view.refresh(box)

    @Slot(int)
    def set_index(self, index: int) -> None:
        """Show a slice in every pane."""
        if self._linking:
            return
        before, self._linking = self._index, True
        for view in self._views:
            view.set_index(index)
        self._linking = False
        self._index = self.index
        if self._index != before:
            self.index_changed.emit(self._index)

    @Slot(object)
    def set_window(self, window: Window) -> None:
        """Show other grey levels in every pane."""
        if self._linking or window == self._window or not self.slices:
            return
        self._window = window
        self._linking = True
        for view in self._views:
            view.set_window(window)
        self._linking = False
        self.window_changed.emit(window)

    def set_smooth(self, smooth: bool) -> None:
        """Interpolate between pixels, or show them as squares."""
        for view in self._views:
            view.set_smooth(smooth)

    def set_radiological(self, radiological: bool) -> None:
        """Show the patient's right on the screen's left (radiological) or right."""
        for view in self._views:
            view.set_radiological(radiological)

    def set_mouse(self, ways: Mapping[str, str]) -> None:
        """Let the mouse do what a keymap says."""
        for view in self._views:
            view.set_mouse(ways)

    def set_overlays_visible(self, visible: bool) -> None:
        """Show or hide all masks at once."""
        for view in self._views:
            view.set_overlays_visible(visible)

    def fit(self) -> None:
        """Show whole slices."""
        for view in self._views:
            view.fit()

    def maximise(self, place: int | None) -> None:
        """Give one pane all the room, or (None) every pane its own."""
        self._maximised = None if place is None else self._views[place]
        self._arrange()

    # ------------------------------------------------------------------ facts

    @property
    def views(self) -> tuple[SliceView, ...]:
        """The panes, row by row."""
        return self._views

    def pane(self, place: int) -> SliceView:
        """Return one pane."""
        return self._views[place]

    @property
    def index(self) -> int:
        """The slice shown."""
        return self._views[0].index

    @property
    def slices(self) -> int:
        """Slices of the plane shown."""
        return self._views[0].slices

    @property
    def window_shown(self) -> Window | None:
        """The grey levels shown."""
        return self._window

    def _arrange(self) -> None:
        for view, wanted in zip(self._views, self._wanted, strict=True):
            view.setVisible(wanted if self._maximised is None else view is self._maximised)

    # ------------------------------------------------------------------ what the panes say

    @Slot()
    def _on_range(self) -> None:
        source = self.sender()
        # a pane that fits itself to its own size does not move the others
        if self._linking or not isinstance(source, SliceView) or source.is_fitted:
            return
        self._linking = True
        for view in self._views:
            if view is not source:
                view.set_camera(source.camera)
        self._linking = False

    @Slot(object)
    def _on_hovered(self, xyz: Voxel | None) -> None:
        source = self.sender()
        for view in self._views:
            view.set_pointer(None if view is source else xyz)
        self.hovered.emit(xyz)

    @Slot(object)
    def _on_crosshair(self, xyz: Voxel) -> None:
        for view in self._views:
            view.set_crosshair(xyz)

    @Slot()
    def _on_maximise(self) -> None:
        view = self.sender()
        if isinstance(view, SliceView):
            self._maximised = None if self._maximised is view else view
            self._arrange()
