"""One small mark per native slice: drawn, predicted, corrected, finished, missing, and where we are."""

from __future__ import annotations

from enum import Enum

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPixmap, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QToolTip, QWidget

from core.editing.editor import Editor
from core.labels import PALETTE
from core.messages import text
from core.project.records import Origin
from gui import theme
from gui.class_words import shown_value
from gui.session import Session
from gui.viewer.remarks import missing_slices

_EDGE = 14
_TOP, _HEIGHT = 6.0, 8.0
_GAP_FROM = 4.0
_FLAG = 6.0
"""From the middle of a flag to where a click still means it, px."""


class Mark(Enum):
    """What is known of a slice, worded by ``annotate.strip_<value>``."""

    PLAIN = "plain"
    UNKNOWN = "unknown"
    DRAWN = "drawn"
    PREDICTED = "predicted"
    CORRECTED = "corrected"
    MISSING = "missing"


class SliceStrip(QWidget):
    """Below the scan, told apart by shape and not by colour alone; a click goes there.

    Full: drawn. Hollow: predicted. Half full: corrected. Crossed: no file holds it. A line below: finished.
    """

    slice_asked = Signal(int)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._index = 0
        self._marks: list[Mark] = []
        self._finished: list[bool] = []
        self._class, self._classes, self._values = "", dict[int, str](), tuple[str, ...]()
        self._said: dict[int, str] = {}
        self._color = theme.color("accent")
        theme.changes().changed.connect(self._forget)
        self._picture: QPixmap | None = None
        self.setFixedHeight(26)
        self.setMouseTracking(True)
        self.setAccessibleName(text("annotate.strip"))

    def sizeHint(self) -> QSize:
        return QSize(300, 26)

    @property
    def finished_count(self) -> int:
        """How many slices are finished on the layer shown."""
        return sum(self._finished)

    @property
    def marks(self) -> list[Mark]:
        """What is shown of each slice."""
        return list(self._marks)

    def show_layer(self, layer: str | None, color: str) -> None:
        """Show the state of a layer (None: of the slices alone)."""
        editor, volume = self._session.editor, self._session.volume
        if editor is None or volume is None:
            marks, finished = [], []
        elif layer is None:
            marks, finished = [Mark.PLAIN] * volume.shape[0], [False] * volume.shape[0]
        else:
            marks, finished = marks_of(editor, layer), [bool(on) for on in editor.finished(layer)]
        if volume is not None and marks:
            for place in missing_slices(volume):
                if place < len(marks) and marks[place] in (Mark.UNKNOWN, Mark.PLAIN):
                    marks[place] = Mark.MISSING
        if (marks, finished, color) != (self._marks, self._finished, self._color):
            self._marks, self._finished, self._color = marks, finished, color
            self._picture = None
            self.update()

    def show_classes(self, name: str, given: dict[int, str], values: tuple[str, ...]) -> None:
        """Show the value of a class by native slice: each of ``values`` has a shape of its own."""
        if (name, given, values) != (self._class, self._classes, self._values):
            self._class, self._classes, self._values = name, given, values
            self._picture = None
            self.update()

    def show_comments(self, said: dict[int, str]) -> None:
        """Mark the native slices that something is said of, with the words."""
        if said != self._said:
            self._said = said
            self._picture = None
            self.update()

    def set_index(self, index: int) -> None:
        """Mark the slice shown."""
        if index != self._index:
            self._index = index
            self.update()

    def _slice_at(self, x: float) -> int:
        count = len(self._marks)
        wide = max(1, self.width() - 2 * _EDGE)
        return min(max(int((x - _EDGE) / wide * count), 0), count - 1)

    # ------------------------------------------------------------------ painting

    def paintEvent(self, event: QPaintEvent) -> None:
        # the marks are drawn once: a thousand of them at every turn of the wheel would be felt
        if self._picture is None:
            self._picture = self._draw()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._picture)
        count = len(self._marks)
        if count:
            here = _EDGE + (self._index + 0.5) * (self.width() - 2 * _EDGE) / count
            painter.fillRect(QRectF(here - 1, 2, 2, 21), theme.qcolor("text_bright"))

    def _draw(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        picture = QPixmap(round(self.width() * ratio), round(self.height() * ratio))
        picture.setDevicePixelRatio(ratio)
        picture.fill(theme.qcolor("backdrop"))
        count = len(self._marks)
        if count:
            painter = QPainter(picture)
            step = (self.width() - 2 * _EDGE) / count
            wide = max(step - (1.0 if step >= _GAP_FROM else 0.0), 0.7)
            for place, mark in enumerate(self._marks):
                left = _EDGE + place * step
                self._draw_mark(painter, mark, QRectF(left, _TOP, wide, _HEIGHT))
                done = theme.qcolor("good" if self._finished[place] else "line")
                painter.fillRect(QRectF(left, 16, wide, 3), done)
                if place in self._classes:
                    self._draw_class(painter, self._classes[place], QRectF(left, 21, wide, 4))
            for place in self._said:
                self._draw_flag(painter, _EDGE + (place + 0.5) * step)
            painter.end()
        return picture

    def _draw_mark(self, painter: QPainter, mark: Mark, box: QRectF) -> None:
        color, empty = QColor(self._color), theme.qcolor("groove")
        if mark is Mark.MISSING:
            painter.fillRect(box, theme.qcolor("viewer"))
            painter.setPen(theme.qcolor("warning"))
            painter.drawLine(QPointF(box.left(), box.bottom() - 0.5), QPointF(box.right(), box.top()))
            return
        painter.fillRect(box, color if mark is Mark.DRAWN else empty)
        if mark is Mark.CORRECTED:
            painter.fillRect(QRectF(box.left(), box.center().y(), box.width(), box.height() / 2), color)
        if mark in (Mark.PREDICTED, Mark.CORRECTED):
            # a frame where there is room for one, else its upper and lower edge
            painter.fillRect(QRectF(box.left(), box.top(), box.width(), 1.5), color)
            painter.fillRect(QRectF(box.left(), box.bottom() - 1.5, box.width(), 1.5), color)
            if box.width() >= _GAP_FROM:
                painter.fillRect(QRectF(box.left(), box.top(), 1.5, box.height()), color)
                painter.fillRect(QRectF(box.right() - 1.5, box.top(), 1.5, box.height()), color)

    @staticmethod
    def _draw_flag(painter: QPainter, middle: float) -> None:
        """Point down at a slice that something is said of; wide enough to be hit where slices are a pixel."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.qcolor("warning"))
        corners = [QPointF(middle - 4, 0), QPointF(middle + 4, 0), QPointF(middle, _TOP)]
        painter.drawPolygon(QPolygonF(corners))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _draw_class(self, painter: QPainter, value: str, box: QRectF) -> None:
        """Draw a value: the first filled, the second hollow, others parts of the box; each with a colour of its own."""
        place = self._values.index(value) if value in self._values else len(self._values)
        color = theme.qcolor("warning") if place < 2 else QColor(PALETTE[(place + 1) % len(PALETTE)])
        wide, half = box.width() / 2, box.height() / 2
        parts = (
            box,
            box,
            QRectF(box.left(), box.center().y(), box.width(), half),
            QRectF(box.left(), box.top(), box.width(), half),
            QRectF(box.left(), box.top(), wide, box.height()),
            QRectF(box.center().x(), box.top(), wide, box.height()),
        )
        painter.fillRect(parts[min(place, len(parts) - 1)], color)
        if place == 1:
            painter.fillRect(box.adjusted(0, 1, 0, -1), theme.qcolor("backdrop"))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._picture = None

    @Slot()
    def _forget(self) -> None:
        """Draw the marks anew: the theme is another."""
        self._picture = None
        self.update()

    # ------------------------------------------------------------------ mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._go(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go(event)

    def _go(self, event: QMouseEvent) -> None:
        if self._marks:
            self.slice_asked.emit(self._hit(event.position()))

    def _hit(self, place: QPointF) -> int:
        """Return the slice at a place; above the marks the flag that is near."""
        here = self._slice_at(place.x())
        if place.y() > _TOP + 1 or not self._said:
            return here
        step = (self.width() - 2 * _EDGE) / len(self._marks)
        nearest = min(self._said, key=lambda one: abs(one - here))
        return nearest if abs(_EDGE + (nearest + 0.5) * step - place.x()) <= _FLAG else here

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent) and self._marks:
            place = self._hit(QPointF(event.pos()))
            state = "finished" if self._finished[place] else self._marks[place].value
            words = text(f"annotate.strip_{state}", slice=place + 1)
            if place in self._classes:
                words = text("classes.strip", words=words, name=self._class, value=shown_value(self._classes[place]))
            if place in self._said:
                words = f"{words}\n{self._said[place]}"
            QToolTip.showText(event.globalPos(), words, self)
            return True
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._picture = None
            self.update()
        return super().event(event)


def marks_of(editor: Editor, layer: str) -> list[Mark]:
    """Return what is known of every native slice of a layer."""
    marks = []
    for place, drawn in enumerate(editor.drawn(layer)):
        state = editor.state(layer, place)
        origin = state.origin if state is not None else None
        if origin is Origin.CORRECTED:
            marks.append(Mark.CORRECTED)
        elif origin is Origin.PREDICTED:
            # also where the run found nothing: that is what it said of this slice
            marks.append(Mark.PREDICTED)
        else:
            marks.append(Mark.DRAWN if drawn else Mark.UNKNOWN)
    return marks
