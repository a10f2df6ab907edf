"""The thin row below the compare bar: how the panes lie, the three usual pictures, swipe and flicker, saving."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QPushButton, QWidget

from core.messages import text
from gui import icons, theme
from gui.review.panes import FIRST
from gui.roomy import FoldingBar

LAYOUTS = ("one", "two", "four", "six")
PICTURES = ("mask", "compared", "stripped")
OVER = ("swipe", "flicker")
NUMBERS = "numbers"
"""Figures instead of panes."""
READERS = "readers"
"""Two readers beside each other instead of a run and a reader."""
NARROW = 900
"""Below this width (px) the words are the short ones."""
_SECOND = 32
"""Height (px) of a second line."""


class ViewBar(FoldingBar):
    """Buttons of which one is pressed."""

    view_chosen = Signal(str)
    """Name of a view (:data:`gui.review.panes.VIEWS`)."""
    report_asked = Signal()
    save_asked = Signal()
    """Save what the panes show as a picture."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(40, _SECOND, theme.space("xs"), parent, wide=1)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self.buttons: dict[str, QPushButton] = {}
        panes, others = self.lines
        for names in (LAYOUTS, PICTURES, OVER):
            for name in names:
                panes.addWidget(self._button(name))
            if names != OVER:
                panes.addSpacing(theme.space("s"))
        panes.addStretch(1)
        for name in (NUMBERS, READERS):
            others.addWidget(self._button(name))
        others.addStretch(1)
        self.save = theme.button(text("review.save_picture"), "small", tip=text("review.save_picture_tip"))
        self.save.setAccessibleName(text("review.save_picture"))
        self.save.setIcon(icons.icon("save"))
        self.save.setIconSize(QSize(15, 15))
        self.save.clicked.connect(self.save_asked)
        self.report = theme.button(text("review.report"), "small", tip=text("review.report_tip"))
        self.report.clicked.connect(self.report_asked)
        others.addWidget(self.report)
        others.addWidget(self.save)
        self.buttons[FIRST].setChecked(True)
        self._narrow = False

    def _button(self, name: str) -> QPushButton:
        made = theme.button(text(f"review.view_{name}"), "small", tip=text(f"review.view_{name}_tip"))
        made.setCheckable(True)
        made.setProperty("view", name)
        if name in LAYOUTS:
            made.setFixedWidth(30)
        self._group.addButton(made)
        self.buttons[name] = made
        made.clicked.connect(self._clicked)
        return made

    def resizeEvent(self, event: QResizeEvent) -> None:
        narrow = event.size().width() < NARROW
        if narrow != self._narrow:
            self._narrow = narrow
            ending = "_short" if narrow else ""
            for name in PICTURES:
                self.buttons[name].setText(text(f"review.view_{name}{ending}"))
            self.save.setText(text(f"review.save_picture{ending}"))
        super().resizeEvent(event)

    @property
    def chosen(self) -> str:
        """Name of the view whose button is pressed."""
        return next((name for name, button in self.buttons.items() if button.isChecked()), FIRST)

    def leave(self) -> None:
        """Press none: something else is shown."""
        self._group.setExclusive(False)
        for button in self.buttons.values():
            button.setChecked(False)
        self._group.setExclusive(True)

    def choose(self, name: str) -> None:
        """Press a button."""
        self.buttons[name].setChecked(True)
        self._said()

    def _said(self) -> None:
        # the table of figures has a button of its own
        self.save.setVisible(self.chosen != NUMBERS)

    @Slot()
    def _clicked(self) -> None:
        button = self.sender()
        if isinstance(button, QPushButton):
            self.view_chosen.emit(str(button.property("view")))
