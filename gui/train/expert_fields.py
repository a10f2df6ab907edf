"""Fields of the expert settings that are more than one control: a file, and the steps of the preparation."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QLineEdit,
    QSizePolicy,
    QWidget,
)

from core.learning.prepare_steps import COLOUR, CT_WINDOWS, DENOISERS, GREY, LEAST_MM, MOST_MM, canonical, value_of
from core.messages import text
from gui import theme
from gui.decimal_spin import DecimalSpin

SWITCHES = ("clip", "zscore", "crop", "table", "bone", "centre")
CHANNELS = {"grey": GREY, "colour": COLOUR, "ct": CT_WINDOWS}
FITS = ("fill", "resample", "pad")
USUAL_MM = 1.0


class FileField(QWidget):
    """A path with a button to choose it, and one to leave it open."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "clear")
        self.edit = QLineEdit()
        self.edit.setReadOnly(True)
        self.edit.setPlaceholderText(text("train.file_none"))
        choose = theme.button(text("train.file_choose"))
        choose.clicked.connect(self._choose)
        self._clear = theme.button("✕", "flat", tip=text("train.file_clear"))
        self._clear.clicked.connect(self._forget)
        line = theme.row(self, gap=6)
        line.addWidget(self.edit, 1)
        line.addWidget(self._clear)
        line.addWidget(choose)
        self._path = ""
        self.set_path("")

    @property
    def path(self) -> str:
        """The file, or ``""``."""
        return self._path

    def set_path(self, path: str) -> None:
        """Show another file."""
        self._path = path
        self.edit.setText(Path(path).name if path else "")
        self.edit.setToolTip(path)
        self._clear.setVisible(bool(path))

    @Slot()
    def _choose(self) -> None:
        start = str(Path(self._path).parent) if self._path else str(Path.home())
        chosen, _ = QFileDialog.getOpenFileName(self, text("train.encoder_title"), start, text("train.filter_weights"))
        if chosen:
            self.set_path(chosen)

    @Slot()
    def _forget(self) -> None:
        self.set_path("")


class PrepareFields(QWidget):
    """What is done to a slice before the network sees it."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None, *, classifies: bool = False) -> None:
        super().__init__(parent)
        self.setProperty("area", "clear")
        self.switches = {name: QCheckBox(text(f"train.prepare_{name}")) for name in SWITCHES}
        self.centre = self.switches["centre"]
        self.centre.setEnabled(classifies)
        self._centre_tip = text("train.prepare_centre_tip" if classifies else "train.prepare_centre_why")
        self.denoise = _combo([("", text("train.denoise_none")), *((n, text(f"train.denoise_{n}")) for n in DENOISERS)])
        self.fit = _combo([(name, text(f"train.fit_{name}")) for name in FITS])
        self.millimetres = DecimalSpin()
        self.millimetres.setRange(LEAST_MM, MOST_MM)
        self.millimetres.setSingleStep(0.1)
        self.millimetres.setSuffix(text("train.millimetres"))
        theme.inset(self.millimetres)
        self.channel = _combo([(name, text(f"train.channels_{name}")) for name in CHANNELS])
        self._lay_out()
        for check in self.switches.values():
            check.toggled.connect(self.changed)
        for combo in (self.denoise, self.fit, self.channel):
            combo.currentIndexChanged.connect(self._hear)
        self._hear()

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(theme.space("l"))
        grid.setVerticalSpacing(6)
        grid.setColumnMinimumWidth(0, 150)
        grid.setColumnStretch(1, 1)
        for row, (name, check) in enumerate(self.switches.items()):
            check.setToolTip(self._centre_tip if name == "centre" else text(f"train.prepare_{name}_tip"))
            check.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            grid.addWidget(check, row // 2, 0 if row % 2 == 0 else 1, 1, 1)
        for row, (name, widget) in enumerate(
            (
                ("denoise", self.denoise),
                ("fit", self.fit),
                ("millimetres", self.millimetres),
                ("channels", self.channel),
            ),
            start=3,
        ):
            words = theme.label(text(f"train.setting_{name}"), of=widget)
            if name == "millimetres":
                self._millimetres_words = words
            for part in (words, widget):
                part.setToolTip(text(f"train.setting_{name}_tip"))
            grid.addWidget(words, row, 0)
            grid.addWidget(widget, row, 1)

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that are on."""
        steps = [name for name, check in self.switches.items() if check.isChecked()]
        if self.denoise.currentData():
            steps.append(f"denoise={self.denoise.currentData()}")
        match self.fit.currentData():
            case "resample":
                steps.append(f"resample={self.millimetres.value():g}")
            case "pad":
                steps.append("pad")
            case _:
                pass
        return canonical(steps)

    @property
    def channels(self) -> tuple[str, ...]:
        """What the network is shown of a slice; windows other than the usual three are kept."""
        return tuple(self.channel.currentData())

    def fill(self, steps: tuple[str, ...], channels: tuple[str, ...]) -> None:
        """Show these steps and channels."""
        for name, check in self.switches.items():
            check.setChecked(value_of(steps, name) is not None)
        self.denoise.setCurrentIndex(max(0, self.denoise.findData(value_of(steps, "denoise") or "")))
        millimetres = value_of(steps, "resample")
        self.millimetres.setValue(float(millimetres or USUAL_MM))
        fit = "resample" if millimetres is not None else "pad" if value_of(steps, "pad") is not None else "fill"
        self.fit.setCurrentIndex(self.fit.findData(fit))
        self.channel.clear()
        for name, known in CHANNELS.items():
            self.channel.addItem(text(f"train.channels_{name}"), list(known))
        if channels not in CHANNELS.values():
            self.channel.addItem(", ".join(channels), list(channels))
        place = [tuple(self.channel.itemData(n)) for n in range(self.channel.count())].index(tuple(channels))
        self.channel.setCurrentIndex(place)
        self._hear()

    @Slot()
    def _hear(self) -> None:
        resampled = self.fit.currentData() == "resample"
        self.millimetres.setVisible(resampled)
        self._millimetres_words.setVisible(resampled)
        self.changed.emit()


def _combo(choices: list[tuple[str, str]]) -> QComboBox:
    made = QComboBox()
    for value, words in choices:
        made.addItem(words, value)
    return made
