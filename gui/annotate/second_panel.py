"""Choosing a second scan and how it is shown."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QButtonGroup, QComboBox, QSlider, QWidget

from core.frames import Frames
from core.messages import text
from core.project.records import Scan
from gui import theme
from gui.actions import Actions, shown_key
from gui.annotate.fold import Fold
from gui.annotate.scan_box import ScanBox
from gui.annotate.second_scan import SecondScan
from gui.viewer import colormaps


class SecondPanel(QWidget):
    """Which scan, beside or blended, how strongly, in which colours, and what to be careful about."""

    def __init__(self, second: SecondScan, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._second = second
        self.box = ScanBox()
        self.box.setAccessibleName(text("annotate.second"))
        self.box.setToolTip(text("annotate.second_tip", key=shown_key(actions["flip"])))
        self.box.opening.connect(second.ask_choices)
        second.listed.connect(self._listed)
        self.box.activated.connect(self._chosen)
        tip = text("annotate.second_mode_tip", key=shown_key(actions["second_blend"]))
        self.beside = theme.button(text("annotate.second_beside"), "small", tip=tip)
        self.blend = theme.button(text("annotate.second_blend"), "small", tip=tip)
        self._modes = QButtonGroup(self)
        for number, button in enumerate((self.beside, self.blend)):
            button.setCheckable(True)
            self._modes.addButton(button, number)
        self._modes.idClicked.connect(self._mode_chosen)
        self.colors = QComboBox()
        self.colors.setAccessibleName(text("annotate.colors"))
        self.colors.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.colors.setMinimumContentsLength(4)
        for name in colormaps.NAMES:
            self.colors.addItem(colormaps.words_of(name), name)
        self.colors.activated.connect(self._colors_chosen)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 100)
        self.slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.slider.setAccessibleName(text("annotate.second_opacity"))
        self.slider.setToolTip(text("annotate.second_opacity"))
        self.slider.valueChanged.connect(self._slid)
        self.percent = theme.label("", "muted")
        self.percent.setFixedWidth(34)
        self.percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.told = theme.label("", "muted", wrap=True)
        self._lay_out()
        second.changed.connect(self._show)
        self._show()

    def _lay_out(self) -> None:
        self.how = QWidget()
        self.how.setProperty("area", "clear")
        inner = theme.column(self.how, gap=4)
        line = theme.row(gap=6)
        for widget in (self.beside, self.blend, self.colors):
            line.addWidget(widget, 1)
        inner.addLayout(line)
        strength = theme.row(gap=4)
        strength.addWidget(self.slider, 1)
        strength.addWidget(self.percent)
        inner.addLayout(strength)
        inner.addWidget(self.told)
        lay = theme.column(self)
        self.fold = Fold(text("annotate.second"), "second", self._second.settings, self.box, self.how, shut=True)
        lay.addWidget(self.fold)

    # ------------------------------------------------------------------ choosing

    @Slot(object)
    def _listed(self, found: tuple[list[Scan], list[Scan]]) -> None:
        self.box.offer(*found, self._second.scan)

    @Slot(int)
    def _chosen(self, place: int) -> None:
        self._second.choose(str(self.box.itemData(place) or ""))
        self.fold.come_into_sight()

    @Slot(int)
    def _mode_chosen(self, number: int) -> None:
        self._second.set_beside(number == 0)

    @Slot(int)
    def _colors_chosen(self, place: int) -> None:
        self._second.set_colors(str(self.colors.itemData(place)))

    @Slot(int)
    def _slid(self, percent: int) -> None:
        self._second.set_opacity(percent / 100)

    # ------------------------------------------------------------------ showing

    @Slot()
    def _show(self) -> None:
        second = self._second
        preferences = second.preferences
        self.box.select(second.scan)
        self.how.setVisible(second.scan is not None)
        self.fold.set_note(second.scan.name if second.scan is not None else text("annotate.second_none"))
        self.fold.suggest(second.scan is not None)
        (self.beside if second.beside else self.blend).setChecked(True)
        self.colors.setCurrentIndex(max(0, self.colors.findData(preferences.second_colors)))
        percent = round(preferences.second_opacity * 100)
        self.slider.blockSignals(True)
        self.slider.setValue(percent)
        self.slider.blockSignals(False)
        # always there, so that nothing jumps when the way of showing changes
        self.slider.setEnabled(not second.beside)
        self.percent.setText(f"{percent}\u202f%")
        self.told.setText(self._words())
        self.told.setToolTip(self._reason())
        theme.set_role(self.told, "warning" if self._warns() else "muted")

    def _warns(self) -> bool:
        return self._second.refused or (self._second.there and self._second.frames is not Frames.SHARED)

    def _reason(self) -> str:
        return text(f"annotate.second_{self._second.frames.value}_tip") if self._second.there else ""

    def _words(self) -> str:
        if self._second.refused:
            return text("annotate.second_refused")
        if not self._second.there:
            return text("annotate.second_reading")
        return text(f"annotate.second_{self._second.frames.value}")
