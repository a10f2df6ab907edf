"""Small parts that the plots of several pages share."""

from __future__ import annotations

import pyqtgraph as pg


class WholeAxis(pg.AxisItem):
    """An axis whose ticks are whole numbers: epochs, slices."""

    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        levels = [level for level in super().tickSpacing(minVal, maxVal, size) if level[0] >= 1]
        return levels or [(1.0, 0.0)]
