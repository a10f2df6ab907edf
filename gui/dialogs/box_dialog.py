"""Boxes over words that are burnt into pictures: drawn on a slice, blanked in every picture that goes out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSlider, QWidget

from core.geometry import Array
from core.messages import text
from core.volume import Volume
from gui import theme
from gui.dialogs.base import Dialog

PixelBox = tuple[int, int, int, int]
"""Left, top, width, height in pixels of the file."""
_LEAST = 2
_DARKEST, _BRIGHTEST = 0.5, 99.9


class BoxPicture(QWidget):
    """A slice on which boxes are drawn by dragging, and taken away by a click."""

    changed = Signal()

    def __init__(self, boxes: Sequence[PixelBox], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.boxes = list(boxes)
        self._image = QImage()
        self._from: QPointF | None = None
        self._to = QPointF()
        self.setMinimumSize(420, 380)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName(text("boxes.picture"))

    def show_slice(self, array: Array) -> None:
        """Show ``[y, x]`` or ``[y, x, 3]`` of any numbers, as bright as its own values."""
        pixels = _bytes(array)
        kind = QImage.Format.Format_RGB888 if pixels.ndim == 3 else QImage.Format.Format_Grayscale8
        self._image = QImage(pixels.tobytes(), pixels.shape[1], pixels.shape[0], pixels.strides[0], kind).copy()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(560, 460)

    def _shown(self) -> tuple[float, QPointF]:
        """Return how large a pixel is on the screen, and where the first one is."""
        size = self._image.size()
        scale = min(self.width() / max(1, size.width()), self.height() / max(1, size.height()))
        left = (self.width() - scale * size.width()) / 2
        return scale, QPointF(left, (self.height() - scale * size.height()) / 2)

    def place_of(self, column: float, row: float) -> QPointF:
        """Return where the corner of a pixel is on the screen."""
        scale, first = self._shown()
        return QPointF(first.x() + scale * column, first.y() + scale * row)

    def _pixel(self, place: QPointF) -> QPointF:
        scale, first = self._shown()
        column = min(max((place.x() - first.x()) / scale, 0.0), float(self._image.width()))
        return QPointF(column, min(max((place.y() - first.y()) / scale, 0.0), float(self._image.height())))

    def _drawn(self) -> PixelBox | None:
        if self._from is None:
            return None
        low = (min(self._from.x(), self._to.x()), min(self._from.y(), self._to.y()))
        high = (max(self._from.x(), self._to.x()), max(self._from.y(), self._to.y()))
        left, top = int(low[0]), int(low[1])
        box = left, top, int(np.ceil(high[0])) - left, int(np.ceil(high[1])) - top
        return box if min(box[2:]) >= _LEAST else None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton and not self._image.isNull():
            self._from = self._to = self._pixel(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._from is not None:
            self._to = self._pixel(event.position())
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._from is None:
            return
        self._to = self._pixel(event.position())
        made, at = self._drawn(), self._to
        self._from = None
        if made is not None:
            self.boxes.append(made)
        else:
            hit = [box for box in self.boxes if QRectF(*box).contains(at)]
            if hit:
                self.boxes.remove(hit[-1])
        self.update()
        self.changed.emit()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("black"))
        scale, first = self._shown()
        size = QRectF(first.x(), first.y(), scale * self._image.width(), scale * self._image.height())
        painter.drawImage(size, self._image)
        painter.setPen(QPen(theme.qcolor("warning"), 2))
        inside = QColor(theme.qcolor("warning"))
        inside.setAlpha(90)
        painter.setBrush(inside)
        drawn = self._drawn()
        for left, top, width, height in (*self.boxes, *((drawn,) if drawn is not None else ())):
            painter.drawRect(QRectF(self.place_of(left, top), self.place_of(left + width, top + height)))
        painter.end()


class BoxDialog(Dialog):
    """Asks for boxes on the slices of a scan.

    Parameters
    ----------
    volume
        The scan shown.
    boxes
        Those drawn before.
    """

    def __init__(self, volume: Volume, boxes: Sequence[PixelBox], parent: QWidget | None = None) -> None:
        super().__init__(text("boxes.title"), text("boxes.accept"), parent, width=600)
        self._volume = volume
        self.body.addWidget(theme.label(text("boxes.about"), "muted", wrap=True))
        self.picture = BoxPicture(boxes)
        self.body.addWidget(self.picture, 1)
        self.slices = QSlider(Qt.Orientation.Horizontal)
        self.slices.setRange(0, volume.shape[0] - 1)
        self.slices.setAccessibleName(text("boxes.slice"))
        self.slices.valueChanged.connect(self._show)
        self.slices.setVisible(volume.shape[0] > 1)
        self.body.addWidget(self.slices)
        self.slices.setValue(volume.shape[0] // 2)
        self._show(self.slices.value())

    @property
    def boxes(self) -> tuple[PixelBox, ...]:
        """What is drawn."""
        return tuple(self.picture.boxes)

    @Slot(int)
    def _show(self, index: int) -> None:
        self.picture.show_slice(self._volume.array[index])


def _bytes(array: Array) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    values = np.nan_to_num(np.asarray(array, dtype=np.float32))
    low, high = np.percentile(values[::2, ::2], (_DARKEST, _BRIGHTEST))
    scaled = (values - low) * (255.0 / max(float(high - low), 1e-6))
    return np.ascontiguousarray(np.clip(scaled, 0, 255).astype(np.uint8))
