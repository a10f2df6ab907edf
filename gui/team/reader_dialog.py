"""Asks who sits here."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from core.errors import InputError
from core.messages import sentence, text
from core.team.readers import LONGEST, check_name
from gui import theme
from gui.dialogs.base import Dialog


class ReaderDialog(Dialog):
    """A name, one of those that the project knows or a new one.

    Parameters
    ----------
    name
        Who sits here now.
    known
        Readers of the project.
    """

    def __init__(self, name: str, known: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(text("team.who_title"), text("team.who_accept"), parent, width=400)
        self.box = QComboBox()
        self.box.setEditable(True)
        field = QLineEdit()
        field.setMaxLength(LONGEST)
        self.box.setLineEdit(field)
        self.box.addItems(sorted({name, *known}, key=str.casefold))
        self.box.setCurrentText(name)
        field.selectAll()
        self.field(text("dialogs.name"), self.box, text("team.who_hint"))
        self.problem = theme.label("", "danger", wrap=True)
        self.body.addWidget(self.problem)
        self.box.currentTextChanged.connect(self._check)
        self._check()

    @property
    def name(self) -> str:
        """What is written."""
        return self.box.currentText().strip()

    @Slot()
    def _check(self) -> None:
        problem = ""
        if self.name:
            try:
                check_name(self.name)
            except InputError as error:
                problem = sentence(error)
        self.problem.setText(problem)
        self.accept_button.setEnabled(bool(self.name) and not problem)
