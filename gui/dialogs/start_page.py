"""What is shown when nothing is open: three ways in, and the projects opened last."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QPushButton, QWidget

from core.messages import day, text
from gui import theme
from gui.icons import pixmap, show
from gui.roomy import Roomy
from gui.settings import Settings, last_worked

_MOST_RECENT = 5
_MOST_SCRATCH = 2
_CARD = QSize(236, 172)


class Card(QFrame):
    """A large button with an icon, a title and a line of words."""

    clicked = Signal()

    def __init__(self, icon_name: str, key: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setFixedSize(_CARD)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        title = text(f"start.{key}")
        self.setAccessibleName(title)
        radius = theme.space("radius") + 4
        theme.style(
            self,
            "#card { background: $card; border: 1px solid $line;"
            f" border-radius: {radius}px; }}"
            "#card:hover, #card:focus { border-color: $accent; background: $card_hover; }",
        )
        sign = theme.label()
        show(sign, icon_name, "accent_bright", 32)
        name = theme.label(title, "strong")
        theme.style(name, "font-size: 15px; font-weight: 600; color: $text_bright;")
        words = theme.label(text(f"start.{key}_words"), "muted", wrap=True)
        words.setAlignment(Qt.AlignmentFlag.AlignTop)
        lay = theme.column(self, margin=18, gap=8)
        for widget in (sign, name):
            lay.addWidget(widget)
        lay.addWidget(words, 1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.clicked.emit()
            return
        super().keyPressEvent(event)


class StartPage(QWidget):
    """The way in."""

    scan_asked = Signal()
    project_asked = Signal()
    demo_asked = Signal()
    recent_asked = Signal(str)

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.scan = Card("scan", "scan")
        self.project = Card("folder", "project")
        self.demo = Card("demo", "demo")
        self.scan.clicked.connect(self.scan_asked)
        self.project.clicked.connect(self.project_asked)
        self.demo.clicked.connect(self.demo_asked)
        self.working = theme.label("", "muted")
        self._recent = QWidget()
        self._recent_lay = theme.column(self._recent, gap=2)
        self.recent_buttons: list[QPushButton] = []
        self._lay_out()
        self.refresh()

    def _lay_out(self) -> None:
        inside = QWidget()
        theme.column(self, gap=0).addWidget(Roomy(inside))
        lay = theme.column(inside, margin=theme.space("xl"), gap=theme.space("l"))
        lay.addStretch(3)
        sign = theme.label()
        drawn = pixmap("meninx", size=144)
        drawn.setDevicePixelRatio(2.0)
        sign.setPixmap(drawn)
        title = theme.label(text("app.name"), "title")
        theme.style(title, "font-size: 30px; font-weight: 700; color: $text_bright;")
        words = theme.label(text("app.tagline"), "muted")
        theme.style(words, "font-size: 15px; color: $muted;")
        for widget in (sign, title, words):
            lay.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        lay.addSpacing(theme.space("s"))
        cards = theme.row(gap=theme.space("l"))
        cards.addStretch()
        for card in (self.scan, self.project, self.demo):
            cards.addWidget(card)
        cards.addStretch()
        lay.addLayout(cards)
        hint = theme.label(text("start.drop"), "muted")
        lay.addWidget(hint, 0, Qt.AlignmentFlag.AlignHCenter)
        lay.addWidget(self.working, 0, Qt.AlignmentFlag.AlignHCenter)
        self._recent.setFixedWidth(_CARD.width() * 3 + 2 * theme.space("l"))
        lay.addWidget(self._recent, 0, Qt.AlignmentFlag.AlignHCenter)
        lay.addStretch(4)
        notice = theme.label(text("app.research_only"), "muted")
        lay.addWidget(notice, 0, Qt.AlignmentFlag.AlignHCenter)

    @Slot()
    def refresh(self) -> None:
        """List the recent projects again."""
        while self._recent_lay.count():
            item = self._recent_lay.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.recent_buttons = []
        recent = self._settings.recent_projects()[:_MOST_RECENT]
        scratch = self._settings.scratch_projects()[:_MOST_SCRATCH]
        self._recent.setVisible(bool(recent or scratch))
        if not recent and not scratch:
            return
        self._recent_lay.addWidget(theme.heading(text("start.recent")))
        for path in recent:
            self._recent_lay.addWidget(
                self._recent_button(path, f"{path.name.removesuffix('.meninx')}    {_short(path.parent)}")
            )
        for path in scratch:
            worked = last_worked(path)
            words = text("start.scratch", day=f"{day(worked)} {worked:%H:%M}")
            self._recent_lay.addWidget(self._recent_button(path, words))

    def _recent_button(self, path: Path, words: str) -> QPushButton:
        words = words.replace("&", "&&")
        button = theme.button(words, "flat", tip=str(path))
        button.setStyleSheet("text-align: left;")
        button.setProperty("path", str(path))
        button.clicked.connect(self._recent_clicked)
        self.recent_buttons.append(button)
        return button

    @Slot()
    def _recent_clicked(self) -> None:
        button = self.sender()
        if button is not None:
            self.recent_asked.emit(str(button.property("path")))

    @Slot(str)
    def show_work(self, words: str) -> None:
        """Say what is being done meanwhile."""
        self.working.setText(words)


def _short(folder: Path) -> str:
    """Write a folder with ``~`` for the home folder."""
    try:
        return f"~/{folder.relative_to(Path.home()).as_posix()}"
    except ValueError:
        return str(folder)
