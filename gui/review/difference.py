"""Where prediction and reader differ, on the slice that the panes show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from core.messages import text
from core.volume import Volume, Window
from gui import theme
from gui.review.case import ONLY_PREDICTION, ONLY_REFERENCE
from gui.viewer.overlay import Overlay, rgb
from gui.viewer.slice_view import SliceView


class Spot(QWidget):
    """The coloured square of a legend."""

    def __init__(self, color: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._color = QColor(color)
        self.setFixedSize(QSize(11, 11))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(0, 0, 0, 0))
        painter.setBrush(self._color)
        painter.drawRoundedRect(self.rect(), 3, 3)
        painter.end()


class DifferencePane(QWidget):
    """A slice view with two colours that survive colour blindness: red-orange and sky blue."""

    space_asked = Signal()
    """Look at it in space."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = SliceView()
        self.view.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.view.setMinimumHeight(120)
        self.view.set_words_visible(False)
        legend = theme.row(gap=6)
        self._reference_words = theme.label(text("review.only_reader"), "muted")
        for color, words in (
            ("only_prediction", theme.label(text("review.only_prediction"), "muted")),
            ("only_reader", self._reference_words),
        ):
            legend.addWidget(Spot(theme.scan_color(color)))
            legend.addWidget(words)
            legend.addSpacing(theme.space("s"))
        legend.addStretch(1)
        outer = theme.column(self, gap=6)
        top = theme.row(gap=theme.space("s"))
        top.addWidget(theme.heading(text("review.difference")), 1)
        self.space = theme.button(text("review.in_space"), "small", tip=text("review.in_space_tip"))
        self.space.clicked.connect(self.space_asked)
        top.addWidget(self.space)
        outer.addLayout(top)
        outer.addLayout(legend)
        outer.addWidget(self.view, 1)

    def show_volume(self, volume: Volume | None, window: Window | None) -> None:
        """Show a scan in its native plane."""
        if volume is None:
            self.view.show_volume(None)
            return
        self.view.show_volume(volume, volume.geometry.native_plane)
        if window is not None:
            self.view.set_window(window)

    def show_difference(self, difference: NDArray[np.uint8] | None, other: str = "") -> None:
        """Show where the two differ; None for nothing to compare.

        Parameters
        ----------
        other
            What the prediction is compared with, for the legend.
        """
        self._reference_words.setText(other or text("review.only_reader"))
        if difference is None:
            self.view.set_overlays([])
            return
        colors = {
            ONLY_PREDICTION: rgb(theme.scan_color("only_prediction")),
            ONLY_REFERENCE: rgb(theme.scan_color("only_reader")),
        }
        self.view.set_overlays([Overlay(difference, colors, opacity=0.75, outline=False)])

    @Slot(int)
    def set_index(self, index: int) -> None:
        """Show a slice."""
        self.view.set_index(index)
