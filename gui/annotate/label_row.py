"""One label in the list: colour, name, how much there is, key, lock, eye."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QContextMenuEvent, QIcon, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QApplication, QToolButton, QWidget

from core.labels import Label
from core.messages import text
from gui import theme
from gui.icons import icon

HEIGHT = 32
_BUTTONS = 50


class LabelRow(QWidget):
    """One label.

    Parameters
    ----------
    label
        The label.
    current
        Whether it is the one that is drawn.
    visible
        Whether its mask is shown.
    can_change
        Whether it can be locked and moved.
    """

    chosen = Signal(str)
    shown = Signal(str, bool)
    locked = Signal(str, bool)
    change_asked = Signal(str)
    menu_asked = Signal(str, QPoint)
    dragged = Signal(str, int)
    """It is being dragged: its name, and where the pointer is (global y)."""
    dropped = Signal(str)
    moved = Signal(str, int)
    """By so many places (keys)."""

    def __init__(
        self, label: Label, *, current: bool, visible: bool, can_change: bool, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.label = label
        self.current = current
        self.amount = ""
        self.visible_mask = visible
        self._can_change = can_change
        self._pressed: QPoint | None = None
        self.dragging = False
        self.setFixedHeight(HEIGHT)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(label.name)
        self.setToolTip(text("annotate.label_tip", name=label.name, layer=label.layer))
        self.lock = self._button(
            icon("lock" if label.locked else "lock-open", "muted" if label.locked else "faint"),
            text("annotate.label_unlock" if label.locked else "annotate.label_lock", name=label.name),
        )
        self.lock.clicked.connect(self._toggle_lock)
        # the lock is shown where it is closed, and offered under the pointer
        self.lock.setVisible(label.locked)
        self.eye = self._button(
            icon("eye" if visible else "eye-off", "muted" if visible else "faint"),
            text("annotate.label_hide" if visible else "annotate.label_show", name=label.name),
        )
        self.eye.clicked.connect(self._toggle)
        lay = theme.row(self, gap=0)
        lay.setContentsMargins(0, 0, 3, 0)
        lay.addStretch()
        lay.addWidget(self.lock)
        lay.addWidget(self.eye)

    def _button(self, picture: QIcon, tip: str) -> QToolButton:
        made = QToolButton(self)
        made.setIcon(picture)
        made.setIconSize(QSize(16, 16))
        made.setFixedSize(24, 26)
        made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        made.setToolTip(tip)
        made.setAccessibleName(tip)
        return made

    def set_amount(self, words: str) -> None:
        """Show how much there is."""
        if words != self.amount:
            self.amount = words
            self.update()

    @Slot()
    def _toggle(self) -> None:
        self.shown.emit(self.label.name, not self.visible_mask)

    @Slot()
    def _toggle_lock(self) -> None:
        self.locked.emit(self.label.name, not self.label.locked)

    def enterEvent(self, event: object) -> None:
        self.lock.setVisible(self.label.locked or self._can_change)
        self.update()

    def leaveEvent(self, event: object) -> None:
        self.lock.setVisible(self.label.locked)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(0.5, 1, -0.5, -1)
        if self.current or self.underMouse() or self.hasFocus() or self.dragging:
            path = QPainterPath()
            path.addRoundedRect(area, theme.space("radius"), theme.space("radius"))
            painter.fillPath(path, theme.qcolor("accent_soft") if self.current else theme.qcolor("raised", 130))
            if self.hasFocus() or self.dragging:
                painter.setPen(theme.qcolor("accent"))
                painter.drawPath(path)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self.label.color))
        painter.drawRoundedRect(QRectF(8, area.center().y() - 6.5, 13, 13), 3.5, 3.5)
        painter.setFont(theme.font())
        key_left = int(area.right()) - _BUTTONS - 22
        if self.label.key:
            painter.setPen(theme.qcolor("faint"))
            key = QRectF(key_left, area.top(), 20, area.height())
            painter.drawText(key, Qt.AlignmentFlag.AlignCenter, self.label.key)
        metrics = painter.fontMetrics()
        wide = metrics.horizontalAdvance(self.amount)
        painter.setPen(theme.qcolor("muted"))
        right = QRectF(key_left - wide - 4, area.top(), wide + 2, area.height())
        painter.drawText(right, Qt.AlignmentFlag.AlignVCenter, self.amount)
        room = int(right.left()) - 30 - 8
        bright = self.current and self.visible_mask
        painter.setPen(theme.qcolor("text_bright" if bright else "text" if self.visible_mask else "faint"))
        name = metrics.elidedText(self.label.name, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(30, area.top(), room, area.height()), Qt.AlignmentFlag.AlignVCenter, name)

    # ------------------------------------------------------------ mouse, keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.position().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None or not self._can_change:
            return
        far = (event.position().toPoint() - self._pressed).manhattanLength()
        if not self.dragging and far >= QApplication.startDragDistance():
            self.dragging = True
            self.raise_()
        if self.dragging:
            self.dragged.emit(self.label.name, event.globalPosition().toPoint().y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        pressed, dragging = self._pressed, self.dragging
        self._pressed, self.dragging = None, False
        if dragging:
            self.dropped.emit(self.label.name)
        elif pressed is not None and self.rect().contains(event.position().toPoint()):
            self.chosen.emit(self.label.name)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.change_asked.emit(self.label.name)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit(self.label.name)
            return
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down) and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.moved.emit(self.label.name, 1 if event.key() == Qt.Key.Key_Down else -1)
            return
        super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu_asked.emit(self.label.name, event.globalPos())
