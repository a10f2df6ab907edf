"""How is predicted, and what is done to the masks after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QFormLayout, QLabel, QWidget

from core.messages import text
from core.review.tidy import PLAIN, Tidying
from gui import theme
from gui.decimal_spin import DecimalSpin
from gui.dialogs.base import Dialog


def length(unit: str, highest: float, *, lowest: float = 0.0, off: bool = True) -> QDoubleSpinBox:
    """Return a field for a length or a volume; at its lowest value it says *no* where that means nothing is done."""
    made = DecimalSpin()
    made.setRange(lowest, highest)
    made.setDecimals(1)
    made.setSingleStep(0.5)
    made.setSuffix(f" {unit}")
    if off:
        made.setSpecialValueText(text("ways.no"))
    theme.inset(made)
    return made


class WaysBox(QWidget):
    """The fields, for predicting and for stripping."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mirrored = QCheckBox(text("ways.mirrored"))
        self.mirrored.setToolTip(text("ways.mirrored_tip"))
        self.three_views = QCheckBox(text("ways.three_views"))
        self.three_views.setToolTip(text("ways.three_views_tip"))
        self.bridges = length("mm", 20)
        self.smallest = length("mm³", 100_000)
        self.smallest.setSingleStep(10)
        self.margin = length("mm", 20, lowest=-20, off=False)
        column = theme.column(self, gap=theme.space("s"))
        column.addWidget(self.mirrored)
        column.addWidget(self.three_views)
        self._words: list[QLabel] = []
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(theme.space("s"))
        for name in ("bridges", "smallest", "margin"):
            field = getattr(self, name)
            words = theme.label(text(f"ways.{name}"), of=field)
            self._words.append(words)
            for widget in (words, field):
                widget.setToolTip(text(f"ways.{name}_tip"))
            form.addRow(words, field)
        self._form = form
        column.addLayout(form)

    @property
    def words_wide(self) -> int:
        """Pixels that the widest of the words needs."""
        return max(words.sizeHint().width() for words in self._words)

    def set_words_wide(self, wide: int) -> None:
        """Give the words so much room: another form stands below."""
        for words in self._words:
            words.setMinimumWidth(wide)

    def leave_out(self, name: str) -> None:
        """Hide a field that means nothing here."""
        self._form.setRowVisible(getattr(self, name), False)

    @property
    def tidying(self) -> Tidying:
        """What is done to the masks."""
        return Tidying(self.bridges.value(), self.smallest.value(), self.margin.value())

    def show_ways(self, ways: Mapping[str, Any]) -> None:
        """Show what was chosen before."""
        self.mirrored.setChecked(bool(ways.get("mirrored")))
        self.three_views.setChecked(bool(ways.get("three_views")))
        tidying = ways.get("tidying", PLAIN)
        for name in ("bridges", "smallest", "margin"):
            getattr(self, name).setValue(getattr(tidying, name))


class WaysDialog(Dialog):
    """How Review predicts from now on.

    Parameters
    ----------
    ways
        As :attr:`gui.review.predict_desk.PredictDesk.ways`.
    """

    def __init__(self, ways: Mapping[str, Any], parent: QWidget | None = None) -> None:
        super().__init__(text("ways.title"), text("ways.accept"), parent, width=520)
        self.box = WaysBox()
        self.box.show_ways(ways)
        self.body.addWidget(self.box)
        self.body.addWidget(theme.label(text("ways.hint"), "muted", wrap=True))

    def ways(self) -> dict[str, Any]:
        """Return what was chosen: nothing for the usual."""
        chosen = {"mirrored": self.box.mirrored.isChecked(), "three_views": self.box.three_views.isChecked()}
        found: dict[str, Any] = {name: True for name, wanted in chosen.items() if wanted}
        return found | ({"tidying": self.box.tidying} if self.box.tidying != PLAIN else {})
