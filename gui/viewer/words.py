"""Words that stay readable on black air and white bone alike: drawn once with a soft dark halo, then kept."""

from __future__ import annotations

import functools
import math

import numpy as np
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetrics, QImage, QPainter

from core.late import cv2
from gui import theme

HALO = 5
"""How far the halo reaches around the words, in logical pixels."""
_BLUR = 1.8
_STRENGTH = 5.0


@functools.lru_cache(maxsize=512)
def _words(words: str, strong: bool, color: str, ratio: float) -> QImage:
    font = font_of(strong)
    metrics = QFontMetrics(font)
    width = math.ceil((metrics.horizontalAdvance(words) + 2 * HALO) * ratio)
    height = math.ceil((metrics.height() + 2 * HALO) * ratio)
    base = QPointF(HALO, HALO + metrics.ascent())

    def write(image: QImage, pen: str) -> None:
        painter = QPainter(image)
        painter.setFont(font)
        painter.setPen(theme.scan_qcolor(pen))
        painter.drawText(base, words)
        painter.end()

    shape = QImage(width, height, QImage.Format.Format_ARGB32_Premultiplied)
    shape.setDevicePixelRatio(ratio)
    shape.fill(Qt.GlobalColor.transparent)
    write(shape, color)
    written = np.frombuffer(shape.constBits(), np.uint8).reshape(height, width, 4)[..., 3]
    blurred = cv2.GaussianBlur(np.ascontiguousarray(written), (0, 0), _BLUR * ratio)
    dark = np.zeros((height, width, 4), np.uint8)
    dark[..., 3] = cv2.convertScaleAbs(blurred, alpha=_STRENGTH)
    halo = QImage(dark.data, width, height, dark.strides[0], QImage.Format.Format_ARGB32_Premultiplied).copy()
    halo.setDevicePixelRatio(ratio)
    write(halo, color)
    return halo


@functools.cache
def font_of(strong: bool) -> QFont:
    """Return the font of titles and letters (strong) or of second lines."""
    return theme.font("small", weight=QFont.Weight.DemiBold if strong else QFont.Weight.Normal)


def line_height(strong: bool) -> int:
    """Return the height of a line of words."""
    return QFontMetrics(font_of(strong)).height()


def width(words: str, strong: bool) -> int:
    """Return how wide words are, in logical pixels."""
    return QFontMetrics(font_of(strong)).horizontalAdvance(words)


def draw(painter: QPainter, place: QPoint, words: str, color: str, *, strong: bool = False, room: int = 0) -> None:
    """Draw words with their top left at a place, shortened to ``room`` pixels if that is given."""
    if room > 0:
        words = QFontMetrics(font_of(strong)).elidedText(words, Qt.TextElideMode.ElideRight, room)
    if words:
        painter.drawImage(
            place - QPoint(HALO, HALO), _words(words, strong, color, painter.device().devicePixelRatioF())
        )


def draw_centered(painter: QPainter, rect: QRectF, words: str, color: str, *, strong: bool = False) -> None:
    """Draw words in the middle of a rectangle."""
    metrics = QFontMetrics(font_of(strong))
    left = rect.center().x() - metrics.horizontalAdvance(words) / 2
    draw(painter, QPoint(round(left), round(rect.center().y() - metrics.height() / 2)), words, color, strong=strong)
