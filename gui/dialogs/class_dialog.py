"""A class and its values, in the order of their keys."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QLineEdit, QWidget

from core.messages import text
from core.project.classes import USUAL
from gui import theme
from gui.class_words import kept_value, shown_value
from gui.dialogs.base import Dialog

_LONGEST = 60


class ClassDialog(Dialog):
    """Name and values.

    Parameters
    ----------
    name
        Of the class; empty for a new one.
    values
        It has; empty for yes and no.
    """

    def __init__(self, name: str = "", values: Sequence[str] = (), parent: QWidget | None = None) -> None:
        super().__init__(text("classes.dialog_title"), text("classes.dialog_accept"), parent)
        self.name = QLineEdit(name)
        self.name.setPlaceholderText(text("classes.name"))
        self.name.setMaxLength(_LONGEST)
        self.field(text("dialogs.name"), self.name)
        self.values_field = QLineEdit(", ".join(shown_value(value) for value in values or USUAL))
        self.field(text("classes.values"), self.values_field, text("classes.dialog_hint"))
        self.problem = theme.label("", "danger", wrap=True)
        self.body.addWidget(self.problem)
        for field in (self.name, self.values_field):
            field.textChanged.connect(self._check)
        self._check()

    @property
    def values(self) -> tuple[str, ...]:
        """What is written, each value once."""
        words = (kept_value(part.strip()) for part in self.values_field.text().split(","))
        return tuple(dict.fromkeys(part for part in words if part))

    @Slot()
    def _check(self) -> None:
        values = self.values
        problem = ""
        if len(values) < 2:
            problem = text("classes.dialog_two")
        elif max(len(value) for value in values) > _LONGEST:
            problem = text("classes.dialog_long", most=_LONGEST)
        self.problem.setText(problem if self.name.text().strip() else "")
        self.accept_button.setEnabled(bool(self.name.text().strip()) and not problem)
