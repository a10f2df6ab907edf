"""Icons: our own line drawings, tinted with the colours of the theme."""

from __future__ import annotations

import functools

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QAction, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit

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


def show(sign: QLabel, name: str, color: str, size: int) -> None:
    """Show an icon on a label, ``size`` logical pixels wide, in a colour of the theme that is worn."""
    drawn = pixmap(name, color, size * 2)
    drawn.setDevicePixelRatio(2.0)
    sign.setPixmap(drawn)
    sign.setProperty("shown", [name, color, size])


@functools.cache
def icon(name: str, color: str = "text", checked: str = "accent_bright") -> QIcon:
    """Return an icon for buttons: quiet when disabled, bright when checked."""
    made = QIcon(pixmap(name, color))
    made.addPixmap(pixmap(name, "faint"), QIcon.Mode.Disabled, QIcon.State.Off)
    made.addPixmap(pixmap(name, checked), QIcon.Mode.Normal, QIcon.State.On)
    _given[made.cacheKey()] = (name, color, checked)
    return made


_given: dict[int, tuple[str, str, str]] = {}
"""What each icon shows that was ever given out, by Qt's key of it, which its copies share."""


def recolour() -> None:
    """Give all buttons and actions their icons in the colours of the theme that is worn now."""
    icon.cache_clear()
    for widget in QApplication.allWidgets():
        if isinstance(widget, QLabel) and (shown := widget.property("shown")):
            show(widget, *shown)
        holders: list[QAction | QAbstractButton] = list(widget.actions())
        if isinstance(widget, QAbstractButton):
            holders.append(widget)
        if isinstance(widget, QLineEdit):
            holders += widget.findChildren(QAction)
        for holder in holders:
            known = _given.get(holder.icon().cacheKey())
            if known is not None:
                holder.setIcon(icon(*known))


theme.changes().changed.connect(recolour)
