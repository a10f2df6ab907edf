"""Whether words that a window shows can be told from what they stand on, in the picture of it."""

from __future__ import annotations

import numpy as np
from fitting import said
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QScrollArea, QWidget
from viewer_support import pixels_of

LEAST = 3.0
"""Contrast of the brightest and the darkest pixel; thin letters never reach their whole colour."""
_CODES = np.arange(256) / 255
_LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4)


def unreadable(root: QWidget) -> list[str]:
    """Return what cannot be read, a line each: the kind, the words, and their contrast."""
    picture = luminance(pixels_of(root))
    found = []
    for widget in root.findChildren(QWidget):
        if (
            not widget.isVisibleTo(root)
            or not widget.isEnabled()
            or not any(letter.isalnum() for letter in said(widget))
        ):
            continue
        place = _seen(widget, root)
        part = picture[place.top() : place.bottom() + 1, place.left() : place.right() + 1]
        if part.size and (contrast := (part.max() + 0.05) / (part.min() + 0.05)) < LEAST:
            found.append(f"{type(widget).__name__} “{said(widget)}” has a contrast of {contrast:.1f}")
    return found


def luminance(codes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Relative luminance ``[y, x]`` in 0..1 of ``[y, x, 3]`` RGB, as WCAG 2.2 counts it."""
    red, green, blue = (_LINEAR[codes[..., channel]] for channel in range(3))
    return red * 0.2126 + green * 0.7152 + blue * 0.0722


def _seen(widget: QWidget, root: QWidget) -> QRect:
    """The part of a widget that is in sight, in the pixels of the root: what is scrolled away is not."""
    place = QRect(widget.mapTo(root, QPoint(0, 0)), widget.size()).intersected(root.rect())
    parent = widget.parentWidget()
    while parent is not None and parent is not root:
        if isinstance(parent, QScrollArea):
            view = parent.viewport()
            place = place.intersected(QRect(view.mapTo(root, QPoint(0, 0)), view.size()))
        parent = parent.parentWidget()
    # a sliver at the edge of what is scrolled shows no words
    return place if place.height() > widget.height() // 2 and place.width() > widget.width() // 2 else QRect()
