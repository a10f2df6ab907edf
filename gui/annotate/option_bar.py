"""What can be set about the tool in the hand, and one line on how to use it."""

from __future__ import annotations

import math

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QGridLayout, QLabel, QSlider, QWidget

from core.messages import text
from gui import theme
from gui.actions import Actions, shown_key
from gui.annotate.fold import guide_button
from gui.annotate.tools.hand import LARGEST, SMALLEST, Hand
from gui.annotate.tools.kit import Kit
from gui.annotate.tools.options import LimitButton, Progress, ThresholdOptions, WandOptions
from gui.decimal_spin import BriefSpin
from gui.icons import icon
from gui.keymap import Keymap
from gui.session import Session

_FINE = 200
"""Positions of the slider; it runs by ratio, so that small brushes are as easy to set as large ones."""


_NARROW = 700
"""Narrower, what can be set about a tool gets a line of its own."""
_NARROW_RANGE = 800
"""A range has two values, a slider and four buttons."""
_TINY = 480
"""Narrower, the shapes of the brush are pictures alone."""
_SECOND = 36
_TALL = 700
"""A window as high as this has room for the second line whatever the tool."""
_DRAW = ("brush", "erase", "background")
_LIMITED = (*_DRAW, "polygon", "lasso", "scissors", "fill", "wand", "level")
"""The tools whose strokes keep to a range of values; that they do is always in sight."""
_WITH_OPTIONS = (*_LIMITED, "threshold")
_BETWEEN = "  \N{MIDDLE DOT}  "


class HintLabel(QLabel):
    """Muted hints; those there is no room for are left out whole, but for the first, and are in the tooltip."""

    def __init__(self) -> None:
        super().__init__()
        theme.set_role(self, "muted")

    def minimumSizeHint(self) -> QSize:
        return QSize(10, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().windowText().color())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, self.shown)

    @property
    def shown(self) -> str:
        """The hints there is room for."""
        hints, metrics = self.text().split(_BETWEEN), self.fontMetrics()
        while len(hints) > 1 and metrics.horizontalAdvance(_BETWEEN.join(hints)) > self.width():
            hints.pop()
        return metrics.elidedText(_BETWEEN.join(hints), Qt.TextElideMode.ElideRight, self.width())


