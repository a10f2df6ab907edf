"""A field for a number with decimals that takes comma and point alike."""

from __future__ import annotations

from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QDoubleSpinBox


class DecimalSpin(QDoubleSpinBox):
    """Shows a number as the language writes it, and reads ``1.5`` and ``1,5`` in any language.

    Qt takes the other mark for one between thousands, and would read 1.5 as 15 in German. Marks between
    thousands are therefore never shown and never read.
    """

    def validate(self, input: str, pos: int) -> tuple[QValidator.State, str, int]:
        return super().validate(self._own(input), pos)

    def valueFromText(self, text: str) -> float:
        return super().valueFromText(self._own(text))

    def _own(self, words: str) -> str:
        """Return what was typed with the mark of this field's language."""
        mark = self.locale().decimalPoint()
        shown = words.removesuffix(self.suffix()) if self.suffix() else words
        return shown.replace("," if mark == "." else ".", mark) + words[len(shown) :]
