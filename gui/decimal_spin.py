"""A field for a number with decimals that takes comma and point alike."""

from __future__ import annotations

import re

from PySide6.QtCore import QEvent, Qt, Slot
from PySide6.QtGui import QKeyEvent, QValidator
from PySide6.QtWidgets import QApplication, QDoubleSpinBox, QLabel, QWidget
from shiboken6 import isValid


class DecimalSpin(QDoubleSpinBox):
    """Shows a number as the language writes it, and reads ``1.5`` and ``1,5`` in any language.

    Qt takes the other mark for one between thousands, and would read 1.5 as 15 in German. Marks between
    thousands are therefore never shown and never read. A number beyond the range may be typed, and becomes the nearest
    one within: Qt would refuse its last digit without a word, and take 50 for 500.
    """

    def validate(self, input: str, pos: int) -> tuple[QValidator.State, str, int]:
        state, words, place = super().validate(self._own(input), pos)
        begun = words.removesuffix(self.suffix()).strip() == "-"
        if state == QValidator.State.Invalid and (begun or self._beyond(words) is not None):
            state = QValidator.State.Intermediate
        return state, words, place

    def fixup(self, input: str) -> str:
        nearest = self._beyond(input)
        return super().fixup(input) if nearest is None else self.textFromValue(nearest) + self.suffix()

    def valueFromText(self, text: str) -> float:
        return super().valueFromText(self._own(text))

    def _beyond(self, words: str) -> float | None:
        """Return the number of the range that is nearest to what was typed; None if that is within, or no number."""
        own = self._own(words)
        typed = own.removesuffix(self.suffix()).strip() if self.suffix() else own.strip()
        plain = typed.replace(self.locale().decimalPoint(), ".")
        if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)", plain) is None:
            return None
        number = float(plain)
        nearest = min(max(number, self.minimum()), self.maximum())
        return None if nearest == number else nearest

    def _own(self, words: str) -> str:
        """Return what was typed with the mark of this field's language."""
        mark = self.locale().decimalPoint()
        shown = words.removesuffix(self.suffix()) if self.suffix() else words
        return shown.replace("," if mark == "." else ".", mark) + words[len(shown) :]


class BriefSpin(DecimalSpin):
    """A field beside the scan, for one number between two strokes.

    Enter takes what was typed and Escape drops it. Both give the keys back to the pane that had them last, also where
    the number stays the same: the next Enter or Escape is the tool's. What has no focus is never shown as marked.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._before: QWidget | None = None
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._focus_changed)

    def leave(self) -> None:
        """Give the keys back."""
        if not self.hasFocus():
            return
        before = self._before
        if before is not None and isValid(before) and before.isVisible():
            before.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.clearFocus()
        self.lineEdit().deselect()

    def event(self, event: QEvent) -> bool:
        """Claim Escape from the tools while something is typed."""
        overriding = event.type() == QEvent.Type.ShortcutOverride
        if overriding and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave with Enter or Escape."""
        if event.key() == Qt.Key.Key_Escape:
            # what was typed is not the value yet
            self.setValue(self.value())
        else:
            super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.leave()
            self.lineEdit().deselect()

    def stepBy(self, steps: int) -> None:
        """Qt marks the number after a step: only while it is being typed in."""
        super().stepBy(steps)
        if not self.hasFocus():
            self.lineEdit().deselect()

    @Slot(QWidget, QWidget)
    def _focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        # panes take the keys by the pointer alone; what is tabbed to, a list say, would do something else with Enter
        if new is not None and new.focusPolicy() == Qt.FocusPolicy.ClickFocus and not isinstance(new, QLabel):
            self._before = new
