"""What can be set about the wand and the threshold, and how far work through the scan has come."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QWidget

from core.messages import text
from gui import theme
from gui.actions import Actions
from gui.annotate.operations.operator import Operator
from gui.annotate.tools.in_space import SpaceJob
from gui.annotate.tools.levels import Levels
from gui.decimal_spin import BriefSpin

_FINE = 200
_LEAST = 0.002
_WIDE = 92
_NARROW = 72
_AT_ONCE_MS = 300
"""What takes longer is told of."""


def _spin(name: str) -> BriefSpin:
    made = BriefSpin()
    made.setRange(-1e9, 1e9)
    made.setFixedSize(_WIDE, 30)
    theme.inset(made)
    made.setKeyboardTracking(False)
    made.setAccessibleName(name)
    return made


def _switch(key: str) -> QPushButton:
    made = theme.button(text(f"annotate.{key}"), "small", tip=text(f"annotate.{key}_tip"))
    made.setCheckable(True)
    made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return made


def _decimals(span: float) -> int:
    """Return how many decimals a spin box needs for values that reach so far."""
    return min(max(0, 2 - math.floor(math.log10(max(span, 1e-9)))), 6) if span < 100 else 0


class WandOptions(QWidget):
    """Tolerance, and whether it runs through slices."""

    def __init__(self, levels: Levels, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._levels = levels
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _FINE)
        self.slider.setMinimumWidth(72)
        self.slider.setMaximumWidth(160)
        self.slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.slider.setAccessibleName(text("annotate.tolerance"))
        self.slider.valueChanged.connect(self._slid)
        self.spin = _spin(text("annotate.tolerance"))
        self.spin.valueChanged.connect(self._typed)
        self.in_space = _switch("in_space")
        self.in_space.toggled.connect(levels.set_in_space)
        lay = _row(self)
        for widget in (theme.label(text("annotate.tolerance"), "muted"), self.slider, self.spin, self.in_space):
            lay.addWidget(widget)
        levels.tolerance_changed.connect(self.refresh)
        levels.changed.connect(self.refresh)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Show what is set."""
        levels = self._levels
        for widget in (self.slider, self.spin, self.in_space):
            widget.blockSignals(True)
        self.slider.setValue(round(_FINE * math.log(levels.share / _LEAST) / math.log(1 / _LEAST)))
        self.spin.setDecimals(_decimals(levels.span / 10))
        self.spin.setSingleStep(levels.span / 100)
        self.spin.setValue(levels.tolerance)
        self.in_space.setChecked(levels.in_space)
        for widget in (self.slider, self.spin, self.in_space):
            widget.blockSignals(False)

    def allow_space(self, allowed: bool) -> None:
        """A picture has no slices to run through."""
        self.in_space.setEnabled(allowed)

    @Slot(int)
    def _slid(self, place: int) -> None:
        self._levels.set_share(_LEAST * (1 / _LEAST) ** (place / _FINE))

    @Slot(float)
    def _typed(self, tolerance: float) -> None:
        self._levels.set_share(tolerance / self._levels.span)
        # letter keys belong to the tools again
        self.spin.leave()