class OptionBar(QFrame):
    """Bar above the scan: tool, size, shape, hints."""

    def __init__(
        self,
        session: Session,
        hand: Hand,
        view_menu: QWidget,
        kit: Kit,
        actions: Actions,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._hand = hand
        self._guide_action = actions["guide_here"]
        self._keymap = actions.keymap
        self.setProperty("area", "options")
        self.name = theme.label("", "strong")
        self.name.setMinimumWidth(64)
        self.size_words = theme.label(text("annotate.size"), "muted")
        self.slider = self._make_slider()
        self.spin = self._make_spin()
        self.disc = theme.button(text("annotate.disc"), "small", tip=text("annotate.disc_tip"))
        self.sphere = theme.button(text("annotate.sphere"), "small", tip=text("annotate.sphere_tip"))
        self._shapes = QButtonGroup(self)
        for number, (button, name) in enumerate(((self.disc, "disc"), (self.sphere, "sphere"))):
            button.setCheckable(True)
            button.setIcon(icon(name))
            button.setAccessibleName(text(f"annotate.{name}"))
            self._shapes.addButton(button, number)
        self._shapes.idClicked.connect(self._shape_chosen)
        self.limit = LimitButton(actions)
        self.wand = WandOptions(kit.levels)
        self.threshold = ThresholdOptions(kit.levels, actions)
        self.threshold.apply_asked.connect(kit.threshold.apply)
        self.progress = Progress(kit.job, kit.operator)
        self.hint = HintLabel()
        self._parts = QWidget()
        inner = theme.row(self._parts, gap=theme.space("s"))
        for widget in (self.size_words, self.slider, self.spin, self.disc, self.sphere):
            inner.addWidget(widget, 10 if widget is self.slider else 0)
        for part in (self.wand, self.threshold, self.limit):
            inner.addWidget(part)
        self._grid = QGridLayout(self)
        self._grid.setHorizontalSpacing(theme.space("s"))
        self._grid.setVerticalSpacing(0)
        self._grid.setContentsMargins(14, 0, 14, 0)
        self._grid.addWidget(self.name, 0, 0)
        self._grid.addWidget(self.hint, 0, 2)
        self._grid.addWidget(self.progress, 0, 3)
        self.guide = guide_button()
        self.guide.clicked.connect(self._ask_guide)
        self._grid.addWidget(view_menu, 0, 4)
        self._grid.addWidget(self.guide, 0, 5)
        self._grid.setColumnStretch(2, 10)
        self._narrow = True
        self._fold(False)
        hand.tool_changed.connect(self._show)
        hand.shape_changed.connect(self._show)
        session.scan_changed.connect(self._show)
        actions.keymap_changed.connect(self._keymap_changed)
        self._show()

    def minimumSizeHint(self) -> QSize:
        # what there is no room for in one line gets a second one: the window decides how wide it is
        return QSize(100, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fold(self._too_narrow())

    def _too_narrow(self) -> bool:
        return self.width() < (_NARROW_RANGE if self._hand.tool == "threshold" else _NARROW)

    def _fold(self, narrow: bool) -> None:
        """Put what can be set below the name of the tool, or beside it."""
        if narrow != self._narrow:
            self._narrow = narrow
            self._grid.removeWidget(self._parts)
            if narrow:
                self._grid.addWidget(self._parts, 1, 0, 1, 6, Qt.AlignmentFlag.AlignLeft)
            else:
                self._grid.addWidget(self._parts, 0, 1)
        margins = self._grid.contentsMargins()
        self.threshold.fit(self.width() - margins.left() - margins.right() if narrow else None)
        for shape, name in ((self.disc, "disc"), (self.sphere, "sphere")):
            shape.setText("" if self.width() < _TINY else text(f"annotate.{name}"))
        self.size_words.setVisible(not narrow and self._hand.tool in _DRAW)
        # with room for it the line stays for every tool, so that the scan does not jump when one is taken by its key
        two = narrow and (self._hand.tool in _WITH_OPTIONS or self.window().height() >= _TALL)
        one = theme.space("option_bar") - 10
        self.setFixedHeight(one + _SECOND if two else one)

    def _make_slider(self) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, _FINE)
        # on a small screen the hints need the room more
        slider.setMinimumWidth(72)
        slider.setMaximumWidth(140)
        slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        slider.setAccessibleName(text("annotate.size"))
        slider.valueChanged.connect(self._slid)
        return slider

    def _make_spin(self) -> BriefSpin:
        spin = BriefSpin()
        spin.setRange(SMALLEST, LARGEST)
        spin.setDecimals(1)
        spin.setSingleStep(0.5)
        spin.setFixedSize(98, 30)
        theme.inset(spin)
        spin.setKeyboardTracking(False)
        spin.setAccessibleName(text("annotate.size"))
        spin.valueChanged.connect(self._typed)
        return spin

    @Slot(int)
    def _slid(self, place: int) -> None:
        self._hand.set_size(SMALLEST * (LARGEST / SMALLEST) ** (place / _FINE))

    @Slot(float)
    def _typed(self, size: float) -> None:
        self._hand.set_size(size)
        # letter keys belong to the tools again
        self.spin.leave()

    @Slot(int)
    def _shape_chosen(self, number: int) -> None:
        self._hand.set_sphere(number == 1)

    @Slot(object)
    def _keymap_changed(self, keymap: Keymap) -> None:
        self._keymap = keymap
        self._show()

    @Slot()
    def _ask_guide(self) -> None:
        self._session.guide_asked.emit(self._hand.tool)

    @Slot()
    def _show(self) -> None:
        hand, volume = self._hand, self._session.volume
        unit = volume.geometry.unit if volume is not None else "mm"
        name = text(f"actions.{hand.tool}")
        self.name.setText(name)
        self.guide.setToolTip(text("guide.tip", name=name, key=shown_key(self._guide_action)))
        # what the mouse does is a matter of the preset
        mouse = {name: text(f"annotate.mouse_{does}") for name, does in self._keymap.mouse.items()}
        self.hint.setText(text(f"annotate.hint_{hand.tool}", **mouse))
        self.hint.setToolTip(self.hint.text())
        draws = hand.tool in _DRAW
        self.limit.setVisible(hand.tool in _LIMITED)
        self.wand.setVisible(hand.tool == "wand")
        self.threshold.setVisible(hand.tool == "threshold")
        self.wand.allow_space(volume is None or not volume.is_picture)
        self.threshold.allow_space(volume is None or not volume.is_picture)
        self.wand.refresh()
        self._fold(self._too_narrow())
        for widget in (self.size_words, self.slider, self.spin, self.disc, self.sphere):
            widget.setVisible(draws)
        # a ball needs more than one slice
        self.sphere.setEnabled(volume is None or not volume.is_picture)
        place = round(_FINE * math.log(hand.size / SMALLEST) / math.log(LARGEST / SMALLEST))
        for widget in (self.slider, self.spin):
            widget.blockSignals(True)
        self.slider.setValue(place)
        self.spin.setSuffix(f" {unit}")
        self.spin.setValue(hand.size)
        for widget in (self.slider, self.spin):
            widget.blockSignals(False)
        (self.sphere if hand.sphere else self.disc).setChecked(True)
