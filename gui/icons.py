"""Icons: our own line drawings, tinted with the colours of the theme."""

from __future__ import annotations

import functools

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from core.messages import RESOURCES
from gui import theme

_SIZE = 48
"""Drawn at twice the largest size used, so that it stays sharp on dense screens."""


def pixmap(name: str, color: str = "text", size: int = _SIZE) -> QPixmap:
    """Return an icon of ``resources/icons`` in a colour of the theme."""
    source = (RESOURCES / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    renderer = QSvgRenderer(QByteArray(source.replace("currentColor", theme.color(color)).encode("utf-8")))
    drawn = QPixmap(size, size)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    return drawn


@functools.cache
def icon(name: str, color: str = "text", checked: str = "accent_bright") -> QIcon:
    """Return an icon for buttons: quiet when disabled, bright when checked."""
    made = QIcon(pixmap(name, color))
    made.addPixmap(pixmap(name, "faint"), QIcon.Mode.Disabled, QIcon.State.Off)
    made.addPixmap(pixmap(name, checked), QIcon.Mode.Normal, QIcon.State.On)
    return made
