"""Intelligent scissors: the outline snaps to edges between two clicks.

After Mortensen and Barrett, Graphical Models and Image Processing 60:349, 1998:
a path costs little along strong gradients.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.editing.tools.shapes import check_seed
from core.late import cv2

_LEAST = 0.05
"""Cost of a pixel on the strongest edge: above nothing, or detours along it would be free."""
_BLUR = 1.0
"""Gaussian in pixels: below it noise makes edges everywhere."""
_MOST = 1 << 14
"""Pixels of the tree of a click: it holds the interpreter while it grows, and a window must not wait for it."""
_CORRIDOR = 2.5
"""Half width of the strip that a rough path is made fine in, in rough pixels."""

Pixel = tuple[int, int]
Costs = NDArray[np.float32]


def edge_cost(values: NDArray[np.float32]) -> Costs:
    """Return what a path pays per pixel, float32 ``[row, column]`` in ``_LEAST..1``.

    Little on edges, 1 where nothing changes. A usual edge (the median of what is steeper
    than the mean) counts half, and stronger ones only little more: else a path would
    leave the brain for the bright skin, which is several times as strong.
    """
    finite = np.nan_to_num(np.ascontiguousarray(values, dtype=np.float32), posinf=0.0, neginf=0.0)
    soft = cv2.GaussianBlur(finite, (0, 0), _BLUR)
    across = cv2.Sobel(soft, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(soft, cv2.CV_32F, 0, 1, ksize=3)
    strength = np.hypot(across, down)
    edges = strength[strength > strength.mean()]
    if edges.size == 0:
        return np.ones(strength.shape, dtype=np.float32)
    steep = strength / (strength + np.median(edges))
    steep /= steep.max()
    return np.asarray(_LEAST + (1.0 - _LEAST) * (1.0 - steep) ** 2, dtype=np.float32)


class Scissors:
    """Paths on one slice, from the last click to wherever the pointer is.

    The least-cost tree of a click is grown once; each move of the pointer then only
    walks back along it. On a slice of more than 128 x 128 pixels the tree is grown on
    blocks of pixels, and each path is then made fine
    in a strip around the rough one: some 10 ms instead of 100 to 600.

    Parameters
    ----------
    values
        Real values ``[row, column]``.
    """

    def __init__(self, values: NDArray[np.float32]) -> None:
        self._cost = edge_cost(values)
        self._block = max(1, int(np.ceil(np.sqrt(values.size / _MOST))))
        self._rough = _blocks(self._cost, self._block)
        self._tree: object | None = None
        self.start: Pixel | None = None

    def anchor(self, at: Pixel) -> None:
        """Begin paths at a pixel (row, column).

        Raises
        ------
        ValueError
            If it lies outside.
        """
        check_seed(at, self._cost.shape)
        self._tree = _tree(self._rough, (at[0] // self._block, at[1] // self._block))
        self.start = at

    def path(self, to: Pixel) -> list[Pixel]:
        """Return the path from the anchor to a pixel, both included, as (row, column).

        Raises
        ------
        ValueError
            If it lies outside.
        RuntimeError
            If there is no anchor: a fault of the caller.
        """
        if self._tree is None or self.start is None:
            raise RuntimeError("path() before anchor()")
        check_seed(to, self._cost.shape)
        rough = _walk(self._tree, (to[0] // self._block, to[1] // self._block))
        return rough if self._block == 1 else self._refined(rough, to)

    def _refined(self, rough: list[Pixel], to: Pixel) -> list[Pixel]:
        """Return the cheapest path within a strip around a rough one, given in blocks."""
        assert self.start is not None
        block, reach = self._block, int(_CORRIDOR * self._block)
        centres = np.array(
            [self.start, *((row * block + block // 2, col * block + block // 2) for row, col in rough), to]
        )
        low = np.maximum(centres.min(axis=0) - reach, 0)
        high = np.minimum(centres.max(axis=0) + reach + 1, self._cost.shape)
        strip = np.zeros(tuple(high - low), dtype=np.uint8)
        corners = np.ascontiguousarray((centres - low)[:, ::-1], dtype=np.int32)
        cv2.polylines(strip, [corners.reshape(-1, 1, 2)], False, 1, thickness=2 * reach + 1)
        cost = self._cost[low[0] : high[0], low[1] : high[1]]
        # a cost below nothing is a wall
        walled = np.where(strip > 0, cost, np.float32(-1.0))
        tree = _tree(walled, (self.start[0] - int(low[0]), self.start[1] - int(low[1])))
        fine = _walk(tree, (to[0] - int(low[0]), to[1] - int(low[1])))
        return [(row + int(low[0]), column + int(low[1])) for row, column in fine]


def _blocks(cost: Costs, block: int) -> Costs:
    """Return the cost of each block, halfway between its least and its mean: a thin edge stays one."""
    if block == 1:
        return cost
    rows, columns = cost.shape
    padded = np.pad(cost, ((0, -rows % block), (0, -columns % block)), mode="edge")
    parts = padded.reshape(padded.shape[0] // block, block, padded.shape[1] // block, block)
    return np.ascontiguousarray((parts.min(axis=(1, 3)) + parts.mean(axis=(1, 3))) / 2)


def load() -> None:
    """Load the library that grows paths, so that the first click needn't wait for it. Any thread."""
    import skimage.graph  # noqa: F401 - half a second that only those pay who use it


def _tree(cost: Costs, at: Pixel) -> object:
    # half a second that only those pay who use it
    from skimage.graph import MCP_Geometric

    tree = MCP_Geometric(cost, fully_connected=True)
    tree.find_costs([at])
    return tree


def _walk(tree: object, to: Pixel) -> list[Pixel]:
    return [(int(row), int(column)) for row, column in tree.traceback(to)]  # type: ignore[attr-defined] # untyped
