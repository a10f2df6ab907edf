"""Intelligent scissors: the outline snaps to edges between two clicks.

After Mortensen and Barrett, Graphical Models and Image Processing 60:349, 1998:
a path costs little along strong gradients whose direction it follows.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from core.editing.tools.shapes import check_seed

_LEAST = 0.01
"""Cost of a pixel on the strongest edge: above nothing, or detours along it would be free."""
_BLUR = 1.0
"""Gaussian in pixels: below it noise makes edges everywhere."""


def edge_cost(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what a path pays per pixel, float32 ``[row, column]`` in ``_LEAST..1``.

    Little on strong edges, 1 where nothing changes. The strongest percentile counts
    as strongest, so that a metal artefact doesn't make all else look flat.
    """
    finite = np.nan_to_num(np.ascontiguousarray(values, dtype=np.float32), posinf=0.0, neginf=0.0)
    soft = cv2.GaussianBlur(finite, (0, 0), _BLUR)
    across = cv2.Sobel(soft, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=3)
    strength = np.hypot(across, down)
    top = float(np.percentile(strength, 99.0))
    if top <= 0.0:
        return np.ones(strength.shape, dtype=np.float32)
    steep = np.clip(strength / top, 0.0, 1.0)
    return np.asarray(_LEAST + (1.0 - _LEAST) * (1.0 - steep) ** 2, dtype=np.float32)


class Scissors:
    """Paths on one slice, from the last click to wherever the pointer is.

    The least-cost tree of a click is worked out once (about 0.1 s on 512 x 512); each
    move of the pointer then only walks back along it.

    Parameters
    ----------
    values
        Real values ``[row, column]``.
    """

    def __init__(self, values: NDArray[np.float32]) -> None:
        self._cost = edge_cost(values)
        self._tree: object | None = None
        self.start: tuple[int, int] | None = None

    def anchor(self, at: tuple[int, int]) -> None:
        """Begin paths at a pixel (row, column).

        Raises
        ------
        ValueError
            If it lies outside.
        """
        # half a second that only those pay who use it
        from skimage.graph import MCP_Geometric

        check_seed(at, self._cost.shape)
        tree = MCP_Geometric(self._cost, fully_connected=True)
        tree.find_costs([at])
        self._tree, self.start = tree, at

    def path(self, to: tuple[int, int]) -> list[tuple[int, int]]:
        """Return the path from the anchor to a pixel, both included, as (row, column).

        Raises
        ------
        ValueError
            If it lies outside.
        RuntimeError
            If there is no anchor: a fault of the caller.
        """
        if self._tree is None:
            raise RuntimeError("path() before anchor()")
        check_seed(to, self._cost.shape)
        steps = self._tree.traceback(to)  # type: ignore[attr-defined] # the library has no types
        return [(int(row), int(column)) for row, column in steps]
