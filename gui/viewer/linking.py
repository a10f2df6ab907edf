"""How panes share zoom and place: planes with one another, and a scan with the next one. No widget in here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.geometry import Geometry, PlaneView
from gui.viewer.camera import Camera, extent
from gui.viewer.pane import FIT_MARGIN, Pane

_NEAR = 1.001


@dataclass(frozen=True, slots=True)
class Look:
    """Where a pane looked, so that the next scan can be looked at likewise.

    Parameters
    ----------
    zoom
        Screen pixels per unit.
    unit
        ``mm`` or ``px``.
    down, across
        From the slice's middle, in units.
    world
        RAS mm of the pane's middle.
    """

    zoom: float
    unit: str
    down: float
    across: float
    world: tuple[float, float, float]


def look_of(pane: Pane) -> Look | None:
    """Return where a pane looks; None if it shows the whole slice."""
    view, volume = pane.plane_view, pane.volume
    if view is None or volume is None or pane.is_fitted:
        return None
    camera = pane.camera
    tall, wide = extent(view)
    x, y, z = volume.geometry.to_world(_middle(pane, view))
    place = float(x), float(y), float(z)
    return Look(camera.zoom, volume.geometry.unit, camera.down - tall / 2, camera.across - wide / 2, place)


def look_again(pane: Pane, look: Look | None, *, same_person: bool) -> None:
    """Let a pane that shows another scan look as the last one did, at the same place of the same person."""
    view, volume = pane.plane_view, pane.volume
    if look is None or view is None or volume is None or look.unit != volume.geometry.unit:
        return
    tall, wide = extent(view)
    camera = Camera(look.zoom, tall / 2 + look.down, wide / 2 + look.across)
    if same_person and volume.geometry.orientation_known:
        row, column, _ = view.to_screen(volume.geometry.to_voxel(look.world))
        camera = _centred(camera, view, row, column)
    pane.set_camera(camera.within(view))


def follow_zoom(pane: Pane, leader: Pane, crosshair: tuple[float, float, float]) -> None:
    """Zoom a pane of another plane as much as the leader is zoomed, about the same place.

    Along the axis that the leader cannot move, a pane stays where it is as long as
    the crosshair is seen there.
    """
    view, led_by = pane.plane_view, leader.plane_view
    if view is None or led_by is None:
        return
    ratio = leader.camera.zoom / _fitted(leader, led_by).zoom
    zoom = _fitted(pane, view).zoom * ratio
    own, wanted = list(_middle(pane, view)), list(_middle(leader, led_by))
    axis = 2 - led_by.slice_axis
    row, column, _ = view.to_screen(own)
    kept = _centred(Camera(zoom, 0.0, 0.0), view, row, column)
    wanted[axis] = own[axis] if _sees(kept, pane, view, crosshair, axis) else crosshair[axis]
    row, column, _ = view.to_screen(wanted)
    pane.set_camera(_centred(kept, view, row, column).within(view))


def keep_seen(pane: Pane, xyz: tuple[float, float, float]) -> None:
    """Move a zoomed pane so far that a voxel is seen again."""
    view = pane.plane_view
    if view is None or pane.is_fitted:
        return
    if not all(_sees(pane.camera, pane, view, xyz, axis) for axis in range(3) if axis != 2 - view.slice_axis):
        row, column, _ = view.to_screen(xyz)
        pane.set_camera(_centred(pane.camera, view, row, column).within(view))


def world_place(place: tuple[int, int, int], was: Geometry, now: Geometry) -> tuple[int, int, int] | None:
    """Return the voxel of another scan at the same place of the world; None outside it or where nobody knows."""
    if not (was.orientation_known and now.orientation_known):
        return None
    found = np.rint(now.to_voxel(was.to_world(place))).astype(int)
    if not all(0 <= at < count for at, count in zip(found, now.shape[::-1], strict=True)):
        return None
    return int(found[0]), int(found[1]), int(found[2])


def _fitted(pane: Pane, view: PlaneView) -> Camera:
    return Camera.fitted(view, pane.width(), pane.height(), FIT_MARGIN)


def _middle(pane: Pane, view: PlaneView) -> tuple[float, float, float]:
    """Return the voxel (x, y, z) in the middle of a pane."""
    camera = pane.camera
    return view.to_voxel(camera.down / view.row_size - 0.5, camera.across / view.column_size - 0.5, pane.index)


def _centred(camera: Camera, view: PlaneView, row: float, column: float) -> Camera:
    return Camera(camera.zoom, (row + 0.5) * view.row_size, (column + 0.5) * view.column_size)


def _sees(camera: Camera, pane: Pane, view: PlaneView, xyz: tuple[float, float, float], axis: int) -> bool:
    """Return whether a voxel is within the pane along one voxel axis (x, y, z)."""
    row, column, _ = view.to_screen(xyz)
    x, y = camera.to_point(view, pane.width(), pane.height(), row, column)
    if axis == 2 - view.row_axis:
        return 0 <= y <= pane.height()
    if axis == 2 - view.column_axis:
        return 0 <= x <= pane.width()
    return True
