"""Sections of the right panel that can be shut: which ones are is remembered for this person."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QLabel, QLayout, QScrollArea, QSizePolicy, QToolButton, QWidget

from core.messages import text
from gui import theme
from gui.icons import icon
from gui.settings import Settings

_LAID_OUT_MS = 60
"""What is made when it is first opened, and the panel around it, have their sizes by then."""


class Fold(QWidget):
    """A heading that opens and shuts what is below it.

    Parameters
    ----------
    title
        Words of the heading.
    key
        Names the section in the preferences.
    settings
        Where it is remembered.
    contents
        Below the heading.
    shut
        Whether it is shut while nobody has said otherwise.
    """

    toggled = Signal(bool)
    """It is open now, or not."""

    def __init__(
        self, title: str, key: str, settings: Settings, *contents: QWidget | QLayout, shut: bool = False
    ) -> None:
        super().__init__()
        self.setProperty("area", "clear")
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_LAID_OUT_MS)
        self._later.timeout.connect(self._scroll_to)
        self._key = key
        self._settings = settings
        self.head = QToolButton()
        self.head.setProperty("kind", "fold")
        self.head.setText(title.upper())
        self.head.setAccessibleName(title)
        self.head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.head.setIconSize(QSize(12, 12))
        self.head.setCursor(Qt.CursorShape.PointingHandCursor)
        self.head.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.head.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.head.clicked.connect(self._clicked)
        self.note = QLabel()
        theme.set_role(self.note, "muted")
        self.note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.line = theme.row(gap=6)
        self.line.addWidget(self.head)
        self.line.addWidget(self.note, 1)
        self.inside = QWidget()
        self.inside.setProperty("area", "clear")
        inner = theme.column(self.inside, gap=6)
        for content in contents:
            if isinstance(content, QLayout):
                inner.addLayout(content)
            else:
                inner.addWidget(content)
        outer = theme.column(self, gap=6)
        outer.addLayout(self.line)
        outer.addWidget(self.inside, 1)
        self._words = ""
        said = settings.preferences.sections.get(key)
        self._said = said is not None
        self._set(said if said is not None else not shut)

    @property
    def is_open(self) -> bool:
        """Whether what is below the heading is shown."""
        return self._open

    def _set(self, is_open: bool) -> None:
        self._open = is_open
        self.inside.setVisible(is_open)
        self.head.setIcon(icon("chevron-down" if is_open else "chevron-right", "faint"))
        self.set_note(self._words)

    def set_note(self, words: str) -> None:
        """Say in few words what is inside, shown while it is shut."""
        self._words = words
        self.note.setText("" if self._open else words)

    def suggest(self, is_open: bool) -> None:
        """Open or shut it if nobody has said what it is to be."""
        if not self._said and is_open != self._open:
            self._set(is_open)
            self.toggled.emit(is_open)

    def open(self) -> None:
        """Open it and bring it into sight: something in it is needed now."""
        if not self._open:
            self._set(True)
            self.toggled.emit(True)
        self.come_into_sight()

    @Slot()
    def _clicked(self) -> None:
        self._said = True
        self._set(not self._open)
        self._settings.preferences.sections[self._key] = self._open
        self._settings.save()
        self.toggled.emit(self._open)
        if self._open:
            self.come_into_sight()

    def come_into_sight(self) -> None:
        """Scroll the panel so that all of it is seen, its heading before all, once the panel is laid out anew."""
        self._later.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._later.stop()
        super().hideEvent(event)

    @Slot()
    def _scroll_to(self) -> None:
        above: QWidget | None = self.parentWidget()
        while above is not None and not isinstance(above, QScrollArea):
            above = above.parentWidget()
        if above is not None:
            for part in (self, self.head):
                above.ensureWidgetVisible(part, 0, 0)


def guide_button() -> QToolButton:
    """Return a small question mark that asks the guide."""
    made = QToolButton()
    made.setText("?")
    made.setFixedWidth(26)
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    made.setAccessibleName(text("actions.guide_here"))
    made.setToolTip(text("actions.guide_here"))
    return made
