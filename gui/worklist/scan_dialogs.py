"""Small questions about scans: why, who, which tag."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QComboBox, QLineEdit, QPlainTextEdit, QWidget

from core.messages import text
from gui import theme
from gui.dialogs.base import Dialog

_LONGEST = 60


class WordsDialog(Dialog):
    """Asks for a sentence.

    Parameters
    ----------
    key
        Names the words of the question (``team.<key>`` and ``team.<key>_hint``).
    count
        How many scans it is about.
    """

    def __init__(self, key: str, count: int = 1, parent: QWidget | None = None, *, hint: str = "") -> None:
        super().__init__(text(f"team.{key}"), text(f"team.{key}_accept"), parent)
        self.field_ = QPlainTextEdit()
        self.field_.setTabChangesFocus(True)
        self.field_.setFixedHeight(86)
        self.field_.setAccessibleName(text(f"team.{key}"))
        self.field_.textChanged.connect(self._check)
        said = hint or (text("team.for_many", count=count) if count > 1 else text(f"team.{key}_hint"))
        self.body.addWidget(theme.label(said, "muted", wrap=True))
        self.body.addWidget(self.field_)
        self._check()

    @property
    def words(self) -> str:
        """What is written."""
        return self.field_.toPlainText().strip()

    @Slot()
    def _check(self) -> None:
        self.accept_button.setEnabled(bool(self.words))


class NameDialog(Dialog):
    """Asks for one name, of a ``reader`` or a ``tag``."""

    def __init__(self, kind: str, parent: QWidget | None = None, *, name: str = "") -> None:
        super().__init__(text(f"team.{kind}_title"), text(f"team.{kind}_accept"), parent, width=380)
        self._field = QLineEdit(name)
        self._field.setMaxLength(_LONGEST)
        self._field.textChanged.connect(self._check)
        self.field(text("dialogs.name"), self._field, text(f"team.{kind}_hint"))
        self._check()

    @property
    def name(self) -> str:
        """What is written."""
        return self._field.text().strip().lstrip("#")

    @Slot()
    def _check(self) -> None:
        self.accept_button.setEnabled(bool(self.name))


class TwoReadersDialog(Dialog):
    """Asks for two readers who shall read the same scans blind.

    Parameters
    ----------
    known
        Names that are offered; others can be written.
    count
        How many scans.
    """

    def __init__(self, known: Sequence[str], count: int, parent: QWidget | None = None) -> None:
        super().__init__(text("team.two_title"), text("team.two_accept"), parent)
        self.body.addWidget(theme.label(text("team.two_hint", count=count), "muted", wrap=True))
        self.first, self.second = self._combo(known, 0), self._combo(known, 1)
        self.field(text("team.first_reader"), self.first)
        self.field(text("team.second_reader"), self.second)
        self.problem = theme.label("", "danger", wrap=True)
        self.body.addWidget(self.problem)
        self._check()

    def _combo(self, known: Sequence[str], place: int) -> QComboBox:
        made = QComboBox()
        made.setEditable(True)
        made.setLineEdit(_name_field())
        made.addItems(list(known))
        made.setCurrentText(known[place] if place < len(known) else "")
        made.currentTextChanged.connect(self._check)
        return made

    @property
    def names(self) -> tuple[str, str]:
        """The two."""
        return self.first.currentText().strip(), self.second.currentText().strip()

    @Slot()
    def _check(self) -> None:
        if not hasattr(self, "problem"):
            return
        first, second = self.names
        same = bool(first) and first.casefold() == second.casefold()
        self.problem.setText(text("team.two_same") if same else "")
        self.accept_button.setEnabled(bool(first) and bool(second) and not same)


def _name_field() -> QLineEdit:
    made = QLineEdit()
    made.setMaxLength(_LONGEST)
    return made
