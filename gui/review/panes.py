"""The panes of the Review page: one to six that move together, or two in one place (swipe, flicker)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QRect, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup, QMouseEvent, QPainter, QPaintEvent, QRegion
from PySide6.QtWidgets import QGridLayout, QMenu, QToolButton, QWidget

from core.messages import text
from core.volume import Volume, Window
from gui import icons, theme
from gui.review.contents import DIFFERENCE, PREDICTION, REFERENCE, SCAN, STRIPPED, UNSURE, Choice, Scene, Shown, show
from gui.viewer.compare_panes import ComparePanes

MOST = 6
_FLICKER_MS = 600
_HANDLE = 11


@dataclass(frozen=True)
class View:
    """A way to lay panes out: how many columns, and what they show at first; ``over`` for two in one place."""

    columns: int
    keys: tuple[str, ...]
    over: str = ""


VIEWS = {
    "one": View(1, (PREDICTION,)),
    "two": View(2, (REFERENCE, PREDICTION)),
    "four": View(2, (SCAN, REFERENCE, PREDICTION, STRIPPED)),
    "six": View(3, (SCAN, REFERENCE, PREDICTION, DIFFERENCE, UNSURE, STRIPPED)),
    "mask": View(2, (SCAN, REFERENCE)),
    "compared": View(3, (SCAN, REFERENCE, PREDICTION)),
    "stripped": View(3, (SCAN, PREDICTION, STRIPPED)),
    "swipe": View(1, (REFERENCE, PREDICTION), "swipe"),
    "flicker": View(1, (REFERENCE, PREDICTION), "flicker"),
}
FIRST = "four"


class ReviewPanes(ComparePanes):
    """Panes that each show what their menu says."""

    contents_changed = Signal()
    """Another view, or something else in a pane: more may have to be read."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(MOST, parent)
        self._subject: Volume | None = None
        self._scene: Scene | None = None
        self._choices: list[Choice] = []
        self._view = FIRST
        self._keys = {name: list(view.keys) for name, view in VIEWS.items()}
        self._shown: list[Shown] = []
        self._share = 0.5
        self._handle = _Handle(self)
        self._handle.moved.connect(self._swiped)
        self._flicker = QTimer(self)
        self._flicker.setInterval(_FLICKER_MS)
        self._flicker.timeout.connect(self._flick)
        self._front = 0
        self._menus = [_PaneMenu(view) for view in self.views]
        for place, menu in enumerate(self._menus):
            menu.setProperty("place", place)
            menu.chosen.connect(self._chosen)
        self.index_changed.connect(self._say_slice)
        self.set_view(FIRST)

    # ------------------------------------------------------------ views

    @property
    def view_name(self) -> str:
        """Name of the view (of :data:`VIEWS`)."""
        return self._view

    @property
    def keys(self) -> tuple[str, ...]:
        """What the panes show, by key."""
        return tuple(self._keys[self._view])

    @property
    def shown(self) -> tuple[Shown, ...]:
        """What is seen, pane by pane."""
        return tuple(self._shown)

    @property
    def columns(self) -> int:
        """Panes in a row."""
        return VIEWS[self._view].columns

    def wanted(self) -> list[Choice]:
        """Return what the panes show that is there to be chosen."""
        known = {choice.key: choice for choice in self._choices}
        return [known[key] for key in self.keys if key in known]

    def set_view(self, name: str) -> None:
        """Lay the panes out in another way."""
        view = VIEWS[name]
        self._view = name
        self.maximise(None)
        grid = self.layout()
        if not isinstance(grid, QGridLayout):
            return
        for number in range(MOST):
            grid.setRowStretch(number, 0)
            grid.setColumnStretch(number, 0)
        for place, pane in enumerate(self.views):
            grid.removeWidget(pane)
            used = place < len(view.keys)
            if used:
                row, column = (0, 0) if view.over else divmod(place, view.columns)
                grid.addWidget(pane, row, column)
                grid.setRowStretch(row, 1)
                grid.setColumnStretch(column, 1)
            pane.clearMask()
            self.set_pane_visible(place, used)
            self._menus[place].lie_left(bool(view.over) and place == 0)
        self._handle.setVisible(view.over == "swipe")
        self._front = 0
        if view.over == "flicker":
            self._flicker.start()
        else:
            self._flicker.stop()
        self._stack()
        self._show()
        self.contents_changed.emit()

    def put(self, place: int, key: str) -> None:
        """Show something else in a pane of this view."""
        self._keys[self._view][place] = key
        self._show()
        self.contents_changed.emit()

    def set_choices(self, choices: Sequence[Choice]) -> None:
        """Say what the panes can show."""
        self._choices = list(choices)
        for place, menu in enumerate(self._menus):
            key = self.keys[place] if place < len(self.keys) else ""
            menu.fill(self._choices, key)

    @Slot(str)
    def _chosen(self, key: str) -> None:
        menu = self.sender()
        if isinstance(menu, _PaneMenu):
            self.put(int(menu.property("place")), key)

    # ------------------------------------------------------------ contents

    def show_volume(self, volume: Volume | None, window: Window | None, start: int | None = None) -> None:
        """Show another scan at a slice (its middle if None), its masks still unknown."""
        self._subject = volume
        self._scene = None
        self._shown = []
        self.set_volume(volume, window=window)
        if volume is not None:
            self.set_index(volume.shape[0] // 2 if start is None else start)

    def show_scene(self, scene: Scene) -> None:
        """Show what was worked out."""
        self._scene = scene
        self._show()

    def _show(self) -> None:
        scene = self._scene
        self._shown = []
        known = {choice.key: choice for choice in self._choices}
        for place in range(MOST):
            key = self.keys[place] if place < len(self.keys) else ""
            self._menus[place].fill(self._choices, key)
            if scene is None or not key:
                self.set_pane(place, "")
                continue
            # what was chosen may be gone: another run, another scan
            shown = show(known.get(key, Choice(SCAN, "")), scene)
            self._shown.append(shown)
            self.set_pane(place, shown.title, shown.subtitle, shown.overlays, shown.volume)
        self._say_slice()
        self._handle.say(self._shown[1].title if len(self._shown) > 1 else "")

    @Slot()
    def _say_slice(self) -> None:
        words = text("review.slice_of", slice=self.index + 1, slices=self.slices) if self._subject is not None else ""
        for place, key in enumerate(self.keys):
            if key == SCAN:
                self.set_subtitle(place, words)
        if SCAN not in self.keys and self._shown:
            first = self._shown[0].subtitle
            self.set_subtitle(0, f"{words}   {first}" if first else words)

    # ------------------------------------------------------------ two in one place

    def resizeEvent(self, event: object) -> None:
        super().resizeEvent(event)  # type: ignore[arg-type]  # Qt's own event, handed on
        self._stack()

    @Slot(int)
    def _swiped(self, x: int) -> None:
        self._share = min(max(x / max(1, self.width()), 0.02), 0.98)
        self._stack()

    @property
    def share(self) -> float:
        """Where the swipe's edge is, 0 (left) to 1."""
        return self._share

    @Slot()
    def _flick(self) -> None:
        self._front = 1 - self._front
        self._stack()

    def _stack(self) -> None:
        over = VIEWS[self._view].over
        if over == "flicker":
            self.views[self._front].raise_()
        elif over == "swipe":
            edge = round(self._share * self.width())
            self.views[0].raise_()
            self.views[0].setMask(QRegion(QRect(0, 0, max(1, edge), self.height())))
            self._handle.setGeometry(edge - _HANDLE // 2, 0, _HANDLE, self.height())
            self._handle.lay(self.size())
            self._handle.raise_()


class _Handle(QWidget):
    """The edge between two pictures; dragged to and fro."""

    moved = Signal(int)
    """Where it is dragged to, in px of the panes."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setToolTip(text("review.swipe_tip"))
        # the words of the pane below lie under the pane above: they are said here once more
        self._words = theme.label("", "strong")
        self._words.setParent(parent)
        self._words.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        color = theme.scan_color("text_bright")
        self._words.setStyleSheet(f"background: transparent; color: {color}; font-size: 12px;")

    def say(self, words: str) -> None:
        self._words.setText(words.upper())
        self._words.adjustSize()
        parent = self.parentWidget()
        if parent is not None:
            self.lay(parent.size())

    def lay(self, size: QSize) -> None:
        self._words.move(size.width() - self._words.width() - 44, 10)
        self._words.setVisible(not self.isHidden())
        self._words.raise_()

    def setVisible(self, visible: bool) -> None:
        super().setVisible(visible)
        self._words.setVisible(visible)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.moved.emit(self.mapToParent(event.position().toPoint()).x())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(_HANDLE // 2, 0, 2, self.height(), theme.scan_qcolor("text_bright"))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(theme.scan_qcolor("text_bright"))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawRoundedRect(QRect(1, self.height() // 2 - 18, _HANDLE - 1, 36), 4, 4)
        painter.end()


class _PaneMenu(QToolButton):
    """The small arrow in a pane's corner: what else it can show."""

    chosen = Signal(str)

    def __init__(self, pane: QWidget) -> None:
        super().__init__(pane)
        self._left = False
        self.setIcon(icons.icon("chevron-down", "muted"))
        self.setIconSize(QSize(16, 16))
        self.setFixedSize(26, 24)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip(text("review.content_tip"))
        self.setAccessibleName(text("review.content_tip"))
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self)
        self._menu.triggered.connect(self._triggered)
        self._group = QActionGroup(self._menu)
        self._filled: tuple[list[Choice], str] = ([], "")
        self.setMenu(self._menu)
        pane.installEventFilter(self)

    def lie_left(self, left: bool) -> None:
        """Lie below the title instead of in the right corner, which another pane covers."""
        self._left = left
        self._lie()

    def fill(self, choices: list[Choice], key: str) -> None:
        """Offer what can be shown, that with ``key`` ticked."""
        if self._filled == (choices, key):
            return
        self._filled = (list(choices), key)
        self._menu.clear()
        for choice in choices:
            action = QAction(choice.words, self._menu)
            action.setCheckable(True)
            action.setChecked(choice.key == key)
            action.setData(choice.key)
            self._group.addAction(action)
            self._menu.addAction(action)
            if choice.key == STRIPPED and choice is not choices[-1]:
                self._menu.addSeparator()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._lie()
        return super().eventFilter(watched, event)

    def _lie(self) -> None:
        pane = self.parentWidget()
        if pane is not None:
            self.move(*((8, 48) if self._left else (pane.width() - self.width() - 6, 6)))

    @Slot(QAction)
    def _triggered(self, action: QAction) -> None:
        self.chosen.emit(str(action.data()))