class ThresholdOptions(QWidget):
    """The range, what it is for, and the button that draws it."""

    apply_asked = Signal()

    def __init__(self, levels: Levels, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        from gui.annotate.tools.range_slider import RangeSlider

        self._levels = levels
        self.slider = RangeSlider()
        self.slider.changed.connect(levels.set_range)
        self.low, self.high = _spin(text("annotate.range_low")), _spin(text("annotate.range_high"))
        for spin in (self.low, self.high):
            spin.valueChanged.connect(self._typed)
        self.otsu = theme.button(text("annotate.otsu"), "small", tip=text("annotate.otsu_tip"))
        self.otsu.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.otsu.clicked.connect(levels.part)
        self.everywhere = _switch("everywhere")
        self.everywhere.toggled.connect(levels.set_everywhere)
        self.limit = LimitButton(actions)
        self.apply = theme.button(text("annotate.apply"), "small", tip=text("annotate.apply_tip"))
        self.apply.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.apply.clicked.connect(self.apply_asked)
        self._room: int | None = None
        self._row = _row(self)
        for widget in (self.low, self.slider, self.high, self.otsu, self.everywhere, self.limit, self.apply):
            self._row.addWidget(widget)
        levels.changed.connect(self.refresh)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """Show what is set."""
        levels, bounds = self._levels, self._levels.bounds
        for widget in (self.slider, self.low, self.high, self.otsu, self.apply):
            widget.setEnabled(bounds is not None)
        if bounds is None:
            return
        span = bounds.high - bounds.low
        self.slider.show_range((bounds.low, bounds.high), levels.low, levels.high, inverted=levels.inverted)
        for spin, value in ((self.low, levels.low), (self.high, levels.high)):
            spin.blockSignals(True)
            spin.setDecimals(_decimals(span))
            spin.setSingleStep(max(span / 200, 10.0 ** -_decimals(span)))
            spin.setValue(value)
            spin.blockSignals(False)
        self.everywhere.blockSignals(True)
        self.everywhere.setChecked(levels.everywhere)
        self.everywhere.blockSignals(False)

    def fit(self, room: int | None) -> None:
        """Say all words if there is room for them on a line of their own; None: on the line of the tool's name."""
        if room == self._room:
            return
        self._room = room
        self._set_narrow(False)
        self._set_narrow(room is not None and self.minimumSizeHint().width() > room)

    def _set_narrow(self, narrow: bool) -> None:
        """Take less room."""
        for spin in (self.low, self.high):
            spin.setFixedWidth(_NARROW if narrow else _WIDE)
        self.slider.setMinimumWidth(30 if narrow else 90)
        self._row.setSpacing(2 if narrow else theme.space("s"))
        self.everywhere.setText(text("annotate.everywhere_short" if narrow else "annotate.everywhere"))

    def allow_space(self, allowed: bool) -> None:
        """A picture has one slice."""
        self.everywhere.setEnabled(allowed)

    @Slot()
    def _typed(self) -> None:
        sender = self.sender()
        # what is shown is rounded: the end that wasn't typed stays as it is
        low = self.low.value() if sender is self.low else self._levels.low
        high = self.high.value() if sender is self.high else self._levels.high
        self._levels.set_range(low, high)
        for spin in (self.low, self.high):
            spin.leave()


class LimitButton(QPushButton):
    """Whether strokes only touch what lies in the range: the button of the action ``limit``."""

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(text("annotate.limit"), parent)
        self._action = actions["limit"]
        self.setProperty("kind", "small")
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.clicked.connect(self._action.trigger)
        self._action.changed.connect(self._follow)
        self._follow()

    @Slot()
    def _follow(self) -> None:
        self.setChecked(self._action.isChecked())
        self.setEnabled(self._action.isEnabled())
        self.setToolTip(self._action.toolTip())


class Progress(QWidget):
    """How far work through the scan has come, with a way to stop it.

    Parameters
    ----------
    job
        What a tool does; told from its beginning, since the pointer waits for it.
    operator
        What is put in without a pointer; told if it takes longer than a person takes for at once.
    """

    def __init__(self, job: SpaceJob, operator: Operator, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._operator = operator
        self._percent = 0
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(_AT_ONCE_MS)
        self._late.timeout.connect(self._tell_late)
        self.words = QLabel()
        theme.set_role(self.words, "strong")
        self.stop = theme.button(text("annotate.stop"), "small", tip=text("annotate.stop_tip"))
        self.stop.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.stop.clicked.connect(job.cancel)
        self.stop.clicked.connect(operator.stop)
        lay = _row(self)
        lay.addWidget(self.words)
        lay.addWidget(self.stop)
        self.hide()
        job.progressed.connect(self._progressed)
        job.ended.connect(self._ended)
        operator.progressed.connect(self._operated)

    @Slot(int)
    def _progressed(self, percent: int) -> None:
        self.words.setText(text("annotate.working", percent=percent))
        self.show()

    @Slot(object)
    def _ended(self, _step: object) -> None:
        self.hide()

    @Slot(int, int)
    def _operated(self, done: int, total: int) -> None:
        if not total:
            self._late.stop()
            self.hide()
        elif self._operator.applying:
            self._percent = round(100 * done / total)
            if self.isVisible():
                self._progressed(self._percent)
            elif not self._late.isActive():
                self._late.start()

    @Slot()
    def _tell_late(self) -> None:
        if self._operator.applying:
            self._progressed(self._percent)


def _row(widget: QWidget) -> QHBoxLayout:
    lay = theme.row(widget, gap=theme.space("s"))
    lay.setContentsMargins(0, 0, 0, 0)
    return lay
