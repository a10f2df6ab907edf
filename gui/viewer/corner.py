"""What stands around a slice: title, second line, orientation letters, scale bar."""

from __future__ import annotations

import math
import re

from PySide6.QtCore import QPoint, QRect, QRectF
from PySide6.QtGui import QColor, QPainter, QRegion

from core.geometry import PlaneView
from core.messages import text
from core.volume import Window
from gui import theme
from gui.viewer import words

MARGIN = 12
LETTER = 20
"""Side of the square that a letter is drawn in."""
_SHADOW = QColor(0, 0, 0, 190)
_BAR_MOST = 120
_BAR_LEAST_PANE = 170


def number(value: float) -> str:
    """Word a grey level: whole from 10 up, else three digits."""
    if abs(value) >= 10 or value == round(value):
        return f"{value:.0f}".replace("-", "\N{MINUS SIGN}")
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")


def details(view: PlaneView, window: Window, unit: str) -> str:
    """Word the second line: window, level and slice thickness."""
    said = text("viewer.window", width=number(window.width), level=number(window.center))
    if unit != "mm":
        return said
    return text("viewer.details", window=said, thickness=f"{view.slice_size:.2f}", unit=unit)


def bar_length(zoom: float, most: float = _BAR_MOST) -> float:
    """Return the longest 1, 2 or 5 times a power of ten whose bar is at most ``most`` pixels."""
    fits = most / zoom
    power = 10.0 ** math.floor(math.log10(fits))
    return next(step * power for step in (5.0, 2.0, 1.0) if step * power <= fits * (1 + 1e-9))


def _widest(line: str, strong: bool) -> int:
    """Return the width of a line whose numbers are all as long as its longest: it does not change with the slice."""
    numbers = re.findall(r"\d+", line)
    return words.width(re.sub(r"\d+", max(numbers, key=len, default=""), line), strong)


class Corner:
    """Draws the words of one pane and says where they are, so that little is repainted."""

    def __init__(self) -> None:
        self.title = ""
        self.subtitle = ""
        self.letters = ("", "", "", "")
        self.unit = "mm"
        self.shown = True

    @property
    def inset(self) -> int:
        """How far lines stay away from the sides so as not to run through the letters."""
        return LETTER + 8 if self.shown and any(self.letters) else 0

    def top_inset(self, size: QRect) -> int:
        """How far lines stay away from the top, where the letter may stand below the title."""
        return self.letter_rects(size)[2].bottom() + 5 if self.inset else 0

    def text_rect(self, size: QRect) -> QRect:
        """Return where title and second line are, at least as large as what was there before."""
        return QRect(0, 0, size.width(), MARGIN + words.line_height(True) + words.line_height(False) + 8)

    def letter_rects(self, size: QRect) -> tuple[QRect, QRect, QRect, QRect]:
        """Return the squares of the left, right, top and bottom letter, always inside the pane."""
        middle = size.center()
        half = LETTER // 2
        # in a narrow pane the title needs the whole line, and the letter steps below it
        below = MARGIN + words.line_height(True) + (words.line_height(False) + 4 if self.subtitle else 0)
        narrow = max(_widest(self.title, True), _widest(self.subtitle, False)) > middle.x() - half - MARGIN - 4
        return (
            QRect(4, middle.y() - half, LETTER, LETTER),
            QRect(size.width() - 4 - LETTER, middle.y() - half, LETTER, LETTER),
            QRect(middle.x() - half, below if narrow else 4, LETTER, LETTER),
            QRect(middle.x() - half, size.height() - 4 - LETTER, LETTER, LETTER),
        )

    def bar_rect(self, size: QRect) -> QRect:
        """Return where the scale bar is."""
        return QRect(0, size.height() - 40, _BAR_MOST + 2 * MARGIN, 40)

    def paint(self, painter: QPainter, region: QRegion, size: QRect, zoom: float) -> None:
        """Draw what lies in the region that is being painted."""
        if not self.shown:
            return
        if region.intersects(self.text_rect(size)):
            self._paint_words(painter, size)
        for letter, rect in zip(self.letters, self.letter_rects(size), strict=True):
            if letter and region.intersects(rect):
                words.draw_centered(painter, QRectF(rect), letter, "text", strong=True)
        if size.width() >= _BAR_LEAST_PANE and zoom > 0 and region.intersects(self.bar_rect(size)):
            self._paint_bar(painter, size, zoom)

    def _paint_words(self, painter: QPainter, size: QRect) -> None:
        room = size.width() - 2 * MARGIN
        top = QPoint(MARGIN, MARGIN - 3)
        words.draw(painter, top, self.title, "text", strong=True, room=room)
        words.draw(painter, top + QPoint(0, words.line_height(True) + 4), self.subtitle, "muted", room=room)

    def _paint_bar(self, painter: QPainter, size: QRect, zoom: float) -> None:
        length = bar_length(zoom)
        across = round(length * zoom)
        left, bottom = MARGIN, size.height() - MARGIN
        parts = (
            QRect(left, bottom - 1, across, 2),
            QRect(left, bottom - 5, 2, 6),
            QRect(left + across - 2, bottom - 5, 2, 6),
        )
        for part in parts:
            painter.fillRect(part.adjusted(-1, -1, 1, 1), _SHADOW)
        for part in parts:
            painter.fillRect(part, theme.qcolor("muted"))
        said = text("viewer.length", length=f"{length:g}", unit=self.unit)
        words.draw(painter, QPoint(left, bottom - 9 - words.line_height(False)), said, "muted")
