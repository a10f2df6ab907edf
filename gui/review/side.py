"""The right side of the Review page: figures, Dice per slice, difference, saving."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import QComboBox, QFrame, QMenu, QPushButton, QStackedWidget, QWidget

from core.messages import text
from gui import theme
from gui.empty import EmptyPage
from gui.review.dice_strip import DiceStrip
from gui.review.difference import DifferencePane
from gui.review.gate_box import GateBox
from gui.review.next_slices import NextSlices
from gui.review.numbers import NumbersPanel
from gui.roomy import Roomy, Tight

GATED = 1040
"""From this height (px) on there is room for the difference, and for them, beside what a gate did."""
HIGH = 800
"""From this height (px) on there is room for the slices to look at next."""


class ReviewSide(QFrame):
    """Everything about one label of the comparison, or what to do while there is none."""

    label_chosen = Signal()
    predict_asked = Signal()
    save_asked = Signal(str, str)
    """What (``mask brain``) of which (``prediction reference``)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "right")
        self.setFixedWidth(theme.space("side"))
        self.label = QComboBox()
        self.label.setAccessibleName(text("review.label_name"))
        self.label.currentIndexChanged.connect(self._label_changed)
        self.numbers = NumbersPanel()
        self.strip = DiceStrip()
        self.difference = DifferencePane()
        self.nothing = EmptyPage()
        self.nothing.asked.connect(self.predict_asked)
        self._strip_heading = theme.heading(text("review.per_slice"))
        inside = QWidget()
        self._column = column = theme.column(inside, gap=theme.space("s"))
        column.addWidget(theme.heading(text("review.agreement")))
        column.addWidget(self.label)
        column.addWidget(self.numbers)
        self.gate = GateBox()
        self.gate.changed.connect(self._fit)
        self._differs = True
        column.addWidget(self.gate)
        column.addSpacing(2)
        column.addWidget(self._strip_heading)
        column.addWidget(self.strip)
        column.addSpacing(2)
        column.addWidget(self.difference, 100)
        column.addStretch(1)
        self.next = NextSlices()
        column.addWidget(self.next)
        buttons = theme.row()
        self.save_mask = self._save_button("mask")
        self.save_brain = self._save_button("brain")
        buttons.addWidget(self.save_mask, 1)
        buttons.addWidget(self.save_brain, 1)
        figures = QWidget()
        whole = theme.column(figures, margin=theme.space("m"), gap=theme.space("s"))
        # on the lowest screens the figures scroll, and the buttons stay where they are
        whole.addWidget(Roomy(Tight(inside)), 1)
        whole.addLayout(buttons)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.nothing)
        self._stack.addWidget(figures)
        theme.column(self).addWidget(self._stack)

    def _save_button(self, what: str) -> QPushButton:
        button = theme.button(text(f"review.save_{what}"), tip=text(f"review.save_{what}_tip"))
        menu = QMenu(button)
        for source in ("prediction", "reference"):
            action = QAction(text(f"review.save_of_{source}"), menu)
            action.setData((what, source))
            action.triggered.connect(self._save)
            menu.addAction(action)
        button.setMenu(menu)
        return button

    @property
    def chosen_label(self) -> str:
        """Name of the label whose figures are shown."""
        return str(self.label.currentData() or "")

    def set_labels(self, names: Sequence[str]) -> None:
        """Offer the labels that the run predicts; hidden where there is one."""
        kept = self.chosen_label
        self.label.blockSignals(True)
        self.label.clear()
        for name in names:
            self.label.addItem(name, name)
        self.label.setCurrentIndex(max(0, self.label.findData(kept)))
        self.label.blockSignals(False)
        self.label.setVisible(len(names) > 1)

    def show_figures(self, shown: bool) -> None:
        """Show the figures, or the words of :attr:`nothing`."""
        self._stack.setCurrentIndex(1 if shown else 0)

    def show_strip(self, shown: bool) -> None:
        """Show the curve where there is something to measure against."""
        self.strip.setVisible(shown)
        self._strip_heading.setVisible(shown)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def show_difference(self, shown: bool) -> None:
        """Show the difference where something is known to differ from."""
        self._differs = shown
        self._fit()

    @Slot()
    def _fit(self) -> None:
        """Leave out what a pane can show as well, where there is no room beside the figures."""
        gated = not self.gate.isHidden()
        self.next.set_room(self.height() >= (GATED if gated else HIGH))
        self.difference.setVisible(self._differs and (self.height() >= GATED if gated else self._roomy()))

    def _roomy(self) -> bool:
        """Whether the difference has room beside rows that are not squeezed: on a low screen it has not."""
        column = self._column
        column.invalidate()
        needed = column.minimumSize().height()
        if self.difference.isHidden():
            needed += self.difference.minimumSizeHint().height() + column.spacing()
        ends = 2 * theme.space("m") + column.spacing() + self.save_mask.sizeHint().height()
        return self.height() >= needed + ends

    @Slot()
    def _label_changed(self) -> None:
        self.label_chosen.emit()

    @Slot()
    def _save(self) -> None:
        action = self.sender()
        if isinstance(action, QAction):
            what, source = action.data()
            self.save_asked.emit(what, source)
