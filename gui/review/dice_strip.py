"""Dice of every slice as a curve; a click goes to the slice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from core.messages import text
from gui import plots, theme

_FEW = 40


def stands_alone(known: NDArray[np.bool_]) -> bool:
    """Whether a slice has a value and neither neighbour has: no line reaches it, only a dot shows it."""
    beside = np.pad(known, 1)
    return bool((known & ~beside[:-2] & ~beside[2:]).any())


class DiceStrip(plots.QuietPlot):
    """The curve, the slice shown as a line."""

    slice_chosen = Signal(int)
    """Native slice (from 0) that was clicked or dragged to."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, whole=True)
        self.setFixedHeight(118)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        item = self.getPlotItem()
        item.getAxis("left").setWidth(30)
        item.setYRange(0.0, 1.0, padding=0.04)
        self._curve = item.plot(
            antialias=True,
            connect="finite",
            symbol="o",
            symbolSize=3.5,
            symbolPen=None,
        )
        self._here = pg.InfiniteLine(angle=90)
        item.addItem(self._here)
        self.tint(self._tint)
        self._values: NDArray[np.float64] = np.zeros(0)
        self._dragging = False
        self.setToolTip(text("review.strip_tip"))

    def _tint(self) -> None:
        self._curve.setPen(plots.pen("train", 1.8))
        self._curve.setSymbolBrush(theme.color("train"))
        self._here.setPen(plots.pen("crosshair", 1.2))

    @property
    def values(self) -> NDArray[np.float64]:
        """Dice per slice; NaN where there is none."""
        return self._values

    def show_values(self, values: NDArray[np.float64]) -> None:
        """Show another scan's or label's slices."""
        self._values = values
        numbers = np.arange(1, len(values) + 1, dtype=float)
        known = np.isfinite(values)
        there = bool(known.any())
        self._curve.setSymbol("o" if there and (len(values) < _FEW or stands_alone(known)) else None)
        self._curve.setData(numbers if there else [], values if there else [])
        self.getPlotItem().setXRange(1, max(2, len(values)), padding=0.03)
        finite = values[np.isfinite(values)]
        low = float(finite.min()) if finite.size else 0.0
        self.getPlotItem().setYRange(max(0.0, low - 0.05), 1.0, padding=0.04)

    @Slot(int)
    def set_index(self, index: int) -> None:
        """Mark the slice shown (from 0)."""
        self._here.setValue(index + 1)

    def slice_at(self, place: QPointF) -> int:
        """Return the slice (from 0) under a point of the widget."""
        x = self.getPlotItem().vb.mapSceneToView(self.mapToScene(place.toPoint())).x()
        return int(np.clip(round(x) - 1, 0, max(0, len(self._values) - 1)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and len(self._values):
            self._dragging = True
            self.slice_chosen.emit(self.slice_at(event.position()))
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragging:
            self.slice_chosen.emit(self.slice_at(event.position()))
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragging = False
        event.accept()

    def wheelEvent(self, event: Any) -> None:
        event.ignore()

    def leaveEvent(self, event: QEvent) -> None:
        self._dragging = False
        super().leaveEvent(event)
