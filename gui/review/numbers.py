"""Agreement of one label on one scan, in plain words and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from core.geometry import Geometry
from core.messages import numeral, text
from core.review.compare import LabelComparison
from core.review.effort import Effort
from core.review.lesions import LesionScores, SliceScores
from core.review.metrics import Measures
from gui import theme
from gui.marking import let_mark
from gui.train.watch import grouped

DASH = "—"
ROWS = (
    "dice",
    "iou",
    "hd95",
    "assd",
    "sensitivity",
    "specificity",
    "volume_reference",
    "volume_predicted",
    "volume_difference",
    "slices_missed",
    "lesions_found",
    "edit_dice",
    "time",
)


@dataclass(frozen=True)
class Figures:
    """The words beside each row, and the notes below."""

    values: dict[str, str]
    note: str = ""
    warning: str = ""
    against: str = "reader"
    """What it is compared with: ``reader`` or ``run``."""


def fraction(value: float | None) -> str:
    """Write a fraction with three decimals."""
    return DASH if value is None else numeral(value, ".3f")


def volume_words(voxels: int, geometry: Geometry) -> str:
    """Write a volume in mL, or in pixels where no volume may be told."""
    if geometry.measurable:
        return f"{grouped_decimal(voxels * geometry.voxel_ml)} mL"
    return f"{grouped(voxels)} px"


def grouped_decimal(value: float) -> str:
    """Write a number with one decimal and thin groups: ``1 482.6``."""
    return numeral(value, ",.1f")


def difference_words(measures: Measures, geometry: Geometry) -> str:
    """Write predicted minus reference, with its sign and in percent."""
    voxels = measures.predicted_voxels - measures.truth_voxels
    sign = "+" if voxels > 0 else "−" if voxels < 0 else ""
    words = f"{sign}{volume_words(abs(voxels), geometry)}"
    if measures.difference_percent is not None:
        size = abs(measures.difference_percent)
        percent = numeral(size, ".1f") if size < 100 else numeral(size, ".0f")
        words += f" ({sign if percent not in ('0.0', '0,0') else ''}{percent} %)"
    return words


def time_words(seconds: float) -> str:
    """Write a time: ``38 s``, ``2 min 5 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return text("review.minutes", minutes=minutes, seconds=rest) if minutes else text("review.seconds", seconds=rest)


def effort_words(effort: Effort | None, seconds: float | None) -> dict[str, str]:
    """Word what became of a prediction, and the time drawn; nothing where there is nothing to tell."""
    values = {}
    if effort is not None and effort.dice is not None:
        key = "review.edit_dice_of_one" if effort.slices == 1 else "review.edit_dice_of"
        values["edit_dice"] = text(key, dice=fraction(effort.dice), slices=effort.slices)
    if seconds:
        values["time"] = time_words(seconds)
    return values


def figures(
    compared: LabelComparison | None,
    geometry: Geometry,
    part: str,
    misfits: Sequence[str] = (),
    spent: Mapping[str, str] | None = None,
    against: str = "reader",
) -> Figures:
    """Word a comparison.

    Parameters
    ----------
    compared
        None while there is no prediction.
    part
        ``train validation test none`` or ``""`` (unknown): how the run used this scan.
    misfits
        Why the run may do badly on it, in sentences.
    spent
        Words of :func:`effort_words`.
    against
        ``reader`` or ``run``: whose mask it is compared with.
    """
    values = dict.fromkeys(ROWS, DASH) | dict(spent or {})
    if compared is None:
        return Figures(values, against=against)
    measures = compared.measures
    if measures is None:
        # nothing is measured, but what is there has a volume, as in the panes
        values["volume_predicted"] = volume_words(compared.predicted_voxels, geometry)
        if compared.truth_voxels:
            values["volume_reference"] = volume_words(compared.truth_voxels, geometry)
        return Figures(values, text("review.nothing_finished"), " ".join(misfits), against)
    values |= {
        "dice": fraction(measures.dice),
        "iou": fraction(measures.iou),
        "hd95": _distance(measures.hd95, measures.unit),
        "assd": _distance(measures.assd, measures.unit),
        "sensitivity": fraction(measures.sensitivity),
        "specificity": fraction(measures.specificity),
        "volume_reference": volume_words(measures.truth_voxels, geometry),
        "volume_predicted": volume_words(measures.predicted_voxels, geometry),
        "volume_difference": difference_words(measures, geometry),
        "slices_missed": _missed(measures.by_slice),
        "lesions_found": _found(measures.lesions),
    }
    notes = []
    if not compared.whole:
        notes.append(text("review.measured_on", finished=compared.finished, slices=len(compared.known)))
    if measures.empty:
        notes.append(text("review.both_empty"))
    elif measures.missed:
        notes.append(text("review.missed"))
    elif measures.spurious:
        notes.append(text("review.spurious"))
    if part in ("validation", "test", "none"):
        notes.append(text(f"review.part_{part}"))
    warnings = [*misfits, *([text("review.part_train")] if part == "train" else [])]
    return Figures(values, " ".join(notes), " ".join(warnings), against)


def _distance(value: float | None, unit: str) -> str:
    return DASH if value is None else f"{numeral(value, '.1f')} {unit}"


def _missed(scores: SliceScores) -> str:
    words = text("review.of", part=scores.missed, whole=len(scores.dices))
    return text("review.and_false", words=words, false=scores.spurious) if scores.spurious else words


def _found(scores: LesionScores) -> str:
    words = text("review.of", part=scores.found, whole=scores.there)
    return text("review.and_false", words=words, false=scores.false) if scores.false else words


class NumbersPanel(QWidget):
    """The rows, and what must be known to read them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names = {row: theme.label(text(f"review.row_{row}")) for row in ROWS}
        self._values = {row: theme.label(DASH, "strong") for row in ROWS}
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        for number, row in enumerate(ROWS):
            name = self._names[row]
            name.setToolTip(text(f"review.row_{row}_tip"))
            value = self._values[row]
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            let_mark(value)
            grid.addWidget(name, number, 0)
            # over the name's column too: a long value has the whole row
            grid.addWidget(value, number, 0, 1, 2)
        self._note = theme.label("", "muted", wrap=True)
        self._warning = theme.label("", "warning", wrap=True)
        outer = theme.column(self, gap=6)
        outer.addLayout(grid)
        outer.addWidget(self._warning)
        outer.addWidget(self._note)
        self.show_figures(Figures(dict.fromkeys(ROWS, DASH)))

    def name(self, row: str) -> str:
        """Return what a row is called."""
        return self._names[row].text()

    def value(self, row: str) -> str:
        """Return what a row shows."""
        return self._values[row].text()

    @property
    def note(self) -> str:
        """The note below the rows."""
        return self._note.text()

    @property
    def warning(self) -> str:
        """The warning below the rows, ``""`` for none."""
        return self._warning.text()

    def show_figures(self, shown: Figures) -> None:
        """Show other figures."""
        other = "_run" if shown.against == "run" else ""
        self._names["volume_reference"].setText(text(f"review.row_volume_reference{other}"))
        for row in ("volume_difference", "sensitivity"):
            self._names[row].setToolTip(text(f"review.row_{row}{other}_tip"))
        for row, words in shown.values.items():
            self._values[row].setText(words)
            self._values[row].setToolTip(text("review.no_value") if words == DASH else "")
        self._note.setText(shown.note)
        self._note.setVisible(bool(shown.note))
        self._warning.setText(shown.warning)
        self._warning.setVisible(bool(shown.warning))
