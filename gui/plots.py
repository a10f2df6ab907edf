"""Small parts that the plots of several pages share."""

from __future__ import annotations

from collections.abc import Callable

import pyqtgraph as pg
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication, QPen, QWheelEvent
from PySide6.QtWidgets import QFrame, QWidget

from core.messages import comma
from gui import theme

pg.setConfigOptions(antialias=True)


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


class QuietAxis(pg.AxisItem):
    """An axis whose figures are written as the language has them."""

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [comma(words) for words in super().tickStrings(values, scale, spacing)]


class WholeAxis(QuietAxis):
    """An axis whose ticks are whole numbers: epochs, slices."""

    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        levels = [level for level in super().tickSpacing(minVal, maxVal, size) if level[0] >= 1]
        return levels or [(1.0, 0.0)]


class QuietPlot(pg.PlotWidget):
    """A plot in the theme: quiet axes, faint grid, small figures, no title, no menu, nothing to drag.

    Parameters
    ----------
    whole
        The values below are whole numbers: epochs, slices.
    values
        Figures at the left and lines across at their heights are shown.
    """

    def __init__(self, parent: QWidget | None = None, *, whole: bool = False, values: bool = True) -> None:
        axes = {"bottom": WholeAxis("bottom") if whole else QuietAxis("bottom"), "left": QuietAxis("left")}
        # menus that nobody can open take half of the time that a plot takes to make
        super().__init__(parent, background=theme.color("card"), axisItems=axes, enableMenu=False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        item = self.getPlotItem()
        item.hideButtons()
        item.showGrid(x=False, y=values, alpha=0.12)
        for side in ("left", "bottom"):
            axis = item.getAxis(side)
            axis.setStyle(tickFont=theme.font("heading"), tickLength=-4)
        item.setTitle(None)
        item.setMouseEnabled(x=False, y=False)
        if not values:
            item.hideAxis("left")
        self._tints: list[Callable[[], None]] = []
        self.tint(self._tint_axes)
        theme.changes().changed.connect(self._retint)

    def wheelEvent(self, event: QWheelEvent) -> None:
        # nothing here is zoomed: the page that it stands on scrolls
        event.ignore()

    def tint(self, colour: Callable[[], None]) -> None:
        """Give what is drawn its colours, now and whenever the theme changes.

        Parameters
        ----------
        colour
            A bound method: it lives as long as the plot does.
        """
        self._tints.append(colour)
        colour()

    @Slot()
    def _retint(self) -> None:
        for colour in self._tints:
            colour()

    def _tint_axes(self) -> None:
        self.setBackground(theme.color("card"))
        for side in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(side)
            axis.setPen(pg.mkPen(theme.color("line_strong")))
            axis.setTextPen(pg.mkPen(theme.color("muted")))
