"""Draws a scan once where nobody sees it, so that the first one seen need not wait for fonts and letters."""

from __future__ import annotations

import numpy as np

from core.geometry import Geometry, Plane
from core.volume import Volume
from gui.viewer.slice_view import SliceView

_SIDE = 200
"""Pixels: room for the words and the bar."""


def rehearse() -> None:
    """Draw every plane of a small made-up scan in a pane of its own, with letters and words."""
    shape = (8, 8, 8)
    volume = Volume(np.arange(512, dtype=np.int16).reshape(shape), Geometry(shape, np.diag([-1.0, -1.0, 1.0, 1.0])))
    pane = SliceView()
    pane.resize(_SIDE, _SIDE)
    pane.set_details(True)
    for plane in Plane:
        pane.show_volume(volume, plane)
        pane.grab()
    pane.deleteLater()
