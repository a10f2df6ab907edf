"""What a small screen needs: parts that scroll where there is no room, bars in two lines, windows that fit."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from gui import theme

_LEAST = 96
"""Height (px) that can be worked with by scrolling."""
_FRAME = 32
"""Height (px) of the bar that the desktop puts above a window."""


class Roomy(QScrollArea):
    """Asks for the room of what it holds, and scrolls that where there is less.

    Parameters
    ----------
    inside
        What it holds.
    least
        The least height (px) it can be shown in.
    sideways
        Whether it may be narrower than what it holds too.
    """

    def __init__(
        self, inside: QWidget, *, least: int = _LEAST, sideways: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._least, self._sideways = least, sideways
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        if not sideways:
            self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside.setProperty("area", "clear")
        self.viewport().setProperty("area", "clear")
        self.setWidget(inside)
        self.verticalScrollBar().rangeChanged.connect(self.updateGeometry)
        # what it holds may want more or less room later
        inside.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def sizeHint(self) -> QSize:
        inside = self.widget()
        return super().sizeHint() if inside is None else inside.sizeHint()

    def minimumSizeHint(self) -> QSize:
        inside = self.widget()
        if inside is None:
            return super().minimumSizeHint()
        needed = inside.minimumSizeHint().expandedTo(inside.minimumSize())
        # what scrolls has a bar beside it
        bar = self.verticalScrollBar()
        needed.setWidth(needed.width() + (bar.sizeHint().width() if bar.maximum() > 0 else 0))
        width = min(needed.width(), _LEAST) if self._sideways else needed.width()
        return QSize(width, min(needed.height(), self._least))

    def hasHeightForWidth(self) -> bool:
        inside = self.widget()
        lay = inside.layout() if inside is not None else None
        return lay is not None and lay.hasHeightForWidth()

    def heightForWidth(self, width: int) -> int:
        inside = self.widget()
        lay = inside.layout() if inside is not None else None
        bar = self.verticalScrollBar()
        if bar.isVisible():
            # words that would fit without the bar, and not beside it, would otherwise keep it for ever
            width -= bar.width()
        return -1 if lay is None else lay.totalHeightForWidth(width)


class Tight(QWidget):
    """Lets what it holds be as low as it can be; a scroll area alone goes by how high words in lines like to be.

    Parameters
    ----------
    inside
        What it holds.
    """

    def __init__(self, inside: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._inside = inside
        inside.setProperty("area", "clear")
        inside.setParent(self)
        inside.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
            # a scroll area hears of it by this alone
            QCoreApplication.postEvent(self, QEvent(QEvent.Type.LayoutRequest))
        return super().eventFilter(watched, event)

    def sizeHint(self) -> QSize:
        return self._inside.sizeHint()

    def minimumSizeHint(self) -> QSize:
        needed, lay = self._inside.minimumSizeHint(), self._inside.layout()
        if lay is not None and lay.hasHeightForWidth():
            needed.setHeight(lay.totalMinimumHeightForWidth(max(self.width(), needed.width())))
        return needed

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._inside.resize(self.size())


class FoldingBar(QFrame):
    """A bar of two parts: beside each other, or one below the other where the bar is too narrow.

    Parameters
    ----------
    height
        Of one line, px.
    second
        By how much two lines are higher, px.
    gap
        Between the widgets of a part, px.
    wide
        Which part takes what is left of a line that both are in.
    margin
        At its left and right, px.
    """

    def __init__(
        self,
        height: int,
        second: int,
        gap: int,
        parent: QWidget | None = None,
        *,
        wide: Literal[0, 1] = 0,
        margin: int | None = None,
    ) -> None:
        super().__init__(parent)
        self.setProperty("area", "options")
        self._one, self._two, self._wide = height, height + second, wide
        self.halves = [QWidget(), QWidget()]
        self.lines: list[QHBoxLayout] = []
        self._lay = QVBoxLayout(self)
        self._margin = theme.space("m") if margin is None else margin
        self._lay.setContentsMargins(self._margin, 0, self._margin, 0)
        self._lay.setSpacing(0)
        self._first = theme.row(gap=gap)
        self._lay.addLayout(self._first)
        for number, part in enumerate(self.halves):
            part.setProperty("area", "clear")
            self.lines.append(theme.row(part, gap=gap))
            self._first.addWidget(part, int(number == wide))
        self.folded = False
        """Whether there are two lines."""
        self.setFixedHeight(height)

    def minimumSizeHint(self) -> QSize:
        """Each part has a line of its own where it must."""
        widths = [part.minimumSizeHint().width() for part in self.halves]
        return QSize(max(widths) + 2 * self._margin, self.height())

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self.fold()
        return done

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fold()

    def needed(self) -> int:
        """Return the width (px) that both parts need beside each other."""
        return sum(part.minimumSizeHint().width() for part in self.halves)

    def fold(self) -> None:
        """Use a line or two, by what both parts need."""
        folded = self.needed() + self._first.spacing() + 2 * self._margin > self.width()
        if folded == self.folded:
            return
        self.folded = folded
        second = self.halves[1]
        (self._first if folded else self._lay).removeWidget(second)
        if folded:
            self._lay.addWidget(second)
        else:
            self._first.addWidget(second, self._wide)
        self.setFixedHeight(self._two if folded else self._one)


def keep_on_screen(window: QWidget) -> None:
    """Make a window no larger than the screen it is on has room for, as far as what is in it lets that."""
    room = room_of(window)
    window.setMinimumSize(window.minimumSize().boundedTo(room))
    window.resize(window.size().boundedTo(room).expandedTo(window.minimumSizeHint()))


def room_of(window: QWidget) -> QSize:
    """Return how large a window can be on its screen: in any case as large as the one it belongs to."""
    room, parent = window.screen().availableSize(), window.parentWidget()
    room.setHeight(room.height() - _FRAME)
    return room if parent is None else room.expandedTo(parent.window().size())
