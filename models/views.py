"""One network, three planes: a scan is predicted slice by slice along each of its axes, and the three are averaged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.events import StopCheck, never_stop
from core.geometry import Plane, PlaneView
from core.volume import Volume
from models.inference import Predictor

WEIGHTS = {Plane.AXIAL: 0.4, Plane.CORONAL: 0.4, Plane.SAGITTAL: 0.2}
"""As FastSurferCNN weighs them: left and right cannot be told apart on a sagittal slice."""
FEWEST = 8
"""With fewer voxels along any axis there is nothing to be seen along the others."""
Found = dict[str, NDArray[np.uint8]]


def has_three(volume: Volume) -> bool:
    """Whether a scan is thick enough to be looked at along three axes."""
    return min(volume.shape) >= FEWEST


def in_three_views(
    predictor: Predictor, volume: Volume, should_stop: StopCheck = never_stop
) -> Iterator[tuple[int, Found]]:
    """Do what :meth:`Predictor.predict_in_pieces` does along three axes, yielding (native slices' worth done, arrays).

    The slices of the scan's own plane are predicted as they are; those of the other planes as they are
    usually shown, head or nose up. Only the last arrays that are yielded are those of all three.

    Raises
    ------
    LearningError
        As :meth:`Predictor.predict_in_pieces`.
    Cancelled
        If ``should_stop`` asks for anything.
    """
    native = volume.geometry.native_plane
    planes = [plane for plane in Plane if plane is not native]
    work = sum(volume.shape)
    total = {name: np.zeros(volume.shape, dtype=np.float32) for name in predictor.labels}
    done = 0
    own: Found = {}
    # its own plane last: what the predictor says of itself is then of the scan as it is
    for plane in (*planes, native):
        view = volume.geometry.view(plane)
        scan = volume if plane is native else turned(volume, view)
        found: Found = {}
        for inside, found in predictor.predict_in_pieces(scan, should_stop):
            own = found if plane is native else own
            yield min(volume.shape[0] - 1, (done + inside) * volume.shape[0] // work), own
        for name, probability in found.items():
            back = probability if plane is native else _back(probability, view, volume.shape)
            total[name] += np.float32(WEIGHTS[plane]) * back
        done += scan.shape[0]
    yield volume.shape[0], {name: np.rint(part).clip(0, 255).astype(np.uint8) for name, part in total.items()}


def turned(volume: Volume, view: PlaneView) -> Volume:
    """Return the scan with another plane as its slices, laid as it is shown."""
    array = np.ascontiguousarray(np.stack([view.extract(volume.array, index) for index in range(view.slices)]))
    origin = np.array(view.to_voxel(0, 0, 0))
    # array axes (z, y, x) of the turned scan are slice, row, column
    steps = [np.array(view.to_voxel(*place)) - origin for place in ((0, 1, 0), (1, 0, 0), (0, 0, 1))]
    to_old = np.eye(4)
    to_old[:3, :3] = np.stack(steps, axis=1)
    to_old[:3, 3] = origin
    geometry = replace(volume.geometry, shape=array.shape[:3], affine=volume.geometry.affine @ to_old)
    return replace(volume, array=array, geometry=geometry)


def _back(found: NDArray[np.uint8], view: PlaneView, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Lay what was found on the slices of a turned scan back onto the scan."""
    result = np.zeros(shape, dtype=np.uint8)
    for index in range(view.slices):
        view.extract(result, index)[...] = found[index]
    return result
