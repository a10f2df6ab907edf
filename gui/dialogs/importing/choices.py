"""What the person is asked about all that is taken in: masks, patients, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLineEdit, QWidget

from core.io.source import FindOptions
from core.labels import BRAIN, LabelSet
from core.messages import text
from gui import theme
from gui.dialogs.importing.patients import PatientChoice

_MOST_VALUES = 12
_PARTING = str.maketrans(",=", "  ")


@dataclass(frozen=True)
class Answers:
    """What was answered; as :class:`core.project.importing.ImportOptions` has it."""

    label: str | None = None
    patient_from: str = ""
    as_: str = "auto"
    resample: bool = False

    def find_options(self) -> FindOptions:
        """Return what the finder needs of it."""
        name = self.label if self.label is not None and "=" not in self.label else ""
        return FindOptions(as_=self.as_, patient_from=self.patient_from, mask_folder=name)


class Choices(QWidget):
    """Questions, each with an answer that is mostly right; one that needs no answer is not shown.

    Parameters
    ----------
    labels
        Labels of the project.
    folder
        Where file dialogs begin.
    """

    regroup_asked = Signal()
    """The files are to be put together another way."""
    resample_changed = Signal(bool)
    """Masks on another grid are (not) to be resampled."""
    changed = Signal()
    """Another answer."""

    def __init__(self, labels: LabelSet, folder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("area", "clear")
        self._folder = folder
        self._names = [label.name for label in labels] or [BRAIN]
        self._lay = theme.column(self, gap=6)
        self._make_masks()
        self._make_patients()
        self.as_ = QComboBox()
        for key in ("auto", "stack", "pictures"):
            self.as_.addItem(text(f"dialogs.as_{key}"), key)
        self.as_.activated.connect(self.regroup_asked)
        self._pictures = _field(text("dialogs.as"), self.as_)
        self._lay.addWidget(self._pictures)
        self.show_masks(0, 0, [], other_grid=0)
        self.show_pictures(False)

    # ---------------------------------------------------------------- masks

    def _make_masks(self) -> None:
        self.label = QComboBox()
        self.label.setEditable(True)
        self.label.addItem(text("dialogs.masks_none"))
        self.label.addItems(self._names)
        # that a name can be typed here does not show; this says it, and makes room for it
        self.label.addItem(text("importing.label_new"))
        self.label.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.label.currentIndexChanged.connect(self._make_room)
        self.label.currentTextChanged.connect(self._label_changed)
        self.mask_words = theme.label("", "muted", wrap=True)
        self._values = QWidget()
        self._values.setProperty("area", "clear")
        self._grid = QGridLayout(self._values)
        self._grid.setContentsMargins(0, 4, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self._found = 0, 0
        self.value_names: dict[str, QLineEdit] = {}
        self.resample = QCheckBox(text("importing.resample"))
        self.resample.setToolTip(text("importing.resample_tip"))
        self.resample.toggled.connect(self.resample_changed)
        self._masks = _field(text("importing.masks"), self.label, self.mask_words, self._values, self.resample)
        self._lay.addWidget(self._masks)

    def show_masks(self, count: int, scans: int, values: Sequence[str], *, other_grid: int) -> None:
        """Show the question about masks.

        Parameters
        ----------
        count, scans
            How many of the scans have masks beside them.
        values
            Values of masks that hold several labels; each is asked for its name.
        other_grid
            How many masks lie on another grid than their scan.
        """
        self._masks.setVisible(count > 0)
        shown = list(values[:_MOST_VALUES])
        if shown != list(self.value_names):
            self._make_values(shown)
        self._found = count, scans
        self._show_masks()
        self.resample.setVisible(other_grid > 0 or self.resample.isChecked())

    def _show_masks(self) -> None:
        """Ask for the name of each value, or say what has to be chosen first."""
        several = bool(self.value_names)
        self._values.setVisible(several and self._wanted())
        key = ("masks_several" if self._wanted() else "masks_several_alone") if several else "masks_found"
        if not self._wanted() and self.label.currentIndex() == self._new_place:
            key = "masks_unnamed"
        count, scans = self._found
        self.mask_words.setText(text(f"importing.{key}", count=count, scans=scans))

    def _make_values(self, values: Sequence[str]) -> None:
        kept = {value: field.text() for value, field in self.value_names.items()}
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.value_names = {}
        for place, value in enumerate(values):
            field = QLineEdit(kept.get(value, ""))
            field.setAccessibleName(text("importing.value", value=value))
            field.textChanged.connect(self._value_named)
            self._grid.addWidget(theme.label(text("importing.value", value=value), "muted"), place, 0)
            self._grid.addWidget(field, place, 1)
            self.value_names[value] = field
        self._show_unnamed()

    @Slot(int)
    def _make_room(self, place: int) -> None:
        """Empty the field for the name of a new label, and put the cursor into it."""
        new = place == self._new_place
        field = self.label.lineEdit()
        if field is not None:
            field.setPlaceholderText(text("importing.label_name") if new else "")
        if new:
            self.label.clearEditText()
            self.label.setFocus()

    @property
    def _new_place(self) -> int:
        return len(self._names) + 1

    def _wanted(self) -> bool:
        words = self.label.currentText().strip()
        return bool(words) and words != self.label.itemText(0)

    @Slot(str)
    def _label_changed(self, _words: str) -> None:
        self._show_masks()
        self._show_unnamed()
        self.changed.emit()

    @Slot()
    def _value_named(self) -> None:
        self._show_unnamed()
        self.changed.emit()

    def _show_unnamed(self) -> None:
        """Show in each empty field what its value becomes if it stays empty."""
        names = self._names_of_values()
        for value, field in self.value_names.items():
            field.setPlaceholderText(names[value])

    def _names_of_values(self) -> dict[str, str]:
        words = self.label.currentText().strip()
        # commas and equals signs part the pairs
        said = {value: field.text().strip().translate(_PARTING) for value, field in self.value_names.items()}
        if not any(said.values()):
            return dict.fromkeys(said, words)
        return {value: name or f"{words} {value}" for value, name in said.items()}

    def choose_first_label(self) -> None:
        """Take the masks in, as the first label."""
        self.label.setCurrentIndex(1)

    def _label(self) -> str | None:
        """Return the one label, or ``1=NAME,2=NAME``, or None to leave the masks alone."""
        if not self._wanted():
            return None
        words = self.label.currentText().strip()
        if not any(field.text().strip() for field in self.value_names.values()):
            return words
        return ",".join(f"{value}={name}" for value, name in self._names_of_values().items())

    # ------------------------------------------------------------- patients

    def _make_patients(self) -> None:
        self.patient = PatientChoice(self._folder)
        # the longest way must not make the page wider than it is shown
        self.patient.ways.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.patient.ways.setMinimumContentsLength(16)
        self.patient.changed.connect(self.regroup_asked)
        hint = theme.label(text("dialogs.patient_hint"), "muted", wrap=True)
        self._lay.addWidget(_field(text("dialogs.patient"), self.patient, hint))

    # ------------------------------------------------------------- pictures

    def show_pictures(self, there: bool) -> None:
        """Ask about numbered pictures only where there are pictures."""
        self._pictures.setVisible(there)

    def answers(self) -> Answers:
        """Return all answers."""
        return Answers(self._label(), self.patient.way(), str(self.as_.currentData()), self.resample.isChecked())


def _field(words: str, *contents: QWidget) -> QWidget:
    made = QWidget()
    made.setProperty("area", "clear")
    lay = theme.column(made, gap=4)
    lay.addWidget(theme.label(words))
    for content in contents:
        lay.addWidget(content)
    lay.addSpacing(6)
    return made
