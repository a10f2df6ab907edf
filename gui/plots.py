"""Small parts that the plots of several pages share."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QPen

from gui import theme


def pen(color: str, width: float, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> QPen:
    """Return the pen of a plot's line in a theme colour, ``width`` in logical pixels."""
    return pg.mkPen(theme.color(color), width=width * density(), style=style)


def density() -> float:
    """Return how many device pixels a logical one has.

    Plots draw with cosmetic pens, which count device pixels: on a screen of twice the
    density a line would be half as thick as everything beside it.
    """
    screen = QGuiApplication.primaryScreen()
    return screen.devicePixelRatio() if screen is not None else 1.0


class WholeAxis(pg.AxisItem):
    """An axis whose ticks are whole numbers: epochs, slices."""

    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        levels = [level for level in super().tickSpacing(minVal, maxVal, size) if level[0] >= 1]
        return levels or [(1.0, 0.0)]
