"""The first-run tour: five cards beside what they are about; anything may be done meanwhile."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QApplication, QFrame, QWidget

from core.messages import text
from gui import theme

STEPS = ("worklist", "views", "tools", "labels", "loop")
_CARD = 340
_RIM = 4
_GAP = 14
# what a shortcut would take for itself is asked for first
_KEYS = (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress)


class _Shade(QWidget):
    """Darkens the window but for the part that is spoken of; the mouse goes through it."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.lit = QRect()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole, hole = QPainterPath(), QPainterPath()
        whole.addRect(self.rect())
        hole.addRoundedRect(self.lit, theme.space("radius"), theme.space("radius"))
        painter.fillPath(whole.subtracted(hole), theme.qcolor("viewer", 130))
        painter.setPen(QPen(theme.qcolor("accent"), 2))
        painter.drawPath(hole)


class Tour(QObject):
    """Walks a person through the window once.

    Parameters
    ----------
    window
        What is covered.
    places
        Per name of :data:`STEPS`: the part of the window that step is about.
    """

    ended = Signal()
    """The tour was walked to its end or skipped."""

    def __init__(self, window: QWidget, places: dict[str, QWidget]) -> None:
        super().__init__(window)
        self._window = window
        self._places = places
        self.step = 0
        self._shade = _Shade(window)
        self.card = self._make_card()
        window.installEventFilter(self)
        self.card.installEventFilter(self)
        # wherever in the window the keyboard is
        self._program = QApplication.instance()
        assert self._program is not None
        self._program.installEventFilter(self)
        self._shade.show()
        self.card.show()
        self._show()
        self.next_button.setFocus()

    def _make_card(self) -> QFrame:
        card = QFrame(self._window)
        card.setObjectName("tour")
        theme.style(
            card,
            "#tour { background: $raised; border: 1px solid $accent;"
            f" border-radius: {theme.space('radius') + 2}px; }} #tour QLabel {{ background: transparent; }}",
        )
        lay = theme.column(card, margin=theme.space("l"), gap=theme.space("s"))
        self.title = theme.label("", "strong")
        theme.style(self.title, "font-size: 15px; font-weight: 600; color: $text_bright;")
        self.words = theme.label("", wrap=True)
        self.count = theme.label("", "muted")
        self.skip_button = theme.button(text("tour.skip"), "flat")
        self.back_button = theme.button(text("tour.back"), "small")
        self.next_button = theme.primary_button(text("tour.next"))
        self.skip_button.clicked.connect(self.end)
        self.back_button.clicked.connect(self.back)
        self.next_button.clicked.connect(self.forward)
        lay.addWidget(self.title)
        lay.addWidget(self.words)
        lay.addSpacing(6)
        line = theme.row()
        line.addWidget(self.count)
        line.addStretch()
        for button in (self.skip_button, self.back_button, self.next_button):
            line.addWidget(button)
        lay.addLayout(line)
        # some languages need more words to leave
        ends = (self.count, self.skip_button, self.back_button, self.next_button)
        self.count.setText(text("tour.step", step=len(STEPS), steps=len(STEPS)))
        wide = sum(part.sizeHint().width() for part in ends) + line.spacing() * len(ends) + 2 * theme.space("l")
        self._wide = max(_CARD, wide)
        card.setFixedWidth(self._wide)
        return card

    @Slot()
    def forward(self) -> None:
        """Go to the next step, or end after the last."""
        if self.step == len(STEPS) - 1:
            self.end()
            return
        self.step += 1
        self._show()

    @Slot()
    def back(self) -> None:
        """Go to the step before."""
        self.step = max(0, self.step - 1)
        self._show()

    @Slot()
    def end(self) -> None:
        """Take the cards away."""
        self._window.removeEventFilter(self)
        if self._program is not None:
            self._program.removeEventFilter(self)
        for widget in (self._shade, self.card):
            widget.hide()
            widget.deleteLater()
        self.ended.emit()
        self.deleteLater()

    def _show(self) -> None:
        name, last = STEPS[self.step], self.step == len(STEPS) - 1
        self.title.setText(text(f"tour.{name}_title"))
        self.words.setText(text(f"tour.{name}_words"))
        self.count.setText(text("tour.step", step=self.step + 1, steps=len(STEPS)))
        self.skip_button.setVisible(not last)
        self.back_button.setVisible(self.step > 0)
        self.next_button.setText(text("tour.finish" if last else "tour.next"))
        self._place()

    def _place(self) -> None:
        """Light the part that is spoken of and put the card where there is room beside it."""
        part = self._places[STEPS[self.step]]
        inside = self._window.rect()
        lit = QRect(part.mapTo(self._window, QPoint()), part.size()).adjusted(-_RIM, -_RIM, _RIM, _RIM)
        self._shade.setGeometry(inside)
        self._shade.lit = lit.intersected(inside.adjusted(1, 1, -1, -1))
        lay = self.card.layout()
        height = lay.totalHeightForWidth(self._wide) if lay is not None else self.card.sizeHint().height()
        self.card.resize(self._wide, max(height, self.card.minimumSizeHint().height()))
        self.card.move(self._beside(lit, inside))
        self._shade.raise_()
        self.card.raise_()
        self._shade.update()

    def _beside(self, lit: QRect, inside: QRect) -> QPoint:
        size = self.card.size()
        top = min(max(lit.center().y() - size.height() // 2, _GAP), inside.height() - size.height() - _GAP)
        if lit.right() + _GAP + size.width() < inside.right():
            return QPoint(lit.right() + _GAP, top)
        if lit.left() - _GAP - size.width() > inside.left():
            return QPoint(lit.left() - _GAP - size.width(), top)
        across = min(max(lit.center().x() - size.width() // 2, _GAP), inside.width() - size.width() - _GAP)
        if lit.bottom() + _GAP + size.height() < inside.bottom():
            return QPoint(across, lit.bottom() + _GAP)
        return QPoint(across, lit.bottom() - size.height() - 3 * _GAP)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._window and event.type() == QEvent.Type.Resize:
            self._place()
        if event.type() in _KEYS and isinstance(event, QKeyEvent) and self._leaves(watched, event):
            event.accept()
            if event.type() == QEvent.Type.KeyPress:
                self.end()
            return True
        if watched is self.card and event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            ways = {Qt.Key.Key_Return: self.forward, Qt.Key.Key_Enter: self.forward}
            way = ways.get(Qt.Key(event.key()))
            if way is not None:
                way()
                return True
        return super().eventFilter(watched, event)

    def _leaves(self, watched: QObject, event: QKeyEvent) -> bool:
        """Whether it is Esc, pressed in the window and not in a dialog or a menu."""
        inside = isinstance(watched, QWidget) and watched.window() is self._window
        return inside and event.key() == Qt.Key.Key_Escape and QApplication.activePopupWidget() is None
