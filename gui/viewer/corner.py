"""What stands around a slice: title, second line, orientation letters, scale bar."""

from __future__ import annotations

import math

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QRegion

from core.geometry import PlaneView
from core.messages import text
from core.volume import Window
from gui import theme

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
    words = text("viewer.window", width=number(window.width), level=number(window.center))
    if unit != "mm":
        return words
    return text("viewer.details", window=words, thickness=f"{view.slice_size:.2f}", unit=unit)


def bar_length(zoom: float, most: float = _BAR_MOST) -> float:
    """Return the longest 1, 2 or 5 times a power of ten whose bar is at most ``most`` pixels."""
    fits = most / zoom
    power = 10.0 ** math.floor(math.log10(fits))
    return next(step * power for step in (5.0, 2.0, 1.0) if step * power <= fits * (1 + 1e-9))


class Corner:
    """Draws the words of one pane and says where they are, so that little is repainted."""

    def __init__(self) -> None:
        self.title = ""
        self.subtitle = ""
        self.letters = ("", "", "", "")
        self.unit = "mm"
        self.shown = True
        self._title_font = theme.font("small", weight=QFont.Weight.DemiBold)
        self._small_font = theme.font("small")
        self._title_color = theme.qcolor("text", 225)
        self._small_color = theme.qcolor("muted")

    def text_rect(self, size: QRect) -> QRect:
        """Return where title and second line are, at least as large as what was there before."""
        line = QFontMetrics(self._title_font).height()
        return QRect(0, 0, size.width(), MARGIN + 2 * line + 8)

    def letter_rects(self, size: QRect) -> tuple[QRect, QRect, QRect, QRect]:
        """Return the squares of the left, right, top and bottom letter, always inside the pane."""
        middle = size.center()
        half = LETTER // 2
        return (
            QRect(4, middle.y() - half, LETTER, LETTER),
            QRect(size.width() - 4 - LETTER, middle.y() - half, LETTER, LETTER),
            QRect(middle.x() - half, 4, LETTER, LETTER),
            QRect(middle.x() - half, size.height() - 4 - LETTER, LETTER, LETTER),
        )

    def bar_rect(self, size: QRect) -> QRect:
        """Return where the scale bar is."""
        return QRect(0, size.height() - 40, _BAR_MOST + 2 * MARGIN, 40)

    def paint(self, painter: QPainter, region: QRegion, size: QRect, zoom: float) -> None:
        """Draw what lies in the region that is being painted."""
        if not self.shown:
            return
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        if region.intersects(self.text_rect(size)):
            self._paint_words(painter, size)
        painter.setFont(self._title_font)
        for letter, rect in zip(self.letters, self.letter_rects(size), strict=True):
            if letter and region.intersects(rect):
                _shadowed(painter, rect, Qt.AlignmentFlag.AlignCenter, letter, self._title_color)
        if size.width() >= _BAR_LEAST_PANE and zoom > 0 and region.intersects(self.bar_rect(size)):
            self._paint_bar(painter, size, zoom)

    def _paint_words(self, painter: QPainter, size: QRect) -> None:
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
        top = MARGIN - 3
        for words, font, color in (
            (self.title, self._title_font, self._title_color),
            (self.subtitle, self._small_font, self._small_color),
        ):
            metrics = QFontMetrics(font)
            # the top letter stands in the middle: words end before it in a narrow pane
            room = size.width() - 2 * MARGIN
            if self.letters[2] and top < LETTER:
                room = size.width() // 2 - LETTER // 2 - MARGIN - 4
            painter.setFont(font)
            rect = QRect(MARGIN, top, room, metrics.height())
            _shadowed(painter, rect, left, metrics.elidedText(words, Qt.TextElideMode.ElideRight, room), color)
            top += metrics.height() + 4

    def _paint_bar(self, painter: QPainter, size: QRect, zoom: float) -> None:
        length = bar_length(zoom)
        pixels = round(length * zoom)
        left, bottom = MARGIN, size.height() - MARGIN
        for offset, color in ((1, _SHADOW), (0, self._small_color)):
            bottom_now = bottom + offset
            painter.fillRect(left + offset, bottom_now - 1, pixels, 2, color)
            painter.fillRect(left + offset, bottom_now - 5, 2, 6, color)
            painter.fillRect(left + offset + pixels - 2, bottom_now - 5, 2, 6, color)
        painter.setFont(self._small_font)
        words = text("viewer.length", length=f"{length:g}", unit=self.unit)
        rect = QRect(left, bottom - 26, _BAR_MOST, 18)
        _shadowed(painter, rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, words, self._small_color)


def _shadowed(painter: QPainter, rect: QRect, align: Qt.AlignmentFlag, words: str, color: QColor) -> None:
    """Draw words that stay readable on white skull and black air alike."""
    if not words:
        return
    painter.setPen(_SHADOW)
    painter.drawText(QRectF(rect.translated(1, 1)), align, words)
    painter.setPen(color)
    painter.drawText(QRectF(rect), align, words)
